"""Holds over a down-time of the gateway: they move on by the part of it in which the device was silent (RULES 5)."""

import numpy as np

from gateway.domain.reading import I64
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.threshold_conditions import ThresholdConditions
from rules.engine.conditions.threshold_state import G_BUSY, VETOED, WAITS, ThresholdState
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView
from rules.engine.state.thing_table import LONG_AGO, NEVER


class HoldDowntime:
    """Works on the running holds of `state`."""

    def __init__(self, context: EvaluatorContext, state: ThresholdState, conditions: ThresholdConditions) -> None:
        self.context, self.state, self.conditions = context, state, conditions
        self.downs, self.downtime = context.common.downs, context.downtime

    def open_until(self, thing: int, now: int) -> int:
        """Until when it is open at engine time `now` whether a down-time counts for the thing, µs; LONG_AGO = known."""
        return self.downtime.open_until(thing, now, self.conditions.judged)

    def _silent(self) -> list[int]:
        """Things with a running hold that are silent since the newest down-time."""
        things = np.unique(self.state.pending()[0])
        found: list[int] = things[self.context.space.newest[things] < self.downs.latest].tolist()
        return found

    def take_out(self, now: int) -> None:
        """At a tick, before anything is judged, the holds of silent things move on."""
        if not self.downs.spans or not self.state.timed:
            return
        for i in self._silent():
            if self.open_until(i, now) <= now:
                self._resume(i, self.downtime.newest_reading(i), now)

    def silent_in(self, view: BatchView) -> None:
        """A view was judged: holds move on by the silences in it, and those that waited for their ends are due."""
        for unit in sorted(view.spans) if self.state.timed else ():
            if self.state.m_gate[view.thing[unit]] == G_BUSY:
                self._resume(int(view.thing[unit]), *view.spans[unit], int(view.t[unit]))
                self.context.timer(int(view.t[unit]))

    def before(self, here: At) -> None:
        """Before a thing is judged, its holds move on by the silences up to then."""
        if not self.downs.spans:
            return
        if here.view is None:
            self._resume(here.thing, self.downtime.newest_reading(here.thing), self.downs.latest)
            return
        for silence in here.view.silences(here.unit):
            self._resume(here.thing, *silence, here.t)

    def hold_back(self, found: I64, now: int) -> None:
        """Moments of things with such a hold wait until it is known whether the down-time counts: `found` i64[n] µs."""
        for i in self._silent() if self.state.timed else ():
            found[i] = max(int(found[i]), self.open_until(i, now))

    def _resume(self, i: int, begin: int, end: int, now: int = NEVER) -> None:
        """The device's silence (begin, end], that may go on, met a down-time: running holds move on by the part we
        were away up to `now`, each part once.
        """
        state = self.state
        known, upto = state.paused.get(i, LONG_AGO), min(end, now)
        if upto <= known:
            return
        taken = False
        for j in range(len(state.levels)):
            phase, since, last = state.m_phase[j][i], state.m_since[j][i], state.m_last[j][i]
            if phase == VETOED:  # it is full: only its newest reading counts
                since, due = LONG_AGO, upto
            elif phase not in WAITS:
                continue
            else:
                due = since + state.length(j, phase)
            pause, unread = (
                self.downtime.pause(i, begin, end, self.conditions.judged, since=max(known, one), due=due, upto=upto)
                for one in (since, last)
            )
            if not pause and not unread:
                continue
            taken = True
            if self.context.rule.downtime == "reset":
                state.m_since[j][i], state.m_last[j][i] = NEVER // 2, LONG_AGO  # broken at the next reading
            else:
                state.m_since[j][i], state.m_last[j][i] = since + pause, last + unread
        if taken:
            state.paused[i] = upto
