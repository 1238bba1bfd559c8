"""The control outbox: facts decided in SQL on their way to the journal (port ControlOutbox)."""

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.domain.record import Fact, RecordKind, decode_body
from gateway.store import tables as t
from gateway.store.database import Database


class SqlControlOutbox:
    """All tenants of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, limit: int) -> Sequence[tuple[int, Fact]]:
        """(row id, fact), oldest first, not yet journaled."""
        c = t.control_outbox.c
        rows = select(c.id, c.fact).where(c.journaled_seq.is_(None)).order_by(c.id).limit(limit)

        def work(connection: Connection) -> list[tuple[int, Fact]]:
            return [(row.id, cast(Fact, decode_body(RecordKind.FACT, row.fact))) for row in connection.execute(rows)]

        return self._database.query(work)

    def journaled(self, rows: Mapping[int, int]) -> None:
        """Row id -> sequence number of its record. A row that has one keeps it."""
        if not rows:
            return
        c = t.control_outbox.c
        mark = update(t.control_outbox).where(c.id == bindparam("b_id"), c.journaled_seq.is_(None))
        values = [{"b_id": row, "b_seq": seq} for row, seq in rows.items()]
        self._database.transact(
            lambda connection: connection.execute(mark.values(journaled_seq=bindparam("b_seq")), values)
        )

    def sequence(self, row: int) -> int | None:
        """The journal sequence of a fact, for the answer of an API call; None = not journaled yet, or purged."""
        c = t.control_outbox.c
        found = select(c.journaled_seq).where(c.id == row)
        return self._database.query(lambda connection: connection.execute(found).scalar_one_or_none())

    def purge(self, before: int) -> int:
        """Forget journaled facts created before `before` (µs); returns how many."""
        c = t.control_outbox.c
        old = delete(t.control_outbox).where(c.journaled_seq.is_not(None), c.created_at < before)
        return self._database.transact(lambda connection: connection.execute(old).rowcount)
