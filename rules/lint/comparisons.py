"""Analysis of written conditions: the name, operator and limit of each comparison, and the ranges that remain."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.units import bridge, parse_unit
from rules.expr.expression_error import ExpressionError
from rules.expr.operators import SWAPPED
from rules.expr.parse import parse
from rules.expr.syntax_tree import (
    CallNode,
    Compare,
    LogicNode,
    MemberNode,
    Name,
    Negative,
    Number,
    Syntax,
    TextNode,
    children,
    render,
)

CLOCKED = frozenset({"age", "hour", "weekday"})
UP, DOWN = frozenset({">", ">="}), frozenset({"<", "<="})


@dataclass(frozen=True, slots=True)
class Atom:
    """`name operator limit`, turned so that the name is on the left. `texts`: the states allowed (`==`, `in`)."""

    name: str
    operator: str
    limit: Syntax
    texts: tuple[str, ...] = ()

    @property
    def value(self) -> float | None:
        """The limit in the canonical unit: a number, or the default of an attribute; None for anything else."""
        return number_of(self.limit)

    @property
    def literal(self) -> bool:
        """True if the limit is the same for all devices."""
        return not isinstance(self.limit, CallNode)

    def render(self) -> str:
        """The comparison as text."""
        return f"{self.name} {self.operator} {render(self.limit)}"


def trees(condition: object) -> list[tuple[str, Syntax]]:
    """The expressions of a `when` as written: ("", tree) alone, ("all" or "any", tree) in a list; members left out."""
    if isinstance(condition, str):
        tree = parsed(condition)
        return [] if tree is None else [("", tree)]
    found: list[tuple[str, Syntax]] = []
    for word in ("all", "any") if isinstance(condition, Mapping) else ():
        items = condition.get(word) if isinstance(condition, Mapping) else None
        trees_of = [parsed(item) for item in items if isinstance(item, str)] if isinstance(items, list) else []
        found += [(word, tree) for tree in trees_of if tree is not None]
    return found


def parsed(text: str, *, durations: bool = False) -> Syntax | None:
    """The tree of a text; None when it is none."""
    try:
        return parse(text, durations)
    except (ExpressionError, RecursionError):
        return None


def alternatives(condition: object) -> list[tuple[Syntax, ...]]:
    """Alternatives that make a condition true; in each, all parts must be true. Deeper nesting stays in one part."""
    found = trees(condition)
    if found and found[0][0] == "all":
        return [tuple(part for _, tree in found for part in _parts("and", tree))]
    return [_parts("and", one) for _, tree in found for one in _parts("or", tree)]


def _parts(operator: str, tree: Syntax) -> tuple[Syntax, ...]:
    return tree.items if isinstance(tree, LogicNode) and tree.operator == operator else (tree,)


def atom(tree: Syntax) -> Atom | None:
    """Comparison of a name, or of a time, with a limit without names; None for anything else."""
    if isinstance(tree, MemberNode) and isinstance(tree.item, Name):
        texts = tuple(one.value for one in tree.options if isinstance(one, TextNode))
        return Atom(tree.item.name, "in", tree.options[0], texts) if len(texts) == len(tree.options) else None
    if not isinstance(tree, Compare):
        return None
    for left, right, operator in (
        (tree.left, tree.right, tree.operator),
        (tree.right, tree.left, SWAPPED[tree.operator]),
    ):
        name = _named(left)
        if name and not any(isinstance(part, Name) for part in walk(right)):
            texts = (right.value,) if isinstance(right, TextNode) and operator == "==" else ()
            return Atom(name, operator, right, texts)
    return None


def _named(tree: Syntax) -> str:
    """A name, or `age(x)`, `hour()`, `weekday()` as written; "" for anything else."""
    if isinstance(tree, Name):
        return tree.name
    return render(tree) if isinstance(tree, CallNode) and tree.name in CLOCKED else ""


def walk(tree: Syntax) -> Iterator[Syntax]:
    """A tree and all its parts. The name inside attr(..) is a text, so attributes are not names."""
    stack = [tree]
    while stack:
        here = stack.pop()
        yield here
        stack += children(here)


def number_of(tree: Syntax, unit: str = "") -> float | None:
    """A constant in the canonical unit, of a per cent that is compared with a number the fraction; of
    `attr(name, default)` the default. `unit`: the canonical unit of the other side."""
    sign = 1.0
    while isinstance(tree, Negative):
        tree, sign = tree.item, -sign
    if isinstance(tree, CallNode) and tree.name == "attr" and len(tree.arguments) == 2:
        tree = tree.arguments[1]
        while isinstance(tree, Negative):
            tree, sign = tree.item, -sign
    if not isinstance(tree, Number):
        return None
    try:
        own = parse_unit(tree.unit)
        value, dimension = own.canonical(sign * tree.value), parse_unit(unit).dimension
    except ValueError:
        return None
    if own.dimension != dimension and (factor := bridge(own.dimension, dimension)) is not None:
        value = value * factor[0] / factor[1]
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`; an open end is excluded."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    @property
    def empty(self) -> bool:
        """True if no number is inside."""
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def meet(self, other: "Range") -> "Range":
        """Intersection of two ranges."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return Range(low, high, low_open, not closed)

    def inside(self, other: "Range") -> bool:
        """True if the whole range is inside `other`."""
        return self.meet(other) == self


def range_of(one: Atom, unit: str = "") -> Range | None:
    """Numbers that make a comparison with a literal true; None when it is no such comparison."""
    value = number_of(one.limit, unit)
    if value is None or not one.literal:
        return None
    match one.operator:
        case "<":
            return Range(high=value, high_open=True)
        case "<=":
            return Range(high=value)
        case ">":
            return Range(low=value, low_open=True)
        case ">=":
            return Range(low=value)
        case "==":
            return Range(value, value)
        case _:
            return None


def ranges(parts: tuple[Syntax, ...], unit_of: Callable[[str], str]) -> dict[str, Range]:
    """Name -> range left by the comparisons among the parts of a conjunction. `unit_of` a name, canonical."""
    out: dict[str, Range] = {}
    for part in parts:
        one = atom(part)
        if one is not None and (found := range_of(one, unit_of(one.name))) is not None:
            out[one.name] = out.get(one.name, Range()).meet(found)
    return out


def states(parts: tuple[Syntax, ...]) -> dict[str, frozenset[str]]:
    """Name -> texts left by the comparisons among the parts of a conjunction."""
    out: dict[str, frozenset[str]] = {}
    for part in parts:
        one = atom(part)
        if one is not None and one.texts:
            texts = frozenset(one.texts)
            out[one.name] = out[one.name] & texts if one.name in out else texts
    return out


def plain_text(value: Any) -> str:
    """A written condition as one text, for messages."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(plain_text(item) for item in value)
    return str(value)
