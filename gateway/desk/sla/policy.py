"""Policies of an installation: targets and milestones in working time. Plain values; durations µs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.domain.sla import ClockKind
from gateway.domain.workdays import NO_CALENDAR, WorkCalendar
from gateway.domain.working_time import WorkingTime

BREACH = "due"
"""Name of the milestone at the target itself."""


@dataclass(frozen=True, slots=True)
class SlaNotice:
    """A notice by `template` to the people of `audience`."""

    audience: str
    template: str


@dataclass(frozen=True, slots=True)
class Milestone:
    """Reached when the clock has counted `after`. `name` as written: `80%`, `4h`."""

    name: str
    after: int
    notice: SlaNotice | None = None


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """`targets` of the clocks that an order has; `milestones` of each, the target among them, in order. `pause_on`:
    reasons of a hold while which the clocks stand still. `priorities` and `types` of orders whose rule names no policy
    (both empty = none of them). `revision` digests all that decides when something is due."""

    name: str
    time: WorkingTime
    revision: str
    targets: Mapping[ClockKind, int] = field(default_factory=dict)
    milestones: Mapping[ClockKind, tuple[Milestone, ...]] = field(default_factory=dict)
    pause_on: frozenset[str] = frozenset()
    priorities: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    def pauses(self, reason: str) -> bool:
        """True if the clocks stand still during a hold for this reason."""
        return reason.strip().casefold() in self.pause_on

    def takes(self, priority: str, kind: str) -> bool:
        """True if it is for orders of this priority and type that name no policy."""
        chosen = self.priorities or self.types
        return bool(
            chosen and (not self.priorities or priority in self.priorities) and (not self.types or kind in self.types)
        )


class SlaPolicies:
    """All policies, in the order of the file."""

    def __init__(self, policies: Iterable[SlaPolicy] = ()) -> None:
        self.by_name = {policy.name: policy for policy in policies}
        self.revisions = tuple(sorted({policy.revision for policy in self.by_name.values()}))
        self.in_use = any(policy.targets for policy in self.by_name.values())

    def calendars(self) -> set[WorkCalendar]:
        """The calendars that decide when something is due."""
        hours = [policy.time.hours for policy in self.by_name.values() if policy.targets]
        return {one.calendar for one in hours if not one.continuous and one.calendar is not NO_CALENDAR}

    def of(self, named: str, priority: str, kind: str) -> SlaPolicy | None:
        """The policy that an order's rule names; without one, the first that takes orders like it."""
        if named:
            return self.by_name.get(named)
        return next((policy for policy in self.by_name.values() if policy.takes(priority, kind)), None)


NO_POLICIES = SlaPolicies()
