"""Past episodes that a second look found, ended otherwise, or took back (`Transition.episode`).

They are records: whatever the alarm is now stays as it is, and no order comes of them. An order that waits untouched
for nothing else than an episode that never was is cancelled.
"""

import msgspec

from gateway.desk.episodes import change_of, continued, ended, opened
from gateway.desk.keys import Origin, alarm_key
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Change, Transition
from gateway.domain.workorder import Alarm, AlarmState


def apply(book: UnitOfWork, clerk: OrderWriter, t: Transition, origin: Origin) -> None:
    """One change of one past episode."""
    if t.change is Change.RAISED:
        alarm = msgspec.structs.replace(opened(t, book.now), state=AlarmState.CLEARED, cleared_at=t.at)
        book.put_alarm(alarm)
        book.changes.alarm_changes.append(change_of(t, alarm.id))
        book.applied.raised += 1
        return
    before = book.past_alarm(t.tenant, alarm_key(t, t.tenant), t.episode)
    if before is None:
        book.applied.orphaned += 1
        return
    book.changes.alarm_changes.append(change_of(t, before.id))
    if t.change is Change.CLEARED:
        _ends(book, before, t)
    elif t.change is Change.WITHDRAWN:
        _never_was(book, clerk, before, t, origin)
    else:
        book.put_alarm(continued(before, t, book.now))


def _ends(book: UnitOfWork, before: Alarm, t: Transition) -> None:
    """Its end was another one; so was that of the condition of its order, if it was the last to end."""
    book.put_alarm(ended(before, t, book.now))
    book.applied.cleared += 1
    order = book.order(before.order) if before.order else None
    if order is not None and order.condition_cleared_at == before.cleared_at:
        book.put_order(msgspec.structs.replace(order, condition_cleared_at=t.at, updated_at=book.now))


def _never_was(book: UnitOfWork, clerk: OrderWriter, before: Alarm, t: Transition, origin: Origin) -> None:
    alarm = ended(before, t, book.now)
    book.put_alarm(alarm)
    book.applied.withdrawn += 1
    if alarm.told:
        clerk.publisher.alarm(book, alarm, alarm.state.value, origin)
    order = book.order(alarm.order) if alarm.order else None
    if order is not None and order.closed_at is None and not book.raised(order.id):
        clerk.condition_gone(book, order, alarm, origin)
