"""Expression text -> `rules.compiled.Expression`: parse, check, compile to columns."""

from gateway.domain.duration import SECOND, format_duration
from rules.compiled import Expression, SlotKind
from rules.expr.age_crossings import crossings
from rules.expr.column_backend import vector
from rules.expr.expression_error import fail
from rules.expr.expression_type import TIME, Measure
from rules.expr.name_scope import NameScope
from rules.expr.necessary_bounds import clauses, exact
from rules.expr.parse import deep, parse
from rules.expr.syntax_tree import Syntax, render
from rules.expr.type_check import Checker
from rules.expr.typed_tree import Literal, Node, signature

Checked = tuple[Expression, Node]
Written = tuple[Syntax, str]
"""A tree, and the text it came from."""

FIXED = {  # change with the device list only
    SlotKind.ATTR, SlotKind.ATTR_TEXT, SlotKind.ATTR_PART, SlotKind.TAG, SlotKind.CODE,
}  # fmt: skip
_CLOCKS = {SlotKind.HOUR, SlotKind.WEEKDAY}  # change, but are no evidence of anything


def condition(text: str, scope: NameScope) -> Checked:
    """A condition over the names of `scope`, and its typed form. Raises ExpressionError with all flaws."""
    return condition_of(parse(text), text, scope)


def condition_of(tree: Syntax, text: str, scope: NameScope) -> Checked:
    """The same for a tree that was put together from several texts."""
    deep(tree)
    checker = Checker(scope)
    node = checker.truth(tree)
    if all(slot.kind in FIXED for slot in checker.slots):
        raise fail("rules.expr.constant", 0, text=text)
    if all(slot.kind in FIXED | _CLOCKS for slot in checker.slots):
        raise fail("rules.expr.clock_alone", 0, text=text)
    return finish(text, checker, node, boolean=True), node


def duration(text: str, scope: NameScope) -> Checked:
    """A length of time in hours, such as `ignition == 'on' ? 15m : 26h`. Raises ExpressionError with all flaws."""
    tree = parse(text, durations=True)
    checker = Checker(scope)
    node, measure = checker.number(tree, TIME)
    if measure.dimension != TIME:
        raise fail("rules.expr.not_time", tree.at, text=render(tree))
    if isinstance(node, Literal):
        write = format_duration(round(node.value * 3600) * SECOND)
        raise fail("rules.expr.constant_time", 0, text=text, write=write)
    return finish(text, checker, node, unit="h"), node


def number(text: str, scope: NameScope) -> tuple[Expression, Node, Measure]:
    """A number that changes, and its type. Raises ExpressionError with all flaws."""
    checker = Checker(scope)
    tree = parse(text)
    node, measure = checker.number(tree)
    if all(slot.kind in FIXED for slot in checker.slots):
        raise fail("rules.expr.constant_number", 0, text=text)
    return finish(text, checker, node, unit=measure.unit), node, measure


def meaning(expression: Expression, node: Node) -> str:
    """Meaning as text: equal for all ways to write one expression."""
    return signature(node, expression.slots)


def finish(text: str, checker: Checker, node: Node, *, boolean: bool = False, unit: str = "") -> Expression:
    """The expression of a checked tree. `node` reads at least one slot."""
    slots = tuple(checker.slots)
    return Expression(
        text,
        slots,
        boolean,
        unit,
        vector(node, boolean),
        tuple(checker.limits),
        clauses(node, slots) if boolean else (),
        clauses(node, slots, true=False) if boolean else (),
        boolean and exact(node, slots),
        crossings(node, slots),
    )
