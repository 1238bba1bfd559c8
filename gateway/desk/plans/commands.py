"""Acts of people on plans: skip or postpone a date, record a stop of a round. Each in one transaction of the desk."""

from dataclasses import dataclass
from typing import NoReturn

import msgspec

from gateway.desk.executed_commands import ExecutedCommands, conflicting, refused
from gateway.desk.keys import Origin, digest
from gateway.desk.order_writer import OrderWriter
from gateway.desk.plans.cycles import skipped, timed
from gateway.desk.plans.plan import MaintenancePlan
from gateway.desk.plans.rows import key_of
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.duration import iso
from gateway.domain.maintenance import CycleState, PlanCycle, PlannedThing, PlanStop, StopState
from gateway.domain.text import TextKey
from gateway.domain.workorder import Actor, Role, WorkOrder

_PLANNERS = frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN})
_ON_SITE = frozenset({Role.ENGINEER, Role.SUPERVISOR, Role.ADMIN, Role.INTEGRATOR})


@dataclass(frozen=True, slots=True)
class PlanAct:
    """What `actor` does with the next date of a thing of `plan`: a device (id), or a route (`group`)."""

    plan: str
    device: int
    group: str
    reason: str
    actor: Actor
    command_id: str


class PlanCommands:
    """Of one tenant. Every method raises CommandError for what cannot be done now."""

    def __init__(self, writer: OrderWriter, tenant: str) -> None:
        self._writer, self._tenant = writer, tenant
        self._executed = ExecutedCommands(tenant)

    def skip(self, work: UnitOfWork, act: PlanAct) -> PlannedThing:
        """Leave out the next date of a thing; the one after it is next."""
        content = digest("skip plan", act.plan, act.device, act.group, act.reason)
        thing, known, due = self._dated(work, act)
        if self._executed.repeated(work, act.command_id, content):
            return thing
        self._may(act.actor, _PLANNERS, "skip_plan", act.plan)
        if due is None:
            self._no_date(thing)
        if not act.reason.strip():
            raise refused(422, "plan_reason")
        own = str(due if thing.moved_from is None else thing.moved_from)
        cycle = PlanCycle(*key_of(thing), own, CycleState.SKIPPED, due, work.now, by=act.actor.id, note=act.reason)
        work.plans.put_cycle(cycle)
        after = skipped(known, thing, due)
        work.plans.put_thing(after)
        self._executed.record(work, act.command_id, content, "")
        return after

    def postpone(self, work: UnitOfWork, act: PlanAct, until: int) -> PlannedThing:
        """Move the next date of a thing to `until` µs; those after it stay where they are."""
        content = digest("postpone plan", act.plan, act.device, act.group, until, act.reason)
        thing, known, due = self._dated(work, act)
        if self._executed.repeated(work, act.command_id, content):
            return thing
        self._may(act.actor, _PLANNERS, "postpone_plan", act.plan)
        if due is None:
            self._no_date(thing)
        if not act.reason.strip():
            raise refused(422, "plan_reason")
        if until <= max(due, work.now):
            raise refused(422, "postpone_until", until=iso(until), due=iso(due))
        after = timed(thing, known, until, due if thing.moved_from is None else thing.moved_from)
        work.plans.put_thing(after)
        self._executed.record(work, act.command_id, content, "")
        return after

    def stop(
        self, work: UnitOfWork, no: str, device: int, state: StopState, note: str, actor: Actor, command_id: str
    ) -> PlanStop:
        """Record one device of a round as done, or as skipped with a reason in `note`."""
        order = self._order(work, no)
        content = digest("stop", no, device, state.value, note)
        stop = next((one for one in work.plans.stops(order.id) if one.device == device), None)
        if stop is None:
            raise refused(404, "unknown_stop", no=no, device=device)
        if self._executed.repeated(work, command_id, content):
            return stop
        self._may(actor, _ON_SITE, "record_stop", no)
        if actor.role is Role.ENGINEER and order.assignee != actor.id:
            raise refused(403, "not_assignee", no=no, actor=actor.id)
        if order.state.ended:
            raise conflicting("round_ended", no=no)
        if state is StopState.SKIPPED and not note.strip():
            raise refused(422, "plan_reason")
        stop = msgspec.structs.replace(stop, state=state, note=note, by=actor.id, at=work.now)
        work.plans.put_stops([stop])
        origin = Origin(f"command-{command_id}", work.now)
        data = {"stop": device, "state": state.value, "note": note}
        self._writer.save_version(work, order, "updated", actor, data, origin, changed=("stops",), note=note)
        self._executed.record(work, command_id, content, order.id)
        return stop

    def _dated(self, work: UnitOfWork, act: PlanAct) -> tuple[PlannedThing, MaintenancePlan, int | None]:
        thing = work.plans.thing((self._tenant, act.plan, act.device, act.group))
        known = self._writer.policy.plans.by_id.get(act.plan)
        if thing is None or known is None:
            raise refused(404, "unknown_plan", plan=act.plan, thing=act.group or act.device)
        return thing, known, thing.due_at

    def _no_date(self, thing: PlannedThing) -> NoReturn:
        raise conflicting("no_date", plan=thing.plan, thing=thing.group or thing.device)

    def _order(self, work: UnitOfWork, no: str) -> WorkOrder:
        found = work.transaction.order_numbered(self._tenant, no)
        if found is None:
            raise refused(404, "unknown_order", no=no)
        work.load_orders([found])
        return found

    def _may(self, actor: Actor, roles: frozenset[Role], act: str, subject: str) -> None:
        if actor.role not in roles:
            raise refused(403, "not_allowed", role=actor.role.value, act=TextKey(f"desk.act.{act}"), no=subject)
