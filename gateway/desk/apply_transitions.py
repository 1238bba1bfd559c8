"""Applies transitions and facts to a unit of work, in journal order."""

from collections.abc import Sequence

import msgspec

from gateway.desk import episode_corrections, merged_alarms, order_fields, rule_notes
from gateway.desk.episodes import change_of, continued, ended, opened, released
from gateway.desk.keys import Origin, alarm_key, order_key
from gateway.desk.order_decision import deadline_reasons
from gateway.desk.order_requests import OrderRequests
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Change, Level, Transition
from gateway.domain.record import ClockStep, Fact, ImportMark, RuleRemoved, RuleSet
from gateway.domain.workorder import Alarm, AlarmState, Deadline, DeadlineReason, WorkOrder

_OVER = {Change.CLEARED, Change.WITHDRAWN}


def preload(work: UnitOfWork, transitions: Sequence[Transition]) -> None:
    """Read the rows that the transitions will use, in bulk."""
    orders = [
        (t.tenant, order_key(t.tenant, t.thing, t.plan.order.fault))
        for t in transitions
        if t.plan.order is not None and t.live and t.change not in _OVER
    ]
    keys = [(t.tenant, alarm_key(t, t.tenant)) for t in transitions]
    keys += [(t.tenant, alarm_key(t.parent, t.tenant)) for t in transitions if t.parent]
    devices = [t.thing.device for t in transitions if t.live and not t.imported]
    work.load(keys, orders, devices)
    ending = [work.open_alarm(t.tenant, alarm_key(t, t.tenant)) for t in transitions if t.change in _OVER]
    work.load_merged(alarm.id for alarm in ending if alarm is not None)


