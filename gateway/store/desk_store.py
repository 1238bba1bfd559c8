"""The desk's rows inside one transaction: bulk reads by key, one bulk write (the port of gateway/desk/ports.py)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Table, Update, bindparam, delete, func, insert, select, update

from gateway.domain.attribute_mask import NO_MASK, AttributeMask
from gateway.domain.desk_changes import Changes, Position
from gateway.domain.offline_command import RefusedCommand
from gateway.domain.record import encode_body
from gateway.domain.sla import FiredMilestone, SlaClock
from gateway.domain.workorder import Alarm, Deadline, DeadlineReason, ExecutedCommand, WorkOrder
from gateway.store import audit_trail, hazard_rows, plan_rows, refused_rows, sla_rows
from gateway.store import tables as t
from gateway.store.clock_step import step_back
from gateway.store.database import Database, bulk, insert_new, upsert
from gateway.store.hazard_rows import HazardReads
from gateway.store.key_lists import among, rows_of
from gateway.store.place_rows import PlaceReads
from gateway.store.plan_rows import PlanReads
from gateway.store.row_mapping import alarm_of, alarm_row, change_row, chunks, order_of, order_row, plain_of

T = TypeVar("T")
_IN = 500  # keys per IN list
_row = msgspec.structs.asdict


class SqlDeskStore:
    """The database as the desk sees it."""

    def __init__(self, database: Database, mask: AttributeMask = NO_MASK) -> None:
        """`mask`: what names of devices must not show."""
        self._database, self._mask = database, mask

    def transact(self, work: Callable[["SqlDeskTransaction"], T]) -> T:
        """`work` in one transaction; it may run twice, the loser's changes are gone."""
        return self._database.transact(lambda connection: work(SqlDeskTransaction(connection, self._mask)))


