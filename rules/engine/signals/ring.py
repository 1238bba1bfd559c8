"""The newest readings of every thing in slots, with sums, minima or maxima of blocks of them beside."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.signals.base import Rows, Table
from rules.engine.space import NEVER, Space

BLOCK, SHIFT = 16, 4  # readings whose sum, minimum or maximum is kept beside them
NOTHING: dict[np.ufunc, float] = {np.add: 0.0, np.minimum: np.inf, np.maximum: -np.inf}


class Ring(Table):
    """Readings are numbered from 0 for ever; number i is in slot i modulo the size, a power of two for all things.

    State per thing: head, tail (numbers: one past the newest, the oldest kept), shut 24 B; per slot at, value, seen
    24 B, 8 B more with `truth`, and half a byte per fold.
    """

    def __init__(self, space: Space, folds: tuple[np.ufunc, ...], *, truth: bool) -> None:
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
        self.arrays = (
            ("head", 0), ("tail", 0), ("shut", NEVER), ("at", 0), ("value", np.nan), ("seen", 0), ("true", 0),
            ("blocks", np.nan),
        )  # fmt: skip

    # --- one slot per item
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
        a = np.minimum(stop, (low + BLOCK - 1) & -BLOCK)
        b = np.maximum(a, stop & -BLOCK)
        found = self._singly(fold, things, low, a)
        table = self.blocks[k]
        begin, count = a >> SHIFT, (b - a) >> SHIFT
        for j in range(int(count.max(initial=0))):
            value = np.where(j < count, self.of(table, begin + j, things), nothing)
            found = fold(found, value)
        newest = (stop == self.head[things]) | (b == stop)
        rest = np.where(b < stop, self.of(table, b >> SHIFT, things), nothing)
        if not newest.all():
            older = np.flatnonzero(~newest)
            rest[older] = self._singly(fold, things[older], b[older], stop[older])
        total: F64 = fold(found, rest)
        return total

    def _singly(self, fold: np.ufunc, things: Rows, low: I64, stop: I64) -> F64:
        found = np.full(len(things), NOTHING[fold])
        for j in range(int((stop - low).max(initial=0))):
            number = low + j
            found = fold(found, np.where(number < stop, self.values(number, things), NOTHING[fold]))
        return found

    def refold(self, things: Rows, number: I64) -> None:
        """The block of reading `number` anew."""
        for k, fold in enumerate(self.folds):
            begin = number & -BLOCK
            block = (number >> SHIFT) & (self.blocks.shape[1] - 1)
            self.blocks[k][block, things] = self._singly(
                fold, things, begin, np.minimum(begin + BLOCK, self.head[things])
            )

    def fold_in(self, things: Rows, number: I64, value: F64) -> None:
        """Readings into their blocks."""
        if not self.folds:
            return
        count = self.blocks.shape[1]
        # one that begins in the same slot replaces an older block: what belonged to that is done with
        mine = (number >> SHIFT) > ((self.head[things] - 1) >> SHIFT) - count
        if not mine.all():
            things, number, value = things[mine], number[mine], value[mine]
        place = ((number >> SHIFT) & (count - 1)) * len(self.head) + things
        begun = place[number & (BLOCK - 1) == 0]
        single = bool((things[1:] != things[:-1]).all())
        for k, fold in enumerate(self.folds):
            flat = self.blocks[k].reshape(-1)
            flat[begun] = NOTHING[fold]
            if single:
                flat[place] = fold(flat[place], value)
            else:
                fold.at(flat, place, value)

    def resize(self, size: int) -> None:
        """Make the ring larger, a power of two."""
        old, count = len(self.at), self.head.shape[0]
        columns = np.arange(count)
        for name, fill, small, shift in (
            ("at", 0, old, 0), ("value", np.nan, old, 0), ("seen", 0, old, 0), ("true", 0, old, 0),
            ("blocks", np.nan, old // BLOCK, SHIFT),
        ):  # fmt: skip
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
