"""The one file that uses psycopg: a connection, with errors converted to StoreErrors.

A connection that failed is closed: the next call opens another one.
"""

import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

import psycopg

from gateway.domain.duration import MS, SECOND
from gateway.domain.errors import StoreError, StoreFull, StoreRejected, StoreUnavailable
from sinks.series.postgres.columns import COPY_END, COPY_HEAD
from sinks.series.postgres.config import PostgresConfig

OLDEST = 140_000
_PIECE = 1 << 18
_AFTER_LOGIN = re.compile(r"closed the connection|could not|timeout|timed out|reset by peer|terminat|starting up|shut")
_READ_ONLY = re.compile(r"read-only|read-write|not a primary|in recovery")
_NOT_TLS = re.compile(r"certificate|\bSSL\b|\bssl|TLS")


class PostgresSession:
    """An open connection. Statements outside of `transaction` stand alone."""

    def __init__(self, config: PostgresConfig, timeout: int | None = None) -> None:
        """Connects. A statement may take `timeout` µs (None = that of the configuration). Raises StoreUnavailable,
        StoreRejected."""
        self._place = config.address
        limit = timeout or config.timeout
        self._patience = (limit + min(limit, 5 * SECOND)) / SECOND
        try:
            parameters = config.connection()
        except OSError as error:
            raise StoreRejected.of(
                "postgres.secret", path=config.password_file, what=error.strerror or error
            ) from error
        try:
            self._connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise _no_login(error, config) from None
        self.version = self._connection.info.parameter_status("server_version") or ""
        with self.errors():
            if self._connection.info.server_version < OLDEST:
                raise StoreRejected.of("postgres.old", place=self._place, found=self._connection.info.server_version)
            encoding = self._connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise StoreRejected.of("postgres.encoding", place=self._place, found=encoding)
            self.run("SET timezone = 'UTC'")
            self.run(f"SET statement_timeout = {limit // MS}")
            self.run(f"SET lock_timeout = {min(config.timeout // MS // 2, 5_000)}")
            self.run(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors of psycopg become StoreErrors; the connection is closed then."""
        try:
            yield
        except psycopg.Error as error:
            self.close()
            raise translated(error, self._place) from error
        except StoreError:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end. After an error the connection is closed, which rolls back."""
        self.run("BEGIN")
        try:
            yield
        except BaseException:
            self.close()
            raise
        self.run("COMMIT")

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """A server that does not answer at all (a process that stands still, a disk that hangs) is left in the end."""
        timer = Timer(self._patience, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        with (
            suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(self._connection.fileno())) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)

    def run(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a statement; [] when it has none."""
        with self._deadline(), self._connection.cursor() as cursor:
            cursor.execute(text.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def run_many(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        """One statement for each row."""
        with self._deadline(), self._connection.cursor() as cursor:
            cursor.executemany(text.encode(), rows)

    def raw(self, text: str) -> list[bytes | None]:
        """The columns of the one row of a query, in binary form."""
        with self._deadline(), self._connection.cursor(binary=True) as cursor:
            cursor.execute(text.encode())
            result = cursor.pgresult
            assert result is not None
            return [result.get_value(0, column) for column in range(result.nfields)]

    def copy(self, target: str, blocks: Iterable[bytes]) -> None:
        """COPY rows in binary form into `table (columns)`."""
        with (
            self._deadline(),
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {target} FROM STDIN (FORMAT BINARY)".encode()) as copy,
        ):
            copy.write(COPY_HEAD)
            for block in blocks:
                view = memoryview(block)
                for begin in range(0, len(view), _PIECE):
                    copy.write(view[begin : begin + _PIECE])
            copy.write(COPY_END)

    def close(self) -> None:
        """Close the connection; uncommitted changes are rolled back."""
        with suppress(psycopg.Error):
            self._connection.close()


def _no_login(error: psycopg.Error, config: PostgresConfig) -> StoreError:
    """Why there is no connection. The server's code of the error does not come through libpq here: what counts is
    whether the password was asked for, and words of libpq itself."""
    what = " ".join(str(error).removeprefix("connection failed: ").split())
    state = error.pgconn
    password_sent = state is not None and (state.used_password or state.needs_password)
    fields = {"place": config.address, "what": what}
    if _READ_ONLY.search(what):
        return StoreUnavailable.of("postgres.read_only", **fields)
    if "does not exist" in what and config.database in what and "role" not in what:
        return StoreRejected.of("postgres.no_database", **fields)
    if "pg_hba" in what or (password_sent and not _AFTER_LOGIN.search(what) and "too many" not in what):
        return StoreRejected.of("postgres.refused", **fields)
    if _NOT_TLS.search(what):
        return StoreRejected.of("postgres.tls", **fields)
    return StoreUnavailable.of("postgres.unreachable", **fields)


_TRY_AGAIN = ("08", "40", "53", "55", "57", "58", "XX", "23")
_BY_STATE: dict[str, tuple[type[StoreError], str]] = {
    "53100": (StoreFull, "postgres.full"),
    "25006": (StoreUnavailable, "postgres.read_only"),
    "42501": (StoreRejected, "postgres.rights"),
    "28000": (StoreRejected, "postgres.refused"),
    "28P01": (StoreRejected, "postgres.refused"),
    "3D000": (StoreRejected, "postgres.no_database"),
    "42P01": (StoreUnavailable, "postgres.gone"),
    "3F000": (StoreUnavailable, "postgres.gone"),
    "57014": (StoreUnavailable, "postgres.slow"),
    "55P03": (StoreUnavailable, "postgres.locked"),
}


def translated(error: psycopg.Error, place: str) -> StoreError:
    """Try again (no connection, restart, conflict, locked), full, or refused until a person changes something."""
    state = error.sqlstate or ""
    what = error.diag.message_primary or " ".join(str(error).split())
    if state in _BY_STATE:
        kind, key = _BY_STATE[state]
    elif not state or state.startswith(_TRY_AGAIN):
        kind, key = StoreUnavailable, "postgres.failed"
    else:
        kind, key = StoreRejected, "postgres.misfit"
    return kind.of(key, place=place, what=f"{what} ({state})" if state else what)
