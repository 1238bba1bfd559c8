"""A group rule taken apart: the questions to its members, and the rule that judges the group by their answers.

The answers are columns of the group's own table, so that what is left is an ordinary rule over points.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.domain.alarm import Level
from rules.compiled import (
    Aggregate,
    AttrTest,
    Calendar,
    Expression,
    LevelRule,
    Levels,
    MemberStat,
    Quorum,
    Rule,
    Slot,
    SlotKind,
    Watch,
)
from rules.compiled.reads import OF_SIGNALS, closes_with, points_of, signal_points, with_inner
from rules.compiled.rewrite import rewritten


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One thing that members are asked, for a quorum or for an aggregate; the answer goes to `column` of the group.

    `calendars`: the windows its signals close, so that a group's answer comes once for all members; `each`: it is put
    to components; `components`: each of them has a vote, else a device has one.
    """

    column: str
    of: Expression
    kinds: tuple[str, ...]
    where: AttrTest | None
    each: bool
    quorum: Quorum | None = None
    stat: MemberStat | None = None
    calendars: tuple[Calendar, ...] = ()
    components: bool = True

    @property
    def numeric(self) -> bool:
        """True if the answer of a member is a number, and no vote."""
        return self.stat is not None and self.stat.what is not Aggregate.COUNT

    @property
    def limits(self) -> tuple[int, int]:
        """(`within`, `began_within`) µs, 0 = no limit."""
        return (self.quorum.within, self.quorum.began_within) if self.quorum is not None else (0, 0)

    @property
    def gathered(self) -> bool:
        """True if the answer is formed once per closed window, when all members have closed it."""
        return self.stat is not None and bool(self.calendars)


def questions_of(rule: Rule) -> tuple[Question, ...]:
    """All that the members are asked: quorums by number, then aggregates as written."""
    watch = rule.watch
    found = [
        Question(
            quorum_column(n),
            q.of,
            watch.kinds,
            watch.where,
            q.each,
            q,
            None,
            _calendars(rule, q.of),
            q.components,
        )
        for n, q in enumerate(rule.quorums)
    ]
    for stat in rule.signals:
        if isinstance(stat, MemberStat):
            own = stat.where if stat.where is not None or stat.kinds else watch.where
            found.append(
                Question(
                    stat.name,
                    stat.of,
                    stat.kinds or watch.kinds,
                    own,
                    stat.each,
                    None,
                    stat,
                    _calendars(rule, stat.of),
                    stat.components or stat.what is not Aggregate.COUNT,
                )
            )
    return tuple(found)


def quorum_column(n: int) -> str:
    """The column of quorum `n`: no point can have this name."""
    return f"members {n}"


def kinds_of(rule: Rule, questions: Sequence[Question]) -> tuple[str, ...]:
    """The kinds of device whose members are asked, the watched ones first."""
    return tuple(dict.fromkeys([*rule.watch.kinds, *(kind for one in questions for kind in one.kinds)]))


def member_rule(rule: Rule, kind: str, questions: Sequence[Question]) -> Rule:
    """The questions to the members of one kind, as a rule: its signals and the points they read."""
    asked = {slot.name for one in questions for slot in one.of.slots if slot.kind in OF_SIGNALS}
    wanted = with_inner(asked, rule.signals)
    signals = tuple(one for one in rule.signals if one.name in wanted and not isinstance(one, MemberStat))
    points = {name for one in questions for name in points_of(one.of)}
    points |= {name for signal in signals for name in signal_points(signal)}
    return replace(
        rule,
        watch=Watch((kind,), rule.watch.each, group=rule.watch.group),
        signals=signals,
        quorums=(),
        points=tuple(sorted(points)),
        condition=Levels(tuple(LevelRule(Level.NOTICE, one.of) for one in questions)),
        unless=None,
        active=None,
        identity=(),
        clear_after=0,
    )


def group_rule(rule: Rule, kind: str, questions: Sequence[Question]) -> Rule:
    """What is left to judge on the groups: quorums and aggregates are points of theirs."""
    return replace(
        rule,
        watch=Watch((kind,), group=rule.watch.group),
        signals=(),
        quorums=(),
        points=tuple(one.column for one in questions),
        condition=rewritten(rule.condition, _slot),
        unless=rewritten(rule.unless, _slot),
        identity=(),
        skill_of=None,
    )


def asked_by(expression: Expression) -> tuple[str, ...]:
    """The columns that an expression of `group_rule` reads."""
    return tuple(dict.fromkeys(slot.name for slot in expression.slots if slot.kind is SlotKind.POINT))


def _slot(slot: Slot) -> Slot:
    if slot.kind is SlotKind.QUORUM:
        return Slot(SlotKind.POINT, quorum_column(slot.n))
    if slot.kind is SlotKind.SIGNAL:
        return Slot(SlotKind.POINT, slot.name, unit=slot.unit)
    return slot


def _calendars(rule: Rule, of: Expression) -> tuple[Calendar, ...]:
    named = {signal.name: signal for signal in rule.signals}
    asked = [named[slot.name] for slot in of.slots if slot.kind in OF_SIGNALS and slot.name in named]
    return tuple(dict.fromkeys(one for signal in asked for one in closes_with(signal, rule.signals)))
