"""Audit of the installation: keys, redelivery, rules, registry, imports, erasure, refused access. Rows are only
added, and deleted when they are old (`delete_expired`). Acts on an order have an audit of their own."""

from dataclasses import dataclass

from msgspec import Struct
from sqlalchemy import Connection, insert, select

from gateway.store import tables as t
from gateway.store.database import Database

MOST = 500
"""Characters of a subject or a detail."""


@dataclass(frozen=True, slots=True)
class AuditedAct:
    """`actor`: the name of a key, "" = unknown; `address`: origin of the request, "" = this machine's own files;
    `act`: `key.create`, …; `subject`: the person or thing the act concerned."""

    at: int
    actor: str
    address: str
    act: str
    subject: str = ""
    detail: str = ""


class AuditRow(Struct, frozen=True):
    """An act as stored. `at` µs."""

    id: int
    tenant: str
    at: int
    actor: str
    address: str
    act: str
    subject: str
    detail: str


def record(connection: Connection, tenant: str, act: AuditedAct | None) -> None:
    """Add a row in the transaction of the act."""
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
    """Audit of one tenant."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database, self._tenant = database, tenant

    def add(self, act: AuditedAct) -> None:
        """Add a row; on disk when this returns."""
        self._database.transact(lambda c: record(c, self._tenant, act))

    def rows(self, limit: int, before: int | None = None, *, act: str = "", actor: str = "") -> list[AuditRow]:
        """Newest first, ids below `before`; `act` may be a prefix (`key`)."""
        a = t.security_audit.c
        rows = select(t.security_audit).where(a.tenant == self._tenant).order_by(a.id.desc()).limit(limit)
        if before is not None:
            rows = rows.where(a.id < before)
        if act:
            rows = rows.where((a.act == act) | a.act.startswith(f"{act}.", autoescape=True))
        if actor:
            rows = rows.where(a.actor == actor)
        return self._database.query(lambda c: [AuditRow(*row) for row in c.execute(rows)])
