"""The PostgreSQL side of `Database`: connections, the write lock, the gateway that holds the database (decision 190).

Every writer first locks the one row of the table `installation`: so a transaction has the database to itself before
it reads, as on SQLite. A gateway holds an advisory lock for as long as it lives, and writes its epoch into that row: a
gateway that was replaced finds another epoch there and stops.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, bindparam, create_engine, event, text

from gateway.domain.duration import MS, SECOND
from gateway.domain.errors import InvariantBroken, StoreError, StoreRejected, StoreUnavailable
from gateway.postgres_connection import PostgresConnection

LOCK_PATIENCE: Final = 30 * SECOND
"""How long a writer waits for another one."""
_HOLDER: Final = text(
    "SELECT a.pid, a.application_name, coalesce(host(a.client_addr), '') FROM pg_locks l JOIN pg_stat_activity a "
    "USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND l.database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND l.classid = (hashtext('fieldgate database')::bigint & 4294967295)::oid "
    "AND l.objid = (hashtext(:schema)::bigint & 4294967295)::oid LIMIT 1"
)
_NO_TABLES: Final = ("42P01", "3F000")
_JOURNAL: Final = text("SELECT journal FROM installation WHERE id = 1").columns(journal=BigInteger)
_CLAIM: Final = text(
    "UPDATE installation SET epoch = epoch + 1, identity = CASE identity WHEN 0 THEN :identity ELSE identity END, "
    "journal = :journal WHERE id = 1 RETURNING epoch, identity"
).bindparams(bindparam("identity", type_=BigInteger), bindparam("journal", type_=BigInteger))
_EPOCH: Final = text("SELECT epoch FROM installation WHERE id = 1 FOR UPDATE").columns(epoch=BigInteger)


class PostgresServer:
    """Connections to one schema. `place` is its address for messages."""

    def __init__(self, config: PostgresConnection) -> None:
        """Connects to nothing. Raises StoreError when the driver is not installed."""
        if find_spec("psycopg") is None:
            raise StoreError.of("database.driver")
        self._config = config
        self.place, self.schema = config.address, config.schema_name
        self.epoch: int | None = None
        """The epoch of this process since `claim`; None for a command, which is never fenced off."""
        self._hold: Any = None
        self._holding = False

    def engines(self, readers: int) -> tuple[Engine, Engine]:
        """(writer, reader). A transaction of the reader is a snapshot that cannot write."""
        # A writer waits for the one before it anyway: two connections let the next one begin at once.
        writer = self._engine(pool_size=2, max_overflow=0, pool_timeout=120)
        reader = self._engine(pool_size=readers, max_overflow=readers)

        def only_reads(connection: Any, _record: object) -> None:
            from psycopg import IsolationLevel

            connection.read_only = True
            connection.isolation_level = IsolationLevel.REPEATABLE_READ

        event.listen(reader, "connect", only_reads)
        return writer, reader

    def _engine(self, **pool: Any) -> Engine:
        return create_engine(
            "postgresql+psycopg://",
            creator=self.connect,
            use_native_hstore=False,
            pool_use_lifo=True,
            hide_parameters=True,
            **pool,
        )

    def connect(self) -> Any:
        """A connection with the settings of a writer. Raises StoreUnavailable, StoreRejected."""
        import psycopg

        from gateway.postgres_errors import connected, translated
        from gateway.store.plain_text import prepare

        connection = connected(self._config)
        try:
            if connection.execute("SHOW synchronous_commit").fetchone()[0] == "off":  # type: ignore[index]
                connection.execute("SET synchronous_commit = 'on'")
            for name, value in self._session_settings().items():
                connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        except psycopg.Error as error:
            connection.close()
            raise translated(error, self.place) from error
        except StoreError:
            connection.close()
            raise
        prepare(connection)
        connection.autocommit = False
        return connection

    def _session_settings(self) -> dict[str, str]:
        limit = self._config.timeout
        return {
            "search_path": self.schema,
            "timezone": "UTC",
            "statement_timeout": str(limit // MS),
            "lock_timeout": str(min(limit, LOCK_PATIENCE) // MS),
            # A process that stands still in a transaction must not keep the others out.
            "idle_in_transaction_session_timeout": str(2 * limit // MS),
            # The server notices within a minute that the machine of a gateway is gone, and frees its lock.
            "tcp_keepalives_idle": "30",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
        }

    def make_schema(self, connection: Connection) -> None:
        """Create the schema if it is missing. Only one process at a time goes past this line."""
        lock = f"SELECT pg_advisory_xact_lock(hashtext('fieldgate schema'), hashtext('{self.schema}'))"
        connection.exec_driver_sql(lock)
        known = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
        if connection.scalar(known, {"name": self.schema}) is None:
            connection.exec_driver_sql(f"CREATE SCHEMA {self.schema}")

    def lock(self, connection: Connection) -> None:
        """Wait until this transaction is the only one that writes. Raises InvariantBroken when another gateway has
        taken the database over, StoreRejected when the row of the installation is gone."""
        found = connection.execute(_EPOCH).scalar_one_or_none()
        if found is None:
            raise StoreRejected.of("database.no_installation", place=self.place, schema=self.schema)
        if self.epoch is not None and found != self.epoch:
            raise InvariantBroken(
                f"PostgreSQL {self.place}, schema {self.schema}: another gateway has taken it over "
                f"(epoch {found}, ours is {self.epoch})"
            )

    def hold(self) -> bool:
        """Hold the database for this process until `release` or its end; False while another process holds it."""
        if self._hold is None:
            from psycopg import Error

            connection = self.connect()
            lock = f"SELECT pg_try_advisory_lock(hashtext('fieldgate database'), hashtext('{self.schema}'))"
            try:
                connection.autocommit = True
                taken = connection.execute(lock).fetchone()[0]
            except Error as error:
                connection.close()
                raise self.error(error) from error
            if not taken:
                connection.close()
                return False
            self._hold = connection
        self._holding = True
        return True

    def check_journal(self, connection: Connection, journal: int) -> None:
        """Raises StoreError when the database belongs to a journal of another identity."""
        if connection.scalar(_JOURNAL) not in (0, journal):
            raise StoreError.of("database.other_journal", place=self.place, schema=self.schema)

    def claim(self, connection: Connection, journal: int) -> int:
        """See `Database.claim`."""
        if journal:
            self.check_journal(connection, journal)
        fresh = secrets.randbelow(2**31 - 1) + 1
        epoch, identity = connection.execute(_CLAIM, {"identity": fresh, "journal": journal}).one()
        self.epoch = epoch
        return int(identity)

    def rewrite(self, tables: Sequence[str]) -> None:
        """VACUUM FULL, as long as it takes. Raises StoreError."""
        import psycopg

        connection = self.connect()
        try:
            connection.autocommit = True
            connection.execute("SET statement_timeout = 0")
            connection.execute(f"VACUUM FULL {', '.join(tables)}")
        except psycopg.Error as error:
            raise self.error(error) from error
        finally:
            connection.close()

    def error(self, error: Any) -> StoreError:
        """The StoreError of an error of the driver."""
        from psycopg import Error

        from gateway.postgres_errors import translated

        if not isinstance(error, Error):
            return StoreUnavailable(str(error))
        if error.sqlstate in _NO_TABLES:
            return StoreUnavailable.of("database.no_tables", place=self.place, schema=self.schema)
        return translated(error, self.place)

    def still_held(self) -> None:
        """Take the lock again after the connection that had it was lost. Raises StoreUnavailable when another process
        has it by now; the epoch then ends this one."""
        from psycopg import Error

        if self._hold is not None:
            try:
                self._hold.execute("SELECT 1")
                return
            except Error:
                with suppress(Error):
                    self._hold.close()
                self._hold = None
        if self._holding and not self.hold():
            raise StoreUnavailable.of("database.held", place=self.place, schema=self.schema, holder="-") from None

    def release(self) -> None:
        """Let others have the database."""
        if self._hold is not None:
            self._hold.close()
        self._hold, self._holding = None, False

    def held_by_another(self, query: Callable[[Callable[[Connection], Any]], Any]) -> StoreUnavailable:
        """The error that names the process which holds the database."""
        row = query(lambda c: c.execute(_HOLDER, {"schema": self.schema}).first())
        holder = "-" if row is None else f"{row[1]} (PID {row[0]}{', ' if row[2] else ''}{row[2]})"
        return StoreUnavailable.of("database.held", place=self.place, schema=self.schema, holder=holder)
