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


def apply(work: UnitOfWork, writer: OrderWriter, t: Transition, origin: Origin) -> None:
    """One change of one past episode."""
    if t.change is Change.RAISED:
        alarm = msgspec.structs.replace(opened(t, work.now), state=AlarmState.CLEARED, cleared_at=t.at)
        work.put_alarm(alarm)
        work.changes.alarm_changes.append(change_of(t, alarm.id))
        work.applied.raised += 1
        return
    before = work.past_alarm(t.tenant, alarm_key(t, t.tenant), t.episode)
    if before is None:
        work.applied.orphaned += 1
        return
    work.changes.alarm_changes.append(change_of(t, before.id))
    if t.change is Change.CLEARED:
        _set_end(work, before, t)
    elif t.change is Change.WITHDRAWN:
        _withdraw(work, writer, before, t, origin)
    else:
        work.put_alarm(continued(before, t, work.now))


def _set_end(work: UnitOfWork, before: Alarm, t: Transition) -> None:
    """Its end was another one; so was that of the condition of its order, if it was the last to end."""
    work.put_alarm(ended(before, t, work.now))
    work.applied.cleared += 1
    order = work.order(before.order) if before.order else None
    if order is not None and order.condition_cleared_at == before.cleared_at:
        work.put_order(msgspec.structs.replace(order, condition_cleared_at=t.at, updated_at=work.now))


def _withdraw(work: UnitOfWork, writer: OrderWriter, before: Alarm, t: Transition, origin: Origin) -> None:
    alarm = ended(before, t, work.now)
    work.put_alarm(alarm)
    work.applied.withdrawn += 1
    if alarm.reportable:
        writer.publisher.alarm(work, alarm, alarm.state.value, origin)
    order = work.order(alarm.order) if alarm.order else None
    if order is not None and order.closed_at is None and not work.raised(order.id):
        writer.condition_ended(work, order, alarm, origin)
