"""Percentiles: between the two nearest of the values in order, on a straight line.

Of n values in order the one at (n - 1) x rank / 100, counted from 0, where a fraction lies between its neighbours.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import Rows, StateTable
from rules.engine.windows.ring_buffer import RingBuffer

DIFFERENT = 1024  # values that a calendar window keeps apart
DIGITS = 52  # binary digits of a float64 behind the point
LEAST = -10  # with that even the exponent is cut: four values are left
CELLS = 1 << 20  # values that are put in order at once
FEW = 4  # windows of one thing, one after another, that are ordered each by itself


# --- windows whose values are all there
def of_windows(ring: RingBuffer, things: Rows, low: I64, stop: I64, rank: float) -> F64:
    """The percentile of the readings [low, stop) of each thing; NaN for none. Windows of a thing move on in order."""
    found = np.full(len(things), np.nan)
    starts = np.flatnonzero(np.append(np.ones(1, np.bool_), things[1:] != things[:-1])[: len(things)])
    runs = np.diff(np.append(starts, len(things)))
    long = np.repeat(runs > FEW, runs)
    for start, run in zip(starts[runs > FEW].tolist(), runs[runs > FEW].tolist(), strict=True):
        some = slice(start, start + run)
        found[some] = _moving(ring, things[some], low[some], stop[some], rank)
    counts = np.where(long, 0, stop - low)
    for count in np.unique(counts[counts > 0]).tolist():
        rows = np.flatnonzero(counts == count)
        for part in np.array_split(rows, -(-len(rows) * count // CELLS)):
            number = low[part][:, None] + np.arange(count)
            found[part] = _between(ring.values(number, things[part][:, None]), rank)
    return found


def _between(values: F64, rank: float) -> F64:
    """Of every row of f64[n, count]."""
    count = values.shape[1]
    lower, part = divmod((count - 1) * rank / 100, 1)
    first, second = int(lower), min(int(lower) + 1, count - 1)
    ordered = np.partition(values, (first, second), axis=1)
    below, above = ordered[:, first], ordered[:, second]
    found: F64 = below + part * (above - below)
    return found


def _moving(ring: RingBuffer, things: Rows, low: I64, stop: I64, rank: float) -> list[float]:
    """Of windows of one thing that move on."""
    begin = int(low[0])
    values = ring.values(np.arange(begin, int(stop[-1])), things[:1]).tolist()
    held: list[float] = []
    found: list[float] = []
    gone = come = 0
    for first, after in zip((low - begin).tolist(), (stop - begin).tolist(), strict=True):
        for value in values[come:after]:
            insort(held, value)
        for value in values[gone:first]:
            del held[bisect_left(held, value)]
        gone, come = first, after
        found.append(at_rank(held, rank))
    return found


def at_rank(ordered: Sequence[float], rank: float) -> float:
    """The percentile of values in order; NaN for none."""
    if not ordered:
        return float("nan")
    lower, part = divmod((len(ordered) - 1) * rank / 100, 1)
    below, above = ordered[int(lower)], ordered[min(int(lower) + 1, len(ordered) - 1)]
    return below + part * (above - below)


# --- windows that are only counted
class ValueCounts(StateTable):
    """How often each value came. While at most `DIFFERENT` values differ they are exact; beyond that all of them lose
    binary digits from the end until no more differ: a function of the values alone, in whatever order they came.

    State per thing: used i32 (entries), digits i8 (those behind the point), and 12 B for each of 16 to 2,048 entries:
    held f64, number i32. A value that came again is an entry of its own until the entries are full.
    """

    arrays = (("held", np.nan), ("number", 0), ("used", 0), ("digits", DIGITS))

    def __init__(self, space: ThingTable) -> None:
        super().__init__(space)
        self.held: F64 = np.full((16, 0), np.nan)
        self.number: I32 = np.zeros((16, 0), np.int32)
        self.used: I32 = np.zeros(0, np.int32)
        self.digits: NDArray[np.int8] = np.zeros(0, np.int8)

    def add(self, things: Rows, values: F64) -> None:
        """Known values; those of one thing in order."""
        values = values + 0.0  # there is one zero
        while len(things):
            order = np.argsort(things, kind="stable")
            things, values = things[order], values[order]
            first = np.append(np.ones(1, np.bool_), things[1:] != things[:-1])
            number = np.arange(len(things))
            slot = self.used[things] + number - np.maximum.accumulate(np.where(first, number, 0))
            fits = slot < len(self.held)
            self.held[slot[fits], things[fits]], self.number[slot[fits], things[fits]] = values[fits], 1
            np.add.at(self.used, things[fits], 1)
            for thing in np.unique(things[fits][slot[fits] == len(self.held) - 1]).tolist():
                self._put_together(thing)
            things, values = things[~fits], values[~fits]

    def _put_together(self, thing: int) -> None:
        """The entries are full: each value once."""
        values, numbers, digits = self._told_apart(thing)
        if 2 * len(values) > len(self.held) and len(self.held) < 2 * DIFFERENT:
            self.widen(2 * len(self.held))
        self.held[:, thing], self.number[:, thing] = np.nan, 0
        self.held[: len(values), thing], self.number[: len(values), thing] = values, numbers
        self.used[thing], self.digits[thing] = len(values), digits

    def _told_apart(self, thing: int) -> tuple[F64, I64, int]:
        """(values in order, how often each came, binary digits they have)."""
        used, digits = int(self.used[thing]), int(self.digits[thing])
        values, numbers = self.held[:used, thing], self.number[:used, thing]
        found = _cut(values, digits)
        if len(np.unique(found)) > DIFFERENT:
            fits, digits = LEAST, digits - 1
            while fits < digits:
                middle = (fits + digits + 1) // 2
                few = len(np.unique(_cut(values, middle))) <= DIFFERENT
                fits, digits = (middle, digits) if few else (fits, middle - 1)
            found = _cut(values, digits)
        different, which = np.unique(found, return_inverse=True)
        total = np.zeros(len(different), np.int64)
        np.add.at(total, which, numbers)
        return different, total, digits

    def value(self, thing: int, rank: float) -> float:
        """The percentile of all values so far; NaN for none. Values that lost digits stand in the middle of these."""
        if not self.used[thing]:
            return float("nan")
        values, numbers, digits = self._told_apart(thing)
        if digits < DIGITS:
            values = _middle(values, digits)
        upto = np.cumsum(numbers)
        lower, part = divmod((int(upto[-1]) - 1) * rank / 100, 1)
        places = [int(lower), min(int(lower) + 1, int(upto[-1]) - 1)]
        below, above = values[np.searchsorted(upto, places, "right")].tolist()
        return float(below + part * (above - below))

    def widen(self, size: int) -> None:
        """Make room for more entries of each thing."""
        for name, fill in self.arrays[:2]:
            table: NDArray[Any] = getattr(self, name)
            wide = np.full((size, table.shape[1]), fill, table.dtype)
            wide[: len(table)] = table
            setattr(self, name, wide)

    def take_row(self, thing: int, other: Any, row: int) -> None:
        for one in (self, other):
            if len(one.held) < max(len(self.held), len(other.held)):
                one.widen(max(len(self.held), len(other.held)))
        super().take_row(thing, other, row)


def _cut(values: F64, digits: int) -> F64:
    """Towards zero, to so many binary digits behind the point; cutting twice is cutting once."""
    bits = np.ascontiguousarray(values).view(np.int64)
    found: F64 = (bits & np.int64(-1 << (DIGITS - digits))).view(np.float64)
    return found


def _middle(values: F64, digits: int) -> F64:
    """The middle of all that is cut to these values."""
    bits = np.ascontiguousarray(values).view(np.int64)
    found: F64 = (bits | np.int64(1 << (DIGITS - digits - 1))).view(np.float64)
    return found
