"""Rules with levels judged together: the readings that reach a rule are found first, most rules are never asked.

A condition cannot be true unless one of its bars holds (`sign * x >= bound`). The bars of all rules on one point, or on
one term such as `p1 - p2`, are sorted by bound: a reading reaches a prefix of them, so a batch costs readings x
log(rules) + what is reached. Holds that run are looked at too, and alarms that are on where they may clear; `marks`
are the things that have any.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, U8
from rules.compiled import Bar, Expression, Term
from rules.engine.binding.attribute_columns import AttributeColumns
from rules.engine.conditions.base import ConditionEvaluator
from rules.engine.conditions.peer_moments import judge
from rules.engine.conditions.threshold import ThresholdEvaluator
from rules.engine.conditions.threshold_state import G_BUSY, G_IDLE, G_STEADY
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools

AT_ONCE = 2_000_000
"""Pairs of a rule and a reading that are held in memory at a time."""
Index = NDArray[np.intp]
NAN = float("nan")
Column = int


@dataclass(frozen=True, slots=True)
class Combined:
    """A term over columns of the space."""

    term: Term
    columns: tuple[int, ...]


Value = Column | Combined
"""What a bar is about: the newest value of a point, or a term of several."""
Place = tuple[Value, int]
"""(value, sign) of `SortedBounds`."""
Clauses = tuple[tuple[Bar, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class SortedBounds:
    """The bars on one value (its number in `ThresholdIndex.values`): bound f64[k] rises, rule i64[k] is the row of the
    gates.
    """

    value: int
    sign: int
    bound: F64
    rule: Index

    def reached(self, x: F64) -> Iterator[tuple[Index, Index]]:
        """(rule, item) of every bar that holds, some at a time."""
        signed = x if self.sign > 0 else -x
        hit = np.flatnonzero(signed >= self.bound[0])  # not for NaN
        if not len(hit):
            return
        count = np.searchsorted(self.bound, signed[hit], "right")
        part = np.cumsum(count) // AT_ONCE
        for number in range(int(part[-1]) + 1) if part[-1] else (0,):
            mine = slice(None) if not part[-1] else part == number
            some, many = hit[mine], count[mine]
            if len(some):
                step = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
                yield self.rule[step], np.repeat(some, many)


class Demands:
    """Per rule clauses of bars (number of the value, sign, bound): a rule can be met only where each has a bar
    that holds. Arrays [rule, clause, bar]; a bar that is not there never holds, a clause that is not there always.
    """

    def __init__(self, rules: Sequence[Sequence[Sequence[tuple[int, int, float]]]]) -> None:
        clauses = max((len(one) for one in rules), default=0)
        size = max((len(clause) for one in rules for clause in one), default=0)
        self.value: Index = np.zeros((len(rules), clauses, size), np.intp)
        self.sign, self.bound = np.full(self.value.shape, NAN), np.full(self.value.shape, NAN)
        self.absent: Bools = np.ones((len(rules), clauses), np.bool_)
        for r, one in enumerate(rules):
            for c, clause in enumerate(one):
                self.absent[r, c] = False
                for j, bar in enumerate(clause):
                    self.value[r, c, j], self.sign[r, c, j], self.bound[r, c, j] = bar

    def met(self, x: F64, rule: Index, unit: Index) -> Bools:
        """bool per (rule, unit); `x` f64[value, unit]."""
        values = x[self.value[rule], unit[:, None, None]]
        held = np.any(self.sign[rule] * values >= self.bound[rule], axis=2)
        return np.asarray(np.all(held | self.absent[rule], axis=1))


class ThresholdIndex:
    """The rules of one space that have bars, and those `alone` that have not.

    gate u8[rule, thing] is the evaluators' own; `sets` the columns they are judged by, set_of i64[rule]. Exact rules:
    value, sign, bound f64[rule, 2] of the bars of raising and clearing; sign NaN for a rule that has to be asked, which
    does not clear before `clearing` allows it.
    """

    def __init__(self, evaluators: Sequence[ConditionEvaluator], capacity: int, version: int) -> None:
        self.capacity, self.version = capacity, version
        self.alone = [one for one in evaluators if not (isinstance(one, ThresholdEvaluator) and _has_bars(one))]
        self.evaluators = tuple(one for one in evaluators if isinstance(one, ThresholdEvaluator) and _has_bars(one))
        self.tables: dict[AttributeColumns, int] = {}
        self.values: list[Value] = []
        self.gate: U8 = np.empty((len(self.evaluators), capacity), np.uint8)
        self.marks: U8 = np.zeros(capacity, np.uint8)
        sets = {judged: k for k, judged in enumerate(dict.fromkeys(one.judged for one in self.evaluators))}
        self.sets = tuple(sets)
        self.set_of: Index = np.array([sets[one.judged] for one in self.evaluators], np.intp)
        self._sort_bounds()
        self._clearing()
        for k, evaluator in enumerate(self.evaluators):
            self.gate[k] = evaluator.phases.gate
            self.marks |= (self.gate[k] - np.uint8(1)) < 2
            evaluator.phases.use_gate(self.gate[k], self.marks)

    def _sort_bounds(self) -> None:
        held: dict[Place, list[tuple[float, int]]] = {}
        self.twice = False
        for k, evaluator in enumerate(self.evaluators):
            lowest = _lowest(evaluator, self.tables)
            self.twice |= len(lowest) > 1
            for place, bound in lowest.items():
                held.setdefault(place, []).append((bound, k))
        self.bounds = []
        for (value, sign), bars in held.items():
            bars.sort()
            rule = np.array([r for _, r in bars], np.intp)
            self.bounds.append(SortedBounds(self._number(value), sign, np.array([b for b, _ in bars]), rule))

    def _clearing(self) -> None:
        count = len(self.evaluators)
        self.value: Index = np.zeros(count, np.intp)
        self.sign, self.bound = np.full((count, 2), NAN), np.full((count, 2), NAN)
        asked: list[Clauses] = []
        for k, evaluator in enumerate(self.evaluators):
            asked.append(_clear_clauses(evaluator))
            if (exact := _exact(evaluator)) is not None:
                self.value[k] = self._number(_value_of(evaluator, exact[0]))
                self.sign[k], self.bound[k] = [bar.sign for bar in exact], [bar.bound for bar in exact]
                asked[-1] = ()
        number = [
            [[(self._number(_value_of(evaluator, bar)), bar.sign, bar.bound) for bar in clause] for clause in clauses]
            for evaluator, clauses in zip(self.evaluators, asked, strict=True)
        ]
        self.clearing = Demands(number)

    def _number(self, value: Value) -> int:
        if value not in self.values:
            self.values.append(value)
        return self.values.index(value)

    def current(self, capacity: int, version: int) -> bool:
        """True if rules, rows and attributes are those it was made of."""
        same = self.capacity == capacity and self.version == version
        return same and all(table.moves == moves for table, moves in self.tables.items())

    def frames(self, view: BatchView) -> None:
        """Judge the units of a view."""
        if self.evaluators:
            self._judge(view)
        for evaluator in self.alone:
            judge(evaluator, view)

    def _judge(self, view: BatchView) -> None:
        x = np.stack(
            [
                view.value(one) if isinstance(one, int) else one.term.of([view.value(column) for column in one.columns])
                for one in self.values
            ]
        )
        parts = [*self._raising(view, x), *self._watched(view.thing)]
        if not parts:
            return
        rule, unit = np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])
        carry = np.stack([view.carry(columns) for columns in self.sets])
        seen = x[self.value[rule], unit]
        clears = self.sign[rule, 1] * seen >= self.bound[rule, 1]
        keep = clears | (self.gate[rule, view.thing[unit]] != G_STEADY)
        asked = np.isnan(self.sign[rule, 0])
        steady = np.flatnonzero(asked & ~keep)
        keep[steady] = self.clearing.met(x, rule[steady], unit[steady])
        keep &= carry[self.set_of[rule], unit]
        rule, unit, asked = rule[keep], unit[keep], asked[keep]
        if not view.unique:
            self._several(view, x, carry, rule, unit)
        else:
            self._exactly(view, rule[~asked], unit[~asked], seen[keep][~asked], clears[keep][~asked])
            self._asked(view, rule[asked], unit[asked])

    def _raising(self, view: BatchView, x: F64) -> Iterator[tuple[Index, Index]]:
        """(rule, unit) that may be raised: a bar holds and all is idle."""
        found = []
        for bars in self.bounds:
            for rule, unit in bars.reached(x[bars.value]):
                idle = self.gate[rule, view.thing[unit]] == G_IDLE
                if idle.any():
                    found.append((rule[idle], unit[idle]))
        if len(found) < 2 or not self.twice:
            yield from found
        else:  # a rule is reached by several of its bars
            key = np.unique(np.concatenate([rule * len(view) + unit for rule, unit in found]))
            yield np.divmod(key, len(view))

    def _watched(self, thing: NDArray[np.integer]) -> Iterator[tuple[Index, Index]]:
        """(rule, unit) whose hold runs or whose alarm is on."""
        marked = np.flatnonzero(self.marks[thing])
        step = max(1, AT_ONCE // len(self.gate))
        for start in range(0, len(marked), step):
            unit = marked[start : start + step]
            found = (np.take(self.gate, thing[unit], axis=1) - np.uint8(1)) < 2
            calm = ~found.any(axis=0)
            if calm.any():
                self.marks[thing[unit[calm]]] = 0
            rule, which = np.divmod(np.flatnonzero(found), len(unit))
            if len(rule):
                yield rule, unit[which]

    def _exactly(self, view: BatchView, rule: Index, unit: Index, seen: F64, clears: Bools) -> None:
        """Rules that are their bars: the truth is known for all at once."""
        unknown = np.isnan(seen)
        when = np.where(unknown, NAN, self.sign[rule, 0] * seen >= self.bound[rule, 0])
        clear = np.where(unknown, NAN, clears)
        for r, u, i, t, w, c in zip(
            rule.tolist(),
            unit.tolist(),
            view.thing[unit].tolist(),
            view.t[unit].tolist(),
            when.tolist(),
            clear.tolist(),
            strict=True,
        ):
            self.evaluators[r].machine.judge(At(i, t, view, u), (w,), (c,))

    def _asked(self, view: BatchView, rule: Index, unit: Index) -> None:
        """Rules whose conditions are more than their bars: each judges its few units itself."""
        if not len(rule):
            return
        order = np.lexsort((unit, rule))
        rule, unit = rule[order], unit[order]
        starts = np.flatnonzero(np.diff(rule, prepend=-1))
        for r, some in zip(rule[starts].tolist(), np.split(unit, starts[1:]), strict=True):
            self.evaluators[r].judge_units(view, some)

    # --- things that come several times in a view
    def _several(self, view: BatchView, x: F64, carry: Bools, rule: Index, unit: Index) -> None:
        """From the first unit of a thing on that may matter, each next one may."""
        rule, unit, stop = *_first(view.thing, rule, unit), _stops(view.thing)
        exact = ~np.isnan(self.sign[rule, 0])
        for r, a, b, calculated in zip(rule.tolist(), unit.tolist(), stop[unit].tolist(), exact.tolist(), strict=True):
            units = a + np.flatnonzero(carry[self.set_of[r], a:b])
            if calculated:
                self._run(view, x[self.value[r], units], r, units)
            else:
                self.evaluators[r].judge_units(view, units)

    def _run(self, view: BatchView, run: F64, r: int, units: Index) -> None:
        """The units of one thing before an exact rule: each next one that can matter."""
        evaluator, i = self.evaluators[r], int(view.thing[units[0]])
        when, clear = (self.sign[r, j] * run >= self.bound[r, j] for j in (0, 1))
        truth, clearing, known = when.tobytes(), clear.tobytes(), run == run
        n = 0
        while 0 <= n < len(units):
            seen = (float(truth[n]), float(clearing[n])) if known[n] else (NAN, NAN)
            unit = int(units[n])
            evaluator.machine.judge(At(i, int(view.t[unit]), view, unit), seen[:1], seen[1:])
            gate = evaluator.phases.m_gate[i]
            n = n + 1 if gate == G_BUSY else (truth if gate == G_IDLE else clearing).find(1, n + 1)


def _stops(thing: NDArray[np.integer]) -> Index:
    """Where the units of each unit's thing end."""
    last = np.append(np.flatnonzero(thing[1:] != thing[:-1]), len(thing) - 1)
    return np.repeat(last + 1, np.diff(last, prepend=-1))


