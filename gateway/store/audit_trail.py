"""The audit of orders: rows are only added, each with its place in the chain of its tenant; the newest place is kept
beside them, so that rows missing at the end are noticed. The database refuses every change but an erasure of text."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, Row, Select, bindparam, insert, inspect, select, update

from gateway.domain.audit_chain import ERASED, AuditLink, ChainedAudit, ChainHead, ChainReport, chained, checked
from gateway.domain.workorder import Audit
from gateway.store import tables as t
from gateway.store.database import Database, bulk, upsert
from gateway.store.row_mapping import columns

_SALT: Final = 16  # bytes
_MANY: Final = 2_000  # rows a read
_NEW = insert(t.audit).values({name: bindparam(name) for name in columns(t.audit)})
_HEAD = select(t.audit_head.c.number, t.audit_head.c.hash).where(t.audit_head.c.tenant == bindparam("tenant"))
_ENTRY = tuple(Audit.__struct_fields__)
_LINK = tuple(AuditLink.__struct_fields__)
ENTRY_COLUMNS: Final[tuple[Column[Any], ...]] = tuple(t.audit.c[name] for name in _ENTRY)
"""The columns of an `Audit`, in its order."""
_BOTH = (*ENTRY_COLUMNS, *(t.audit.c[name] for name in _LINK))


def entry_of(row: Row[Any] | Sequence[Any]) -> Audit:
    """A row of `ENTRY_COLUMNS`."""
    return Audit(*row)


def append(connection: Connection, entries: Sequence[Audit]) -> None:
    """Add rows in their order, in the transaction of the change: no other writer adds one meanwhile."""
    for tenant in dict.fromkeys(entry.tenant for entry in entries):
        mine = [entry for entry in entries if entry.tenant == tenant]
        random = os.urandom(_SALT * len(mine)).hex()
        salts = [random[start : start + 2 * _SALT] for start in range(0, len(random), 2 * _SALT)]
        rows = chained(mine, salts, head(connection, tenant))
        asdict = msgspec.structs.asdict
        bulk(connection, _NEW, [asdict(row.entry) | asdict(row.link) for row in rows])
        newest = rows[-1].link
        upsert(connection, t.audit_head, [{"tenant": tenant, "number": newest.number, "hash": newest.hash}])


def head(connection: Connection, tenant: str) -> ChainHead:
    """The newest place of a chain, as it is kept."""
    row = connection.execute(_HEAD, {"tenant": tenant}).one_or_none()
    return ChainHead(*row) if row else ChainHead()


def erase_text(connection: Connection, orders: Select[Any], words: Sequence[str]) -> int:
    """Erase the text of the rows of these orders (ids) that hold one of these words; returns how many. Who did what
    and when stays, and so does the chain."""
    a = t.audit.c
    count = 0
    for word in {word for word in words if word}:
        quoted = msgspec.json.encode(word).decode()[1:-1]  # as it stands inside JSON
        held = a.data.contains(quoted, autoescape=True)
        rows = update(t.audit).where(a.order.in_(orders), held).values(data=ERASED, salt="")
        count += connection.execute(rows).rowcount
    return count


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """None and "" = any. `order` is a number; `before`: rows with a lower place in the chain."""

    order: str = ""
    actor: str = ""
    type: str = ""
    since: int | None = None
    until: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class TrailRow:
    """A row, with the number of its order."""

    no: str
    row: ChainedAudit


class AuditTrail:
    """Audit of the orders of one tenant."""

    def __init__(self, database: Database, tenant: str = "default") -> None:
        self._database, self._tenant = database, tenant

    def rows(self, want: TrailFilter, limit: int) -> list[TrailRow]:
        """Newest first."""
        a, o = t.audit.c, t.work_order.c
        rows = select(o.no, *_BOTH).join(t.work_order, o.id == a.order).where(a.tenant == self._tenant)
        if want.order:
            rows = rows.where(o.tenant == self._tenant, o.no == want.order)
        if want.actor:
            rows = rows.where(a.actor == want.actor)
        if want.type:
            rows = rows.where(a.type == want.type)
        if want.since is not None:
            rows = rows.where(a.at >= want.since)
        if want.until is not None:
            rows = rows.where(a.at < want.until)
        if want.before is not None:
            rows = rows.where(a.number < want.before)
        rows = rows.order_by(a.number.desc()).limit(limit)
        return self._database.query(lambda c: [TrailRow(row[0], _chained_of(row[1:])) for row in c.execute(rows)])

    def chained(self) -> bool:
        """False for a database of a release before the chain."""
        return self._database.query(lambda c: inspect(c).has_table(t.audit_head.name))

    def head(self) -> ChainHead:
        """The newest place of the chain: what to note in another place."""
        return self._database.query(lambda c: head(c, self._tenant))

    def check(self, noted: ChainHead | None = None) -> ChainReport:
        """Read the whole chain as of one moment and compare it; beside a running gateway, too."""
        return self._database.query(lambda c: checked(_all(c, self._tenant), head(c, self._tenant), noted))

    def number_of(self, order: str) -> str:
        """The number of an order, "" = unknown."""
        o = t.work_order.c
        return self._database.query(lambda c: c.scalar(select(o.no).where(o.id == order))) or ""


def _all(connection: Connection, tenant: str) -> Iterator[ChainedAudit]:
    a, last = t.audit.c, 0
    while True:
        rows = select(*_BOTH).where(a.tenant == tenant, a.number > last).order_by(a.number).limit(_MANY)
        found = connection.execute(rows).all()
        yield from map(_chained_of, found)
        if len(found) < _MANY:
            return
        last = found[-1].number


def _chained_of(row: Row[Any] | Sequence[Any]) -> ChainedAudit:
    return ChainedAudit(Audit(*row[: len(_ENTRY)]), AuditLink(*row[len(_ENTRY) :]))
