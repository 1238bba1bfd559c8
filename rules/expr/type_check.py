"""Syntax tree -> typed form: names resolved, units compared, numbers canonical. Finds all flaws, not only the first."""

from functools import partial
from math import gcd, isfinite
from typing import NoReturn

from gateway.domain.device import PointKind, PointSpec
from gateway.domain.units import bridge, parse_unit
from rules.compiled import ComparedNumber, Slot, SlotKind
from rules.expr import functions, text_comparisons
from rules.expr.constant_folding import folded
from rules.expr.expression_error import ExpressionError, Flaw, fail, gather
from rules.expr.expression_type import (
    TEMPERATURE,
    TIME,
    TRUTH,
    VOLUME,
    Measure,
    Typed,
    number,
    offset_literal,
    product,
    without_offset,
)
from rules.expr.name_scope import Dimension, NameScope, SignalType, dimension_of, nearest
from rules.expr.operators import SWAPPED
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
    number_text,
    render,
)
from rules.expr.typed_tree import Choice, Literal, Logic, Node, Not, Numeric, Relation, SlotInput, inputs


class Checker:
    """One expression. Methods raise ExpressionError; where an operator forks, both sides are looked at first."""

    def __init__(self, scope: NameScope) -> None:
        self.scope = scope
        self.slots: list[Slot] = []
        self.limits: list[ComparedNumber] = []

    def slot(self, slot: Slot) -> SlotInput:
        """The input that reads `slot`; equal slots are one."""
        if slot not in self.slots:
            self.slots.append(slot)
        return SlotInput(self.slots.index(slot))

    # -- kinds of values

    def value(self, node: Syntax, expect: Dimension | None = None) -> Typed:
        """The type of any node. `expect` is the dimension an `attr` without a default takes."""
        match node:
            case Number(value, unit):
                parsed = parse_unit(unit)
                if not isfinite(canonical := parsed.canonical(value)):
                    raise fail("rules.expr.number", node.at, number=render(node))
                return Literal(canonical), number(parsed.dimension)
            case Truth(true):
                return Literal(float(true)), TRUTH
            case TextNode(text, at):
                raise fail("rules.expr.text_alone", at, text=text)
            case Name(name, at):
                return self._name(name, at)
            case CallNode():
                return functions.call(self, node, expect)
            case Negative(item, at):
                inner = self.number(item, expect)
                return folded(Numeric("neg", (inner[0],)), inner[1], at)
            case Arithmetic():
                return self._arithmetic(node, expect)
            case ChoiceNode():
                return self._choice(node, expect)
            case Compare():
                return self._compare(node)
            case NotNode() | QuorumNode() | LogicNode() | MemberNode():
                return self._logical(node)

    def _logical(self, node: NotNode | QuorumNode | LogicNode | MemberNode) -> Typed:
        match node:
            case NotNode(item, at):
                return folded(Not(self.truth(item)), TRUTH, at)
            case QuorumNode(n):
                return self.slot(Slot(SlotKind.QUORUM, "members", n=n)), TRUTH
            case LogicNode(operator, items, at):
                found = gather([partial(self.truth, item) for item in items])
                return folded(Logic(operator, tuple(found)), TRUTH, at)
            case MemberNode(item, options, at):
                each = tuple(Compare("==", item, option, at) for option in options)
                return self.value(each[0] if len(each) == 1 else LogicNode("or", each, at))

    def truth(self, node: Syntax) -> Node:
        """A node that must be true or false."""
        found, measure = self.value(node)
        if measure.kind == "truth":
            return found
        text = render(node)
        if measure.choices is not None:
            raise text_comparisons.refuse(node, measure.choices)
        if measure.state is not None:
            on = next((value for value in measure.state.values if value.lower() in {"on", "true", "yes"}), "")
            if on and len(measure.state.values) == 2:
                return Relation("==", found, self.slot(Slot(SlotKind.CODE, measure.state.name, on)))
            example = on or next(reversed(measure.state.values), "…")
            raise fail("rules.expr.not_truth", node.at, text=text, write=f"{text} == '{example}'")
        if _flag(self, node):
            return Relation("!=", found, Literal(0.0))
        raise fail("rules.expr.not_truth", node.at, text=text, write=f"{text} > {_sample(measure)}")

    def number(self, node: Syntax, expect: Dimension | None = None) -> Typed:
        """A node that must be a number."""
        typed = self.value(node, expect)
        if typed[1].kind == "number":
            return typed
        raise _no_number(node, typed[1])

    def point(self, name: str, at: int) -> PointSpec:
        """The point called `name`."""
        found = self.scope.point(name, at)
        if isinstance(found, Flaw):
            raise ExpressionError([found])
        return found

    def signal(self, name: str, at: int) -> SignalType:
        """The `let` signal called `name`."""
        found = self.scope.signal(name, at)
        if isinstance(found, Flaw):
            raise ExpressionError([found])
        return found

    def _name(self, name: str, at: int) -> Typed:
        if name in self.scope.signals:
            signal = self.signal(name, at)
            measure = number(dimension_of(signal.unit), signal.delta)
            return self.slot(Slot(SlotKind.SIGNAL, name, unit=signal.unit)), measure
        if name.partition(".")[0] in self.scope.codes:
            return text_comparisons.field(self, name, at)
        spec = self.point(name, at)
        found = self.slot(Slot(SlotKind.POINT, name, unit=spec.unit))
        if spec.kind is PointKind.STATE:
            return found, Measure("state", state=spec)
        return found, number(dimension_of(spec.unit))

    # -- two numbers side by side

    def align(self, left: Syntax, right: Syntax, at: int, expect: Dimension | None = None) -> tuple[Typed, Typed]:
        """Both as numbers (or both as truth) of one dimension; a lone `attr` takes the unit of the other side."""
        swap = _waits(left) and not _waits(right)
        early, late = (right, left) if swap else (left, right)
        try:
            first = self.value(early, expect)
        except ExpressionError as error:  # what depends on the unit of this side cannot be checked
            gather([partial(_raise, error), *([] if _waits(late) else [partial(self.value, late, expect)])])
            raise
        second = self.value(late, first[1].dimension if first[1].kind == "number" else expect)
        if swap:
            first, second = second, first
        if first[1].kind == second[1].kind == "truth":
            return first, second
        for node, (_, measure) in ((left, first), (right, second)):
            if measure.kind != "number":
                raise _no_number(node, measure)
        if first[1].dimension != second[1].dimension:
            if isinstance(left, Number) and not isinstance(right, Number):
                first = _in_unit_of(left, first, second[1], at) or _mismatch(left, first[1], right, second[1], at)
            else:
                second = _in_unit_of(right, second, first[1], at) or _mismatch(left, first[1], right, second[1], at)
        return self._difference(left, first, second[1]), self._difference(right, second, first[1])

    def _difference(self, node: Syntax, typed: Typed, other: Measure) -> Typed:
        """A literal beside a temperature difference is one too."""
        if not other.delta or typed[1].delta:
            return typed
        if isinstance(node, Number):
            return Literal(without_offset(node)), typed[1]
        if literal := offset_literal(node):
            raise fail("rules.expr.offset", literal.at, unit=literal.unit)
        return typed

    # -- operators

    def _arithmetic(self, node: Arithmetic, expect: Dimension | None) -> Typed:
        if node.operator in {"+", "-"}:
            return self._sum(node, expect)
        plain = [isinstance(part, Number) and not part.unit for part in (node.left, node.right)]
        left, right = gather(
            [
                partial(self.number, node.left, expect if plain[1] else None),
                partial(self.number, node.right, expect if plain[0] and node.operator == "*" else None),
            ]
        )
        for part in (node.left, node.right):
            if isinstance(part, Number) and offset_literal(part):
                raise fail("rules.expr.offset", part.at, unit=part.unit)
        if node.operator == "/" and right[0] == Literal(0.0):
            raise fail("rules.expr.division", node.at)
        dimension = product(left[1].dimension, right[1].dimension, node.operator == "/")
        delta = (left[1].delta or right[1].delta) and dimension == TEMPERATURE
        return folded(Numeric(node.operator, (left[0], right[0])), number(dimension, delta), node.at)

    def _sum(self, node: Arithmetic, expect: Dimension | None) -> Typed:
        (left, first), (right, second) = self.align(node.left, node.right, node.at, expect)
        if first.kind != "number":
            raise fail("rules.expr.not_number", node.left.at, text=render(node.left))
        for part, other in ((node.right, node.left), (node.left, node.right)):
            if isinstance(part, Number) and parse_unit(part.unit).offset:
                if part is node.left and (node.operator == "-" or isinstance(other, Number)):
                    raise fail("rules.expr.offset", part.at, unit=part.unit)
                moved = Literal(without_offset(part))
                left, right = (left, moved) if part is node.right else (moved, right)
        fixed = isinstance(node.right, Number)
        delta = first.delta and second.delta
        if node.operator == "-" and first.dimension == TEMPERATURE:
            delta = first.delta or (not second.delta and not fixed)
        return folded(Numeric(node.operator, (left, right)), number(first.dimension, delta), node.at)

    def _choice(self, node: ChoiceNode, expect: Dimension | None) -> Typed:
        conditions: list[Node] = []
        pairs: list[tuple[Typed, Typed]] = []
        gather(
            [
                lambda: conditions.append(self.truth(node.condition)),
                lambda: pairs.append(self.align(node.then, node.otherwise, node.at, expect)),
            ]
        )
        (then, first), (otherwise, second) = pairs[0]
        measure = Measure(first.kind, first.dimension, first.delta or second.delta)
        return folded(Choice(conditions[0], then, otherwise, first.kind == "truth"), measure, node.at)

    def _compare(self, node: Compare) -> Typed:
        for text, other in ((node.right, node.left), (node.left, node.right)):
            if isinstance(text, TextNode):
                return self._state(node, text, other)
        (left, first), (right, second) = self.align(node.left, node.right, node.at)
        if first.kind == "truth" and node.operator not in {"==", "!="}:
            raise fail("rules.expr.truth_order", node.at, operator=node.operator)
        if first.kind == "number":
            self._limit(right, second)
            self._limit(left, first)
        operator = node.operator
        if isinstance(left, Literal) and not isinstance(right, Literal):  # one shape for `85 <= x` and `x >= 85`
            left, right = right, left
            operator = SWAPPED[operator]
        return folded(Relation(operator, left, right), TRUTH, node.at)

    def _limit(self, node: Node, measure: Measure) -> None:
        """Remember what is compared with: a literal, or attributes and nothing else."""
        if isinstance(node, Literal):
            found = [ComparedNumber(node.value, measure.unit)]
        else:
            slots = sorted(inputs(node))
            if not all(self.slots[slot].kind is SlotKind.ATTR for slot in slots):
                return
            found = [ComparedNumber(self.slots[slot].default, self.slots[slot].unit, slot) for slot in slots]
        self.limits += [limit for limit in found if limit not in self.limits]

    def _state(self, node: Compare, text: TextNode, other: Syntax) -> Typed:
        if isinstance(other, TextNode):
            raise fail("rules.expr.text_alone", text.at, text=text.value)
        if isinstance(other, CallNode) and text_comparisons.is_text_attribute(other):
            return text_comparisons.attribute(self, node, text, other)
        typed = self.value(other)
        if isinstance(other, CallNode) and other.name == "weekday":
            return text_comparisons.weekday(node, text, typed[0])
        if typed[1].choices is not None:
            return text_comparisons.compare(node, text, typed)
        spec = typed[1].state
        if spec is None:
            write = number_text(1.0, typed[1].example) if typed[1].kind == "number" else "true"
            raise fail("rules.expr.not_state", text.at, text=text.value, name=render(other), write=write)
        if node.operator not in {"==", "!="}:
            raise fail("rules.expr.state_order", node.at, operator=node.operator, name=render(other))
        _known_text(text, spec)
        code = self.slot(Slot(SlotKind.CODE, spec.name, text.value))
        return Relation(node.operator, typed[0], code), TRUTH


