"""What a rule evaluates and reads."""

from collections.abc import Iterable, Iterator

from rules.compiled.condition import Condition
from rules.compiled.expression import Expression, SlotKind
from rules.compiled.rule import Rule
from rules.compiled.signals import Calendar, Increase, Operand, PeerStat, Rate, Signal

OF_POINTS = frozenset({
    SlotKind.POINT, SlotKind.CODE, SlotKind.FIELD, SlotKind.AGE, SlotKind.CHANGED, SlotKind.HAS,
    SlotKind.PART,
})  # fmt: skip
OF_SIGNALS = frozenset({SlotKind.SIGNAL, SlotKind.BEFORE})


def expressions_of(condition: Condition) -> Iterator[Expression]:
    """All expressions of a condition."""
    yield from (one for one in condition.expressions() if one is not None)


def expressions(rule: Rule) -> Iterator[Expression]:
    """All expressions of a rule that are judged on its things (not those of members and inside signals)."""
    yield from expressions_of(rule.condition)
    if rule.unless is not None:
        yield rule.unless
    texts = [*rule.identity, *([rule.skill_of] if rule.skill_of else [])]
    yield from (text.expression for text in texts if text.expression is not None)


def points_of(expression: Expression) -> set[str]:
    """The points an expression reads."""
    return {slot.name for slot in expression.slots if slot.kind in OF_POINTS}


def operand_of(signal: Signal) -> Operand:
    """What a signal is made of."""
    return signal.point if isinstance(signal, Increase | Rate | PeerStat) else signal.of


def signal_points(signal: Signal) -> set[str]:
    """The points a signal reads, not those of the signals it is made of."""
    of = operand_of(signal)
    return {of} if isinstance(of, str) else points_of(of)


def signal_names(signal: Signal) -> set[str]:
    """The signals that a signal is made of."""
    of = operand_of(signal)
    return set() if isinstance(of, str) else {slot.name for slot in of.slots if slot.kind in OF_SIGNALS}


def inner_first(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """Each after those that it is made of, else as they come."""
    named = {one.name: one for one in signals}
    found: dict[str, Signal] = {}

    def put(one: Signal) -> None:
        if one.name not in found:
            for name in sorted(signal_names(one) & set(named)):
                put(named[name])
            found[one.name] = one

    for one in named.values():
        put(one)
    return tuple(found.values())


def with_inner(names: Iterable[str], signals: Iterable[Signal]) -> set[str]:
    """These signals and all that they are made of."""
    named, found = {one.name: one for one in signals}, set(names)
    for one in reversed(inner_first(named.values())):
        if one.name in found:
            found |= signal_names(one)
    return found


def closes_with(signal: Signal, signals: Iterable[Signal]) -> tuple[Calendar, ...]:
    """The calendars whose windows give a signal a new value as they close; none: readings do."""
    return _closes(signal, fed_by(signal, signals))


def fed_by(signal: Signal, signals: Iterable[Signal]) -> tuple[Calendar, ...]:
    """The calendars whose closed windows are all that a signal is made of; none: it is made of readings."""
    fed: dict[str, tuple[Calendar, ...]] = {}
    closes: dict[str, tuple[Calendar, ...]] = {}
    for one in inner_first([*signals, signal]):
        inner = [closes[name] for name in sorted(signal_names(one)) if name in closes]
        of_windows = not signal_points(one) and bool(inner) and all(inner)
        fed[one.name] = tuple(dict.fromkeys(each for several in inner for each in several)) if of_windows else ()
        closes[one.name] = _closes(one, fed[one.name])
    return fed[signal.name]


def _closes(signal: Signal, fed: tuple[Calendar, ...]) -> tuple[Calendar, ...]:
    window = getattr(signal, "window", None)
    return (window,) if isinstance(window, Calendar) else fed


def every_point(signal: Signal, signals: Iterable[Signal]) -> set[str]:
    """The points a signal reads, by those that it is made of, too."""
    named = {one.name: one for one in signals}
    mine = with_inner([signal.name], named.values())
    return {point for name in mine if name in named for point in signal_points(named[name])}


def points(rule: Rule) -> set[str]:
    """All points a rule reads, by its signals and members too."""
    names = {name for signal in rule.signals for name in signal_points(signal)}
    names |= {name for quorum in rule.quorums for name in points_of(quorum.of)}
    names |= {name for one in expressions(rule) for name in points_of(one)}
    names |= {text.point for text in rule.identity if text.point}
    if rule.skill_of and rule.skill_of.point:
        names.add(rule.skill_of.point)
    return names | rule.condition.named_points()
