"""`votes`: N of the last M readings, or closed windows, for which a condition is known (RULES section 5)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.compiled import Rule, Votes
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.single_alarm import Form
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, ThingTable


class VotesRunner(Form):
    """State: raised u8; bits u64, the newest vote lowest; at i64 of the newest reading and the votes before it: 25 B.

    Readings of one moment are one vote, the last word counts. A `clear` of its own empties the ring: what was before
    it counts no more.
    """

    arrays: tuple[tuple[str, float], ...] = (("raised", 0), ("bits", 0), ("at", LONG_AGO), ("earlier", 0))

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        assert isinstance(rule.condition, Votes), "kinds.py gives votes to this class only"
        super().__init__(rule, zone, space, common, rule.condition.clear)
        self.condition: Votes = rule.condition
        self.bits: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self.at: I64 = np.zeros(0, np.int64)
        self.earlier: NDArray[np.uint64] = np.zeros(0, np.uint64)
        of = self.bind(self.condition.of)
        assert of is not None, "votes are on something"
        self.of = of
        self.judge_by(of)

    def stirred(self, view: BatchView, truths: Sequence[F64]) -> Bools:
        before = np.where(view.t == self.at[view.thing], self.earlier[view.thing], self.bits[view.thing])
        moved: Bools = (truths[0] == 1.0) | (before > 0) | (self.bits[view.thing] > 0)
        return moved

    def wanting(self) -> Bools:
        met: Bools = (np.bitwise_count(self.bits) >= self.condition.need) & (self.raised == 0)
        return met

    def counts_moment(self, thing: int, truths: Sequence[float]) -> bool:
        """Time alone is one more vote when it made the truth another."""
        of = truths[0]
        return not self.by_windows and of == of and (of == 1.0) != bool(int(self.bits[thing]) & 1)

    def meet(
        self, thing: int, t: int, truths: Sequence[float], view: BatchView | None, unit: int, *, before: bool = False
    ) -> None:
        of, clear = truths
        if t == self.at[thing]:
            self.bits[thing] = self.earlier[thing]
        self.at[thing], self.earlier[thing] = t, self.bits[thing]
        if of == of:
            self._vote(thing, of == 1.0)
        if not self.raised[thing]:
            self.decide(thing, t, view, unit, before=before)
        elif self.clear is not None:
            if clear == 1.0:
                self.cleared(thing, t, view, unit, before=before)
        elif self._votes(thing) < self.condition.need:
            self.put_off(thing, t, self.of, view, unit, before=before)

    def cleared(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        super().cleared(thing, t, view, unit, before=before)
        self.bits[thing] = self.earlier[thing] = 0

    def decide(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        met = not self.raised[thing] and self._votes(thing) >= self.condition.need
        if met and not self.vetoed(thing, t, view, unit, before=before):
            self.put_on(thing, t, self.condition.level, self.of, view, unit, before=before)

    def _votes(self, thing: int) -> int:
        return int(self.bits[thing]).bit_count()

    def _vote(self, thing: int, yes: bool) -> None:
        self.bits[thing] = (int(self.bits[thing]) << 1 | yes) & ((1 << self.condition.last) - 1)

    def adopt(self, old: Runner) -> None:
        """Alarm and votes go on, of a longer ring the newest."""
        super().adopt(old)
        self.bits &= np.uint64((1 << self.condition.last) - 1)
        self.earlier &= np.uint64((1 << self.condition.last) - 1)
