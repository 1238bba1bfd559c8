"""The life of an alarm with levels: hold, gap, clear, clear_hold, latch, down-time (RULES section 5)."""

from collections.abc import Sequence

from gateway.domain.alarm import Change
from rules.engine.bound import Bound
from rules.engine.level_state import (
    CLEARING,
    CLEARING_STALE,
    G_BUSY,
    IDLE,
    IS_ON,
    ON,
    PENDING,
    PENDING_STALE,
    RELEASED,
    WAITS,
    LevelState,
)
from rules.engine.space import LONG_AGO, NEVER
from rules.engine.view import View


class LevelMachine(LevelState):
    """What one look at the conditions, or one timer, does to the levels of a thing."""

    # --- one judgement
    def judge(
        self, i: int, t: int, when: Sequence[float], clear: Sequence[float], view: View | None, unit: int,
        *, reading: bool = True, before: bool = False,
    ) -> None:  # fmt: skip
        """The conditions of thing `i` are `when`, `clear` at `t` µs; `reading` False = looked at once more."""
        if self.m_gate[i] == G_BUSY:
            if view is not None and self.common.downs.spans:
                self._resume(i, *view.span(unit))
            self._fire(i, t, view, unit)
        withdrawn = False
        for j in range(len(self.levels)):
            withdrawn |= self._step(j, i, t, when[j], clear[j], reading=reading)
        self.settle(i, t, view, unit, before=before, withdrawn=withdrawn)

    def _step(self, j: int, i: int, t: int, when: float, clear: float, *, reading: bool) -> bool:
        """One level meets the truth at `t`; True when an older reading denies what a tick had raised."""
        phase, rule = self.m_phase[j], self.levels[j]
        now = phase[i]
        if now == IDLE:
            if when == 1.0:
                self._begin(j, i, t, reading=reading)
            return False
        since, last = self.m_since[j][i], self.m_last[j][i]
        if now in (PENDING, PENDING_STALE):
            due = since + rule.hold.for_
            if due < t or (reading and t - last > self.gap(j, i)):  # what was due in time has fired before: it broke
                phase[i] = IDLE
                if when == 1.0:
                    self._begin(j, i, t, reading=reading)
            elif when == 1.0:
                phase[i] = PENDING
                self.m_last[j][i] = t if reading else last
                if t >= due and due - self.m_last[j][i] <= self.gap(j, i):
                    self._turn_on(j, i, LONG_AGO)
            elif when == 0.0:
                phase[i] = IDLE
            return False
        if now in (CLEARING, CLEARING_STALE):
            due = since + rule.clear_hold
            if due < t or (reading and t - last > self.gap(j, i)):
                self._back_on(j, i)
                now = phase[i]
            else:
                if clear == 1.0:
                    phase[i] = CLEARING
                    self.m_last[j][i] = t if reading else last
                    if t >= due and due - self.m_last[j][i] <= self.gap(j, i):
                        phase[i] = IDLE
                elif clear == 0.0:
                    self._back_on(j, i)
                return False
        return self._step_on(j, i, t, when, clear, reading=reading)

    def _step_on(self, j: int, i: int, t: int, when: float, clear: float, *, reading: bool) -> bool:
        phase, rule = self.m_phase[j], self.levels[j]
        if reading and t < self.m_since[j][i] and when == 0.0:
            phase[i] = IDLE
            return True
        if clear == 1.0 and (rule.auto_clear or phase[i] == RELEASED):
            if rule.clear_hold == 0:
                phase[i] = IDLE
            else:
                phase[i] = CLEARING
                self._run(j, i, t, rule.clear_hold, reading=reading)
        return False

    def _begin(self, j: int, i: int, t: int, *, reading: bool) -> None:
        if self.levels[j].hold.for_ == 0:
            self._turn_on(j, i, LONG_AGO)
            return
        self.m_phase[j][i] = PENDING
        self._run(j, i, t, self.levels[j].hold.for_, reading=reading)

    def _run(self, j: int, i: int, t: int, length: int, *, reading: bool) -> None:
        self.m_since[j][i] = t
        self.m_last[j][i] = t if reading else min(t, self.newest(i))
        self.soonest = min(self.soonest, t + length)

    def _turn_on(self, j: int, i: int, at: int) -> None:
        self.m_phase[j][i], self.m_since[j][i], self.m_last[j][i] = ON, at, LONG_AGO

    def _back_on(self, j: int, i: int) -> None:
        self._turn_on(j, i, LONG_AGO)
        if not self.levels[j].auto_clear:
            self.m_phase[j][i] = RELEASED

    # --- timers
    def _fire(self, i: int, t: int, view: View | None, unit: int) -> None:
        """What was due before `t` happens first, each at its own time."""
        while True:
            first = min((found for j in range(len(self.levels)) if (found := self._due(j, i, t)) is not None),
                        default=None)  # fmt: skip
            if first is None:
                return
            self._ripe(first[1], i, LONG_AGO)
            self.settle(i, first[0], view, unit, before=True)

    def _due(self, j: int, i: int, t: int) -> tuple[int, int] | None:
        phase, rule = self.m_phase[j][i], self.levels[j]
        if phase not in WAITS:
            return None
        due = self.m_since[j][i] + (rule.hold.for_ if phase in (PENDING, PENDING_STALE) else rule.clear_hold)
        return (due, j) if due < t and due - self.m_last[j][i] <= self.gap(j, i) else None

    def _ripe(self, j: int, i: int, at: int) -> None:
        if self.m_phase[j][i] in (PENDING, PENDING_STALE):
            self._turn_on(j, i, at)
        else:
            self.m_phase[j][i] = IDLE

    def fire_at_tick(self, i: int, now: int) -> None:
        """Holds of thing `i` complete at engine time `now`; those without fresh evidence wait for a reading."""
        if self.common.downs.spans:
            self._resume(i, int(self.space.span_from[i]), int(self.space.span_to[i]))
        newest = int(self.space.newest[i])
        pause = self._pause(i, newest, now)
        reset = pause > 0 and self.rule.downtime == "reset"
        found = []
        for j in range(len(self.levels)):
            phase = self.m_phase[j][i]
            if phase not in (PENDING, CLEARING):
                continue
            length = self.levels[j].hold.for_ if phase == PENDING else self.levels[j].clear_hold
            due = self.m_since[j][i] + length
            if due + pause > now:
                continue
            if reset or due - self.m_last[j][i] > self.gap(j, i):
                self.m_phase[j][i] = WAITS[phase]
            else:
                found.append((due + pause, j))
        for due, j in sorted(found):
            self._ripe(j, i, due if due > newest else LONG_AGO)
            self.settle(i, due, None, -1)
        self.regate(i)

    def _pause(self, i: int, begin: int, end: int) -> int:
        """Down-time to take out of the silence (begin, end]."""
        every = self.every(i, self.judged)
        if self.rule.downtime == "count" or begin == LONG_AGO or end - begin <= 3 * every:
            return 0
        return self.common.downs.overlap(begin, end) if every else self.common.downs.outlasted(begin, end)

    def _resume(self, i: int, begin: int, end: int) -> None:
        """The device's silence (begin, end] met a down-time: running holds move on by the part we were away."""
        if end <= self.paused.get(i, LONG_AGO):
            return
        pause = self._pause(i, begin, end)
        for j in range(len(self.levels)):
            if self.m_phase[j][i] in WAITS and self.m_since[j][i] <= begin and pause:
                if self.rule.downtime == "reset":
                    self.m_since[j][i], self.m_last[j][i] = NEVER // 2, LONG_AGO  # broken at the next reading
                else:
                    self.m_since[j][i] += pause
                    self.m_last[j][i] += pause
        self.paused[i] = end

    # --- outcome
    def settle(
        self, i: int, at: int, view: View | None, unit: int, *, before: bool = False, withdrawn: bool = False,
        reason: str = "",
    ) -> None:  # fmt: skip
        """The alarm follows its levels; a change is a transition at `at` µs."""
        old, new, top = self.m_alarm[i], 0, -1
        for j, level in enumerate(self.levels):
            if IS_ON[self.m_phase[j][i]]:
                new, top = level.level, j
        self.regate(i)
        if new == old:
            return
        self.m_alarm[i] = new
        if new > old:
            change = Change.LEVEL_UP if old else Change.RAISED
        elif new:
            change = Change.LEVEL_DOWN
        else:
            change = Change.WITHDRAWN if withdrawn else Change.CLEARED
        bound = self.when[top] if new else self._clearer(old)
        self.emit(i, at, change, new or old, bound, view, unit, before=before, reason=reason)

    def _clearer(self, level: int) -> Bound | None:
        j = next((j for j, rule in enumerate(self.levels) if rule.level == level), None)
        return None if j is None else self.clear[j] or self.when[j]

    def end(self, thing: int, at: int, reason: str) -> None:
        if self.m_alarm[thing]:
            self.emit(thing, at, Change.CLEARED, self.m_alarm[thing], None, None, -1, reason=reason)
        self.forget(thing)
        if self.windows is not None:
            self.windows.forget(thing)
