"""Audits of older releases join the chain; the way back takes it off again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgres_kit
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Integer, MetaData, Numeric, insert, inspect, text

from gateway.store import AuditTrail, Database
from gateway.store.migrate import FOLDER

BEFORE = next(
    rev.down_revision for rev in ScriptDirectory(str(FOLDER)).walk_revisions() if "audit_chain" in str(rev.path)
)
ROWS = 4_321  # more than are chained at once


@pytest.fixture(params=postgres_kit.BOTH)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    if request.param == "sqlite":
        database = Database.at(tmp_path / "old.db")
        yield database
        database.close()
        return
    config = postgres_kit.connection(postgres_kit.empty_database())
    database = Database(config)
    yield database
    database.close()
    postgres_kit.drop(config)


def old(c: Connection) -> None:
    """Orders of two tenants with audits, as an older release wrote them."""
    found = MetaData()
    found.reflect(c, only=["work_order", "audit"])
    order, audit = found.tables["work_order"], found.tables["audit"]

    def row(table: Any, **known: object) -> dict[str, object]:
        blank: dict[str, object] = {}
        for column in table.columns:
            if not column.nullable and column.server_default is None:
                numeric = isinstance(column.type, Integer | Numeric)
                blank[column.name] = 0 if numeric else False if column.name == "told_cleared" else ""
        return {**blank, **known}

    orders = [("a", "default"), ("b", "default"), ("c", "north")]
    c.execute(insert(order), [row(order, id=i, tenant_id=t, no=i, key=i, causes="[]", state="new") for i, t in orders])
    names = dict(orders)
    audits = [
        row(
            audit,
            order_id="abc"[n % 3],
            tenant_id=names["abc"[n % 3]],
            seq=n,
            type="updated",
            actor="王",
            data='{"note":"电\\"工"}',
            at=ROWS - n,
            occurred_at=n,
        )
        for n in range(1, ROWS + 1)
    ]
    c.execute(insert(audit), audits)


def migrate_back(c: Connection, target: str) -> None:
    scripts = ScriptDirectory(str(FOLDER))
    steps: Any = lambda revision, _: list(scripts._downgrade_revs(target, revision))  # noqa: E731
    context = MigrationContext.configure(c, opts={"fn": steps, "as_sql": False})
    with Operations.context(context):
        context.run_migrations()


def test_audits_of_an_older_release_join_the_chain_by_time(empty: Database) -> None:
    empty.upgrade(str(BEFORE))
    empty.transact(old)
    assert not AuditTrail(empty).chained()
    empty.upgrade()
    counts = []
    for tenant in ("default", "north"):
        trail = AuditTrail(empty, tenant)
        assert trail.chained()
        report = trail.check()
        assert report.broken is None, report.broken.why.text("en")
        counts.append(report.rows)
    assert sum(counts) == ROWS
    assert counts[1] == ROWS // 3
    times = "SELECT at FROM audit WHERE tenant_id = 'default' ORDER BY number"
    at = empty.query(lambda c: list(c.scalars(text(times))))
    assert at == sorted(at)


def test_the_way_back_and_forth_again(empty: Database) -> None:
    empty.upgrade(str(BEFORE))
    empty.transact(old)
    empty.upgrade()
    empty.transact(lambda c: migrate_back(c, str(BEFORE)))
    assert not AuditTrail(empty).chained()
    assert {"number", "hash"}.isdisjoint(x["name"] for x in empty.query(lambda c: inspect(c).get_columns("audit")))
    empty.transact(lambda c: c.execute(text("UPDATE audit SET actor = 'x' WHERE seq = 1")))
    empty.upgrade()
    assert AuditTrail(empty).check().broken is None
