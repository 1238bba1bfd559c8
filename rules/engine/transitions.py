"""Transitions in the making: collected while a record is judged, then put in order and numbered."""

from msgspec import Struct

from gateway.domain.alarm import AlarmPlan, Change, Evidence, Level, Parent, Thing, Transition
from rules.compiled import Rule

AlarmKey = tuple[str, Thing, tuple[str, ...]]
"""(rule id, thing, identity): one alarm."""


class ConditionChange(Struct, frozen=True):
    """What a condition did to an alarm of `thing`. `at` µs; `muted`: outside the hours of the rule."""

    at: int
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
    stale: bool = False


class PendingTransition(ConditionChange, frozen=True, kw_only=True):
    """A transition without its number. `plan`: that of `rule`, with the expressions of `then` evaluated then.

    The alarm pipeline adds what is below. `behind`, of a merged alarm: when its parents were raised, the last of them
    (µs), and how many there are; it comes after theirs.
    """

    rule: Rule
    plan: AlarmPlan
    unstable: bool = False
    held_until: int = 0
    limited: str = ""
    parent: Parent | None = None
    behind: tuple[int, int] = (0, 0)
    episode: int = 0

    @property
    def key(self) -> AlarmKey:
        """Which alarm changes."""
        return self.rule.id, self.thing, self.identity


_AS_THEY_ARE = tuple(
    name
    for name in PendingTransition.__struct_fields__
    if name in Transition.__struct_fields__ and name not in {"rule", "imported"}
)


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

        Without an import under way nothing is `imported`, whatever the readings were: nothing would end the wait.
        """
        if not self.made:
            return []
        ordered = sorted(self.made, key=order_of)
        self.made = []
        return [
            Transition(
                partition=self.partition,
                seq=seq,
                ordinal=ordinal,
                rule=m.rule.id,
                revision=m.rule.revision,
                tenant=self.tenant,
                decided=decided,
                live=m.rule.mode == "live",
                imported=m.imported and importing,
                **{name: getattr(m, name) for name in _AS_THEY_ARE},
            )
            for ordinal, m in enumerate(ordered)
        ]
