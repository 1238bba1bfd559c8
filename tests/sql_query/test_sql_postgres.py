"""A SQL query source on a real PostgreSQL server: types, rights, time limits, a server that goes away."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres_kit import server
from sql_kit import ROUTE, Shelf, config, made
from test_sql_source import running, runs, until, whole

from protocols.mapping.document import parse_document
from protocols.sql_query.database import DatabaseAway, QueryRefused, QueryRun, engine_of
from simulators.postgres_server import PASSWORD, server_programs

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(server_programs() is None, reason="PostgreSQL is not installed"),
]


@pytest.fixture
def writer() -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(
        host="127.0.0.1", port=server().port, user="postgres", password=PASSWORD, autocommit=True
    ) as opened:
        yield opened


def settings_of(query: str, **more: Any) -> Any:
    url = f"postgresql+psycopg://postgres@127.0.0.1:{server().port}/postgres"
    return config(Path("/unused"), **{"url": url, "password": PASSWORD, "query": query} | more)


def rows_of(query: str, **more: Any) -> list[Any]:
    settings = settings_of(query, **more)
    run = QueryRun(engine_of(settings, settings.connection_url()), settings)
    try:
        run.begin()
        return [parse_document(row.payload) for row in run.rows(100)]
    finally:
        run.end()


def test_the_types_of_postgres() -> None:
    (row,) = rows_of(
        "SELECT 1.50::numeric(9,2) AS a, 12345678901234567890::numeric AS b, 'NaN'::numeric AS c, NULL AS d, "
        "timestamp '2026-01-01 08:00' AS e, timestamptz '2026-01-01 08:00+01' AS f, date '2026-01-02' AS g, "
        "'infinity'::timestamptz AS h, '-infinity'::date AS i, time '24:00' AS j, interval '90 min' AS k, "
        "'{\"x\": [1]}'::jsonb AS l, ARRAY[1,2] AS m, '\\x01ff'::bytea AS n, true AS o, "
        "'%:x ' || '12:30' AS p, 1::bigint AS cur WHERE 'a:b%' LIKE '%:b%'"
    )
    assert row["a"] == 1.5
    assert row["b"] == 12345678901234567890
    assert (row["c"], row["d"]) == ("NaN", None)
    assert row["e"] == "2026-01-01T08:00:00+08:00", "a moment without a zone is of the source's"
    assert row["f"].startswith("2026-01-01T07:00:00+00:00") or "+" in row["f"]
    assert (row["g"], row["h"], row["i"], row["j"]) == ("2026-01-02", "infinity", "-infinity", "24:00:00")
    assert (row["k"], row["l"], row["m"], row["n"], row["o"]) == (5400.0, {"x": [1]}, [1, 2], "01ff", True)
    assert (row["p"], row["cur"]) == ("%:x 12:30", 1)


def test_a_statement_that_writes_is_refused_by_the_server(writer: "psycopg.Connection[Any]") -> None:
    writer.execute("CREATE SEQUENCE IF NOT EXISTS counted")
    with pytest.raises(QueryRefused, match="read-only transaction"):
        rows_of("SELECT nextval('counted') AS cur")
    assert writer.execute("SELECT is_called FROM counted").fetchone() == (False,)


def test_the_server_ends_what_is_too_slow() -> None:
    with pytest.raises(QueryRefused, match="statement timeout"):
        rows_of("SELECT pg_sleep(30) AS s, 1 AS cur", timeout="1s")


def test_columns_of_one_name_are_refused() -> None:
    with pytest.raises(QueryRefused) as caught:
        rows_of("SELECT 1 AS cur, 2 AS x, 3 AS x")
    assert caught.value.key == "sql.columns_twice"


def test_a_wrong_password_is_no_connection() -> None:
    settings = settings_of("SELECT 1 AS cur", password="canary-4711")
    with pytest.raises(DatabaseAway) as caught:
        QueryRun(engine_of(settings, settings.connection_url()), settings).begin()
    assert "canary" not in str(caught.value)


async def test_moments_order_rows_and_ties_cross_pages(writer: "psycopg.Connection[Any]", tmp_path: Path) -> None:
    table, shelf = f"moments_{time.monotonic_ns()}", Shelf()
    writer.execute(f"CREATE TABLE {table} (changed timestamptz, device text, temp numeric)")
    add = f"INSERT INTO {table} SELECT timestamptz '2026-03-25 03:00+00' + %s * interval '1 s', 'c1', %s"
    route = {**ROUTE, "time": {"path": "changed", "unit": "iso"}}
    settings = settings_of(f"SELECT * FROM {table}", cursor="changed", batch=2, overlap="10s", routes=[route])
    for value in range(5):
        writer.execute(add, (60, value))
    async with running(made(tmp_path, settings), shelf) as source:
        await whole(source)
        writer.execute(add, (55, 5))  # late, within the overlap
        writer.execute(add, (61, 6))
        await whole(source)
    async with running(made(tmp_path, settings), shelf) as source:
        await whole(source)
    assert sorted(shelf.values) == [0, 1, 2, 3, 4, 5, 6]


async def test_connections_that_are_cut_are_made_again(writer: "psycopg.Connection[Any]", tmp_path: Path) -> None:
    table, shelf = f"cut_{time.monotonic_ns()}", Shelf()
    writer.execute(f"CREATE TABLE {table} (cur bigserial, device text, ts bigint, temp float8)")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fieldgate'"
    async with running(made(tmp_path, settings_of(f"SELECT * FROM {table}")), shelf) as source:
        await whole(source)
        for value in range(20):
            writer.execute(f"INSERT INTO {table} (device, ts, temp) VALUES ('c1', 1774408725992, %s)", (value,))
            writer.execute(cut)
            await asyncio.sleep(0.001)
        await until(lambda: len(shelf.values) == 20)
        await whole(source)
        assert runs(source)["whole"] > 1
    assert shelf.values == [float(value) for value in range(20)]
