"""Level rules judged together: the readings that reach a rule are found first, most rules are never asked.

A condition cannot be true unless one of its bars holds (`sign * x >= bound`). The bars of all rules on one point are a
ladder of sorted bounds: a reading reaches a prefix of it, so a batch costs readings x log(rules) + what is reached.
Alarms that are on and holds that run are looked at too; `marks` tells which things have any.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, U8
from rules.compiled import Bar, Expression
from rules.engine.facts import FactTable
from rules.engine.level_state import G_BUSY, G_IDLE, G_STEADY
from rules.engine.levels import LevelsRunner
from rules.engine.runner import Runner
from rules.engine.view import View

AT_ONCE = 2_000_000
"""Pairs of a rule and a reading that are held in memory at a time."""
Index = NDArray[np.intp]
NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """The bars on one column: bound f64[k] rises, rule i64[k] is the row in the table of gates."""

    column: int
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


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Rules that are judged by the same columns: rows `first` and on of the gates.

    sign, bound f64[r, 2]: the exact bars of raising and clearing, NaN for a rule that has to be asked itself;
    marks u8[n]: 1 where a gate of a thing may be other than idle; `twice`: some rule has several bars.
    """

    columns: tuple[int, ...]
    runners: tuple[LevelsRunner, ...]
    first: int
    gate: U8
    ladders: tuple[Ladder, ...]
    sign: F64
    bound: F64
    marks: U8
    twice: bool

    def judge(self, view: View) -> None:
        """Judge the units of a view."""
        carry = view.carry(self.columns)
        whole = bool(carry.all())
        units = np.arange(len(view)) if whole else np.flatnonzero(carry)
        if not len(units):
            return
        thing = view.thing if whole else view.thing[units]
        parts = [*self._raising(view, units, thing, whole=whole), *self._watched(thing)]
        if not parts:
            return
        rule, item = np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])
        if self.twice:
            key = np.unique(rule * len(units) + item)
            rule, item = np.divmod(key, len(units))
        exact = ~np.isnan(self.sign[rule, 0])
        if exact.any():
            mine = (rule, item) if exact.all() else (rule[exact], item[exact])
            self._exactly(view, units, thing, *mine)
        if not exact.all():
            self._asked(view, units, thing, rule[~exact], item[~exact])

    def _raising(self, view: View, units: Index, thing: NDArray[np.integer], *, whole: bool) -> Iterator[
        tuple[Index, Index]
    ]:  # fmt: skip
        """(rule of the cluster, item) that may be raised: a bar holds and all is idle."""
        for ladder in self.ladders:
            x = view.value(ladder.column)
            for rule, item in ladder.reached(x if whole else x[units]):
                idle = self.gate[rule, thing[item]] == G_IDLE
                if idle.any():
                    yield rule[idle] - self.first, item[idle]

    def _watched(self, thing: NDArray[np.integer]) -> Iterator[tuple[Index, Index]]:
        """(rule of the cluster, item) whose hold runs or whose alarm is on."""
        marked = np.flatnonzero(self.marks[thing])
        rows = self.gate[self.first : self.first + len(self.runners)]
        step = max(1, AT_ONCE // len(rows))
        for start in range(0, len(marked), step):
            item = marked[start : start + step]
            found = (np.take(rows, thing[item], axis=1) - np.uint8(1)) < 2
            calm = ~found.any(axis=0)
            if calm.any():
                self.marks[thing[item[calm]]] = 0
            rule, which = np.divmod(np.flatnonzero(found), len(item))
            if len(rule):
                yield rule, item[which]

    def _exactly(self, view: View, units: Index, thing: NDArray[np.integer], rule: Index, item: Index) -> None:
        """Rules that are their bars: the truth is known for all at once."""
        x = view.value(self.columns[0])[units]
        at = thing[item]
        clears = self.sign[rule, 1] * x[item] >= self.bound[rule, 1]
        keep = (self.gate[rule + self.first, at] != G_STEADY) | clears
        rule, item, at, clears = rule[keep], item[keep], at[keep], clears[keep]
        if not len(rule):
            return
        if not view.unique:
            self._runs(view, units, thing, x, rule, item)
            return
        seen = x[item]
        unknown = np.isnan(seen)
        when = np.where(unknown, NAN, self.sign[rule, 0] * seen >= self.bound[rule, 0])
        clear = np.where(unknown, NAN, clears)
        moment = view.t[units[item]]
        for r, u, i, t, w, c in zip(
            rule.tolist(), units[item].tolist(), at.tolist(), moment.tolist(), when.tolist(), clear.tolist(),
            strict=True,
        ):  # fmt: skip
            self.runners[r].judge(i, t, (w,), (c,), view, u)

    def _runs(
        self, view: View, units: Index, thing: NDArray[np.integer], x: F64, rule: Index, item: Index
    ) -> None:  # fmt: skip
        """Things that come several times: from the first item on, each next one that can matter."""
        stop, (rule, item) = _stops(thing), _first(thing, rule, item)
        moments, signs, bounds = view.t[units], self.sign[rule], self.bound[rule]
        for k, (r, a, b) in enumerate(zip(rule.tolist(), item.tolist(), stop[item].tolist(), strict=True)):
            runner, i, run = self.runners[r], int(thing[a]), x[a:b]
            when, clear = (signs[k, j] * run >= bounds[k, j] for j in (0, 1))
            truth, clearing, known = when.tobytes(), clear.tobytes(), run == run
            n = 0
            while 0 <= n < b - a:
                seen = (float(truth[n]), float(clearing[n])) if known[n] else (NAN, NAN)
                runner.judge(i, int(moments[a + n]), seen[:1], seen[1:], view, int(units[a + n]))
                gate = runner.m_gate[i]
                if gate == G_BUSY:
                    n += 1
                else:
                    n = (truth if gate == G_IDLE else clearing).find(1, n + 1)

    def _asked(self, view: View, units: Index, thing: NDArray[np.integer], rule: Index, item: Index) -> None:
        """Rules whose conditions say more than their bars: each is asked about the few units."""
        if not view.unique:
            stop, (rule, item) = _stops(thing), _first(thing, rule, item)
            length = stop[item] - item
            offset = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
            rule, item = np.repeat(rule, length), np.repeat(item, length) + offset
        order = np.lexsort((item, rule))
        rule, item = rule[order], item[order]
        starts = np.flatnonzero(np.diff(rule, prepend=-1))
        for r, some in zip(rule[starts].tolist(), np.split(units[item], starts[1:]), strict=True):
            self.runners[r].look(view, some)


def _stops(thing: NDArray[np.integer]) -> Index:
    """Where the items of each item's thing end."""
    last = np.append(np.flatnonzero(thing[1:] != thing[:-1]), len(thing) - 1)
    return np.repeat(last + 1, np.diff(last, prepend=-1))


def _first(thing: NDArray[np.integer], rule: Index, item: Index) -> tuple[Index, Index]:
    """The first item of every (rule, thing)."""
    order = np.lexsort((item, rule))
    rule, item = rule[order], item[order]
    at = thing[item]
    new = np.ones(len(rule), np.bool_)
    new[1:] = (rule[1:] != rule[:-1]) | (at[1:] != at[:-1])
    return rule[new], item[new]


class Fused:
    """The clusters of one space, and the rules that are in none."""

    def __init__(self, runners: Sequence[Runner], capacity: int, version: int) -> None:
        self.capacity, self.version = capacity, version
        self.alone: list[Runner] = []
        self.clusters: list[Cluster] = []
        self.tables: dict[FactTable, int] = {}
        joined: dict[tuple[int, ...], list[LevelsRunner]] = {}
        for runner in runners:
            if isinstance(runner, LevelsRunner) and _has_bars(runner):
                joined.setdefault(runner.judged, []).append(runner)
            else:
                self.alone.append(runner)
        gate: U8 = np.empty((sum(map(len, joined.values())), capacity), np.uint8)
        row = 0
        for columns, members in joined.items():
            self.clusters.append(_cluster(columns, members, gate, row, self.tables))
            row += len(members)

    def current(self, capacity: int, version: int) -> bool:
        """Is it still what rules, rows and attributes make of it?"""
        same = self.capacity == capacity and self.version == version
        return same and all(table.moves == moves for table, moves in self.tables.items())

    def frames(self, view: View) -> None:
        """Judge the units of a view."""
        for cluster in self.clusters:
            cluster.judge(view)
        for runner in self.alone:
            runner.frames(view)


def _has_bars(runner: LevelsRunner) -> bool:
    if type(runner) is not LevelsRunner or runner.windows is not None or runner.schedule is not None:
        return False
    return all(level.when.bars for level in runner.levels)


def _cluster(
    columns: tuple[int, ...], members: Sequence[LevelsRunner], gate: U8, first: int, tables: dict[FactTable, int]
) -> Cluster:  # fmt: skip
    rows = gate[first : first + len(members)]
    marks: U8 = np.zeros(rows.shape[1], np.uint8)
    sign, bound = np.full((len(members), 2), np.nan), np.full((len(members), 2), np.nan)
    ladders: dict[tuple[int, int], list[tuple[float, int]]] = {}
    twice = False
    for k, runner in enumerate(members):
        rows[k] = runner.gate
        marks |= (rows[k] - np.uint8(1)) < 2
        runner.adopt_gate(rows[k], marks)
        lowest = _lowest(runner, tables)
        for place, held in lowest.items():
            ladders.setdefault(place, []).append((held, first + k))
        twice |= len(lowest) > 1
        exact = _exact(runner)
        if exact is not None:
            sign[k], bound[k] = [bar.sign for bar in exact], [bar.bound for bar in exact]
    return Cluster(
        columns, tuple(members), first, gate, tuple(_ladder(*place, held) for place, held in ladders.items()),
        sign, bound, marks, twice,
    )  # fmt: skip


def _lowest(runner: LevelsRunner, tables: dict[FactTable, int]) -> dict[tuple[int, int], float]:
    """(column, sign) -> the bar that is reached first; the tables of attributes that it hangs on join `tables`."""
    found: dict[tuple[int, int], float] = {}
    for when in runner.when:
        for bar in when.expression.bars:
            place, held = (runner.space.column(bar.point), bar.sign), bar.bound
            if bar.slot >= 0:
                table = when.facts[bar.slot]
                tables[table] = table.moves
                held = table.low if bar.sign > 0 else -table.high
            found[place] = min(held, found.get(place, held))
    return found


def _ladder(column: int, sign: int, held: list[tuple[float, int]]) -> Ladder:
    held.sort()
    return Ladder(column, sign, np.array([b for b, _ in held]), np.array([r for _, r in held], np.intp))


def _exact(runner: LevelsRunner) -> tuple[Bar, Bar] | None:
    """The bars of raising and clearing, when they say all."""
    if not runner.steady_allowed or len(runner.judged) != 1:
        return None
    level = runner.levels[0]
    when = _whole(level.when)
    clear = None if when is None else when.opposite() if level.clear is None else _whole(level.clear)
    return None if when is None or clear is None else (when, clear)


def _whole(expression: Expression) -> Bar | None:
    return expression.bars[0] if expression.exact else None
