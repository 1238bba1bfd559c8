"""A maintenance plan: values made from `plans/*.yaml` (gateway/settings/plans.py)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum

from gateway.domain.alarm import Level
from gateway.domain.maintenance import PlanScope


class Basis(StrEnum):
    """What the next date counts from: the one before it, or the day on which the work was done."""

    SCHEDULED = "scheduled"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class PlanDates:
    """Dates by an RFC 5545 rule, counted in local time from `start` (a date, or the name of a device attribute that
    holds one) at the time of day `at`."""

    rule: str
    start: date | str
    at: time = time(8)
    basis: Basis = Basis.SCHEDULED


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """Fields of the order of a cycle."""

    type: str
    level: Level = Level.MINOR
    fault: str = ""
    skill: str = ""
    sla: str = ""
    assign: str = ""


@dataclass(frozen=True, slots=True)
class MaintenancePlan:
    """One plan: it has dates of its own, or a `rule` (`every`, `due`) whose alarms open the orders.

    `lead` µs: so long before its date an order opens. `checklist` names a template; `parts` are (number, amount) that
    the work needs. `revision` changes with everything that decides dates and things.
    """

    id: str
    title_en: str
    title_zh: str
    order: PlannedOrder
    scope: PlanScope = field(default_factory=PlanScope)
    dates: PlanDates | None = None
    rule: str = ""
    why_en: str = ""
    why_zh: str = ""
    lead: int = 0
    checklist: str = ""
    parts: tuple[tuple[str, float], ...] = ()
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Plans:
    """All plans of an installation, by id; at most one has a given rule."""

    by_id: Mapping[str, MaintenancePlan] = field(default_factory=dict)
    of_rule: Mapping[str, MaintenancePlan] = field(default_factory=dict)

    @classmethod
    def of(cls, plans: Iterable[MaintenancePlan]) -> "Plans":
        """These plans."""
        found = {plan.id: plan for plan in plans}
        return cls(found, {plan.rule: plan for plan in found.values() if plan.rule})

    def dated(self) -> Iterator[MaintenancePlan]:
        """Those with dates of their own, by id."""
        return (self.by_id[name] for name in sorted(self.by_id) if self.by_id[name].dates is not None)


NO_PLANS = Plans()
