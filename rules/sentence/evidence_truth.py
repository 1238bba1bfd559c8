"""Parts of a condition that were true, by the evidence: of `a or b` a sentence has only those. Three-valued."""

from collections.abc import Iterator, Mapping

from gateway.domain.alarm import Evidence
from gateway.domain.units import bridge, canonical_symbol, parse_unit
from rules.expr.operators import COMPARE, kleene
from rules.expr.syntax_tree import (
    Arithmetic,
    CallNode,
    ChoiceNode,
    Compare,
    LogicNode,
    MemberNode,
    Name,
    NotNode,
    Number,
    Syntax,
    TextNode,
)

Value = tuple[float | str, str]
"""A number in the unit beside it, canonical, or a text."""


Truth = Mapping[Syntax, bool | None]
"""Comparisons, and whether they were so."""


def leaves(node: Syntax) -> Iterator[Syntax]:
    """The comparisons that a condition is put together of."""
    match node:
        case NotNode(item):
            yield from leaves(item)
        case LogicNode(_, items):
            for item in items:
                yield from leaves(item)
        case ChoiceNode(condition, then, otherwise):
            for item in (condition, then, otherwise):
                yield from leaves(item)
        case _:
            yield node


def judged(node: Syntax, truth: Truth) -> bool | None:
    """Truth of a condition by that of its comparisons; None = unknown."""
    match node:
        case NotNode(item):
            found = judged(item, truth)
            return None if found is None else not found
        case LogicNode(operator, items):
            return kleene([judged(item, truth) for item in items], operator)
        case _:
            return truth.get(node)


def holds(node: Syntax, evidence: Evidence) -> bool | None:
    """Truth of a comparison; None: not in the evidence."""
    match node:
        case Compare(operator, left, right):
            return _compared(operator, _value(left, evidence), _value(right, evidence))
        case CallNode("has", (Name(name),)):
            reading = next((one for one in evidence.readings if one.point == name), None)
            return None if reading is None else reading.value is not None
        case MemberNode(item, options):
            own = _value(item, evidence)
            return kleene([_compared("==", own, _value(one, evidence)) for one in options], "or")
        case _:
            return None


def _compared(operator: str, left: Value | None, right: Value | None) -> bool | None:
    if left is None or right is None or isinstance(left[0], str) is not isinstance(right[0], str):
        return None
    first, second = left[0], right[0]
    if not isinstance(first, str) and not isinstance(second, str) and left[1] != right[1]:
        ratio = bridge(parse_unit(left[1]).dimension, parse_unit(right[1]).dimension)
        if ratio is None:
            return None
        first = first * ratio[0] / ratio[1]
    return bool(COMPARE[operator](first, second))


def _value(node: Syntax, evidence: Evidence) -> Value | None:
    match node:
        case Number(value, unit):
            of = parse_unit(unit)
            return of.canonical(value), canonical_symbol(of)
        case TextNode(text):
            return text, ""
        case Name(name):
            reading = next((one for one in evidence.readings if one.point == name and one.value is not None), None)
            if reading is not None and reading.value is not None:
                return reading.value if isinstance(reading.value, str) else float(reading.value), reading.unit
            signal = next((one for one in evidence.signals if one.name == name), None)
            return None if signal is None or signal.value is None else (signal.value, signal.unit)
        case CallNode("attr", (TextNode(name), *_)):
            ends = f" {name}"
            return next(((t.value, t.unit) for t in evidence.thresholds if t.origin.endswith(ends)), None)
        case Arithmetic("+" | "-" as operator, left, right):
            first, second = _value(left, evidence), _value(right, evidence)
            if first is None or second is None or isinstance(first[0], str) or isinstance(second[0], str):
                return None
            return (first[0] + second[0] if operator == "+" else first[0] - second[0]), first[1]
        case _:
            return None
