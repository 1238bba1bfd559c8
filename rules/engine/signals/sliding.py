"""Signals over the last so many minutes: (t - over, t]."""

from abc import abstractmethod

import numpy as np

from gateway.domain.device import PointKind
from gateway.domain.duration import HOUR
from gateway.domain.reading import F64, I64
from rules.compiled import Aggregate, Increase, Over, Rate, Share, Stat, Swing
from rules.engine.bound import Bound
from rules.engine.signals.base import EPSILON, Declared, Gaps, Heard, Rows, Surroundings, readings
from rules.engine.signals.counter import Counter
from rules.engine.signals.momentary import Momentary, Values
from rules.engine.signals.quantile import of_windows
from rules.engine.signals.trail import Trail
from rules.engine.space import Space
from rules.engine.view import Bools, Picked, View

FOLDS: dict[Aggregate, tuple[np.ufunc, ...]] = {
    Aggregate.MEAN: (np.add,), Aggregate.SUM: (np.add,), Aggregate.MIN: (np.minimum,), Aggregate.MAX: (np.maximum,),
    Aggregate.SPREAD: (np.minimum, np.maximum),
}  # fmt: skip


class Sliding(Momentary):
    """State: a `Trail` of its readings."""

    trail: Trail

    def take(self, things: Rows, t: I64, heard: Heard) -> Values:
        value, share = np.full(len(things), np.nan), np.zeros(len(things))
        for items, low, stop in self.trail.take(things, t, self.line(heard)):
            value[items], share[items] = self.measure(things[items], t[items], low, stop)
        return value, share

    def held(self, things: Rows, t: I64) -> Values:
        return self.measure(things, t, *self.trail.part(things, t))

    def line(self, heard: Heard) -> Heard:
        """The readings as the trail keeps them."""
        return heard

    @abstractmethod
    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        """The value of each thing at `t` made of its readings [low, stop)."""

    def observed(self, things: Rows, t: I64, low: I64, stop: I64) -> F64:
        """Share of the window that was observed."""
        trail = self.trail
        seen = trail.reached(things, stop, t) - trail.reached(things, low, t - self.over)
        share: F64 = seen / self.over
        return share


class SlidingStat(Sliding):
    """mean min max sum count first last spread stddev (of the whole: divided by n), percentiles of the readings."""

    def __init__(self, signal: Stat, space: Space, around: Surroundings) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        super().__init__(space, signal.name, signal.unit, (space.column(signal.point),), length)
        self.what, self.coverage, self.rank = signal.what, signal.coverage, signal.rank
        self.trail = Trail(space, Gaps(around.world, space, (signal.point,)), length, FOLDS.get(signal.what, ()))
        self.parts = {"trail": self.trail}

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        share = self.observed(things, t, low, stop)
        count = stop - low
        value = self._made(things, low, stop, count)
        known = (share >= self.coverage - EPSILON) & (stop > 0)
        if self.what not in {Aggregate.COUNT, Aggregate.SUM}:
            known &= count > 0
        return np.where(known, value, np.nan), share

    def _made(self, things: Rows, low: I64, stop: I64, count: I64) -> F64:
        trail = self.trail
        match self.what:
            case Aggregate.COUNT:
                return count.astype(np.float64)
            case Aggregate.FIRST:
                return trail.values(low, things)
            case Aggregate.LAST:
                return trail.values(stop - 1, things)
            case Aggregate.PERCENTILE:
                return of_windows(trail, things, low, stop, self.rank)
            case Aggregate.STDDEV:
                return self._deviation(things, low, stop, np.maximum(count, 1))
            case Aggregate.SPREAD:
                return trail.fold(1, things, low, stop) - trail.fold(0, things, low, stop)
            case Aggregate.MEAN:
                return trail.fold(0, things, low, stop) / np.maximum(count, 1)
            case _:
                return trail.fold(0, things, low, stop)

    def _deviation(self, things: Rows, low: I64, stop: I64, count: I64) -> F64:
        mean = self._total(things, low, stop, np.zeros(len(things)), 1) / count
        return np.sqrt(self._total(things, low, stop, mean, 2) / count)

    def _total(self, things: Rows, low: I64, stop: I64, centre: F64, power: int) -> F64:
        found = np.zeros(len(things))
        for j in range(int((stop - low).max(initial=0))):
            off = self.trail.values(low + j, things) - centre
            found += np.where(low + j < stop, off if power == 1 else off * off, 0.0)
        return found


class SlidingSwing(Sliding):
    """`rise`, `fall`: unknown while two readings of the window, or the newest one and now, are too far apart."""

    def __init__(self, signal: Swing, space: Space, around: Surroundings) -> None:
        super().__init__(space, signal.name, signal.unit, (space.column(signal.point),), signal.over)
        self.rise = signal.rise
        self.gaps = Gaps(around.world, space, (signal.point,), signal.max_gap)
        self.trail = Trail(space, self.gaps, signal.over, (np.minimum if signal.rise else np.maximum,))
        self.parts = {"trail": self.trail}

    def hear(self, view: View, inside: Bools) -> Heard:
        return readings(view, self.columns[0], inside, known=True)

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        extreme = self.trail.fold(0, things, low, stop)
        last = self.trail.values(stop - 1, things)
        value = last - extreme if self.rise else extreme - last
        whole = unbroken(self.trail, self.gaps, things, t, low, stop)
        return np.where(whole & (stop > low), value, np.nan), whole.astype(np.float64)


