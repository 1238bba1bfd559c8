"""Makes, joins, reopens, flags and ends orders: each change is a row, an audit row and an event together."""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from gateway.desk import lifecycle, order_fields
from gateway.desk.event_publisher import EventPublisher
from gateway.desk.keys import Origin, stamped_id
from gateway.desk.order_decision import reopens
from gateway.desk.policy import milestone
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import OrderPlan
from gateway.domain.created_order import Created
from gateway.domain.errors import InvariantBroken
from gateway.domain.language_values import Both
from gateway.domain.text import say
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
)  # fmt: skip


class OrderWriter:
    """Carries out decisions in a book. `origin` is what caused it."""

    def __init__(self, publisher: EventPublisher) -> None:
        self.publisher = publisher
        self.policy = publisher.policy

    def draft(
        self, book: UnitOfWork, alarm: Alarm, plan: OrderPlan, key: str, last: WorkOrder | None, origin: Origin
    ) -> WorkOrder:
        """An order of one fault, numbered, not yet kept."""
        id_ = stamped_id(origin, "order", alarm.tenant, key)
        return order_fields.of_alarm(
            alarm, plan, key, id_=id_, no=self._number(book, alarm.tenant), now=book.now, last=last
        )  # fmt: skip

    def open(
        self, book: UnitOfWork, order: WorkOrder, alarms: Sequence[Alarm], origin: Origin, why: str
    ) -> list[Alarm]:
        """Keep a new order that lists these alarms, the first of which asked for it; returns them listed."""
        first, *more = alarms
        order = self._with(book, order, more)
        order = self._with(book, order, [child for alarm in alarms for child in self._inside(book, alarm)])
        order = order_fields.titled(order, first)
        book.put_order(order)
        listed = [self.enter(book, order, alarm) for alarm in alarms]
        note = say("desk.late", self.policy.language) if first.late else ""
        data = {"alarm": first.id, "related_to": order.related_to, "why": why, "note": note}
        self._record(book, order, "created", SYSTEM, "", data, origin)
        self.publisher.order(book, order, "created", origin, alarm=listed[0], actor=SYSTEM, note=note)
        place = book.where(order)
        made = Created(
            order.no, origin.id, first.raised_at, first.received_at, first.decided_at,
            Both(order.title_en, order.title_zh), place.code if place else order.group, order.level,
        )  # fmt: skip
        book.applied.created.append(made)
        return listed

    def _with(self, book: UnitOfWork, order: WorkOrder, alarms: Sequence[Alarm]) -> WorkOrder:
        """The order with these alarms counted in: level, causes, times."""
        for alarm in alarms:
            order, _ = order_fields.worse(order, alarm.level)
            order = order_fields.with_items(order, [order_fields.item(order, alarm, book.where(alarm))])
            last_seen = max(order.last_seen, alarm.last_seen)
            order = msgspec.structs.replace(order, count=order.count + 1, last_seen=last_seen)
        return order

    def _inside(self, book: UnitOfWork, alarm: Alarm) -> list[Alarm]:
        """All alarms that are part of this one's episode, and of theirs."""
        return [deep for child in book.merged(alarm.id) for deep in (child, *self._inside(book, child))]

    def report(self, book: UnitOfWork, report: FaultReport, tenant: str, key: str, origin: Origin) -> WorkOrder:
        """A person's report: joins the open order, reopens the last one, or makes one."""
        open_, last = book.open_order(tenant, key), book.last_order(tenant, key)
        data = {"source": report.source, "note": report.note}
        if open_ is not None:
            order, changed = order_fields.worse(open_, report.level)
            order = order_fields.with_items(order, [report.source])
            order = msgspec.structs.replace(order, count=order.count + 1, last_seen=book.now)
            return self.move(
                book, order, "updated", report.actor, data, origin, changed=("reports", *changed), note=report.note
            )
        if last and reopens(last, report.reopen_within, book.now):
            again, _ = order_fields.worse(last, report.level)
            again = msgspec.structs.replace(order_fields.with_items(again, [report.source]), count=last.count + 1)
            return self.reopen(book, again, report.actor, report.note or report.source, origin, last_seen=book.now)
        id_, no = stamped_id(origin, "order", tenant, key), self._number(book, tenant)
        order = order_fields.of_report(report, tenant, key, id_=id_, no=no, now=book.now, last=last)
        book.put_order(order)
        self._record(book, order, "created", report.actor, "", data, origin)
        self.publisher.order(book, order, "created", origin, actor=report.actor, note=report.note)
        return order

    def join(self, book: UnitOfWork, order: WorkOrder, alarms: Sequence[Alarm], origin: Origin) -> list[Alarm]:
        """An open order lists these alarms too: one event, if it is worth one."""
        order = self._with(book, order, alarms[1:])
        order = self._with(book, order, [child for alarm in alarms for child in self._inside(book, alarm)])
        listed = [self.enter(book, order, alarm) for alarm in alarms]
        self.seen(book, order, listed[0], origin, recurred=True)
        return listed

    def reopen_for(self, book: UnitOfWork, last: WorkOrder, alarm: Alarm, origin: Origin, why: str) -> Alarm:
        """The fault is back: the ended order goes on."""
        order = self._with(book, last, [alarm, *self._inside(book, alarm)])
        listed = self.enter(book, last, alarm)
        order = msgspec.structs.replace(
            order_fields.titled(order, alarm), condition_cleared_at=None, told_cleared=False
        )
        self.reopen(book, order, SYSTEM, why, origin, last_seen=order.last_seen, alarm=listed)
        return listed

    def reopen(
        self,
        book: UnitOfWork,
        order: WorkOrder,
        actor: Actor,
        reason: str,
        origin: Origin,
        last_seen: int,
        alarm: Alarm | None = None,
    ) -> WorkOrder:
        """Reopen an ended order whose key is free."""
        command = Command(order.no, Act.REOPEN, SYSTEM, origin.id, reason=reason)
        after = lifecycle.decide(lifecycle.MoveContext(order, command, 0))
        if isinstance(after, lifecycle.Refusal):
            raise InvariantBroken(f"order {order.no} in state {order.state} cannot be reopened: {after.key}")
        after = msgspec.structs.replace(after, last_seen=last_seen)
        book.forget(order.tenant, order.id, DeadlineReason.RECHECK)
        book.applied.reopened += 1
        return self.move(
            book, after, "reopened", actor, {"reason": reason}, origin, before=order, alarm=alarm, note=reason,
            changed=("state",),
        )  # fmt: skip

    def seen(
        self, book: UnitOfWork, order: WorkOrder, alarm: Alarm, origin: Origin, *, recurred: bool, quietly: bool = False
    ) -> None:
        """A listed alarm was raised (again), or its level rose. An event only for what matters; `quietly` only counts:
        its quiet time is not over."""
        before = book.order(order.id) or order
        count, last_seen = order.count + recurred, max(order.last_seen, alarm.last_seen)
        after = msgspec.structs.replace(
            order, count=count, last_seen=last_seen, condition_cleared_at=None, updated_at=book.now
        )
        if quietly:
            book.put_order(after)
            return
        after, _ = order_fields.worse(after, alarm.level)
        after = order_fields.titled(
            order_fields.with_items(after, [order_fields.item(after, alarm, book.where(alarm))]), alarm
        )
        changed: tuple[str, ...] = ("level", "priority") if after.level > before.level else ()
        if after.causes != before.causes and after.source != order_fields.STORM:
            changed += ("causes",)
        if after.title_en != before.title_en and after.source not in order_fields.PARENTS:
            changed += ("title",)
        if changed or (recurred and any(milestone(n) for n in range(before.count + 1, count + 1))):
            self.move(
                book, after, "updated", SYSTEM, {"alarm": alarm.id}, origin, alarm=alarm, changed=changed or ("count",)
            )
        else:
            book.put_order(after)
            self._tell_later(book, after)

    def condition_gone(self, book: UnitOfWork, order: WorkOrder, alarm: Alarm, origin: Origin) -> None:
        """The last raised alarm of an open order cleared, was withdrawn, or left it."""
        gone = book.now if alarm.cleared_at is None else alarm.cleared_at
        after = msgspec.structs.replace(order, condition_cleared_at=gone, updated_at=book.now)
        untouched = order.state in {OrderState.NEW, OrderState.ASSIGNED} and order.source in order_fields.PARENTS | {
            "alarm"
        }
        if alarm.state is AlarmState.WITHDRAWN and untouched and order.count == 1:
            self._end(book, after, Act.CANCEL, "withdrawn", alarm, origin)
        elif self.policy.auto_closes(order):
            self._end(book, after, Act.CLOSE, "cleared", alarm, origin)
        elif milestone(order.count):
            data = {"alarm": alarm.id}
            self.move(book, after, "updated", SYSTEM, data, origin, alarm=alarm, changed=("conditionClearedAt",))
        else:
            book.put_order(after)
            self._tell_later(book, after)

    def _end(self, book: UnitOfWork, order: WorkOrder, act: Act, reason: str, alarm: Alarm, origin: Origin) -> None:
        command = Command(order.no, act, SYSTEM, origin.id, reason=reason)
        after = lifecycle.decide(lifecycle.MoveContext(order, command, 0))
        if isinstance(after, lifecycle.Refusal):
            raise InvariantBroken(f"the desk may not {act} order {order.no} in state {order.state}: {after.key}")
        kind = lifecycle.EVENT[act]
        book.applied.ended += 1
        self.move(book, after, kind, SYSTEM, {"reason": reason}, origin, before=order, alarm=alarm, changed=("state",))

    def _tell_later(self, book: UnitOfWork, order: WorkOrder) -> None:
        """A condition that comes and goes is told once it has lasted, not every time."""
        if (order.condition_cleared_at is not None) != order.told_cleared:
            due = book.now + self.policy.tell_after
            book.wait(Deadline(order.id, order.tenant, DeadlineReason.TELL, due, book.now))

    def move(
        self,
        book: UnitOfWork,
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
    ) -> WorkOrder:
        """Keep `after` as the next version of the order: row, audit, event."""
        was = before or book.order(after.id) or after
        after = lifecycle.stamped(was, after, book.now)
        after = msgspec.structs.replace(
            after, version=was.version + 1, updated_at=book.now, told_cleared=after.condition_cleared_at is not None
        )
        book.put_order(after)
        self._record(book, after, kind, actor, was.state.value, data, origin, occurred_at)
        self.publisher.order(book, after, kind, origin, alarm=alarm, changed=changed, actor=actor, note=note)
        return after

    def _record(
        self,
        book: UnitOfWork,
        order: WorkOrder,
        kind: str,
        actor: Actor,
        before: str,
        data: dict[str, Any],
        origin: Origin,
        occurred_at: int = 0,
    ) -> None:
        said = {k: v for k, v in data.items() if v or isinstance(v, float)}
        text = orjson.dumps({**said, "origin": origin.id}).decode()
        book.changes.audits.append(
            Audit(
                order.id, order.tenant, order.version, kind, actor.id, actor.role.value, before, order.state.value,
                text, book.now, occurred_at or book.now,
            )
        )  # fmt: skip

    def enter(self, book: UnitOfWork, order: WorkOrder, alarm: Alarm) -> Alarm:
        """The order lists the alarm, and all that is part of its episode, from now on."""
        for child in book.merged(alarm.id):
            self.enter(book, order, child)
        listed = msgspec.structs.replace(alarm, order=order.id)
        book.put_alarm(listed)
        book.changes.links.append(AlarmLink(order.id, order.tenant, alarm.id, book.now))
        return listed

    def _number(self, book: UnitOfWork, tenant: str) -> str:
        day = self.policy.day(book.now)
        return f"WO-{day}-{book.number(tenant, day):05d}"
