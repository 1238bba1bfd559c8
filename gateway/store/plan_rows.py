"""Rows of maintenance plans, and the devices that a plan covers."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, or_, select, tuple_

from gateway.domain.device import Life
from gateway.domain.maintenance import PlanCandidate, PlanChanges, PlanCycle, PlannedThing, PlanScope, PlanStop
from gateway.store import registry_counters
from gateway.store import tables as t
from gateway.store.database import upsert
from gateway.store.plan_tables import plan_cycle, plan_stop, planned_thing
from gateway.store.row_mapping import chunks, plain_of, route_of

_IN = 300  # keys per IN list; a thing has three columns
_row = msgspec.structs.asdict
_attributes = msgspec.json.Decoder(dict[str, str | float | bool])
_words = msgspec.json.Decoder(tuple[str, ...])


class PlanReads:
    """The part of the desk's transaction that reads plans (the port of gateway/desk/plans/rows.py). Times µs."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    def planned_things(self, tenant: str, plan: str) -> list[PlannedThing]:
        """All things of a plan."""
        c = planned_thing.c
        return self._things(select(planned_thing).where(c.tenant == tenant, c.plan == plan))

    def planned_things_due(self, tenant: str, now: int, limit: int) -> list[PlannedThing]:
        """Things whose next order opens by `now`, earliest first."""
        c = planned_thing.c
        rows = select(planned_thing).where(c.tenant == tenant, c.opens_at <= now)
        return self._things(rows.order_by(c.opens_at, c.plan, c.device, c.group).limit(limit))

    def planned_things_of(self, tenant: str, keys: Sequence[tuple[str, int, str]]) -> list[PlannedThing]:
        """Things by (plan, device, group)."""
        c = planned_thing.c
        found: list[PlannedThing] = []
        for chunk in chunks(keys, _IN):
            rows = select(planned_thing).where(c.tenant == tenant, tuple_(c.plan, c.device, c.group).in_(chunk))
            found += self._things(rows)
        return found

    def plans_with_things(self, tenant: str) -> list[str]:
        """Ids of the plans that things are stored for."""
        c = planned_thing.c
        return list(self._c.scalars(select(c.plan).where(c.tenant == tenant).distinct().order_by(c.plan)))

    def plan_candidates(self, tenant: str, scope: PlanScope, attribute: str) -> list[PlanCandidate]:
        """Devices in service that fit `scope`, by id; `attribute` names the one that holds their start, "" = none."""
        d, s = t.device.c, t.site.c
        rows = (
            select(d.id, d.attrs, d.tags, func.coalesce(s.timezone, ""), s.attrs, s.tags)
            .outerjoin(t.site, (s.tenant == d.tenant) & (s.code == d.site))
            .where(d.tenant == tenant, d.life == Life.IN_SERVICE)
        )
        for column, wanted in ((d.kind, scope.kinds), (d.profile, scope.profiles), (d.site, scope.sites)):
            rows = rows.where(column.in_(wanted)) if wanted else rows
        rows = rows.where(s.area.in_(scope.areas)) if scope.areas else rows
        if scope.by_route or scope.routes:
            rows = rows.where(or_(d.attrs.contains('"route"'), s.attrs.contains('"route"')))
        found = []
        for device, attrs, tags, zone, of_site, site_tags in self._c.execute(rows.order_by(d.id)):
            if scope.tags and not set(scope.tags) & {*_words.decode(tags), *_words.decode(site_tags or "[]")}:
                continue
            route = route_of(attrs, of_site or "{}") if scope.by_route or scope.routes else ""
            if scope.routes and route not in scope.routes:
                continue
            start = _attributes.decode(attrs).get(attribute, "") if attribute else ""
            found.append(PlanCandidate(device, zone, route, str(start)))
        return found

    def plan_cycles_of(self, orders: Sequence[str]) -> list[PlanCycle]:
        """The cycles that these orders (ids) do."""
        c = plan_cycle.c
        found: list[PlanCycle] = []
        for chunk in chunks(orders, _IN):
            rows = select(plan_cycle).where(c.order.in_(chunk), c.order != "")
            found += [plain_of(PlanCycle, plan_cycle, row) for row in self._c.execute(rows)]
        return found

    def plan_stops(self, order: str) -> list[PlanStop]:
        """The stops of a round, in order."""
        rows = select(plan_stop).where(plan_stop.c.order == order).order_by(plan_stop.c.place)
        return [plain_of(PlanStop, plan_stop, row) for row in self._c.execute(rows)]

    def registry_revision(self) -> int:
        """The number of the newest change of the lists of devices and sites."""
        return registry_counters.revision(self._c)

    def _things(self, rows: Any) -> list[PlannedThing]:
        return [plain_of(PlannedThing, planned_thing, row) for row in self._c.execute(rows)]


def write(connection: Connection, changes: PlanChanges) -> None:
    """Write the plans of a transaction."""
    c = planned_thing.c
    for chunk in chunks(changes.things_gone, _IN):
        connection.execute(delete(planned_thing).where(tuple_(c.tenant, c.plan, c.device, c.group).in_(chunk)))
    for table, rows in (
        (planned_thing, changes.things),
        (plan_cycle, changes.cycles),
        (plan_stop, changes.stops),
    ):
        upsert(connection, table, [_row(one) for one in rows])
