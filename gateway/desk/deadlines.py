"""Due deadlines: each row is removed and its alarm or order decided again with the present state."""

from collections.abc import Sequence

from gateway.desk.closing import close_unopposed
from gateway.desk.commands import Commands
from gateway.desk.keys import Origin
from gateway.desk.order_requests import OrderRequests
from gateway.desk.order_writer import OrderWriter
from gateway.desk.storms_and_batches import StormsAndBatches
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.text import localize
from gateway.domain.workorder import SYSTEM, Deadline, DeadlineReason, OrderState

_POSTPONED = (
    DeadlineReason.AFTER,
    DeadlineReason.IMPORT,
    DeadlineReason.QUIET,
    DeadlineReason.COOLDOWN,
    DeadlineReason.BATCH,
)
_REASONS_OVER = {
    reason: frozenset({reason, DeadlineReason.IMPORT}) for reason in _POSTPONED
}  # history waits first, and only once
_OF_ALARMS = {DeadlineReason.REMIND, DeadlineReason.DIGEST}


class DeskDeadlines:
    """Decides nothing about time but "now"; a late tick fires each row once, in order."""

    def __init__(
        self, writer: OrderWriter, requests: OrderRequests, parents: StormsAndBatches, commands: Commands
    ) -> None:
        self._writer = writer
        self._requests = requests
        self._parents = parents
        self._commands = commands

    def fire(self, work: UnitOfWork, limit: int, reasons: Sequence[DeadlineReason] = tuple(DeadlineReason)) -> int:
        """Fire up to `limit` due deadlines; returns how many there were."""
        due = work.transaction.due(work.now, limit, reasons)
        self._requests.reconsider(
            work, [(deadline, _REASONS_OVER[deadline.reason]) for deadline in due if deadline.reason in _REASONS_OVER]
        )
        others = [deadline for deadline in due if deadline.reason not in _REASONS_OVER]
        work.load_orders(work.transaction.orders([d.subject for d in others if d.reason not in _OF_ALARMS]))
        named = [order.alarm for d in others if d.reason is DeadlineReason.SLA and (order := work.order(d.subject))]
        work.load_alarms([d.subject for d in others if d.reason in _OF_ALARMS] + [alarm for alarm in named if alarm])
        self._parents.send_digests(work, [d for d in others if d.reason is DeadlineReason.DIGEST])
        for deadline in others:
            work.drop_deadlines(deadline.tenant, deadline.subject, deadline.reason)
            at = deadline.due_at or work.now
            origin = Origin(f"{deadline.subject}-{deadline.reason.value}-{at}", at)
            match deadline.reason:
                case DeadlineReason.RECHECK:
                    self._recheck(work, deadline, origin)
                case DeadlineReason.CONDITION_CHANGE:
                    self._report_condition(work, deadline, origin)
                case DeadlineReason.SLA if order := work.order(deadline.subject):
                    self._writer.sla.due(work, order, self._writer.save_version)
                case DeadlineReason.CLOSE if order := work.order(deadline.subject):
                    close_unopposed(work, self._writer.policy, order, self._commands.order)
                case DeadlineReason.REMIND:
                    self._remind(work, deadline)
                case _:
                    pass
        return len(due)

    def _recheck(self, work: UnitOfWork, deadline: Deadline, origin: Origin) -> None:
        """Closed under a raised alarm, and it is still raised: open again."""
        order = work.order(deadline.subject)
        if order is None or order.state is not OrderState.CLOSED or not work.raised(order.id):
            return
        work.load((), [(order.tenant, order.key)], ())
        if work.open_order(order.tenant, order.key) is None:
            first = work.alarm(order.alarm)
            last_seen = max(order.last_seen, first.last_seen) if first else order.last_seen
            why = localize("desk.still_raised", self._writer.policy.language)
            self._writer.reopen(work, order, SYSTEM, why, origin, last_seen=last_seen)

    def _report_condition(self, work: UnitOfWork, deadline: Deadline, origin: Origin) -> None:
        """Publish one event when the condition has changed and stayed so for `tell_after`."""
        order = work.order(deadline.subject)
        if order is None or order.closed_at is not None:
            return
        if (order.condition_cleared_at is not None) != order.told_cleared:
            self._writer.save_version(
                work, order, "updated", SYSTEM, {}, origin, changed=("conditionClearedAt", "count")
            )

    def _remind(self, work: UnitOfWork, deadline: Deadline) -> None:
        """Reminders stop when the alarm clears or its order ends."""
        alarm = work.alarm(deadline.subject)
        if alarm is None or alarm.cleared_at is not None:
            return
        order = work.order(alarm.order) if alarm.order else None
        if order is None or order.closed_at is None:
            self._writer.publisher.notices.notify(work, alarm, order, deadline.n, reminder=True)
