"""`streak`: consecutive closed windows, or readings, for which a condition is true (RULES section 5)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.compiled import Rule, Streak
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.single_alarm import Form
from rules.engine.frames.batch_view import BatchView, Bools, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, ThingTable


class StreakRunner(Form):
    """State: raised u8, count i32; at i64 of the newest one that counted and the count before it i32; starts i64.

    With `max_span` the starts of the last `length` true windows, else of one: 25 B, or 17 B and 8 B per window of the
    streak. Readings of one moment are one: told again with another value, or point by point, the last word counts.
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("raised", 0), ("count", 0), ("at", LONG_AGO), ("earlier", 0), ("starts", LONG_AGO)
    )  # fmt: skip

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        assert isinstance(rule.condition, Streak), "kinds.py gives streaks to this class only"
        super().__init__(rule, zone, space, common, rule.condition.clear)
        self.condition: Streak = rule.condition
        self.count: I32 = np.zeros(0, np.int32)
        self.at: I64 = np.zeros(0, np.int64)
        self.earlier: I32 = np.zeros(0, np.int32)
        self.starts: I64 = np.zeros((self.condition.length if self.condition.max_span else 1, 0), np.int64)
        of = self.bind(self.condition.of)
        assert of is not None, "a streak is of something"
        self.of = of
        self.judge_by(of)

    def stirred(self, view: BatchView, truths: Sequence[F64]) -> Bools:
        moved: Bools = (truths[0] == 1.0) | (self._counted(view) > 0) | (self.count[view.thing] > 0)
        return moved

    def _counted(self, view: BatchView) -> I32:
        """The count before each unit: one at the time of the last replaces that."""
        found: I32 = np.where(view.t == self.at[view.thing], self.earlier[view.thing], self.count[view.thing])
        return found

    def wanting(self) -> Bools:
        met: Bools = (self.count >= self.condition.length) & (self.raised == 0)
        return met

    def frames(self, view: BatchView) -> None:
        plain = self.unless is None and self.schedule is None and not self.rule.clear_after and self.windows is None
        plain &= not self.decided
        if self.common.scalar or not view.unique or not plain or self.moments or view.moments.any():
            super().frames(view)
            return
        carry = view.carry(self.judged) & self.watched[view.thing]
        of, thing, length = self.of.vector(view), view.thing, self.condition.length
        counted = self._counted(view)
        moved = carry & ((of == 1.0) | (counted > 0) | (self.count[thing] > 0) | (self.raised[thing] > 0))
        loud = moved & ((self.raised[thing] > 0) | ((of == 1.0) & (counted + 1 >= length)))
        self._count(view, np.flatnonzero(moved & ~loud), of)
        units = np.flatnonzero(loud)
        if len(units):
            columns = self.truths(UnitsAt(view, units))
            for k, unit in enumerate(units.tolist()):
                self.judge(view, unit, [float(column[k]) for column in columns])

    def _count(self, view: BatchView, units: NDArray[np.intp], of: F64) -> None:
        """What `meet` does to things that can neither raise nor clear now, all at once."""
        thing, t, truth = view.thing[units], view.t[units], of[units]
        again = t == self.at[thing]
        count = np.where(again, self.earlier[thing], self.count[thing])
        self.at[thing], self.earlier[thing] = t, count
        true = truth == 1.0
        broken = (truth == 0.0) | (np.isnan(truth) & (not self.condition.unknown_skips))
        self.count[thing] = np.where(true, count + 1, np.where(broken, 0, count))
        new = thing[true & ~(again & (self.starts[0, thing] == t))]
        self.starts[1:, new] = self.starts[:-1, new]
        self.starts[0, thing[true]] = t[true]

    def counts_moment(self, thing: int, truths: Sequence[float]) -> bool:
        """Time alone is one more look when it made the truth another."""
        of = truths[0]
        return not self.by_windows and of == of and (of == 1.0) != bool(self.count[thing])

    def meet(
        self, thing: int, t: int, truths: Sequence[float], view: BatchView | None, unit: int, *, before: bool = False
    ) -> None:
        rule, of = self.condition, truths[0]
        again = t == self.at[thing]
        if again:
            self.count[thing] = self.earlier[thing]
        self.at[thing], self.earlier[thing] = t, self.count[thing]
        if of == 1.0:
            windows = self.windows if self.by_windows else None
            self.count[thing] = min(int(self.count[thing]) + 1, rule.length)
            if not again or self.starts[0, thing] != t:
                self.starts[1:, thing] = self.starts[:-1, thing].copy()
            self.starts[0, thing] = t if windows is None else windows.ends.begin(thing, t)
        elif of == 0.0 or not rule.unknown_skips:
            self.count[thing] = 0
        if self.raised[thing]:
            if (truths[-1] if self.clear is not None else 1.0 - of) == 1.0:
                self.cleared(thing, t, view, unit, before=before)
        elif of == 1.0 or self.unless is not None:
            self.decide(thing, t, view, unit, before=before)

    def decide(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        met = not self.raised[thing] and self.count[thing] >= self.condition.length and self._within(thing, t)
        if met and not self.vetoed(thing, t, view, unit, before=before):
            self.put_on(thing, t, self.condition.level, self.of, view, unit, before=before)

    def _within(self, thing: int, t: int) -> bool:
        return not self.condition.max_span or t - int(self.starts[-1, thing]) <= self.condition.max_span

    def cleared(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        self.put_off(thing, t, self.clear or self.of, view, unit, before=before)
        self.count[thing] = 0

    def adopt(self, old: Runner) -> None:
        """The alarm and the windows go on; the count too, while what is counted is the same."""
        assert isinstance(old, StreakRunner), "edits keep state only between rules of one shape"
        starts = self.starts
        super().adopt(old)
        if old.condition.of == self.condition.of and old.starts.shape[0] == len(starts):
            self.count = np.minimum(old.count, np.int32(self.condition.length))
        else:
            self.count = np.zeros(self.room, np.int32)
            self.at = np.full(self.room, LONG_AGO, np.int64)
            self.starts = np.full((len(starts), self.room), LONG_AGO, np.int64)
