"""What one level makes of the truth at a moment: pending, on, clearing, vetoed (RULES section 5)."""

from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.threshold_conditions import ThresholdConditions
from rules.engine.conditions.threshold_state import (
    CLEARING,
    CLEARING_STALE,
    IDLE,
    ON,
    PENDING,
    PENDING_STALE,
    RELEASED,
    VETOED,
    ThresholdState,
)
from rules.engine.state.thing_table import LONG_AGO, NEVER


class HoldSteps:
    """Steps of level `j` of thing `i` at `t` µs. `known`: None at a reading; where nothing was read, the thing is
    judged once more and this is the time of the newest known value, µs.
    """

    def __init__(self, context: EvaluatorContext, state: ThresholdState, conditions: ThresholdConditions) -> None:
        self.context, self.state, self.levels = context, state, state.levels
        self.gap, self.vetoes = conditions.gap, conditions.unless is not None

    def step(self, j: int, i: int, t: int, when: float, clear: float, known: int | None) -> None:
        """One level, with its truths at `t`."""
        phase = self.state.m_phase[j]
        now = phase[i]
        if now == IDLE:
            if when == 1.0:
                self._begin(j, i, t, known)
            return
        if now in (PENDING, PENDING_STALE):
            self._step_pending(j, i, t, when, known)
            return
        if now == VETOED:
            self._step_vetoed(j, i, t, when, known)
            return
        if now in (CLEARING, CLEARING_STALE):
            if self._step_clearing(j, i, t, clear, known):
                return
            now = phase[i]
        if clear == 1.0 and (self.levels[j].auto_clear or now == RELEASED):
            self._begin_clear(j, i, t, known)

    def _broken(self, j: int, i: int, t: int, due: int, known: int | None) -> bool:
        """True if a hold ended before: its end was missed, or the silence before this reading was too long."""
        return due < t or (known is None and t - self.state.m_last[j][i] > self.gap(j, i))

    def _step_pending(self, j: int, i: int, t: int, when: float, known: int | None) -> None:
        phase = self.state.m_phase[j]
        due = self.state.m_since[j][i] + self.levels[j].hold.for_
        if self._broken(j, i, t, due, known):
            phase[i] = IDLE
            if when == 1.0:
                self._begin(j, i, t, known)
        elif when == 1.0:
            phase[i] = PENDING
            if self._true_at(j, i, t, due, known):
                self.turn_on(j, i)
        elif when == 0.0:
            phase[i] = IDLE

    def _step_vetoed(self, j: int, i: int, t: int, when: float, known: int | None) -> None:
        phase, last = self.state.m_phase[j], self.state.m_last[j][i]
        broken = known is None and self.levels[j].hold.for_ > 0 and t - last > self.gap(j, i)
        if when == 0.0 or broken:
            phase[i] = IDLE
            if when == 1.0:
                self._begin(j, i, t, known)
        elif when == 1.0 and known is None:
            self.state.m_last[j][i] = t

    def _step_clearing(self, j: int, i: int, t: int, clear: float, known: int | None) -> bool:
        """False when the level is on again, and has to be judged once more."""
        phase = self.state.m_phase[j]
        due = self.state.m_since[j][i] + self.levels[j].clear_hold
        if self._broken(j, i, t, due, known):
            self._back_on(j, i)
            return False
        if clear == 1.0:
            phase[i] = CLEARING
            if self._true_at(j, i, t, due, known):
                phase[i] = IDLE
        elif clear == 0.0:
            self._back_on(j, i)
        return True

    def _true_at(self, j: int, i: int, t: int, due: int, known: int | None) -> bool:
        """A running hold is still true at `t`. True if it is complete."""
        last = self.state.m_last[j]
        last[i] = t if known is None else max(last[i], min(t, known))
        self.context.timer(due)
        return t >= due and due - last[i] <= self.gap(j, i)

    def _begin_clear(self, j: int, i: int, t: int, known: int | None) -> None:
        length = self.levels[j].clear_hold
        self.state.m_phase[j][i] = CLEARING if length else IDLE
        if length:
            self._run(j, i, t, length, known)

    def _begin(self, j: int, i: int, t: int, known: int | None) -> None:
        if self.levels[j].hold.for_ == 0:
            self.turn_on(j, i)
            return
        self.state.m_phase[j][i] = PENDING
        self._run(j, i, t, self.levels[j].hold.for_, known)

    def _run(self, j: int, i: int, t: int, length: int, known: int | None) -> None:
        self.state.m_since[j][i] = t
        self.state.m_last[j][i] = t if known is None or known == LONG_AGO else min(t, known + self._away(i, known))
        self.context.timer(t + length)

    def _away(self, i: int, known: int) -> int:
        """What holds of the thing have moved on since `known` by the down-time in its silence: one that begins later in
        that silence has its evidence from `known`, too.
        """
        upto = self.state.paused.get(i, LONG_AGO)
        begin = max(known, self.context.downtime.newest_reading(i)) if upto > known else upto
        return self.context.common.downs.taken(begin, upto, known, NEVER, upto, whole=False)

    def turn_on(self, j: int, i: int) -> None:
        """Met for long enough: it is on, unless a veto, which has to be asked for next, keeps it from that."""
        self.state.m_phase[j][i] = VETOED if self.vetoes else ON
        self.state.m_since[j][i] = LONG_AGO
        if not self.vetoes:
            self.state.m_last[j][i] = LONG_AGO

    def complete(self, j: int, i: int) -> None:
        """A hold ended in time: the level is on, or idle when it was to clear."""
        if self.state.m_phase[j][i] in (PENDING, PENDING_STALE):
            self.turn_on(j, i)
        else:
            self.state.m_phase[j][i] = IDLE

    def end_veto(self, j: int, i: int, at: int, when: float) -> None:
        """The veto of a level is over at `at`: it is on, if it is known to be met, and no silence broke its hold."""
        phase = self.state.m_phase[j]
        if self.levels[j].hold.for_ and at - self.state.m_last[j][i] > self.gap(j, i):
            phase[i] = IDLE
        elif when == 1.0:
            phase[i] = ON
        if phase[i] != VETOED:
            self.state.m_last[j][i] = LONG_AGO

    def _back_on(self, j: int, i: int) -> None:
        self.state.m_phase[j][i] = ON if self.levels[j].auto_clear else RELEASED
        self.state.m_since[j][i] = self.state.m_last[j][i] = LONG_AGO
