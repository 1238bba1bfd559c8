"""`share` of a predicate over the last so many minutes."""

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.compiled import Over, Share
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import EPSILON, PointReadings, Rows
from rules.engine.windows.momentary import Values
from rules.engine.windows.reading_ring import ReadingRing
from rules.engine.windows.signal_input import SignalInput
from rules.engine.windows.sliding_operator import SlidingOperator, uncovered


class SlidingShare(SlidingOperator):
    """`share`: the observed time in which a predicate was true, by all observed time."""

    def __init__(self, signal: Share, space: ThingTable, feed: SignalInput) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        gaps = feed.gaps()
        super().__init__(feed.columns, length, gaps, ReadingRing(space, gaps, length, truth=True))
        self.feed, self.coverage = feed, signal.coverage

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        seen, true = self.windows.observed(things, t, low, stop)
        share: F64 = seen / self.over
        known = (share >= self.coverage - EPSILON) & (seen > 0)
        return np.where(known, true / np.maximum(seen, 1), np.nan), share

    def still(self, newest: F64, incoming: PointReadings, item: NDArray[np.intp]) -> Bools:
        found: Bools = (newest == 0.0) | (newest == 1.0)
        found[item[incoming.value != newest[item]]] = False
        return found

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        seen, true = self.windows.observed(things, t, low, stop)
        share, end = seen / self.over, self.windows.watched(things, stop)
        known = (share >= self.coverage - EPSILON) & (seen > 0)
        yes = np.where(t < end, self.ring.values(stop - 1, things), np.nan)  # NaN: it grows on neither side
        moves = known & ((true < seen) | (yes == 0.0)) & ((true > 0) | (yes == 1.0))
        return np.where(moves, t + 1, uncovered(share, known, self.coverage, t, end, self.over))