def _first(thing: NDArray[np.integer], rule: Index, unit: Index) -> tuple[Index, Index]:
    """The first unit of every (rule, thing)."""
    order = np.lexsort((unit, rule))
    rule, unit = rule[order], unit[order]
    at = thing[unit]
    new = np.ones(len(rule), np.bool_)
    new[1:] = (rule[1:] != rule[:-1]) | (at[1:] != at[:-1])
    return rule[new], unit[new]


# --- bars of a rule
def _has_bars(evaluator: ThresholdEvaluator) -> bool:
    if evaluator.windows is not None or evaluator.hours is not None or evaluator.wakes.moments:
        return False
    if evaluator.context.peers is not None:
        return False
    return all(level.when.bars for level in evaluator.conditions.levels)


def _value_of(evaluator: ThresholdEvaluator, bar: Bar) -> Value:
    if isinstance(bar.value, str):
        return evaluator.space.column(bar.value)
    return Combined(bar.value, tuple(evaluator.space.column(name) for name in bar.value.points))


def _lowest(evaluator: ThresholdEvaluator, tables: dict[AttributeColumns, int]) -> dict[Place, float]:
    """Place -> the bar that is reached first; the tables of attributes that it hangs on join `tables`."""
    found: dict[Place, float] = {}
    for when in evaluator.conditions.when:
        for bar in when.expression.bars:
            place, held = (_value_of(evaluator, bar), bar.sign), bar.bound
            if bar.slot >= 0:
                table = when.facts[bar.slot]
                tables[table] = table.moves
                held = table.low if bar.sign > 0 else -table.high
            found[place] = min(held, found.get(place, held))
    return found


def _clear_clauses(evaluator: ThresholdEvaluator) -> Clauses:
    """What has to hold before the only level clears; none = nothing of the kind is known."""
    if not evaluator.phases.steady:
        return ()
    level = evaluator.conditions.levels[0]
    found = level.when.denials if level.clear is None else level.clear.demands
    return tuple(clause for clause in found if all(bar.slot < 0 for bar in clause))


def _exact(evaluator: ThresholdEvaluator) -> tuple[Bar, Bar] | None:
    """The bars of raising and clearing, when they are on the same value and the whole condition."""
    if not evaluator.phases.steady:
        return None
    level = evaluator.conditions.levels[0]
    when = _whole(level.when)
    clear = None if when is None else when.opposite() if level.clear is None else _whole(level.clear)
    return (when, clear) if when is not None and clear is not None and clear.value == when.value else None


def _whole(expression: Expression) -> Bar | None:
    return expression.bars[0] if expression.exact else None
