"""`increase` of a counter per calendar window (RULES section 4)."""

import numpy as np

from gateway.domain.counter import NewMeter
from gateway.domain.reading import F64, I64, U8
from rules.compiled import Increase
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.windows.base import EPSILON, PointReadings, Rows
from rules.engine.windows.calendar_window import CalendarWindow, WindowContext
from rules.engine.windows.counter import Counter


class CalendarIncrease(CalendarWindow):
    """State: base f64 (the line at the window's start), lost i64 µs, fresh u8 (base is the newest reading), silent u8
    (the last window was closed with the silence at its end as a gap): 18 B.

    And that of `Counter`, 192 B, and of `CalendarWindow`.
    """

    arrays = (*CalendarWindow.arrays, ("base", np.nan), ("lost", 0), ("fresh", 0), ("silent", 0))

    def __init__(self, signal: Increase, context: WindowContext) -> None:
        super().__init__(signal, context, (signal.point,))
        self.counter = Counter(context.space, context.around, signal.point, signal.counter)
        self.parts = {"counter": self.counter}
        self.per_day = signal.per_day
        self.base: F64 = np.zeros(0)
        self.lost: I64 = np.zeros(0, np.int64)
        self.fresh: U8 = np.zeros(0, np.uint8)
        self.silent: U8 = np.zeros(0, np.uint8)

    # --- readings
    def read(self, view: BatchView, inside: Bools) -> PointReadings:
        return self.counter.read(view, inside)

    def special(self, incoming: PointReadings) -> Bools:
        thing, at = incoming.thing, incoming.at
        start, end, last = self.start[thing], self.end[thing], self.counter.at[thing]
        # a night has not begun yet, or the first reading since it began was taken
        inside = (at < end) & ((last >= start) | (at < start)) & (at >= self.done[thing])
        found: Bools = ~(self.counter.rising(incoming) & inside) | (self.silent[thing] != 0)
        return found

    def quick(self, incoming: PointReadings) -> None:
        self.counter.run(incoming)
        thing = incoming.thing
        early = incoming.at < self.start[thing]
        self.fresh[thing] = early
        self.base[thing[early]] = incoming.value[early] + self.counter.shift[thing[early]]

    def take(self, thing: int, value: float, at: int) -> int:
        before = int(self.counter.at[thing])
        placed = self.counter.step(thing, value, at)
        if placed is None:
            return NEVER
        line = placed.line
        if placed.floor < self.base[thing]:  # what was counted before the window began never was
            self.base[thing] = placed.floor
        if before == LONG_AGO:
            self.open(thing, at)
            self._rebase(thing, line, max(0, at - int(self.start[thing])))
        elif at == before:  # another value of the same moment
            if self.fresh[thing]:
                self.base[thing] = line
        elif at < int(self.start[thing]):  # before the night, or in a window that a tick has closed
            self._rebase(thing, line, 0)
        else:
            self.fresh[thing] = 0
            if before < int(self.start[thing]):
                booked, lost = self._crossing(thing, before, at)
                self.lost[thing] = lost
                if not booked:
                    self._rebase(thing, line, lost)
        silent, self.silent[thing] = int(self.silent[thing]), 0
        if silent and at - before <= self.gap(thing):
            return before  # time alone had taken the silence for a gap
        return at if at < int(self.done[thing]) else NEVER

    def _rebase(self, thing: int, line: float, lost: int) -> None:
        self.base[thing], self.lost[thing], self.fresh[thing] = line, lost, 1

    def _crossing(self, thing: int, before: int, at: int) -> tuple[bool, int]:
        """(is the increase over the silence booked, µs lost in the window of `at`)."""
        if at - before <= self.gap(thing):
            return True, 0
        start, end = int(self.start[thing]), int(self.end[thing])
        first, until, _ = self.clock.window(thing, before)
        shares = [(at - start) / (end - start)]
        if until <= start:
            shares.append((until - max(before, first)) / (until - first))
            if self.clock.window(thing, until)[0] < start:
                shares.append(1.0)  # a whole window in between
        return max(shares) <= 1 - self.coverage + EPSILON, at - start

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        if point != self.points[0]:
            return
        before, line = int(self.counter.at[thing]), self.counter.line(thing)
        if line != line:
            self.take(thing, meter.start, meter.at)
        elif self.counter.exchange(thing, meter):
            self.fresh[thing] = 0
            if before < int(self.start[thing]) <= meter.at:
                booked, lost = self._crossing(thing, before, meter.at)
                self.lost[thing] = lost
                if not booked:
                    self._rebase(thing, self.counter.line(thing), lost)

    def changes(self, thing: int, value: float, at: int) -> bool:
        return not self.counter.sent_again(thing, value, at)

    # --- time
    def decided_from(self, thing: int, at: int) -> int:
        newest, before = int(self.counter.at[thing]), int(self.counter.moment.before("at")[thing])
        before = newest if newest < at else before
        return at if before == LONG_AGO else min(at, before)

    def reevaluate_from(self, thing: int, since: int) -> int:
        gap = self.gap(thing)  # no longer than this windows that ended wait until it is known whether it was one
        return since if gap == NEVER else since - gap

    def decided(self, things: Rows, now: int | I64) -> Bools:
        gap, silent_since = self.gaps(things), self.counter.at[things]
        start, end, lost = self.start[things], self.end[things], self.lost[things]
        allowed = (1 - self.coverage + EPSILON) * (end - start)
        known = (lost > allowed) | (lost + end - np.maximum(silent_since, start) <= allowed)
        found: Bools = known | (gap == NEVER) | (now > silent_since + gap)
        return found

    def decided_at(self, things: Rows) -> I64:
        found: I64 = self.counter.at[things] + self.gaps(things) + 1
        return found

    def made(self, things: Rows, now: int) -> tuple[F64, F64]:
        start, end = self.start[things], self.end[things]
        silent_since, gap = self.counter.at[things], self.gaps(things)
        silent = (gap != NEVER) & (now > silent_since + gap)
        lost = self.lost[things] + np.where(silent, end - np.maximum(silent_since, start), 0)
        line = self.counter.value[things] + self.counter.shift[things]
        value = line - self.base[things]
        if self.per_day:
            value /= self.clock.windows(things, start)[2] * 24  # the canonical time is the hour, so m3/day is m3/h
        self.silent[things], self.base[things], self.lost[things], self.fresh[things] = silent, line, 0, 1
        return value, 1 - lost / (end - start)
