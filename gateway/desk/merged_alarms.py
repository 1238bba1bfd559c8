"""Alarms merged into another's episode (`inhibit`): recorded, listed in the parent's order, without an order of
their own. They end with the parent; alarms that are still true then are raised separately."""

from gateway.desk.episodes import change_of, continued, merged, opened, released
from gateway.desk.keys import Origin, alarm_key
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Transition
from gateway.domain.workorder import Alarm, AlarmState


def record_merged(work: UnitOfWork, writer: OrderWriter, before: Alarm | None, t: Transition, origin: Origin) -> None:
    """A MERGED transition: the alarm belongs to `t.parent`. One that has an episode of its own keeps it."""
    if before is not None and before.state is not AlarmState.MERGED:
        work.applied.orphaned += 1
        return
    parent = work.open_alarm(t.tenant, alarm_key(t.parent, t.tenant)) if t.parent else None
    if parent is not None:
        work.load_merged([parent.id])
    alarm = merged(continued(before, t, work.now) if before else opened(t, work.now), parent, work.now)
    work.put_alarm(alarm)
    work.changes.alarm_changes.append(change_of(t, alarm.id))
    work.applied.merged += 1
    if parent is None or not alarm.counts or not parent.counts:
        return
    if alarm.reportable:
        writer.publisher.alarm(work, alarm, "merged", origin)
    order = work.order(parent.order) if parent.order else None
    if order is None:
        return  # it is listed when the parent gets its order
    listed = writer.list_alarm(work, order, alarm)
    if order.closed_at is None:
        writer.count_recurrence(
            work, order, listed, origin, recurred=True, count_only=bool(alarm.held_until and not alarm.safety)
        )


def release(work: UnitOfWork, parent: Alarm, at: int) -> None:
    """The parent's episode ended at `at` µs, and with it everything that was part of it."""
    for child in work.merged(parent.id):
        work.put_alarm(released(child, at, work.now))
        release(work, child, at)
