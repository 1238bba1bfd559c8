"""The life of an alarm with levels: hold, gap, clear, clear_hold, latch, down-time (RULES section 5)."""

from abc import abstractmethod
from collections.abc import Sequence

from gateway.domain.alarm import Change, Level
from gateway.domain.reading import F64
from rules.engine.bound import Bound
from rules.engine.level_pause import LevelPause
from rules.engine.level_state import (
    CLEARING,
    CLEARING_STALE,
    G_BUSY,
    IDLE,
    IS_ON,
    NAN,
    ON,
    PENDING,
    PENDING_STALE,
    RELEASED,
    VETOED,
    WAITS,
)
from rules.engine.space import LONG_AGO, NEVER
from rules.engine.view import Reader, View

LEVELS = frozenset(float(level) for level in Level)


class LevelMachine(LevelPause):
    """What one look at the conditions, or one timer, does to the levels of a thing."""

    @abstractmethod
    def clears(self, j: int, reader: Reader, when: F64) -> F64:
        """Truth of clearing level `j` per item, given that of its `when`."""

    # --- one judgement
    def judge(
        self, i: int, t: int, when: Sequence[float], clear: Sequence[float], view: View | None, unit: int,
        *, reading: bool = True, before: bool = False,
    ) -> None:  # fmt: skip
        """The conditions of thing `i` are `when`, `clear` at `t` µs; `reading` False = looked at once more."""
        if self.decided and view is not None and self.overtaken(i, t, moment=bool(view.moments[unit])):
            return
        if self.schedule is not None:
            opening = self.reopened(i, t)
            if opening is not None:
                self.judge_opening(i, opening, view, unit)
            if self.off_hours(i, t):
                for row in self.m_phase:
                    row[i] = IDLE if row[i] == VETOED else row[i]
                when = [NAN if row[i] == IDLE else truth for row, truth in zip(self.m_phase, when, strict=True)]
        if reading or view is None or self.looks_back is not None:
            self._judge(i, t, when, clear, view, unit, reading=reading, before=before)
            return
        self.look_back(view, unit)
        self._judge(i, t, when, clear, view, unit, reading=False, before=before)
        self.look_back(None, -1)

    def judge_opening(self, i: int, at: int, view: View | None, unit: int) -> None:
        """The hours of the rule begin at `at`: the values of then, that is from before `unit`, are judged again."""
        reader = self.one(i, at, view, unit, before=True)
        when = [self.truth(bound, reader) for bound in self.when]
        clear = [float(self.clears(j, reader, column)[0]) for j, column in enumerate(when)]
        self.look_back(view, unit)
        self._judge(i, at, [float(column[0]) for column in when], clear, view, unit, reading=False, before=True)
        self.look_back(None, -1)

    def _judge(
        self, i: int, t: int, when: Sequence[float], clear: Sequence[float], view: View | None, unit: int,
        *, reading: bool, before: bool,
    ) -> None:  # fmt: skip
        self.pass_time_of(i, t, view, unit)
        for j in range(len(self.levels)):
            self._step(j, i, t, when[j], clear[j], reading=reading)
        self.settle(i, t, view, unit, before=before)

    def pass_time_of(self, i: int, t: int, view: View | None, unit: int) -> None:
        """What was due for thing `i` before `t` happens."""
        if self.m_gate[i] != G_BUSY:
            return
        if self.common.downs.spans:
            for silence in [self.running(i)] if view is None else view.silences(unit):
                self.resume(i, *silence)
        self._fire(i, t, view, unit)
        if self.schedule is not None:
            self._drop_closed(i, t)

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
            phase[i] = IDLE if when == 0.0 else VETOED
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
        self.m_since[j][i] = self.m_last[j][i] = LONG_AGO

    def _back_on(self, j: int, i: int) -> None:
        self.m_phase[j][i] = ON if self.levels[j].auto_clear else RELEASED
        self.m_since[j][i] = self.m_last[j][i] = LONG_AGO

    # --- timers
    def _fire(self, i: int, t: int, view: View | None, unit: int) -> None:
        """What was due before `t` happens first, each at its own time."""
        while True:
            first = min((found for j in range(len(self.levels)) if (found := self._due(j, i, t)) is not None),
                        default=None)  # fmt: skip
            if first is None:
                return
            self._ripe(first[1], i)
            self.settle(i, first[0], view, unit, before=True)

    def _due(self, j: int, i: int, t: int) -> tuple[int, int] | None:
        phase, rule = self.m_phase[j][i], self.levels[j]
        if phase not in WAITS:
            return None
        due = self.m_since[j][i] + (rule.hold.for_ if phase in (PENDING, PENDING_STALE) else rule.clear_hold)
        if due >= t or due - self.m_last[j][i] > self.gap(j, i) or self._closes(j, i) <= due:
            return None
        return due, j

    def _closes(self, j: int, i: int) -> int:
        """When `active` ends a running hold; NEVER without, or for what clears."""
        if self.schedule is None or self.m_phase[j][i] not in (PENDING, PENDING_STALE):
            return NEVER
        return self.schedule.closing(self.local(i), self.m_since[j][i])

    def _drop_closed(self, i: int, t: int) -> None:
        """Holds of hours that are over by `t` come to nothing."""
        for j in range(len(self.levels)):
            if self._closes(j, i) <= t:
                self.m_phase[j][i] = IDLE

    def _ripe(self, j: int, i: int) -> None:
        if self.m_phase[j][i] in (PENDING, PENDING_STALE):
            self._turn_on(j, i)
        else:
            self.m_phase[j][i] = IDLE

    def fire_at_tick(self, i: int, now: int) -> int:
        """Holds of thing `i` complete at engine time `now`; those without fresh evidence wait for a reading.

        Returns when to look at it again, µs.
        """
        spoke, until = (self.spoke(i), self.open_until(i, now, self.judged)) if self.common.downs.spans else (0, 0)
        found, again = [], NEVER
        for j in range(len(self.levels)):
            phase = self.m_phase[j][i]
            if phase not in (PENDING, CLEARING):
                continue
            length = self.levels[j].hold.for_ if phase == PENDING else self.levels[j].clear_hold
            due = self.m_since[j][i] + length
            if due > now:
                continue
            if until > now and due > spoke:
                again = until
                continue
            if self._closes(j, i) <= due:
                self.m_phase[j][i] = IDLE
                continue
            if due - self.m_last[j][i] > self.gap(j, i):
                self.m_phase[j][i] = WAITS[phase]
            else:
                found.append((due, j))
        for due, j in sorted(found):
            self._ripe(j, i)
            self.settle(i, due, None, -1)
            self.decide_without(i, due)
        self.regate(i)
        return again

    # --- outcome
    def settle(self, i: int, at: int, view: View | None, unit: int, *, before: bool = False, reason: str = "") -> None:
        """The alarm follows its levels; a change is a transition at `at` µs."""
        old, new, top = self.m_alarm[i], 0, -1
        for j, level in enumerate(self.levels):
            if self.m_phase[j][i] == VETOED and not self.vetoed(i, at, view, unit, before=before):
                self.m_phase[j][i] = ON
            if IS_ON[self.m_phase[j][i]]:
                new, top = level.level, j
        if new and self.level_of is not None:
            new = self._level_now(i, at, view, unit, before=before) or old or new
        if new and not old and self.rule.clear_after and self.gone(i, at, view, unit, before=before):
            new = 0
            for row in self.m_phase:
                row[i] = row[i] if row[i] in (PENDING, PENDING_STALE) else IDLE
        self.regate(i)
        if new == old:
            return
        self.m_alarm[i] = new
        if new > old:
            change = Change.LEVEL_UP if old else Change.RAISED
        elif new:
            change = Change.LEVEL_DOWN
        else:
            change = Change.CLEARED
        bound = self.when[top] if new else self._clearer(old)
        self.emit(i, at, change, new or old, bound, view, unit, before=before, reason=reason)

    def _level_now(self, i: int, at: int, view: View | None, unit: int, *, before: bool) -> int:
        """What `order.level` says; 0 when it is unknown or no level: then the alarm stays what it is."""
        assert self.level_of is not None, "asked only when there is one"
        number = float(self.truth(self.level_of, self.one(i, at, view, unit, before=before))[0])
        return int(number) if number in LEVELS else 0

    def _clearer(self, level: int) -> Bound | None:
        j = next((j for j, rule in enumerate(self.levels) if rule.level == level or self.level_of is not None), None)
        return None if j is None else self.clear[j] or self.when[j]

    def end(self, thing: int, at: int, reason: str) -> None:
        if self.m_alarm[thing]:
            self.emit(thing, at, Change.CLEARED, self.m_alarm[thing], None, None, -1, reason=reason)
        self.forget(thing)
        if self.windows is not None:
            self.windows.forget(thing)
