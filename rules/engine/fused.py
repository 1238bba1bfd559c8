"""Rules of the form `point >= number` judged together: one comparison for all of them and a whole batch.

`x > a` is `x >= next float above a`, `x <= a` is `-x >= -a`: every such condition is `sign * x >= bound`, exactly.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan, nextafter

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, U8
from rules.compiled import Expression, SlotKind
from rules.engine.level_state import G_BUSY, G_IDLE, G_STEADY
from rules.engine.levels import LevelsRunner
from rules.engine.runner import Runner
from rules.engine.view import View

_SIMPLE = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*[-+]?[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\s*[^\s()+*?-]*\s*")


@dataclass(frozen=True, slots=True)
class Atom:
    """True iff `sign * x >= bound`; unknown for NaN."""

    sign: int
    bound: float

    def opposite(self) -> "Atom":
        """True iff this is false."""
        return Atom(-self.sign, nextafter(-self.bound, inf))


def atom_of(expression: Expression) -> Atom | None:
    """The atom an expression is, proven by trying the scalar back end around the bound; None when it is none."""
    match = _SIMPLE.fullmatch(expression.text)
    if match is None or len(expression.slots) != 1 or len(expression.limits) != 1:
        return None
    slot, limit = expression.slots[0], expression.limits[0]
    if slot.kind is not SlotKind.POINT or slot.name != match[1] or limit.slot >= 0:
        return None
    a = limit.value
    atom = {
        ">=": Atom(1, a), ">": Atom(1, nextafter(a, inf)), "<=": Atom(-1, -a), "<": Atom(-1, nextafter(-a, inf))
    }[match[2]]  # fmt: skip
    for x in (a, nextafter(a, inf), nextafter(a, -inf), a + 1, a - 1, -a, 2 * a, 0.0, 1e300, -1e300):
        if expression.scalar([x]) != float(atom.sign * x >= atom.bound):
            return None
    unknown = expression.scalar([nan])
    return atom if unknown != unknown else None


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rules on one column and sign. bound f64[r, 1], gate u8[r, n]; clearing: sign i8[r], bound f64[r]."""

    column: int
    sign: int
    runners: tuple[LevelsRunner, ...]
    bound: F64
    gate: U8
    clear_sign: F64
    clear_bound: F64


class Fused:
    """The blocks of one space, and the rules that are in none."""

    def __init__(self, runners: Sequence[Runner], capacity: int, version: int) -> None:
        self.capacity, self.version = capacity, version
        self.alone: list[Runner] = []
        groups: dict[tuple[int, int], list[tuple[LevelsRunner, Atom, Atom]]] = {}
        for runner in runners:
            atoms = _atoms(runner)
            if atoms is None or not isinstance(runner, LevelsRunner):
                self.alone.append(runner)
            else:
                groups.setdefault((runner.judged[0], atoms[0].sign), []).append((runner, *atoms))
        self.blocks = [_block(column, sign, members) for (column, sign), members in groups.items()]

    def frames(self, view: View) -> None:
        """Judge the units of a view."""
        for block in self.blocks:
            _judge(block, view)
        for runner in self.alone:
            runner.frames(view)


def _atoms(runner: Runner) -> tuple[Atom, Atom] | None:
    if not isinstance(runner, LevelsRunner) or not runner.steady_allowed or runner.windows is not None:
        return None
    level = runner.levels[0]
    when = atom_of(level.when)
    if when is None or len(runner.judged) != 1:
        return None
    clear = when.opposite() if level.clear is None else atom_of(level.clear)
    return None if clear is None else (when, clear)


def _block(column: int, sign: int, members: Sequence[tuple[LevelsRunner, Atom, Atom]]) -> Block:
    gate = np.stack([runner.gate for runner, _, _ in members])
    for row, (runner, _, _) in zip(gate, members, strict=True):
        runner.adopt_gate(row)
    return Block(
        column, sign, tuple(runner for runner, _, _ in members),
        np.array([[when.bound] for _, when, _ in members]), gate,
        np.array([float(clear.sign) for _, _, clear in members]), np.array([clear.bound for _, _, clear in members]),
    )  # fmt: skip


def _judge(block: Block, view: View) -> None:
    units = np.flatnonzero(view.present(block.column))
    if not len(units):
        return
    x, thing = view.value(block.column), view.thing
    if len(units) < len(view):
        x, thing = x[units], thing[units]
    true = (x if block.sign > 0 else -x) >= block.bound
    gate = np.take(block.gate, thing, axis=1)
    need = true & (gate == G_IDLE)
    need |= (gate - np.uint8(1)) < 2  # busy or steady
    rule, item = np.divmod(np.flatnonzero(need), len(units))
    if not len(rule):
        return
    steady = gate[rule, item] == G_STEADY
    clears = block.clear_sign[rule] * x[item] >= block.clear_bound[rule]
    keep = ~steady | clears
    if not view.unique:
        need[rule[~keep], item[~keep]] = False
        some = np.flatnonzero(need.any(axis=1))  # few rules have anything to do in one batch
        rule, item = np.nonzero(_later_too(need[some], thing, gate[some]))
        rule = some[rule]
        clears = block.clear_sign[rule] * x[item] >= block.clear_bound[rule]
    else:
        rule, item, clears = rule[keep], item[keep], clears[keep]
    unknown = np.isnan(x[item])
    when = np.where(unknown, nan, true[rule, item])
    clear = np.where(unknown, nan, clears)
    moment = view.t[units[item]]
    for r, u, i, t, w, c in zip(
        rule.tolist(), units[item].tolist(), thing[item].tolist(), moment.tolist(), when.tolist(), clear.tolist(),
        strict=True,
    ):  # fmt: skip
        block.runners[r].judge(i, t, (w,), (c,), view, u)


def _later_too(need: NDArray[np.bool_], thing: NDArray[np.integer], gate: U8) -> NDArray[np.bool_]:
    """A (rule, thing) that was looked at once is looked at in all later frames of the view."""
    new = np.ones(len(thing), np.bool_)
    new[1:] = thing[1:] != thing[:-1]
    first = np.maximum.accumulate(np.where(new, np.arange(len(thing)), 0))
    count = np.cumsum(need, axis=1)
    before: NDArray[np.int64] = count[:, first] - need[:, first]
    found: NDArray[np.bool_] = (count - before > 0) & (gate <= max(G_STEADY, G_BUSY))
    return found
