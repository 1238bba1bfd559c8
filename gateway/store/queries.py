"""Queries of the API: alarms, orders, audit, deliveries, the event feed. Read-only snapshots, cursor paging."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Connection, Select, func, or_, select, tuple_

from gateway.domain.alarm import AlarmChange
from gateway.domain.errors import CommandError
from gateway.domain.notice import Notice, OutboxEvent
from gateway.domain.sla import FiredMilestone, SlaClock
from gateway.domain.workorder import Alarm, AlarmState, Audit, Deadline, OrderState, WorkOrder
from gateway.store import sla_rows
from gateway.store import tables as t
from gateway.store.audit_trail import ENTRY_COLUMNS, entry_of
from gateway.store.database import Database
from gateway.store.row_mapping import alarm_of, change_of, order_of, plain_of

T = TypeVar("T")
MAX_PAGE = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Up to `limit` rows; `next` continues, "" = the end."""

    items: list[T]
    next: str


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """None and "" = any. `since`, `until` µs bound `raised_at`; `raised` True = only raised ones."""

    raised: bool | None = None
    device: int | None = None
    rule: str = ""
    level: int = 0  # this level or higher
    live: bool | None = None
    order: str = ""  # id of an order
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """None and "" = any. `since`, `until` µs bound `created_at`; `updated_after` µs to follow changes."""

    open: bool | None = None
    states: tuple[OrderState, ...] = ()
    device: int | None = None
    site: str = ""
    fault: str = ""
    type: str = ""
    assignee: str | None = None
    level: int = 0
    since: int | None = None
    until: int | None = None
    updated_after: int | None = None


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """`state` pending, leased, delivered or dead."""

    state: str = ""
    endpoint: str = ""
    subject: str = ""


class DeliveryRow(Struct, frozen=True):
    """One delivery for display, without the body, which may hold a phone number."""

    id: int
    endpoint: str
    event: str
    type: str
    subject: str
    state: str
    attempt: int
    next_at: int
    reason: str
    reference: str
    created_at: int
    updated_at: int


class AttemptRow(Struct, frozen=True):
    """One attempt. `status` HTTP status, 0 = none; `latency` µs."""

    attempt: int
    at: int
    state: str
    status: int
    reason: str
    excerpt: str
    latency: int
    charged: bool


