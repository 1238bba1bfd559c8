"""`share` of a predicate per calendar window: the observed time in which it was true, by all observed time."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Share
from rules.engine.frames.batch_view import Bools
from rules.engine.windows.base import PointReadings, Rows
from rules.engine.windows.calendar_truth import CalendarTruth
from rules.engine.windows.calendar_window import CalendarWindow, WindowContext
from rules.engine.windows.signal_input import SignalInput


class CalendarShare(CalendarWindow):
    """State: `CalendarTruth`, 32 B, and that of `CalendarWindow`."""

    def __init__(self, signal: Share, context: WindowContext, feed: SignalInput) -> None:
        super().__init__(signal, context, feed.points, feed)
        self.truth = CalendarTruth(context.space, self, turning=feed.turning)
        self.parts = {"truth": self.truth}

    def latest(self, things: Rows) -> F64:
        return self.truth.truth[things]

    def turned(self) -> I64:
        return self.truth.since

    def special(self, incoming: PointReadings) -> Bools:
        return self.truth.special(incoming)

    def quick(self, incoming: PointReadings) -> None:
        self.truth.quick(incoming)

    def take(self, thing: int, value: float, at: int) -> int:
        return self.truth.take(thing, value, at)

    def made(self, things: Rows, now: int) -> tuple[F64, F64]:  # noqa: ARG002 - nothing after its end matters
        seen, true = self.truth.close(things)
        return np.where(seen > 0, true / np.maximum(seen, 1), np.nan), seen / (self.end[things] - self.start[things])
