"""Merge of an order into another open one: its alarms and reports go on there, and so does what comes later."""

from typing import TYPE_CHECKING

import msgspec

from gateway.desk import order_fields
from gateway.desk.executed_commands import refused
from gateway.desk.keys import Origin
from gateway.desk.lifecycle import OPEN, Refusal, refuse
from gateway.desk.order_fields import PARENTS
from gateway.desk.plans.cycles import SOURCE as PLANNED
from gateway.desk.policy import DeskPolicy, OrderType
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.workorder import AlarmLink, Command, WorkOrder

if TYPE_CHECKING:
    from gateway.desk.order_writer import OrderWriter


def why_not(policy: DeskPolicy, order: WorkOrder, target: WorkOrder, planned: bool) -> Refusal | None:
    """Why `order` cannot be merged into `target`. `planned`: it is the work of a plan."""
    fields: dict[str, object] = {"no": order.no, "into": target.no}
    if order.id == target.id:
        return Refusal(422, "desk.merge_self", fields)
    if target.state not in OPEN:
        return Refusal(409, "desk.merge_target", fields)
    if planned or order.source in PARENTS | {PLANNED}:
        return Refusal(409, "desk.merge_kind", fields)
    none = OrderType()
    if policy.types.get(order.type, none).safety and not policy.types.get(target.type, none).safety:
        return Refusal(409, "desk.merge_safety", fields)
    return None


def merged_into(work: UnitOfWork, ended: WorkOrder | None) -> WorkOrder | None:
    """The order in which an ended one goes on, through further merges, if that has not ended; None = in none."""
    while ended is not None and ended.merged_into:
        found = work.transaction.order_numbered(ended.tenant, ended.merged_into)
        if found is None:
            return None
        work.load_orders([found])
        ended = work.order(found.id)
        if ended is not None and ended.closed_at is None:
            return ended
    return None


def merge(work: UnitOfWork, writer: "OrderWriter", order: WorkOrder, command: Command) -> None:
    """Move all of `order` to the order `command.into`, which is kept as a new version. Raises CommandError."""
    found = work.transaction.order_numbered(order.tenant, command.into)
    if found is None:
        raise refused(404, "unknown_order", no=command.into)
    work.load_orders([found])
    target = work.order(found.id) or found
    refusal = why_not(writer.policy, order, target, bool(work.plans.cycles_of(order.id)))
    if refusal is not None:
        raise refuse(refusal, order, command.actor)
    after, changed = order_fields.with_level(target, order.level)
    after = order_fields.with_urgency(after, order.urgency)
    causes = _move_alarms(work, order, target) or list(order.causes)
    after = msgspec.structs.replace(
        order_fields.with_causes(after, causes),
        count=target.count + order.count,
        first_seen=min(target.first_seen, order.first_seen),
        last_seen=max(target.last_seen, order.last_seen),
        customer_level=max(target.customer_level, order.customer_level),
        condition_cleared_at=None if work.raised(target.id) else target.condition_cleared_at,
    )
    writer.save_version(
        work,
        after,
        "updated",
        command.actor,
        {"merged": order.no, "reason": command.reason, "note": command.note},
        Origin(f"command-{command.command_id}-into", work.now),
        changed=("count", *changed),
        note=command.note or command.reason,
        occurred_at=command.occurred_at,
    )


def _move_alarms(work: UnitOfWork, order: WorkOrder, target: WorkOrder) -> list[str]:
    """List the alarms of `order` in `target`; returns their entries in `causes`."""
    stored = work.transaction.listed_in(order.id)
    work.load_alarms_of(stored)
    found = [alarm.id for alarm in stored]
    found += [link.alarm for link in work.changes.links if link.order == order.id]
    moved = [one for id_ in dict.fromkeys(found) if (one := work.alarm(id_)) and one.order == order.id]
    for alarm in moved:
        work.put_alarm(msgspec.structs.replace(alarm, order=target.id))
        work.changes.links.append(AlarmLink(target.id, target.tenant, alarm.id, work.now))
    return [order_fields.cause_name(target, alarm, work.place_of(alarm)) for alarm in moved]
