"""Acts of people on hazards: record, result of a recheck, withdraw. Each in one transaction of the desk."""

import msgspec

from gateway.desk import order_fields
from gateway.desk.executed_commands import ExecutedCommands, conflicting, refused
from gateway.desk.hazards.chain import RECTIFICATION, end_order, hazard_key
from gateway.desk.keys import Origin, digest, stamped_id
from gateway.desk.lifecycle import conflict
from gateway.desk.order_number import next_order_number
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.hazard import FoundHazard, Hazard, HazardState
from gateway.domain.text import TextKey
from gateway.domain.workorder import Actor, OrderState, Role, WorkOrder

_ON_SITE = frozenset({OrderState.ACCEPTED, OrderState.IN_PROGRESS, OrderState.RESOLVED})
_MAY_WITHDRAW = frozenset({Role.SUPERVISOR, Role.ADMIN})
_MAY_RECORD = frozenset({Role.ENGINEER, Role.SUPERVISOR, Role.ADMIN, Role.INTEGRATOR})


class HazardCommands:
    """Of one tenant. Every method raises CommandError for what cannot be done now."""

    def __init__(self, writer: OrderWriter, tenant: str) -> None:
        self._writer, self._tenant = writer, tenant
        self._executed = ExecutedCommands(tenant)

    def record(self, work: UnitOfWork, found: FoundHazard) -> Hazard:
        """Record a hazard on an inspection that somebody works on; its rectification order opens at once."""
        order = self._order(work, found.order)
        content = digest("hazard", found.order, found.code, found.title_en, found.title_zh, found.device, found.note)
        if done := self._executed.repeated(work, found.command_id, content):
            return self._made_by(work, order, done.id)
        self._only(found.actor, order, _MAY_RECORD, "record_hazard")
        if order.state not in _ON_SITE:
            raise conflict(order, found.actor, "hazard_not_on_site", {})
        hazards = work.hazards.of_order(order.id)
        number = sum(one.inspection == order.id for one in hazards) + 1
        no, origin = f"{order.no}-H{number}", Origin(f"command-{found.command_id}", work.now)
        key = hazard_key(no, self._tenant, RECTIFICATION, 0)
        rectification = stamped_id(origin, "order", self._tenant, key)
        hazard = Hazard(
            self._tenant,
            no,
            order.id,
            found.device or order.device,
            found.code,
            found.level,
            found.title_en,
            found.title_zh,
            found.note,
            HazardState.RECTIFYING,
            rectification,
            work.now,
            found.actor.id,
        )
        made = order_fields.of_hazard(
            hazard,
            RECTIFICATION,
            order,
            key,
            id_=rectification,
            no=next_order_number(work, self._writer.policy.zone, self._tenant),
            now=work.now,
            related_to=order.no,
            skill=found.skill,
            sla=found.sla,
        )
        self._writer.add(work, made, found.actor, {"hazard": no, "inspection": order.no, "note": found.note}, origin)
        work.hazards.put(hazard)
        data = {"hazard": no, "rectification": made.no, "command": found.command_id, "note": found.note}
        self._writer.save_version(
            work, order, "updated", found.actor, data, origin, changed=("hazards",), note=found.title_en
        )
        self._executed.record(work, found.command_id, content, made.id)
        return hazard

    def result(self, work: UnitOfWork, no: str, passed: bool, note: str, actor: Actor, command_id: str) -> Hazard:
        """Result of the open recheck of a hazard; it takes effect when the recheck order is resolved."""
        hazard = self._hazard(work, no)
        content = digest("recheck", no, passed, note)
        if self._executed.repeated(work, command_id, content):
            return hazard
        if hazard.state is not HazardState.RECHECKING:
            raise conflicting("hazard_not_rechecking", no=no)
        work.load_orders(work.transaction.orders([hazard.recheck]))
        order = work.order(hazard.recheck)
        if order is None or order.state is not OrderState.IN_PROGRESS:
            raise conflicting("recheck_not_started", no=order.no if order else no)
        self._only(actor, order, _MAY_RECORD, "recheck_hazard")
        if not passed and not note.strip():
            raise refused(422, "recheck_note", no=no)
        hazard = msgspec.structs.replace(hazard, passed=passed, result_note=note)
        work.hazards.put(hazard)
        origin = Origin(f"command-{command_id}", work.now)
        data = {"hazard": no, "passed": passed, "note": note}
        self._writer.save_version(work, order, "updated", actor, data, origin, changed=("hazards",), note=note)
        self._executed.record(work, command_id, content, order.id)
        return hazard

    def withdraw(self, work: UnitOfWork, no: str, reason: str, actor: Actor, command_id: str) -> Hazard:
        """It was none: a supervisor ends it, and its open orders with it."""
        hazard = self._hazard(work, no)
        content = digest("withdraw hazard", no, reason)
        if self._executed.repeated(work, command_id, content):
            return hazard
        if actor.role not in _MAY_WITHDRAW:
            raise refused(403, "not_allowed", role=actor.role.value, act=TextKey("desk.act.withdraw_hazard"), no=no)
        if not reason.strip():
            raise refused(422, "withdraw_reason", no=no)
        if hazard.state.ended:
            raise conflicting("hazard_ended", no=no)
        recheck, ended = hazard.recheck, HazardState.WITHDRAWN
        hazard = msgspec.structs.replace(
            hazard, state=ended, reason=reason, ended_at=work.now, ended_by=actor.id, passed=None
        )
        work.hazards.put(hazard)
        for order in filter(None, (recheck, hazard.rectification)):
            end_order(self._writer, work, order, "withdrawn", f"command-{command_id}")
        work.load_orders(work.transaction.orders([hazard.inspection]))
        inspection = work.order(hazard.inspection)
        if inspection is not None:
            origin = Origin(f"command-{command_id}", work.now)
            data = {"hazard": no, "reason": reason}
            self._writer.save_version(
                work, inspection, "updated", actor, data, origin, changed=("hazards",), note=reason
            )
        self._executed.record(work, command_id, content, hazard.inspection)
        return hazard

    def _order(self, work: UnitOfWork, no: str) -> WorkOrder:
        found = work.transaction.order_numbered(self._tenant, no)
        if found is None:
            raise refused(404, "unknown_order", no=no)
        work.load_orders([found])
        return found

    def _hazard(self, work: UnitOfWork, no: str) -> Hazard:
        found = work.hazards.numbered(self._tenant, no)
        if found is None:
            raise refused(404, "unknown_hazard", no=no)
        return found

    def _made_by(self, work: UnitOfWork, order: WorkOrder, command_id: str) -> Hazard:
        done = work.transaction.command(self._tenant, command_id)
        hazards = work.hazards.of_order(order.id)
        return next(one for one in hazards if done is not None and one.rectification == done.order)

    def _only(self, actor: Actor, order: WorkOrder, roles: frozenset[Role], act: str) -> None:
        """An engineer acts on the orders assigned to them, as for all acts on site."""
        if actor.role not in roles:
            raise refused(403, "not_allowed", role=actor.role.value, act=TextKey(f"desk.act.{act}"), no=order.no)
        if actor.role is Role.ENGINEER and order.assignee != actor.id:
            raise refused(403, "not_assignee", no=order.no, actor=actor.id)
