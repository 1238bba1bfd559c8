"""`times`: how often a predicate became true per calendar window."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Times
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import PointReadings, Rows, Surroundings
from rules.engine.windows.calendar_share import CalendarShare
from rules.engine.windows.edges import Edges
from rules.engine.windows.signal_input import SignalInput


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
