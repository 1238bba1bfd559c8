"""`times`: how often a predicate became true in a window (RULES section 4): true now, not true when last known."""

import numpy as np

from gateway.domain.reading import F64, I64, U8
from rules.compiled import Over, Times
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import EPSILON, PointReadings, Rows, StateTable, Surroundings, carried
from rules.engine.windows.calendar_share import CalendarShare
from rules.engine.windows.momentary import Values
from rules.engine.windows.reading_ring import ReadingRing
from rules.engine.windows.signal_input import SignalInput
from rules.engine.windows.sliding_windows import Sliding, uncovered


class Edges(StateTable):
    """When a truth becomes true. State: known f64 (the newest known truth), prior f64 (the one before the newest
    moment), moment i64, rose u8 (it became true at that moment): 25 B. The first known truth counts as becoming.
    """

    arrays = (("known", np.nan), ("prior", np.nan), ("moment", LONG_AGO), ("rose", 0))

    def __init__(self, space: ThingTable) -> None:
        super().__init__(space)
        self.known: F64 = np.zeros(0)
        self.prior: F64 = np.zeros(0)
        self.moment: I64 = np.zeros(0, np.int64)
        self.rose: U8 = np.zeros(0, np.uint8)

    def follow(self, heard: PointReadings) -> PointReadings:
        """The moments at which it became true, value 1; NaN: what the same moment said before is taken back."""
        first = heard.first()
        before = np.where(first, self.moment[heard.thing], np.append(LONG_AGO, heard.at[:-1])[: len(heard)])
        odd = heard.at <= before
        if not odd.any():
            return self._run(heard)
        strange = np.zeros(len(self.known), np.bool_)
        strange[heard.thing[odd]] = True
        mine = strange[heard.thing]
        change = np.zeros(len(heard))
        for row in np.flatnonzero(mine).tolist():
            change[row] = self.step(int(heard.thing[row]), float(heard.value[row]), int(heard.at[row]))
        calm = self._run(heard.where(~mine))
        change[np.isin(heard.unit, calm.unit)] = 1.0
        value = np.where(change > 0, 1.0, np.nan)
        return PointReadings(heard.unit, heard.thing, heard.at, value).where(change != 0)

    def _run(self, heard: PointReadings) -> PointReadings:
        """Readings that are newer than all before."""
        some = heard.where(~np.isnan(heard.value))
        before, _ = some.before(self.known, self.moment)
        rising = (some.value == 1.0) & (before != 1.0)
        self.known[some.thing] = some.value  # of several the last one stays
        self.moment[heard.thing] = heard.at
        self.prior[heard.thing], self.rose[heard.thing] = self.known[heard.thing], 0
        newest = some.at == self.moment[some.thing]
        self.prior[some.thing[newest]], self.rose[some.thing[newest]] = before[newest], rising[newest]
        return some.where(rising)

    def step(self, thing: int, value: float, at: int) -> int:
        """Any reading: 1 = it became true, -1 = what this moment said before is taken back, 0 = neither."""
        when, old = int(self.moment[thing]), 0
        if at < when:
            return 0
        before = float(self.known[thing])
        if at == when:
            before, old = float(self.prior[thing]), int(self.rose[thing])
        new = int(value == 1.0 and before != 1.0)
        self.known[thing] = before if value != value else value
        self.prior[thing], self.moment[thing], self.rose[thing] = before, at, new
        return new - old


class SlidingTimes(Sliding):
    """State: a trail of the moments at which it became true, `Edges`; with a coverage also a trail of all truths."""

    def __init__(self, signal: Times, space: ThingTable, feed: SignalInput) -> None:
        assert isinstance(signal.window, Over), "calendar windows are elsewhere"
        length = signal.window.length
        super().__init__(space, signal.name, "", feed.columns, length)
        self.feed, self.of, self.coverage = feed, feed.bound, signal.coverage
        self.gaps = feed.gaps()
        self.trail, self.edges = ReadingRing(space, self.gaps, length), Edges(space)
        self.parts = {"trail": self.trail, "edges": self.edges}
        self.truths = ReadingRing(space, self.gaps, length) if signal.coverage else None
        if self.truths is not None:
            self.parts["truths"] = self.truths

    def latest(self, things: Rows) -> F64:
        known = self.edges.known[things]
        return known if self.truths is None else np.where(self.truths.shut[things] == NEVER, known, np.nan)

    def turned(self) -> I64:
        return self.edges.moment

    def take(self, things: Rows, t: I64, heard: PointReadings) -> Values:
        some = heard.where(~np.isnan(heard.value))
        known = ~np.isnan(self.edges.known[things])
        known |= carried(len(things), things, some.unit, some.thing) >= 0
        count, share = np.zeros(len(things)), known.astype(np.float64)
        for items, low, stop in self.trail.take(things, t, self.edges.follow(heard)):
            count[items] = stop - low
        for items, low, stop in () if self.truths is None else self.truths.take(things, t, heard):
            share[items] = self._seen(things[items], t[items], low, stop)
        return np.where(known & (share >= self.coverage - EPSILON), count, np.nan), share

    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        known = ~np.isnan(self.edges.known[things])
        share = known.astype(np.float64)
        if self.truths is not None:
            share = self._seen(things, t, *self.truths.part(things, t))
        return np.where(known & (share >= self.coverage - EPSILON), stop - low, np.nan), share

    def changes(self, things: Rows, t: I64) -> tuple[I64, I64]:
        low, stop = self.trail.part(things, t)
        leaves = np.where(low < stop, self.trail.times(low, things) + self.over, NEVER)
        return leaves, self.drifts(things, t, low, stop)

    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        never: I64 = np.full(len(things), NEVER, np.int64)
        if self.truths is None:
            return never
        value, share = self.measure(things, t, low, stop)
        end = self.truths.watched(things, self.truths.part(things, t)[1])
        may = uncovered(share, ~np.isnan(value), self.coverage, t, end, self.over)
        return np.where(np.isnan(self.edges.known[things]), never, may)

    def _seen(self, things: Rows, t: I64, low: I64, stop: I64) -> F64:
        assert self.truths is not None, "only a coverage asks for it"
        seen = self.truths.spent(things, t, low, stop)[0]
        share: F64 = seen / self.over
        return share


class CalendarTimes(CalendarShare):
    """State: count i64 in the window, `Edges`, and that of `CalendarShare`: its observed time is the coverage."""

    arrays = (*CalendarShare.arrays, ("count", 0))

    def __init__(
        self, signal: Times, depth: int, zone: str, space: ThingTable, around: Surroundings, feed: SignalInput
    ) -> None:
        super().__init__(signal, depth, zone, space, around, feed)
        self.edges = Edges(space)
        self.parts = {"edges": self.edges}
        self.count: I64 = np.zeros(0, np.int64)

    def special(self, heard: PointReadings) -> Bools:
        again = heard.at == heard.before(self.truth, self.since)[1]
        found: Bools = super().special(heard) | again
        return found

    def quick(self, heard: PointReadings) -> None:
        super().quick(heard)
        risen = self.edges.follow(heard)
        np.add.at(self.count, risen.thing, risen.at >= self.start[risen.thing])

    def take(self, thing: int, value: float, at: int) -> int:
        since = super().take(thing, value, at)
        change = self.edges.step(thing, value, at)
        if at >= int(self.start[thing]):
            self.count[thing] += change
        return since

    def made(self, things: Rows, now: int) -> tuple[F64, F64]:
        _, cover = super().made(things, now)
        count = self.count[things].astype(np.float64)
        self.count[things] = 0
        return np.where(np.isnan(self.edges.known[things]), np.nan, count), cover
