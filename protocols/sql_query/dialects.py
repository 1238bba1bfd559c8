"""What differs between databases: time limits, and transactions that only read.

Sources: PostgreSQL 17 manual (SET TRANSACTION, statement_timeout; libpq connection parameters), MySQL 8.4 manual (SET
TRANSACTION, max_execution_time), MariaDB (max_statement_time), Oracle SQL reference (SET TRANSACTION READ ONLY),
python-oracledb (call_timeout), pyodbc (timeout), SQLite (URI mode=ro, query_only, progress handler).
"""

import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from gateway.domain.duration import MS, SECOND

READ_ONLY: Final = frozenset({"postgresql", "mysql", "mariadb", "oracle", "sqlite"})
"""Backends with transactions that only read."""
PACKAGES: Final[Mapping[str, str]] = {
    "psycopg": "fieldgate[postgres]", "psycopg2": "psycopg2-binary", "pymysql": "pymysql", "mysqldb": "mysqlclient",
    "oracledb": "oracledb", "cx_oracle": "cx_Oracle", "pyodbc": "pyodbc", "pymssql": "pymssql",
}  # fmt: skip
"""What to install for a driver."""
USUAL: Final[Mapping[str, str]] = {
    "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql",
    "oracle": "oracle+oracledb", "mssql": "mssql+pyodbc",
}  # fmt: skip
"""The driver of a URL that names none."""
_STEPS: Final = 10_000
"""Of SQLite's machine, between two looks at the clock."""


def connect_arguments(backend: str, driver: str, timeout: int) -> dict[str, Any]:
    """Arguments of the driver's `connect`; `timeout` µs."""
    seconds = max(2, timeout // SECOND)
    if driver in {"psycopg", "psycopg2"}:
        return {
            "connect_timeout": min(10, seconds),
            "application_name": "fieldgate",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": seconds * 1000,
        }
    if driver == "pymysql":
        return {"connect_timeout": min(10, seconds), "read_timeout": seconds, "write_timeout": seconds}
    if backend == "mssql" and driver == "pyodbc":
        return {"timeout": min(10, seconds)}
    return {"tcp_connect_timeout": min(10, seconds)} if driver == "oracledb" else {}


def open_sqlite(file: str, timeout: int) -> sqlite3.Connection:
    """A file that must be there, for reading. Texts that are no UTF-8 come with replacement characters. Raises
    sqlite3.Error."""
    opened = sqlite3.connect(f"file:{quote(file)}?mode=ro", timeout=timeout / SECOND, uri=True)
    opened.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return opened


def first_statements(backend: str, timeout: int, *, mariadb: bool = False) -> list[str]:
    """What a transaction begins with."""
    if backend == "postgresql":
        return ["SET TRANSACTION READ ONLY", f"SET LOCAL statement_timeout = {timeout // MS}"]
    if backend in {"mysql", "mariadb"}:
        limit = f"max_statement_time = {timeout / SECOND:g}" if mariadb else f"max_execution_time = {timeout // MS}"
        return ["SET TRANSACTION READ ONLY", f"SET SESSION {limit}"]
    if backend == "oracle":
        return ["SET TRANSACTION READ ONLY"]
    return ["PRAGMA query_only = ON"] if backend == "sqlite" else []


def keep_odd_moments(driver: str, connection: Any) -> None:
    """Moments that Python has no value for (`infinity`, years before 1, 24:00) come as texts: one of them does not
    spoil its page. psycopg alone raises on them."""
    if driver != "psycopg":
        return
    from psycopg import DataError
    from psycopg.types import datetime as loaders

    for name in ("Date", "Time", "Timetz", "Timestamp", "Timestamptz"):
        base = getattr(loaders, f"{name}Loader")

        def load(self: Any, data: Any, base: Any = base) -> Any:
            try:
                return base.load(self, data)
            except DataError:
                return bytes(data).decode()

        connection.adapters.register_loader(name.lower(), type(f"Lenient{name}", (base,), {"load": load}))


def limit_time(backend: str, driver: str, connection: Any, timeout: int) -> None:
    """Time limits that are no statements; `connection` is that of the driver."""
    if backend == "sqlite":
        until = time.monotonic() + timeout / SECOND
        late: Callable[[], int] = lambda: int(time.monotonic() > until)  # noqa: E731 - the shape SQLite wants
        connection.set_progress_handler(late, _STEPS)
    elif driver == "oracledb":
        connection.call_timeout = timeout // MS
    elif driver == "pyodbc":
        connection.timeout = timeout // SECOND
