"""A SQL query source over a small registry and a database file."""

import sqlite3
from pathlib import Path
from typing import Any

from mqtt_kit import NOW, Ledger, registry

from gateway.adapter_ports import SourceServices
from gateway.clock import SystemClock
from gateway.domain.errors import StoreUnavailable
from gateway.domain.record import Parcel
from gateway.ports import Clock
from protocols.sql_query.config import SqlQueryConfig
from protocols.sql_query.database import engine_of
from protocols.sql_query.source import SqlQuerySource

ROUTE: dict[str, Any] = {
    "filter": "sql",
    "device": {"path": "device"},
    "time": {"path": "ts", "unit": "ms"},
    "points": {"gun_temp": {"path": "temp"}},
    "ignore": ["*"],
}
TABLE = "CREATE TABLE t (cur, device, ts, temp)"


class Shelf:
    """An Emit in memory; `refuse` makes the next ones fail."""

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.refuse = 0

    async def __call__(self, parcel: Parcel) -> None:
        if self.refuse:
            self.refuse -= 1
            raise StoreUnavailable("the disk is away")
        self.parcels.append(parcel)

    @property
    def values(self) -> list[float]:
        return [value for parcel in self.parcels for value in parcel.batch.value.tolist()]


def database(folder: Path, mode: str = "WAL") -> Path:
    """With a log, for tests write on the event loop that the end of a reader's transaction waits for."""
    file = folder / "billing.db"
    with sqlite3.connect(file) as made:
        made.execute(f"PRAGMA journal_mode = {mode}")
        made.execute(TABLE)
    made.close()
    return file


def execute(file: Path, statement: str, *rows: tuple[Any, ...]) -> None:
    with sqlite3.connect(file) as opened:
        opened.executemany(statement, rows) if rows else opened.execute(statement)
    opened.close()


def insert(file: Path, *rows: tuple[Any, ...]) -> None:
    execute(file, "INSERT INTO t VALUES (?, ?, ?, ?)", *rows)


def row(cursor: Any, value: float, *, device: str = "c1", at: int | None = None) -> tuple[Any, ...]:
    return cursor, device, NOW // 1000 + int(value) if at is None else at, value


def config(file: Path, **more: Any) -> SqlQueryConfig:
    base = {
        "type": "sql_query",
        "url": f"sqlite:///{file}",
        "query": "SELECT cur, device, ts, temp FROM t",
        "zone": "Asia/Shanghai",
        "cursor": "cur",
        "every": "10ms",
        "routes": [ROUTE],
    }
    return SqlQueryConfig.model_validate({key: value for key, value in (base | more).items() if value is not None})


def services(folder: Path, clock: Clock | None = None) -> SourceServices:
    return SourceServices(
        "gateway.yaml", registry(), Ledger(), clock or SystemClock(), lambda: (), {}, {}, folder / "sessions", 0
    )


def made(folder: Path, settings: SqlQueryConfig, clock: Clock | None = None) -> SqlQuerySource:
    return SqlQuerySource("sql", settings, engine_of(settings, settings.connection_url()), services(folder, clock))
