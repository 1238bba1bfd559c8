"""`share` of a predicate per calendar window: the observed time in which it was true, by all observed time."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Calendar, Share, Times
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import PointReadings, Rows, Surroundings
from rules.engine.windows.calendar_window import CalendarWindow
from rules.engine.windows.signal_input import SignalInput


class CalendarShare(CalendarWindow):
    """State: truth f64 and its time since, seen and true i64 µs in the window: 32 B, and that of `CalendarWindow`."""

    arrays = (*CalendarWindow.arrays, ("truth", np.nan), ("since", LONG_AGO), ("seen", 0), ("true", 0))

    def __init__(
        self, signal: Share | Times, depth: int, zone: str, space: ThingTable, around: Surroundings, feed: SignalInput
    ) -> None:
        assert isinstance(signal.window, Calendar), "sliding windows are elsewhere"
        super().__init__(signal.name, "", signal.window, signal.coverage, depth, zone, space, around, feed.points)
        self.feed, self.of, self.gaps = feed, feed.bound, feed.gaps()
        self.truth: F64 = np.zeros(0)
        self.since: I64 = np.zeros(0, np.int64)
        self.seen: I64 = np.zeros(0, np.int64)
        self.true: I64 = np.zeros(0, np.int64)

    def latest(self, things: Rows) -> F64:
        return self.truth[things]

    def turned(self) -> I64:
        return self.since

    def special(self, heard: PointReadings) -> Bools:
        thing, at = heard.thing, heard.at
        start, since = self.start[thing], self.since[thing]
        inside = (at < self.end[thing]) & ((since >= start) | (at < start)) & (at >= self.done[thing])
        found: Bools = ~(inside & (since > LONG_AGO))
        return found

    def quick(self, heard: PointReadings) -> None:
        truth, since = heard.before(self.truth, self.since)
        self._book(heard.thing, truth, since, heard.at)
        self.truth[heard.thing], self.since[heard.thing] = heard.value, heard.at

    def _book(self, thing: Rows, truth: F64, since: I64, until: I64) -> None:
        """A truth held from `since` to `until`, or to the gap."""
        until = np.minimum(until, since + np.minimum(self.gaps(thing), NEVER // 4))
        span = np.maximum(until - np.maximum(since, self.start[thing]), 0)
        np.add.at(self.seen, thing, np.where(np.isnan(truth), 0, span))
        np.add.at(self.true, thing, np.where(truth == 1.0, span, 0))

    def take(self, thing: int, value: float, at: int) -> int:
        if at < int(self.since[thing]):
            return at if self.feed is not None and self.feed.turning else NEVER  # time alone may have turned it since
        if self.since[thing] == LONG_AGO:
            self.open(thing, at)
        else:
            one = np.array([thing])
            self._book(one, self.truth[one], self.since[one], np.array([at]))
        self.truth[thing], self.since[thing] = value, at
        return at if at < int(self.done[thing]) else NEVER

    def made(self, things: Rows, now: int) -> tuple[F64, F64]:  # noqa: ARG002 - nothing after its end matters
        start, end = self.start[things], self.end[things]
        left = things[self.since[things] < end]
        self._book(left, self.truth[left], self.since[left], self.end[left])
        seen, true = self.seen[things], self.true[things]
        self.seen[things] = self.true[things] = 0
        return np.where(seen > 0, true / np.maximum(seen, 1), np.nan), seen / (end - start)
