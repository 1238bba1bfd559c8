"""A filled database of an older release on PostgreSQL becomes one of this release, row by row what the file becomes."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import postgres_kit
import pytest
from sqlalchemy import Boolean, Connection, MetaData, Table, delete, insert, select, text

from gateway.store import AuditTrail, Database, Queries
from gateway.store.columns import metadata
from gateway.store.migrate import revisions

pytestmark = postgres_kit.needed
FOLDER = Path(__file__).parent / "folders" / "revision-0008.tar.xz"
FIRST = "0008"
SALTED = {"prev_hash", "hash", "digest", "salt"}
OWN = {"alembic_version", "installation"}


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Database]:
    """The file of an earlier build, with its orders."""
    with tarfile.open(FOLDER) as archive:
        archive.extractall(tmp_path, filter="data")
    database = Database.at(tmp_path / "var" / "fieldgate.sqlite")
    yield database
    database.close()


@pytest.fixture
def server() -> Iterator[Database]:
    """A database without tables."""
    config = postgres_kit.connection(postgres_kit.empty_database())
    database = Database(config)
    yield database
    database.close()
    postgres_kit.drop(config)


def reflected(c: Connection) -> MetaData:
    found = MetaData()
    found.reflect(c)
    return found


def copied(read: Connection, write: Connection) -> None:
    """All rows, as the release of that revision would have written them to a server."""
    here, there = reflected(read), reflected(write)
    for table in there.sorted_tables:
        if table.name in OWN:
            continue
        names = [column.name for column in table.c]
        flags = {column.name for column in table.c if isinstance(column.type, Boolean)}
        write.execute(delete(table))
        rows = [dict(zip(names, row, strict=True)) for row in read.execute(select(*_columns(here, table)))]
        if rows:
            write.execute(insert(table), [row | {name: bool(row[name]) for name in flags} for row in rows])


def _columns(here: MetaData, table: Table) -> list[object]:
    return [here.tables[table.name].c[column.name] for column in table.c]


def contents(database: Database) -> dict[str, list[str]]:
    def work(c: Connection) -> dict[str, list[str]]:
        found = {}
        for table in metadata.sorted_tables:
            if table.name not in OWN:
                columns = [column for column in table.c if column.name not in SALTED]
                found[table.name] = sorted(repr(tuple(row)) for row in c.execute(select(*columns)))
        return found

    return database.query(work)


@pytest.mark.parametrize("revision", ["0012", "0013", "0014"])  # the first release that knew servers, and later ones
def test_from_a_filled_database_of_an_older_release(old: Database, server: Database, revision: str) -> None:
    assert old.plan().current == FIRST
    old.upgrade(revision)
    server.upgrade(revision)
    old.query(lambda read: server.transact(lambda write: copied(read, write)))
    pending = tuple(one for one in revisions() if one > revision)
    assert server.plan().pending == pending
    for database in (old, server):
        database.upgrade()
    left, right = contents(old), contents(server)
    assert left == right
    assert len(left["work_order"]) >= 1
    assert len(left["audit"]) >= 2
    assert AuditTrail(server).check().broken is None
    assert AuditTrail(server).check().rows == len(left["audit"])
    orders = Queries(server).orders().items
    assert orders == Queries(old).orders().items
    with pytest.raises(Exception, match="never changed"):
        server.transact(lambda c: c.execute(text("DELETE FROM audit")))
