"""The delivery queue (port DeliveryQueue): leases, attempts, dead letters, redelivery.

The highest level goes first; an event that is more urgent than those before it of its subject lifts them (`SqlUnit`).
`next_at` of a pending row is when it may be tried, of a leased one when the lease ends: both are "due when past", so a
relay that died gives its deliveries back by itself. Events of one subject reach one endpoint in the order they were
made: only the oldest unsettled row of (endpoint, subject) is ever leased.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    not_,
    select,
    update,
)

from gateway.domain.delivery import Delivery
from gateway.domain.notice import NoticeState
from gateway.ports import LeaseRequest, Settled
from gateway.store import tables as t
from gateway.store.database import Database, bulk, upsert
from gateway.store.row_mapping import chunks
from gateway.store.security_audit import AuditedAct, record

_EXCERPT = 1_000


class SqlDeliveryQueue:
    """All tenants of this database; endpoints are the installation's, kept under `tenant`."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database = database
        self._tenant = tenant

    def exchange(
        self,
        owner: str,
        now: int,
        until: int,
        done: Sequence[tuple[Delivery, Settled]],
        requests: Mapping[str, LeaseRequest],
    ) -> Mapping[str, Sequence[Delivery]]:
        """Settle the `done` deliveries and lease the requested ones until `until`, in one transaction."""

        def work(c: Connection) -> Mapping[str, Sequence[Delivery]]:
            _settle(c, done, now)
            return {endpoint: _lease(c, owner, now, until, endpoint, request) for endpoint, request in requests.items()}

        return self._database.transact(work)

    def lease(self, owner: str, now: int, until: int, limit: int, endpoint: str) -> Sequence[Delivery]:
        """`exchange` with nothing to record."""
        return self.exchange(owner, now, until, (), {endpoint: LeaseRequest(limit)})[endpoint]

    def settle(self, delivery: Delivery, result: Settled, now: int) -> None:
        """Record the attempt and the new state. A delivery settled before stays as it is; so does one that another
        relay holds by now, unless the receiver took it."""
        self.exchange("", now, now, [(delivery, result)], {})

    def reclaim(self, now: int) -> int:
        """Make leases of a former process due at once; returns how many. Only safe when no other relay runs: for the
        embedded gateway, which holds the journal's lock. The results of their attempts are unknown."""
        d = t.delivery.c
        left = {"state": "pending", "owner": "", "next_at": now, "updated_at": now}
        mine = update(t.delivery).where(d.state == "leased", d.tenant == self._tenant).values(left)
        return self._database.transact(lambda c: c.execute(mine).rowcount)

    def disable(self, endpoint: str, reason: str, now: int) -> None:
        """Disable an endpoint that answered 410 Gone: its deliveries wait until a person enables it."""
        row = {"tenant": self._tenant, "endpoint": endpoint, "disabled_at": now, "reason": reason}
        self._database.transact(lambda c: upsert(c, t.endpoint_state, [row]))

    def enable(self, endpoint: str, act: AuditedAct | None = None) -> None:
        """A person enabled it again: what waited is due."""
        e = t.endpoint_state.c

        def work(c: Connection) -> None:
            c.execute(delete(t.endpoint_state).where(e.endpoint == endpoint))
            record(c, self._tenant, act)

        self._database.transact(work)

    def disabled(self) -> dict[str, str]:
        """Endpoint -> why it is disabled."""
        e = t.endpoint_state.c
        rows = select(e.endpoint, e.reason).where(e.disabled_at.is_not(None))
        return self._database.query(lambda c: {row.endpoint: row.reason for row in c.execute(rows)})

    def next_due(self, now: int, endpoints: Collection[str]) -> int | None:
        """The earliest time after `now`, µs, at which a delivery of these endpoints may become due; None = none."""
        d = t.delivery.c

        def work(c: Connection) -> list[int]:
            firsts = (
                c.execute(
                    select(func.min(d.next_at)).where(d.endpoint == name, d.settled_at.is_(None), d.next_at > now)
                ).scalar_one_or_none()
                for name in endpoints
            )
            return [first for first in firsts if first is not None]

        return min(self._database.query(work), default=None)

    def left(self, served: Collection[str]) -> dict[str, int]:
        """Endpoints besides those `served` -> how many deliveries wait for them."""
        d = t.delivery.c
        rows = (
            select(d.endpoint, func.count())
            .where(d.tenant == self._tenant, d.settled_at.is_(None), d.endpoint.not_in(list(served)))
            .group_by(d.endpoint)
        )
        return self._database.query(lambda c: {row[0]: row[1] for row in c.execute(rows)})

    def redeliver(self, ids: Sequence[int], now: int, act: AuditedAct | None = None) -> int:
        """Dead or delivered rows are tried again from the first attempt, the same bytes and id; returns how many. Not
        those whose bytes were forgotten."""
        d = t.delivery.c
        whole = select(t.outbox.c.id).where(t.outbox.c.id == d.event, t.outbox.c.body != b"").exists()
        ended = (d.id.in_(ids), d.settled_at.is_not(None), whole)
        fresh = {
            "state": "pending",
            "attempt": 0,
            "next_at": now,
            "reason": "redelivery",
            "updated_at": now,
            "settled_at": None,
        }

        def work(c: Connection) -> int:
            count = c.execute(update(t.delivery).where(*ended).values(fresh)).rowcount
            record(c, self._tenant, act if count else None)
            return count

        return self._database.transact(work)

    def purge(self, before: int) -> int:
        """Forget events made before `before` (µs) whose deliveries all arrived; returns how many. Dead letters stay."""

        def work(c: Connection) -> int:
            o, d, a = t.outbox.c, t.delivery.c, t.delivery_attempt.c
            unsettled = exists().where(d.event == o.id, d.state != "delivered")
            old = select(o.id).where(o.created_at < before, not_(unsettled))
            rows = select(d.id).where(d.event.in_(old))
            c.execute(delete(t.delivery_attempt).where(a.delivery.in_(rows)))
            events = [row.id for row in c.execute(old)]
            for start in range(0, len(events), 500):
                part = events[start : start + 500]
                c.execute(delete(t.delivery).where(d.event.in_(part)))
                c.execute(delete(t.outbox).where(o.id.in_(part)))
            return len(events)

        return self._database.transact(work)


