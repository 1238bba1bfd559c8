"""`times`: how often a predicate became true per calendar window."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Times
from rules.engine.frames.batch_view import Bools
from rules.engine.windows.base import PointReadings, Rows
from rules.engine.windows.calendar_truth import CalendarTruth
from rules.engine.windows.calendar_window import CalendarWindow, WindowContext
from rules.engine.windows.edges import Edges
from rules.engine.windows.signal_input import SignalInput


class CalendarTimes(CalendarWindow):
    """State: count i64 in the window, `Edges`, `CalendarTruth`, whose observed time is the coverage, and that of
    `CalendarWindow`.
    """

    arrays = (*CalendarWindow.arrays, ("count", 0))

    def __init__(self, signal: Times, context: WindowContext, feed: SignalInput) -> None:
        super().__init__(signal, context, feed.points, feed)
        self.truth, self.edges = CalendarTruth(context.space, self, turning=feed.turning), Edges(context.space)
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
