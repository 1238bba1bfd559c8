"""`streak`: consecutive closed windows, or readings, for which a condition is true (RULES section 5)."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.conditions.streak.condition import Streak
from rules.engine.conditions.alarm_form import AlarmForm
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.frames.at import At, at_unit
from rules.engine.frames.batch_view import BatchView, Bools, UnitsAt
from rules.engine.state.thing_table import LONG_AGO
from rules.engine.windows.same_moment import SameMoment


class StreakForm(AlarmForm):
    """State: count i32[n]; at i64[n] µs of the newest item that counted, earlier i32[n], the count before it; starts
    i64[k, n] µs.

    With `max_span` the starts of the last `length` true windows, else of one: 25 B, or 17 B and 8 B per window of the
    streak. Readings of one moment are one: of several, sent again or point by point, the last one counts.
    """

    arrays: tuple[tuple[str, float], ...] = (("count", 0), ("at", LONG_AGO), ("starts", LONG_AGO))

    def __init__(self, context: EvaluatorContext, reporter: Reporter) -> None:
        assert isinstance(context.rule.condition, Streak), "factory.py gives streaks to this class only"
        self.condition: Streak = context.rule.condition
        self.of = context.bind(self.condition.of)
        super().__init__(context, reporter, self.condition.clear, self.of)
        self.count: I32 = np.zeros(0, np.int32)
        self.at: I64 = np.zeros(0, np.int64)
        self.moment = SameMoment(self, {"count": "earlier"})
        self.parts = {"moment": self.moment}
        self.starts: I64 = np.zeros((self.condition.length if self.condition.max_span else 1, 0), np.int64)
        rule, bounds = context.rule, (*self.conditions.all, *reporter.bounds())
        self.plain = rule.unless is None and rule.active is None and not rule.clear_after and not rule.signals
        self.plain &= not any(bound.turning for bound in bounds)

    # --- readings
    def may_move(self, view: BatchView, truths: Sequence[F64]) -> Bools:
        moved: Bools = (truths[0] == 1.0) | (self._counted(view) > 0) | (self.count[view.thing] > 0)
        return moved

    def _counted(self, view: BatchView) -> I32:
        """The count before each unit: one at the time of the last replaces that."""
        return self.moment.as_of("count", view.t == self.at[view.thing], view.thing)

    def begin_view(self, view: BatchView) -> bool:
        """Where things come once and nothing but the count decides, most are counted all at once."""
        context, raised = self.context, self.alarm.raised
        if not self.plain or context.decided.until or not view.unique or view.moments.any():
            return False
        carry = view.carry(self.judged) & context.watched[view.thing]
        of, thing, length = self.of.vector(view), view.thing, self.condition.length
        counted = self._counted(view)
        moved = carry & ((of == 1.0) | (counted > 0) | (self.count[thing] > 0) | (raised[thing] > 0))
        alone = moved & ((raised[thing] > 0) | ((of == 1.0) & (counted + 1 >= length)))
        self._count(view, np.flatnonzero(moved & ~alone), of)
        units = np.flatnonzero(alone)
        if len(units):
            columns = self.conditions.truths(UnitsAt(view, units))
            for k, unit in enumerate(units.tolist()):
                self.judge(at_unit(view, unit), [float(column[k]) for column in columns])
        return True

    def _count(self, view: BatchView, units: NDArray[np.intp], of: F64) -> None:
        """What `on_truth` does to things that can neither raise nor clear now, all at once."""
        thing, t, truth = view.thing[units], view.t[units], of[units]
        again = t == self.at[thing]
        count = self.moment.as_of("count", again, thing)
        self.moment.note(thing, count=count)
        self.at[thing] = t
        true = truth == 1.0
        broken = (truth == 0.0) | (np.isnan(truth) & (not self.condition.unknown_skips))
        self.count[thing] = np.where(true, count + 1, np.where(broken, 0, count))
        new = thing[true & ~(again & (self.starts[0, thing] == t))]
        self.starts[1:, new] = self.starts[:-1, new]
        self.starts[0, thing[true]] = t[true]

    def counts_moment(self, thing: int, truths: Sequence[float]) -> bool:
        """Time alone counts once more when it made the truth another."""
        of = truths[0]
        return not self.conditions.by_windows and of == of and (of == 1.0) != bool(self.count[thing])

    def on_truth(self, here: At, truths: Sequence[float]) -> None:
        rule, of, thing, t = self.condition, truths[0], here.thing, here.t
        again = bool(t == self.at[thing])
        self.moment.begin(thing, again=again)
        self.at[thing] = t
        if of == 1.0:
            windows = self.context.windows if self.conditions.by_windows else None
            self.count[thing] = min(int(self.count[thing]) + 1, rule.length)
            if not again or self.starts[0, thing] != t:
                self.starts[1:, thing] = self.starts[:-1, thing].copy()
            self.starts[0, thing] = t if windows is None else windows.ends.begin(thing, t)
        elif of == 0.0 or not rule.unknown_skips:
            self.count[thing] = 0
        if self.alarm.raised[thing]:
            if (truths[-1] if self.conditions.clear is not None else 1.0 - of) == 1.0:
                self.cleared(here)
        elif of == 1.0 or self.conditions.unless is not None:
            self.decide(here)

    def decide(self, here: At) -> None:
        met = self.count[here.thing] >= self.condition.length and self._within(here)
        if met and not self.alarm.raised[here.thing] and not self.alarm.vetoed(here):
            self.alarm.raise_(here, self.condition.level, self.of)

    def _within(self, here: At) -> bool:
        span = self.condition.max_span
        return not span or here.t - int(self.starts[-1, here.thing]) <= span

    def met_not_raised(self) -> Bools:
        met: Bools = (self.count >= self.condition.length) & (self.alarm.raised == 0)
        return met

    def cleared(self, here: At) -> None:
        self.alarm.clear(here, self.conditions.clear or self.of)
        self.count[here.thing] = 0

    def adopt(self, old: Any) -> None:
        """What is counted may be something else now: then the count begins anew."""
        super().adopt(old)
        if old.condition.of != self.condition.of:
            for name, fill in self.arrays:
                setattr(self, name, np.full_like(getattr(self, name), fill))


EVALUATORS = {Streak: partial(SingleAlarmEvaluator, make=StreakForm)}
