"""`every`: a counter crosses the multiples of a step, or a term is over: what comes first (RULES section 5, S31)."""

from collections.abc import Sequence
from math import floor

import numpy as np

from gateway.domain.reading import F64, I32, I64
from gateway.domain.record import Closed, CycleDone, Fact
from rules.compiled import Every
from rules.engine.conditions.alarm_form import AlarmForm
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.counter_terms import Terms
from rules.engine.conditions.daily_marks import DailyMarks
from rules.engine.conditions.reporting import Reporter
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.windows.base import PointReadings, StateTable
from rules.engine.windows.counter import Counter
from rules.engine.windows.counter_falls import BEFORE, NOW

NEAR = 1e-9  # a multiple that the counter misses by less is reached: 3 x 0.1 h is 0.3 h


def multiples(run: float, step: float) -> int:
    """How many whole steps are in `run`.

    >>> multiples(0.3, 0.1)
    3
    """
    steps = run / step
    return max(0, round(steps) if abs(steps - round(steps)) <= NEAR * max(1.0, abs(steps)) else floor(steps))


class CounterMultipleForm(AlarmForm):
    """State: base f64[n], told i32[n]: 12 B; and that of `Counter`, `DailyMarks`, and with `or_after` of `Terms`.

    Multiples count on the line of the counter, from `base`: `from`, or the reading at which the last cycle was
    completed. The first reading ever crosses none: those it is beyond count as reported (`told`). That number never
    falls, so that no reading, however often it is sent, reports a multiple twice.

    Ticks end terms, and readings that come before the tick. On an open episode they count like multiples.
    """

    arrays: tuple[tuple[str, float], ...] = (("base", np.nan), ("told", 0))
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
        self.base: F64 = np.zeros(0)
        self.told: I32 = np.zeros(0, np.int32)
        self.marks = DailyMarks(context.space)
        self.terms = None if rule.or_after is None else Terms(context, rule.or_after, self.alarm, rule.level)
        self.heard: PointReadings | None = None
        self._prior: tuple[F64, I64] | None = None
        self.begin_at: dict[int, tuple[int, float, int]] = {}
        self.judged = tuple(dict.fromkeys((self.counter.column, *self.judged)))

    def tables(self) -> dict[str, StateTable]:
        found = super().tables() | {"marks": self.marks}
        return found if self.terms is None else found | {"terms": self.terms}

    def refresh_at(self, things: Sequence[int], at: int) -> None:
        if self.terms is not None:
            self.terms.refresh_at(things, at)

    # --- readings
    def begin_view(self, view: BatchView) -> bool:
        self.heard, self._prior = self.counter.read(view, self.context.watched[view.thing]), None
        return False

    def candidates(self, view: BatchView, carry: Bools) -> Bools:
        raised, heard = self.alarm.raised[view.thing] > 0, self._heard
        if view.moments.all():
            return super().candidates(view, carry)
        need = np.zeros(len(view), np.bool_)
        self._prior = self.counter.before(heard)
        need[heard.unit] = self._special(heard, self._prior)
        if not view.unique:
            need[heard.unit] |= self.marks.missing(heard.thing, heard.at, self.base)
        if self.terms is not None:
            need |= carry & (view.t > self.terms.term[view.thing])
        quiet = carry.copy()
        quiet[heard.unit] = False
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
        calm = self._heard.where(~judged[self._heard.unit])
        self.counter.run(calm, self._prior if calm is self._heard else None)
        if view.unique:
            self.marks.note(calm.thing, self.counter, self.base, self.told)

    @property
    def _heard(self) -> PointReadings:
        assert self.heard is not None, "`begin_view` comes first"
        return self.heard

    def judge(self, here: At, truths: Sequence[float]) -> None:
        heard, unit = self._heard, here.unit
        k = int(np.searchsorted(heard.unit, unit))
        if k < len(heard) and heard.unit[k] == unit:
            self._count(here.thing, float(heard.value[k]), int(heard.at[k]))
        self.on_truth(here, truths)
        self.marks.note(np.array([here.thing]), self.counter, self.base, self.told)

    def _special(self, heard: PointReadings, prior: tuple[F64, I64]) -> Bools:
        """Which readings do more than rise below the next multiple."""
        thing, rule = heard.thing, self.condition
        run = heard.value + self.counter.shift[NOW, thing] - self.base[thing] + rule.ahead
        calm: Bools = self.counter.rising(heard, prior) & (run / rule.step < (self.told[thing] + 1) * (1 - 2 * NEAR))
        return ~calm

    def _count(self, thing: int, value: float, at: int) -> None:
        """A known reading of the counter."""
        rule = self.condition
        self.counter.step(thing, value, at)
        if thing in self.begin_at:
            moment, run, told = self.begin_at[thing]
            if at >= moment:
                del self.begin_at[thing]
                self.base[thing], self.told[thing] = self.counter.line(thing) - run, told
            return
        first = self.counter.state_of(thing, BEFORE) is None
        if first and (np.isnan(self.base[thing]) or self.base[thing] == rule.from_):
            self.base[thing] = rule.from_
            self.told[thing] = self._reached(thing)

    def _reached(self, thing: int) -> int:
        run = self.counter.line(thing) - float(self.base[thing])
        return multiples(run + self.condition.ahead, self.condition.step) if run == run else 0

    # --- the alarm
    def on_truth(self, here: At, truths: Sequence[float]) -> None:
        if truths[-1] == 1.0:
            self.cleared(here)
        self.decide(here)

    def decide(self, here: At) -> None:
        if self.terms is not None:
            self.terms.end(here, here.t - 1, again=here.t)
        thing = here.thing
        more = self._reached(thing) - int(self.told[thing])
        if more <= 0:
            return
        if self.alarm.raised[thing]:
            self.alarm.count[thing] += more
        elif self.alarm.vetoed(here):
            return
        else:
            self.alarm.count[thing] = more
            self.alarm.raise_(here, self.condition.level, count=more)
        self.told[thing] += more

    def met_not_raised(self) -> Bools:
        run = self.counter.value[NOW] + self.counter.shift[NOW] - self.base + self.condition.ahead
        more: Bools = run / self.condition.step >= (self.told + 1) * (1 - 2 * NEAR)
        return more

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
        line = self.counter.line(thing) if reading is None else reading + float(self.counter.shift[NOW, thing])
        if line == line:
            self.base[thing], self.told[thing] = line, 0
        if self.terms is not None:
            self.terms.begin_anew(thing, done, at)

    def closed(self, thing: int, at: int) -> None:
        if self.terms is not None:
            self.terms.end(At(thing, at), at - 1)
        super().closed(thing, at)

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        """The hours run on the old counter stay."""
        if point == self.condition.point:
            self.counter.exchange(thing, start, at)

    # --- the past
    def known_from(self, thing: int, start: int) -> int:
        return self.marks.known_from(thing, start)

    def begin_twin(self, thing: int, twin: AlarmForm, row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:
        """It begins with the mark before; terms from the registration through the facts of the desk."""
        assert isinstance(twin, CounterMultipleForm), "the form of the same rule"
        if (mark := self.marks.newest_by(thing, start)) is not None:
            twin.marks.begun[row], twin.begin_at[row] = mark[0], mark
        if self.terms is None or twin.terms is None:
            return
        done = any(isinstance(fact, CycleDone) for _, fact in past)
        twin.terms.register(row, 1 if done else int(self.terms.floor[thing]))  # a completion sets it anew
        for told, fact in past:
            if isinstance(fact, CycleDone):
                twin.cycle(row, fact.reading, min(told, fact.at or told), told)
            elif isinstance(fact, Closed):
                twin.closed(row, told)
