"""Sums, minima and maxima of the readings of a ring: of whole blocks of them, kept beside it."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import Rows, StateTable

BLOCK, SHIFT = 16, 4  # readings whose sum, minimum or maximum is kept beside them
NOTHING: dict[np.ufunc, float] = {np.add: 0.0, np.minimum: np.inf, np.maximum: -np.inf}


class Slots(Protocol):
    """The ring: `head` i64[n], one past the newest reading; `at` i64[slot, n], `value` f64[slot, n]."""

    head: I64
    at: I64
    value: F64

    def place(self, number: I64, things: Rows) -> I64:
        """Where in a flat table of slots reading `number` of each thing is."""

    def of(self, table: NDArray[Any], number: I64, things: Rows) -> NDArray[Any]:
        """What a table of slots holds for reading `number` of each thing."""

    def values(self, number: I64, things: Rows) -> F64:
        """The value of reading `number` of each thing."""


class BlockFolds(StateTable):
    """State: blocks f64[fold, block, n], the folds of the readings in a block so far, half a byte per fold and slot.

    Made of the values: suffix f64[fold, slot, n], from a reading to the end of its block, once that is full; 8 B each.
    """

    arrays = (("blocks", np.nan), ("suffix", np.nan))
    derived = frozenset({"suffix"})
    flat = True

    def __init__(self, space: ThingTable, ring: Slots, kinds: tuple[np.ufunc, ...]) -> None:
        super().__init__(space)
        self.ring, self.kinds = ring, kinds
        size = len(ring.at)
        self.blocks: F64 = np.zeros((len(kinds), size // BLOCK, 0))
        self.suffix: F64 = np.zeros((len(kinds), size, 0))

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        super().load(state)
        value = self.ring.value
        blocks = value.reshape(len(value) // BLOCK, BLOCK, value.shape[1])
        self.suffix = np.empty((len(self.kinds), *value.shape))
        for k, fold in enumerate(self.kinds):
            self.suffix[k] = fold.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].reshape(value.shape)

    def block_place(self, number: I64, things: Rows) -> I64:
        """Where in a flat table of blocks that of the reading is."""
        found: I64 = ((number >> SHIFT) & (self.blocks.shape[1] - 1)) * len(self.ring.head) + things
        return found

    def fold(self, k: int, things: Rows, low: I64, stop: I64) -> F64:
        """Fold number `k` over the readings [low, stop): in blocks, always in the same order."""
        fold, nothing = self.kinds[k], NOTHING[self.kinds[k]]
        table, begin, end = self.blocks[k], (low >> SHIFT) + 1, stop >> SHIFT
        found = self.ring.of(self.suffix[k], low, things)
        count = end - begin
        least, most = int(count.min(initial=0)), int(count.max(initial=0))
        for j in range(most):
            block = self.ring.of(table, begin + j, things)
            found = fold(found, block if j < least else np.where(j < count, block, nothing))
        rest = self.ring.of(table, end, things)
        odd = (stop != self.ring.head[things]) & (count >= 0)
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
        value = np.where(number < stop, self.ring.values(number, things), NOTHING[fold])
        found: F64 = fold(NOTHING[fold], fold.accumulate(value, axis=0)[-1])
        return found

    def refold(self, things: Rows, number: I64) -> None:
        """The block of reading `number` anew."""
        for k, fold in enumerate(self.kinds):
            begin = number & -BLOCK
            block = (number >> SHIFT) & (self.blocks.shape[1] - 1)
            self.blocks[k][block, things] = self._singly(
                fold, things, begin, np.minimum(begin + BLOCK, self.ring.head[things])
            )
        self._fill(things, number)

    def fold_in(self, things: Rows, number: I64, value: F64) -> None:
        """Readings into their blocks."""
        self._fill(things, number)
        count = self.blocks.shape[1]
        single = bool((things[1:] != things[:-1]).all())
        if not single:
            # one that begins in the same slot replaces an older block: what belonged to that is done with
            mine = (number >> SHIFT) > ((self.ring.head[things] - 1) >> SHIFT) - count
            if not mine.all():
                things, number, value = things[mine], number[mine], value[mine]
        place = self.block_place(number, things)
        begun = place[number & (BLOCK - 1) == 0]
        for k, fold in enumerate(self.kinds):
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
            ((number & (BLOCK - 1)) == BLOCK - 1) & (number + len(self.ring.at) >= self.ring.head[things])
        )
        if not len(ends):
            return
        things, slot = things[ends], number[ends] & (len(self.ring.at) - 1)
        place = (slot - np.arange(BLOCK)[:, None]) * len(self.ring.head) + things
        value = self.ring.value.reshape(-1).take(place)
        for k, fold in enumerate(self.kinds):
            self.suffix[k].reshape(-1)[place] = fold.accumulate(value, axis=0)

    def resize(self, size: int, slots: I64) -> None:
        """The ring becomes larger, a power of two; `slots`: where its readings go."""
        self.blocks = moved(self.blocks, size // BLOCK, block_slots(self.ring, size), np.nan)
        self.suffix = moved(self.suffix, size, slots, np.nan)


def new_slots(newest: I64, old: int, size: int) -> I64:
    """For the entries in `old` slots, up to `newest` of each thing: their slots among `size`, i64[old, n]."""
    found: I64 = (newest - ((newest - np.arange(old)[:, None]) & (old - 1))) & (size - 1)
    return found


def block_slots(ring: Slots, size: int) -> I64:
    """The same of the blocks of a ring that gets `size` slots."""
    return new_slots((ring.head - 1) >> SHIFT, len(ring.at) // BLOCK, size // BLOCK)


def moved(table: NDArray[Any], size: int, slots: I64, fill: float) -> NDArray[Any]:
    """A table [..., slot, n] with `size` slots, its entries in the `slots` of `new_slots`."""
    count = table.shape[-1]
    wide = np.full((*table.shape[:-2], size, count), fill, table.dtype)
    wide[..., slots, np.arange(count)] = table
    return wide
