"""The functions of RULES section 3: what each takes, what it gives. The set is closed."""

from functools import partial
from typing import TYPE_CHECKING

from gateway.domain.units import parse_unit
from rules.compiled import Slot, SlotKind
from rules.expr import ir, syntax
from rules.expr.flaw import fail, gather
from rules.expr.measure import TIME, TRUTH, Measure, number
from rules.expr.scope import Dimension, dimension_of, nearest, symbol_of
from rules.expr.syntax import Syntax, render

if TYPE_CHECKING:
    from rules.expr.check import Checker

Typed = tuple[ir.Node, Measure]
SHAPES = {
    "abs": "abs(x)", "min": "min(x, y)", "max": "max(x, y)", "round": "round(x)", "has": "has(x)", "age": "age(x)",
    "changed": "changed(x)", "before": "before(signal, 1)", "attr": "attr('name', 85 degC)",
}  # fmt: skip
LATER = frozenset({"tag", "within"})
MAX_BEFORE = 100


def call(checker: "Checker", node: syntax.Call, expect: Dimension | None) -> Typed:
    """The type of a call. Raises ExpressionError."""
    name, arguments, at = node.name, node.arguments, node.at
    if name in LATER:
        raise fail("rules.later.function", at, name=name)
    if name not in SHAPES:
        near = nearest(name, [*SHAPES, *LATER])
        key = "rules.expr.function_near" if near else "rules.expr.function"
        raise fail(key, at, name=name, near=near, known=", ".join(SHAPES))
    counts = {"min": range(2, 33), "max": range(2, 33), "before": range(1, 3), "attr": range(1, 3)}.get(
        name, range(1, 2)
    )
    if len(arguments) not in counts:
        raise fail("rules.expr.arguments", at, name=name, count=len(arguments), write=SHAPES[name])
    match name:
        case "abs" | "round":
            inner = checker.number(arguments[0], expect)
            return checker.fold(ir.Numeric(name, (inner[0],)), inner[1], at)
        case "min" | "max":
            return _extreme(checker, node, expect)
        case "attr":
            return _attr(checker, node, expect)
        case "before":
            return _before(checker, node)
        case "has":
            return _has(checker, arguments[0])
    point = _plain_point(checker, node)
    if name == "changed":
        return checker.slot(Slot(SlotKind.CHANGED, point)), TRUTH
    return checker.slot(Slot(SlotKind.AGE, point, unit="h")), number(TIME)


def _extreme(checker: "Checker", node: syntax.Call, expect: Dimension | None) -> Typed:
    first, *rest = node.arguments
    pairs = gather([partial(checker.align, first, other, node.at, expect) for other in rest])
    left, measure = pairs[0][0]
    if measure.kind != "number":
        raise fail("rules.expr.not_number", first.at, text=render(first))
    return checker.fold(ir.Numeric(node.name, (left, *(right for _, (right, _) in pairs))), measure, node.at)


def _attr(checker: "Checker", node: syntax.Call, expect: Dimension | None) -> Typed:
    name, *default = node.arguments
    if not isinstance(name, syntax.Text) or not name.value:
        raise fail("rules.expr.quoted", name.at, text=render(name), write="attr('temp_trip', 85 degC)")
    if not default:
        if expect is None:
            raise fail("rules.expr.attr_unit", node.at, name=name.value)
        return checker.slot(Slot(SlotKind.ATTR, name.value, unit=symbol_of(expect))), number(expect)
    literal = default[0]
    if not isinstance(literal, syntax.Number):
        raise fail("rules.expr.attr_default", literal.at, text=render(literal), name=name.value)
    unit = parse_unit(literal.unit)
    slot = Slot(SlotKind.ATTR, name.value, default=unit.canonical(literal.value), unit=symbol_of(unit.dimension))
    return checker.slot(slot), number(unit.dimension)


def _before(checker: "Checker", node: syntax.Call) -> Typed:
    signal, *periods = node.arguments
    if not isinstance(signal, syntax.Name) or signal.name not in checker.scope.signals:
        known = ", ".join(checker.scope.signals) or "let: {used: {increase: …, per: month}}"
        raise fail("rules.expr.not_signal", signal.at, text=render(signal), known=known)
    n = 1.0
    if periods:
        count = periods[0]
        good = isinstance(count, syntax.Number) and not count.unit and count.value in range(1, MAX_BEFORE + 1)
        if not good or not isinstance(count, syntax.Number):
            write = f"before({signal.name}, 1) … before({signal.name}, {MAX_BEFORE})"
            raise fail("rules.expr.periods", count.at, text=render(count), write=write)
        n = count.value
    unit = checker.scope.signals[signal.name]
    return checker.slot(Slot(SlotKind.BEFORE, signal.name, n=int(n), unit=unit)), number(dimension_of(unit))


def _has(checker: "Checker", item: Syntax) -> Typed:
    """Of a point: a slot of its own. Of a signal: is its value known?"""
    if isinstance(item, syntax.Name) and item.name not in checker.scope.signals:
        spec = checker.point(item.name, item.at)
        return checker.slot(Slot(SlotKind.HAS, spec.name)), TRUTH
    if isinstance(item, syntax.Name) or (isinstance(item, syntax.Call) and item.name in {"before", "attr"}):
        inner = checker.number(item, ())
        return ir.Known(inner[0]), TRUTH
    raise fail("rules.expr.point_wanted", item.at, text=render(item), write="has(x)")


def _plain_point(checker: "Checker", node: syntax.Call) -> str:
    item = node.arguments[0]
    if not isinstance(item, syntax.Name) or item.name in checker.scope.signals:
        raise fail("rules.expr.point_wanted", item.at, text=render(item), write=SHAPES[node.name])
    return checker.point(item.name, item.at).name
