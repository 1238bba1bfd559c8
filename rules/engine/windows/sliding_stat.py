"""mean min max sum count first last spread stddev and percentiles over the last so many minutes."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Aggregate, Over, Stat
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import EPSILON, Rows
from rules.engine.windows.momentary import Values
from rules.engine.windows.quantile import of_windows
from rules.engine.windows.reading_ring import ReadingRing
from rules.engine.windows.signal_input import SignalInput
from rules.engine.windows.sliding_operator import SlidingOperator, uncovered

FOLDS: dict[Aggregate, tuple[np.ufunc, ...]] = {
    Aggregate.MEAN: (np.add,), Aggregate.SUM: (np.add,), Aggregate.MIN: (np.minimum,), Aggregate.MAX: (np.maximum,),
    Aggregate.SPREAD: (np.minimum, np.maximum), Aggregate.STDDEV: (np.add,),
}  # fmt: skip


class SlidingStat(SlidingOperator):
    """mean min max sum count first last spread stddev (of the whole: divided by n), percentiles of the readings."""

    def __init__(self, signal: Stat, space: ThingTable, feed: SignalInput) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        gaps, squared = feed.gaps(), signal.what is Aggregate.STDDEV
        trail = ReadingRing(space, gaps, length, FOLDS.get(signal.what, ()), squared=squared)
        super().__init__(feed.columns, length, gaps, trail)
        self.feed = feed
        self.what, self.coverage, self.rank = signal.what, signal.coverage, signal.rank

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        share = self.observed(things, t, low, stop)
        count = stop - low
        value = self._made(things, low, stop, count)
        known = (share >= self.coverage - EPSILON) & (stop > 0)
        if self.what not in {Aggregate.COUNT, Aggregate.SUM}:
            known &= count > 0
        return np.where(known, value, np.nan), share

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        if self.coverage <= EPSILON:
            return np.full(len(things), NEVER, np.int64)
        share = self.observed(things, t, low, stop)
        known, end = share >= self.coverage - EPSILON, self.windows.watched(things, stop)
        return uncovered(share, known, self.coverage, t, end, self.over)

    def _made(self, things: Rows, low: I64, stop: I64, count: I64) -> F64:
        ring = self.ring
        match self.what:
            case Aggregate.COUNT:
                return count.astype(np.float64)
            case Aggregate.FIRST:
                return ring.values(low, things)
            case Aggregate.LAST:
                return ring.values(stop - 1, things)
            case Aggregate.PERCENTILE:
                return of_windows(ring, things, low, stop, self.rank)
            case Aggregate.STDDEV:
                return ring.deviation(things, low, stop)
            case Aggregate.SPREAD:
                return ring.fold(1, things, low, stop) - ring.fold(0, things, low, stop)
            case Aggregate.MEAN:
                return ring.fold(0, things, low, stop) / np.maximum(count, 1)
            case _:
                return ring.fold(0, things, low, stop)
