"""Commands of people and OA systems on orders and alarms. Idempotent by command id; refusals are CommandErrors."""

import msgspec

from gateway.desk import lifecycle
from gateway.desk.executed_commands import ExecutedCommands, refused
from gateway.desk.keys import Origin, digest, order_key
from gateway.desk.merging import merge
from gateway.desk.order_facts import facts_of
from gateway.desk.order_writer import OrderWriter
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Thing
from gateway.domain.errors import Conflict, InvariantBroken
from gateway.domain.record import Closed, CycleDone, Unlatch
from gateway.domain.text import TextKey
from gateway.domain.workorder import (
    Act,
    Actor,
    Alarm,
    AlarmState,
    Command,
    Deadline,
    DeadlineReason,
    ExecutedCommand,
    FaultReport,
    OrderState,
    Role,
    WorkOrder,
)

_UNLATCH = frozenset({Role.OPERATOR, Role.ENGINEER, Role.SUPERVISOR, Role.ADMIN, Role.INTEGRATOR})


class Commands:
    """Each method works in one unit of work and returns the changed row."""

    def __init__(self, writer: OrderWriter, tenant: str) -> None:
        self._writer = writer
        self._tenant = tenant
        self._executed = ExecutedCommands(tenant)

    def content(self, command: Command) -> str:
        """Digest of what a command does: the same id with another one is no repeat."""
        return _content(command)

    def order(self, work: UnitOfWork, command: Command) -> WorkOrder:
        """One act on one order."""
        found = work.transaction.order_numbered(self._tenant, command.order)
        if found is None:
            raise refused(404, "unknown_order", no=command.order)
        if self._executed.repeated(work, command.command_id, _content(command)):
            return found
        work.load_orders([found])
        found = work.order(found.id) or found  # as changed in this transaction
        if command.expected_version is not None and command.expected_version != found.version:
            numbers = {"version": found.version, "expected": command.expected_version}
            raise lifecycle.conflict(found, command.actor, "stale", numbers)
        if command.reading is not None and command.act not in _COMPLETES:
            raise refused(422, "reading", act=lifecycle.act_text(command.act))
        raised = work.raised(found.id)
        facts = facts_of(work, found, command.act)
        context = lifecycle.MoveContext(found, command, len(raised), work.now, self._writer.policy, facts)
        after = lifecycle.decide(context)
        if isinstance(after, lifecycle.Refusal):
            raise lifecycle.refuse(after, found, command.actor)
        if command.act is Act.RESOLVE or command.reading is not None:
            self._completed(work, found, command)
        if command.act is Act.MERGE:
            merge(work, self._writer, found, command)
        if after.state.ended and not found.state.ended:
            self._consequences_of_end(work, after, command, bool(raised))
        elif command.act is Act.REOPEN and found.closed_at is not None:
            after = self._reopenable(work, found, after, raised, command.actor)
        data = {k: v for k, v in msgspec.structs.asdict(command).items() if k in _RECORDED_FIELDS and v}
        data |= {} if command.reading is None else {"reading": command.reading}
        after = self._writer.save_version(
            work,
            after,
            lifecycle.EVENT[command.act],
            command.actor,
            data,
            Origin(f"command-{command.command_id}", work.now),
            before=found,
            changed=_changed(found, after),
            note=command.note or command.reason,
            occurred_at=command.occurred_at,
        )
        self._executed.record(work, command.command_id, _content(command), after.id)
        return after

    def _consequences_of_end(self, work: UnitOfWork, after: WorkOrder, command: Command, raised: bool) -> None:
        """Queue a fact for the rules; set the deadline at which an order closed under a raised alarm is checked."""
        work.drop_deadlines(after.tenant, after.id, DeadlineReason.CONDITION_CHANGE)
        work.applied.ended += 1
        if after.state is not OrderState.CLOSED:
            return
        things = {
            (alarm.rule, alarm.device, alarm.component, alarm.group, alarm.identity): None
            for alarm in work.transaction.listed_in(after.id)
            if alarm.live
        }
        for rule, device, component, group, identity in things:
            fact = Closed(rule, device, component, after.no, command.actor.id, group, identity)
            work.changes.facts.append((self._tenant, fact))
        if raised:
            due = work.now + self._writer.policy.recheck_after
            work.set_deadline(Deadline(after.id, after.tenant, DeadlineReason.RECHECK, due, work.now))

    def _completed(self, work: UnitOfWork, order: WorkOrder, command: Command) -> None:
        """Queue CycleDone facts for work that was done (a resolve, or a close with a counter): plans count from it."""
        done = command.occurred_at if command.act is Act.RESOLVE else order.resolved_at
        at = min(done or work.now, work.now)
        alarms = work.transaction.listed_in(order.id)
        things = {(alarm.rule, alarm.device, alarm.component): None for alarm in alarms if alarm.live and alarm.device}
        for rule, device, component in things:
            fact = CycleDone(rule, device, component, command.reading, command.actor.id, at, order.no)
            work.changes.facts.append((self._tenant, fact))

    def _reopenable(
        self, work: UnitOfWork, found: WorkOrder, after: WorkOrder, raised: set[str], actor: Actor
    ) -> WorkOrder:
        work.load((), [(found.tenant, found.key)], ())
        other = work.open_order(found.tenant, found.key)
        if other is not None:
            raise lifecycle.conflict(found, actor, "other_open", {"other": other.no}, Act.REOPEN)
        work.drop_deadlines(found.tenant, found.id, DeadlineReason.RECHECK)
        work.applied.reopened += 1
        return msgspec.structs.replace(after, condition_cleared_at=None) if raised else after

    def report(self, work: UnitOfWork, report: FaultReport) -> WorkOrder:
        """A fault reported by a person: joins the open order of its key, or makes one."""
        content = digest("report", report.device, report.component, report.group, report.fault, report.note)
        done = self._executed.repeated(work, report.command_id, content)
        if done:
            return self._order_of(work, done)
        if not report.group and work.place(report.device) is None:
            raise refused(404, "unknown_device", device=report.device)
        key = order_key(self._tenant, Thing(report.device, report.component, report.group), report.fault)
        work.load((), [(self._tenant, key)], ())
        order = self._writer.report(work, report, self._tenant, key, Origin(f"command-{report.command_id}", work.now))
        self._executed.record(work, report.command_id, content, order.id)
        return order

    def unlatch(self, work: UnitOfWork, alarm: str, actor: Actor, command_id: str) -> Alarm:
        """Let a latched alarm (`auto_clear: false`) clear: a fact for the rules, a line in the order's audit."""
        work.load_alarms([alarm])
        found = work.alarm(alarm)
        if found is None or found.tenant != self._tenant:
            raise refused(404, "unknown_alarm", alarm=alarm)
        content = digest("unlatch", alarm)
        if self._executed.repeated(work, command_id, content):
            return found
        if actor.role not in _UNLATCH:
            raise refused(403, "not_allowed", role=actor.role.value, act=TextKey("desk.act.unlatch"), no=alarm)
        if found.state is not AlarmState.RAISED:
            raise Conflict("not_raised", ("read_alarm",), key="desk.not_raised", fields={"alarm": alarm})
        fact = Unlatch(found.rule, found.device, found.component, actor.id, found.group, found.identity)
        work.changes.facts.append((self._tenant, fact))
        order = work.order(found.order) if found.order else None
        if order is not None:
            data = {"alarm": found.id, "rule": found.rule}
            self._writer.save_version(
                work, order, "alarm_unlatched", actor, data, Origin(f"command-{command_id}", work.now), alarm=found
            )
        self._executed.record(work, command_id, content, found.order)
        return found

    def _order_of(self, work: UnitOfWork, done: ExecutedCommand) -> WorkOrder:
        rows = work.transaction.orders([done.order])
        if not rows:
            raise InvariantBroken(f"command {done.id} made order {done.order}, which is gone")
        return rows[0]


_COMPLETES = frozenset({Act.RESOLVE, Act.CLOSE})
_RECORDED_FIELDS = ("assignee", "reason", "fault", "cause", "remedy", "note", "urgency", "into")


def _content(command: Command) -> str:
    texts = [getattr(command, name) for name in _RECORDED_FIELDS if name not in {"urgency", "into"}]
    # what was digested without one stays a repeat
    later = (command.reading, command.urgency or None, command.into or None)
    given = [one for one in later if one is not None]
    return digest("command", command.order, command.act.value, *texts, *given)


def _changed(before: WorkOrder, after: WorkOrder) -> tuple[str, ...]:
    names = (
        ("state", "state"),
        ("assignee", "assignee"),
        ("hold_reason", "holdReason"),
        ("fault_found", "resolution"),
        ("urgency", "urgency"),
        ("merged_into", "mergedInto"),
    )
    return tuple(word for name, word in names if getattr(before, name) != getattr(after, name))