def _in_unit_of(node: Syntax, typed: Typed, other: Measure, at: int) -> Typed | None:
    """`typed` in the unit of `other`, when both measure one thing: a ratio and per cent, V*A and kW.

    A bare number is no per cent and no per cent is a bare number: 0.9 could mean both.
    """
    factor = bridge(typed[1].dimension, other.dimension)
    if factor is None or (isinstance(node, Number) and not node.unit):
        return None
    times, over = (float(number // gcd(*factor)) for number in factor)
    found = typed[0]
    for operator, by in (("*", times), ("/", over)):
        if by != 1.0:
            found = folded(Numeric(operator, (found, Literal(by))), typed[1], at)[0]
    return found, number(other.dimension)


def _no_number(node: Syntax, measure: Measure) -> ExpressionError:
    if measure.choices is not None:
        return text_comparisons.refuse(node, measure.choices)
    return fail("rules.expr.not_number", node.at, text=render(node))


def _mismatch(left: Syntax, first: Measure, right: Syntax, second: Measure, at: int) -> NoReturn:
    for node, mine, other, whole in ((right, second, first, left), (left, first, second, right)):
        if not isinstance(node, Number):
            continue
        value = number_text(node.value)
        fields = {"value": render(node), "text": render(whole)}
        if not mine.dimension:
            fields |= {"unit": other.unit, "write": number_text(node.value, other.example)}
            raise fail("rules.expr.unitless", node.at, **fields)
        if not other.dimension:
            raise fail("rules.expr.unit_for_nothing", node.at, **fields, write=value)
        if {"volume", "normal_volume"} <= {name for name, _ in (*mine.dimension, *other.dimension)}:
            fields |= {"unit": other.unit, "write": number_text(node.value, other.example)}
            raise fail("rules.expr.gas_volume", node.at, **fields)
        if node.unit == "m" and other.dimension == TIME:
            raise fail("rules.expr.metre", node.at, **fields, write=number_text(node.value, "min"))
        raise fail(
            "rules.expr.wrong_unit",
            node.at,
            **fields,
            unit=other.unit,
            write=number_text(node.value, other.example),
        )
    raise fail(
        "rules.expr.mismatch",
        at,
        left=render(left),
        first=first.unit or "1",
        right=render(right),
        second=second.unit or "1",
    )


def _known_text(text: TextNode, spec: PointSpec) -> None:
    """A table of two texts or more is taken as whole, so that a slip of the pen is no rule that waits for ever.

    A shorter one (`fault_code: [none]`) is the beginning of a table that grows with what devices send.
    """
    if text.value in spec.values:
        return
    same = next((value for value in spec.values if value.casefold() == text.value.casefold()), "")
    if same or len(spec.values) > 1:
        near = same or nearest(text.value, spec.values) or spec.values[0]
        known = ", ".join(spec.values[:12])
        raise fail("rules.expr.state_text", text.at, text=text.value, name=spec.name, write=near, known=known)


def _raise(error: ExpressionError) -> Typed:
    raise error


def _sample(measure: Measure) -> str:
    return number_text(1.0 if measure.dimension in {TIME, VOLUME} else 0.0, measure.example)


def _waits(node: Syntax) -> bool:
    """True if the unit of `node` depends on an `attr` without a default."""
    match node:
        case CallNode("attr", (_,)):
            return True
        case Negative(item):
            return _waits(item)
        case Arithmetic("*" | "/", left, Number(_, "")):
            return _waits(left)
        case Arithmetic("*", Number(_, ""), right):
            return _waits(right)
        case _:
            return False


def _flag(checker: Checker, node: Syntax) -> bool:
    """True for a gauge without unit: 0 is false, as in `ignition ? 15m : 26h`."""
    if not isinstance(node, Name) or node.name in checker.scope.signals:
        return False
    spec = checker.point(node.name, node.at)
    return spec.kind is PointKind.GAUGE and not spec.unit
