"""Holds over a down-time of the gateway: they move on by the part of it in which the device was silent (RULES 5)."""

import numpy as np

from gateway.domain.reading import I64
from rules.engine.conditions.threshold_state import G_BUSY, PENDING, PENDING_STALE, VETOED, WAITS, LevelState
from rules.engine.frames.batch_view import BatchView
from rules.engine.state.thing_table import LONG_AGO, NEVER


class LevelPause(LevelState):
    """`paused`: up to when the silences of a thing have been taken out of its running holds."""

    def take_out(self, now: int) -> None:
        """Running holds of things that are silent since a down-time move on, before anything is judged at a tick."""
        downs = self.common.downs
        if not downs.spans or not self.timed:
            return
        things = np.unique(self.pending()[0])
        for i in things[self.space.newest[things] < downs.latest].tolist():
            if self.open_until(i, now, self.judged) <= now:
                self.resume(i, self.spoke(i), now)

    def silent_in(self, view: BatchView) -> None:
        for unit in sorted(view.spans) if self.timed else ():
            if self.m_gate[view.thing[unit]] == G_BUSY:
                self.resume(int(view.thing[unit]), *view.spans[unit], int(view.t[unit]))

    def not_yet(self, now: int) -> I64 | None:
        found = super().not_yet(now)
        if found is not None and self.timed:
            things = np.unique(self.pending()[0])
            for i in things[self.space.newest[things] < self.common.downs.latest].tolist():
                found[i] = max(int(found[i]), self.open_until(i, now, self.judged))
        return found

    def running(self, i: int) -> tuple[int, int]:
        """The silence of a thing that lasts, up to the end of the newest down-time."""
        return self.spoke(i), self.common.downs.latest

    def resume(self, i: int, begin: int, end: int, now: int = NEVER) -> None:
        """The device's silence (begin, end], that may go on, met a down-time: running holds move on by the part we
        were away up to `now`, each part once."""
        known, upto = self.paused.get(i, LONG_AGO), min(end, now)
        if upto <= known:
            return
        taken = False
        for j, level in enumerate(self.levels):
            phase, since, last = self.m_phase[j][i], self.m_since[j][i], self.m_last[j][i]
            if phase == VETOED:  # it is full: only what was heard of it counts
                since, due = LONG_AGO, upto
            elif phase not in WAITS:
                continue
            else:
                due = since + (level.hold.for_ if phase in (PENDING, PENDING_STALE) else level.clear_hold)
            pause, unheard = (
                self.pause(i, begin, end, self.judged, since=max(known, one), due=due, upto=upto)
                for one in (since, last)
            )
            if not pause and not unheard:
                continue
            taken = True
            if self.rule.downtime == "reset":
                self.m_since[j][i], self.m_last[j][i] = NEVER // 2, LONG_AGO  # broken at the next reading
            else:
                self.m_since[j][i], self.m_last[j][i] = since + pause, last + unheard
        if taken:
            self.paused[i] = upto
