"""Carries out the decisions of `order_decision` about alarms that are in no open order."""

from collections.abc import Sequence

import msgspec

from gateway.desk.keys import Origin, order_key
from gateway.desk.merging import merged_into
from gateway.desk.order_decision import Decision, OrderContext, Verdict, deadline_reasons, decide
from gateway.desk.order_writer import OrderWriter
from gateway.desk.storms_and_batches import StormsAndBatches
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import OrderPlan, Thing
from gateway.domain.text import localize
from gateway.domain.workorder import Alarm, Deadline, DeadlineReason, WorkOrder


def key_of(alarm: Alarm, plan: OrderPlan) -> str:
    """The order key of an alarm."""
    return order_key(alarm.tenant, Thing(alarm.device, alarm.component, alarm.group), plan.fault)


class OrderRequests:
    """Orders, notices and deadlines for alarms without an open order."""

    def __init__(self, writer: OrderWriter, parents: StormsAndBatches) -> None:
        self._writer = writer
        self._parents = parents
        self._language = writer.policy.language

    def request_order(self, work: UnitOfWork, alarm: Alarm, origin: Origin, *, recurred: bool) -> None:
        """Decide about a raised alarm in no open order and carry it out. `recurred`: it was raised just now."""
        decision, open_, last = self._decide(work, alarm, frozenset())
        self._carry_out(work, alarm, origin, decision, open_, last, recurred=recurred)

    def reconsider(self, work: UnitOfWork, waiting: Sequence[tuple[Deadline, frozenset[DeadlineReason]]]) -> None:
        """The deadlines of these alarms are due: decide again about those that are still raised."""
        work.load_alarms([deadline.subject for deadline, _ in waiting])
        alarms = [alarm for deadline, _ in waiting if (alarm := work.alarm(deadline.subject)) is not None]
        keys = [(a.tenant, key_of(a, a.plan.order)) for a in alarms if a.plan.order is not None]
        work.load((), keys, [alarm.device for alarm in alarms])
        work.load_merged(alarm.id for alarm in alarms)
        batches: dict[str, list[Alarm]] = {}
        for deadline, waived in waiting:
            work.drop_deadlines(deadline.tenant, deadline.subject, deadline.reason)
            alarm = work.alarm(deadline.subject)
            if alarm is None or alarm.cleared_at is not None or not alarm.counts:
                continue
            origin = Origin(f"{alarm.id}-{deadline.reason.value}", deadline.due_at or work.now)
            order = work.order(alarm.order) if alarm.order else None
            if order is not None and order.closed_at is None:
                self._writer.count_recurrence(work, order, alarm, origin, recurred=False)  # what a quiet time held back
                continue
            if order is not None and alarm.level <= order.level:  # somebody ended it, knowing
                continue
            over = frozenset({DeadlineReason.QUIET}) if alarm.held_until <= work.now else frozenset()
            decision, open_, last = self._decide(work, alarm, waived | over)
            if decision.verdict is Verdict.BATCH and alarm.plan.order is not None:
                batches.setdefault(self._parents.batch_of(work, alarm, alarm.plan.order)[0], []).append(alarm)
            else:
                self._carry_out(work, alarm, origin, decision, open_, last, recurred=False)
        for key, members in batches.items():
            plan = members[0].plan.order
            if plan is not None:
                origin = Origin(f"{key}-{members[0].id}-batch", work.now)
                why = localize("desk.why_batch", self._language)
                listed = self._parents.batch(work, members, plan, origin, why)
                self._drop_order_deadlines(work, listed)

    def _decide(
        self, work: UnitOfWork, alarm: Alarm, waived: frozenset[DeadlineReason]
    ) -> tuple[Decision, WorkOrder | None, WorkOrder | None]:
        plan = alarm.plan.order
        open_, last = work.orders_of_key(alarm.tenant, key_of(alarm, plan)) if plan and alarm.counts else (None, None)
        open_ = open_ or merged_into(work, last)
        batch_at = self._parents.batch_at(plan, work.now)
        return decide(OrderContext(alarm, work.now, open_, last, waived, batch_at, self._language)), open_, last

    def _carry_out(
        self,
        work: UnitOfWork,
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
            case Verdict.POSTPONE:
                self._postpone(work, alarm, decision, last, recurred=recurred)
                return
            case Verdict.NOTIFY:
                self._writer.publisher.notices.notify(work, alarm, None, again=not recurred)
            case Verdict.DIGEST:
                self._parents.digest(work, alarm, None)
            case Verdict.JOIN if open_ is not None:
                (listed,) = self._writer.join(work, open_, [alarm], origin)
                self._writer.publisher.notices.notify(work, listed, work.order(open_.id))
                work.applied.joined += 1
            case Verdict.REOPEN if last is not None:
                self._writer.reopen_for(work, last, alarm, origin, decision.why)
            case Verdict.STORM if plan is not None:
                self._parents.storm(work, alarm, plan, origin, decision.why)
            case Verdict.CREATE if plan is not None:
                order = self._writer.new_order(work, alarm, plan, key_of(alarm, plan), last, origin)
                (listed,) = self._writer.open(work, order, [alarm], origin, decision.why)
                self._writer.publisher.notices.notify(work, listed, work.order(order.id))
            case _:
                return
        self._drop_order_deadlines(work, [alarm])

    def _postpone(
        self, work: UnitOfWork, alarm: Alarm, decision: Decision, last: WorkOrder | None, *, recurred: bool
    ) -> None:
        """Set the deadline; within a cooldown the alarm counts on the last order."""
        work.set_deadline(Deadline(alarm.id, alarm.tenant, decision.reason, decision.due, work.now))
        work.applied.postponed += 1
        if decision.reason is DeadlineReason.COOLDOWN and recurred and last is not None:
            last_seen = max(last.last_seen, alarm.last_seen)
            work.put_order(
                msgspec.structs.replace(last, count=last.count + 1, last_seen=last_seen, updated_at=work.now)
            )

    def _drop_order_deadlines(self, work: UnitOfWork, alarms: Sequence[Alarm]) -> None:
        """Drop the deadlines of alarms that are in an order or notified, except reminders."""
        for alarm in alarms:
            work.drop_deadlines(
                alarm.tenant,
                alarm.id,
                *(reason for reason in deadline_reasons(alarm) if reason is not DeadlineReason.REMIND),
            )
