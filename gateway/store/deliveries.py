"""The delivery queue (port DeliveryQueue): leases, attempts, dead letters, redelivery.

`next_at` of a pending row is when it may be tried, of a leased one when the lease ends: both are "due when past", so a
relay that died gives its deliveries back by itself. Events of one subject reach one endpoint in the order they were
made: only the oldest unsettled row of (endpoint, subject) is ever leased.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, not_, select, update

from gateway.domain.delivery import Delivery
from gateway.domain.notice import NoticeState
from gateway.ports import Settled
from gateway.store import tables as t
from gateway.store.database import Database, upsert

_EXCERPT = 1_000


class SqlDeliveryQueue:
    """All tenants of this database; endpoints are the installation's, kept under `tenant`."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database = database
        self._tenant = tenant

    def lease(self, owner: str, now: int, until: int, limit: int, endpoints: Sequence[str]) -> Sequence[Delivery]:
        """Due deliveries, leased until `until`: fair between endpoints, oldest subject first within one."""

        def work(c: Connection) -> list[Delivery]:
            taken: list[Delivery] = []
            share = max(1, limit // max(1, len(endpoints)))
            for room in (share, limit):
                for endpoint in endpoints:
                    size = min(room, limit - len(taken))
                    if size > 0:
                        taken.extend(self._lease(c, owner, now, until, size, endpoint))
            return taken

        return self._database.transact(work)

    def _lease(self, c: Connection, owner: str, now: int, until: int, limit: int, endpoint: str) -> list[Delivery]:
        d = t.delivery.c
        columns = (d.id, d.endpoint, d.attempt, t.outbox.c.id, t.outbox.c.type, d.subject, t.outbox.c.body)
        due = (
            select(*columns, t.outbox.c.content_type)
            .join(t.outbox, t.outbox.c.id == d.event)
            .where(d.endpoint == endpoint, d.settled_at.is_(None), d.next_at <= now, _enabled(), _oldest())
            .order_by(d.next_at, d.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=t.delivery)
        )
        rows = c.execute(due).all()
        if rows:
            held = {"state": "leased", "owner": owner, "next_at": until, "attempt": d.attempt + 1, "updated_at": now}
            c.execute(update(t.delivery).where(d.id.in_([row[0] for row in rows])).values(held))
        return [
            Delivery(event, name, kind, subject, body, content_type, attempt + 1)
            for _, name, attempt, event, kind, subject, body, content_type in rows
        ]

    def reclaim(self, now: int) -> int:
        """Leases of a process that is gone are due at once; returns how many. Only for whoever knows that no other
        relay lives: the embedded gateway, which holds the journal's lock. What became of the attempts is unknown."""
        d = t.delivery.c
        left = {"state": "pending", "owner": "", "next_at": now, "updated_at": now}
        mine = update(t.delivery).where(d.state == "leased", d.tenant == self._tenant).values(left)
        return self._database.transact(lambda c: c.execute(mine).rowcount)

    def settle(self, delivery: Delivery, result: Settled, now: int) -> None:
        """Record the attempt and the new state. A delivery settled before stays as it is; so does one that another
        relay holds by now, unless the receiver took it."""
        self.settle_all([(delivery, result)], now)

    def settle_all(self, results: Sequence[tuple[Delivery, Settled]], now: int) -> None:
        """`settle` for many, on disk together."""

        def work(c: Connection) -> None:
            for delivery, result in results:
                self._settle(c, delivery, result, now)

        self._database.transact(work)

    def _settle(self, c: Connection, delivery: Delivery, result: Settled, now: int) -> None:
        d = t.delivery.c
        mine = (d.event == delivery.id, d.endpoint == delivery.endpoint)
        found = select(d.id, d.tenant, d.state, d.attempt, d.settled_at).where(*mine).with_for_update()
        row = c.execute(found).one_or_none()
        if row is None:
            return
        self._attempt(c, row.id, row.tenant, delivery, result, now)
        current = row.state == "leased" and row.attempt == delivery.attempt
        if row.settled_at is not None or not (current or result.state == "delivered"):
            return
        waits = result.state == "retry"
        values: dict[str, Any] = {
            "state": "pending" if waits else result.state, "reason": result.reason, "reference": result.reference,
            "owner": "", "updated_at": now, "next_at": max(result.next_at, now) if waits else now,
            "attempt": row.attempt - (0 if result.charge else 1), "settled_at": None if waits else now,
        }  # fmt: skip
        c.execute(update(t.delivery).where(d.id == row.id).values(values))
        if waits:  # those behind it need not be looked at before
            later = values["next_at"]
            behind = (d.endpoint == delivery.endpoint, d.subject == delivery.subject, d.settled_at.is_(None))
            mute = update(t.delivery).where(*behind, d.id > row.id, d.state == "pending", d.next_at < later)
            c.execute(mute.values(next_at=later))
        else:
            said = NoticeState.SENT if result.state == "delivered" else NoticeState.FAILED
            told = {"state": said, "reason": result.reason, "updated_at": now}
            c.execute(update(t.notice).where(t.notice.c.event == delivery.id).values(told))

    def _attempt(self, c: Connection, row: int, tenant: str, delivery: Delivery, result: Settled, now: int) -> None:
        values = {
            "delivery": row, "tenant": tenant, "attempt": delivery.attempt, "at": now, "state": result.state,
            "status": result.status, "reason": result.reason, "excerpt": result.excerpt[:_EXCERPT],
            "latency": result.latency, "charged": result.charge,
        }  # fmt: skip
        c.execute(insert(t.delivery_attempt), [values])

    def disable(self, endpoint: str, reason: str, now: int) -> None:
        """The endpoint said 410 Gone: its deliveries wait until a person enables it."""
        row = {"tenant": self._tenant, "endpoint": endpoint, "disabled_at": now, "reason": reason}
        self._database.transact(lambda c: upsert(c, t.endpoint_state, [row]))

    def enable(self, endpoint: str) -> None:
        """A person enabled it again: what waited is due."""
        e = t.endpoint_state.c
        self._database.transact(lambda c: c.execute(delete(t.endpoint_state).where(e.endpoint == endpoint)))

    def disabled(self) -> dict[str, str]:
        """Endpoint -> why it is disabled."""
        e = t.endpoint_state.c
        rows = select(e.endpoint, e.reason).where(e.disabled_at.is_not(None))
        return self._database.query(lambda c: {row.endpoint: row.reason for row in c.execute(rows)})

    def next_due(self, now: int) -> int | None:
        """When the next unsettled delivery becomes due, µs (never before `now`); None = nothing waits."""
        d = t.delivery.c
        first = select(func.min(d.next_at)).where(
            d.settled_at.is_(None), _enabled(), _oldest()
        )  # a blocked row is not due, whatever its time
        found: int | None = self._database.query(lambda c: c.execute(first).scalar_one_or_none())
        return None if found is None else max(found, now)

    def redeliver(self, ids: Sequence[int], now: int) -> int:
        """Dead or delivered rows are tried again from the first attempt, the same bytes and id; returns how many."""
        d = t.delivery.c
        ended = (d.id.in_(ids), d.settled_at.is_not(None))
        fresh = {
            "state": "pending",
            "attempt": 0,
            "next_at": now,
            "reason": "redelivery",
            "updated_at": now,
            "settled_at": None,
        }
        return self._database.transact(lambda c: c.execute(update(t.delivery).where(*ended).values(fresh)).rowcount)

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


def _enabled() -> ColumnElement[bool]:
    e = t.endpoint_state.c
    return not_(exists().where(e.endpoint == t.delivery.c.endpoint, e.disabled_at.is_not(None)))


def _oldest() -> ColumnElement[bool]:
    """No unsettled row of the same endpoint and subject is older."""
    d, older = t.delivery.c, t.delivery.alias("older")
    o = older.c
    before = and_(o.endpoint == d.endpoint, o.subject == d.subject, o.settled_at.is_(None), o.id < d.id)
    return not_(select(o.id).where(before).exists())
