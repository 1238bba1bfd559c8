"""The life of an alarm with levels: hold, gap, clear, clear_hold, latch, down-time (RULES section 5)."""

from collections.abc import Sequence

from gateway.domain.alarm import Change, Level
from gateway.domain.duration import MINUTE, SECOND
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.hold_downtime import HoldDowntime
from rules.engine.conditions.hold_steps import HoldSteps
from rules.engine.conditions.missing import ClearAfter
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.threshold_conditions import ThresholdConditions
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
    ThresholdState,
)
from rules.engine.frames.at import At
from rules.engine.state.thing_table import LONG_AGO, NEVER

LEVELS = frozenset(float(level) for level in Level)


class HoldStateMachine:
    """What one look at the conditions, or one timer, does to the levels of a thing. Times are µs.

    `judges_openings`: what the hours of the rule begin with is judged here.
    """

    def __init__(
        self, context: EvaluatorContext, reporter: Reporter, state: ThresholdState, conditions: ThresholdConditions
    ) -> None:
        self.context, self.reporter, self.state, self.conditions = context, reporter, state, conditions
        self.levels, self.decided, self.hours = state.levels, context.decided, context.hours
        self.steps = HoldSteps(context, state, conditions)
        self.missing = ClearAfter(context, lambda: state.alarm)
        self.downtime = HoldDowntime(context, state, conditions)
        self.judges_openings = context.whole is context

    # --- one judgement
    def judge(
        self,
        here: At,
        when: Sequence[float],
        clear: Sequence[float],
        *,
        reading: bool = True,
        known: int | None = None,
    ) -> None:
        """The conditions of a thing are `when`, `clear`, one per level. `reading` False: nothing was read, it is judged
        once more; then `known` is the time of its newest known value, if that is not the one of `here`.
        """
        i, t, view = here.thing, here.t, here.view
        if view is not None:
            if self.decided.until and self.decided.overtaken(i, t, moment=here.moment):
                return
            if view.open and here.unit in view.open and self.state.ends_by(i, t):
                self._defer(here, *view.open[here.unit])
                return
        if self.hours is not None:
            opening = self.hours.reopened(i, t)
            if opening is not None and self.judges_openings:
                self.judge_opening(here.earlier(opening))
            if not self.hours.inside(i, t):
                for row in self.state.m_phase:
                    row[i] = IDLE if row[i] == VETOED else row[i]
                when = [NAN if row[i] == IDLE else truth for row, truth in zip(self.state.m_phase, when, strict=True)]
        if reading:
            known = None
        elif known is None:
            known = here.known_at(self.context.space, self.conditions.asked)
        self._judge(here, when, clear, known)

    def _defer(self, here: At, since: int, known: int) -> None:
        """A hold ends in a silence since `since` of which it is open until `known` whether it met a down-time: the
        past is evaluated again then.
        """
        self.decided.note(here.thing, max(here.t, known + SECOND))
        self.state.deferred[here.thing] = known + MINUTE
        self.decided.reevaluate_later(here.thing, since, known)

    def judge_opening(self, here: At) -> None:
        """The hours of the rule begin at `here.t`: the values of then are judged again."""
        when, clear = self.conditions.truths(here.reader(self.context.space))
        known = here.known_at(self.context.space, self.conditions.asked)
        self._judge(here, [float(column[0]) for column in when], [float(column[0]) for column in clear], known)

    def _judge(self, here: At, when: Sequence[float], clear: Sequence[float], known: int | None) -> None:
        self.pass_time(here)
        reading = known is None and not here.before
        if not reading or here.view is None or not self.conditions.veto.alone(here.view, here.unit):
            for j in range(len(self.levels)):
                self.steps.step(j, here.thing, here.t, when[j], clear[j], known)
        self.settle(here, when=when)

    # --- timers
    def pass_time(self, here: At) -> None:
        """What was due for the thing before `here.t` happens."""
        if self.state.m_gate[here.thing] != G_BUSY:
            return
        self.downtime.before(here)
        self._fire(here)
        if self.hours is not None:
            for j in range(len(self.levels)):  # holds of hours that are over come to nothing
                if self._closes(j, here.thing) <= here.t:
                    self.state.m_phase[j][here.thing] = IDLE

    def _fire(self, here: At) -> None:
        """What was due before `here.t` happens first, each at its own time."""
        i, missing = here.thing, NEVER if here.view is None else self.missing.due_before(here)
        while True:
            due, j = min(
                (found for j in range(len(self.levels)) if (found := self._due(j, i, here.t)) is not None),
                default=(here.t, -1),
            )
            if self.state.m_alarm[i] and missing < due:
                self.clear_missing(here.earlier(missing), here.t)
                missing = NEVER
            elif j >= 0:
                self.steps.complete(j, i)
                self.settle(here.earlier(due))
            else:
                return

    def _due(self, j: int, i: int, t: int) -> tuple[int, int] | None:
        phase = self.state.m_phase[j][i]
        if phase not in WAITS:
            return None
        due = self.state.m_since[j][i] + self.state.length(j, phase)
        if due >= t or due - self.state.m_last[j][i] > self.conditions.gap(j, i) or self._closes(j, i) <= due:
            return None
        return due, j

    def _closes(self, j: int, i: int) -> int:
        """When `active` ends a running hold; NEVER without, or for what clears."""
        if self.hours is None or self.state.m_phase[j][i] not in (PENDING, PENDING_STALE):
            return NEVER
        return self.hours.closing(i, self.state.m_since[j][i])

    def fire_at_tick(self, i: int, now: int, last: int = NEVER) -> int:
        """Holds of thing `i` that end by `last` complete at engine time `now`; those without fresh evidence wait for a
        reading. Returns when to look at it again.
        """
        state = self.state
        waits = state.deferred.get(i, LONG_AGO)
        if waits > now:
            return waits
        state.deferred.pop(i, None)
        spans = self.context.common.downs.spans
        newest, until = (self.context.downtime.newest_reading(i), self.downtime.open_until(i, now)) if spans else (0, 0)
        found, again = [], NEVER
        for j in range(len(self.levels)):
            phase = state.m_phase[j][i]
            if phase not in (PENDING, CLEARING):
                continue
            due = state.m_since[j][i] + state.length(j, phase)
            if due > min(now, last):
                continue
            if until > now and due > newest:
                again = until
                continue
            if self._closes(j, i) <= due:
                state.m_phase[j][i] = IDLE
                continue
            if due - state.m_last[j][i] > self.conditions.gap(j, i):
                state.m_phase[j][i] = WAITS[phase]
            else:
                found.append((due, j))
        for due, j in sorted(found):
            self.steps.complete(j, i)
            self.settle(At(i, due))
            self.decided.note(i, due)
        state.regate(i)
        return again

    def clear_missing(self, here: At, now: int) -> None:
        """`missing: clear_after` at `here.t`: silence clears, but never what only a person may unlatch."""
        if here.t > now or self.state.latched(here.thing):
            return
        for j in range(len(self.levels)):
            self.state.m_phase[j][here.thing] = IDLE
        self.settle(here, reason="missing")

    # --- outcome
    def settle(self, here: At, *, reason: str = "", when: Sequence[float] | None = None) -> None:
        """The alarm follows its levels; a change is a transition at `here.t`. `when`: the truths of then, if judged."""
        state, i = self.state, here.thing
        old, new, top = state.m_alarm[i], 0, -1
        for j, level in enumerate(self.levels):
            if state.m_phase[j][i] == VETOED and not self._vetoed(here):
                self.steps.end_veto(j, i, here.t, 1.0 if when is None else when[j])
            if IS_ON[state.m_phase[j][i]]:
                new, top = level.level, j
        if new and self.conditions.level_of is not None:
            new = self._level_now(here) or old or new
        if new and not old and self.missing.due(here) <= here.t:  # it would end at once
            new = 0
            for row in state.m_phase:
                row[i] = row[i] if row[i] in (PENDING, PENDING_STALE) else IDLE
        state.regate(i)
        if new == old:
            return
        state.m_alarm[i] = new
        if new > old:
            change = Change.LEVEL_UP if old else Change.RAISED
        elif new:
            change = Change.LEVEL_DOWN
        else:
            change = Change.CLEARED
        bound = self.conditions.when[top] if new else self.conditions.clearer(old)
        self.reporter.emit(here, change, new or old, bound, reason=reason)

    def _vetoed(self, here: At) -> bool:
        """True if `unless` forbids a raise now. Unknown forbids nothing."""
        unless = self.conditions.unless
        if unless is None:
            return False
        return bool(self.context.truth(unless, here.reader(self.context.space))[0] == 1.0)

    def _level_now(self, here: At) -> int:
        """What `order.level` gives; 0 when it is unknown or no level: then the alarm stays what it is."""
        assert self.conditions.level_of is not None, "asked only when there is one"
        number = float(self.context.truth(self.conditions.level_of, here.reader(self.context.space))[0])
        return int(number) if number in LEVELS else 0

    def end(self, here: At, reason: str) -> None:
        """Forget the thing; an open alarm is cleared."""
        if self.state.m_alarm[here.thing]:
            self.reporter.emit(here, Change.CLEARED, self.state.m_alarm[here.thing], None, reason=reason)
        self.state.forget(here.thing)
