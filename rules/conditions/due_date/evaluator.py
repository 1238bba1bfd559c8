"""`due`: stages before and after a date that an attribute holds (RULES section 5, S32)."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from gateway.domain.duration import format_duration
from gateway.domain.record import Fact
from rules.conditions.due_date.condition import Due
from rules.conditions.due_date.plan import DuePlan
from rules.engine.conditions.alarm_form import AlarmForm
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import NEVER
from rules.engine.windows.base import StateTable


class DueDateForm(AlarmForm):
    """State: that of `DuePlan`.

    Only ticks report stages, and readings that end a veto. Of several that are due at once, the latest of the highest
    level is reported, at its own time. Work done, and an order closed without it, settle every turn that has begun.
    """

    ends_by_fact = True

    def __init__(self, context: EvaluatorContext, reporter: Reporter) -> None:
        assert isinstance(context.rule.condition, Due), "factory.py gives due rules to this class only"
        self.condition: Due = context.rule.condition
        super().__init__(context, reporter, self.condition.clear, counts=True)
        self.plan = DuePlan(context, self.condition, self.alarm)
        self._bounds = (*self.conditions.all, *reporter.bounds())

    def tables(self) -> dict[str, StateTable]:
        return super().tables() | {"plan": self.plan}

    def refresh_at(self, things: Sequence[int], at: int) -> None:
        for thing in things:
            if self.context.watched[thing]:
                self.plan.redate(thing, at)
        self.context.soonest = -NEVER

    # --- stages
    def timers(self, now: int) -> None:
        plan, watched = self.plan, self.context.watched
        for thing in np.flatnonzero(watched & (plan.due <= now)).tolist():
            self._report(At(thing, now), now, again=False)
        self.context.soonest = int(plan.due[watched].min(initial=NEVER))

    def decide(self, here: At) -> None:
        if self.plan.date[here.thing]:
            now = At(here.thing, here.t, here.view, here.unit)
            self._report(now, here.t if here.view is None else here.t - 1, again=True)

    def _report(self, here: At, now: int, *, again: bool) -> None:
        """The stages begun by `now` µs; what was vetoed at its own time, before the unit, is reported at `here.t` if
        `again`.
        """
        plan, thing = self.plan, here.thing
        if now < plan.floor[thing]:
            return
        reached, following = plan.reached(thing, now)
        if not reached:
            return
        turn, stage = max(reached, key=lambda one: (plan.stages[one[1]][0], one))
        level, offset = plan.stages[stage]
        own = here.earlier(max(plan.begins(thing, turn, stage), int(plan.floor[thing])))
        if plan.due[thing] <= own.t and not self.alarm.vetoed(own):
            here = own
        elif not again or self.alarm.vetoed(here):
            plan.due[thing] = NEVER if following is None else plan.begins(thing, *following)
            if here.view is None:
                self.context.decided.note(thing, own.t)
            return
        day = plan.dates.day(int(plan.date[thing]), turn)
        begun = sum(one == 0 for _, one in reached)
        raised = int(self.alarm.raised[thing])
        self.alarm.count[thing] = self.alarm.count[thing] + begun if raised else max(1, begun)
        plan.turn[thing], plan.stage[thing] = reached[-1][0], reached[-1][1] + 1
        plan.set_due(thing)
        if level > raised:
            text = f"due {self.condition.date} {day} {format_duration(offset)}"
            self.alarm.raise_(here, level, count=int(self.alarm.count[thing]), text=text)

    def on_truth(self, here: At, truths: Sequence[float]) -> None:
        self.on_other_reading(here, truths)

    def met_not_raised(self) -> Bools:
        plan = self.plan
        left: Bools = (plan.date > 0) & (self.condition.repeat is not None or plan.stage < len(plan.stages))
        return left

    def reset_after_silence(self, thing: int) -> None:
        """The date is no reading: silence does not undo what was reported."""

    # --- facts
    def revalued(self, things: Sequence[int], at: int) -> None:  # noqa: ARG002 - the next tick reports
        self.context.soonest = -NEVER

    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:  # noqa: ARG002
        """The next date is that after all that have begun, or counts from the day the work was done."""
        self.alarm.clear(At(thing, at), reason="cycle")
        self.plan.settle(thing, done, at)
        self.plan.set_due(thing)
        self.context.soonest = -NEVER

    def closed(self, thing: int, at: int) -> None:
        """Without the work: the date is passed over, the next one counts from it."""
        passes = self.alarm.raised[thing] and self.condition.repeat is not None
        super().closed(thing, at)
        if passes:
            self.plan.pass_over(thing, at)
            self.plan.set_due(thing)
            self.context.soonest = -NEVER

    # --- the past
    def by_readings(self) -> bool:
        return bool(self._bounds)

    def begin_twin(self, thing: int, twin: AlarmForm, row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:
        """It begins with what had been reported by then. A stage that waits for its veto waits."""
        assert isinstance(twin, DueDateForm), "the form of the same rule"
        if self.plan.written[thing]:
            twin.plan.replay(row, self.plan, thing, start, past)


EVALUATORS = {Due: partial(SingleAlarmEvaluator, make=DueDateForm)}
