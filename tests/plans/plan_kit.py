"""A desk with plans, and time that passes."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from desk_kit import World
from sqlalchemy import select

from gateway.desk.desk import CHUNK
from gateway.desk.plans import Basis, MaintenancePlan, PlanDates, PlannedOrder, Plans
from gateway.domain.duration import from_us, to_us
from gateway.domain.maintenance import PlanCycle, PlannedThing, PlanScope
from gateway.domain.workorder import WorkOrder
from gateway.store.plan_rows import PlanReads
from gateway.store.plan_tables import plan_cycle
from gateway.store.row_mapping import plain_of

ZONE = ZoneInfo("Asia/Shanghai")


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=ZONE))


def day(us: int | None) -> str:
    return "" if us is None else from_us(us).astimezone(ZONE).date().isoformat()


def monthly(
    rule: str = "FREQ=MONTHLY",
    basis: Basis = Basis.SCHEDULED,
    start: date | str = date(2026, 1, 5),
    scope: PlanScope | None = None,
    **fields: Any,
) -> MaintenancePlan:
    return MaintenancePlan(
        fields.pop("id", "care"),
        "Monthly service",
        "月度保养",
        PlannedOrder("maintenance", skill="meter"),
        scope or PlanScope(kinds=("meter",)),
        PlanDates(rule, start, basis=basis),
        revision=fields.pop("revision", "r1"),
        **fields,
    )


def use(world: World, *plans: MaintenancePlan) -> None:
    """These plans from now on; a restart."""
    world.policy = replace(world.policy, plans=Plans.of(plans))
    world.desk = world.another()


def tick(world: World, when: str) -> int:
    """Time has come to `when`; returns how much was done."""
    total = 0
    while (fired := world.desk.tick(at(when)).fired) >= CHUNK:
        total += fired
    return total + fired


def things(world: World, plan: str = "care") -> list[PlannedThing]:
    return world.database.query(lambda c: PlanReads(c).planned_things("default", plan))


def cycles(world: World) -> list[PlanCycle]:
    rows = select(plan_cycle).order_by(plan_cycle.c.device, plan_cycle.c.group, plan_cycle.c.due_at)
    return world.database.query(lambda c: [plain_of(PlanCycle, plan_cycle, row) for row in c.execute(rows)])


def states(world: World, device: int = 101) -> list[tuple[str, str]]:
    return [(day(one.due_at), one.state.value) for one in cycles(world) if one.device == device]


def orders(world: World, device: int = 101) -> list[WorkOrder]:
    return sorted((one for one in world.queries.orders().items if one.device == device), key=lambda one: one.no)
