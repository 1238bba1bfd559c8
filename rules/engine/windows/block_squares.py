"""Standard deviations of sliding windows: squared distances from the mean are kept of blocks of readings and joined."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import Rows, StateTable
from rules.engine.windows.block_folds import BLOCK, SHIFT, BlockFolds, Slots, block_slots, moved

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


class BlockSquares(StateTable):
    """Beside each sum, fold 0, the squares about its mean.

    State, made of the values: square f64[block, n] of the readings in a block so far, square_suffix f64[slot, n] from a
    reading to the end of its block, once that is full; 8.5 B per slot.
    """

    arrays = (("square", np.nan), ("square_suffix", np.nan))
    derived = frozenset({"square", "square_suffix"})
    flat = True

    def __init__(self, space: ThingTable, ring: Slots, folds: BlockFolds) -> None:
        super().__init__(space)
        self.ring, self.folds = ring, folds
        size = len(ring.at)
        self.square: F64 = np.zeros((size // BLOCK, 0))
        self.square_suffix: F64 = np.zeros((size, 0))

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        super().load(state)
        value, newest = self.ring.value, self.ring.head - 1
        size, count = value.shape
        self.square, self.square_suffix = np.zeros((size // BLOCK, count)), np.zeros((size, count))
        things = np.arange(count)
        for block in range(size // BLOCK):
            part = value[block * BLOCK : (block + 1) * BLOCK]
            last = np.where((newest >> SHIFT) & (len(self.square) - 1) == block, newest & LAST, LAST)
            self.square[block] = squares(part)[last, things]
            self.square_suffix[block * BLOCK : (block + 1) * BLOCK] = squares(part[::-1])[::-1]

    def resize(self, size: int, slots: I64) -> None:
        """The ring becomes larger, a power of two; `slots`: where its readings go."""
        self.square = moved(self.square, size // BLOCK, block_slots(self.ring, size), np.nan)
        self.square_suffix = moved(self.square_suffix, size, slots, np.nan)

    def fold_in(self, things: Rows, number: I64, value: F64) -> None:
        """Readings into their blocks, and into those of `folds`."""
        if (things[1:] == things[:-1]).any():
            self.folds.fold_in(things, number, value)
            self._square_again(things, number)
        else:
            place, count = self.folds.block_place(number, things), number & LAST
            flat = self.square.reshape(-1)
            off = value - self.folds.blocks[0].reshape(-1).take(place) / np.maximum(count, 1)
            more = flat.take(place) + off * off * SHARES[:, 0].take(count)
            flat[place] = np.where(count > 0, more, 0.0)
            self.folds.fold_in(things, number, value)
        ends = np.flatnonzero(number & LAST == LAST)
        if len(ends):
            self._square_to_end(things[ends], number[ends])

    def refold(self, things: Rows, number: I64) -> None:  # noqa: ARG002 - they are the newest
        """The newest readings changed, or are gone: `folds` has them already."""
        if len(things):
            self._square_again(things, self.ring.head[things] - 1)
            self._square_to_end(things, self.ring.head[things] - 1)

    def _square_again(self, things: Rows, number: I64) -> None:
        """Of the blocks of these readings, up to them."""
        mine = (number >> SHIFT) > ((self.ring.head[things] - 1) >> SHIFT) - len(self.square)
        things, number = things[mine], number[mine]
        value = self.ring.values((number & -BLOCK) + COUNTS, things)
        self.square.reshape(-1)[self.folds.block_place(number, things)] = squares(value)[
            number & LAST, np.arange(len(things))
        ]

    def _square_to_end(self, things: Rows, number: I64) -> None:
        """Of blocks that end with these readings."""
        place = self.ring.place((number | LAST) - COUNTS, things)
        self.square_suffix.reshape(-1)[place] = squares(self.ring.value.reshape(-1).take(place))

    def deviation(self, things: Rows, low: I64, stop: I64) -> F64:
        """The standard deviation of the readings [low, stop), at least one of each thing."""
        size = np.maximum(stop - low, 1)
        mean = self.folds.fold(0, things, low, stop) / size
        begin, end = (low >> SHIFT) + 1, stop >> SHIFT
        count, rest = end - begin, stop & LAST

        def about(square: F64, total: F64, number: I64) -> F64:
            off = total / number - mean
            found: F64 = square + number * (off * off)
            return found

        first, sixteen = begin * BLOCK - low, np.full(len(things), BLOCK)
        found = about(
            self.ring.of(self.square_suffix, low, things), self.ring.of(self.folds.suffix[0], low, things), first
        )
        for j in range(int(count.max(initial=0))):
            block = about(
                self.ring.of(self.square, begin + j, things),
                self.ring.of(self.folds.blocks[0], begin + j, things),
                sixteen,
            )
            found += np.where(j < count, block, 0.0)
        total, square = self.ring.of(self.folds.blocks[0], end, things), self.ring.of(self.square, end, things)
        older = np.flatnonzero((stop != self.ring.head[things]) & (rest > 0) & (count >= 0))
        if len(older):
            value = self.ring.values((stop[older] & -BLOCK) + COUNTS, things[older])
            place = rest[older] - 1, np.arange(len(older))
            total[older], square[older] = np.add.accumulate(value, axis=0)[place], squares(value)[place]
        found += np.where(rest > 0, about(square, total, np.maximum(rest, 1)), 0.0)
        short = np.flatnonzero(count < 0)
        if len(short):
            value = self.ring.values(low[short] + COUNTS, things[short])
            found[short] = squares(value)[np.maximum(stop[short] - low[short] - 1, 0), np.arange(len(short))]
        deviation: F64 = np.sqrt(found / size)
        return deviation
