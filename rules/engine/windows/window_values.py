"""The readings of a calendar window that runs, as far as its statistic needs them."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Aggregate
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import Rows, StateTable
from rules.engine.windows.quantile import ValueCounts

SUMS = frozenset({Aggregate.MEAN, Aggregate.SUM, Aggregate.STDDEV})
LOWS = frozenset({Aggregate.MIN, Aggregate.SPREAD})
HIGHS = frozenset({Aggregate.MAX, Aggregate.SPREAD})


class WindowValues(StateTable):
    """State: count, first 16 B, and total, square, low, high as needed, 8 B each; for percentiles `ValueCounts`.

    `rank` of a percentile in percent.
    """

    flat = True

    def __init__(self, space: ThingTable, what: Aggregate, rank: float) -> None:
        super().__init__(space)
        self.what, self.rank = what, rank
        self.counts = ValueCounts(space) if what is Aggregate.PERCENTILE else None
        if self.counts is not None:
            self.parts = {"counts": self.counts}
        self.count: I64 = np.zeros(0, np.int64)
        self.first: F64 = np.zeros(0)
        self.total: F64 = np.zeros(0)
        self.square: F64 = np.zeros(0)
        self.low: F64 = np.zeros(0)
        self.high: F64 = np.zeros(0)
        needed = (
            ("total", 0.0, what in SUMS), ("square", 0.0, what is Aggregate.STDDEV), ("low", np.inf, what in LOWS),
            ("high", -np.inf, what in HIGHS),
        )  # fmt: skip
        self.sums = tuple((name, fill) for name, fill, mine in needed if mine)
        self.arrays = (("count", 0), ("first", np.nan), *self.sums)

    def add(self, thing: Rows, value: F64) -> None:
        """Readings that are known, in order."""
        new = self.count[thing] == 0
        if new.any():  # of several the earliest is the first
            self.first[thing[new][::-1]] = value[new][::-1]
        np.add.at(self.count, thing, 1)
        if self.counts is not None:
            self.counts.add(thing, value)
        if self.what is Aggregate.STDDEV:  # about the first reading, for the digits
            value = value - self.first[thing]
            np.add.at(self.square, thing, value * value)
        if self.what in SUMS:
            np.add.at(self.total, thing, value)
        if self.what in LOWS:
            np.minimum.at(self.low, thing, value)
        if self.what in HIGHS:
            np.maximum.at(self.high, thing, value)

    def value(self, things: Rows, newest: F64) -> F64:
        """Of the readings added so far; `newest` of each thing is the last."""
        count, what = self.count[things], self.what
        if what is Aggregate.COUNT:
            return count.astype(np.float64)
        if what is Aggregate.SUM:
            return self.total[things]
        some = np.maximum(count, 1)
        if what is Aggregate.MEAN:
            value = self.total[things] / some
        elif what is Aggregate.STDDEV:
            value = np.sqrt(np.maximum(0.0, self.square[things] - self.total[things] ** 2 / some) / some)
        elif self.counts is not None:
            each = zip(things.tolist(), count.tolist(), strict=True)
            value = np.array([self.counts.value(thing, self.rank) if number else np.nan for thing, number in each])
        elif what is Aggregate.FIRST:
            value = self.first[things]
        elif what is Aggregate.LAST:
            value = newest
        elif what is Aggregate.SPREAD:
            value = self.high[things] - self.low[things]
        else:
            value = self.low[things] if what is Aggregate.MIN else self.high[things]
        return np.where(count > 0, value, np.nan)

    def clear(self, things: Rows) -> None:
        """The next windows are empty."""
        self.count[things], self.first[things] = 0, np.nan
        for name, fill in self.sums:
            getattr(self, name)[things] = fill
        if self.counts is not None:
            for thing in things.tolist():
                self.counts.forget(thing)
