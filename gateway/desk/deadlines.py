"""What is due: every deadline row is judged again with what is true now, then it is gone."""

from collections.abc import Sequence

from gateway.desk.keys import Origin
from gateway.desk.order_requests import OrderRequests
from gateway.desk.order_writer import OrderWriter
from gateway.desk.storms_and_batches import StormsAndBatches
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.text import say
from gateway.domain.workorder import SYSTEM, Deadline, DeadlineReason, OrderState

_HELD = (
    DeadlineReason.AFTER,
    DeadlineReason.IMPORT,
    DeadlineReason.QUIET,
    DeadlineReason.COOLDOWN,
    DeadlineReason.BATCH,
)
_WAIVED = {reason: frozenset({reason, DeadlineReason.IMPORT}) for reason in _HELD}  # history waits first, and only once
_OF_ALARMS = {DeadlineReason.REMIND, DeadlineReason.DIGEST}


class DeskDeadlines:
    """Decides nothing about time but "now"; a late tick fires each row once, in order."""

    def __init__(self, clerk: OrderWriter, requests: OrderRequests, parents: StormsAndBatches) -> None:
        self._clerk = clerk
        self._requests = requests
        self._parents = parents

    def fire(self, book: UnitOfWork, limit: int, reasons: Sequence[DeadlineReason] = tuple(DeadlineReason)) -> int:
        """Fire up to `limit` due deadlines; returns how many there were."""
        due = book.unit.due(book.now, limit, reasons)
        self._requests.judge(
            book, [(deadline, _WAIVED[deadline.reason]) for deadline in due if deadline.reason in _WAIVED]
        )
        others = [deadline for deadline in due if deadline.reason not in _WAIVED]
        book.load_orders(book.unit.orders([d.subject for d in others if d.reason not in _OF_ALARMS]))
        book.load_alarms([d.subject for d in others if d.reason in _OF_ALARMS])
        self._parents.tell(book, [d for d in others if d.reason is DeadlineReason.DIGEST])
        for deadline in others:
            book.forget(deadline.tenant, deadline.subject, deadline.reason)
            at = deadline.due_at or book.now
            origin = Origin(f"{deadline.subject}-{deadline.reason.value}-{at}", at)
            match deadline.reason:
                case DeadlineReason.RECHECK:
                    self._recheck(book, deadline, origin)
                case DeadlineReason.TELL:
                    self._tell(book, deadline, origin)
                case DeadlineReason.REMIND:
                    self._remind(book, deadline)
                case _:
                    pass
        return len(due)

    def _recheck(self, book: UnitOfWork, deadline: Deadline, origin: Origin) -> None:
        """Closed under a raised alarm, and it is still raised: open again."""
        order = book.order(deadline.subject)
        if order is None or order.state is not OrderState.CLOSED or not book.raised(order.id):
            return
        book.load((), [(order.tenant, order.key)], ())
        if book.open_order(order.tenant, order.key) is None:
            first = book.alarm(order.alarm)
            last_seen = max(order.last_seen, first.last_seen) if first else order.last_seen
            why = say("desk.still_raised", self._clerk.policy.language)
            self._clerk.reopen(book, order, SYSTEM, why, origin, last_seen=last_seen)

    def _tell(self, book: UnitOfWork, deadline: Deadline, origin: Origin) -> None:
        """The condition came or went a while ago and has stayed so: say it once."""
        order = book.order(deadline.subject)
        if order is None or order.closed_at is not None:
            return
        if (order.condition_cleared_at is not None) != order.told_cleared:
            self._clerk.move(book, order, "updated", SYSTEM, {}, origin, changed=("conditionClearedAt", "count"))

    def _remind(self, book: UnitOfWork, deadline: Deadline) -> None:
        """Reminders stop when the alarm clears or its order ends."""
        alarm = book.alarm(deadline.subject)
        if alarm is None or alarm.cleared_at is not None:
            return
        order = book.order(alarm.order) if alarm.order else None
        if order is None or order.closed_at is None:
            self._clerk.publisher.notify(book, alarm, order, deadline.n, reminder=True)
