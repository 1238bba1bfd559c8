"""The newest readings of every thing, each in a slot."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import Rows, StateTable
from rules.engine.windows.block_folds import BLOCK, BlockFolds, moved, new_slots
from rules.engine.windows.block_squares import BlockSquares


class RingBuffer(StateTable):
    """Readings are numbered from 0 for ever; number i is in slot i modulo the size, a power of two for all things.

    State per thing: head, tail (numbers: one past the newest, the oldest kept), shut 24 B; per slot at, value, seen
    24 B, 8 B more with `truth`. Parts: `BlockFolds` for `folds`, and with `squared`, for a sum, `BlockSquares`. `epoch`
    rises whenever rows are replaced.
    """

    arrays = (("head", 0), ("tail", 0), ("shut", NEVER), ("at", 0), ("value", np.nan), ("seen", 0), ("true", 0))

    def __init__(
        self, space: ThingTable, folds: tuple[np.ufunc, ...] = (), *, truth: bool = False, squared: bool = False
    ) -> None:
        super().__init__(space)
        self.truth, self.epoch = truth, 0
        self.head: I64 = np.zeros(0, np.int64)
        self.tail: I64 = np.zeros(0, np.int64)
        self.shut: I64 = np.zeros(0, np.int64)
        size = BLOCK if folds else 4
        self.at: I64 = np.zeros((size, 0), np.int64)
        self.value: F64 = np.zeros((size, 0))
        self.seen: I64 = np.zeros((size, 0), np.int64)
        self.true: I64 = np.zeros((size if truth else 0, 0), np.int64)
        self.folds = BlockFolds(space, self, folds) if folds else None
        self.squares = BlockSquares(space, self, self.folds) if squared and self.folds is not None else None
        if self.folds is not None:
            self.parts["folds"] = self.folds
        if self.squares is not None:
            self.parts["squares"] = self.squares

    def replaced(self) -> None:
        self.epoch += 1

    # --- one slot per item
    def place(self, number: I64, things: Rows) -> I64:
        """Where in a flat table of slots reading `number` of each thing is."""
        found: I64 = (number & (len(self.at) - 1)) * len(self.head) + things
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
        """Fold number `k` over the readings [low, stop) of each thing."""
        assert self.folds is not None, "made without folds"
        return self.folds.fold(k, things, low, stop)

    def deviation(self, things: Rows, low: I64, stop: I64) -> F64:
        """The standard deviation of the readings [low, stop), at least one of each thing."""
        assert self.squares is not None, "made without squares"
        return self.squares.deviation(things, low, stop)

    def refold(self, things: Rows, number: I64) -> None:
        """Reading `number` of each thing changed, or is gone: its block anew."""
        for part in (self.folds, self.squares):
            if part is not None:
                part.refold(things, number)

    def fold_in(self, things: Rows, number: I64, value: F64) -> None:
        """Readings into their blocks."""
        if self.squares is not None:
            self.squares.fold_in(things, number, value)
        elif self.folds is not None:
            self.folds.fold_in(things, number, value)

    # --- size
    def resize(self, size: int) -> None:
        """Make the ring larger, a power of two."""
        slots = new_slots(self.head - 1, len(self.at), size)
        for part in (self.folds, self.squares):
            if part is not None:
                part.resize(size, slots)
        for name, fill in self.arrays[3:]:
            table = getattr(self, name)
            if len(table):
                setattr(self, name, moved(table, size, slots, fill))

    def take_row(self, thing: int, other: Any, row: int) -> None:
        size = max(len(self.at), len(other.at))
        for ring in (self, other):
            if len(ring.at) < size:
                ring.resize(size)
        super().take_row(thing, other, row)
