"""Standard deviations of sliding windows: squared distances from the mean are kept of blocks of readings and joined."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import Rows
from rules.engine.windows.ring_buffer import BLOCK, SHIFT, Ring

COUNTS = np.arange(BLOCK)[:, None]
SHARES = COUNTS / (COUNTS + 1)
LAST = BLOCK - 1


def squares(value: F64) -> F64:
    """Going down each column of f64[k, n]: the sum of the squared distances of what came so far from its mean."""
    total = np.add.accumulate(value, axis=0)
    off = np.zeros(value.shape)
    off[1:] = value[1:] - total[:-1] / COUNTS[1 : len(value)]
    found: F64 = np.add.accumulate(off * off * SHARES[: len(value)], axis=0)
    return found


class SquaredRing(Ring):
    """A ring that keeps, with `squared` and fold 0 a sum, beside each sum the squares about its mean.

    State, made of `value`: square f64[block, n] of the readings in a block so far, square_suffix f64[slot, n] from a
    reading to the end of its block, once that is full; 8.5 B per slot.
    """

    derived = (*Ring.derived, "square", "square_suffix")

    def __init__(self, space: ThingTable, folds: tuple[np.ufunc, ...], *, truth: bool, squared: bool) -> None:
        super().__init__(space, folds, truth=truth)
        self.squared = squared
        size = len(self.at) if squared else 0
        self.square: F64 = np.zeros((size // BLOCK, 0))
        self.square_suffix: F64 = np.zeros((size, 0))
        self.arrays = (*self.arrays, ("square", np.nan), ("square_suffix", np.nan))
        self.by_slot = (*self.by_slot, ("square", np.nan, SHIFT), ("square_suffix", np.nan, 0))

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        size, count = state["value"].shape
        size = size if self.squared else 0
        super().load(
            {**state, "square": np.zeros((size // BLOCK, count)), "square_suffix": np.zeros((size, count))}
        )  # fmt: skip
        things, newest = np.arange(count), self.head[:count] - 1
        for block in range(size // BLOCK):
            value = self.value[block * BLOCK : (block + 1) * BLOCK, :count]
            last = np.where((newest >> SHIFT) & (len(self.square) - 1) == block, newest & LAST, LAST)
            self.square[block, :count] = squares(value)[last, things]
            self.square_suffix[block * BLOCK : (block + 1) * BLOCK, :count] = squares(value[::-1])[::-1]

    def fold_in(self, things: Rows, number: I64, value: F64) -> None:
        if not self.squared:
            super().fold_in(things, number, value)
            return
        if (things[1:] == things[:-1]).any():
            super().fold_in(things, number, value)
            self._square_again(things, number)
        else:
            place, count = self._block_place(number, things), number & LAST
            flat = self.square.reshape(-1)
            off = value - self.blocks[0].reshape(-1).take(place) / np.maximum(count, 1)
            more = flat.take(place) + off * off * SHARES[:, 0].take(count)
            flat[place] = np.where(count > 0, more, 0.0)
            super().fold_in(things, number, value)
        ends = np.flatnonzero(number & LAST == LAST)
        if len(ends):
            self._square_to_end(things[ends], number[ends])

    def refold(self, things: Rows, number: I64) -> None:
        super().refold(things, number)
        if self.squared and len(things):
            self._square_again(things, self.head[things] - 1)
            self._square_to_end(things, self.head[things] - 1)

    def _square_again(self, things: Rows, number: I64) -> None:
        """Of the blocks of these readings, up to them."""
        mine = (number >> SHIFT) > ((self.head[things] - 1) >> SHIFT) - len(self.square)
        things, number = things[mine], number[mine]
        value = self.values((number & -BLOCK) + COUNTS, things)
        self.square.reshape(-1)[self._block_place(number, things)] = squares(value)[
            number & LAST, np.arange(len(things))
        ]

    def _square_to_end(self, things: Rows, number: I64) -> None:
        """Of blocks that end with these readings."""
        place = self._place((number | LAST) - COUNTS, things)
        self.square_suffix.reshape(-1)[place] = squares(self.value.reshape(-1).take(place))

    def deviation(self, things: Rows, low: I64, stop: I64) -> F64:
        """The standard deviation of the readings [low, stop), at least one of each thing."""
        size = np.maximum(stop - low, 1)
        mean = self.fold(0, things, low, stop) / size
        begin, end = (low >> SHIFT) + 1, stop >> SHIFT
        count, rest = end - begin, stop & LAST

        def about(square: F64, total: F64, number: I64) -> F64:
            off = total / number - mean
            found: F64 = square + number * (off * off)
            return found

        first, sixteen = begin * BLOCK - low, np.full(len(things), BLOCK)
        found = about(self.of(self.square_suffix, low, things), self.of(self.suffix[0], low, things), first)
        for j in range(int(count.max(initial=0))):
            block = about(self.of(self.square, begin + j, things), self.of(self.blocks[0], begin + j, things), sixteen)
            found += np.where(j < count, block, 0.0)
        total, square = self.of(self.blocks[0], end, things), self.of(self.square, end, things)
        older = np.flatnonzero((stop != self.head[things]) & (rest > 0) & (count >= 0))
        if len(older):
            value = self.values((stop[older] & -BLOCK) + COUNTS, things[older])
            place = rest[older] - 1, np.arange(len(older))
            total[older], square[older] = np.add.accumulate(value, axis=0)[place], squares(value)[place]
        found += np.where(rest > 0, about(square, total, np.maximum(rest, 1)), 0.0)
        short = np.flatnonzero(count < 0)
        if len(short):
            value = self.values(low[short] + COUNTS, things[short])
            found[short] = squares(value)[np.maximum(stop[short] - low[short] - 1, 0), np.arange(len(short))]
        deviation: F64 = np.sqrt(found / size)
        return deviation
