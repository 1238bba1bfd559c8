"""Transitions in the making: collected while a record is judged, then put in order and numbered."""

from msgspec import Struct

from gateway.domain.alarm import AlarmPlan, Change, Evidence, Level, Parent, Thing, Transition
from rules.compiled import Rule

AlarmKey = tuple[str, Thing, tuple[str, ...]]
"""(rule id, thing, identity): one alarm."""


class PendingTransition(Struct, frozen=True):
    """A transition without its number. `at` µs.

    A runner says what the condition did, up to `muted`; `plan` is the rule's, with the expressions of `then` evaluated
    for this moment. The stage after the conditions adds what is below. `behind`, of a merged alarm: when its
    parents were raised, the last of them (µs), and how many there are; it is told after them.
    """

    at: int
    rule: Rule
    plan: AlarmPlan
    thing: Thing
    change: Change
    level: Level
    evidence: Evidence
    reason: str = ""
    imported: bool = False
    suspect: bool = False
    identity: tuple[str, ...] = ()
    late: bool = False
    count: int = 1
    muted: bool = False
    unstable: bool = False
    stale: bool = False
    held_until: int = 0
    limited: str = ""
    parent: Parent | None = None
    behind: tuple[int, int] = (0, 0)
    episode: int = 0

    @property
    def key(self) -> AlarmKey:
        """Which alarm changes."""
        return self.rule.id, self.thing, self.identity


def order_of(made: PendingTransition) -> tuple[int, int, str, Thing, tuple[str, ...]]:
    """By event time, rule, thing, identity, whatever order rules were installed in; what is merged after its parent."""
    raised, parents = made.behind
    return max(made.at, raised) if parents else made.at, parents, made.rule.id, made.thing, made.identity


def plan_of(rule: Rule) -> AlarmPlan:
    """`then` of a rule as a transition carries it."""
    english = rule.title.get("en") or rule.title.get("zh") or rule.id
    why = rule.why
    return AlarmPlan(
        english, rule.title.get("zh") or english, why.get("en", ""), rule.order, rule.notice, why.get("zh", "")
    )


class Emitter:
    """Numbers the transitions of one record in the order of `order_of`."""

    def __init__(self, partition: int, tenant: str) -> None:
        self.partition, self.tenant = partition, tenant
        self.made: list[PendingTransition] = []

    def add(self, made: PendingTransition) -> None:
        """Collect one; those of one alarm must come in their order."""
        self.made.append(made)

    def finish(self, seq: int, decided: int, *, importing: bool = True) -> list[Transition]:
        """All collected ones as transitions of record `seq`, decided at `decided` µs.

        Without an import under way nothing is `imported`, whatever the readings were: nobody would end the wait.
        """
        if not self.made:
            return []
        ordered = sorted(self.made, key=order_of)
        self.made = []
        return [
            Transition(
                self.partition,
                seq,
                ordinal,
                m.change,
                m.rule.id,
                m.rule.revision,
                self.tenant,
                m.thing,
                m.level,
                m.at,
                decided,
                m.plan,
                m.evidence,
                m.identity,
                m.reason,
                m.late,
                m.imported and importing,
                m.suspect,
                m.rule.mode == "live",
                m.count,
                m.unstable,
                m.stale,
                m.muted,
                m.held_until,
                m.limited,
                m.parent,
                m.episode,
            )
            for ordinal, m in enumerate(ordered)
        ]