class TransitionApplier:
    """Applies one thing at a time; every rule of DESIGN section 7 about alarms and orders is called from here."""

    def __init__(self, writer: OrderWriter, requests: OrderRequests, tenant: str) -> None:
        self._writer = writer
        self._requests = requests
        self._tenant = tenant

    def transition(self, work: UnitOfWork, t: Transition) -> None:
        """One change of one alarm."""
        work.applied.fresh += 1
        if t.episode:
            episode_corrections.apply(work, self._writer, t, _origin(t))
            return
        before = work.open_alarm(t.tenant, alarm_key(t, t.tenant))
        if t.change is Change.MERGED:
            merged_alarms.record_merged(work, self._writer, before, t, _origin(t))
            return
        if before is not None and before.state is AlarmState.MERGED:  # the end of its parent is missing
            work.put_alarm(released(before, t.at, work.now))
            before = None
        if before is None and t.change in _OVER:
            work.applied.orphaned += 1
            return
        work.changes.alarm_changes.append(change_of(t, before.id if before is not None else t.id))
        if before is None:
            self._open(work, t)
        elif t.change in _OVER:
            self._end(work, before, t)
        else:
            self._continue(work, before, t)

    def _open(self, work: UnitOfWork, t: Transition) -> None:
        alarm = opened(t, work.now)
        work.put_alarm(alarm)
        work.applied.raised += 1
        if alarm.reportable:
            self._writer.publisher.alarm(work, alarm, "raised", _origin(t))
        self._requests.request_order(work, alarm, _origin(t), recurred=True)

    def _continue(self, work: UnitOfWork, before: Alarm, t: Transition) -> None:
        alarm = continued(before, t, work.now)
        work.put_alarm(alarm)
        recurred = t.change is Change.RAISED
        if recurred:
            work.applied.recounted += 1
        else:
            work.applied.levelled += 1
        if before.reportable and t.stale:  # an old packet is not published again
            return
        if alarm.reportable and (not recurred or not before.reportable):
            self._writer.publisher.alarm(work, alarm, "updated" if before.reportable else "raised", _origin(t))
        order = work.order(alarm.order) if alarm.order else None
        if order is None:
            self._requests.request_order(work, alarm, _origin(t), recurred=recurred)
        elif order.closed_at is None:
            self._in_order(work, before, alarm, order, t)
        elif alarm.level > order.level:  # somebody ended the order, and now it is worse
            self._requests.request_order(work, alarm, _origin(t), recurred=recurred)
        if before.held_until and not alarm.held_until:
            work.drop_deadlines(alarm.tenant, alarm.id, DeadlineReason.QUIET)

    def _in_order(self, work: UnitOfWork, before: Alarm, alarm: Alarm, order: WorkOrder, t: Transition) -> None:
        """Update the open order that lists the alarm."""
        recurred = t.change is Change.RAISED
        if not alarm.counts:
            return
        if alarm.held_until and not alarm.safety and t.change is not Change.LEVEL_DOWN:
            self._writer.count_recurrence(work, order, alarm, _origin(t), recurred=recurred, count_only=True)
            work.set_deadline(Deadline(alarm.id, alarm.tenant, DeadlineReason.QUIET, alarm.held_until, work.now))
            return
        if order.source in order_fields.PARENTS and before.level < alarm.level == Level.CRITICAL:
            self._requests.request_order(work, alarm, _origin(t), recurred=recurred)  # critical never waits in a crowd
            moved = work.alarm(alarm.id)
            if moved is not None and moved.order != order.id:
                if not work.raised(order.id):
                    self._writer.condition_ended(work, order, alarm, _origin(t))
                return
        if recurred or alarm.level > order.level or order_fields.with_title(order, alarm) != order:
            self._writer.count_recurrence(work, order, alarm, _origin(t), recurred=recurred)
        if before.muted and not alarm.muted and order.source != order_fields.STORM:
            self._writer.publisher.notices.notify(work, alarm, work.order(order.id), again=True)

    def _end(self, work: UnitOfWork, before: Alarm, t: Transition) -> None:
        alarm = ended(before, t, work.now)
        work.put_alarm(alarm)
        merged_alarms.release(work, alarm, t.at)
        if alarm.state is AlarmState.WITHDRAWN:
            work.applied.withdrawn += 1
        else:
            work.applied.cleared += 1
        work.drop_deadlines(alarm.tenant, alarm.id, *deadline_reasons(alarm))  # nothing waits for an alarm that is over
        if alarm.reportable:
            self._writer.publisher.alarm(work, alarm, alarm.state.value, _origin(t))
        order = work.order(alarm.order) if alarm.order else None
        if order is None or work.raised(order.id):
            return
        if order.closed_at is None:
            self._writer.condition_ended(work, order, alarm, _origin(t))
        else:  # a person was faster than the condition: only its end is noted
            work.put_order(msgspec.structs.replace(order, condition_cleared_at=alarm.cleared_at, updated_at=work.now))

    def fact(self, work: UnitOfWork, fact: Fact, origin: Origin) -> None:
        """Apply a fact: the marks of an import, a rule removed or changed, a step of the clock."""
        match fact:
            case ImportMark(done=False):
                work.set_deadline(Deadline(f"import:{fact.id}", self._tenant, DeadlineReason.IMPORTING, None, work.now))
            case ImportMark(done=True):
                self._imported(work, f"import:{fact.id}")
            case ClockStep(goes_back=True):
                work.transaction.step_back(fact.frm, fact.to)
                work.applied.clock_steps += 1
            case RuleRemoved() | RuleSet():
                rule_notes.note_rule_change(work, self._writer, self._tenant, fact, origin)
            case _:
                pass

    def _imported(self, work: UnitOfWork, subject: str) -> None:
        """An import is done. If it was the last that ran, the held orders are due now, and stay so over a crash."""
        work.drop_deadlines(self._tenant, subject, DeadlineReason.IMPORTING)
        if not work.has_deadline(self._tenant, DeadlineReason.IMPORTING):
            work.release(self._tenant, DeadlineReason.IMPORT)


def _origin(t: Transition) -> Origin:
    return Origin(t.id, t.decided)