def unbroken(trail: Trail, gaps: Gaps, things: Rows, t: I64, low: I64, stop: I64) -> Bools:
    """No gap between the readings [low, stop), nor from the newest one to `t`."""
    first, last = trail.times(low, things), trail.times(stop - 1, things)
    seen = trail.before(stop - 1, things) - trail.before(low, things)
    found: Bools = (seen == last - first) & (t - last <= gaps(things))
    return found


class Slope(Sliding):
    """`rate`: change per hour between the last two readings, or from the first to the last of [t - over, t].

    State: a trail, and a `Counter` that is used for points that their profile calls counters.
    """

    def __init__(self, signal: Rate, space: Space, around: Surroundings) -> None:
        super().__init__(space, signal.name, signal.unit, (space.column(signal.point),), signal.over)
        self.point = signal.point
        self.counter = Counter(space, around, signal.point, signal.counter)
        self.counts = Declared(around.world, space, (signal.point,), lambda spec: spec.kind is PointKind.COUNTER)
        self.gaps = Gaps(around.world, space, (signal.point,), signal.max_gap)
        # a reading exactly `over` ago is an end of the slope
        self.trail = Trail(space, self.gaps, signal.over + 1 if signal.over else 0, pair=not signal.over)
        self.parts = {"trail": self.trail, "counter": self.counter}

    def hear(self, view: View, inside: Bools) -> Heard:
        return self.counter.hear(view, inside)

    def line(self, heard: Heard) -> Heard:
        counts = self.counts(heard.thing) > 0
        if counts.all():
            return self.counter.follow(heard)
        if not counts.any():
            return heard
        followed = self.counter.follow(heard.where(counts))
        value, floor = heard.value.copy(), np.full(len(heard), np.nan)
        value[counts] = np.nan
        place = np.searchsorted(heard.unit, followed.unit)
        value[place] = followed.value
        if followed.floor is not None:
            floor[place] = followed.floor
        return Heard(heard.unit, heard.thing, heard.at, value, floor).where(~np.isnan(value))

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        if point == self.point:
            self.counter.exchange(thing, start, at)

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        trail, last = self.trail, stop - 1
        span = trail.times(last, things) - trail.times(low, things)
        change = trail.values(last, things) - trail.values(low, things)
        whole = unbroken(trail, self.gaps, things, t, low, stop)
        value = change / (np.maximum(span, 1) / HOUR)
        return np.where(whole & (last > low), value, np.nan), whole.astype(np.float64)


class SlidingIncrease(Sliding):
    """`increase` over a window: the newest value minus the last one at or before its start.

    A silence inside loses nothing; one across the start, or since the newest reading, loses its share of the window.
    """

    def __init__(self, signal: Increase, space: Space, around: Surroundings) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        super().__init__(space, signal.name, signal.unit, (space.column(signal.point),), length)
        self.point, self.coverage = signal.point, signal.coverage
        self.counter = Counter(space, around, signal.point, signal.counter)
        self.hours = length / HOUR if signal.per_day else 1.0  # the canonical time is the hour, so m3/day is m3/h
        self.gaps = Gaps(around.world, space, (signal.point,))
        self.trail = Trail(space, self.gaps, length)
        self.parts = {"trail": self.trail, "counter": self.counter}

    def hear(self, view: View, inside: Bools) -> Heard:
        return self.counter.hear(view, inside)

    def line(self, heard: Heard) -> Heard:
        return self.counter.follow(heard)

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        if point == self.point:
            self.counter.exchange(thing, start, at)

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        trail, begin = self.trail, t - self.over
        older = low > trail.tail[things]
        base = np.where(older, low - 1, low)
        newest = trail.times(stop - 1, things)
        reach = np.where(low < stop, trail.times(low, things), t)
        gap = self.gaps(things)
        lost = np.where(~older | (reach - trail.times(base, things) > gap), reach - begin, 0)
        lost += np.where((low < stop) & (t - newest > gap), t - newest, 0)
        share: F64 = 1 - lost / self.over
        value = (trail.values(stop - 1, things) - trail.values(base, things)) / self.hours
        known = (share >= self.coverage - EPSILON) & (stop > 0)
        return np.where(known, value, np.nan), np.where(stop > 0, share, 0.0)


class SlidingShare(Sliding):
    """`share`: the observed time in which a predicate was true, by all observed time."""

    def __init__(self, signal: Share, space: Space, around: Surroundings, of: Bound) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        super().__init__(space, signal.name, "", of.columns, length)
        self.of, self.coverage, self.scalar = of, signal.coverage, around.scalar
        points = tuple(space.names[column] for column in of.columns)
        self.trail = Trail(space, Gaps(around.world, space, points), length, truth=True)
        self.parts = {"trail": self.trail}

    def hear(self, view: View, inside: Bools) -> Heard:
        return truths(self.of, view, inside, scalar=self.scalar)

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        trail, begin = self.trail, t - self.over
        seen = trail.reached(things, stop, t) - trail.reached(things, low, begin)
        true = trail.reached(things, stop, t, true=True) - trail.reached(things, low, begin, true=True)
        share: F64 = seen / self.over
        known = (share >= self.coverage - EPSILON) & (seen > 0)
        return np.where(known, true / np.maximum(seen, 1), np.nan), share


def truths(of: Bound, view: View, inside: Bools, *, scalar: bool) -> Heard:
    """A predicate at every unit that carries a point of it, as if it were a reading."""
    unit = np.flatnonzero(view.carry(of.columns) & inside)
    reader = Picked(view, unit)
    truth = of.scalar(reader) if scalar else of.vector(reader)
    return Heard(unit, reader.thing, reader.t, truth)
