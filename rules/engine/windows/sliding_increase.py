"""`increase` of a counter over the last so many minutes."""

import numpy as np

from gateway.domain.duration import HOUR
from gateway.domain.reading import F64, I64
from rules.compiled import Increase, Over
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import EPSILON, Gaps, PointReadings, Rows, Surroundings
from rules.engine.windows.counter import Counter
from rules.engine.windows.momentary import Values
from rules.engine.windows.reading_ring import ReadingRing
from rules.engine.windows.sliding_operator import SlidingOperator, uncovered


class SlidingIncrease(SlidingOperator):
    """`increase` over a window: the newest value minus the last one at or before its start.

    A silence inside loses nothing; one across the start, or since the newest reading, loses its share of the window.
    """

    def __init__(self, signal: Increase, space: ThingTable, around: Surroundings) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        gaps = Gaps(around.world, space, (signal.point,))
        super().__init__((space.column(signal.point),), length, gaps, ReadingRing(space, gaps, length))
        self.counter = self.own_counter = Counter(space, around, signal.point, signal.counter)
        self.coverage = signal.coverage
        self.hours = length / HOUR if signal.per_day else 1.0  # the canonical time is the hour, so m3/day is m3/h

    def line(self, incoming: PointReadings) -> PointReadings:
        return self.own_counter.follow(incoming)

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        ring, begin = self.ring, t - self.over
        older = low > ring.tail[things]
        base = np.where(older, low - 1, low)
        newest = ring.times(stop - 1, things)
        reach = np.where(low < stop, ring.times(low, things), t)
        gap = self.gaps(things)
        lost = np.where(~older | (reach - ring.times(base, things) > gap), reach - begin, 0)
        lost += np.where((low < stop) & (t - newest > gap), t - newest, 0)
        share: F64 = 1 - lost / self.over
        value = (ring.values(stop - 1, things) - ring.values(base, things)) / self.hours
        known = (share >= self.coverage - EPSILON) & (stop > 0)
        return np.where(known, value, np.nan), np.where(stop > 0, share, 0.0)

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        value, share = self.measure(things, t, low, stop)
        end = self.ring.times(stop - 1, things) + np.minimum(self.gaps(things), NEVER // 4)
        return uncovered(share, ~np.isnan(value), self.coverage, t, end, self.over)