def _lease(c: Connection, owner: str, now: int, until: int, endpoint: str, request: LeaseRequest) -> list[Delivery]:
    d = t.delivery.c
    columns = (d.id, d.endpoint, d.attempt, t.outbox.c.id, t.outbox.c.type, d.subject, t.outbox.c.body)
    # "+ 0": a range of times must not tempt the planner away from the index with the order; the limit ends the walk.
    due_at = d.next_at if request.longest else d.next_at + literal_column("0")
    due = (
        select(*columns, t.outbox.c.content_type)
        .join(t.outbox, t.outbox.c.id == d.event)
        .where(d.endpoint == endpoint, d.settled_at.is_(None), due_at <= now, _enabled(), _oldest())
        .order_by(*(() if request.longest else (d.level.desc(),)), d.next_at, d.id)
        .limit(request.room)
        .with_for_update(skip_locked=True, of=t.delivery)
    )
    rows = c.execute(due).all()
    bulk(c, _LEASED, [{"id": row[0], "owner": owner, "next_at": until, "updated_at": now} for row in rows])
    return [
        Delivery(event, name, kind, subject, body, content_type, attempt + 1)
        for _, name, attempt, event, kind, subject, body, content_type in rows
    ]


def _settle(c: Connection, done: Sequence[tuple[Delivery, Settled]], now: int) -> None:
    found = _found(c, {delivery.id for delivery, _ in done})
    attempts, changes, behind, notices = [], [], [], []
    for delivery, result in done:
        row = found.get((delivery.id, delivery.endpoint))
        if row is None:
            continue
        if result.tried:
            attempts.append(_attempt(row, delivery, result, now))
        current = row["state"] == "leased" and row["attempt"] == delivery.attempt
        if row["settled_at"] is not None or not (current or result.state == "delivered"):
            continue
        row.update(_after(row, result, now))
        changes.append(row)
        if result.state == "retry":
            behind.append(row)
        else:
            state = NoticeState.SENT if result.state == "delivered" else NoticeState.FAILED
            notices.append({"event": delivery.id, "state": state, "reason": result.reason, "updated_at": now})
    bulk(c, _ATTEMPT, attempts)
    bulk(c, _CHANGED, changes)
    bulk(c, _BEHIND, behind)
    bulk(c, _NOTICE, notices)


