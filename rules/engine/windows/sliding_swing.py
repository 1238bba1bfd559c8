"""`rise`, `fall`: how far a value went up or down within the last so many minutes."""

import numpy as np

from gateway.domain.reading import I64
from rules.compiled import Swing
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import Rows
from rules.engine.windows.momentary import Values
from rules.engine.windows.reading_ring import ReadingRing
from rules.engine.windows.signal_input import SignalInput
from rules.engine.windows.sliding_operator import SlidingOperator, broken, unbroken


class SlidingSwing(SlidingOperator):
    """`rise`, `fall`: unknown while two readings of the window, or the newest one and now, are too far apart."""

    known_only = True

    def __init__(self, signal: Swing, space: ThingTable, feed: SignalInput) -> None:
        gaps = feed.gaps(signal.max_gap)
        trail = ReadingRing(space, gaps, signal.over, (np.minimum if signal.rise else np.maximum,))
        super().__init__(feed.columns, signal.over, gaps, trail)
        self.feed, self.rise = feed, signal.rise

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        extreme = self.ring.fold(0, things, low, stop)
        last = self.ring.values(stop - 1, things)
        value = last - extreme if self.rise else extreme - last
        whole, _ = unbroken(self.ring, self.gaps, things, t, low, stop)
        return np.where(whole & (stop > low), value, np.nan), whole.astype(np.float64)

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:  # noqa: ARG002 - a gap begins, no more
        return broken(self.ring, self.gaps, things, t, stop)
