"""Transitions and facts of the journal, folded into a book in journal order."""

from collections.abc import Sequence

import msgspec

from gateway.desk import episode_corrections, merged_alarms, order_fields, rule_notes
from gateway.desk.episodes import change_of, continued, ended, opened, released
from gateway.desk.keys import Origin, alarm_key, order_key
from gateway.desk.order_decision import waits_of
from gateway.desk.order_requests import OrderRequests
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Change, Level, Transition
from gateway.domain.record import ClockStep, Fact, ImportMark, RuleGone, RuleSet
from gateway.domain.workorder import Alarm, AlarmState, Deadline, DeadlineReason, WorkOrder

_OVER = {Change.CLEARED, Change.WITHDRAWN}


def preload(book: UnitOfWork, transitions: Sequence[Transition]) -> None:
    """Read what the transitions will touch, in bulk."""
    orders = [
        (t.tenant, order_key(t.tenant, t.thing, t.plan.order.fault))
        for t in transitions
        if t.plan.order is not None and t.live and t.change not in _OVER
    ]
    keys = [(t.tenant, alarm_key(t, t.tenant)) for t in transitions]
    keys += [(t.tenant, alarm_key(t.parent, t.tenant)) for t in transitions if t.parent]
    devices = [t.thing.device for t in transitions if t.live and not t.imported]
    book.load(keys, orders, devices)
    ending = [book.open_alarm(t.tenant, alarm_key(t, t.tenant)) for t in transitions if t.change in _OVER]
    book.load_merged(alarm.id for alarm in ending if alarm is not None)


class TransitionApplier:
    """Applies one thing at a time; every rule of DESIGN section 7 about alarms and orders is called from here."""

    def __init__(self, clerk: OrderWriter, requests: OrderRequests, tenant: str) -> None:
        self._clerk = clerk
        self._requests = requests
        self._tenant = tenant

    def transition(self, book: UnitOfWork, t: Transition) -> None:
        """One change of one alarm."""
        book.applied.fresh += 1
        if t.episode:
            episode_corrections.apply(book, self._clerk, t, _origin(t))
            return
        before = book.open_alarm(t.tenant, alarm_key(t, t.tenant))
        if t.change is Change.MERGED:
            merged_alarms.note(book, self._clerk, before, t, _origin(t))
            return
        if before is not None and before.state is AlarmState.MERGED:  # its parent's end was not heard of
            book.put_alarm(released(before, t.at, book.now))
            before = None
        if before is None and t.change in _OVER:
            book.applied.orphaned += 1
            return
        book.changes.alarm_changes.append(change_of(t, before.id if before is not None else t.id))
        if before is None:
            self._open(book, t)
        elif t.change in _OVER:
            self._end(book, before, t)
        else:
            self._continue(book, before, t)

    def _open(self, book: UnitOfWork, t: Transition) -> None:
        alarm = opened(t, book.now)
        book.put_alarm(alarm)
        book.applied.raised += 1
        if alarm.told:
            self._clerk.publisher.alarm(book, alarm, "raised", _origin(t))
        self._requests.ask(book, alarm, _origin(t), recurred=True)

    def _continue(self, book: UnitOfWork, before: Alarm, t: Transition) -> None:
        alarm = continued(before, t, book.now)
        book.put_alarm(alarm)
        recurred = t.change is Change.RAISED
        if recurred:
            book.applied.recounted += 1
        else:
            book.applied.levelled += 1
        if before.told and t.stale:  # an old packet changes nothing of what people were told
            return
        if alarm.told and (not recurred or not before.told):
            self._clerk.publisher.alarm(book, alarm, "updated" if before.told else "raised", _origin(t))
        order = book.order(alarm.order) if alarm.order else None
        if order is None:
            self._requests.ask(book, alarm, _origin(t), recurred=recurred)
        elif order.closed_at is None:
            self._in_order(book, before, alarm, order, t)
        elif alarm.level > order.level:  # somebody ended the order, and now it is worse
            self._requests.ask(book, alarm, _origin(t), recurred=recurred)
        if before.held_until and not alarm.held_until:
            book.forget(alarm.tenant, alarm.id, DeadlineReason.QUIET)

    def _in_order(self, book: UnitOfWork, before: Alarm, alarm: Alarm, order: WorkOrder, t: Transition) -> None:
        """What an open order already lists goes on."""
        recurred = t.change is Change.RAISED
        if not alarm.counts:
            return
        if alarm.held_until and not alarm.safety and t.change is not Change.LEVEL_DOWN:
            self._clerk.seen(book, order, alarm, _origin(t), recurred=recurred, quietly=True)
            book.wait(Deadline(alarm.id, alarm.tenant, DeadlineReason.QUIET, alarm.held_until, book.now))
            return
        if order.source in order_fields.PARENTS and before.level < alarm.level == Level.CRITICAL:
            self._requests.ask(book, alarm, _origin(t), recurred=recurred)  # critical never waits in a crowd
            moved = book.alarm(alarm.id)
            if moved is not None and moved.order != order.id:
                if not book.raised(order.id):
                    self._clerk.condition_gone(book, order, alarm, _origin(t))
                return
        if recurred or alarm.level > order.level or order_fields.titled(order, alarm) != order:
            self._clerk.seen(book, order, alarm, _origin(t), recurred=recurred)
        if before.muted and not alarm.muted and order.source != order_fields.STORM:
            self._clerk.publisher.notify(book, alarm, book.order(order.id), again=True)

    def _end(self, book: UnitOfWork, before: Alarm, t: Transition) -> None:
        alarm = ended(before, t, book.now)
        book.put_alarm(alarm)
        merged_alarms.release(book, alarm, t.at)
        if alarm.state is AlarmState.WITHDRAWN:
            book.applied.withdrawn += 1
        else:
            book.applied.cleared += 1
        book.forget(alarm.tenant, alarm.id, *waits_of(alarm))  # nothing waits for an alarm that is over
        if alarm.told:
            self._clerk.publisher.alarm(book, alarm, alarm.state.value, _origin(t))
        order = book.order(alarm.order) if alarm.order else None
        if order is None or book.raised(order.id):
            return
        if order.closed_at is None:
            self._clerk.condition_gone(book, order, alarm, _origin(t))
        else:  # a person was faster than the condition: only its end is noted
            book.put_order(msgspec.structs.replace(order, condition_cleared_at=alarm.cleared_at, updated_at=book.now))

    def fact(self, book: UnitOfWork, fact: Fact, origin: Origin) -> None:
        """What the desk must know of the journal's facts: imports, and rules that are gone or changed."""
        match fact:
            case ImportMark(done=False):
                book.wait(Deadline(f"import:{fact.id}", self._tenant, DeadlineReason.IMPORTING, None, book.now))
            case ImportMark(done=True):
                self._imported(book, f"import:{fact.id}")
            case ClockStep(goes_back=True):
                book.unit.step_back(fact.frm, fact.to)
                book.applied.clock_steps += 1
            case RuleGone() | RuleSet():
                rule_notes.of_rule(book, self._clerk, self._tenant, fact, origin)
            case _:
                pass

    def _imported(self, book: UnitOfWork, subject: str) -> None:
        """An import is done. If it was the last that ran, the held orders are due now, and stay so over a crash."""
        book.forget(self._tenant, subject, DeadlineReason.IMPORTING)
        if not book.waits(self._tenant, DeadlineReason.IMPORTING):
            book.release(self._tenant, DeadlineReason.IMPORT)


def _origin(t: Transition) -> Origin:
    return Origin(t.id, t.decided)
