"""Expression text -> `rules.compiled.Expression`: parse, check, two back ends."""

from gateway.domain.duration import SECOND, format_duration
from rules.compiled import Expression, SlotKind
from rules.expr.check import Checker
from rules.expr.flaw import fail
from rules.expr.ir import Literal, Node, signature
from rules.expr.measure import TIME
from rules.expr.parse import deep, parse
from rules.expr.scalar import scalar
from rules.expr.scope import Scope
from rules.expr.syntax import Syntax, render
from rules.expr.vector import vector

_CHANGING = {SlotKind.POINT, SlotKind.SIGNAL, SlotKind.BEFORE, SlotKind.AGE, SlotKind.CHANGED, SlotKind.HAS}


def condition(text: str, scope: Scope) -> tuple[Expression, Node]:
    """A condition over the names of `scope`, and its typed form. Raises ExpressionError with all flaws."""
    return condition_of(parse(text), text, scope)


def condition_of(tree: Syntax, text: str, scope: Scope) -> tuple[Expression, Node]:
    """The same for a tree that was put together from several texts."""
    deep(tree)
    checker = Checker(scope)
    node = checker.truth(tree)
    if not any(slot.kind in _CHANGING for slot in checker.slots):
        raise fail("rules.expr.constant", 0, text=text)
    return _expression(text, checker, node, boolean=True, unit=""), node


def duration(text: str, scope: Scope) -> tuple[Expression, Node]:
    """A length of time in hours, such as `ignition == 'on' ? 15m : 26h`. Raises ExpressionError with all flaws."""
    tree = parse(text, durations=True)
    checker = Checker(scope)
    node, measure = checker.number(tree, TIME)
    if measure.dimension != TIME:
        raise fail("rules.expr.not_time", tree.at, text=render(tree))
    if isinstance(node, Literal):
        write = format_duration(round(node.value * 3600) * SECOND)
        raise fail("rules.expr.constant_time", 0, text=text, write=write)
    return _expression(text, checker, node, boolean=False, unit="h"), node


def meaning(expression: Expression, node: Node) -> str:
    """What it means, whatever way it was written."""
    return signature(node, expression.slots)


def _expression(text: str, checker: Checker, node: Node, *, boolean: bool, unit: str) -> Expression:
    return Expression(
        text, tuple(checker.slots), boolean, unit, scalar(node), vector(node, boolean), tuple(checker.limits)
    )
