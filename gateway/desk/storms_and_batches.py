"""One order for many alarms: the parent of a storm, and of a batch.

A storm is formed by the alarms that exceed one limit (of a rule, or of a site) while its parent is open. A batch is
formed by the alarms of one rule in one area, or on one route, during one period.
"""

from collections.abc import Sequence

from gateway.desk import order_fields
from gateway.desk.keys import Origin, batch_key, storm_key
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import OrderPlan
from gateway.domain.workorder import Alarm, Deadline, DeadlineReason, WorkOrder


class StormsAndBatches:
    """Carries out decisions about alarms that get no order of their own."""

    def __init__(self, writer: OrderWriter) -> None:
        self._writer = writer
        self._policy = writer.policy

    def storm(self, work: UnitOfWork, alarm: Alarm, plan: OrderPlan, origin: Origin, why: str) -> Alarm:
        """The alarm joins the parent of its storm, or begins one; its notice goes into the next digest."""
        key, site = self._storm_key(work, alarm)
        open_, last = work.orders_of_key(alarm.tenant, key)
        if open_ is None:
            new_order = self._writer.new_order(work, alarm, plan, key, last, origin)
            order = order_fields.of_storm(new_order, alarm, site, work.place_of(alarm))
            listed = self._writer.open(work, order, [alarm], origin, why)[0]
            open_ = order
        else:
            listed = self._writer.join(work, open_, [alarm], origin)[0]
        work.applied.gathered += 1
        self.digest(work, listed, open_)
        return listed

    def _storm_key(self, work: UnitOfWork, alarm: Alarm) -> tuple[str, str]:
        """The key of the alarm's storm, and the site of the alarm."""
        place = work.place_of(alarm)
        site = place.site if place else alarm.group
        return (
            self._rule_key(alarm)
            if alarm.limited == order_fields.PER_RULE
            else storm_key(alarm.tenant, alarm.limited, site)
        ), site

    def _rule_key(self, alarm: Alarm) -> str:
        return storm_key(alarm.tenant, order_fields.PER_RULE, alarm.rule)

    def digest(self, work: UnitOfWork, alarm: Alarm, parent: WorkOrder | None) -> None:
        """Wait for the next digest: the first one of a storm at once, then one per `digest_every`."""
        if alarm.plan.notice is None or alarm.muted:
            return
        every, start = self._policy.digest_every, parent.created_at if parent else 0
        due = start + max(0, -(-(work.now - start) // every)) * every
        work.set_deadline(Deadline(alarm.id, alarm.tenant, DeadlineReason.DIGEST, due, work.now))

    def send_digests(self, work: UnitOfWork, due: Sequence[Deadline]) -> None:
        """Queue the due digests: one notice to each customer, for any number of alarms in the storm."""
        work.load_alarms([deadline.subject for deadline in due])
        alone: dict[str, int] = {}
        for deadline in due:
            work.drop_deadlines(deadline.tenant, deadline.subject, DeadlineReason.DIGEST)
        waiting = [(d, alarm) for d in due if (alarm := work.alarm(d.subject)) is not None]
        for _, alarm in waiting:
            alone[alarm.rule] = alone.get(alarm.rule, 0) + 1
        done = set()
        for deadline, alarm in waiting:
            order = work.order(alarm.order) if alarm.order else None
            if (
                order is not None and order.source != order_fields.STORM
            ):  # it got an order of its own meanwhile, and a notice
                continue
            start = order.created_at if order else 0
            n = ((deadline.due_at or start) - start) // self._policy.digest_every + 1
            concerned = (alarm.order, alarm.rule, alarm.device, alarm.group, n, alarm.plan.notice)
            if concerned in done:
                continue
            done.add(concerned)
            subject, count = (order.id, order.count) if order else (self._rule_key(alarm), alone[alarm.rule])
            self._writer.publisher.notices.digest(work, alarm, order, subject, count, n)

    def batch_at(self, plan: OrderPlan | None, now: int) -> int:
        """µs: the end of the batch period that runs; 0 = the rule has no batches."""
        return self._policy.batch_end(plan.batch_every, now) if plan and plan.batch_by and plan.batch_every else 0

    def batch_of(self, work: UnitOfWork, alarm: Alarm, plan: OrderPlan) -> tuple[str, str]:
        """The key of the alarm's batch, and its area or route; a site that lacks it is a batch of its own."""
        place = work.place_of(alarm)
        of = "" if place is None else (place.area if plan.batch_by == "area" else place.route) or place.site
        return batch_key(alarm.tenant, plan.type, plan.fault, plan.batch_by, of or alarm.group), of or alarm.group

    def batch(
        self, work: UnitOfWork, alarms: Sequence[Alarm], plan: OrderPlan, origin: Origin, why: str
    ) -> list[Alarm]:
        """These alarms, of one batch, get one order; while it is open the next period adds to it."""
        first = alarms[0]
        key, of = self.batch_of(work, first, plan)
        open_, last = work.orders_of_key(first.tenant, key)
        if open_ is None:
            new_order = self._writer.new_order(work, first, plan, key, last, origin)
            order = order_fields.of_batch(new_order, first, of, work.place_of(first))
            listed = self._writer.open(work, order, alarms, origin, why)
        else:
            order, listed = open_, self._writer.join(work, open_, alarms, origin)
        work.applied.gathered += len(listed)
        kept = work.order(order.id)
        for alarm in listed:
            self._writer.publisher.notices.notify(work, alarm, kept)
        return listed
