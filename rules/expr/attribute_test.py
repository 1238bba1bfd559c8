"""`where` of a watch: the same grammar over the attributes and tags of a device, once per device, not per reading.

Attributes are texts, numbers and truth values from imported lists, so types are known at run time only: a number
and a text compare by the number in the text (`95 degC` is 95 in the canonical unit, a bare number is canonical);
what cannot be compared is unknown, and unknown does not pass.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from operator import add, mul, sub

from gateway.domain.fence import Fence
from gateway.domain.units import Unit, parse_unit
from rules.compiled import AttrTest
from rules.expr.column_backend import rounded
from rules.expr.expression_error import fail, gather
from rules.expr.fence_test import Inside, inside, known
from rules.expr.functions import SHAPES, fence_of, quoted_text
from rules.expr.name_scope import near_or_known
from rules.expr.operators import COMPARE, kleene
from rules.expr.parse import parse
from rules.expr.syntax_tree import (
    Arithmetic,
    CallNode,
    ChoiceNode,
    Compare,
    LogicNode,
    MemberNode,
    Name,
    Negative,
    NotNode,
    Number,
    QuorumNode,
    Syntax,
    TextNode,
    Truth,
    render,
)

Value = float | str | bool | None
Attributes = Mapping[str, object]
Reader = Callable[[Attributes], Value]
Fences = Mapping[str, Fence]
_FUNCTIONS = ("tag", "attr", "has", "abs", "min", "max", "round", "within", "contains")
_SHAPES = {
    "tag": "tag('x')",
    "attr": "attr('x', 0)",
    "has": "has(x)",
    "within": SHAPES["within"],
    "contains": SHAPES["contains"],
}
_ROWS = frozenset({"age", "changed", "before", "hour", "weekday"})
_QUANTITY = re.compile(r"\s*([-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*(.*?)\s*", re.ASCII)


def where(text: str, fences: Fences | None = None) -> tuple[AttrTest, str]:
    """The test, and the text as the printer writes it. Raises ExpressionError with all flaws."""
    tree = parse(text)
    read = _reader(tree, fences or {})
    if isinstance(tree, Number | TextNode | Arithmetic | Negative):
        raise fail("rules.expr.not_truth", tree.at, text=render(tree), write="life == 'in_service'")

    def test(attributes: Attributes) -> bool | None:
        return _truth(read(attributes))

    return test, render(tree)


def quantity(value: object) -> float | None:
    """A number, or a text such as `95 degC`, in the canonical unit; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if isfinite(value) else None
    found = measured(value) if isinstance(value, str) else None
    return found[0] if found else None


def measured(text: str) -> tuple[float, Unit] | None:
    """`95 degC` -> the canonical number and the unit it was written in; None when it is no number with a unit."""
    if not (match := _QUANTITY.fullmatch(text)):
        return None
    try:
        unit = parse_unit(match[2])
    except ValueError:
        return None
    number = unit.canonical(float(match[1]))
    return (number, unit) if isfinite(number) else None


def _truth(value: Value) -> bool | None:
    return value if isinstance(value, bool) else None


def _plain(value: object) -> Value:
    if isinstance(value, bool | str):
        return value
    return quantity(value)


def _reader(node: Syntax, fences: Fences) -> Reader:
    match node:
        case Number(value, unit):
            canonical = parse_unit(unit).canonical(value)
            return lambda _: canonical
        case TextNode(text):
            return lambda _: text
        case Truth(true):
            return lambda _: true
        case Name(name):
            return lambda attributes: _plain(attributes.get(name))
        case CallNode():
            return _call(node, fences)
        case Negative(item):
            return _applied(partial(_calculated, sub, 0.0), (item,), fences)
        case Arithmetic(operator, left, right):
            return _applied(partial(_calculated, _ARITHMETIC[operator]), (left, right), fences)
        case Compare(operator, left, right):
            return _applied(partial(_compared, operator), (left, right), fences)
        case NotNode(item):
            return _applied(_negated, (item,), fences)
        case LogicNode(operator, items):
            return _applied(partial(_joined, operator), items, fences)
        case MemberNode(item, options):
            return _applied(_is_one_of, (item, *options), fences)
        case ChoiceNode(condition, then, otherwise):
            return _applied(_chosen, (condition, then, otherwise), fences)
        case QuorumNode():
            raise ValueError("not of a text")


