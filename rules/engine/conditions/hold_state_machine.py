"""The life of an alarm with levels: hold, gap, clear, clear_hold, latch, down-time (RULES section 5)."""

from abc import abstractmethod
from collections.abc import Sequence

from gateway.domain.alarm import Change, Level
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.reading import F64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.hold_steps import LevelSteps
from rules.engine.conditions.threshold_state import (
    CLEARING,
    G_BUSY,
    IDLE,
    IS_ON,
    NAN,
    PENDING,
    PENDING_STALE,
    VETOED,
    WAITS,
)
from rules.engine.frames.batch_view import BatchView, Reader
from rules.engine.state.thing_table import LONG_AGO, NEVER

LEVELS = frozenset(float(level) for level in Level)


class LevelMachine(LevelSteps):
    """What one look at the conditions, or one timer, does to the levels of a thing."""

    @abstractmethod
    def clears(self, j: int, reader: Reader, when: F64) -> F64:
        """Truth of clearing level `j` per item, given that of its `when`."""

    # --- one judgement
    def judge(
        self,
        i: int,
        t: int,
        when: Sequence[float],
        clear: Sequence[float],
        view: BatchView | None,
        unit: int,
        *,
        reading: bool = True,
        before: bool = False,
    ) -> None:
        """The conditions of thing `i` are `when`, `clear` at `t` µs; `reading` False = looked at once more."""
        if self.decided and view is not None and self.overtaken(i, t, moment=bool(view.moments[unit])):
            return
        if view is not None and unit in view.open and self.ends_by(i, t):
            since, known = view.open[unit]  # a second look ends the hold when it is known
            self.decide_without(i, max(t, known + SECOND))
            self.deferred[i] = known + MINUTE
            self.reevaluate_later(i, since, known)
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
        self.look_back(view, unit, before=before)
        self._judge(i, t, when, clear, view, unit, reading=False, before=before)
        self.look_back(None, -1)

    def judge_opening(self, i: int, at: int, view: BatchView | None, unit: int) -> None:
        """The hours of the rule begin at `at`: the values of then, that is from before `unit`, are judged again."""
        reader = self.one(i, at, view, unit, before=True)
        when = [self.truth(bound, reader) for bound in self.when]
        clear = [float(self.clears(j, reader, column)[0]) for j, column in enumerate(when)]
        self.look_back(view, unit)
        self._judge(i, at, [float(column[0]) for column in when], clear, view, unit, reading=False, before=True)
        self.look_back(None, -1)

    def _judge(
        self,
        i: int,
        t: int,
        when: Sequence[float],
        clear: Sequence[float],
        view: BatchView | None,
        unit: int,
        *,
        reading: bool,
        before: bool,
    ) -> None:
        self.pass_time_of(i, t, view, unit)
        if not reading or before or view is None or not self.veto.alone(view, unit):
            for j in range(len(self.levels)):
                self._step(j, i, t, when[j], clear[j], reading=reading)
        self.settle(i, t, view, unit, before=before, when=when)

    def pass_time_of(self, i: int, t: int, view: BatchView | None, unit: int) -> None:
        """What was due for thing `i` before `t` happens."""
        if self.m_gate[i] != G_BUSY:
            return
        if self.common.downs.spans:
            for silence in [self.running(i)] if view is None else view.silences(unit):
                self.resume(i, *silence, NEVER if view is None else t)
        self._fire(i, t, view, unit)
        if self.schedule is not None:
            self._drop_closed(i, t)

    # --- timers
    def _fire(self, i: int, t: int, view: BatchView | None, unit: int) -> None:
        """What was due before `t` happens first, each at its own time."""
        quiet = NEVER
        if self.rule.clear_after and view is not None:
            heard = max(int(view.good_at_before(column)[unit]) for column in self.columns)
            quiet = heard + self.rule.clear_after
        while True:
            due, j = min((found for j in range(len(self.levels)) if (found := self._due(j, i, t)) is not None),
                         default=(t, -1))  # fmt: skip
            if self.m_alarm[i] and quiet < due:
                self.gone_quiet(i, quiet, t, view, unit)
                quiet = NEVER
            elif j >= 0:
                self._ripe(j, i)
                self.settle(i, due, view, unit, before=True)
            else:
                return

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

    def fire_at_tick(self, i: int, now: int, last: int = NEVER) -> int:
        """Holds of thing `i` that end by `last` µs complete at engine time `now`; those without fresh evidence wait
        for a reading.

        Returns when to look at it again, µs.
        """
        waits = self.deferred.get(i, LONG_AGO)
        if waits > now:
            return waits
        self.deferred.pop(i, None)
        spoke, until = (self.spoke(i), self.open_until(i, now, self.judged)) if self.common.downs.spans else (0, 0)
        found, again = [], NEVER
        for j in range(len(self.levels)):
            phase = self.m_phase[j][i]
            if phase not in (PENDING, CLEARING):
                continue
            length = self.levels[j].hold.for_ if phase == PENDING else self.levels[j].clear_hold
            due = self.m_since[j][i] + length
            if due > min(now, last):
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

    def gone_quiet(self, thing: int, due: int, now: int, view: BatchView | None, unit: int) -> None:
        """`missing: clear_after`: silence clears, but never what only a person may unlatch."""
        if due > now or self.latched(thing):
            return
        for j in range(len(self.levels)):
            self.m_phase[j][thing] = IDLE
        self.settle(thing, due, view, unit, before=True, reason="missing")

    # --- outcome
    def settle(
        self,
        i: int,
        at: int,
        view: BatchView | None,
        unit: int,
        *,
        before: bool = False,
        reason: str = "",
        when: Sequence[float] | None = None,
    ) -> None:
        """The alarm follows its levels; a change is a transition at `at` µs. `when`: the truths of then, if judged."""
        old, new, top = self.m_alarm[i], 0, -1
        for j, level in enumerate(self.levels):
            if self.m_phase[j][i] == VETOED and not self.vetoed(i, at, view, unit, before=before):
                self._let_go(j, i, at, 1.0 if when is None else when[j])
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

    def _level_now(self, i: int, at: int, view: BatchView | None, unit: int, *, before: bool) -> int:
        """What `order.level` says; 0 when it is unknown or no level: then the alarm stays what it is."""
        assert self.level_of is not None, "asked only when there is one"
        number = float(self.truth(self.level_of, self.one(i, at, view, unit, before=before))[0])
        return int(number) if number in LEVELS else 0

    def _clearer(self, level: int) -> BoundExpression | None:
        j = next((j for j, rule in enumerate(self.levels) if rule.level == level or self.level_of is not None), None)
        return None if j is None else self.clear[j] or self.when[j]

    def end(self, thing: int, at: int, reason: str) -> None:
        if self.m_alarm[thing]:
            self.emit(thing, at, Change.CLEARED, self.m_alarm[thing], None, None, -1, reason=reason)
        self.forget(thing)
        if self.windows is not None:
            self.windows.forget(thing)
