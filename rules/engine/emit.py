"""Transitions in the making: collected while a record is judged, then put in order and numbered."""

from dataclasses import dataclass

from gateway.domain.alarm import Change, Evidence, Level, NoticePlan, OrderPlan, Plan, Thing, Transition
from rules.compiled import Rule


@dataclass(frozen=True, slots=True)
class Made:
    """A transition without its identity."""

    at: int
    rule: Rule
    plan: Plan
    thing: Thing
    change: Change
    level: Level
    evidence: Evidence
    reason: str = ""
    imported: bool = False
    suspect: bool = False


def plan_of(rule: Rule) -> Plan:
    """`then` of a rule as a transition carries it."""
    order, notice = rule.order, rule.notice
    english = rule.title.get("en") or rule.title.get("zh") or rule.id
    planned, told = None, None
    if order is not None:
        planned = OrderPlan(
            order.type, order.fault, order.skill, order.sla, order.assign, order.after, order.reopen_within
        )  # fmt: skip
    if notice is not None:
        told = NoticePlan(notice.audience, notice.template, notice.klass, notice.remind, notice.max)
    return Plan(english, rule.title.get("zh") or english, rule.why, planned, told)


class Emitter:
    """Numbers the transitions of one record: by event time, rule, thing, whatever order rules were installed in."""

    def __init__(self, partition: int, tenant: str) -> None:
        self.partition, self.tenant = partition, tenant
        self.made: list[Made] = []

    def add(self, made: Made) -> None:
        """Collect one; those of one rule and thing must come in their order."""
        self.made.append(made)

    def finish(self, seq: int, decided: int) -> list[Transition]:
        """All collected ones as transitions of record `seq`, decided at `decided` µs."""
        if not self.made:
            return []
        ordered = sorted(self.made, key=lambda m: (m.at, m.rule.id, m.thing))
        self.made = []
        return [
            Transition(
                self.partition, seq, ordinal, m.change, m.rule.id, m.rule.revision, self.tenant, m.thing, m.level,
                m.at, decided, m.plan, m.evidence, (), m.reason, False, m.imported, m.suspect, m.rule.mode == "live",
            )
            for ordinal, m in enumerate(ordered)
        ]  # fmt: skip
