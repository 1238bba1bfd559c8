"""`times`: how often a predicate became true within the last so many minutes."""

from collections.abc import Mapping

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Over, Times
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import EPSILON, PointReadings, Rows, StateTable, carried
from rules.engine.windows.edges import Edges
from rules.engine.windows.momentary import Values
from rules.engine.windows.reading_ring import ReadingRing
from rules.engine.windows.signal_input import SignalInput
from rules.engine.windows.sliding_operator import SlidingOperator, uncovered


class SlidingTimes(SlidingOperator):
    """State: a trail of the moments at which it became true, `Edges`; with a coverage also a trail of all truths."""

    def __init__(self, signal: Times, space: ThingTable, feed: SignalInput) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        gaps = feed.gaps()
        super().__init__(feed.columns, length, gaps, ReadingRing(space, gaps, length))
        self.feed, self.coverage, self.edges = feed, signal.coverage, Edges(space)
        self.truths = ReadingRing(space, gaps, length) if signal.coverage else None

    def parts(self) -> Mapping[str, StateTable]:
        truths = {} if self.truths is None else {"truths": self.truths.ring}
        return {"trail": self.ring, "edges": self.edges, **truths}

    def latest(self, things: Rows) -> F64:
        known = self.edges.known[things]
        return known if self.truths is None else np.where(self.truths.ring.shut[things] == NEVER, known, np.nan)

    def latest_at(self, things: Rows) -> I64:
        return self.edges.moment[things]

    def turned(self) -> I64:
        return self.edges.moment

    def take(self, things: Rows, t: I64, incoming: PointReadings) -> Values:
        some = incoming.where(~np.isnan(incoming.value))
        known = ~np.isnan(self.edges.known[things])
        known |= carried(len(things), things, some.unit, some.thing) >= 0
        count, share = np.zeros(len(things)), known.astype(np.float64)
        for items, low, stop in self.trail.take(things, t, self.edges.follow(incoming)):
            count[items] = stop - low
        for items, low, stop in () if self.truths is None else self.truths.take(things, t, incoming):
            share[items] = self._seen(things[items], t[items], low, stop)
        return np.where(known & (share >= self.coverage - EPSILON), count, np.nan), share

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        known = ~np.isnan(self.edges.known[things])
        share = known.astype(np.float64)
        if self.truths is not None:
            share = self._seen(things, t, *self.truths.windows.part(things, t))
        return np.where(known & (share >= self.coverage - EPSILON), stop - low, np.nan), share

    def changes(self, things: Rows, t: I64) -> tuple[I64, I64]:
        low, stop = self.windows.part(things, t)
        leaves = np.where(low < stop, self.ring.times(low, things) + self.over, NEVER)
        return leaves, self.drifts(things, t, low, stop)

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        never: I64 = np.full(len(things), NEVER, np.int64)
        if self.truths is None:
            return never
        value, share = self.measure(things, t, low, stop)
        end = self.truths.windows.watched(things, self.truths.windows.part(things, t)[1])
        may = uncovered(share, ~np.isnan(value), self.coverage, t, end, self.over)
        return np.where(np.isnan(self.edges.known[things]), never, may)

    def _seen(self, things: Rows, t: I64, low: I64, stop: I64) -> F64:
        assert self.truths is not None, "only a coverage asks for it"
        seen = self.truths.windows.observed(things, t, low, stop)[0]
        share: F64 = seen / self.over
        return share
