"""Opens the orders of cycles whose time has come, and keeps what is planned in step with plans and device lists."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec

from gateway.desk import order_fields
from gateway.desk.keys import Origin, stamped_id
from gateway.desk.order_number import next_order_number
from gateway.desk.order_writer import OrderWriter
from gateway.desk.plans.cycles import Opening, counted, opening, plan_key
from gateway.desk.plans.plan import MaintenancePlan
from gateway.desk.plans.rows import by_route, key_of
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.duration import from_us
from gateway.domain.maintenance import CycleState, PlanCandidate, PlanCycle, PlannedThing, PlanStop
from gateway.domain.text import localize
from gateway.domain.workorder import SYSTEM, WorkOrder

MOST_STOPS = 1000  # devices of one round


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that differs from what is stored: None = the plan does not cover it any more."""

    key: tuple[str, str, int, str]
    found: PlanCandidate | None


class PlanSchedule:
    """In the desk's thread. Everything it remembers can be found again: a restart compares anew."""

    def __init__(self, writer: OrderWriter, tenant: str) -> None:
        self._writer, self._tenant = writer, tenant
        self._plans = writer.policy.plans
        self._compared = -1  # revision of the lists
        self._steps: list[_Step] = []

    def keep_in_step(self, work: UnitOfWork, limit: int) -> int:
        """Apply up to `limit` differences between plans, device lists and what is stored; returns how many."""
        revision = work.plans.reader.registry_revision()
        if revision != self._compared:
            self._steps = list(self._differences(work))[::-1]
            self._compared = revision
        steps = [self._steps.pop() for _ in range(min(limit, len(self._steps)))]
        work.load((), [(self._tenant, plan_key(*step.key)) for step in steps if step.found], ())
        for step in steps:
            self._step(work, step)
        return len(steps)

    def _differences(self, work: UnitOfWork) -> Iterator[_Step]:
        dated = {plan.id: plan for plan in self._plans.dated()}
        for name in work.plans.reader.plans_with_things(self._tenant):
            if name not in dated:
                yield from (_Step(key_of(one), None) for one in work.plans.reader.planned_things(self._tenant, name))
        for plan in dated.values():
            wanted = self._wanted(work, plan)
            stored = {key_of(one): one for one in work.plans.reader.planned_things(self._tenant, plan.id)}
            yield from (_Step(key, None) for key in stored if key not in wanted)
            for key, found in wanted.items():
                one = stored.get(key)
                if one is None or (one.revision, one.zone, one.start) != (plan.revision, found.zone, found.start):
                    yield _Step(key, found)

    def _wanted(self, work: UnitOfWork, plan: MaintenancePlan) -> dict[tuple[str, str, int, str], PlanCandidate]:
        zone = self._writer.policy.zone.key
        found = work.plans.reader.plan_candidates(self._tenant, plan.scope, _attribute(plan))
        here = [PlanCandidate(one.device, one.zone or zone, one.route, one.start) for one in found]
        if not plan.scope.by_route:
            return {(self._tenant, plan.id, one.device, ""): one for one in here}
        return {(self._tenant, plan.id, 0, route): ones[0] for route, ones in by_route(here).items()}

    def _step(self, work: UnitOfWork, step: _Step) -> None:
        tenant, name, device, group = step.key
        plan, found = self._plans.by_id.get(name), step.found
        if plan is None or found is None:
            work.plans.drop_thing(step.key)
            return
        thing = work.plans.thing(step.key) or PlannedThing(
            tenant, name, device, group, found.zone, found.start, None, None, None, "", work.now
        )
        thing = msgspec.structs.replace(thing, zone=found.zone, start=found.start)
        is_open = work.open_order(tenant, plan_key(*step.key)) is not None
        work.plans.put_thing(counted(plan, thing, work.now, is_open=is_open))

    def open_due(self, work: UnitOfWork, limit: int) -> int:
        """Open the orders of up to `limit` things whose time has come; returns how many there were."""
        due = work.plans.reader.planned_things_due(self._tenant, work.now, limit)
        work.load((), [(self._tenant, plan_key(*key_of(one))) for one in due], [one.device for one in due])
        for thing in due:
            plan = self._plans.by_id.get(thing.plan)
            if plan is None or plan.revision != thing.revision:  # `keep_in_step` comes first; it was edited just now
                work.plans.put_thing(msgspec.structs.replace(thing, opens_at=None))
                self._compared = -1
                continue
            open_ = work.open_order(self._tenant, plan_key(*key_of(thing)))
            found = opening(plan, thing, work.now, is_open=open_ is not None)
            order = open_
            if found.due is not None:
                order = self._open(work, plan, thing, found.due)
            self._record(work, thing, found, order)
            if found.merged and open_ is not None:
                self._merge(work, open_, found.merged, thing.zone)
            work.plans.put_thing(found.after)
        return len(due)

    def _open(self, work: UnitOfWork, plan: MaintenancePlan, thing: PlannedThing, due: int) -> WorkOrder:
        key = plan_key(*key_of(thing))
        origin = Origin(f"plan-{plan.id}-{thing.device}-{thing.group}-{due}", min(thing.opens_at or due, work.now))
        id_, no = (
            stamped_id(origin, "order", self._tenant, key),
            next_order_number(work, self._writer.policy.zone, self._tenant),
        )
        last = work.last_order(self._tenant, key)
        order = order_fields.of_plan(
            plan, thing, key, id_=id_, no=no, now=work.now, last=last, due=_day(due, thing.zone)
        )
        work.plans.put_stops(self._stops(work, plan, order, thing))
        return self._writer.add(work, order, SYSTEM, {"plan": plan.id, "due": due, "why": order.why}, origin)

    def _stops(
        self, work: UnitOfWork, plan: MaintenancePlan, order: WorkOrder, thing: PlannedThing
    ) -> Iterator[PlanStop]:
        if not plan.scope.by_route:
            return
        found = work.plans.reader.plan_candidates(self._tenant, plan.scope, "")
        devices = [one.device for one in found if one.route == thing.group][:MOST_STOPS]
        yield from (PlanStop(self._tenant, order.id, device, place) for place, device in enumerate(devices, 1))

    def _record(self, work: UnitOfWork, thing: PlannedThing, found: Opening, order: WorkOrder | None) -> None:
        """One row for each date that was reached."""
        key, own = key_of(thing), "" if order is None else order.id

        def row(due: int, state: CycleState, of: str) -> PlanCycle:
            cycle = thing.moved_from if due == thing.due_at and thing.moved_from is not None else due
            return PlanCycle(*key, str(cycle), state, due, work.now, of)

        for due in found.missed:
            work.plans.put_cycle(row(due, CycleState.MISSED, ""))
        for due in found.merged:
            work.plans.put_cycle(row(due, CycleState.MERGED, own))
        if found.due is not None:
            work.plans.put_cycle(row(found.due, CycleState.OPEN, own), new_order=True)

    def _merge(self, work: UnitOfWork, order: WorkOrder, dates: Sequence[int], zone: str) -> None:
        days = ", ".join(_day(due, zone) for due in dates)
        note = localize("plans.merged", self._writer.policy.language, days=days)
        origin = Origin(f"plan-{order.id}-merged-{dates[-1]}", work.now)
        self._writer.save_version(
            work, order, "updated", SYSTEM, {"note": note}, origin, changed=("planCycle",), note=note
        )


def _day(due: int, zone: str) -> str:
    return from_us(due).astimezone(ZoneInfo(zone)).date().isoformat()


def _attribute(plan: MaintenancePlan) -> str:
    return plan.dates.start if plan.dates and isinstance(plan.dates.start, str) else ""
