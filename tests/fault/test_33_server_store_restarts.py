"""A gateway writes readings to PostgreSQL, beside DuckDB or alone, while the server is killed and comes back: none are
lost or doubled, and nobody waits for a store that stands beside."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from backtest.installation_kit import csv, free_port, import_history, project, running, wait_for

from simulators.postgres_server import PASSWORD, PostgresProcess, postgres

pytestmark = [pytest.mark.fault]
READINGS = 24 * 60 * 4


def installation(folder: Path, server: PostgresProcess, api: int, *, beside: bool) -> Path:
    config = project(folder, port=api)
    store = f"{{type: postgres, port: {server.port}, database: postgres, user: postgres, password: {PASSWORD}}}"
    series = f"[duckdb, {store}]" if beside else store
    config.write_text(f"{config.read_text('utf-8')}series: {series}\n", "utf-8")
    return config


def stored(server: PostgresProcess) -> tuple[int, int]:
    """(rows, identities) in PostgreSQL; 0 while it is away."""
    login: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": "postgres", "dbname": "postgres"}
    try:
        with psycopg.connect(**login, password=PASSWORD) as connection:
            text = "SELECT count(*), count(DISTINCT (device, point, at)) FROM fieldgate.reading"
            ((rows, identities),) = connection.execute(text).fetchall()
            return rows, identities
    except psycopg.Error:
        return 0, 0


def test_beside_duckdb_a_server_may_be_away(tmp_path: Path) -> None:
    api = free_port()
    with postgres({"fsync": "off"}) as server:
        config = installation(tmp_path, server, api, beside=True)
        server.kill()
        with running(config, api):
            took = import_history(config, csv())
            assert took.exit_code == 0, took.output
            server.start()
            wait_for(lambda: stored(server) == (READINGS, READINGS), 60)
            server.kill()
            took = import_history(config, csv(hot=True))
            assert took.exit_code == 0, took.output
            server.start()
        with running(config, api):
            wait_for(lambda: _values(server, "= 95") > 5, 60)
            assert stored(server) == (READINGS, READINGS)


def test_alone_it_is_waited_for(tmp_path: Path) -> None:
    api = free_port()
    with postgres({"fsync": "off"}) as server:
        config = installation(tmp_path, server, api, beside=False)
        with running(config, api) as client:
            for text, count in ((csv(), 5), (csv(hot=True), 85)):
                server.kill()
                server.start()
                took = import_history(config, text)
                assert took.exit_code == 0, took.output
                wait_for(lambda count=count: _values(server, "= 95") >= count, 60)  # type: ignore[misc]
            assert stored(server) == (READINGS, READINGS)
            wait_for(lambda: client.get("/readyz").status_code == 200, 60)


def _values(server: PostgresProcess, condition: str) -> int:
    login: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": "postgres", "dbname": "postgres"}
    try:
        with psycopg.connect(**login, password=PASSWORD) as connection:
            text = f"SELECT count(*) FROM fieldgate.reading WHERE value {condition}"
            ((count,),) = connection.execute(text.encode()).fetchall()
            return int(count)
    except psycopg.Error:
        return 0
