"""The newest readings of every thing in slots, with sums, minima or maxima of blocks of them beside."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import Rows, StateTable

BLOCK, SHIFT = 16, 4  # readings whose sum, minimum or maximum is kept beside them
NOTHING: dict[np.ufunc, float] = {np.add: 0.0, np.minimum: np.inf, np.maximum: -np.inf}


class Ring(StateTable):
    """Readings are numbered from 0 for ever; number i is in slot i modulo the size, a power of two for all things.

    State per thing: head, tail (numbers: one past the newest, the oldest kept), shut 24 B; per slot at, value, seen
    24 B, 8 B more with `truth`, and half a byte per fold. Beside it, made of `value`: `suffix` f64[fold, slot, n], the
    fold from a reading to the end of its block, once that is full; 8 B per fold and slot.
    """

    derived: tuple[str, ...] = ("suffix",)

    def __init__(self, space: ThingTable, folds: tuple[np.ufunc, ...], *, truth: bool) -> None:
        super().__init__(space)
        self.folds, self.truth = folds, truth
        self.head: I64 = np.zeros(0, np.int64)
        self.tail: I64 = np.zeros(0, np.int64)
        self.shut: I64 = np.zeros(0, np.int64)
        size = BLOCK if folds else 4
        self.at: I64 = np.zeros((size, 0), np.int64)
        self.value: F64 = np.zeros((size, 0))
        self.seen: I64 = np.zeros((size, 0), np.int64)
        self.true: I64 = np.zeros((size if truth else 0, 0), np.int64)
        self.blocks: F64 = np.zeros((len(folds), size // BLOCK, 0))
        self.suffix: F64 = np.zeros((len(folds), size if folds else 0, 0))
        self.arrays = (
            ("head", 0), ("tail", 0), ("shut", NEVER), ("at", 0), ("value", np.nan), ("seen", 0), ("true", 0),
            ("blocks", np.nan), ("suffix", np.nan),
        )  # fmt: skip

        self.by_slot: tuple[tuple[str, float, int], ...] = (
            ("at", 0, 0), ("value", np.nan, 0), ("seen", 0, 0), ("true", 0, 0), ("blocks", np.nan, SHIFT),
            ("suffix", np.nan, 0),
        )  # fmt: skip

    def state(self) -> dict[str, NDArray[Any]]:
        return {name: table for name, table in super().state().items() if name not in self.derived}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        size, count = state["value"].shape
        shape = (len(self.folds), size if self.folds else 0, count)
        super().load({**state, "suffix": np.full(shape, np.nan)})
        count = self.value.shape[1]
        blocks = self.value.reshape(len(self.value) // BLOCK, BLOCK, count) if self.folds else self.value
        for k, fold in enumerate(self.folds):
            self.suffix[k] = fold.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].reshape(self.value.shape)

    # --- one slot per item
    def _place(self, number: I64, things: Rows) -> I64:
        """Where in a flat table of slots reading `number` of each thing is."""
        found: I64 = (number & (len(self.at) - 1)) * len(self.head) + things
        return found

    def _block_place(self, number: I64, things: Rows) -> I64:
        """Where in a flat table of blocks that of the reading is."""
        found: I64 = ((number >> SHIFT) & (self.blocks.shape[1] - 1)) * len(self.head) + things
        return found

    def of(self, table: NDArray[Any], number: I64, things: Rows) -> NDArray[Any]:
        """What a table of slots holds for reading `number` of each thing."""
        return np.asarray(table.reshape(-1).take((number & (len(table) - 1)) * table.shape[1] + things))

    def times(self, number: I64, things: Rows) -> I64:
        """Time of reading `number` of each thing."""
        return self.of(self.at, number, things)

    def values(self, number: I64, things: Rows) -> F64:
        """Its value."""
        return self.of(self.value, number, things)

    def before(self, number: I64, things: Rows) -> I64:
        """Observed time before it, µs."""
        return self.of(self.seen, number, things)

    def find(self, things: Rows, start: I64, stop: I64, moment: I64) -> I64:
        """The first reading in [start, stop) later than `moment`, else `stop`."""
        low = start.copy()
        for _ in range(3):
            move = (low < stop) & (self.times(low, things) <= moment)
            if not move.any():
                return low
            low += move
        rest = np.flatnonzero(move)
        low[rest] = self._bisect(things[rest], low[rest], stop[rest], moment[rest])
        return low

    def _bisect(self, things: Rows, low: I64, high: I64, moment: I64) -> I64:
        high = high.copy()
        while (low < high).any():
            middle = (low + high) >> 1
            older = (low < high) & (self.times(middle, things) <= moment)
            low = np.where(older, middle + 1, low)
            high = np.where(older, high, middle)
        return low

    # --- sums, minima, maxima
    def fold(self, k: int, things: Rows, low: I64, stop: I64) -> F64:
        """Fold number `k` over the readings [low, stop): in blocks, always in the same order."""
        fold, nothing = self.folds[k], NOTHING[self.folds[k]]
        table, begin, end = self.blocks[k], (low >> SHIFT) + 1, stop >> SHIFT
        found = self.of(self.suffix[k], low, things)
        count = end - begin
        least, most = int(count.min(initial=0)), int(count.max(initial=0))
        for j in range(most):
            block = self.of(table, begin + j, things)
            found = fold(found, block if j < least else np.where(j < count, block, nothing))
        rest = self.of(table, end, things)
        odd = (stop != self.head[things]) & (count >= 0)
        if odd.any():
            older = np.flatnonzero(odd)
            rest[older] = self._singly(fold, things[older], stop[older] & -BLOCK, stop[older])
        found = fold(found, np.where(stop & (BLOCK - 1), rest, nothing))
        if least < 0:  # both ends in one block
            short = np.flatnonzero(count < 0)
            found[short] = self._singly(fold, things[short], low[short], stop[short])
        total: F64 = found
        return total

    def _singly(self, fold: np.ufunc, things: Rows, low: I64, stop: I64) -> F64:
        """At most a block of each thing, one after another."""
        count = int((stop - low).max(initial=0))
        if not count:
            return np.full(len(things), NOTHING[fold])
        number = low + np.arange(count)[:, None]
        value = np.where(number < stop, self.values(number, things), NOTHING[fold])
        found: F64 = fold(NOTHING[fold], fold.accumulate(value, axis=0)[-1])
        return found

    def refold(self, things: Rows, number: I64) -> None:
        """The block of reading `number` anew."""
        if not self.folds:
            return
        for k, fold in enumerate(self.folds):
            begin = number & -BLOCK
            block = (number >> SHIFT) & (self.blocks.shape[1] - 1)
            self.blocks[k][block, things] = self._singly(
                fold, things, begin, np.minimum(begin + BLOCK, self.head[things])
            )
        self._fill(things, number)

    def fold_in(self, things: Rows, number: I64, value: F64) -> None:
        """Readings into their blocks."""
        if not self.folds:
            return
        self._fill(things, number)
        count = self.blocks.shape[1]
        single = bool((things[1:] != things[:-1]).all())
        if not single:
            # one that begins in the same slot replaces an older block: what belonged to that is done with
            mine = (number >> SHIFT) > ((self.head[things] - 1) >> SHIFT) - count
            if not mine.all():
                things, number, value = things[mine], number[mine], value[mine]
        place = self._block_place(number, things)
        begun = place[number & (BLOCK - 1) == 0]
        for k, fold in enumerate(self.folds):
            flat = self.blocks[k].reshape(-1)
            flat[begun] = NOTHING[fold]
            if single:
                flat[place] = fold(flat.take(place), value)
            else:
                fold.at(flat, place, value)

    def _fill(self, things: Rows, number: I64) -> None:
        """Of blocks that end with one of these readings: the folds from each of their readings on.

        A block may have lost its first readings to a newer one already; the windows end in it then.
        """
        ends = np.flatnonzero(
            ((number & (BLOCK - 1)) == BLOCK - 1) & (number + len(self.at) >= self.head[things])
        )  # fmt: skip
        if not len(ends) or not self.folds:
            return
        things, slot = things[ends], number[ends] & (len(self.at) - 1)
        place = (slot - np.arange(BLOCK)[:, None]) * len(self.head) + things
        value = self.value.reshape(-1).take(place)
        for k, fold in enumerate(self.folds):
            self.suffix[k].reshape(-1)[place] = fold.accumulate(value, axis=0)

    def resize(self, size: int) -> None:
        """Make the ring larger, a power of two."""
        old, count = len(self.at), self.head.shape[0]
        columns = np.arange(count)
        for name, fill, shift in self.by_slot:
            small = old >> shift
            table = getattr(self, name)
            if 0 in table.shape[:-1]:
                continue
            newest = (self.head - 1) >> shift
            number = newest - ((newest - np.arange(small)[:, None]) & (small - 1))  # which one each slot holds
            wide = np.full((*table.shape[:-2], size >> shift, count), fill, table.dtype)
            wide[..., number & ((size >> shift) - 1), columns] = table
            setattr(self, name, wide)

    # --- from another engine
    def take_row(self, thing: int, other: Any, row: int) -> None:
        size = max(len(self.at), len(other.at))
        for trail in (self, other):
            if len(trail.at) < size:
                trail.resize(size)
        super().take_row(thing, other, row)
