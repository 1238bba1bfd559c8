"""`rate`: how fast a value changes."""

import numpy as np

from gateway.domain.device import PointKind
from gateway.domain.duration import HOUR
from gateway.domain.reading import I64
from rules.compiled import Rate
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import Declared, Gaps, PointReadings, Rows, Surroundings
from rules.engine.windows.counter import Counter
from rules.engine.windows.momentary import Values
from rules.engine.windows.reading_ring import ReadingRing
from rules.engine.windows.sliding_operator import SlidingOperator, broken, unbroken


class SlidingRate(SlidingOperator):
    """`rate`: change per hour between the last two readings, or from the first to the last of [t - over, t].

    State: a trail, and a `Counter` that is used for points that their profile calls counters.
    """

    def __init__(self, signal: Rate, space: ThingTable, around: Surroundings) -> None:
        gaps = Gaps(around.world, space, (signal.point,), signal.max_gap)
        # a reading exactly `over` ago is an end of the slope
        trail = ReadingRing(space, gaps, signal.over + 1 if signal.over else 0, pair=not signal.over)
        super().__init__((space.column(signal.point),), signal.over, gaps, trail)
        self.counter = self.own_counter = Counter(space, around, signal.point, signal.counter)
        self.counts = Declared(around.world, space, (signal.point,), lambda spec: spec.kind is PointKind.COUNTER)
        self.closed = bool(signal.over)

    def line(self, incoming: PointReadings) -> PointReadings:
        counts = self.counts(incoming.thing) > 0
        if counts.all():
            return self.own_counter.follow(incoming)
        if not counts.any():
            return incoming
        followed = self.own_counter.follow(incoming.where(counts))
        value, floor = incoming.value.copy(), np.full(len(incoming), np.nan)
        value[counts] = np.nan
        place = np.searchsorted(incoming.unit, followed.unit)
        value[place] = followed.value
        if followed.floor is not None:
            floor[place] = followed.floor
        return PointReadings(incoming.unit, incoming.thing, incoming.at, value, floor).where(~np.isnan(value))

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        ring, last = self.ring, stop - 1
        change = ring.values(last, things) - ring.values(low, things)
        whole, span = unbroken(ring, self.gaps, things, t, low, stop)
        value = change / (np.maximum(span, 1) / HOUR)
        return np.where(whole & (last > low), value, np.nan), whole.astype(np.float64)

    def changes(self, things: Rows, t: I64) -> tuple[I64, I64]:
        leaves, drift = super().changes(things, t)
        return (leaves if self.over else np.full(len(things), NEVER, np.int64)), drift

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:  # noqa: ARG002 - a gap begins, no more
        return broken(self.ring, self.gaps, things, t, stop)
