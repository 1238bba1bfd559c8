"""Moves the database of an installation from its file to a PostgreSQL server."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, func, insert, select, text

from gateway import expected_stores
from gateway.database_config import DatabaseConfig
from gateway.domain.errors import StoreError
from gateway.durable import move_aside, replace_synced
from gateway.expected_stores import JOURNAL
from gateway.lock import FileLock
from gateway.settings.model import Settings
from gateway.store import DatabasePlace, hold, tables
from gateway.store.columns import metadata

MANY: Final = 1_000
"""Rows per statement."""
_OWN: Final = tables.installation
"""Describes the database itself: it is not copied."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Result: rows, tables, the new place, and what the file is called now."""

    rows: int
    tables: int
    place: DatabasePlace
    aside: Path


def move(settings: Settings, target: DatabaseConfig) -> Moved:
    """Copy every table to an empty schema of the server in one transaction, compare the counts, and make it the
    database of the data folder. The file stays, under another name.

    Needs a stopped gateway. Raises StoreError; then the file is still the database, and the server has no row of it.
    """
    source = DatabasePlace(settings.data_dir, DatabaseConfig())
    if source.file is None or not source.exists():
        raise StoreError.of("database.move.no_file", path=source)
    place = DatabasePlace(settings.data_dir, target)
    lock = FileLock(settings.data_dir / JOURNAL, "database move")
    try:
        old, new = source.open(), place.open()
        try:
            old.upgrade()
            hold(new)
            new.upgrade()
            counts = old.query(lambda read: new.transact(lambda write: _copied(read, write, place)))
            known = expected_stores.expected(settings.data_dir)
            identity = new.claim(known.get("journal", 0))
        finally:
            new.dispose()
            old.close()
        stores = {name: number for name, number in known.items() if name != "database"}
        made = {"format": 1, "stores": {**stores, expected_stores.SERVER: identity}}
        replace_synced(settings.data_dir / expected_stores.NAME, made)
        aside = move_aside(source.file, "-wal", "-shm", word="moved")
        return Moved(sum(counts.values()), len(counts), place, aside)
    finally:
        lock.release()


def _copied(read: Connection, write: Connection, place: DatabasePlace) -> dict[str, int]:
    """Table -> rows. Foreign keys hold at every moment: tables come in their order."""
    write.execute(text("SET LOCAL statement_timeout = 0"))
    copied = [table for table in metadata.sorted_tables if table is not _OWN]
    for table in copied:
        if write.scalar(select(func.count()).select_from(table)):
            schema = place.config.schema_name
            raise StoreError.of("database.move.not_empty", place=place, table=table.name, schema=schema)
    counts = {}
    for table in copied:
        for rows in _rows(read, table):
            write.execute(insert(table), rows)
        there = write.scalar(select(func.count()).select_from(table)) or 0
        here = read.scalar(select(func.count()).select_from(table)) or 0
        if here != there:
            raise StoreError.of("database.move.differs", table=table.name, read=here, written=there)
        counts[table.name] = there
        _count_on(read, write, table)
    return counts


def _rows(read: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    names = [column.key for column in table.c]
    for part in read.execute(select(table)).partitions(MANY):
        yield [dict(zip(names, row, strict=True)) for row in part]


def _count_on(read: Connection, write: Connection, table: Table) -> None:
    """Numbers of rows go on after the highest that was ever given: a follower of the feed misses nothing."""
    serial = next((c for c in table.primary_key if c.autoincrement is True), None)
    if serial is None:
        return
    highest = write.scalar(select(func.max(serial))) or 0
    if table.dialect_options["sqlite"]["autoincrement"]:
        given = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        highest = max(highest, read.scalar(given, {"name": table.name}) or 0)
    if highest:
        sequence = func.pg_get_serial_sequence(table.name, serial.name)
        write.execute(select(func.setval(sequence, highest)))