class SqlDeskTransaction:
    """One open transaction. Times µs."""

    def __init__(self, connection: Connection, mask: AttributeMask = NO_MASK) -> None:
        self._c, self._mask = connection, mask

    @property
    def places(self) -> PlaceReads:
        """Names of devices and sites, masked for the outside."""
        return PlaceReads(self._c, self._mask)

    @property
    def hazards(self) -> HazardReads:
        """Hazards found on inspections."""
        return HazardReads(self._c)

    @property
    def plans(self) -> PlanReads:
        """Maintenance plans and the devices that they cover."""
        return PlanReads(self._c)

    def position(self, partition: int) -> Position | None:
        """The committed cursor of a partition, locked for this transaction."""
        c = t.cursor.c
        row = self._c.execute(
            select(c.seq, c.ordinal, c.epoch).where(c.partition == partition).with_for_update()
        ).one_or_none()
        return Position(*row) if row else None

    def advance(self, partition: int, position: Position) -> None:
        """Move the cursor of a partition."""
        upsert(self._c, t.cursor, [{"partition": partition, **_placeholders(position)}])

    def open_alarms(self, tenant: str, keys: Sequence[str]) -> list[Alarm]:
        """The raised episodes of these alarm keys."""
        c = t.alarm.c
        return self._many(t.alarm, alarm_of, c.key, keys, c.tenant == tenant, c.cleared_at.is_(None))

    def episodes(self, tenant: str, key: str, raised_at: int) -> list[Alarm]:
        """The episodes of an alarm key that were raised at `raised_at` µs."""
        c = t.alarm.c
        return self._many(t.alarm, alarm_of, c.key, [key], c.tenant == tenant, c.raised_at == raised_at)

    def alarms(self, ids: Sequence[str]) -> list[Alarm]:
        """Alarms by id."""
        return self._many(t.alarm, alarm_of, t.alarm.c.id, ids)

    def orders(self, ids: Sequence[str]) -> list[WorkOrder]:
        """Orders by id."""
        return self._many(t.work_order, order_of, t.work_order.c.id, ids)

    def open_orders(self, tenant: str, keys: Sequence[str]) -> list[WorkOrder]:
        """The orders of these order keys that have not ended."""
        c = t.work_order.c
        return self._many(t.work_order, order_of, c.key, keys, c.tenant == tenant, c.closed_at.is_(None))

    def last_orders(self, tenant: str, keys: Sequence[str]) -> list[WorkOrder]:
        """Of each of these order keys, the order that ended last."""
        c = t.work_order.c
        found: list[WorkOrder] = []
        inner = t.work_order.alias()
        newest = select(func.max(inner.c.closed_at)).where(inner.c.tenant == tenant, inner.c.key == c.key)
        rows = select(t.work_order).where(c.tenant == tenant, c.closed_at == newest.scalar_subquery())
        for chunk in chunks(keys, _IN):
            found.extend(order_of(row) for row in rows_of(self._c, rows, c.key, chunk))
        return found

    def order_numbered(self, tenant: str, no: str) -> WorkOrder | None:
        """The order with this number, locked."""
        c = t.work_order.c
        row = self._c.execute(
            select(t.work_order).where(c.tenant == tenant, c.no == no).with_for_update()
        ).one_or_none()
        return order_of(row) if row else None

    def children_of(self, tenant: str, no: str) -> list[WorkOrder]:
        """The orders that the order with this number handed off, oldest first."""
        c = t.work_order.c
        rows = select(t.work_order).where(c.tenant == tenant, c.parent == no, c.parent != "").with_for_update()
        return [order_of(row) for row in self._c.execute(rows.order_by(c.created_at, c.no))]

    def orders_of_rule(self, tenant: str, rule: str) -> list[WorkOrder]:
        """Open orders that list a raised or cleared alarm of `rule`."""
        o, a, x = t.work_order.c, t.alarm.c, t.wo_alarm.c
        listed = select(x.order).join(t.alarm, a.id == x.alarm).where(a.tenant == tenant, a.rule == rule)
        rows = select(t.work_order).where(o.tenant == tenant, o.closed_at.is_(None), o.id.in_(listed))
        return [order_of(row) for row in self._c.execute(rows.order_by(o.created_at, o.id))]

    def raised_of(self, orders: Sequence[str]) -> Mapping[str, list[str]]:
        """Order id -> ids of its alarms that are still raised."""
        c = t.alarm.c
        found: dict[str, list[str]] = {}
        for chunk in chunks(orders, _IN):
            rows = select(c.order, c.id).where(among(c.order, chunk), c.cleared_at.is_(None)).order_by(c.id)
            for order, alarm in self._c.execute(rows):
                found.setdefault(order, []).append(alarm)
        return found

    def listed_in(self, order: str) -> list[Alarm]:
        """Every alarm an order lists, oldest first."""
        x = t.wo_alarm.c
        rows = select(t.alarm).join(t.wo_alarm, x.alarm == t.alarm.c.id).where(x.order == order)
        return [alarm_of(row) for row in self._c.execute(rows.order_by(x.at, x.alarm))]

    def merged_under(self, parents: Sequence[str]) -> list[Alarm]:
        """Alarms that are part of the running episodes of these alarms."""
        c = t.alarm.c
        return self._many(t.alarm, alarm_of, c.parent, parents, c.cleared_at.is_(None), c.parent != "")

    def counter(self, tenant: str, day: str) -> int:
        """The last order number of a day, 0 when there is none; locked."""
        c = t.order_counter.c
        return (
            self._c.execute(
                select(c.last).where(c.tenant == tenant, c.day == day).with_for_update()
            ).scalar_one_or_none()
            or 0
        )

    def notices_sent(self, tenant: str, subjects: Sequence[str]) -> set[tuple[str, str, str, int]]:
        """(subject, recipient, template, n) of the notices these orders or alarms have."""
        c = t.notice.c
        found: set[tuple[str, str, str, int]] = set()
        for chunk in chunks(subjects, _IN):
            rows = select(c.subject, c.recipient, c.template, c.n).where(c.tenant == tenant, among(c.subject, chunk))
            found.update((row[0], row[1], row[2], row[3]) for row in self._c.execute(rows))
        return found

    def due(self, now: int, limit: int, reasons: Sequence[DeadlineReason]) -> list[Deadline]:
        """Deadlines of all tenants that have passed, earliest first."""
        c = t.deadline.c
        rows = select(t.deadline).where(c.due_at <= now, c.reason.in_(reasons)).limit(limit)
        rows = rows.order_by(c.due_at, c.subject, c.reason).with_for_update(skip_locked=True)
        return [plain_of(Deadline, t.deadline, row) for row in self._c.execute(rows)]

    def waiting(self, tenant: str, reason: DeadlineReason) -> list[Deadline]:
        """Deadlines of one reason, oldest first."""
        c = t.deadline.c
        rows = select(t.deadline).where(c.tenant == tenant, c.reason == reason).order_by(c.created_at, c.subject)
        return [plain_of(Deadline, t.deadline, row) for row in self._c.execute(rows)]

    def release(self, tenant: str, reason: DeadlineReason, now: int) -> None:
        """Deadlines of this reason that have no time become due now."""
        c = t.deadline.c
        waiting = (c.tenant == tenant, c.reason == reason, c.due_at.is_(None))
        self._c.execute(update(t.deadline).where(*waiting).values(due_at=now))

    def step_back(self, frm: int, to: int) -> None:
        """The clock was set back: deadlines that are due later than they would be without the step are moved
        forward."""
        step_back(self._c, frm, to)

    def clocks(self, orders: Sequence[str]) -> list[SlaClock]:
        """The clocks of these orders."""
        return sla_rows.clocks(self._c, orders)

    def fired_milestones(self, orders: Sequence[str]) -> list[FiredMilestone]:
        """The milestones of these orders that were reached."""
        return sla_rows.fired_milestones(self._c, orders)

    def recountable(self, revisions: Sequence[str], limit: int) -> list[str]:
        """Orders with a clock that is not over and was counted by another revision than these."""
        return sla_rows.recountable(self._c, revisions, limit)

    def command(self, tenant: str, command: str) -> ExecutedCommand | None:
        """The command of this id, when it was carried out before."""
        c = t.command.c
        row = self._c.execute(select(t.command).where(c.tenant == tenant, c.id == command)).one_or_none()
        return plain_of(ExecutedCommand, t.command, row) if row else None

    def refused_command(self, tenant: str, command: str) -> RefusedCommand | None:
        """The refusal of the command of this id, when it was refused before."""
        return refused_rows.read(self._c, tenant, command)

    def write(self, changes: Changes, now: int) -> None:
        """Write all changes, in an order that never breaks a unique key on the way."""
        ended = sorted(changes.orders_changed, key=lambda order: order.closed_at is None)
        self._change(t.alarm, [alarm_row(alarm) for alarm in changes.alarms_changed])
        self._change(t.work_order, [order_row(order) for order in ended])
        self._insert(t.alarm, [alarm_row(alarm) for alarm in changes.alarms_new])
        self._insert(t.alarm_change, [change_row(change) for change in changes.alarm_changes])
        self._insert(t.work_order, [order_row(order) for order in changes.orders_new])
        insert_new(self._c, t.wo_alarm, [_row(link) for link in changes.links])
        audit_trail.append(self._c, changes.audits)
        self._insert(t.outbox, [_row(event) for event in changes.events])
        shipments = [_row(shipment) for shipment in changes.deliveries]
        if shipments:  # what stands before an urgent event of its subject is as urgent: the order there is kept
            bulk(self._c, _RAISE_URGENCY, shipments)
        self._insert(t.delivery, [_shipment(row) for row in _with_urgency(shipments)])
        self._insert(t.notice, [_row(notice) for notice in changes.notices])
        sla_rows.write(self._c, changes.sla)
        plan_rows.write(self._c, changes.plans)
        hazard_rows.write(self._c, changes.hazards)
        _drop_deadlines(self._c, changes.deadlines_dropped)
        upsert(self._c, t.deadline, [_row(deadline) for deadline in changes.deadlines])
        self._insert(t.command, [_row(done) for done in changes.commands])
        refused_rows.write(self._c, changes.refusals)
        facts = [{"tenant": tenant, "fact": encode_body(fact), "created_at": now} for tenant, fact in changes.facts]
        if facts:
            self._c.execute(insert(t.control_outbox), facts)
        counters = [{"tenant": a, "day": day, "last": last} for (a, day), last in changes.counters.items()]
        upsert(self._c, t.order_counter, counters)

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            bulk(self._c, _INSERT[table.name], rows)

    def _change(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            bulk(self._c, _UPDATE[table.name], rows)

    def _many(
        self,
        table: Table,
        make: Callable[[Any], T],
        column: Column[str],
        keys: Sequence[str],
        *conditions: ColumnElement[bool],
    ) -> list[T]:
        found: list[T] = []
        for chunk in chunks(keys, _IN):
            rows = select(table).where(*conditions).with_for_update()
            found.extend(make(row) for row in rows_of(self._c, rows, column, chunk))
        return found


_THING = {"id", "tenant", "key", "rule", "device", "component", "group"}
_FIXED = {  # never changed after the insert
    t.alarm: _THING | {"partition", "identity", "raised_at", "recorded_at"},
    t.work_order: _THING | {"no", "fault", "source", "alarm", "created_at"},
}


def _update(table: Table) -> Update:
    fields: dict[str, Any] = {c.key: bindparam(c.key) for c in table.c if c.key not in _FIXED[table]}
    return update(table).where(table.c.id == bindparam("b_id")).values(fields)


def _insert_columns(table: Table) -> list[str]:
    """The columns an insert names: all but the serial one."""
    return [c.key for c in table.c if not (c.primary_key and c.autoincrement is True)]


_RAISE_URGENCY = (
    update(t.delivery)
    .where(
        t.delivery.c.endpoint == bindparam("b_endpoint"),
        t.delivery.c.subject == bindparam("b_subject"),
        t.delivery.c.settled_at.is_(None),
        t.delivery.c.level < bindparam("b_level"),
    )
    .values(level=bindparam("level"))
)
_INSERTED = (t.alarm, t.alarm_change, t.work_order, t.outbox, t.delivery, t.notice, t.command)
_INSERT = {
    table.name: insert(table).values({key: bindparam(key) for key in _insert_columns(table)}) for table in _INSERTED
}
_UPDATE = {table.name: _update(table) for table in _FIXED}


def _drop_deadlines(connection: Connection, gone: Sequence[tuple[str, str, DeadlineReason]]) -> None:
    if gone:
        c = t.deadline.c
        statement = delete(t.deadline).where(
            c.tenant == bindparam("b_tenant"), c.subject == bindparam("b_subject"), c.reason == bindparam("b_reason")
        )
        connection.execute(statement, [{"b_tenant": a, "b_subject": b, "b_reason": r} for a, b, r in gone])


def _placeholders(position: Position) -> dict[str, int]:
    return {"seq": position.seq, "ordinal": position.ordinal, "epoch": position.epoch}


def _shipment(row: dict[str, Any]) -> dict[str, Any]:
    blank = {"state": "pending", "attempt": 0, "owner": "", "reason": "", "reference": "", "settled_at": None}
    return {**row, **blank, "next_at": row["created_at"], "updated_at": row["created_at"]}


def _with_urgency(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each at least as urgent as the later rows of its subject and endpoint. `_RAISE_URGENCY`
    does the same for rows already in the queue."""
    urgent: dict[tuple[str, str], int] = {}
    for row in reversed(rows):
        line = (row["endpoint"], row["subject"])
        row["level"] = urgent[line] = max(urgent.get(line, row["level"]), row["level"])
    return rows
