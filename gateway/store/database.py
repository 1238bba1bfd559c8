"""One database: a writer connection that serialises every change, readers that cannot write, migrations at start."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Dialect, Engine, Insert, Table, Update, create_engine, event, make_url
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects import sqlite as lite
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from gateway.domain.errors import StoreError, StoreFull, StoreUnavailable
from gateway.store.migrate import MigrationPlan, plan, upgrade
from gateway.store.migration_backup import back_up

T = TypeVar("T")
log = structlog.get_logger()
_RACES = 5


@dataclass(frozen=True, slots=True)
class Migrated:
    """Result of an upgrade: from `current` over `pending`; `copy` is the file from before ("" = none was needed)."""

    current: str
    pending: tuple[str, ...]
    copy: str


class Database:
    """`sqlite:////var/lib/fieldgate/desk.db` or `postgresql+psycopg://…`.

    SQLite: WAL, synchronous FULL (a committed order survives a power cut), one writer connection that also
    checkpoints, readers with `query_only`. Errors of the driver leave as StoreUnavailable, StoreFull or StoreError.
    """

    @classmethod
    def at(cls, path: Path) -> "Database":
        """The SQLite file `path`; made when it is not there."""
        return cls(f"sqlite:///{path}")

    def __init__(self, url: str, *, readers: int = 4, busy: int = 10_000_000) -> None:
        """`readers` connections for queries; `busy` µs a writer waits for another process."""
        parsed = make_url(url)
        self.embedded = parsed.get_backend_name() == "sqlite"
        self._file: Path | None = None
        if self.embedded:
            if not parsed.database or parsed.database == ":memory:":
                raise StoreError("the desk needs a file: a database in memory does not survive a restart")
            self._file = Path(parsed.database)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            lite_options: dict[str, Any] = {
                "module": sqlite,
                "connect_args": {"timeout": busy / 1e6},
                "hide_parameters": True,
            }
            self._writer = create_engine(parsed, pool_size=1, max_overflow=0, pool_timeout=120, **lite_options)
            self._reader = create_engine(parsed, pool_size=readers, max_overflow=readers, **lite_options)
            _tune(self._writer, begin="BEGIN IMMEDIATE", query_only=False)
            _tune(self._reader, begin="BEGIN", query_only=True)
        else:
            self._writer = create_engine(parsed, pool_size=2, pool_pre_ping=True, hide_parameters=True)
            self._reader = create_engine(parsed, pool_size=readers, pool_pre_ping=True, hide_parameters=True)

    def plan(self) -> MigrationPlan:
        """The steps of `upgrade`, not carried out. Raises StoreError for a database of a newer release."""
        with _translated(), self._reader.begin() as connection:
            return plan(connection)

    def upgrade(self, target: str = "") -> Migrated:
        """Migrate the tables to this release (or to the revision `target`), at start; a file is copied before.
        Raises StoreError for a database of a newer release, which is left unchanged."""
        now, copy = self.plan(), ""
        if now.pending:
            if now.current and self._file is not None:
                copy = str(back_up(self._file, now.current))
            with _translated(), self._writer.begin() as connection:
                upgrade(connection, target or "head")
            if now.current:
                log.warning("database migrated", revisions=now.pending, was=now.current, copy=copy)
        return Migrated(now.current, now.pending, copy)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction: all of it is on disk when this returns, or nothing when it raises.

        Runs `work` again (bounded) when another writer won the race for a unique row, so it must compute everything
        from what it reads. On SQLite there is no such race: a transaction takes the write lock before it reads.
        """
        for attempt in range(_RACES):
            try:
                with _translated(), self._writer.begin() as connection:
                    return work(connection)
            except IntegrityError as error:
                if self.embedded or attempt == _RACES - 1:
                    raise StoreError(f"a unique or foreign key does not hold: {error.orig}") from error
        raise AssertionError("unreachable")

    def query(self, work: Callable[[Connection], T]) -> T:
        """`work` on a consistent snapshot; it cannot write."""
        with _translated(), self._reader.begin() as connection:
            return work(connection)

    def fold(self) -> None:
        """Merge the write-ahead log into the file, and empty it when no reader uses it."""
        if self.embedded:
            try:
                with _translated(), self._writer.connect() as connection:
                    connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except StoreError as error:  # what is committed is safe in the log
                log.warning("database: its log is not folded into it", error=str(error))

    def compact(self) -> None:
        """Rewrite the file without deleted rows. Other writers wait meanwhile."""
        if self.embedded:
            with _translated(), self._writer.connect() as connection:
                connection.connection.cursor().execute("VACUUM")

    def close(self) -> None:
        """Checkpoint and close every connection."""
        self.fold()
        self.dispose()

    def dispose(self) -> None:
        """Close every connection without a checkpoint."""
        self._reader.dispose()
        self._writer.dispose()


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or replace those with the same primary key."""
    if not rows:
        return
    keys = [column.key for column in table.primary_key]
    maker = lite.insert if connection.dialect.name == "sqlite" else pg.insert
    statement = maker(table)
    rest = {c.key: statement.excluded[c.key] for c in table.c if c.key in rows[0] and c.key not in keys}
    connection.execute(
        statement.on_conflict_do_update(index_elements=[table.c[k] for k in keys], set_=rest), list(rows)
    )


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those that break a unique key are there already and stay as they are."""
    if rows:
        maker = lite.insert if connection.dialect.name == "sqlite" else pg.insert
        connection.execute(maker(table).on_conflict_do_nothing(), list(rows))


def bulk(connection: Connection, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run one statement for many rows without looking at each value: they are text, numbers and bytes already.

    Twice as fast as `execute`; a parameter `b_id` takes the row's id. The rows have the statement's parameters.
    """
    if not rows:
        return
    sql, pairs = _compiled(connection.dialect, statement)
    if connection.dialect.positional:
        connection.exec_driver_sql(sql, [tuple([row[key] for _, key in pairs]) for row in rows])
    else:
        connection.exec_driver_sql(sql, [{name: row[key] for name, key in pairs} for row in rows])


@lru_cache(maxsize=64)
def _compiled(dialect: Dialect, statement: Insert | Update) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The SQL, and (parameter, key in the row) in the order of the parameters."""
    compiled = statement.compile(dialect=dialect)
    names = compiled.positiontup if compiled.positional else list(compiled.params)
    return compiled.string, tuple((name, name.removeprefix("b_")) for name in names or ())


def _first(error: DBAPIError) -> DBAPIError:
    """The first error of a chain: after a full disk the rollback fails, too."""
    first, before = error, error.__context__
    while before is not None:
        first, before = before if isinstance(before, DBAPIError) else first, before.__context__
    return first


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except OperationalError as error:
        message = str(_first(error).orig)
        if "disk is full" in message or "No space left" in message:
            raise StoreFull(message) from error
        raise StoreUnavailable(message) from error
    except DBAPIError as error:  # a value or a statement the database does not take: waiting would not help
        raise StoreError(str(error.orig)) from error


def _tune(engine: Engine, *, begin: str, query_only: bool) -> None:
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin by itself
        cursor = connection.cursor()
        if not query_only:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA wal_autocheckpoint = 4000")
            cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not only left
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -32000")
        cursor.execute(f"PRAGMA query_only = {'ON' if query_only else 'OFF'}")
        cursor.close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", start)
