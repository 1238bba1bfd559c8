"""One database: a writer connection that serialises every change, readers that cannot write, migrations at start."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Dialect, Engine, Insert, Table, Update, create_engine, event, make_url
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects import sqlite as lite
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from gateway.database_config import DatabaseConfig
from gateway.domain.errors import StoreError, StoreFull, StoreUnavailable
from gateway.postgres_connection import PostgresConnection
from gateway.store.migrate import MigrationPlan, plan, upgrade
from gateway.store.migration_backup import back_up
from gateway.store.postgres_server import PostgresServer

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Migrated:
    """Result of an upgrade: from `current` over `pending`; `copy` is the file from before ("" = none was needed)."""

    current: str
    pending: tuple[str, ...]
    copy: str


class Database:
    """A SQLite file, or a schema of a PostgreSQL server.

    SQLite: WAL, synchronous FULL (a committed order survives a power cut), one writer connection that also
    checkpoints, readers with `query_only`. PostgreSQL: see `PostgresServer`. Errors of the driver leave as
    StoreUnavailable, StoreFull, StoreRejected or StoreError.
    """

    @classmethod
    def at(cls, path: Path) -> "Database":
        """The SQLite file `path`; made when it is not there."""
        return cls(f"sqlite:///{path}")

    def __init__(self, place: str | PostgresConnection, *, readers: int = 4, busy: int = 10_000_000) -> None:
        """`place`: `sqlite:////var/lib/fieldgate/desk.db`, `postgresql://…`, or a connection of the configuration.
        `readers` connections for queries; `busy` µs a writer of SQLite waits for another process. Connects to
        nothing."""
        self.server: PostgresServer | None = None
        self._file: Path | None = None
        if isinstance(place, str) and not place.startswith("sqlite:"):
            place = DatabaseConfig.model_validate(place)
        if isinstance(place, str):
            self._writer, self._reader = self._embedded(place, readers, busy)
        else:
            self.server = PostgresServer(place)
            self._writer, self._reader = self.server.engines(readers)

    def _embedded(self, url: str, readers: int, busy: int) -> tuple[Engine, Engine]:
        parsed = make_url(url)
        if not parsed.database or parsed.database == ":memory:":
            raise StoreError("the desk needs a file: a database in memory does not survive a restart")
        self._file = Path(parsed.database)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {
            "module": sqlite,
            "connect_args": {"timeout": busy / 1e6},
            "hide_parameters": True,
        }
        writer = create_engine(parsed, pool_size=1, max_overflow=0, pool_timeout=120, **options)
        reader = create_engine(parsed, pool_size=readers, max_overflow=readers, **options)
        _tune(writer, begin="BEGIN IMMEDIATE", query_only=False)
        _tune(reader, begin="BEGIN", query_only=True)
        return writer, reader

    def __str__(self) -> str:
        """For messages: the file, or address and schema of the server; never a password."""
        return str(self._file) if self.server is None else f"PostgreSQL {self.server.place}, {self.server.schema}"

    def plan(self) -> MigrationPlan:
        """The steps of `upgrade`, not carried out. Raises StoreError for a database of a newer release."""
        return self.query(plan)

    def upgrade(self, target: str = "") -> Migrated:
        """Migrate the tables to this release (or to the revision `target`), at start; a file is copied before. On a
        server all steps are one transaction, and a missing schema is made. Raises StoreError for a database of a newer
        release, which is left unchanged."""
        now, copy = self.plan(), ""
        if now.pending:
            if now.current and self._file is not None:
                copy = str(back_up(self._file, now.current))
            with self._translated(), self._writer.begin() as connection:
                if self.server is not None:
                    self.server.make_schema(connection)
                upgrade(connection, target or "head")
            if now.current:
                log.warning("database migrated", revisions=now.pending, was=now.current, copy=copy)
        return Migrated(now.current, now.pending, copy)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction: all of it is on disk when this returns, or nothing when it raises.

        A transaction takes the write lock before it reads, on both databases: writers never race. StoreUnavailable
        after a lost connection to a server: the outcome is unknown, call again with work that may be repeated.
        """
        try:
            with self._translated(), self._begun() as connection, connection.get_transaction() or nullcontext():
                return work(connection)
        except IntegrityError as error:
            raise StoreError(f"a unique or foreign key does not hold: {error.orig}") from error

    def _begun(self) -> Connection:
        """A connection whose transaction has the write lock. One that was lost since its last use is replaced: nothing
        was done on it."""
        for again in (True, False):
            connection = self._writer.connect()
            try:
                connection.begin()
                if self.server is not None:
                    self.server.lock(connection)
                return connection
            except BaseException as error:
                connection.close()
                if not (again and isinstance(error, DBAPIError) and error.connection_invalidated):
                    raise
        raise AssertionError("unreachable")

    def query(self, work: Callable[[Connection], T]) -> T:
        """`work` on a consistent snapshot; it cannot write. Runs it again when a connection to a server was lost."""
        with self._translated():
            try:
                with self._reader.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if self.server is None or not error.connection_invalidated:
                    raise
            with self._reader.begin() as connection:
                return work(connection)

    def claim(self, journal: int) -> int:
        """Make this process the gateway that writes this database, fed by the journal of this identity (0 = the next
        start decides); returns the identity of the database. For a server, after `hold` and `upgrade`. Raises
        StoreError when the database belongs to another journal."""
        assert self.server is not None
        return self.transact(partial(self.server.claim, journal=journal))

    def keep(self) -> None:
        """Hold a server again whose connection was lost. Raises StoreError."""
        if self.server is not None:
            self.server.still_held()

    def fold(self) -> None:
        """Merge the write-ahead log into the file, and empty it when no reader uses it."""
        if self._file is not None:
            try:
                with self._translated(), self._writer.connect() as connection:
                    connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except StoreError as error:  # what is committed is safe in the log
                log.warning("database: its log is not folded into it", error=str(error))

    def refresh_statistics(self) -> None:
        """Count the rows behind the indexes of a file anew where they changed tenfold. Without it
        SQLite takes the tenant for a few rows and sorts all of them. A server does this by itself."""
        if self._file is None:
            return
        with self._translated(), self._writer.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA optimize = 0x10002")  # all tables; ANALYZE, whole: a part of the rows misleads it
        self._reader.dispose()  # new connections read the new statistics

    def compact(self, tables: Sequence[Table]) -> None:
        """Rewrite the file, or these tables of a server, without deleted rows. Other writers wait meanwhile."""
        if self.server is not None:
            self.server.rewrite([table.name for table in tables])
            return
        with self._translated(), self._writer.connect() as connection:
            connection.connection.cursor().execute("VACUUM")

    def close(self) -> None:
        """Checkpoint and close every connection."""
        self.fold()
        self.dispose()

    def dispose(self) -> None:
        """Close every connection without a checkpoint."""
        self._reader.dispose()
        self._writer.dispose()
        if self.server is not None:
            self.server.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            if self.server is not None:
                raise self.server.error(error.orig) from error
            message = str(_first(error).orig)
            if not isinstance(error, OperationalError):  # a value or a statement it does not take: waiting is no use
                raise StoreError(str(error.orig)) from error
            if "disk is full" in message or "No space left" in message:
                raise StoreFull(message) from error
            raise StoreUnavailable(message) from error


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
