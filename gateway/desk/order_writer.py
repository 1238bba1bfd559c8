"""Makes, joins, reopens, flags and ends orders: each change is a row, an audit row and an event together."""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from gateway.desk import lifecycle, order_fields
from gateway.desk.closing import follow_resolved
from gateway.desk.event_publisher import EventPublisher
from gateway.desk.hazards.chain import follow_hazards
from gateway.desk.keys import Origin, stamped_id
from gateway.desk.merging import merged_into
from gateway.desk.order_decision import reopens
from gateway.desk.order_number import next_order_number
from gateway.desk.plans.follow import follow_listed, follow_state
from gateway.desk.policy import milestone
from gateway.desk.sla.keeper import SlaKeeper
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import OrderPlan
from gateway.domain.created_order import CreatedOrder
from gateway.domain.errors import InvariantBroken
from gateway.domain.language_values import InBothLanguages
from gateway.domain.text import localize
from gateway.domain.workorder import (
    SYSTEM,
    Act,
    Actor,
    Alarm,
    AlarmLink,
    AlarmState,
    Audit,
    Command,
    Deadline,
    DeadlineReason,
    FaultReport,
    OrderState,
    WorkOrder,
)


class OrderWriter:
    """Makes and changes orders in a unit of work. `origin` is the cause of the change."""

    def __init__(self, publisher: EventPublisher) -> None:
        self.publisher = publisher
        self.policy = publisher.policy
        self.sla = SlaKeeper(publisher)

    def new_order(
        self, work: UnitOfWork, alarm: Alarm, plan: OrderPlan, key: str, last: WorkOrder | None, origin: Origin
    ) -> WorkOrder:
        """A numbered order of one fault, not saved."""
        id_ = stamped_id(origin, "order", alarm.tenant, key)
        no = next_order_number(work, self.policy.zone, alarm.tenant)
        return order_fields.of_alarm(alarm, plan, key, id_=id_, no=no, now=work.now, last=last)

    def open(
        self, work: UnitOfWork, order: WorkOrder, alarms: Sequence[Alarm], origin: Origin, why: str
    ) -> list[Alarm]:
        """Save a new order that lists these alarms, made for the first of them; returns the alarms with its id."""
        first, *more = alarms
        order = self._with_alarms(work, order, more)
        order = self._with_alarms(work, order, [child for alarm in alarms for child in _merged_below(work, alarm)])
        order = self._ranked(work, order_fields.with_title(order, first))
        work.put_order(order)
        self.sla.start(work, order)
        listed = [self.list_alarm(work, order, alarm) for alarm in alarms]
        note = localize("desk.late", self.policy.language) if first.late else ""
        data = {"alarm": first.id, "related_to": order.related_to, "why": why, "note": note}
        _record(work, order, "created", SYSTEM, "", data, origin)
        self.publisher.order(work, order, "created", origin, alarm=listed[0], actor=SYSTEM, note=note)
        work.applied.created.append(_created(work, order, first, origin))
        return listed

    def _with_alarms(self, work: UnitOfWork, order: WorkOrder, alarms: Sequence[Alarm]) -> WorkOrder:
        """The order with these alarms counted in: level, causes, times."""
        for alarm in alarms:
            order, _ = order_fields.with_level(order, alarm.level)
            order = order_fields.with_causes(order, [order_fields.cause_name(order, alarm, work.place_of(alarm))])
            last_seen = max(order.last_seen, alarm.last_seen)
            order = msgspec.structs.replace(order, count=order.count + 1, last_seen=last_seen)
        return order

    def report(self, work: UnitOfWork, report: FaultReport, tenant: str, key: str, origin: Origin) -> WorkOrder:
        """A person's report: joins the open order, reopens the last one, or makes one."""
        open_, last = work.open_order(tenant, key), work.last_order(tenant, key)
        open_ = open_ or merged_into(work, last)
        data = {"source": report.source, "note": report.note}
        if open_ is not None:
            order, changed = order_fields.with_level(open_, report.level)
            order = order_fields.with_urgency(order_fields.with_causes(order, [report.source]), report.urgency)
            order = msgspec.structs.replace(order, count=order.count + 1, last_seen=work.now)
            return self.save_version(
                work, order, "updated", report.actor, data, origin, changed=("reports", *changed), note=report.note
            )
        if last and reopens(last, report.reopen_within, work.now):
            again, _ = order_fields.with_level(last, report.level)
            again = msgspec.structs.replace(order_fields.with_causes(again, [report.source]), count=last.count + 1)
            return self.reopen(work, again, report.actor, report.note or report.source, origin, last_seen=work.now)
        id_, no = stamped_id(origin, "order", tenant, key), next_order_number(work, self.policy.zone, tenant)
        order = order_fields.of_report(report, tenant, key, id_=id_, no=no, now=work.now, last=last)
        return self.add(work, order, report.actor, data, origin, note=report.note)

    def add(
        self, work: UnitOfWork, order: WorkOrder, actor: Actor, data: dict[str, Any], origin: Origin, note: str = ""
    ) -> WorkOrder:
        """Save a new order that lists no alarm: row, clocks, audit, event."""
        order = self._ranked(work, order)
        work.put_order(order)
        self.sla.start(work, order)
        _record(work, order, "created", actor, "", data, origin)
        self.publisher.order(work, order, "created", origin, actor=actor, note=note)
        return order

    def join(self, work: UnitOfWork, order: WorkOrder, alarms: Sequence[Alarm], origin: Origin) -> list[Alarm]:
        """Add alarms to an open order; an event when level, causes, title or a milestone changed."""
        order = self._with_alarms(work, order, alarms[1:])
        order = self._with_alarms(work, order, [child for alarm in alarms for child in _merged_below(work, alarm)])
        listed = [self.list_alarm(work, order, alarm) for alarm in alarms]
        self.count_recurrence(work, order, listed[0], origin, recurred=True)
        return listed

    def reopen_for(self, work: UnitOfWork, last: WorkOrder, alarm: Alarm, origin: Origin, why: str) -> Alarm:
        """Reopen the ended order for an alarm of the same fault."""
        order = self._with_alarms(work, last, [alarm, *_merged_below(work, alarm)])
        listed = self.list_alarm(work, last, alarm)
        order = msgspec.structs.replace(
            order_fields.with_title(order, alarm), condition_cleared_at=None, told_cleared=False
        )
        self.reopen(work, order, SYSTEM, why, origin, last_seen=order.last_seen, alarm=listed)
        return listed

    def reopen(
        self,
        work: UnitOfWork,
        order: WorkOrder,
        actor: Actor,
        reason: str,
        origin: Origin,
        last_seen: int,
        alarm: Alarm | None = None,
    ) -> WorkOrder:
        """Reopen an ended order whose key is free."""
        command = Command(order.no, Act.REOPEN, SYSTEM, origin.id, reason=reason)
        after = lifecycle.decide(lifecycle.MoveContext(order, command, 0, work.now, self.policy))
        if isinstance(after, lifecycle.Refusal):
            raise InvariantBroken(f"order {order.no} in state {order.state} cannot be reopened: {after.key}")
        after = msgspec.structs.replace(after, last_seen=last_seen)
        work.drop_deadlines(order.tenant, order.id, DeadlineReason.RECHECK)
        work.applied.reopened += 1
        return self.save_version(
            work,
            after,
            "reopened",
            actor,
            {"reason": reason},
            origin,
            before=order,
            alarm=alarm,
            note=reason,
            changed=("state",),
        )

    def count_recurrence(
        self,
        work: UnitOfWork,
        order: WorkOrder,
        alarm: Alarm,
        origin: Origin,
        *,
        recurred: bool,
        count_only: bool = False,
    ) -> None:
        """A listed alarm was raised (again), or its level rose: count it, and publish an event for a new level, cause,
        title or milestone. `count_only`: its quiet time is not over, so no event."""
        before = work.order(order.id) or order
        count, last_seen = order.count + recurred, max(order.last_seen, alarm.last_seen)
        after = msgspec.structs.replace(
            order, count=count, last_seen=last_seen, condition_cleared_at=None, updated_at=work.now
        )
        if count_only:
            work.put_order(after)
            return
        after, _ = order_fields.with_level(after, alarm.level)
        after = order_fields.with_title(
            order_fields.with_causes(after, [order_fields.cause_name(after, alarm, work.place_of(alarm))]), alarm
        )
        changed: tuple[str, ...] = ("level", "priority") if after.level > before.level else ()
        if after.causes != before.causes and after.source != order_fields.STORM:
            changed += ("causes",)
        if after.title_en != before.title_en and after.source not in order_fields.PARENTS:
            changed += ("title",)
        if changed or (recurred and any(milestone(n) for n in range(before.count + 1, count + 1))):
            self.save_version(
                work, after, "updated", SYSTEM, {"alarm": alarm.id}, origin, alarm=alarm, changed=changed or ("count",)
            )
        else:
            work.put_order(after)
            self._report_condition_later(work, after)

    def condition_ended(self, work: UnitOfWork, order: WorkOrder, alarm: Alarm, origin: Origin) -> None:
        """The last raised alarm of an open order cleared, was withdrawn, or left it."""
        ended_at = work.now if alarm.cleared_at is None else alarm.cleared_at
        after = msgspec.structs.replace(order, condition_cleared_at=ended_at, updated_at=work.now)
        untouched = order.state in {OrderState.NEW, OrderState.ASSIGNED} and order.source in order_fields.PARENTS | {
            "alarm"
        }
        if alarm.state is AlarmState.WITHDRAWN and untouched and order.count == 1:
            self._end(work, after, Act.CANCEL, "withdrawn", alarm, origin)
        elif self.policy.auto_closes(order):
            self._end(work, after, Act.CLOSE, "cleared", alarm, origin)
        elif milestone(order.count):
            data = {"alarm": alarm.id}
            self.save_version(
                work, after, "updated", SYSTEM, data, origin, alarm=alarm, changed=("conditionClearedAt",)
            )
        else:
            work.put_order(after)
            self._report_condition_later(work, after)

    def _end(self, work: UnitOfWork, order: WorkOrder, act: Act, reason: str, alarm: Alarm, origin: Origin) -> None:
        command = Command(order.no, act, SYSTEM, origin.id, reason=reason)
        after = lifecycle.decide(lifecycle.MoveContext(order, command, 0, work.now, self.policy))
        if isinstance(after, lifecycle.Refusal):
            raise InvariantBroken(f"the desk may not {act} order {order.no} in state {order.state}: {after.key}")
        kind = lifecycle.EVENT[act]
        work.applied.ended += 1
        self.save_version(
            work, after, kind, SYSTEM, {"reason": reason}, origin, before=order, alarm=alarm, changed=("state",)
        )

    def _report_condition_later(self, work: UnitOfWork, order: WorkOrder) -> None:
        """Set the deadline after which a changed condition is published, if it has lasted."""
        if (order.condition_cleared_at is not None) != order.told_cleared:
            due = work.now + self.policy.tell_after
            work.set_deadline(Deadline(order.id, order.tenant, DeadlineReason.CONDITION_CHANGE, due, work.now))

    def save_version(
        self,
        work: UnitOfWork,
        after: WorkOrder,
        kind: str,
        actor: Actor,
        data: dict[str, Any],
        origin: Origin,
        *,
        before: WorkOrder | None = None,
        alarm: Alarm | None = None,
        changed: tuple[str, ...] = (),
        note: str = "",
        occurred_at: int = 0,
        escalation: dict[str, Any] | None = None,
    ) -> WorkOrder:
        """Keep `after` as the next version of the order: row, audit, event. What its clocks reached before comes
        first."""
        at = min(occurred_at or work.now, work.now)
        was = self.sla.catch_up(work, before or work.order(after.id) or after, at, self.save_version)
        after = self.policy.ranked(lifecycle.stamped(was, after, work.now))
        after = msgspec.structs.replace(
            after, version=was.version + 1, updated_at=work.now, told_cleared=after.condition_cleared_at is not None
        )
        work.put_order(after)
        self.sla.follow(work, was, after, at)
        if after.state is not was.state:
            follow_state(work, self.policy.plans, after, actor, at)
            follow_hazards(self, work, after, actor)
            follow_resolved(work, self.policy, after)
        _record(work, after, kind, actor, was.state.value, data, origin, occurred_at)
        self.publisher.order(
            work, after, kind, origin, alarm=alarm, changed=changed, actor=actor, note=note, escalation=escalation
        )
        return after

    def _ranked(self, work: UnitOfWork, order: WorkOrder) -> WorkOrder:
        place = work.place_of(order)
        return self.policy.ranked(order, place.customer_level if place else 0)

    def list_alarm(self, work: UnitOfWork, order: WorkOrder, alarm: Alarm) -> Alarm:
        """The order lists the alarm, and all that is part of its episode, from now on."""
        for child in work.merged(alarm.id):
            self.list_alarm(work, order, child)
        listed = msgspec.structs.replace(alarm, order=order.id)
        work.put_alarm(listed)
        work.changes.links.append(AlarmLink(order.id, order.tenant, alarm.id, work.now))
        follow_listed(work, self.policy.plans, order, alarm)
        return listed


def _merged_below(work: UnitOfWork, alarm: Alarm) -> list[Alarm]:
    """All alarms merged into this one's episode, and into theirs."""
    return [inner for child in work.merged(alarm.id) for inner in (child, *_merged_below(work, child))]


def _created(work: UnitOfWork, order: WorkOrder, first: Alarm, origin: Origin) -> CreatedOrder:
    place = work.place_of(order)
    return CreatedOrder(
        order.no,
        origin.id,
        first.raised_at,
        first.received_at,
        first.decided_at,
        InBothLanguages(order.title_en, order.title_zh),
        place.code if place else order.group,
        order.level,
    )


def _record(
    work: UnitOfWork,
    order: WorkOrder,
    kind: str,
    actor: Actor,
    before: str,
    data: dict[str, Any],
    origin: Origin,
    occurred_at: int = 0,
) -> None:
    given = {k: v for k, v in data.items() if v or isinstance(v, float)}
    text = orjson.dumps({**given, "origin": origin.id}).decode()
    work.changes.audits.append(
        Audit(
            order.id,
            order.tenant,
            order.version,
            kind,
            actor.id,
            actor.role.value,
            before,
            order.state.value,
            text,
            work.now,
            occurred_at or work.now,
        )
    )
