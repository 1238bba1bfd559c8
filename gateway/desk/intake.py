"""Transitions and facts of the journal, folded into a book in journal order."""

from collections.abc import Sequence

from gateway.desk.book import Book
from gateway.desk.clerk import Clerk, key_of
from gateway.desk.episodes import continued, ended, opened
from gateway.desk.keys import Origin, alarm_key, order_key
from gateway.domain.alarm import Change, Transition
from gateway.domain.record import Fact, ImportMark, RuleGone
from gateway.domain.text import say
from gateway.domain.workorder import SYSTEM, Alarm, AlarmState, Deadline, Due, WorkOrder

_OVER = {Change.CLEARED, Change.WITHDRAWN}


def preload(book: Book, transitions: Sequence[Transition]) -> None:
    """Read what the transitions will touch, in bulk."""
    orders = [
        (t.tenant, order_key(t.tenant, t.thing, t.plan.order.fault))
        for t in transitions
        if t.plan.order is not None and t.live and t.change not in _OVER
    ]
    devices = [t.thing.device for t in transitions if t.live and not t.imported]
    book.load(((t.tenant, alarm_key(t)) for t in transitions), orders, devices)


class Intake:
    """Applies one thing at a time; every rule of DESIGN section 7 about alarms and orders is called from here."""

    def __init__(self, clerk: Clerk, tenant: str) -> None:
        self._clerk = clerk
        self._tenant = tenant

    def transition(self, book: Book, t: Transition) -> None:
        """One change of one alarm."""
        before = book.open_alarm(t.tenant, alarm_key(t))
        book.applied.fresh += 1
        if t.change in _OVER:
            self._end(book, before, t)
        elif before is None:
            self._open(book, t)
        else:
            self._continue(book, before, t)

    def _open(self, book: Book, t: Transition) -> None:
        alarm = opened(t, book.now)
        book.put_alarm(alarm)
        book.applied.raised += 1
        if alarm.live and not alarm.imported:
            self._clerk.publisher.alarm(book, alarm, "raised", _origin(t))
        self._clerk.ask(book, alarm, _origin(t))

    def _continue(self, book: Book, before: Alarm, t: Transition) -> None:
        alarm = continued(before, t, book.now)
        book.put_alarm(alarm)
        recurred = t.change is Change.RAISED
        if recurred:
            book.applied.recounted += 1
        else:
            book.applied.levelled += 1
        told = before.live and alarm.live and not alarm.imported
        if told and not recurred:
            self._clerk.publisher.alarm(book, alarm, "updated", _origin(t))
        elif alarm.live and not before.live and not alarm.imported:
            self._clerk.publisher.alarm(book, alarm, "raised", _origin(t))
        order = book.order(alarm.order) if alarm.order else None
        if order is None:
            self._clerk.ask(book, alarm, _origin(t))
        elif order.closed_at is None:
            if recurred or alarm.level > order.level:
                self._clerk.seen(book, order, alarm, _origin(t), recurred)
        elif alarm.level > order.level:  # somebody ended the order, and now it is worse
            self._clerk.ask(book, alarm, _origin(t))

    def _end(self, book: Book, before: Alarm | None, t: Transition) -> None:
        if before is None:
            book.applied.orphaned += 1
            return
        alarm = ended(before, t, book.now)
        book.put_alarm(alarm)
        if alarm.state is AlarmState.WITHDRAWN:
            book.applied.withdrawn += 1
        else:
            book.applied.cleared += 1
        self._forget(book, alarm)
        if alarm.live and not alarm.imported:
            self._clerk.publisher.alarm(book, alarm, alarm.state.value, _origin(t))
        order = book.order(alarm.order) if alarm.order else None
        if order is not None and order.closed_at is None and not book.raised(order.id):
            self._clerk.condition_gone(book, order, alarm, _origin(t))

    def _forget(self, book: Book, alarm: Alarm) -> None:
        """Nothing waits for an alarm that is over."""
        plan = alarm.plan
        if alarm.imported or (plan.order is not None and plan.order.after):
            book.forget(alarm.tenant, alarm.id, Due.AFTER, Due.IMPORT)
        if plan.notice is not None and plan.notice.remind:
            book.forget(alarm.tenant, alarm.id, Due.REMIND)

    def fact(self, book: Book, fact: Fact, origin: Origin) -> None:
        """What the desk must know of the journal's facts: imports, and rules that are gone."""
        match fact:
            case ImportMark(done=False):
                book.wait(Deadline(f"import:{fact.id}", self._tenant, Due.IMPORTING, None, book.now))
            case ImportMark(done=True):
                self._imported(book, f"import:{fact.id}")
            case RuleGone():
                orders = self._fresh(book, book.unit.orders_of_rule(self._tenant, fact.id))
                note = say("desk.rule_gone", "en", rule=fact.id)
                for order in orders:
                    data = {"rule": fact.id, "actor": fact.actor}
                    self._clerk.move(book, order, "comment_added", SYSTEM, data, origin, note=note)
            case _:
                pass

    def _fresh(self, book: Book, orders: Sequence[WorkOrder]) -> list[WorkOrder]:
        book.load_orders(orders)
        kept = [book.order(order.id) for order in orders]
        return [order for order in kept if order is not None and order.closed_at is None]

    def _imported(self, book: Book, subject: str) -> None:
        """An import is done. If it was the last that ran, the held orders are due now, and stay so over a crash."""
        book.forget(self._tenant, subject, Due.IMPORTING)
        if not book.waits(self._tenant, Due.IMPORTING):
            book.release(self._tenant, Due.IMPORT)

    def judge(self, book: Book, held: Sequence[tuple[Deadline, frozenset[Due]]]) -> None:
        """The wait of these alarms is over: make their orders if they are still raised and have none."""
        book.load_alarms([deadline.subject for deadline, _ in held])
        alarms = [alarm for deadline, _ in held if (alarm := book.alarm(deadline.subject)) is not None]
        keys = [(a.tenant, key_of(a, a.plan.order)) for a in alarms if a.plan.order is not None]
        book.load((), keys, [alarm.device for alarm in alarms])
        for deadline, waived in held:
            book.forget(deadline.tenant, deadline.subject, deadline.reason)
            alarm = book.alarm(deadline.subject)
            if alarm is None or alarm.cleared_at is not None or alarm.order:
                continue
            self._clerk.ask(
                book, alarm, Origin(f"{alarm.id}-{deadline.reason.value}", deadline.due_at or book.now), waived
            )


def _origin(t: Transition) -> Origin:
    return Origin(t.id, t.decided)
