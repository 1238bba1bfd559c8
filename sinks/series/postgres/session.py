"""The one file that uses psycopg: a connection, with errors converted to StoreErrors.

A connection that failed is closed: the next call opens another one.
"""

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

import psycopg

from gateway.domain.duration import MS, SECOND
from gateway.domain.errors import StoreError
from gateway.postgres_errors import connected, translated
from sinks.series.postgres.columns import COPY_END, COPY_HEAD
from sinks.series.postgres.config import PostgresConfig

LOCKED = psycopg.errors.LockNotAvailable
"""Another session holds a lock, for longer than `lock_timeout`."""
_PIECE = 1 << 18


class PostgresSession:
    """An open connection. Statements outside of `transaction` stand alone."""

    def __init__(self, config: PostgresConfig, timeout: int | None = None) -> None:
        """Connects. A statement may take `timeout` µs (None = that of the configuration). Raises StoreUnavailable,
        StoreRejected."""
        self._place = config.address
        limit = timeout or config.timeout
        self._patience = (limit + min(limit, 5 * SECOND)) / SECOND
        self._connection = connected(config, prepare_threshold=None)
        self.version = self._connection.info.parameter_status("server_version") or ""
        with self.errors():
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
