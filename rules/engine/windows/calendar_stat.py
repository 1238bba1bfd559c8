"""mean min max sum count first last spread stddev and percentiles per calendar window."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Stat
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.windows.base import PointReadings, Rows
from rules.engine.windows.calendar_window import CalendarWindow, WindowContext
from rules.engine.windows.signal_input import SignalInput
from rules.engine.windows.window_values import WindowValues


class CalendarStat(CalendarWindow):
    """State: seen (observed µs), newest, at, shut 32 B, `WindowValues`, and that of `CalendarWindow`.

    The newest reading is kept apart until the next one comes: the same moment may come again with another value.
    It is observed until then, for no longer than the gap, and until a bad one (`shut`).
    """

    arrays = (*CalendarWindow.arrays, ("seen", 0), ("newest", np.nan), ("at", LONG_AGO), ("shut", NEVER))

    def __init__(self, signal: Stat, context: WindowContext, feed: SignalInput) -> None:
        super().__init__(signal, context, feed.points, feed)
        self.values = WindowValues(context.space, signal.what, signal.rank)
        self.parts = {"values": self.values}
        self.seen: I64 = np.zeros(0, np.int64)
        self.at: I64 = np.zeros(0, np.int64)
        self.shut: I64 = np.zeros(0, np.int64)
        self.newest: F64 = np.zeros(0)

    def latest(self, things: Rows) -> F64:
        return np.where(self.shut[things] == NEVER, self.newest[things], np.nan)

    def turned(self) -> I64:
        return self.at

    # --- readings
    def special(self, incoming: PointReadings) -> Bools:
        thing, at = incoming.thing, incoming.at
        start, (_, last) = self.start[thing], incoming.before(self.newest, self.at)
        inside = (at < self.end[thing]) & ((self.at[thing] >= start) | (at < start)) & (at >= self.done[thing])
        inside &= self.at[thing] > LONG_AGO
        found: Bools = ~((at > last) & inside & ~np.isnan(incoming.value))
        return found

    def quick(self, incoming: PointReadings) -> None:
        thing, first = incoming.thing, incoming.first()
        before, moment = incoming.before(self.newest, self.at)
        self._book(thing, before, moment, np.minimum(incoming.at, np.where(first, self.shut[thing], NEVER)))
        self.newest[thing], self.at[thing], self.shut[thing] = incoming.value, incoming.at, NEVER

    def _book(self, thing: Rows, value: F64, at: I64, until: I64) -> None:
        """Readings inside their window are over: the next came, or nothing can come. Observed to `until` at most."""
        start = self.start[thing]
        until = np.minimum(until, at + np.minimum(self.gaps(thing), NEVER // 4))
        np.add.at(self.seen, thing, np.maximum(until - np.maximum(at, start), 0))
        inside = (at >= start) & ~np.isnan(value)
        if not inside.all():
            thing, value = thing[inside], value[inside]
        self.values.add(thing, value)

    def take(self, thing: int, value: float, at: int) -> int:
        last = int(self.at[thing])
        if at < last:
            return at if self.feed is not None and self.feed.turning else NEVER  # time alone may have given it a value
        if last == LONG_AGO:
            if value == value:
                self.open(thing, at)
                self.newest[thing], self.at[thing] = value, at
            return NEVER
        if value != value:
            if at == last:
                self.newest[thing] = np.nan
            self.shut[thing] = min(int(self.shut[thing]), at)
        elif at == last:
            self.newest[thing], self.shut[thing] = value, NEVER
        else:
            one = np.array([thing])
            until = min(at, int(self.shut[thing]))
            self._book(one, self.newest[one], self.at[one], np.array([until]))
            self.newest[thing], self.at[thing], self.shut[thing] = value, at, NEVER
        return at if at < int(self.done[thing]) else NEVER

    # --- time
    def made(self, things: Rows, now: int) -> tuple[F64, F64]:  # noqa: ARG002 - nothing after its end matters
        start, end = self.start[things], self.end[things]
        left = things[self.at[things] < end]
        self._book(left, self.newest[left], self.at[left], np.minimum(self.end[left], self.shut[left]))
        value, cover = self.values.value(things, self.newest[things]), self.seen[things] / (end - start)
        self.seen[things] = 0
        self.values.clear(things)
        return value, cover
