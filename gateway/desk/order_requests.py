"""An alarm asks for an order, or for a notice: the decision is `ordering`'s, this carries it out."""

from collections.abc import Sequence

import msgspec

from gateway.desk.keys import Origin, order_key
from gateway.desk.order_decision import Decision, OrderContext, Verdict, decide, waits_of
from gateway.desk.order_writer import OrderWriter
from gateway.desk.storms_and_batches import StormsAndBatches
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import OrderPlan, Thing
from gateway.domain.text import say
from gateway.domain.workorder import Alarm, Deadline, DeadlineReason, WorkOrder


def key_of(alarm: Alarm, plan: OrderPlan) -> str:
    """The order key an alarm asks for."""
    return order_key(alarm.tenant, Thing(alarm.device, alarm.component, alarm.group), plan.fault)


class OrderRequests:
    """Everything that an alarm without an open order may ask for."""

    def __init__(self, clerk: OrderWriter, parents: StormsAndBatches) -> None:
        self._clerk = clerk
        self._parents = parents
        self._language = clerk.policy.language

    def ask(self, book: UnitOfWork, alarm: Alarm, origin: Origin, *, recurred: bool) -> None:
        """The alarm is raised and in no open order: does it get one, now or later? `recurred`: it was raised now."""
        decision, open_, last = self._decide(book, alarm, frozenset())
        self._carry_out(book, alarm, origin, decision, open_, last, recurred=recurred)

    def judge(self, book: UnitOfWork, held: Sequence[tuple[Deadline, frozenset[DeadlineReason]]]) -> None:
        """The wait of these alarms is over: judge them again, if they are still raised."""
        book.load_alarms([deadline.subject for deadline, _ in held])
        alarms = [alarm for deadline, _ in held if (alarm := book.alarm(deadline.subject)) is not None]
        keys = [(a.tenant, key_of(a, a.plan.order)) for a in alarms if a.plan.order is not None]
        book.load((), keys, [alarm.device for alarm in alarms])
        book.load_merged(alarm.id for alarm in alarms)
        batches: dict[str, list[Alarm]] = {}
        for deadline, waived in held:
            book.forget(deadline.tenant, deadline.subject, deadline.reason)
            alarm = book.alarm(deadline.subject)
            if alarm is None or alarm.cleared_at is not None or not alarm.counts:
                continue
            origin = Origin(f"{alarm.id}-{deadline.reason.value}", deadline.due_at or book.now)
            order = book.order(alarm.order) if alarm.order else None
            if order is not None and order.closed_at is None:
                self._clerk.seen(book, order, alarm, origin, recurred=False)  # what a quiet time held back
                continue
            if order is not None and alarm.level <= order.level:  # somebody ended it, knowing
                continue
            over = frozenset({DeadlineReason.QUIET}) if alarm.held_until <= book.now else frozenset()
            decision, open_, last = self._decide(book, alarm, waived | over)
            if decision.verdict is Verdict.BATCH and alarm.plan.order is not None:
                batches.setdefault(self._parents.batch_of(book, alarm, alarm.plan.order)[0], []).append(alarm)
            else:
                self._carry_out(book, alarm, origin, decision, open_, last, recurred=False)
        for key, members in batches.items():
            plan = members[0].plan.order
            if plan is not None:
                origin = Origin(f"{key}-{members[0].id}-batch", book.now)
                why = say("desk.why_batch", self._language)
                listed = self._parents.batch(book, members, plan, origin, why)
                self._settled(book, listed)

    def _decide(
        self, book: UnitOfWork, alarm: Alarm, waived: frozenset[DeadlineReason]
    ) -> tuple[Decision, WorkOrder | None, WorkOrder | None]:
        plan = alarm.plan.order
        open_, last = book.orders_of_key(alarm.tenant, key_of(alarm, plan)) if plan and alarm.counts else (None, None)
        batch_at = self._parents.batch_at(plan, book.now)
        return decide(OrderContext(alarm, book.now, open_, last, waived, batch_at, self._language)), open_, last

    def _carry_out(
        self,
        book: UnitOfWork,
        alarm: Alarm,
        origin: Origin,
        decision: Decision,
        open_: WorkOrder | None,
        last: WorkOrder | None,
        *,
        recurred: bool,
    ) -> None:
        plan = alarm.plan.order
        match decision.verdict:
            case Verdict.HOLD:
                self._hold(book, alarm, decision, last, recurred=recurred)
                return
            case Verdict.TELL:
                self._clerk.publisher.notify(book, alarm, None, again=not recurred)
            case Verdict.DIGEST:
                self._parents.digest(book, alarm, None)
            case Verdict.JOIN if open_ is not None:
                (listed,) = self._clerk.join(book, open_, [alarm], origin)
                self._clerk.publisher.notify(book, listed, book.order(open_.id))
                book.applied.joined += 1
            case Verdict.REOPEN if last is not None:
                self._clerk.reopen_for(book, last, alarm, origin, decision.why)
            case Verdict.STORM if plan is not None:
                self._parents.storm(book, alarm, plan, origin, decision.why)
            case Verdict.CREATE if plan is not None:
                order = self._clerk.draft(book, alarm, plan, key_of(alarm, plan), last, origin)
                (listed,) = self._clerk.open(book, order, [alarm], origin, decision.why)
                self._clerk.publisher.notify(book, listed, book.order(order.id))
            case _:
                return
        self._settled(book, [alarm])

    def _hold(
        self, book: UnitOfWork, alarm: Alarm, decision: Decision, last: WorkOrder | None, *, recurred: bool
    ) -> None:
        """The alarm waits; within a cooldown it counts on the last order all the same."""
        book.wait(Deadline(alarm.id, alarm.tenant, decision.reason, decision.due, book.now))
        book.applied.held += 1
        if decision.reason is DeadlineReason.COOLDOWN and recurred and last is not None:
            last_seen = max(last.last_seen, alarm.last_seen)
            book.put_order(
                msgspec.structs.replace(last, count=last.count + 1, last_seen=last_seen, updated_at=book.now)
            )

    def _settled(self, book: UnitOfWork, alarms: Sequence[Alarm]) -> None:
        """It is in an order now, or told: nothing else waits for it but reminders."""
        for alarm in alarms:
            book.forget(
                alarm.tenant, alarm.id, *(reason for reason in waits_of(alarm) if reason is not DeadlineReason.REMIND)
            )