class Queries:
    """Queries of one tenant."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database = database
        self._tenant = tenant

    def alarm(self, alarm: str) -> Alarm | None:
        """One episode."""
        c = t.alarm.c
        found = self._all(select(t.alarm).where(c.tenant == self._tenant, c.id == alarm), alarm_of)
        return found[0] if found else None

    def alarms(self, want: AlarmFilter = AlarmFilter(), limit: int = 50, after: str = "") -> Page[Alarm]:
        """Page of alarms, newest first."""
        c = t.alarm.c
        rows = select(t.alarm).where(c.tenant == self._tenant, *_equal({c.device: want.device, c.live: want.live}))
        rows = rows.where(*_equal({c.rule: want.rule or None, c.order: want.order or None}), c.level >= want.level)
        if want.raised is not None:
            rows = rows.where(c.cleared_at.is_(None) if want.raised else c.cleared_at.is_not(None))
        rows = rows.where(*_between(c.raised_at, want.since, want.until))
        return self._page(rows, (c.raised_at, c.id), alarm_of, lambda a: (a.raised_at, a.id), limit, after)

    def alarm_changes(self, alarm: str) -> list[AlarmChange]:
        """The history of one episode: its transitions by sequence number; empty for an alarm older than the table."""
        c = t.alarm_change.c
        found = self._all(select(t.alarm_change).where(c.tenant == self._tenant, c.alarm == alarm), change_of)
        return sorted(found, key=lambda one: [int(part) for part in one.id.split("-")])

    def order(self, no: str) -> WorkOrder | None:
        """One order by its number."""
        c = t.work_order.c
        found = self._all(select(t.work_order).where(c.tenant == self._tenant, c.no == no), order_of)
        return found[0] if found else None

    def orders_numbered(self, numbers: Sequence[str]) -> list[WorkOrder]:
        """The orders with these numbers, at most MAX_PAGE; unknown ones are missing."""
        c = t.work_order.c
        return self._all(select(t.work_order).where(c.tenant == self._tenant, c.no.in_(numbers[:MAX_PAGE])), order_of)

    def orders(self, want: OrderFilter = OrderFilter(), limit: int = 50, after: str = "") -> Page[WorkOrder]:
        """Page of orders, newest first."""
        c, d = t.work_order.c, t.device.c
        fixed = {
            c.device: want.device,
            c.fault: want.fault or None,
            c.type: want.type or None,
            c.assignee: want.assignee,
        }
        rows = select(t.work_order).where(c.tenant == self._tenant, c.level >= want.level, *_equal(fixed))
        if want.states:
            rows = rows.where(c.state.in_(want.states))
        if want.open is not None:
            rows = rows.where(c.closed_at.is_(None) if want.open else c.closed_at.is_not(None))
        if want.site:
            there = c.device.in_(select(d.id).where(d.tenant == self._tenant, d.site == want.site))
            rows = rows.where(there | (c.group == want.site))
        if want.updated_after is not None:
            rows = rows.where(c.updated_at > want.updated_after)
        rows = rows.where(*_between(c.created_at, want.since, want.until))
        return self._page(rows, (c.created_at, c.no), order_of, lambda o: (o.created_at, o.no), limit, after)

    def order_numbers(self, ids: Sequence[str]) -> dict[str, str]:
        """Id -> number, of at most MAX_PAGE orders; unknown ids are missing."""
        o = t.work_order.c
        rows = select(o.id, o.no).where(o.tenant == self._tenant, o.id.in_([*dict.fromkeys(ids)][:MAX_PAGE]))
        return dict(self._all(rows, lambda row: (row.id, row.no)))

    def alarms_of(self, no: str) -> list[Alarm]:
        """Every alarm an order lists, oldest first."""
        o, x = t.work_order.c, t.wo_alarm.c
        rows = select(t.alarm).join(t.wo_alarm, x.alarm == t.alarm.c.id).join(t.work_order, o.id == x.order)
        return self._all(rows.where(o.tenant == self._tenant, o.no == no).order_by(x.at, x.alarm), alarm_of)

    def audit(self, no: str) -> list[Audit]:
        """Every act on an order, in order."""
        o, a = t.work_order.c, t.audit.c
        rows = select(*ENTRY_COLUMNS).join(t.work_order, o.id == a.order).where(o.tenant == self._tenant, o.no == no)
        return self._all(rows.order_by(a.seq), entry_of)

    def notices(self, no: str) -> list[Notice]:
        """The notices about an order."""
        o, n = t.work_order.c, t.notice.c
        rows = select(t.notice).join(t.work_order, o.id == n.subject).where(o.tenant == self._tenant, o.no == no)
        return self._all(rows.order_by(n.created_at, n.id), lambda row: plain_of(Notice, t.notice, row))

    def notices_about(self, subject: str) -> list[Notice]:
        """The notices about an order, or an alarm without one, by its id."""
        n = t.notice.c
        rows = select(t.notice).where(n.tenant == self._tenant, n.subject == subject).order_by(n.created_at, n.id)
        return self._all(rows, lambda row: plain_of(Notice, t.notice, row))

    def deadlines(self, subject: str) -> list[Deadline]:
        """Deadlines of an alarm or an order, by its id: the reasons why an alarm has no order yet."""
        c = t.deadline.c
        rows = select(t.deadline).where(c.tenant == self._tenant, c.subject == subject).order_by(c.reason)
        return self._all(rows, lambda row: plain_of(Deadline, t.deadline, row))

    def clocks(self, orders: Sequence[str]) -> dict[str, list[SlaClock]]:
        """Order id -> its clocks."""
        found: dict[str, list[SlaClock]] = {order: [] for order in orders}
        for clock in self._database.query(lambda c: sla_rows.clocks(c, orders)):
            found[clock.order].append(clock)
        return found

    def fired_milestones(self, order: str) -> list[FiredMilestone]:
        """The milestones of the clocks of an order that were reached, in order."""
        return self._database.query(lambda c: sla_rows.fired_milestones(c, [order]))

    def delivery(self, number: int) -> DeliveryRow | None:
        """The delivery `number`."""
        rows = _deliveries().where(t.delivery.c.tenant == self._tenant, t.delivery.c.id == number)
        return next(iter(self._all(rows, lambda row: DeliveryRow(*row))), None)

    def deliveries(self, want: DeliveryFilter, limit: int = 50, after: str = "") -> Page[DeliveryRow]:
        """Page of deliveries, newest first; `DeliveryFilter(state="dead")` selects the dead letters."""
        d, rows = t.delivery.c, _deliveries()
        fixed = {d.state: want.state or None, d.endpoint: want.endpoint or None, d.subject: want.subject or None}
        narrow = want.state or want.endpoint or want.subject
        mine = d.tenant if narrow else func.coalesce(d.tenant, "")  # all of them are read by number
        rows = rows.where(mine == self._tenant, *_equal(fixed))
        return self._page(rows, (d.id,), lambda row: DeliveryRow(*row), lambda item: (item.id,), limit, after)

    def attempts(self, delivery: int) -> list[AttemptRow]:
        """Every attempt of one delivery, oldest first."""
        a = t.delivery_attempt.c
        columns = (a.attempt, a.at, a.state, a.status, a.reason, a.excerpt, a.latency, a.charged)
        rows = select(*columns).where(a.tenant == self._tenant, a.delivery == delivery).order_by(a.id)
        return self._all(rows, lambda row: AttemptRow(*row))

    def feed(self, after: int = 0, limit: int = 100) -> list[tuple[int, OutboxEvent]]:
        """(row, event) with row > `after`, in the order they were committed. Notices are not in the feed."""
        o = t.outbox.c
        mine = func.coalesce(o.tenant, "") == self._tenant  # no key of the tenant: rows are read by number
        rows = select(t.outbox).where(mine, o.kind == "event", o.row > after).order_by(o.row)
        return self._all(rows.limit(min(limit, MAX_PAGE)), lambda row: (row[0], OutboxEvent(*row[1:])))

    def feed_head(self) -> int:
        """The newest row of the feed; 0 = none."""
        o = t.outbox.c
        newest = select(func.max(o.row)).where(o.tenant == self._tenant, o.kind == "event")
        return self._database.query(lambda c: int(c.execute(newest).scalar() or 0))

    def counts(self) -> Mapping[str, int]:
        """Counts for metrics: open orders by state, clocks past their target, raised alarms, deliveries by state, facts
        waiting."""
        o, a, d, f, k = t.work_order.c, t.alarm.c, t.delivery.c, t.control_outbox.c, t.sla_clock.c

        def work(c: Connection) -> dict[str, int]:
            found: dict[str, int] = {}
            mine = (o.tenant == self._tenant, o.closed_at.is_(None))
            for state, n in c.execute(select(o.state, func.count()).where(*mine).group_by(o.state)):
                found[f"orders.{state}"] = n
            still = or_(k.running_since.is_not(None), k.paused_since.is_not(None))
            late = select(k.kind, func.count()).where(k.tenant == self._tenant, still, k.breached_at.is_not(None))
            found.update({f"overdue.{kind}": n for kind, n in c.execute(late.group_by(k.kind))})
            own = (a.tenant == self._tenant, a.cleared_at.is_(None), a.state != AlarmState.MERGED)
            raised = select(func.count()).where(*own)
            found["alarms.raised"] = c.execute(raised).scalar_one()
            rows = select(d.state, func.count()).where(d.tenant == self._tenant).group_by(d.state)
            found.update({f"deliveries.{state}": n for state, n in c.execute(rows)})
            waiting = select(func.count()).where(f.tenant == self._tenant, f.journaled_seq.is_(None))
            found["facts.waiting"] = c.execute(waiting).scalar_one()
            return found

        return self._database.query(work)

    def _all(self, rows: Select[Any], make: Callable[[Any], T]) -> list[T]:
        return self._database.query(lambda c: [make(row) for row in c.execute(rows)])

    def _page(
        self,
        rows: Select[Any],
        keys: tuple[Column[Any], ...],
        make: Callable[[Any], T],
        key_of: Callable[[T], tuple[Any, ...]],
        limit: int,
        after: str,
    ) -> Page[T]:
        limit = max(1, min(limit, MAX_PAGE))
        if after:
            rows = rows.where(tuple_(*keys) < tuple_(*_unpack(after, len(keys))))
        items = self._all(rows.order_by(*(key.desc() for key in keys)).limit(limit + 1), make)
        more = len(items) > limit
        return Page(items[:limit], _pack(key_of(items[limit - 1])) if more else "")


def _equal(wanted: Mapping[Any, object]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in wanted.items() if value is not None]


def _between(column: Column[int], since: int | None, until: int | None) -> list[ColumnElement[bool]]:
    return [*([column >= since] if since is not None else []), *([column < until] if until is not None else [])]


def _pack(key: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def _unpack(text: str, size: int) -> list[Any]:
    try:
        key = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error) as error:
        raise CommandError(422, "cursor", "this page cursor is not one of ours") from error
    if not isinstance(key, list) or len(key) != size or not all(_plain(part) for part in key):
        raise CommandError(422, "cursor", "this page cursor is not one of ours")
    return key


def _plain(part: object) -> bool:
    return isinstance(part, str) or (isinstance(part, int) and abs(part) < 2**63)


def _deliveries() -> Any:
    d = t.delivery.c
    columns = (d.id, d.endpoint, d.event, t.outbox.c.type, d.subject, d.state, d.attempt, d.next_at, d.reason)
    return select(*columns, d.reference, d.created_at, d.updated_at).join(t.outbox, t.outbox.c.id == d.event)