def _found(c: Connection, events: Collection[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """(event, endpoint) -> the row of the delivery, of all endpoints of these events, locked."""
    d = t.delivery.c
    columns = (d.id, d.event, d.endpoint, d.subject, d.tenant, d.state, d.attempt, d.settled_at, d.reason)
    names = [column.key for column in columns]
    found = {}
    for part in chunks(sorted(events), 500):
        for values in c.execute(select(*columns).where(d.event.in_(part)).with_for_update()):
            row = dict(zip(names, values, strict=True))
            found[row["event"], row["endpoint"]] = row
    return found


def _attempt(row: Mapping[str, Any], delivery: Delivery, result: Settled, now: int) -> dict[str, Any]:
    return {
        "delivery": row["id"],
        "tenant": row["tenant"],
        "attempt": delivery.attempt,
        "at": now,
        "state": result.state,
        "status": result.status,
        "reason": result.reason,
        "excerpt": result.excerpt[:_EXCERPT],
        "latency": result.latency,
        "charged": result.charge,
    }


def _after(row: Mapping[str, Any], result: Settled, now: int) -> dict[str, Any]:
    waits, reason = result.state == "retry", result.reason if result.tried else result.reason or row["reason"]
    return {
        "state": "pending" if waits else result.state,
        "reason": reason,
        "reference": result.reference,
        "owner": "",
        "updated_at": now,
        "next_at": max(result.next_at, now) if waits else now,
        "attempt": row["attempt"] - (0 if result.charge else 1),
        "settled_at": None if waits else now,
    }


def _named(*names: str) -> dict[str, BindParameter[Any]]:
    return {name: bindparam(name) for name in names}


_d, _n = t.delivery.c, t.notice.c
_LEASED = (
    update(t.delivery)
    .where(_d.id == bindparam("b_id"))
    .values(
        state=literal_column("'leased'"),
        attempt=_d.attempt + literal_column("1"),
        **_named("owner", "next_at", "updated_at"),
    )
)
_CHANGED = (
    update(t.delivery)
    .where(_d.id == bindparam("b_id"))
    .values(_named("state", "reason", "reference", "owner", "updated_at", "next_at", "attempt", "settled_at"))
)
_BEHIND = (  # those behind one that waits need not be looked at before
    update(t.delivery)
    .where(
        _d.endpoint == bindparam("b_endpoint"),
        _d.subject == bindparam("b_subject"),
        _d.settled_at.is_(None),
        _d.id > bindparam("b_id"),
        _d.state == literal_column("'pending'"),
        _d.next_at < bindparam("b_next_at"),
    )
    .values(_named("next_at"))
)
_NOTICE = (
    update(t.notice)
    .where(_n.event == bindparam("b_event"), _n.event != literal_column("''"))  # the second is what its index asks for
    .values(_named("state", "reason", "updated_at"))
)
_ATTEMPT = insert(t.delivery_attempt).values(
    _named("delivery", "tenant", "attempt", "at", "state", "status", "reason", "excerpt", "latency", "charged")
)


def _enabled() -> ColumnElement[bool]:
    e = t.endpoint_state.c
    return not_(exists().where(e.endpoint == t.delivery.c.endpoint, e.disabled_at.is_not(None)))


def _oldest() -> ColumnElement[bool]:
    """No unsettled row of the same endpoint and subject is older."""
    d, older = t.delivery.c, t.delivery.alias("older")
    o = older.c
    before = and_(o.endpoint == d.endpoint, o.subject == d.subject, o.settled_at.is_(None), o.id < d.id)
    return not_(select(o.id).where(before).exists())
