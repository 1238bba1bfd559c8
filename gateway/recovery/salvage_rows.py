"""Copies every readable row of a damaged database into a new one."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from pysqlite3 import dbapi2 as sqlite

from gateway.store.columns import metadata
from gateway.store.database import Database
from gateway.store.migrate import revisions

MANY: Final = 500
"""Rows per read while no row is damaged."""
BAD_IN_A_ROW: Final = 2_000
"""Rows tried one by one before a table is given up."""


def salvage(damaged: Path, fresh: Path) -> dict[str, tuple[int, int]]:
    """Fill the database `fresh` from `damaged`: table -> (rows copied, places that could not be read). The tables
    are first those of the release that wrote them, then migrated to this one."""
    uri = f"{damaged.absolute().as_uri()}?mode=ro"  # it is moved aside as it was found
    with closing(sqlite.connect(uri, uri=True, isolation_level=None)) as old:
        database = Database.at(fresh)
        try:
            database.upgrade(_revision(old))
            found = _copied(old, fresh)
            database.upgrade()
        finally:
            database.close()
    return found


def _revision(old: Any) -> str:
    """The revision of the damaged file, if it can be read and is known to this release; else the newest."""
    with suppress(sqlite.Error, TypeError):
        (revision,) = old.execute("SELECT version_num FROM alembic_version").fetchone()
        if revision in revisions():
            return str(revision)
    return revisions()[-1]


def _copied(old: Any, fresh: Path) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    with closing(sqlite.connect(str(fresh), isolation_level=None)) as new:
        new.execute("PRAGMA foreign_keys = OFF")
        new.execute("BEGIN IMMEDIATE")
        guards = new.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:  # rows of an audit whose order is lost go with it: `audit verify` shows the gap
            new.execute(f'DROP TRIGGER "{name}"')
        for table in metadata.sorted_tables:
            wanted = [row[1] for row in new.execute(f'PRAGMA table_info("{table.name}")')]
            if wanted:
                found[table.name] = _table(old, new, table.name, wanted)
        for name, orphan in {(row[0], row[1]) for row in new.execute("PRAGMA foreign_key_check")}:
            new.execute(f'DELETE FROM "{name}" WHERE rowid = ?', (orphan,))
            kept, lost = found.get(name, (1, 0))
            found[name] = (kept - 1, lost + 1)
        for _, statement in guards:
            new.execute(statement)
        new.execute("COMMIT")
    return found


def _table(old: Any, new: Any, name: str, wanted: list[str]) -> tuple[int, int]:
    try:
        have = {row[1] for row in old.execute(f'PRAGMA table_info("{name}")')}
    except sqlite.Error:
        have = set()
    columns = [column for column in wanted if column in have]
    if not columns:
        return 0, 1
    listed = ", ".join(f'"{column}"' for column in columns)
    copied, bad = 0, [0]
    for row in _walk(old, f'SELECT rowid, {listed} FROM "{name}" WHERE rowid > ? ORDER BY rowid LIMIT ?', bad):
        marks = ", ".join("?" * len(columns))
        try:
            copied += new.execute(f'INSERT OR IGNORE INTO "{name}" ({listed}) VALUES ({marks})', row[1:]).rowcount
        except sqlite.Error:  # a damaged page may yield anything
            bad[0] += 1
    return copied, bad[0]


def _walk(db: Any, query: str, bad: list[int]) -> Iterator[tuple[Any, ...]]:
    """Rows in order; unreadable rows are skipped and counted as one place, however long it is."""
    place, tried = 0, 0
    while tried < BAD_IN_A_ROW:
        try:
            rows = db.execute(query, (place, MANY if not tried else 1)).fetchall()
        except sqlite.Error:
            if not tried:
                tried = 1
                bad[0] += 1
                continue
            place, tried = place + 1, tried + 1
            continue
        ahead = [row for row in rows if isinstance(row[0], int) and row[0] > place]
        if not ahead:
            return
        yield from ahead
        place, tried = ahead[-1][0], 0
