"""The query on a database: the one file that uses SQLAlchemy. Blocking; in the thread of one worker."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Engine,
    Select,
    column,
    create_engine,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from xxhash import xxh3_64_intdigest

from gateway.domain.errors import SourceError
from protocols.sql_query.config import SqlQueryConfig
from protocols.sql_query.dialects import (
    PACKAGES,
    USUAL,
    connect_arguments,
    first_statements,
    keep_odd_moments,
    limit_time,
    open_sqlite,
)
from protocols.sql_query.position import QueryRow, UnusableCursor, checked_cursor
from protocols.sql_query.values import as_message

CHUNK: Final = 500
"""Rows that the driver gives at a time."""
STREAMED: Final = {"stream_results": True, "max_row_buffer": CHUNK}


class NoDriver(SourceError):
    """The driver of the URL is not installed, or there is none of that name."""


class DatabaseAway(SourceError):
    """No connection could be made, or it broke."""


class QueryRefused(SourceError):
    """The database did not carry out the query, or its rows cannot be used."""


def engine_of(config: SqlQueryConfig, url: URL) -> Engine:
    """An engine that keeps no connection. Raises NoDriver."""
    if url.drivername in USUAL:
        url = url.set(drivername=USUAL[url.drivername])
    backend, driver = url.get_backend_name(), url.drivername.partition("+")[2]
    arguments = connect_arguments(backend, driver, config.timeout)
    try:
        if backend == "sqlite":
            file = url.database or ""
            return create_engine(
                "sqlite://", creator=lambda: open_sqlite(file, config.timeout), poolclass=NullPool, hide_parameters=True
            )
        return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    except ModuleNotFoundError as error:
        package = PACKAGES.get(driver, error.name or driver)
        raise NoDriver.of("sql.driver", driver=driver, package=package) from None
    except (NoSuchModuleError, ArgumentError) as error:
        raise NoDriver.of("sql.no_dialect", got=url.drivername, error=str(error)) from None


def statement_of(config: SqlQueryConfig, bound: Any, limit: int | None) -> Select[Any]:
    """The query as a table, from `bound` on, in the order of the cursor. A colon in it is no parameter."""
    inner = text("(\n" + config.query.replace(":", "\\:") + "\n) fieldgate_rows")
    found: Select[Any] = select(literal_column("*")).select_from(inner)
    if config.cursor is not None:
        place: Any = column(config.cursor)
        found = found.where(place.is_not(None) if bound is None else place >= bound).order_by(place)
    return found if limit is None else found.limit(limit)


class QueryRun:
    """One transaction with one SELECT. Every call raises DatabaseAway, QueryRefused."""

    def __init__(self, engine: Engine, config: SqlQueryConfig) -> None:
        self._engine, self._config = engine, config
        self._zone = ZoneInfo(config.zone)
        self._connection: Connection | None = None
        self._result: CursorResult[Any] | None = None
        self.columns: tuple[str, ...] = ()
        self._cursor = -1

    def begin(self, bound: Any = None, limit: int | None = None) -> None:
        """Connect, unless it is, and send the query."""
        config, dialect = self._config, self._engine.dialect
        try:
            opened = self._connection
            if opened is None:
                opened = self._connection = self._engine.connect()
                keep_odd_moments(dialect.driver, opened.connection.dbapi_connection)
            driver = opened.connection.dbapi_connection
            limit_time(dialect.name, dialect.driver, driver, config.timeout)
            mariadb = bool(getattr(dialect, "is_mariadb", False))
            for first in first_statements(dialect.name, config.timeout, mariadb=mariadb):
                opened.exec_driver_sql(first)
        except (SQLAlchemyError, OSError) as error:
            self.end()
            raise DatabaseAway(_message(error)) from error
        try:
            streamed = STREAMED if limit is None else {}  # a page is bounded by itself
            self._result = opened.execute(statement_of(config, bound, limit), execution_options=streamed)
            self.columns = tuple(map(str, self._result.keys()))
        except (SQLAlchemyError, OSError) as error:
            raise self._failed(error) from error
        self._look_at_columns()

    def _look_at_columns(self) -> None:
        lowered = [name.lower() for name in self.columns]
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        wanted = self._config.cursor
        if twice:
            raise QueryRefused.of("sql.columns_twice", got=", ".join(twice))
        if wanted is not None and wanted.lower() not in lowered:
            raise QueryRefused.of("sql.no_cursor", got=wanted, found=", ".join(self.columns)[:200])
        self._cursor = -1 if wanted is None else lowered.index(wanted.lower())

    def rows(self, most: int) -> list[QueryRow]:
        """The next rows, at most so many; fewer = there are no more."""
        assert self._result is not None
        found: list[QueryRow] = []
        try:
            while len(found) < most and (some := self._result.fetchmany(min(CHUNK, most - len(found)))):
                found += [self._row(one) for one in some]
        except UnusableCursor as error:
            raise QueryRefused.of(error.key, **error.fields) from None
        except (SQLAlchemyError, OSError, ValueError, OverflowError) as error:
            raise self._failed(error) from error
        return found

    def _row(self, values: Sequence[Any]) -> QueryRow:
        payload = as_message(self.columns, values, self._zone)
        cursor = checked_cursor(values[self._cursor]) if self._cursor >= 0 else None
        return QueryRow(cursor, payload, xxh3_64_intdigest(payload))

    def _failed(self, error: Exception) -> SourceError:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return DatabaseAway(_message(error))
        return QueryRefused(_message(error))

    def finish(self) -> None:
        """End the transaction and keep the connection."""
        try:
            if self._result is not None:
                self._result.close()
            if self._connection is not None:
                self._connection.rollback()
        except (SQLAlchemyError, OSError) as error:
            raise DatabaseAway(_message(error)) from error
        finally:
            self._result = None

    def end(self) -> None:
        """Roll back and disconnect, also a connection that is broken. Raises nothing."""
        with suppress(Exception):
            self.finish()
        with suppress(Exception):
            if self._connection is not None:
                self._connection.close()
        self._connection = None


def _message(error: Exception) -> str:
    """The driver's own words, in one line."""
    own = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(own).split())[:300]
