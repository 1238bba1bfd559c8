"""Makes, joins, reopens, flags and ends orders: each change is a row, an audit row and an event together."""

from typing import Any

import msgspec
import orjson

from gateway.desk import lifecycle
from gateway.desk.book import Book
from gateway.desk.keys import Origin, order_key, stamped_id
from gateway.desk.ordering import Decision, Verdict, decide, reopens
from gateway.desk.policy import cause, milestone, priority
from gateway.desk.publish import Publisher
from gateway.domain.alarm import Level, OrderPlan, Thing
from gateway.domain.errors import InvariantBroken
from gateway.domain.workorder import (
    SYSTEM,
    Act,
    Actor,
    Alarm,
    Audit,
    Command,
    Created,
    Deadline,
    Due,
    Link,
    OrderState,
    Report,
    WorkOrder,
)  # fmt: skip

MAX_CAUSES = 25


def key_of(alarm: Alarm, plan: OrderPlan) -> str:
    """The order key an alarm asks for."""
    return order_key(alarm.tenant, Thing(alarm.device, alarm.component, alarm.group), plan.fault)


class Clerk:
    """Carries out decisions in a book. `origin` is what caused it."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.policy = publisher.policy

    def ask(self, book: Book, alarm: Alarm, origin: Origin, waived: frozenset[Due] = frozenset()) -> None:
        """The alarm is raised and in no open order: does it get one, now or later?"""
        plan = alarm.plan.order
        if plan is None:
            if alarm.live and not alarm.imported:
                self.publisher.notify(book, alarm, None)
            return
        key = key_of(alarm, plan)
        open_, last = book.open_order(alarm.tenant, key), book.last_order(alarm.tenant, key)
        decision = decide(alarm, open_, last, book.now, waived)
        match decision.verdict:
            case Verdict.HOLD:
                book.wait(Deadline(alarm.id, alarm.tenant, decision.reason, decision.due, book.now))
                book.applied.held += 1
            case Verdict.JOIN if open_ is not None:
                self._join(book, open_, alarm, origin)
            case Verdict.REOPEN if last is not None:
                self._reopen(book, last, alarm, origin, decision)
            case Verdict.CREATE:
                self._create(book, alarm, plan, key, last, origin)
            case _:
                pass

    def _create(
        self, book: Book, alarm: Alarm, plan: OrderPlan, key: str, last: WorkOrder | None, origin: Origin
    ) -> None:
        level, (grade, why) = alarm.peak, priority(alarm.peak)
        order = WorkOrder(
            id=stamped_id(origin, "order", alarm.tenant, key), tenant=alarm.tenant, no=self._number(book,
            alarm.tenant), key=key,
            type=plan.type, fault=plan.fault, source="alarm", title_en=alarm.plan.title_en,
            title_zh=alarm.plan.title_zh,
            why=alarm.plan.why, device=alarm.device, component=alarm.component, group=alarm.group, state=OrderState.NEW,
            level=level, priority=grade, priority_reason=why, rule=alarm.rule, alarm=alarm.id, created_at=book.now,
            updated_at=book.now, first_seen=alarm.raised_at, last_seen=alarm.last_seen, causes=(cause(alarm),),
            skill=plan.skill, sla=plan.sla, assign=plan.assign, reopen_within=plan.reopen_within,
            related_to=last.no if last else "",
        )  # fmt: skip
        book.put_order(order)
        listed = self._list(book, order, alarm)
        self._record(book, order, "created", SYSTEM, "", {"alarm": alarm.id, "related_to": order.related_to}, origin)
        self.publisher.order(book, order, "created", origin, alarm=listed, actor=SYSTEM)
        self.publisher.notify(book, listed, order)
        book.applied.created.append(Created(order.no, origin.id, alarm.raised_at, alarm.received_at, alarm.decided_at))

    def report(self, book: Book, report: Report, tenant: str, key: str, origin: Origin) -> WorkOrder:
        """A person's report: joins the open order, reopens the last one, or makes one."""
        open_, last = book.open_order(tenant, key), book.last_order(tenant, key)
        data = {"source": report.source, "note": report.note}
        if open_ is not None:
            order, changed = self._worse(open_, report.level)
            order = msgspec.structs.replace(
                order, count=order.count + 1, last_seen=book.now, causes=_with(order.causes, report.source)
            )
            return self.move(
                book, order, "updated", report.actor, data, origin, changed=("reports", *changed), note=report.note
            )
        if last and reopens(last, report.reopen_within, book.now):
            again, _ = self._worse(last, report.level)
            again = msgspec.structs.replace(again, count=last.count + 1, causes=_with(last.causes, report.source))
            return self.reopen(book, again, report.actor, report.note or report.source, origin, last_seen=book.now)
        grade, why = priority(report.level)
        order = WorkOrder(
            id=stamped_id(origin, "order", tenant, key), tenant=tenant, no=self._number(book, tenant), key=key,
            type=report.type,
            fault=report.fault, source=report.source, title_en=report.title_en, title_zh=report.title_zh,
            why=report.note,
            device=report.device, component=report.component, group=report.group, state=OrderState.NEW,
            level=report.level, priority=grade, priority_reason=why, rule="", alarm="", created_at=book.now,
            updated_at=book.now, first_seen=book.now, last_seen=book.now, causes=(report.source,), skill=report.skill,
            sla=report.sla, reopen_within=report.reopen_within, related_to=last.no if last else "",
        )  # fmt: skip
        book.put_order(order)
        self._record(book, order, "created", report.actor, "", data, origin)
        self.publisher.order(book, order, "created", origin, actor=report.actor, note=report.note)
        return order

    def _join(self, book: Book, order: WorkOrder, alarm: Alarm, origin: Origin) -> None:
        listed = self._list(book, order, alarm)
        self.seen(book, order, listed, origin, recurred=True)
        self.publisher.notify(book, listed, book.order(order.id))
        book.applied.joined += 1

    def _reopen(self, book: Book, last: WorkOrder, alarm: Alarm, origin: Origin, decision: Decision) -> None:
        listed = self._list(book, last, alarm)
        worse, _ = self._worse(last, alarm.level)
        order = msgspec.structs.replace(
            worse,
            count=last.count + 1,
            causes=_with(last.causes, cause(alarm)),
            condition_cleared_at=None,
            told_cleared=False,
        )
        self.reopen(
            book, order, SYSTEM, decision.why, origin, last_seen=max(last.last_seen, alarm.last_seen), alarm=listed
        )

    def reopen(
        self,
        book: Book,
        order: WorkOrder,
        actor: Actor,
        reason: str,
        origin: Origin,
        last_seen: int,
        alarm: Alarm | None = None,
    ) -> WorkOrder:
        """Reopen an ended order whose key is free."""
        command = Command(order.no, Act.REOPEN, SYSTEM, origin.id, reason=reason)
        after = lifecycle.decide(lifecycle.Situation(order, command, 0))
        if isinstance(after, lifecycle.Refusal):
            raise InvariantBroken(f"order {order.no} in state {order.state} cannot be reopened: {after.key}")
        after = msgspec.structs.replace(after, last_seen=last_seen)
        book.forget(order.tenant, order.id, Due.RECHECK)
        book.applied.reopened += 1
        return self.move(
            book,
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

    def seen(self, book: Book, order: WorkOrder, alarm: Alarm, origin: Origin, recurred: bool) -> None:
        """A listed alarm was raised (again), or its level rose. An event only for what matters."""
        after, changed = self._worse(order, alarm.level)
        causes = _with(order.causes, cause(alarm))
        if causes != order.causes:
            changed += ("causes",)
        count = order.count + recurred
        after = msgspec.structs.replace(
            after, count=count, last_seen=max(order.last_seen, alarm.last_seen), causes=causes,
            condition_cleared_at=None,
            updated_at=book.now,
        )  # fmt: skip
        if changed or (recurred and milestone(count)):
            self.move(
                book, after, "updated", SYSTEM, {"alarm": alarm.id}, origin, alarm=alarm, changed=changed or ("count",)
            )
        else:
            book.put_order(after)
            self._tell_later(book, after)

    def condition_gone(self, book: Book, order: WorkOrder, alarm: Alarm, origin: Origin) -> None:
        """The last raised alarm of an open order cleared, or was withdrawn."""
        after = msgspec.structs.replace(order, condition_cleared_at=alarm.cleared_at, updated_at=book.now)
        untouched = order.state in {OrderState.NEW, OrderState.ASSIGNED} and order.source == "alarm"
        if alarm.state == "withdrawn" and untouched and order.count == 1:
            self._end(book, after, Act.CANCEL, "withdrawn", alarm, origin)
        elif self.policy.auto_closes(order):
            self._end(book, after, Act.CLOSE, "cleared", alarm, origin)
        elif milestone(order.count):
            self.move(
                book,
                after,
                "updated",
                SYSTEM,
                {"alarm": alarm.id},
                origin,
                alarm=alarm,
                changed=("conditionClearedAt",),
            )
        else:
            book.put_order(after)
            self._tell_later(book, after)

    def _end(self, book: Book, order: WorkOrder, act: Act, reason: str, alarm: Alarm, origin: Origin) -> None:
        command = Command(order.no, act, SYSTEM, origin.id, reason=reason)
        after = lifecycle.decide(lifecycle.Situation(order, command, 0))
        if isinstance(after, lifecycle.Refusal):
            raise InvariantBroken(f"the desk may not {act} order {order.no} in state {order.state}: {after.key}")
        kind = lifecycle.EVENT[act]
        book.applied.ended += 1
        self.move(book, after, kind, SYSTEM, {"reason": reason}, origin, before=order, alarm=alarm, changed=("state",))

    def _tell_later(self, book: Book, order: WorkOrder) -> None:
        """A condition that comes and goes is told once it has lasted, not every time."""
        if (order.condition_cleared_at is not None) != order.told_cleared:
            due = book.now + self.policy.tell_after
            book.wait(Deadline(order.id, order.tenant, Due.TELL, due, book.now))

    def move(
        self, book: Book, after: WorkOrder, kind: str, actor: Actor, data: dict[str, Any], origin: Origin, *,
        before: WorkOrder | None = None, alarm: Alarm | None = None, changed: tuple[str, ...] = (), note: str = "",
        occurred_at: int = 0,
    ) -> WorkOrder:  # fmt: skip
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
        self, book: Book, order: WorkOrder, kind: str, actor: Actor, before: str, data: dict[str, Any], origin: Origin,
        occurred_at: int = 0,
    ) -> None:  # fmt: skip
        text = orjson.dumps({**{k: v for k, v in data.items() if v}, "origin": origin.id}).decode()
        book.changes.audits.append(
            Audit(
                order.id, order.tenant, order.version, kind, actor.id, actor.role.value, before, order.state.value,
                text, book.now, occurred_at or book.now,
            )
        )  # fmt: skip

    def _list(self, book: Book, order: WorkOrder, alarm: Alarm) -> Alarm:
        """The order lists the alarm from now on."""
        listed = msgspec.structs.replace(alarm, order=order.id)
        book.put_alarm(listed)
        book.changes.links.append(Link(order.id, order.tenant, alarm.id, book.now))
        return listed

    def _worse(self, order: WorkOrder, level: Level) -> tuple[WorkOrder, tuple[str, ...]]:
        """The highest level is kept."""
        if level <= order.level:
            return order, ()
        grade, why = priority(level)
        return msgspec.structs.replace(order, level=level, priority=grade, priority_reason=why), ("level", "priority")

    def _number(self, book: Book, tenant: str) -> str:
        day = self.policy.day(book.now)
        return f"WO-{day}-{book.number(tenant, day):05d}"


def _with(causes: tuple[str, ...], new: str) -> tuple[str, ...]:
    return causes if new in causes or len(causes) >= MAX_CAUSES else (*causes, new)
