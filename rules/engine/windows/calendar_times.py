"""`times`: how often a predicate became true per calendar window."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Calendar, Times
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import PointReadings, Rows, Surroundings
from rules.engine.windows.calendar_truth import CalendarTruth
from rules.engine.windows.calendar_window import CalendarWindow
from rules.engine.windows.edges import Edges
from rules.engine.windows.signal_input import SignalInput


class CalendarTimes(CalendarWindow):
    """State: count i64 in the window, `Edges`, `CalendarTruth`, whose observed time is the coverage, and that of
    `CalendarWindow`.
    """

    arrays = (*CalendarWindow.arrays, ("count", 0))

    def __init__(
        self, signal: Times, depth: int, zone: str, space: ThingTable, around: Surroundings, feed: SignalInput
    ) -> None:
        assert isinstance(signal.window, Calendar), "sliding windows are elsewhere"
        super().__init__(signal.name, "", signal.window, signal.coverage, depth, zone, space, around, feed.points)
        self.feed, self.of, self.gaps = feed, feed.bound, feed.gaps()
        self.truth, self.edges = CalendarTruth(space, self, turning=feed.turning), Edges(space)
        self.parts = {"truth": self.truth, "edges": self.edges}
        self.count: I64 = np.zeros(0, np.int64)

    def latest(self, things: Rows) -> F64:
        return self.truth.truth[things]

    def turned(self) -> I64:
        return self.truth.since

    def special(self, incoming: PointReadings) -> Bools:
        again = incoming.at == incoming.before(self.truth.truth, self.truth.since)[1]
        found: Bools = self.truth.special(incoming) | again
        return found

    def quick(self, incoming: PointReadings) -> None:
        self.truth.quick(incoming)
        risen = self.edges.follow(incoming)
        np.add.at(self.count, risen.thing, risen.at >= self.start[risen.thing])

    def take(self, thing: int, value: float, at: int) -> int:
        doubt = self.truth.take(thing, value, at)
        change = self.edges.step(thing, value, at)
        if at >= int(self.start[thing]):
            self.count[thing] += change
        return doubt

    def made(self, things: Rows, now: int) -> tuple[F64, F64]:  # noqa: ARG002 - nothing after its end matters
        seen, _ = self.truth.close(things)
        count = self.count[things].astype(np.float64)
        self.count[things] = 0
        cover = seen / (self.end[things] - self.start[things])
        return np.where(np.isnan(self.edges.known[things]), np.nan, count), cover
