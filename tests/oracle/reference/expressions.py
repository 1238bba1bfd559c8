"""Expressions (RULES.md section 3), evaluated from the readings alone, at a moment.

Nodes: ("num", v) · ("span", µs) · ("point", p) · ("signal", s) · ("before", s, n) · ("age", p) · ("has", p) ·
("cmp", op, a, b) · ("is", p, text) · ("isnt", p, text) · ("in", p, (texts)) · ("and", ..) · ("or", ..) · ("not", a) ·
("arith", op, a, b) · ("abs", a) · ("least", a, b) · ("most", a, b) · ("round", a) · ("choose", c, a, b).
A value is a number, True or False; None is unknown.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from oracle.reference.values import History
from oracle.scene import Expr

SignalAt = Callable[[str, int, int], float | None]
"""(name, t, n) -> its value at `t`, or that of n closed windows before."""


@dataclass
class Moment:
    """The readings up to `t`. `after` True = a moment later: what changes with time at `t` has changed."""

    history: History
    signal: SignalAt
    t: int
    after: bool = False


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def value(node: Expr, now: Moment) -> Any:
    """The value of `node`; None = unknown."""
    kind = node[0]
    if kind in {"num", "span"}:
        return node[1]
    if kind == "point":
        return now.history.last(node[1], now.t)
    if kind == "signal":
        return now.signal(node[1], now.t, 0)
    if kind == "before":
        return now.signal(node[1], now.t, node[2])
    if kind == "age":
        good = now.history.good_at(node[1], now.t)
        return None if good is None else now.t - good + (1 if now.after else 0)
    if kind == "has":
        return now.history.last(node[1], now.t) is not None
    if kind in {"is", "isnt", "in"}:
        text = now.history.last(node[1], now.t)
        if text is None:
            return None
        return text == node[2] if kind == "is" else text != node[2] if kind == "isnt" else text in node[2]
    if kind == "and":
        return _both([value(part, now) for part in node[1:]], False)
    if kind == "or":
        return _both([value(part, now) for part in node[1:]], True)
    if kind == "choose":
        chosen = value(node[1], now)
        return None if chosen is None else value(node[2] if chosen else node[3], now)
    return _of_known(kind, node, [value(part, now) for part in node[1:] if isinstance(part, tuple)])


def _of_known(kind: str, node: Expr, parts: list[Any]) -> Any:
    """ "A missing, bad or NaN operand gives unknown"."""
    if any(part is None for part in parts):
        return None
    if kind == "not":
        return not parts[0]
    if kind == "cmp":
        return _COMPARE[node[1]](parts[0], parts[1])
    if kind == "abs":
        return abs(parts[0])
    if kind == "least":
        return min(parts)
    if kind == "most":
        return max(parts)
    if kind == "round":  # "rounds half away from zero"
        return math.copysign(math.floor(abs(parts[0]) + 0.5), parts[0])
    if kind != "arith":
        raise ValueError(kind)
    a, b = parts
    if node[1] == "/":
        return None if b == 0 else a / b
    return a + b if node[1] == "+" else a - b if node[1] == "-" else a * b


def _both(parts: list[Any], wins: bool) -> bool | None:
    """ "unknown or true = true, unknown and false = false"."""
    if any(part is wins for part in parts):
        return wins
    return None if any(part is None for part in parts) else not wins


def walk(node: Expr) -> Iterator[Expr]:
    """The node and all below."""
    yield node
    for part in node[1:]:
        if isinstance(part, tuple) and part and part[0] in _KINDS:
            yield from walk(part)


_KINDS = frozenset(
    {"num", "span", "point", "signal", "before", "age", "has", "cmp", "is", "isnt", "in", "and", "or", "not", "arith",
     "abs", "least", "most", "round", "choose", "members"}
)  # fmt: skip


def points_in(node: Expr) -> set[str]:
    """The points that stand in it."""
    return {part[1] for part in walk(node) if part[0] in {"point", "age", "has", "is", "isnt", "in"}}


def signals_in(node: Expr) -> set[str]:
    """The signals that stand in it."""
    return {part[1] for part in walk(node) if part[0] in {"signal", "before"}}


def age_limits(node: Expr) -> set[tuple[str, int]]:
    """(point, µs) of every comparison of an age with a time: there it changes by itself."""
    found = set()
    for part in walk(node):
        if part[0] == "cmp":
            sides = {part[2][0]: part[2][1], part[3][0]: part[3][1]}
            if "age" in sides and "span" in sides:
                found.add((sides["age"], sides["span"]))
    return found