def _applied(function: Callable[..., Value], nodes: Sequence[Syntax], fences: Fences) -> Reader:
    """`function` of the values of `nodes`."""
    readers = gather([partial(_reader, node, fences) for node in nodes])
    return lambda attributes: function(*(reader(attributes) for reader in readers))


def _call(node: CallNode, fences: Fences) -> Reader:
    name, arguments = node.name, node.arguments
    if name in _ROWS:
        raise fail("rules.expr.not_in_where", node.at, name=name)
    if name not in _FUNCTIONS:
        key, fields = near_or_known("rules.expr.function", name, _FUNCTIONS)
        raise fail(key, node.at, name=name, **fields)
    shape = _SHAPES.get(name, f"{name}(x)")
    least, most = {"attr": (1, 2), "min": (1, 32), "max": (1, 32), "within": (3, 3), "contains": (2, 2)}.get(
        name, (1, 1)
    )
    if not least <= len(arguments) <= most:
        raise fail("rules.expr.arguments", node.at, name=name, count=len(arguments), write=shape)
    first = arguments[0]
    if name == "has":
        if not isinstance(first, Name):
            raise fail("rules.expr.point_wanted", first.at, text=render(first), write="has(x)")
        word = first.name
        return lambda attributes: attributes.get(word) is not None
    if name == "within":
        test = inside(fence_of(arguments[2], fences), lambda value: round(value, 0))
        return _applied(partial(_within, test), arguments[:2], fences)
    if name == "contains":
        return _applied(partial(_contains, quoted_text(arguments[1], shape)), (first,), fences)
    if name in {"tag", "attr"}:
        if not isinstance(first, TextNode):
            raise fail("rules.expr.quoted", first.at, text=render(first), write=shape)
        if name == "tag":
            return partial(_tagged, first.value)
        return _applied(_first_known, (Name(first.value), *arguments[1:]), fences)
    return _applied(partial(_numeric, name), arguments, fences)


def _within(test: Inside, *place: Value) -> bool | None:
    lat, lon = map(quantity, place)
    return bool(test(lat, lon)) if lat is not None and lon is not None and known(lat, lon) else None


def _contains(part: str, value: Value) -> bool | None:
    return part in value if isinstance(value, str) else None


def _tagged(tag: str, attributes: Attributes) -> bool:
    tags = attributes.get("tags", ())
    return isinstance(tags, tuple | list | frozenset | set) and tag in tags


def _first_known(value: Value, default: Value = None) -> Value:
    return default if value is None else value


def _calculated(operation: Callable[[float, float], float], left: Value, right: Value) -> float | None:
    a, b = quantity(left), quantity(right)
    if a is None or b is None:
        return None
    result = operation(a, b)
    return result if isfinite(result) else None


def _ratio(a: float, b: float) -> float:
    return a / b if b else float("nan")


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {"+": add, "-": sub, "*": mul, "/": _ratio}


def _numeric(name: str, *values: Value) -> float | None:
    known = [number for value in values if (number := quantity(value)) is not None]
    if len(known) < len(values):
        return None
    match name:
        case "abs":
            return abs(known[0])
        case "round":
            return float(rounded(known[0]))
        case _:
            return min(known) if name == "min" else max(known)


def _compared(operator: str, a: Value, b: Value) -> bool | None:
    if a is None or b is None:
        return None
    if isinstance(a, bool) or isinstance(b, bool):
        same = isinstance(a, bool) and isinstance(b, bool) and operator in {"==", "!="}
        return (a is b) == (operator == "==") if same else None
    if isinstance(a, str) and isinstance(b, str):
        return COMPARE[operator](a, b)
    x, y = quantity(a), quantity(b)
    return None if x is None or y is None else COMPARE[operator](x, y)


def _negated(value: Value) -> bool | None:
    return not value if isinstance(value, bool) else None


def _joined(operator: str, *values: Value) -> bool | None:
    return kleene([_truth(value) for value in values], operator)


def _is_one_of(value: Value, *options: Value) -> bool | None:
    return kleene([_compared("==", value, option) for option in options], "or")


def _chosen(condition: Value, then: Value, otherwise: Value) -> Value:
    truth = _truth(condition)
    return None if truth is None else then if truth else otherwise
