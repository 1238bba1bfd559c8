"""The ends of calendar windows of one rule: which close, and at which of them the rule can be judged."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from gateway.domain.alarm import SignalSeen
from rules.engine.signals.chain import Chain, Observe
from rules.engine.signals.closing import Closing
from rules.engine.space import LONG_AGO


class Ends:
    """Each window closes when what it is worth is decided; the rule is judged at an end when no earlier one is open.

    A window may be closed while another that ended before it, or with it, still waits for a reading of its own point.
    `behind`: while the rule is judged at an end (`at` µs) that others have passed, how many windows each signal has
    closed since; empty = none has.
    """

    def __init__(self, windows: Sequence[Closing], chain: Chain) -> None:
        self.windows, self.chain = windows, chain
        self.behind: dict[str, int] = {}
        self.at = LONG_AGO

    def closings(
        self, thing: int, now: int, heard: Collection[Closing], watch: frozenset[str] | None, observe: Observe
    ) -> Iterator[int]:  # fmt: skip
        """Close what ended at or before `now` µs and is decided; yields each end at which the rule can be judged.

        `heard`: the signals with a reading at `now`, which decides whether the silence before it was a gap. `watch`:
        the signals whose windows are judged, None = all. Signals made of closed windows hear them all at once: there a
        reading of one decides for all.
        """
        if heard and self.chain.passes_on:
            heard = self.windows
        only = np.array([thing])
        while True:
            first = min(int(one.end[thing]) for one in self.windows)
            if first > now:
                return
            due = [one for one in self.windows if one.end[thing] <= now]
            ready = [one for one in due if one in heard or one.decided(only, now)[0]]
            if self.chain.passes_on and any(one.end[thing] == first and one not in ready for one in due):
                return
            if not ready:
                return
            end = min(int(one.end[thing]) for one in ready)
            ready = [one for one in ready if one.end[thing] == end]
            if end > first:
                self._keep(thing, ready, first)
            new = self.chain.close(thing, ready, end, now, observe)
            yield from self._judged(thing, first, new if watch is None else new & watch, watch)

    def _keep(self, thing: int, ready: Sequence[Closing], first: int) -> None:
        """The windows of `ready` close before one that ended at `first`: what was before is still asked for."""
        for one in ready:
            one.deepen(1 + self._since(one, thing, first))

    def _judged(self, thing: int, first: int, new: Collection[str], watch: frozenset[str] | None) -> Iterator[int]:
        """The ends from `first` up to the next one that is open."""
        until = min(int(one.end[thing]) for one in self.windows)
        if until == first:
            return
        if max(int(one.done[thing]) for one in self.windows) == first:
            if new or any(one.done[thing] == first for one in self._watched(watch)):
                yield first
            return
        if any(self._since(one, thing, first) > one.kept for one in self.windows):
            # a point first heard in an old packet: of others, time alone has closed and judged what ended since
            if new:
                yield first
            return
        end = first
        while end < until:
            if any(self._ends(one, thing, end) for one in self._watched(watch)):
                self.behind, self.at = {one.name: self._since(one, thing, end) for one in self.windows}, end
                yield end
                self.behind = {}
            end = min(one.window(thing, end)[1] for one in self.windows)

    def _watched(self, watch: frozenset[str] | None) -> list[Closing]:
        return [one for one in self.windows if watch is None or one.name in watch]

    def _ends(self, one: Closing, thing: int, end: int) -> bool:
        """Did a window of it end then?"""
        return int(one.done[thing]) >= end and one.window(thing, end - 1)[1] == end

    def _since(self, one: Closing, thing: int, end: int) -> int:
        """How many windows that ended after `end` it has closed; one more than it keeps stands for all above."""
        done, count = int(one.done[thing]), 0
        while done > end and count <= one.kept and (end := one.window(thing, end)[1]) <= done:
            count += 1
        return count

    def begin(self, thing: int, end: int) -> int:
        """Start of the earliest window that ended at `end` µs, one at which the rule is judged."""
        if not self.behind:  # all of them closed last then
            return min(int(one.begun[thing]) for one in self.windows if one.done[thing] == end)
        return min(one.window(thing, end - 1)[0] for one in self.windows if self._ends(one, thing, end))

    def seen(self, one: Closing, thing: int) -> SignalSeen:
        """The window whose value is judged, or that closed last, for evidence."""
        behind = self.behind.get(one.name, 0)
        value, begun, end = float(one.ring[behind, thing]), int(one.begun[thing]), int(one.done[thing])
        if end == LONG_AGO:
            return SignalSeen(one.name, None, one.unit, 0, 0, 0.0)
        known = None if value != value else value
        if not behind:
            return SignalSeen(one.name, known, one.unit, begun, end, float(one.cover[thing]))
        begun, end, _ = one.window(thing, self.at - one.calendar.longest)
        while (later := one.window(thing, end))[1] <= self.at:
            begun, end, _ = later
        # of an older window it is only known that it was enough, or not
        return SignalSeen(one.name, known, one.unit, begun, end, 0.0 if known is None else one.coverage)
