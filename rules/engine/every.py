"""`every`: a counter crosses the multiples of a step (RULES section 5, S31)."""

from collections.abc import Sequence
from math import floor

import numpy as np

from gateway.domain.device import CounterModel
from gateway.domain.reading import F64, I32
from rules.compiled import Every, Rule
from rules.engine.form import Form
from rules.engine.runner import Field, Runner
from rules.engine.signalled import later_too
from rules.engine.space import Space
from rules.engine.view import Bools, Picked, View

NEAR = 1e-9  # a multiple that the counter misses by less is reached: 3 x 0.1 h is 0.3 h


def multiples(run: float, step: float) -> int:
    """How many whole steps are in `run`.

    >>> multiples(0.3, 0.1)
    3
    """
    steps = run / step
    return max(0, round(steps) if abs(steps - round(steps)) <= NEAR * max(1.0, abs(steps)) else floor(steps))


class EveryRunner(Form):
    """State: raised u8; last f64, offset f64, base f64, told i32, count i32 per thing: 33 B.

    The counter goes on over a rollover, a reset or an exchange: its run is `last + offset`, and multiples count from
    `base`: `from`, or the reading at which the last cycle was completed. The first reading ever tells how many
    multiples are past already: those of a counter without `from` are nobody's news. `told` never falls, so that no
    reading, however often it is sent, tells a multiple twice.
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("raised", 0), ("last", np.nan), ("offset", 0), ("base", np.nan), ("told", 0), ("count", 0)
    )  # fmt: skip
    ends_by_fact = True

    def __init__(self, rule: Rule, zone: str, space: Space, common: Field) -> None:
        assert isinstance(rule.condition, Every), "kinds.py gives rules with `every` to this class only"
        super().__init__(rule, zone, space, common, rule.condition.clear)
        self.condition: Every = rule.condition
        self.column = space.column(self.condition.point)
        self.last: F64 = np.zeros(0)
        self.offset: F64 = np.zeros(0)
        self.base: F64 = np.zeros(0)
        self.told: I32 = np.zeros(0, np.int32)
        self.count: I32 = np.zeros(0, np.int32)
        self.text = f"every {self.condition.step:g} of {self.condition.point}"
        self.judge_by()
        self.judged = tuple(dict.fromkeys((self.column, *self.judged)))

    # --- readings
    def frames(self, view: View) -> None:
        if self.signal_frames(view):
            return
        carry = view.carry(self.judged) & self.watched[view.thing]
        if not carry.any():
            return
        row = view.last(self.column, known=True)
        fresh = (row >= 0) & carry
        fresh &= view.rows.unit[row] == np.arange(len(view))
        need = (carry & ~fresh & (self.raised[view.thing] > 0)) | (fresh & self._special(view, row, fresh))
        if self.clear is not None or self.unless is not None:
            need |= carry & ((self.raised[view.thing] > 0) | self.wanting()[view.thing])
        if self.rule.clear_after:
            need |= carry & (self.raised[view.thing] > 0)
        if self.schedule is not None:
            need |= carry & (view.t > self.opens[view.thing])
        need = carry if self.common.scalar else later_too(view, need, carry)
        calm = np.flatnonzero(fresh & ~need)
        self.last[view.thing[calm]] = view.rows.value[row[calm]]
        units = np.flatnonzero(need)
        columns = self.truths(Picked(view, units))
        for k, unit in enumerate(units.tolist()):
            self.judge(view, unit, [float(column[k]) for column in columns])

    def judge(self, view: View, unit: int, truths: Sequence[float]) -> None:
        row, thing = int(view.last(self.column, known=True)[unit]), int(view.thing[unit])
        self.before(view, unit)
        if row >= 0 and view.rows.unit[row] == unit:
            self._count(thing, float(view.rows.value[row]))
        self.meet(thing, int(view.t[unit]), truths, view, unit)

    def _special(self, view: View, row: I32, fresh: Bools) -> Bools:
        """Which readings do more than rise below the next multiple."""
        thing = view.thing
        value = np.where(fresh, view.rows.value[row], np.nan)
        previous = self.last[thing]
        if not view.unique:
            earlier = view.before(row)
            previous = np.where(earlier >= 0, view.rows.value[earlier], previous)
        rule = self.condition
        run = value + self.offset[thing] - self.base[thing] + rule.ahead
        calm: Bools = (value >= previous) & (run / rule.step < (self.told[thing] + 1) * (1 - 2 * NEAR))
        return ~calm

    def _count(self, thing: int, value: float) -> None:
        """A known reading of the counter, newer than all before."""
        rule, last = self.condition, float(self.last[thing])
        if last != last:
            self.last[thing] = value
            if self.base[thing] != self.base[thing]:
                self.base[thing] = rule.from_
                self.told[thing] = 0 if rule.from_ else multiples(value, rule.step)
            return
        if value < last:
            model = self._model(thing)
            drop = last - value
            if drop < 0.001 * last or drop < model.resolution:
                return  # a row that was sent again
            if model.rollover > 0 and drop > model.rollover / 2:
                self.offset[thing] += model.rollover
            else:
                self.offset[thing] += last if model.reset == "restart" else drop
        self.last[thing] = value

    def _model(self, thing: int) -> CounterModel:
        device = self.device(thing)
        spec = self.common.world.spec(device.profile, self.condition.point) if device is not None else None
        return spec.counter if spec is not None else CounterModel()

    def _reached(self, thing: int) -> int:
        run = float(self.last[thing] + self.offset[thing] - self.base[thing])
        return multiples(run + self.condition.ahead, self.condition.step) if run == run else 0

    # --- the alarm
    def meet(
        self, thing: int, t: int, truths: Sequence[float], view: View | None, unit: int, *, before: bool = False
    ) -> None:  # fmt: skip
        if truths[-1] == 1.0:
            self.cleared(thing, t, view, unit, before=before)
        self.decide(thing, t, view, unit, before=before)

    def decide(self, thing: int, t: int, view: View | None, unit: int, *, before: bool = False) -> None:
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
        run = self.last + self.offset - self.base + self.condition.ahead
        more: Bools = run / self.condition.step >= (self.told + 1) * (1 - 2 * NEAR)
        return more

    def stirred(self, view: View, truths: Sequence[F64]) -> Bools:  # noqa: ARG002 - `frames` looks itself
        return np.zeros(len(view), np.bool_)

    def count_of(self, thing: int) -> int:
        return max(1, int(self.count[thing]))

    def cycle(self, thing: int, reading: float, at: int) -> None:
        """The next multiples count from the reading at which the work was done."""
        self.put_off(thing, at, None, None, -1, reason="cycle")
        self.base[thing] = reading + self.offset[thing]
        self.told[thing] = 0

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:  # noqa: ARG002 - in order
        """The hours run on the old counter stay."""
        if point == self.condition.point and self.last[thing] == self.last[thing] and self.watched[thing]:
            self.offset[thing] += self.last[thing] - start
            self.last[thing] = start

    def lapse(self, thing: int) -> None:
        """Silence undoes no hours."""

    def adopt(self, old: Runner) -> None:
        """The alarm goes on. Another grid: what lies behind is told already, as for a counter first seen."""
        assert isinstance(old, EveryRunner), "edits keep state only between rules of one shape"
        super().adopt(old)
        a, b = old.condition, self.condition
        if (a.step, a.from_) != (b.step, b.from_):
            for thing in np.flatnonzero(~np.isnan(self.last)).tolist():
                if self.base[thing] == a.from_:
                    self.base[thing] = b.from_
                run = float(self.last[thing] + self.offset[thing] - self.base[thing])
                self.told[thing] = multiples(run, b.step)
