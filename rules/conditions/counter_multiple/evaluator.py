"""`every`: a counter crosses the multiples of a step, or a term is over: what comes first (RULES section 5, S31)."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from gateway.domain.counter import NewMeter
from gateway.domain.reading import F64, I64
from gateway.domain.record import Closed, CycleDone, Fact
from rules.conditions.counter_multiple.condition import Every
from rules.conditions.counter_multiple.daily_marks import DailyMarks
from rules.conditions.counter_multiple.multiples import Multiples
from rules.conditions.counter_multiple.terms import Terms
from rules.engine.conditions.alarm_form import AlarmForm
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.windows.base import PointReadings, StateTable
from rules.engine.windows.counter import Counter


class CounterMultipleForm(AlarmForm):
    """State: that of `Multiples`, `Counter`, `DailyMarks`, and with `or_after` of `Terms`.

    Multiples count from `from`, or from the reading at which the last cycle was completed.

    Ticks end terms, and readings that come before the tick. On an open episode they count like multiples.
    """

    ends_by_fact = True
    by_truths = False
    sees_moments = False

    def __init__(self, context: EvaluatorContext, reporter: Reporter) -> None:
        assert isinstance(context.rule.condition, Every), "factory.py gives rules with `every` to this class only"
        rule = self.condition = context.rule.condition
        text = f"every {rule.step:g} of {rule.point}"
        super().__init__(context, reporter, rule.clear, text=text, counts=True)
        self.counter = Counter(context.space, context.common, rule.point, None)
        self.inputs = {"counter": self.counter}
        self.multiples = Multiples(context.space, self.counter, rule)
        self.marks = DailyMarks(context.space)
        self.terms = None if rule.or_after is None else Terms(context, rule.or_after, self.alarm, rule.level)
        self.in_view: PointReadings | None = None
        self._prior: tuple[F64, I64] | None = None
        self.judged = tuple(dict.fromkeys((self.counter.column, *self.judged)))

    def tables(self) -> dict[str, StateTable]:
        found = super().tables() | {"form": self.multiples, "marks": self.marks}
        return found if self.terms is None else found | {"terms": self.terms}

    def refresh_at(self, things: Sequence[int], at: int) -> None:
        if self.terms is not None:
            self.terms.refresh_at(things, at)

    # --- readings
    def begin_view(self, view: BatchView) -> bool:
        self.in_view, self._prior = self.counter.read(view, self.context.watched[view.thing]), None
        return False

    def candidates(self, view: BatchView, carry: Bools) -> Bools:
        raised, readings = self.alarm.raised[view.thing] > 0, self._readings
        if view.moments.all():
            return super().candidates(view, carry)
        need = np.zeros(len(view), np.bool_)
        self._prior = self.counter.before(readings)
        need[readings.unit] = ~(self.counter.rising(readings, self._prior) & self.multiples.below_next(readings))
        if not view.unique:
            need[readings.unit] |= self.marks.missing(readings.thing, readings.at, self.multiples.base)
        if self.terms is not None:
            need |= carry & (view.t > self.terms.term[view.thing])
        quiet = carry.copy()
        quiet[readings.unit] = False
        need |= quiet & raised
        if self.conditions.all:
            need |= carry & (raised | self.met_not_raised()[view.thing])
        if self.context.rule.clear_after:
            need |= carry & raised
        return need

    def pass_over(self, view: BatchView, judged: Bools) -> None:
        """Readings that only rise below the next multiple are counted all at once."""
        if view.moments.all():
            return
        calm = self._readings.where(~judged[self._readings.unit])
        self.counter.run(calm, self._prior if calm is self._readings else None)
        if view.unique:
            self.marks.note(calm.thing, self.multiples)

    @property
    def _readings(self) -> PointReadings:
        assert self.in_view is not None, "`begin_view` comes first"
        return self.in_view

    def judge(self, here: At, truths: Sequence[float]) -> None:
        readings, unit = self._readings, here.unit
        k = int(np.searchsorted(readings.unit, unit))
        if k < len(readings) and readings.unit[k] == unit:
            self.counter.step(here.thing, float(readings.value[k]), int(readings.at[k]))
            self.multiples.follow(here.thing, int(readings.at[k]))
        self.on_truth(here, truths)
        self.marks.note(np.array([here.thing]), self.multiples)

    # --- the alarm
    def on_truth(self, here: At, truths: Sequence[float]) -> None:
        if truths[-1] == 1.0:
            self.cleared(here)
        self.decide(here)

    def decide(self, here: At) -> None:
        if self.terms is not None:
            self.terms.end(here, here.t - 1, again=here.t)
        thing = here.thing
        more = self.multiples.new(thing)
        if more <= 0:
            return
        if self.alarm.raised[thing]:
            self.alarm.count[thing] += more
        elif self.alarm.vetoed(here):
            return
        else:
            self.alarm.count[thing] = more
            self.alarm.raise_(here, self.condition.level, count=more)
        self.multiples.reported[thing] += more

    def met_not_raised(self) -> Bools:
        return self.multiples.any_new()

    def reset_after_silence(self, thing: int) -> None:
        """Missing data does not reset the counter."""

    # --- terms
    def timers(self, now: int) -> None:
        if self.terms is None:
            super().timers(now)
        else:
            self.terms.timers(now, self.judged)

    def before_unit(self, here: At) -> None:
        if self.terms is not None:
            self.terms.end(here.earlier(here.t - 1), here.t - 1)

    def revalued(self, things: Sequence[int], at: int) -> None:
        if self.terms is not None:
            self.terms.revalue(things, at)

    # --- facts
    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:
        """The next multiples count from the reading at which the work was done, or else from the newest one."""
        if self.terms is not None:
            self.terms.end(At(thing, at), at - 1)
        self.alarm.clear(At(thing, at), reason="cycle")
        line = self.counter.line(thing) if reading is None else reading + float(self.counter.shift[thing])
        if line == line:
            self.multiples.begin(thing, line)
        if self.terms is not None:
            self.terms.begin_anew(thing, done, at)

    def closed(self, thing: int, at: int) -> None:
        if self.terms is not None:
            self.terms.end(At(thing, at), at - 1)
        super().closed(thing, at)

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        """The hours run on the old counter stay."""
        if point == self.condition.point:
            self.counter.exchange(thing, meter)

    # --- the past
    def known_from(self, thing: int, start: int) -> int:
        return self.marks.known_from(thing, start)

    def begin_twin(self, thing: int, twin: AlarmForm, row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:
        """It begins with the mark before; terms from the registration through the facts of the desk."""
        assert isinstance(twin, CounterMultipleForm), "the form of the same rule"
        if (mark := self.marks.newest_by(thing, start)) is not None:
            twin.marks.begun[row], twin.multiples.begin_at[row] = mark[0], mark
        if self.terms is None or twin.terms is None:
            return
        done = any(isinstance(fact, CycleDone) for _, fact in past)
        twin.terms.register(row, 1 if done else int(self.terms.floor[thing]))  # a completion sets it anew
        for noted, fact in past:
            if isinstance(fact, CycleDone):
                twin.cycle(row, fact.reading, min(noted, fact.at or noted), noted)
            elif isinstance(fact, Closed):
                twin.closed(row, noted)


EVALUATORS = {Every: partial(SingleAlarmEvaluator, make=CounterMultipleForm)}
