"""The functions of RULES section 3: what each takes, what it gives. The set is closed."""

from collections.abc import Callable, Mapping
from functools import partial

from gateway.domain.device import PointKind
from gateway.domain.fence import Fence
from gateway.domain.units import parse_unit
from rules.compiled import Slot, SlotKind
from rules.expr import text_comparisons
from rules.expr.checker import ExpressionChecker
from rules.expr.constant_folding import folded
from rules.expr.expression_error import fail, gather
from rules.expr.expression_type import ANGLE, TIME, TRUTH, Typed, number
from rules.expr.name_scope import Dimension, dimension_of, near_or_known, symbol_of
from rules.expr.syntax_tree import CallNode, Name, Number, Syntax, TextNode, render
from rules.expr.typed_tree import IsKnown, Node, Numeric, Within

SHAPES = {
    "abs": "abs(x)", "min": "min(x, y)", "max": "max(x, y)", "round": "round(x)", "has": "has(x)", "age": "age(x)",
    "changed": "changed(x)", "before": "before(signal, 1)", "attr": "attr('name', 85 degC)", "tag": "tag('name')",
    "within": "within(lat, lon, 'fence')", "contains": "contains(x, 'text')", "hour": "hour()", "weekday": "weekday()",
}  # fmt: skip
RESERVED = frozenset(SHAPES) - {"contains", "hour", "weekday"}  # rules from before these came may name a signal so
_COUNTS = {
    "min": range(2, 33), "max": range(2, 33), "before": range(1, 3), "attr": range(1, 3), "within": range(3, 4),
    "contains": range(2, 3), "hour": range(1), "weekday": range(1),
}  # fmt: skip
_PLACE = ((), ANGLE)
MAX_BEFORE = 100


def call(checker: ExpressionChecker, node: CallNode, expect: Dimension | None) -> Typed:
    """The type of a call. Raises ExpressionError."""
    name, arguments, at = node.name, node.arguments, node.at
    if name not in SHAPES:
        key, fields = near_or_known("rules.expr.function", name, list(SHAPES))
        raise fail(key, at, name=name, **fields)
    if len(arguments) not in _COUNTS.get(name, range(1, 2)):
        raise fail("rules.expr.arguments", at, name=name, count=len(arguments), write=SHAPES[name])
    match name:
        case "abs" | "round":
            inner = checker.number(arguments[0], expect)
            return folded(Numeric(name, (inner[0],)), inner[1], at)
        case "min" | "max":
            return _extreme(checker, node, expect)
        case "attr":
            return _attr(checker, node, expect)
        case "before":
            return _before(checker, node)
        case "has":
            return _has(checker, arguments[0])
        case "tag":
            return _tag(checker, arguments[0])
        case "within":
            return _within(checker, node)
        case "contains":
            return _contains(checker, node)
        case "hour" | "weekday":
            return checker.slot(Slot(SlotKind(name), "")), number(())
    point = _plain_point(checker, node)
    if name == "changed":
        return checker.slot(Slot(SlotKind.CHANGED, point)), TRUTH
    return checker.slot(Slot(SlotKind.AGE, point, unit="h")), number(TIME)


def _extreme(checker: ExpressionChecker, node: CallNode, expect: Dimension | None) -> Typed:
    first, *rest = node.arguments
    pairs = gather([partial(checker.align, first, other, node.at, expect) for other in rest])
    left, measure = pairs[0][0]
    if measure.kind != "number":
        raise fail("rules.expr.not_number", first.at, text=render(first))
    return folded(Numeric(node.name, (left, *(right for _, (right, _) in pairs))), measure, node.at)


def _attr(checker: ExpressionChecker, node: CallNode, expect: Dimension | None) -> Typed:
    first, *default = node.arguments
    name = quoted_text(first, "attr('temp_trip', 85 degC)")
    if not default:
        if expect is None:
            raise fail("rules.expr.attr_unit", node.at, name=name)
        return checker.slot(Slot(SlotKind.ATTR, name, unit=symbol_of(expect))), number(expect)
    literal = default[0]
    if isinstance(literal, TextNode):  # a text: only a comparison with another can follow
        raise fail("rules.expr.attr_alone", node.at, name=name, write=f"{render(node)} == {render(literal)}")
    if not isinstance(literal, Number):
        raise fail("rules.expr.attr_default", literal.at, text=render(literal), name=name)
    unit = parse_unit(literal.unit)
    slot = Slot(SlotKind.ATTR, name, default=unit.canonical(literal.value), unit=symbol_of(unit.dimension))
    return checker.slot(slot), number(unit.dimension)


