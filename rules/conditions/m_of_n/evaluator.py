"""`votes`: N of the last M readings, or closed windows, for which a condition is known (RULES section 5)."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.conditions.m_of_n.condition import Votes
from rules.engine.conditions.alarm_form import AlarmForm
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO
from rules.engine.windows.same_moment import SameMoment


class MOfNForm(AlarmForm):
    """State: bits u64[n], the newest vote lowest; at i64[n] µs of the newest reading and earlier u64[n], the votes
    before it: 24 B.

    Readings of one moment are one vote, the last one counts. A `clear` of its own empties the ring: what was before it
    counts no more.
    """

    arrays: tuple[tuple[str, float], ...] = (("bits", 0), ("at", LONG_AGO))

    def __init__(self, context: EvaluatorContext, reporter: Reporter) -> None:
        assert isinstance(context.rule.condition, Votes), "factory.py gives votes to this class only"
        self.condition: Votes = context.rule.condition
        self.of = context.bind(self.condition.of)
        super().__init__(context, reporter, self.condition.clear, self.of)
        self.bits: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self.at: I64 = np.zeros(0, np.int64)
        self.moment = SameMoment(self, {"bits": "earlier"})
        self.parts = {"moment": self.moment}

    def may_move(self, view: BatchView, truths: Sequence[F64]) -> Bools:
        before = self.moment.as_of("bits", view.t == self.at[view.thing], view.thing)
        moved: Bools = (truths[0] == 1.0) | (before > 0) | (self.bits[view.thing] > 0)
        return moved

    def met_not_raised(self) -> Bools:
        met: Bools = (np.bitwise_count(self.bits) >= self.condition.need) & (self.alarm.raised == 0)
        return met

    def counts_moment(self, thing: int, truths: Sequence[float]) -> bool:
        """Time alone is one more vote when it made the truth another."""
        of = truths[0]
        return not self.conditions.by_windows and of == of and (of == 1.0) != bool(int(self.bits[thing]) & 1)

    def on_truth(self, here: At, truths: Sequence[float]) -> None:
        of, clear = truths
        thing = here.thing
        self.moment.begin(thing, again=bool(here.t == self.at[thing]))
        self.at[thing] = here.t
        if of == of:
            self.bits[thing] = (int(self.bits[thing]) << 1 | (of == 1.0)) & ((1 << self.condition.last) - 1)
        if not self.alarm.raised[thing]:
            self.decide(here)
        elif self.conditions.clear is not None:
            if clear == 1.0:
                self.cleared(here)
        elif self._votes(thing) < self.condition.need:
            self.alarm.clear(here, self.of)

    def cleared(self, here: At) -> None:
        super().cleared(here)
        self.bits[here.thing] = 0
        self.moment.keep(here.thing)

    def decide(self, here: At) -> None:
        met = not self.alarm.raised[here.thing] and self._votes(here.thing) >= self.condition.need
        if met and not self.alarm.vetoed(here):
            self.alarm.raise_(here, self.condition.level, self.of)

    def _votes(self, thing: int) -> int:
        return int(self.bits[thing]).bit_count()


EVALUATORS = {Votes: partial(SingleAlarmEvaluator, make=MOfNForm)}
