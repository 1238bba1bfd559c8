"""Evaluates the conditions that have one alarm per thing: when each unit, window and timer reaches the form."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.counter import NewMeter
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.alarm_form import AlarmForm
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext, later_too
from rules.engine.conditions.missing import ClearAfter
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.single_alarm import signals_of
from rules.engine.frames.at import At, at_unit
from rules.engine.frames.batch_view import BatchView, Reader, UnitsAt
from rules.engine.state.watch_scope import rows


class SingleAlarmEvaluator(ConditionEvaluator):
    """Drives a `form`, which `make` builds for the rule."""

    def __init__(self, context: EvaluatorContext, make: Callable[[EvaluatorContext, Reporter], AlarmForm]) -> None:
        super().__init__(context)
        self.form = make(context, self.reporter)
        self.alarm, self.conditions, self.judged = self.form.alarm, self.form.conditions, self.form.judged
        self.clear_after = ClearAfter(context, lambda: self.alarm.raised)
        self.columns.tables |= self.form.tables()
        self.columns.parts |= self.form.inputs

    def bounds(self) -> Sequence[BoundExpression]:
        return [*self.conditions.all, *self.reporter.bounds()]

    def counted(self) -> frozenset[str]:
        bounds = self.conditions.main if self.conditions.by_windows else self.bounds()
        return frozenset(slot.name for bound in bounds for slot in signals_of(bound))

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        bounds = self.conditions.all
        plain = self.form.by_truths and self.windows is None and all(bound.momentary for bound in bounds)
        return bounds if plain else None

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        self.form.refresh_at(things, at)

    # --- readings
    def frames(self, view: BatchView) -> None:
        if self.form.begin_view(view) or self.feed.frames(view, self.judged):
            return
        carry = view.carry(self.judged) & self.watched[view.thing]
        if not carry.any():
            return
        need = self.form.candidates(view, carry)
        if self.decided.until:
            need |= np.isin(view.thing, list(self.decided.until))
        if self.hours is not None:
            need |= view.t > self.hours.opens[view.thing]
        need = later_too(view, need & carry, carry)
        self.form.pass_over(view, need)
        units = np.flatnonzero(need)
        if len(units):
            columns = self.conditions.truths(UnitsAt(view, units))
            for k, unit in enumerate(units.tolist()):
                self._judge(at_unit(view, unit), [float(column[k]) for column in columns])

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        self.form.first_frames(view, units)

    def _judge(self, here: At, truths: Sequence[float]) -> None:
        """One unit, after what was due before it."""
        moment = self.form.sees_moments and here.moment
        if self.decided.until and self.decided.overtaken(here.thing, here.t, moment=moment):
            return
        self.form.before_unit(here)
        if self.alarm.raised[here.thing] and (due := self.clear_after.due_before(here)) < here.t:
            self._missing(here.earlier(due))
        if self.hours is not None:
            opening = self.hours.reopened(here.thing, here.t)
            if opening is not None:
                self.form.decide(here.earlier(opening))
        self.form.judge(here, truths)

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        for unit in units.tolist():
            truths = self.conditions.truths(UnitsAt(view, np.array([unit])))
            self._judge(at_unit(view, unit), [float(column[0]) for column in truths])

    def window_closed(self, here: At, reader: Reader) -> None:
        if here.view is not None and self.decided.overtaken(here.thing, here.t, moment=here.moment):
            return
        truths = [float(column[0]) for column in self.conditions.truths(reader)]
        (self.form.on_truth if self.conditions.by_windows else self.form.on_other_reading)(here, truths)

    def silent_in(self, view: BatchView) -> None:
        self.form.silent_in(view)

    # --- engine time
    def tick(self, now: int) -> None:
        self.feed.close(now)
        for thing, opening in self.context.reopenings(now):
            self.form.decide(At(thing, opening))
        for thing, due in self.clear_after.decided(now):
            self._missing(At(thing, due))
        if self.soonest <= now:
            self.form.timers(now)

    def _missing(self, here: At) -> None:
        """The thing is missing at `here.t`: the episode ends."""
        self.alarm.clear(here, reason="missing")
        self.form.reset_after_silence(here.thing)

    def next_due(self) -> int:
        return min(super().next_due(), self.clear_after.next_due())

    # --- facts
    def revalue(self, things: Sequence[int], at: int) -> None:
        """What is met but vetoed, and what `clear` is worth, may be otherwise now."""
        asked = rows(things)
        for thing in asked[self.watched[asked] & self.form.met_not_raised()[asked]].tolist():
            self.form.decide(At(thing, at))
        if self.conditions.clear is not None:
            for thing in asked[self.watched[asked] & (self.alarm.raised[asked] > 0)].tolist():
                if self.conditions.is_clear(At(thing, at)):
                    self.form.cleared(At(thing, at))
        self.form.revalued(things, at)

    def edited(self, old: ConditionEvaluator, at: int) -> None:
        super().edited(old, at)
        self.revalue(range(len(self.space)), at)

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        super().exchange(thing, point, meter)
        if self.watched[thing]:
            self.form.exchange(thing, point, meter)

    def closed(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:  # noqa: ARG002 - it has none
        self.form.closed(thing, at)

    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:
        self.form.cycle(thing, reading, done, at)

    def end(self, thing: int, at: int, reason: str) -> None:
        self.alarm.clear(At(thing, at), reason=reason)
        for table in self.form.tables().values():
            table.forget(thing)
        self.columns.forget_inputs(thing)

    def is_on(self, thing: int) -> int:
        return int(self.alarm.raised[thing])
