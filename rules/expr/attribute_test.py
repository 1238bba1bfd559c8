"""`where` of a watch: the same grammar over the attributes and tags of a device, once per device, not per reading.

Attributes are texts, numbers and truth values that people imported, so types are met at run time: a number and a text
compare by the number the text holds (`95 degC` is 95 in the canonical unit, a bare number counts as canonical already);
what cannot be compared is unknown, and unknown does not pass.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from operator import add, eq, ge, gt, le, lt, mul, ne, sub

from gateway.domain.fence import Fence
from gateway.domain.units import Unit, parse_unit
from rules.compiled import AttrTest
from rules.expr.column_backend import rounded
from rules.expr.expression_error import fail, gather
from rules.expr.fence_test import Inside, inside, known
from rules.expr.functions import SHAPES, fence_of
from rules.expr.name_scope import nearest
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
    SureNode,
    Syntax,
    TextNode,
    Truth,
    render,
)

Value = float | str | bool | None
Attributes = Mapping[str, object]
Reader = Callable[[Attributes], Value]
Fences = Mapping[str, Fence]
_TESTS: dict[str, Callable[[float, float], bool]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
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
            inner = _reader(item, fences)
            return lambda attributes: _calculate(sub, 0.0, inner(attributes))
        case Arithmetic(operator, left, right):
            return _arithmetic(operator, *_readers((left, right), fences))
        case Compare(operator, left, right):
            return _compare(operator, *_readers((left, right), fences))
        case NotNode(item):
            return _negated(_reader(item, fences))
        case LogicNode(operator, items):
            return _logic(operator == "and", _readers(items, fences))
        case MemberNode(item, options):
            return _member(_reader(item, fences), _readers(options, fences))
        case ChoiceNode(condition, then, otherwise):
            return _choice(_readers((condition, then, otherwise), fences))
        case SureNode() | QuorumNode():
            raise ValueError("not of a text")


def _readers(nodes: Sequence[Syntax], fences: Fences) -> list[Reader]:
    return gather([partial(_reader, node, fences) for node in nodes])


def _call(node: CallNode, fences: Fences) -> Reader:
    name, arguments = node.name, node.arguments
    if name in _ROWS:
        raise fail("rules.expr.not_in_where", node.at, name=name)
    if name not in _FUNCTIONS:
        near = nearest(name, _FUNCTIONS)
        key = "rules.expr.function_near" if near else "rules.expr.function"
        raise fail(key, node.at, name=name, near=near, known=", ".join(_FUNCTIONS))
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
        fence = fence_of(arguments[2], fences)
        return _within(_readers(arguments[:2], fences), inside(fence, lambda value: round(value, 0)))
    if name == "contains":
        part = arguments[1]
        if not isinstance(part, TextNode) or not part.value:
            raise fail("rules.expr.quoted", part.at, text=render(part), write=shape)
        return _contains(_reader(first, fences), part.value)
    if name in {"tag", "attr"}:
        if not isinstance(first, TextNode):
            raise fail("rules.expr.quoted", first.at, text=render(first), write=shape)
        return _tag(first.value) if name == "tag" else _attr(first.value, _readers(arguments[1:], fences))
    return _numeric(name, _readers(arguments, fences))


def _within(readers: Sequence[Reader], test: Inside) -> Reader:
    def read(attributes: Attributes) -> Value:
        lat, lon = (quantity(reader(attributes)) for reader in readers)
        return bool(test(lat, lon)) if lat is not None and lon is not None and known(lat, lon) else None

    return read


def _contains(reader: Reader, part: str) -> Reader:
    def read(attributes: Attributes) -> Value:
        value = reader(attributes)
        return part in value if isinstance(value, str) else None

    return read


def _tag(tag: str) -> Reader:
    def read(attributes: Attributes) -> Value:
        tags = attributes.get("tags", ())
        return isinstance(tags, tuple | list | frozenset | set) and tag in tags

    return read


def _attr(name: str, default: Sequence[Reader]) -> Reader:
    def read(attributes: Attributes) -> Value:
        value = _plain(attributes.get(name))
        return default[0](attributes) if value is None and default else value

    return read


def _calculate(operation: Callable[[float, float], float], left: object, right: object) -> float | None:
    a, b = quantity(left), quantity(right)
    if a is None or b is None:
        return None
    result = operation(a, b)
    return result if isfinite(result) else None


def _ratio(a: float, b: float) -> float:
    return a / b if b else float("nan")


def _arithmetic(operator: str, left: Reader, right: Reader) -> Reader:
    operation = {"+": add, "-": sub, "*": mul, "/": _ratio}[operator]
    return lambda attributes: _calculate(operation, left(attributes), right(attributes))


def _numeric(name: str, readers: Sequence[Reader]) -> Reader:
    def read(attributes: Attributes) -> Value:
        values = [quantity(reader(attributes)) for reader in readers]
        good = [value for value in values if value is not None]
        if len(good) < len(values):
            return None
        match name:
            case "abs":
                return abs(good[0])
            case "round":
                return float(rounded(good[0]))
            case _:
                return min(good) if name == "min" else max(good)

    return read


def _related(operator: str, a: Value, b: Value) -> bool | None:
    if a is None or b is None:
        return None
    if isinstance(a, bool) or isinstance(b, bool):
        same = isinstance(a, bool) and isinstance(b, bool) and operator in {"==", "!="}
        return (a is b) == (operator == "==") if same else None
    if isinstance(a, str) and isinstance(b, str):
        return {"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator]
    x, y = quantity(a), quantity(b)
    return None if x is None or y is None else _TESTS[operator](x, y)


def _compare(operator: str, left: Reader, right: Reader) -> Reader:
    return lambda attributes: _related(operator, left(attributes), right(attributes))


def _negated(inner: Reader) -> Reader:
    def read(attributes: Attributes) -> Value:
        truth = _truth(inner(attributes))
        return None if truth is None else not truth

    return read


def _kleene(values: Sequence[bool | None], conjunction: bool) -> bool | None:
    if (not conjunction) in values:
        return not conjunction
    return None if None in values else conjunction


def _logic(conjunction: bool, readers: Sequence[Reader]) -> Reader:
    return lambda attributes: _kleene([_truth(reader(attributes)) for reader in readers], conjunction)


def _member(item: Reader, options: Sequence[Reader]) -> Reader:
    def read(attributes: Attributes) -> Value:
        value = item(attributes)
        return _kleene([_related("==", value, option(attributes)) for option in options], conjunction=False)

    return read


def _choice(readers: Sequence[Reader]) -> Reader:
    condition, then, otherwise = readers

    def read(attributes: Attributes) -> Value:
        truth = _truth(condition(attributes))
        return None if truth is None else (then if truth else otherwise)(attributes)

    return read
