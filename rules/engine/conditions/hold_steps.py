"""What one level makes of the truth at a moment: pending, on, clearing, vetoed (RULES section 5)."""

from rules.engine.conditions.hold_downtime import LevelPause
from rules.engine.conditions.threshold_state import (
    CLEARING,
    CLEARING_STALE,
    IDLE,
    ON,
    PENDING,
    PENDING_STALE,
    RELEASED,
    VETOED,
)
from rules.engine.state.thing_table import LONG_AGO


class LevelSteps(LevelPause):
    """Steps of level `j` of thing `i` at `t` µs; `reading` False = nothing was read then, it is looked at once more."""

    def _step(self, j: int, i: int, t: int, when: float, clear: float, *, reading: bool) -> None:
        """One level meets the truth at `t`."""
        phase = self.m_phase[j]
        now = phase[i]
        if now == IDLE:
            if when == 1.0:
                self._begin(j, i, t, reading=reading)
            return
        if now in (PENDING, PENDING_STALE):
            self._step_pending(j, i, t, when, reading=reading)
            return
        if now == VETOED:
            self._step_vetoed(j, i, t, when, reading=reading)
            return
        if now in (CLEARING, CLEARING_STALE):
            if self._step_clearing(j, i, t, clear, reading=reading):
                return
            now = phase[i]
        if clear == 1.0 and (self.levels[j].auto_clear or now == RELEASED):
            self._begin_clear(j, i, t, reading=reading)

    def _step_pending(self, j: int, i: int, t: int, when: float, *, reading: bool) -> None:
        phase, last = self.m_phase[j], self.m_last[j][i]
        due = self.m_since[j][i] + self.levels[j].hold.for_
        if due < t or (reading and t - last > self.gap(j, i)):  # what was due in time has fired before: it broke
            phase[i] = IDLE
            if when == 1.0:
                self._begin(j, i, t, reading=reading)
        elif when == 1.0:
            phase[i] = PENDING
            self.m_last[j][i] = t if reading else max(last, min(t, self.newest(i)))
            self.soonest = min(self.soonest, due)
            if t >= due and due - self.m_last[j][i] <= self.gap(j, i):
                self._turn_on(j, i)
        elif when == 0.0:
            phase[i] = IDLE

    def _step_vetoed(self, j: int, i: int, t: int, when: float, *, reading: bool) -> None:
        phase, last = self.m_phase[j], self.m_last[j][i]
        broken = reading and self.levels[j].hold.for_ > 0 and t - last > self.gap(j, i)
        if when == 0.0 or broken:
            phase[i] = IDLE
            if when == 1.0:
                self._begin(j, i, t, reading=reading)
        elif when == 1.0 and reading:
            self.m_last[j][i] = t

    def _step_clearing(self, j: int, i: int, t: int, clear: float, *, reading: bool) -> bool:
        """False when the level is on again, and meets the truth anew."""
        phase, last = self.m_phase[j], self.m_last[j][i]
        due = self.m_since[j][i] + self.levels[j].clear_hold
        if due < t or (reading and t - last > self.gap(j, i)):
            self._back_on(j, i)
            return False
        if clear == 1.0:
            phase[i] = CLEARING
            self.m_last[j][i] = t if reading else max(last, min(t, self.newest(i)))
            self.soonest = min(self.soonest, due)
            if t >= due and due - self.m_last[j][i] <= self.gap(j, i):
                phase[i] = IDLE
        elif clear == 0.0:
            self._back_on(j, i)
        return True

    def _begin_clear(self, j: int, i: int, t: int, *, reading: bool) -> None:
        length = self.levels[j].clear_hold
        self.m_phase[j][i] = CLEARING if length else IDLE
        if length:
            self._run(j, i, t, length, reading=reading)

    def _begin(self, j: int, i: int, t: int, *, reading: bool) -> None:
        if self.levels[j].hold.for_ == 0:
            self._turn_on(j, i)
            return
        self.m_phase[j][i] = PENDING
        self._run(j, i, t, self.levels[j].hold.for_, reading=reading)

    def _run(self, j: int, i: int, t: int, length: int, *, reading: bool) -> None:
        self.m_since[j][i] = t
        known = LONG_AGO if reading else self.newest(i)
        self.m_last[j][i] = t if known == LONG_AGO else min(t, known)
        self.soonest = min(self.soonest, t + length)

    def _turn_on(self, j: int, i: int) -> None:
        """Met for long enough: it is on, unless a veto, which `settle` asks for, keeps it from that."""
        self.m_phase[j][i] = ON if self.unless is None else VETOED
        self.m_since[j][i] = LONG_AGO
        if self.unless is None:
            self.m_last[j][i] = LONG_AGO

    def _let_go(self, j: int, i: int, at: int, when: float) -> None:
        """The veto of a level is over at `at`: it is on, if it is known to be met, and no silence broke its hold."""
        if self.levels[j].hold.for_ and at - self.m_last[j][i] > self.gap(j, i):
            self.m_phase[j][i] = IDLE
        elif when == 1.0:
            self.m_phase[j][i] = ON
        if self.m_phase[j][i] != VETOED:
            self.m_last[j][i] = LONG_AGO

    def _back_on(self, j: int, i: int) -> None:
        self.m_phase[j][i] = ON if self.levels[j].auto_clear else RELEASED
        self.m_since[j][i] = self.m_last[j][i] = LONG_AGO
