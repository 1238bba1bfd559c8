"""The ends of calendar windows of one rule: which close, and at which of them the rule can be judged."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from gateway.domain.alarm import SignalSeen
from gateway.domain.reading import I64
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.windows.base import Rows
from rules.engine.windows.calendar_window import CalendarWindow
from rules.engine.windows.nested_signals import NestedSignals, Observe


class WindowEnds:
    """Each window closes when what it is worth is decided; the rule is judged at an end when no earlier one is open.

    A window may be closed while another that ended before it, or with it, still waits for a reading of its own point.
    `behind`: while the rule is judged at an end (`at` µs) that others have passed, how many windows each signal has
    closed since; empty = none has.
    """

    def __init__(self, windows: Sequence[CalendarWindow], chain: NestedSignals) -> None:
        self.windows, self.chain = windows, chain
        self.bare = [one for one in windows if one.name not in chain.derived]
        self.behind: dict[str, int] = {}
        self.at = LONG_AGO

    def due(self, things: Rows, t: I64) -> Bools:
        """Of which of these things a window that ended by `t` µs can close."""
        found = np.zeros(len(things), np.bool_)
        first = np.full(len(things), NEVER, np.int64)
        for one in self.bare:
            first = np.minimum(first, one.end[things])
            if len(ended := np.flatnonzero(one.end[things] <= t)):
                found[ended] |= one.decided(things[ended], t[ended])
        for one in self.windows:
            if one.name in self.chain.derived:
                found |= (one.end[things] <= t) & (one.end[things] < first)
        return found

    def closings(
        self, place: At, incoming: Collection[CalendarWindow], watch: frozenset[str] | None, observe: Observe
    ) -> Iterator[int]:
        """Close what ended by then and is decided; yields each end at which the rule can be judged.

        `incoming`: the signals with a reading there, which decides whether the silence before it was a gap. `watch`:
        the signals whose windows are judged, None = all. A signal made of closed windows closes, and gets their
        values, when none of them that ended by then is open.
        """
        thing, now = place.thing, place.t
        only = np.array([thing])
        while True:
            first = min(int(one.end[thing]) for one in self.windows)
            if first > now:
                return
            bare = min(int(one.end[thing]) for one in self.bare)
            ready = [
                one for one in self.bare if one.end[thing] <= now and (one in incoming or one.decided(only, now)[0])
            ]
            if first < bare:
                end = first
            elif ready:
                end = min(int(one.end[thing]) for one in ready)
                self._close(thing, [one for one in ready if one.end[thing] == end], bare, now, observe)
            else:
                return
            until = min([now + 1, *(int(one.end[thing]) for one in self.bare)])
            if first < until:
                yield from self._judged(place, first, until, watch, observe)

    def _close(self, thing: int, ready: Sequence[CalendarWindow], first: int, now: int, observe: Observe) -> None:
        """Close windows that are made of readings; `first`: where the first that is open ended."""
        if ready[0].end[thing] > first:
            self._keep(thing, ready, first)
        for one in ready:
            observe(thing, one, float(one.close(np.array([thing]), now)[0]))

    def _keep(self, thing: int, ready: Sequence[CalendarWindow], first: int) -> None:
        """The windows of `ready` close before one that ended at `first`: what was before is still asked for."""
        for one in ready:
            one.deepen(1 + self._since(one, thing, first))

    def _judged(
        self, place: At, first: int, until: int, watch: frozenset[str] | None, observe: Observe
    ) -> Iterator[int]:
        """The ends from `first` up to the next one that is open, at `until` µs."""
        thing = place.thing
        if any(self._since(one, thing, first) > one.kept for one in self.windows):
            # a point that first came in an old packet: of others, time alone has closed and judged what ended since
            if self.chain.passes_on:
                self.chain.note(thing, first)
            if any(one.done[thing] == first for one in self.windows if watch is None or one.name in watch):
                yield first
            return
        end = first
        while end < until:
            self.behind, self.at = {one.name: self._since(one, thing, end) for one in self.windows}, end
            if not any(self.behind.values()):
                self.behind = {}
            begun = {
                one.name: one.clock.window(thing, end - 1)[0] for one in self.windows if self._ends(one, thing, end)
            }
            new = self.chain.pass_on(place, begun, end, observe)
            if new if watch is None else new & watch:
                yield end
            self.behind = {}
            end = min(self._next(one, thing, end) for one in self.windows)

    def _ends(self, one: CalendarWindow, thing: int, end: int) -> bool:
        """True if a window of it ended then."""
        done = int(one.done[thing])
        return done == end or (done > end and one.clock.window(thing, end - 1)[1] == end)

    def _next(self, one: CalendarWindow, thing: int, end: int) -> int:
        """Where its next window ends after `end`."""
        return int(one.end[thing]) if one.done[thing] <= end else one.clock.window(thing, end)[1]

    def _since(self, one: CalendarWindow, thing: int, end: int) -> int:
        """How many windows that ended after `end` it has closed; one more than it keeps stands for all above."""
        done, count = int(one.done[thing]), 0
        while done > end and count <= one.kept and (end := one.clock.window(thing, end)[1]) <= done:
            count += 1
        return count

    def begin(self, thing: int, end: int) -> int:
        """Start of the earliest window that ended at `end` µs, one at which the rule is judged."""
        if not self.behind:  # all of them closed last then
            return min(int(one.begun[thing]) for one in self.windows if one.done[thing] == end)
        return min(one.clock.window(thing, end - 1)[0] for one in self.windows if self._ends(one, thing, end))

    def seen(self, one: CalendarWindow, thing: int) -> SignalSeen:
        """The window whose value is judged, or that closed last, for evidence."""
        behind = self.behind.get(one.name, 0)
        value, begun, end = float(one.ring[behind, thing]), int(one.begun[thing]), int(one.done[thing])
        if end == LONG_AGO:
            return SignalSeen(one.name, None, one.unit, 0, 0, 0.0)
        known = None if value != value else value
        if not behind:
            return SignalSeen(one.name, known, one.unit, begun, end, float(one.cover[thing]))
        begun, end, _ = one.clock.window(thing, self.at - one.calendar.longest)
        while (later := one.clock.window(thing, end))[1] <= self.at:
            begun, end, _ = later
        # of an older window it is only known that it was enough, or not
        return SignalSeen(one.name, known, one.unit, begun, end, 0.0 if known is None else one.coverage)
