"""The rows of plans in one transaction: read in bulk, changed in memory, written with the rest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from gateway.domain.maintenance import PlanCandidate, PlanChanges, PlanCycle, PlannedThing, PlanScope, PlanStop

_Key = tuple[str, str, int, str]  # tenant, plan, device, group


class PlanReader(Protocol):
    """The part of the desk's transaction that reads plans, and the devices that they cover."""

    def planned_things(self, tenant: str, plan: str) -> list[PlannedThing]:
        """All things of a plan."""

    def planned_things_due(self, tenant: str, now: int, limit: int) -> list[PlannedThing]:
        """Things whose next order opens by `now`, earliest first."""

    def planned_things_of(self, tenant: str, keys: Sequence[tuple[str, int, str]]) -> list[PlannedThing]:
        """Things by (plan, device, group)."""

    def plans_with_things(self, tenant: str) -> list[str]:
        """Ids of the plans that things are stored for."""

    def plan_candidates(self, tenant: str, scope: PlanScope, attribute: str) -> list[PlanCandidate]:
        """Devices in service that fit `scope`, by id; `attribute` names the one that holds their start, "" = none."""

    def plan_cycles_of(self, orders: Sequence[str]) -> list[PlanCycle]:
        """The cycles that these orders (ids) do."""

    def plan_stops(self, order: str) -> list[PlanStop]:
        """The stops of a round, in order."""

    def registry_revision(self) -> int:
        """The number of the newest change of the lists of devices and sites."""


def key_of(row: PlannedThing | PlanCycle) -> _Key:
    """Of a thing, or of the thing of a cycle."""
    return row.tenant, row.plan, row.device, row.group


class PlanRows:
    """Holds no decision."""

    def __init__(self, reader: PlanReader) -> None:
        self.reader = reader
        self._things: dict[_Key, PlannedThing | None] = {}
        self._cycles: dict[tuple[_Key, str], PlanCycle] = {}
        self._stops: dict[tuple[str, int], PlanStop] = {}
        self._changed: dict[_Key, None] = {}
        self._written: dict[tuple[_Key, str], None] = {}
        self._by_order: dict[str, dict[tuple[_Key, str], None]] = {}

    def thing(self, key: _Key) -> PlannedThing | None:
        """A thing; None = the plan does not cover it."""
        if key not in self._things:
            tenant, plan, device, group = key
            self._things[key] = next(iter(self.reader.planned_things_of(tenant, [(plan, device, group)])), None)
        return self._things[key]

    def put_thing(self, thing: PlannedThing) -> None:
        """A new or changed thing."""
        self._things[key_of(thing)] = thing
        self._changed[key_of(thing)] = None

    def drop_thing(self, key: _Key) -> None:
        """The plan covers it no longer; its cycles stay."""
        self._things[key] = None
        self._changed[key] = None

    def cycles_of(self, order: str) -> list[PlanCycle]:
        """The cycles that an order does, oldest first."""
        if order not in self._by_order:
            self._by_order[order] = {}
            self._keep(self.reader.plan_cycles_of([order]))
        return sorted((self._cycles[key] for key in self._by_order[order]), key=lambda one: one.due_at)

    def _keep(self, cycles: Iterable[PlanCycle]) -> None:
        for one in cycles:
            key = (key_of(one), one.cycle)
            self._cycles.setdefault(key, one)
            self._by_order.setdefault(one.order, {})[key] = None

    def put_cycle(self, cycle: PlanCycle, *, new_order: bool = False) -> None:
        """A new or changed cycle. `new_order`: its order has no others."""
        key = (key_of(cycle), cycle.cycle)
        if cycle.order and not new_order:
            self.cycles_of(cycle.order)
        self._cycles[key] = cycle
        self._written[key] = None
        if cycle.order:
            self._by_order.setdefault(cycle.order, {})[key] = None

    def stops(self, order: str) -> list[PlanStop]:
        """The stops of a round, those of this transaction too."""
        stored = {one.device: one for one in self.reader.plan_stops(order)}
        stored.update({device: one for (of, device), one in self._stops.items() if of == order})
        return sorted(stored.values(), key=lambda one: one.place)

    def put_stops(self, stops: Iterable[PlanStop]) -> None:
        """New or changed stops."""
        self._stops.update({(one.order, one.device): one for one in stops})

    def changes(self) -> PlanChanges:
        """The rows to be written."""
        things = [thing for key in self._changed if (thing := self._things[key])]
        gone = [key for key in self._changed if self._things[key] is None]
        return PlanChanges(things, gone, [self._cycles[key] for key in self._written], list(self._stops.values()))


def by_route(candidates: Iterable[PlanCandidate]) -> Mapping[str, list[PlanCandidate]]:
    """Route -> its devices; those without a route are in none."""
    found: dict[str, list[PlanCandidate]] = {}
    for one in candidates:
        if one.route:
            found.setdefault(one.route, []).append(one)
    return found
