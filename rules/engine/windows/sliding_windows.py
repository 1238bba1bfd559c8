"""Signals over the last so many minutes: (t - over, t]."""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.domain.device import PointKind
from gateway.domain.duration import HOUR, SECOND
from gateway.domain.reading import F64, I64
from rules.compiled import Aggregate, Increase, Over, Rate, Share, Stat, Swing
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import EPSILON, Declared, Gaps, PointReadings, Rows, Surroundings
from rules.engine.windows.counter import Counter
from rules.engine.windows.momentary import Momentary, Values
from rules.engine.windows.quantile import of_windows
from rules.engine.windows.reading_ring import EVERYTHING, ReadingRing
from rules.engine.windows.signal_input import SignalInput

FOLDS: dict[Aggregate, tuple[np.ufunc, ...]] = {
    Aggregate.MEAN: (np.add,), Aggregate.SUM: (np.add,), Aggregate.MIN: (np.minimum,), Aggregate.MAX: (np.maximum,),
    Aggregate.SPREAD: (np.minimum, np.maximum), Aggregate.STDDEV: (np.add,),
}  # fmt: skip


TICK = SECOND
STEPS = 60  # a window is looked at so many times while it passes


class Sliding(Momentary):
    """State: a `ReadingRing` of its readings."""

    trail: ReadingRing
    gaps: Gaps

    def __init__(self, space: ThingTable, name: str, unit: str, columns: tuple[int, ...], over: int) -> None:
        super().__init__(space, name, unit, columns, over)
        self.grid = max(over // STEPS, TICK)

    def take(self, things: Rows, t: I64, heard: PointReadings) -> Values:
        value, share = np.full(len(things), np.nan), np.zeros(len(things))
        for items, low, stop in self.trail.take(things, t, self.line(heard)):
            if items is EVERYTHING:
                return self.measure(things, t, low, stop)
            value[items], share[items] = self.measure(things[items], t[items], low, stop)
        return value, share

    def held(self, things: Rows, t: I64) -> Values:
        return self.measure(things, t, *self.trail.part(things, t))

    def line(self, heard: PointReadings) -> PointReadings:
        """The readings as the trail keeps them."""
        return heard

    def latest(self, things: Rows) -> F64:
        return np.where(self.trail.shut[things] == NEVER, self.trail.newest(things), np.nan)

    def turned(self) -> I64:
        return self.trail.head

    def changes(self, things: Rows, t: I64) -> tuple[I64, I64]:
        low, stop = self.trail.part(things, t)
        leaves = np.where(low < stop, self.trail.times(low, things) + (self.trail.over - self.closed), NEVER)
        drift = np.where(stop > 0, self.drifts(things, t, low, stop), NEVER)
        self.trail.settle()
        return leaves, drift

    def leaving(self, things: Rows, begin: I64, end: I64) -> Iterator[tuple[NDArray[np.intp], I64]]:
        trail = self.trail
        if trail.pair:
            return
        low, _ = trail.part(things, begin)
        stop = trail.find(things, low, trail.head[things], end - self.over - 1)
        count = np.maximum(stop - low, 0)
        step = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        item = np.repeat(np.arange(len(things)), count)
        yield item, trail.times(low[item] + step, things[item]) + self.over

    def stretches(
        self, things: Rows, heard: PointReadings, item: NDArray[np.intp], begin: I64, end: I64
    ) -> Iterator[tuple[NDArray[np.intp], I64, I64]]:
        thing, at = np.concatenate([np.arange(len(things)), item]), np.concatenate([self._since(things), heard.at])
        order = np.argsort(thing, kind="stable")
        thing, at = thing[order], at[order]
        last = np.ones(len(thing), np.bool_)
        last[:-1] = thing[1:] != thing[:-1]
        until = np.where(last, end[thing], np.append(at[1:], 0))
        quiet = at + np.minimum(self.gaps(things[thing]), NEVER // 4)
        spoke = (at > LONG_AGO) & (until > at)
        moving = (self.moment[things] > begin) | ~self.still(things, heard, item)
        if self.feed is not None and self.feed.nested:
            moving[:] = True  # nobody knows yet
        np.logical_or.at(moving, thing[spoke], (until > quiet)[spoke])
        some = np.flatnonzero(spoke & moving[thing])
        yield thing[some], at[some], np.minimum(until[some] - 1, at[some] + self.over)
        some = np.flatnonzero(spoke & (until > quiet))
        yield thing[some], quiet[some], np.minimum(until[some] - 1, quiet[some] + self.over)

    def _since(self, things: Rows) -> I64:
        """Time of the newest reading that is held; LONG_AGO when there is none."""
        head = self.trail.head[things]
        return np.where(head > 0, self.trail.times(head - 1, things), LONG_AGO)

    def still(self, things: Rows, heard: PointReadings, item: NDArray[np.intp]) -> Bools:
        """Which things stay as much known as they are while what is heard comes without a gap."""
        found: Bools = ~np.isnan(self.newest[things])
        found[item[np.isnan(heard.value)]] = False
        return found

    @abstractmethod
    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        """From when on after `t` the value may change though the window goes on holding [low, stop); NEVER."""

    @abstractmethod
    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        """The value of each thing at `t` made of its readings [low, stop)."""

    def observed(self, things: Rows, t: I64, low: I64, stop: I64) -> F64:
        """Share of the window that was observed."""
        share: F64 = self.trail.spent(things, t, low, stop)[0] / self.over
        return share


def uncovered(share: F64, known: Bools, coverage: float, t: I64, end: I64, over: int) -> I64:
    """From when on after `t` a value may become known, or unknown: all is observed until `end`, nothing after it."""
    if (known & (t < end)).all():
        return end + 1
    away = t + np.maximum(np.abs(share - coverage) * over - 1 - EPSILON * over, 1).astype(np.int64)
    observing = t < end
    late = np.where(observing, end + 1, away)
    found: I64 = np.where(known, late, np.where(observing & (away <= end), away, NEVER))
    return found


class SlidingStat(Sliding):
    """mean min max sum count first last spread stddev (of the whole: divided by n), percentiles of the readings."""

    def __init__(self, signal: Stat, space: ThingTable, feed: SignalInput) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        super().__init__(space, signal.name, signal.unit, feed.columns, length)
        self.feed, self.of = feed, feed.bound
        self.what, self.coverage, self.rank = signal.what, signal.coverage, signal.rank
        self.gaps = feed.gaps()
        squared = signal.what is Aggregate.STDDEV
        self.trail = ReadingRing(space, self.gaps, length, FOLDS.get(signal.what, ()), squared=squared)
        self.parts = {"trail": self.trail}

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
        known, end = share >= self.coverage - EPSILON, self.trail.watched(things, stop)
        return uncovered(share, known, self.coverage, t, end, self.over)

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
                return trail.deviation(things, low, stop)
            case Aggregate.SPREAD:
                return trail.fold(1, things, low, stop) - trail.fold(0, things, low, stop)
            case Aggregate.MEAN:
                return trail.fold(0, things, low, stop) / np.maximum(count, 1)
            case _:
                return trail.fold(0, things, low, stop)


class SlidingSwing(Sliding):
    """`rise`, `fall`: unknown while two readings of the window, or the newest one and now, are too far apart."""

    known_only = True

    def __init__(self, signal: Swing, space: ThingTable, feed: SignalInput) -> None:
        super().__init__(space, signal.name, signal.unit, feed.columns, signal.over)
        self.feed, self.of = feed, feed.bound
        self.rise = signal.rise
        self.gaps = feed.gaps(signal.max_gap)
        self.trail = ReadingRing(space, self.gaps, signal.over, (np.minimum if signal.rise else np.maximum,))
        self.parts = {"trail": self.trail}

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        extreme = self.trail.fold(0, things, low, stop)
        last = self.trail.values(stop - 1, things)
        value = last - extreme if self.rise else extreme - last
        whole, _ = unbroken(self.trail, self.gaps, things, t, low, stop)
        return np.where(whole & (stop > low), value, np.nan), whole.astype(np.float64)

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:  # noqa: ARG002 - a gap begins, no more
        return broken(self.trail, self.gaps, things, t, stop)


def broken(trail: ReadingRing, gaps: Gaps, things: Rows, t: I64, stop: I64) -> I64:
    """When the silence after `t` becomes a gap; NEVER: it is one already."""
    late = trail.times(stop - 1, things) + gaps(things) + 1
    found: I64 = np.where(late > t, late, NEVER)
    return found


def unbroken(trail: ReadingRing, gaps: Gaps, things: Rows, t: I64, low: I64, stop: I64) -> tuple[Bools, I64]:
    """(no gap between the readings [low, stop), nor from the newest one to `t`; from the first to the newest, µs)."""
    first, last = trail.times(low, things), trail.times(stop - 1, things)
    seen = trail.before(stop - 1, things) - trail.before(low, things)
    found: Bools = (seen == last - first) & (t - last <= gaps(things))
    return found, last - first


class Slope(Sliding):
    """`rate`: change per hour between the last two readings, or from the first to the last of [t - over, t].

    State: a trail, and a `Counter` that is used for points that their profile calls counters.
    """

    def __init__(self, signal: Rate, space: ThingTable, around: Surroundings) -> None:
        super().__init__(space, signal.name, signal.unit, (space.column(signal.point),), signal.over)
        self.point = signal.point
        self.counter = Counter(space, around, signal.point, signal.counter)
        self.counts = Declared(around.world, space, (signal.point,), lambda spec: spec.kind is PointKind.COUNTER)
        self.gaps = Gaps(around.world, space, (signal.point,), signal.max_gap)
        # a reading exactly `over` ago is an end of the slope
        self.trail = ReadingRing(space, self.gaps, signal.over + 1 if signal.over else 0, pair=not signal.over)
        self.parts = {"trail": self.trail, "counter": self.counter}
        self.closed = bool(signal.over)

    def hear(self, view: BatchView, inside: Bools) -> PointReadings:
        return self.counter.hear(view, inside)

    def line(self, heard: PointReadings) -> PointReadings:
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
        return PointReadings(heard.unit, heard.thing, heard.at, value, floor).where(~np.isnan(value))

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        if point == self.point:
            self.counter.exchange(thing, start, at)

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        trail, last = self.trail, stop - 1
        change = trail.values(last, things) - trail.values(low, things)
        whole, span = unbroken(trail, self.gaps, things, t, low, stop)
        value = change / (np.maximum(span, 1) / HOUR)
        return np.where(whole & (last > low), value, np.nan), whole.astype(np.float64)

    def changes(self, things: Rows, t: I64) -> tuple[I64, I64]:
        leaves, drift = super().changes(things, t)
        return (leaves if self.over else np.full(len(things), NEVER, np.int64)), drift

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:  # noqa: ARG002 - a gap begins, no more
        return broken(self.trail, self.gaps, things, t, stop)


class SlidingIncrease(Sliding):
    """`increase` over a window: the newest value minus the last one at or before its start.

    A silence inside loses nothing; one across the start, or since the newest reading, loses its share of the window.
    """

    def __init__(self, signal: Increase, space: ThingTable, around: Surroundings) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        super().__init__(space, signal.name, signal.unit, (space.column(signal.point),), length)
        self.point, self.coverage = signal.point, signal.coverage
        self.counter = Counter(space, around, signal.point, signal.counter)
        self.hours = length / HOUR if signal.per_day else 1.0  # the canonical time is the hour, so m3/day is m3/h
        self.gaps = Gaps(around.world, space, (signal.point,))
        self.trail = ReadingRing(space, self.gaps, length)
        self.parts = {"trail": self.trail, "counter": self.counter}

    def hear(self, view: BatchView, inside: Bools) -> PointReadings:
        return self.counter.hear(view, inside)

    def line(self, heard: PointReadings) -> PointReadings:
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

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        value, share = self.measure(things, t, low, stop)
        end = self.trail.times(stop - 1, things) + np.minimum(self.gaps(things), NEVER // 4)
        return uncovered(share, ~np.isnan(value), self.coverage, t, end, self.over)


class SlidingShare(Sliding):
    """`share`: the observed time in which a predicate was true, by all observed time."""

    def __init__(self, signal: Share, space: ThingTable, feed: SignalInput) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        super().__init__(space, signal.name, "", feed.columns, length)
        self.feed, self.of, self.coverage = feed, feed.bound, signal.coverage
        self.gaps = feed.gaps()
        self.trail = ReadingRing(space, self.gaps, length, truth=True)
        self.parts = {"trail": self.trail}

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        seen, true = self.trail.spent(things, t, low, stop)
        share: F64 = seen / self.over
        known = (share >= self.coverage - EPSILON) & (seen > 0)
        return np.where(known, true / np.maximum(seen, 1), np.nan), share

    def still(self, things: Rows, heard: PointReadings, item: NDArray[np.intp]) -> Bools:
        whole = self.newest[things]
        found: Bools = (whole == 0.0) | (whole == 1.0)
        found[item[heard.value != whole[item]]] = False
        return found

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        seen, true = self.trail.spent(things, t, low, stop)
        share, end = seen / self.over, self.trail.watched(things, stop)
        known = (share >= self.coverage - EPSILON) & (seen > 0)
        yes = np.where(t < end, self.trail.values(stop - 1, things), np.nan)  # NaN: it grows on neither side
        moves = known & ((true < seen) | (yes == 0.0)) & ((true > 0) | (yes == 1.0))
        return np.where(moves, t + 1, uncovered(share, known, self.coverage, t, end, self.over))
