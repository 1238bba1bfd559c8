"""Audit of the installation: keys, redelivery, rules, registry, imports, erasure, refused access. Rows are only ever
added, and deleted when they are old (`delete_expired`). What is done to an order has its own audit."""

from dataclasses import dataclass

from msgspec import Struct
from sqlalchemy import Connection, insert, select

from gateway.store import tables as t
from gateway.store.database import Database

MOST = 500
"""Characters of a subject or a detail."""


@dataclass(frozen=True, slots=True)
class AuditedAct:
    """`actor`: the name of a key, "" = unknown; `address`: where the request came from, "" = this machine's
    own files; `act`: `key.create`, …; `subject`: whom or what it was about."""

    at: int
    actor: str
    address: str
    act: str
    subject: str = ""
    detail: str = ""


class AuditRow(Struct, frozen=True):
    """A deed as it is kept. `at` µs."""

    id: int
    tenant: str
    at: int
    actor: str
    address: str
    act: str
    subject: str
    detail: str


def record(connection: Connection, tenant: str, act: AuditedAct | None) -> None:
    """Inside the transaction of what was done."""
    if act is not None:
        row = {
            "tenant": tenant,
            "at": act.at,
            "actor": act.actor,
            "address": act.address,
            "act": act.act,
            "subject": act.subject[:MOST],
            "detail": act.detail[:MOST],
        }
        connection.execute(insert(t.security_audit), [row])


class SecurityAudit:
    """Of one tenant."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database, self._tenant = database, tenant

    def add(self, act: AuditedAct) -> None:
        """On disk when this returns."""
        self._database.transact(lambda c: record(c, self._tenant, act))

    def rows(self, limit: int, before: int | None = None, *, act: str = "", actor: str = "") -> list[AuditRow]:
        """Newest first, of ids below `before`; `act` may be a family (`key`)."""
        a = t.security_audit.c
        rows = select(t.security_audit).where(a.tenant == self._tenant).order_by(a.id.desc()).limit(limit)
        if before is not None:
            rows = rows.where(a.id < before)
        if act:
            rows = rows.where((a.act == act) | a.act.startswith(f"{act}.", autoescape=True))
        if actor:
            rows = rows.where(a.actor == actor)
        return self._database.query(lambda c: [AuditRow(*row) for row in c.execute(rows)])