def _before(checker: ExpressionChecker, node: CallNode) -> Typed:
    item, *periods = node.arguments
    calendars = [name for name, signal in checker.scope.signals.items() if signal.calendar and not signal.group]
    if not isinstance(item, Name) or item.name not in checker.scope.signals:
        known = ", ".join(calendars) or "let: {used: {increase: …, per: month}}"
        raise fail("rules.expr.not_signal", item.at, text=render(item), known=known)
    signal = checker.signal(item.name, item.at)
    if signal.group:
        raise fail("rules.expr.before_group", item.at, name=item.name)
    if signal.calendar is None:
        raise fail("rules.expr.before_sliding", item.at, name=item.name)
    n = 1.0
    if periods:
        count = periods[0]
        good = isinstance(count, Number) and not count.unit and count.value in range(1, MAX_BEFORE + 1)
        if not good or not isinstance(count, Number):
            write = f"before({item.name}, 1) … before({item.name}, {MAX_BEFORE})"
            raise fail("rules.expr.periods", count.at, text=render(count), write=write)
        n = count.value
    measure = number(dimension_of(signal.unit), signal.delta)
    return checker.slot(Slot(SlotKind.BEFORE, item.name, n=int(n), unit=signal.unit)), measure


def _has(checker: ExpressionChecker, item: Syntax) -> Typed:
    """Of a point or an attribute a slot of its own; of a signal or a field of a code whether its value is known."""
    if isinstance(item, Name):
        if item.name in checker.scope.signals or item.name.partition(".")[0] in checker.scope.codes:
            return IsKnown(checker.value(item)[0]), TRUTH
        spec = checker.point(item.name, item.at)
        return checker.slot(Slot(SlotKind.HAS, spec.name)), TRUTH
    match item:
        case CallNode("attr", (TextNode(name),)) if name:
            return IsKnown(checker.slot(Slot(SlotKind.ATTR_TEXT, name))), TRUTH
        case CallNode("before" | "attr"):
            return IsKnown(checker.number(item)[0]), TRUTH
    raise fail("rules.expr.point_wanted", item.at, text=render(item), write="has(x)")


def _tag(checker: ExpressionChecker, item: Syntax) -> Typed:
    return checker.slot(Slot(SlotKind.TAG, quoted_text(item, SHAPES["tag"]))), TRUTH


def _within(checker: ExpressionChecker, node: CallNode) -> Typed:
    """Coordinates in degrees; a point that was declared without unit counts as such."""
    lat, lon, name = node.arguments
    places: list[Node] = []
    fences: list[Fence] = []

    def coordinate(item: Syntax) -> None:
        found, measure = checker.number(item, ANGLE)
        if measure.dimension not in _PLACE:
            raise fail("rules.expr.not_degrees", item.at, text=render(item), unit=measure.unit)
        places.append(found)

    jobs: list[Callable[[], None]] = [partial(coordinate, lat), partial(coordinate, lon)]
    gather([*jobs, lambda: fences.append(fence_of(name, checker.scope.fences))])
    return folded(Within(places[0], places[1], fences[0]), TRUTH, node.at)


def _contains(checker: ExpressionChecker, node: CallNode) -> Typed:
    """Of a state point, a field of a code, or an attribute that is a text: capitals count."""
    item, part = node.arguments
    text = quoted_text(part, SHAPES["contains"])
    match item:
        case CallNode("attr", (TextNode(name),)) if name:
            return checker.slot(Slot(SlotKind.ATTR_PART, name, text)), TRUTH
        case Name(name) if name.partition(".")[0] in checker.scope.codes:
            return text_comparisons.contains(checker, name, item.at, text)
        case Name() if item.name not in checker.scope.signals:
            spec = checker.point(item.name, item.at)
            if spec.kind is PointKind.STATE:
                return checker.slot(Slot(SlotKind.PART, spec.name, text)), TRUTH
    write = f"contains(attr('model'), {render(part)})"
    raise fail("rules.expr.no_text", item.at, text=render(item), write=write)


def fence_of(name: Syntax, fences: Mapping[str, Fence]) -> Fence:
    """The fence a text names. Raises ExpressionError."""
    word = quoted_text(name, SHAPES["within"])
    if word in fences:
        return fences[word]
    key, fields = near_or_known("rules.expr.fence", word, sorted(fences))
    raise fail(key, name.at, name=word, **fields)


def quoted_text(node: Syntax, write: str) -> str:
    """The text in quotes. Raises ExpressionError with the correction `write` for anything else."""
    if isinstance(node, TextNode) and node.value:
        return node.value
    raise fail("rules.expr.quoted", node.at, text=render(node), write=write)


def _plain_point(checker: ExpressionChecker, node: CallNode) -> str:
    item = node.arguments[0]
    named = {*checker.scope.signals, *checker.scope.codes}
    if not isinstance(item, Name) or item.name.partition(".")[0] in named:
        raise fail("rules.expr.point_wanted", item.at, text=render(item), write=SHAPES[node.name])
    return checker.point(item.name, item.at).name
