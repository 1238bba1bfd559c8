"""`every`: a counter crosses the multiples of a step (RULES section 5, S31)."""

from collections.abc import Sequence
from math import floor

import numpy as np

from gateway.domain.duration import DAY
from gateway.domain.reading import F64, I32, I64
from gateway.domain.record import Fact
from rules.compiled import Every, Rule
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.single_alarm import Form
from rules.engine.conditions.windowed import later_too
from rules.engine.frames.batch_view import BatchView, Bools, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import PointReadings, Rows
from rules.engine.windows.counter import Counter
from rules.engine.windows.counter_falls import BEFORE, NOW

MARKS = 5
NEAR = 1e-9  # a multiple that the counter misses by less is reached: 3 x 0.1 h is 0.3 h


def multiples(run: float, step: float) -> int:
    """How many whole steps are in `run`.

    >>> multiples(0.3, 0.1)
    3
    """
    steps = run / step
    return max(0, round(steps) if abs(steps - round(steps)) <= NEAR * max(1.0, abs(steps)) else floor(steps))


class EveryRunner(Form):
    """State: raised u8; base f64, told i32, count i32 per thing, and marks: 17 + 100 B. And that of `Counter`, 192 B.

    Multiples count on the line of the counter, from `base`: `from`, or the reading at which the last cycle was
    completed. The first reading ever crosses none: those it is beyond count as told. `told` never falls, so that no
    reading, however often it is sent, tells a multiple twice.

    A mark, one a day, the newest first, holds what a second look at the past can begin with: mark_at i64[5, n] µs of
    the reading, mark_run f64[5, n] beyond `base`, mark_told i32[5, n].
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("raised", 0), ("base", np.nan), ("told", 0), ("count", 0),
        ("mark_at", LONG_AGO), ("mark_run", np.nan), ("mark_told", 0),
    )  # fmt: skip
    ends_by_fact = True

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        assert isinstance(rule.condition, Every), "kinds.py gives rules with `every` to this class only"
        super().__init__(rule, zone, space, common, rule.condition.clear)
        self.condition: Every = rule.condition
        self.counter = Counter(space, common, self.condition.point, None)
        self.parts = {"counter": self.counter}
        self.base: F64 = np.zeros(0)
        self.told: I32 = np.zeros(0, np.int32)
        self.count: I32 = np.zeros(0, np.int32)
        self.mark_at: I64 = np.zeros((MARKS, 0), np.int64)
        self.mark_run: F64 = np.zeros((MARKS, 0))
        self.mark_told: I32 = np.zeros((MARKS, 0), np.int32)
        self.heard: PointReadings | None = None
        self.begin_at: dict[int, tuple[int, float, int]] = {}
        self.begun: dict[int, int] = {}
        self.text = f"every {self.condition.step:g} of {self.condition.point}"
        self.judge_by()
        self.judged = tuple(dict.fromkeys((self.counter.column, *self.judged)))

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        return None  # the counter decides

    # --- readings
    def frames(self, view: BatchView) -> None:
        heard = self.heard = self.counter.hear(view, self.watched[view.thing])
        if view.moments.all():
            super().frames(view)
            return
        if self.signal_frames(view):
            return
        carry = view.carry(self.judged) & self.watched[view.thing]
        if not carry.any():
            return
        need = np.zeros(len(view), np.bool_)
        prior = self.counter.before(heard)
        need[heard.unit] = self._special(heard, prior)
        if not view.unique:
            need[heard.unit] |= self._unmarked(heard.thing, heard.at)
        if (some := self.overdue(view)) is not None:
            need |= carry & some
        quiet = carry.copy()
        quiet[heard.unit] = False
        need |= quiet & (self.raised[view.thing] > 0)
        if self.clear is not None or self.unless is not None:
            need |= carry & ((self.raised[view.thing] > 0) | self.wanting()[view.thing])
        if self.rule.clear_after:
            need |= carry & (self.raised[view.thing] > 0)
        if self.decided:
            need |= carry & np.isin(view.thing, list(self.decided))
        if self.schedule is not None:
            need |= carry & (view.t > self.opens[view.thing])
        need = carry if self.common.scalar else later_too(view, need, carry)
        calm = heard.where(~need[heard.unit])
        self.counter.run(calm, prior if calm is heard else None)
        if view.unique:
            self._mark(calm.thing)
        units = np.flatnonzero(need)
        columns = self.truths(UnitsAt(view, units))
        for k, unit in enumerate(units.tolist()):
            self.judge(view, unit, [float(column[k]) for column in columns])

    def judge(self, view: BatchView, unit: int, truths: Sequence[float]) -> None:
        assert self.heard is not None, "`frames` comes first"
        thing, k = int(view.thing[unit]), int(np.searchsorted(self.heard.unit, unit))
        if self.decided and self.overtaken(thing, int(view.t[unit])):
            return
        self.before(view, unit)
        if k < len(self.heard) and self.heard.unit[k] == unit:
            self._count(thing, float(self.heard.value[k]), int(self.heard.at[k]))
        self.meet(thing, int(view.t[unit]), truths, view, unit)
        self._mark(np.array([thing]))

    def _special(self, heard: PointReadings, prior: tuple[F64, I64]) -> Bools:
        """Which readings do more than rise below the next multiple."""
        thing, rule = heard.thing, self.condition
        run = heard.value + self.counter.shift[NOW, thing] - self.base[thing] + rule.ahead
        calm: Bools = self.counter.rising(heard, prior) & (run / rule.step < (self.told[thing] + 1) * (1 - 2 * NEAR))
        return ~calm

    def _unmarked(self, things: Rows, at: I64) -> Bools:
        """Where a reading is the first one of its day."""
        found: Bools = (at - self.mark_at[0, things] >= DAY) & ~np.isnan(self.base[things])
        return found

    def overdue(self, view: BatchView) -> Bools | None:  # noqa: ARG002 - nothing but the counter decides
        """Units before which time alone did something to their thing."""
        return None

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

    def _mark(self, things: Rows) -> None:
        """One a day, after the first reading of the day was judged."""
        things = things[self._unmarked(things, self.counter.at[NOW, things])]
        if not len(things):
            return
        for table in (self.mark_at, self.mark_run, self.mark_told):
            table[1:, things] = table[:-1, things]
        self.mark_at[0, things], self.mark_told[0, things] = self.counter.at[NOW, things], self.told[things]
        line = self.counter.value[NOW, things] + self.counter.shift[NOW, things]
        self.mark_run[0, things] = line - self.base[things]

    def _reached(self, thing: int) -> int:
        run = self.counter.line(thing) - float(self.base[thing])
        return multiples(run + self.condition.ahead, self.condition.step) if run == run else 0

    # --- the alarm
    def meet(
        self, thing: int, t: int, truths: Sequence[float], view: BatchView | None, unit: int, *, before: bool = False
    ) -> None:
        if truths[-1] == 1.0:
            self.cleared(thing, t, view, unit, before=before)
        self.decide(thing, t, view, unit, before=before)

    def decide(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        more = self._reached(thing) - int(self.told[thing])
        if more <= 0:
            return
        if self.raised[thing]:
            self.count[thing] += more
        elif self.vetoed(thing, t, view, unit, before=before):
            return
        else:
            self.count[thing] = more
            self.put_on(thing, t, self.condition.level, None, view, unit, before=before, count=more)
        self.told[thing] += more

    def wanting(self) -> Bools:
        run = self.counter.value[NOW] + self.counter.shift[NOW] - self.base + self.condition.ahead
        more: Bools = run / self.condition.step >= (self.told + 1) * (1 - 2 * NEAR)
        return more

    def stirred(self, view: BatchView, truths: Sequence[F64]) -> Bools:  # noqa: ARG002 - `frames` looks itself
        return np.zeros(len(view), np.bool_)

    def count_of(self, thing: int) -> int:
        return max(1, int(self.count[thing]))

    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:  # noqa: ARG002
        """The next multiples count from the reading at which the work was done, or else from the newest one."""
        self.put_off(thing, at, None, None, -1, reason="cycle")
        line = self.counter.line(thing) if reading is None else reading + float(self.counter.shift[NOW, thing])
        if line == line:
            self.base[thing], self.told[thing] = line, 0

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        """The hours run on the old counter stay."""
        super().exchange(thing, point, start, at)
        if point == self.condition.point and self.watched[thing]:
            self.counter.exchange(thing, start, at)

    def lapse(self, thing: int) -> None:
        """Silence undoes no hours."""

    # --- the past
    def known_from(self, thing: int, start: int) -> int:
        """The newest mark at or before `start` µs; `start` where there is none."""
        known = int(self.mark_at[:, thing].max(initial=LONG_AGO, where=self.mark_at[:, thing] <= start))
        return known if known > LONG_AGO else start

    def begin_twin(self, thing: int, twin: Runner, row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:  # noqa: ARG002
        """Row `row` of `twin`, which judges the past from `start` µs on, begins with the mark before.

        `past`: (µs, fact) that the desk told of the thing before the readings.
        """
        assert isinstance(twin, EveryRunner), "the runner of the same rule"
        older = np.flatnonzero((self.mark_at[:, thing] <= start) & (self.mark_at[:, thing] > LONG_AGO))
        if len(older):
            k = int(older[0])
            twin.begun[row] = int(self.mark_at[k, thing])
            twin.begin_at[row] = (
                int(self.mark_at[k, thing]), float(self.mark_run[k, thing]), int(self.mark_told[k, thing])
            )  # fmt: skip

    def take_row(self, thing: int, other: Runner, row: int) -> None:
        """Marks from before that with which `other` began stay."""
        assert isinstance(other, EveryRunner), "the runner of the same rule"
        begun = other.begun.get(row, LONG_AGO)
        tables = [(table, table[:, thing].copy()) for table in (self.mark_at, self.mark_run, self.mark_told)]
        older = np.flatnonzero((self.mark_at[:, thing] < begun) & (self.mark_at[:, thing] > LONG_AGO))
        super().take_row(thing, other, row)
        known = int((self.mark_at[:, thing] > LONG_AGO).sum())
        kept = older[: MARKS - known]
        for table, before in tables:
            table[known : known + len(kept), thing] = before[kept]
