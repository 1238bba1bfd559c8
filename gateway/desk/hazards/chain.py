"""What the state of an order means for the hazards that it rectifies or rechecks. Runs with
every change of an order."""

from typing import TYPE_CHECKING

import msgspec

from gateway.desk import order_fields
from gateway.desk.keys import Origin, digest, stamped_id
from gateway.desk.order_number import next_order_number
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.hazard import Hazard, HazardState
from gateway.domain.text import localize
from gateway.domain.workorder import SYSTEM, Actor, OrderState, WorkOrder

if TYPE_CHECKING:
    from gateway.desk.order_writer import OrderWriter

SOURCE = "hazard"  # of rectification and recheck orders
RECTIFICATION, RECHECK = "rectification", "recheck"


def hazard_key(hazard_no: str, tenant: str, part: str, number: int) -> str:
    """Key of a rectification, or of the recheck `number`."""
    return digest("hazard", tenant, hazard_no, part, number)


def follow_hazards(writer: "OrderWriter", work: UnitOfWork, order: WorkOrder, actor: Actor) -> None:
    """`order`, of this chain, entered another state."""
    if order.source != SOURCE:
        return
    for one in work.hazards.of_order(order.id):
        if one.state.ended:
            continue
        if order.id == one.rectification:
            _rectification(writer, work, one, order)
        elif order.id == one.recheck and order.state is OrderState.RESOLVED:
            _rechecked(writer, work, one, order, actor)


def _rectification(writer: "OrderWriter", work: UnitOfWork, hazard: Hazard, order: WorkOrder) -> None:
    if order.state is OrderState.RESOLVED:
        _open_recheck(writer, work, hazard, order)
    elif hazard.state is HazardState.RECHECKING:  # reopened before its recheck
        work.hazards.put(msgspec.structs.replace(hazard, state=HazardState.RECTIFYING, recheck="", passed=None))
        end_order(writer, work, hazard.recheck, "withdrawn", f"hazard-{hazard.no}-reopened-{order.version}")


def _open_recheck(writer: "OrderWriter", work: UnitOfWork, hazard: Hazard, rectification: WorkOrder) -> None:
    number = hazard.rechecks + 1
    key = hazard_key(hazard.no, hazard.tenant, RECHECK, number)
    origin = Origin(f"hazard-{hazard.no}-recheck-{number}", work.now)
    id_, no = (
        stamped_id(origin, "order", hazard.tenant, key),
        next_order_number(work, writer.policy.zone, hazard.tenant),
    )
    work.load_orders(work.transaction.orders([hazard.inspection]))
    inspection = work.order(hazard.inspection)
    inspector = inspection.assignee if inspection else ""
    order = order_fields.of_hazard(
        hazard, RECHECK, rectification, key, id_=id_, no=no, now=work.now, related_to=rectification.no, assign=inspector
    )
    changed = msgspec.structs.replace(
        hazard, state=HazardState.RECHECKING, recheck=id_, rechecks=number, passed=None, result_note=""
    )
    work.hazards.put(changed)
    writer.add(work, order, SYSTEM, {"hazard": hazard.no, "rectification": rectification.no}, origin)


def _rechecked(writer: "OrderWriter", work: UnitOfWork, hazard: Hazard, recheck: WorkOrder, actor: Actor) -> None:
    """The recheck is resolved; its guard has seen that there is a result."""
    if hazard.passed:
        ended = msgspec.structs.replace(hazard, state=HazardState.CLEARED, ended_at=work.now, ended_by=actor.id)
        work.hazards.put(ended)
        _note(writer, work, hazard, "hazards.cleared", recheck)
        return
    work.hazards.put(msgspec.structs.replace(hazard, state=HazardState.RECTIFYING, recheck=""))
    work.load_orders(work.transaction.orders([hazard.rectification]))
    rectification = work.order(hazard.rectification)
    if rectification is not None:
        origin = Origin(f"hazard-{hazard.no}-failed-{hazard.rechecks}", work.now)
        why = localize("hazards.failed", writer.policy.language, no=recheck.no, note=hazard.result_note)
        writer.reopen(work, rectification, SYSTEM, why, origin, last_seen=rectification.last_seen)


def _note(writer: "OrderWriter", work: UnitOfWork, hazard: Hazard, key: str, recheck: WorkOrder) -> None:
    """A line in the inspection that found it."""
    work.load_orders(work.transaction.orders([hazard.inspection]))
    inspection = work.order(hazard.inspection)
    if inspection is not None:
        note = localize(key, writer.policy.language, hazard=hazard.no, no=recheck.no)
        origin = Origin(f"hazard-{hazard.no}-{recheck.id}", work.now)
        data = {"hazard": hazard.no, "note": note}
        writer.save_version(work, inspection, "updated", SYSTEM, data, origin, changed=("hazards",), note=note)


def end_order(writer: "OrderWriter", work: UnitOfWork, order: str, reason: str, origin: str) -> None:
    """Cancel an order of a chain, if it has not ended; one that was resolved is closed."""
    work.load_orders(work.transaction.orders([order]))
    found = work.order(order)
    if found is not None and not found.state.ended:
        resolved = found.state is OrderState.RESOLVED
        state, act = (OrderState.CLOSED, "closed") if resolved else (OrderState.CANCELLED, "cancelled")
        after = msgspec.structs.replace(found, state=state, close_reason=reason)
        where = Origin(f"{origin}-{found.id}", work.now)
        writer.save_version(work, after, act, SYSTEM, {"reason": reason}, where, before=found, changed=("state",))
