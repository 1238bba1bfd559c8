"""What a rule evaluates and reads."""

from collections.abc import Iterator

from rules.compiled.condition import Condition, Due, Every, Sequence, Silence, Streak, Votes
from rules.compiled.expression import Expression, SlotKind
from rules.compiled.rule import Rule
from rules.compiled.signals import MemberStat, Share, Signal, Times

OF_POINTS = frozenset({
    SlotKind.POINT, SlotKind.CODE, SlotKind.FIELD, SlotKind.AGE, SlotKind.CHANGED, SlotKind.HAS,
    SlotKind.PART,
})  # fmt: skip


def expressions_of(condition: Condition) -> Iterator[Expression]:
    """All expressions of a condition."""
    match condition:
        case Silence(longer_than=limit):
            found: tuple[Expression | None, ...] = (limit if isinstance(limit, Expression) else None,)
        case Streak(of=of, clear=clear) | Votes(of=of, clear=clear):
            found = (of, clear)
        case Due(clear=clear) | Every(clear=clear):
            found = (clear,)
        case Sequence():
            found = (condition.first, condition.second, condition.unless, condition.clear)
        case levels:
            found = tuple(one for level in levels for one in (level.when, level.clear, level.level_of))
    yield from (one for one in found if one is not None)


def expressions(rule: Rule) -> Iterator[Expression]:
    """All expressions of a rule that are judged on its things (not those of members and inside signals)."""
    yield from expressions_of(rule.condition)
    if rule.unless is not None:
        yield rule.unless
    texts = [*rule.identity, *([rule.order.skill_of] if rule.order and rule.order.skill_of else [])]
    yield from (text.expression for text in texts if text.expression is not None)


def points_of(expression: Expression) -> set[str]:
    """The points an expression reads."""
    return {slot.name for slot in expression.slots if slot.kind in OF_POINTS}


def signal_points(signal: Signal) -> set[str]:
    """The points a signal reads."""
    return points_of(signal.of) if isinstance(signal, Share | Times | MemberStat) else {signal.point}


def is_plan(rule: Rule) -> bool:
    """Does it hang on when its work was last done?"""
    return isinstance(rule.condition, Due | Every)


def points(rule: Rule) -> set[str]:
    """All points a rule reads, by its signals and members too."""
    names = {name for signal in rule.signals for name in signal_points(signal)}
    names |= {name for quorum in rule.quorums for name in points_of(quorum.of)}
    names |= {name for one in expressions(rule) for name in points_of(one)}
    names |= {text.point for text in rule.identity if text.point}
    if rule.order and rule.order.skill_of and rule.order.skill_of.point:
        names.add(rule.order.skill_of.point)
    if isinstance(rule.condition, Silence):
        names |= set(rule.condition.points)
    if isinstance(rule.condition, Every):
        names.add(rule.condition.point)
    return names
