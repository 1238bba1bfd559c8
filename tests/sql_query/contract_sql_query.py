"""A SQL query against a real PostgreSQL server and a SQLite file that another program writes."""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from contract.harness import SourcePeer
from mqtt_kit import NOW, Ledger, registry
from postgres_kit import server

from gateway.adapter_ports import SourceServices
from gateway.clock import SystemClock
from simulators.postgres_server import PASSWORD


def _settings(url: str, table: str) -> dict[str, Any]:
    route = {
        "filter": "one",
        "device": {"path": "device"},
        "time": {"path": "ts", "unit": "ms"},
        "points": {"gun_temp": {"path": "temp"}},
        "ignore": ["id"],
    }
    query = f"SELECT id, device, ts, temp FROM {table}"
    return {
        "type": "sql_query",
        "url": url,
        "query": query,
        "zone": "UTC",
        "cursor": "id",
        "every": "10ms",
        "routes": [route],
    }


def _services(folder: Path) -> SourceServices:
    return SourceServices("gateway.yaml", registry(), Ledger(), SystemClock(), lambda: (), {}, {}, folder, 0)


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SourcePeer]:
    file, rows = folder / "one.db", 0
    with sqlite3.connect(file) as writer:
        writer.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, device TEXT, ts INTEGER, temp REAL)")

    async def bring(value: float) -> None:
        nonlocal rows
        rows += 1
        with writer:
            writer.execute("INSERT INTO t (device, ts, temp) VALUES ('c1', ?, ?)", (NOW // 1000 + rows, value))

    async def leave() -> None:
        writer.close()
        file.unlink()

    yield SourcePeer(_settings(f"sqlite:///{file}", "t"), _services(folder / "s"), bring, leave, acknowledges=True)
    writer.close()


@asynccontextmanager
async def peer_postgres(folder: Path) -> AsyncIterator[SourcePeer]:
    port, table, rows = server().port, f"source_{time.monotonic_ns()}", 0
    with psycopg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, autocommit=True) as writer:
        writer.execute(f"CREATE TABLE {table} (id bigserial PRIMARY KEY, device text, ts bigint, temp numeric(9, 2))")

        async def bring(value: float) -> None:
            nonlocal rows
            rows += 1
            writer.execute(f"INSERT INTO {table} (device, ts, temp) VALUES ('c1', %s, %s)", (NOW // 1000 + rows, value))

        async def leave() -> None:
            writer.execute(f"DROP TABLE {table}")

        settings = _settings(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", table)
        yield SourcePeer(settings | {"password": PASSWORD}, _services(folder), bring, leave, acknowledges=True)
