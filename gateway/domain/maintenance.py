"""Rows of maintenance plans: what is planned, the cycles, the stops of a round. Times are µs since 1970 UTC."""

from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class PlanScope:
    """Devices in service that fit every list that is not empty. `by_route`: one order for all devices of a route."""

    kinds: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    by_route: bool = False


@dataclass(frozen=True, slots=True)
class PlanCandidate:
    """A device in service that fits a scope. `zone`: of its site, "" = the installation's; `start`: the value of the
    attribute that was asked for, "" = it has none."""

    device: int
    zone: str
    route: str
    start: str


class CycleState(StrEnum):
    """State of one cycle of a plan on one thing.

    `open`: its order is not resolved · `done` · `merged`: it fell due while the order of an earlier cycle was open,
    and is done with that · `missed`: it fell due while the gateway was off, a later one has the order · `skipped` by a
    person · `cancelled` with its order.
    """

    OPEN = "open"
    DONE = "done"
    MERGED = "merged"
    MISSED = "missed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class PlannedThing(Struct, frozen=True):
    """A device, or the round of a route (`group`, device 0), that a plan of dates covers.

    `due_at`: the next date without an order; None = its date depends on the open order, or `start` names an attribute
    that the device lacks. `opens_at`: when its order opens, `due_at` less the plan's lead. `done_at`: the last work.
    `zone`: time zone of its dates. `revision`: of the plan by which the dates were counted. `moved_from`: the date
    that a person postponed to `due_at` (None = it is the plan's own).
    """

    tenant: str
    plan: str
    device: int
    group: str
    zone: str
    start: str
    due_at: int | None
    opens_at: int | None
    done_at: int | None
    revision: str
    since: int
    moved_from: int | None = None


class PlanCycle(Struct, frozen=True):
    """One cycle: (tenant, plan, device, group, cycle) is unique. `cycle` is the planned date in µs, or the id of the
    alarm of the plan's rule. `order` is the id of the order that does it, "" = none."""

    tenant: str
    plan: str
    device: int
    group: str
    cycle: str
    state: CycleState
    due_at: int
    opened_at: int
    order: str = ""
    done_at: int | None = None
    by: str = ""
    note: str = ""


class StopState(StrEnum):
    """State of one device of a round. `skipped` has a reason."""

    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"


class PlanStop(Struct, frozen=True):
    """One device of a round: part of the order `order` (id) at place `place`."""

    tenant: str
    order: str
    device: int
    place: int
    state: StopState = StopState.OPEN
    note: str = ""
    by: str = ""
    at: int | None = None


@dataclass(slots=True)
class PlanChanges:
    """Rows of plans that one transaction writes; `things_gone` are (tenant, plan, device, group)."""

    things: list[PlannedThing] = field(default_factory=list)
    things_gone: list[tuple[str, str, int, str]] = field(default_factory=list)
    cycles: list[PlanCycle] = field(default_factory=list)
    stops: list[PlanStop] = field(default_factory=list)
