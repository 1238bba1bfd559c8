"""Erasure of a customer: their record, the notices to them, the bodies of messages sent or queued, and texts in the
audit of orders that name them."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, Select, delete, insert, select, update

from gateway.domain.device import Customer
from gateway.domain.record import CustomerSet, encode_body
from gateway.store import audit_trail, registry_counters
from gateway.store import tables as t
from gateway.store.database import Database
from gateway.store.security_audit import AuditedAct, record

_CHUNK = 500
_SHORTEST = 2
"""Characters of a name that is looked for in texts."""
TABLES: Final = (t.customer, t.notice, t.delivery_attempt, t.delivery, t.outbox, t.audit)
"""The tables an erasure deletes or changes rows of."""


class Erased(Struct, frozen=True):
    """Counts of erased rows."""

    customer: bool = False
    notices: int = 0
    deliveries: int = 0
    texts: int = 0

    def __bool__(self) -> bool:
        return self.customer or bool(self.notices)


def erase_customer(database: Database, tenant: str, code: str, act: AuditedAct) -> Erased:
    """In one transaction: erase the customer's row, the parameters of their notices, their messages with every
    attempt, and the text of rows in the audit of orders of their devices that hold their name or phone number. Queued
    messages are not sent any more. The code stays where devices and notices name it. A fact informs
    the rules."""

    def work(c: Connection) -> Erased:
        mine = (t.customer.c.tenant == tenant, t.customer.c.code == code)
        words = c.execute(select(t.customer.c.name, t.customer.c.phone).where(*mine)).one_or_none() or ()
        texts = audit_trail.erase_text(c, _orders_of(tenant, code), [word for word in words if len(word) >= _SHORTEST])
        known = c.execute(delete(t.customer).where(*mine)).rowcount > 0
        has_content = (t.notice.c.params != "{}") | (t.notice.c.event != "")
        notices = (t.notice.c.tenant == tenant, t.notice.c.recipient == code, has_content)
        events = [event for event in c.scalars(select(t.notice.c.event).where(*notices)) if event]
        count = c.execute(update(t.notice).where(*notices).values(params="{}", event="")).rowcount
        gone = sum(_blank_events(c, events[start : start + _CHUNK]) for start in range(0, len(events), _CHUNK))
        erased = Erased(known, count, gone, texts)
        if erased:
            newest, last = registry_counters.lock(c)
            registry_counters.advance(c, newest + 1, last)
            fact = {
                "tenant": tenant,
                "fact": encode_body(CustomerSet(Customer(code, gone=True))),
                "created_at": act.at,
            }
            c.execute(insert(t.control_outbox), [fact])
            record(c, tenant, act)
        return erased

    erased = database.transact(work)
    database.fold()
    return erased


def _orders_of(tenant: str, customer: str) -> Select[tuple[str]]:
    """Ids of the orders of a customer's devices."""
    d, o = t.device.c, t.work_order.c
    devices = select(d.id).where(d.tenant == tenant, d.customer == customer)
    return select(o.id).where(o.tenant == tenant, o.device.in_(devices))


def _blank_events(c: Connection, events: Sequence[str]) -> int:
    deliveries = list(c.scalars(select(t.delivery.c.id).where(t.delivery.c.event.in_(events))))
    c.execute(delete(t.delivery_attempt).where(t.delivery_attempt.c.delivery.in_(deliveries)))
    c.execute(delete(t.delivery).where(t.delivery.c.id.in_(deliveries)))
    c.execute(delete(t.outbox).where(t.outbox.c.id.in_(events)))
    return len(deliveries)


def blank_dead(database: Database, before: int) -> int:
    """Delete the bodies of events made before `before` (µs) whose delivery was given up; the record of the delivery
    stays. Returns how many. Events that wait or are under way keep their body."""

    def work(c: Connection) -> int:
        o, d = t.outbox.c, t.delivery.c
        dead = select(d.event).where(d.state == "dead", d.created_at < before)
        waits = select(d.event).where(d.settled_at.is_(None))
        old = (o.created_at < before, o.id.in_(dead), o.id.not_in(waits), o.body != b"")
        return c.execute(update(t.outbox).where(*old).values(body=b"")).rowcount

    return database.transact(work)
