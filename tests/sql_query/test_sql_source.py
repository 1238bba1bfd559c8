"""A SQL query source on real database files: what is read, what is read again, what a broken query or row does."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mqtt_kit import NOW
from sql_kit import ROUTE, Shelf, config, database, execute, insert, made, row, services

from gateway.adapters import SOURCES
from gateway.clock import SystemClock
from gateway.domain.duration import DAY
from gateway.domain.errors import ConfigError
from gateway.domain.finding import Grade
from gateway.domain.reading import decode_batch
from gateway.domain.record import Record
from protocols.sql_query import source as module
from protocols.sql_query.config import SqlQueryConfig
from protocols.sql_query.doctor import query_works
from protocols.sql_query.source import SqlQuerySource
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

ADAPTER = SOURCES["sql_query"]


@dataclass
class SetClock:
    at: int = NOW

    def now(self) -> int:
        return self.at


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


def runs(source: SqlQuerySource) -> dict[str, float]:
    return {one.labels[0]: one.value for one in source.samples() if one.family == "sql_runs"}


@asynccontextmanager
async def running(source: SqlQuerySource, shelf: Shelf) -> AsyncIterator[SqlQuerySource]:
    task = asyncio.create_task(source.run(shelf))
    try:
        yield source
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert [one.value for one in source.samples() if one.family == "balance_source_messages"] == [0]


async def whole(source: SqlQuerySource, more: int = 2) -> None:
    """So many runs have ended since now that one of them began after now."""
    before = runs(source)["whole"]
    await until(lambda: runs(source)["whole"] >= before + more)


async def test_rows_with_one_cursor_value_cross_pages_and_starts(tmp_path: Path) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(file, *(row(5, value) for value in range(7)))
    async with running(made(tmp_path, config(file, batch=2)), shelf) as source:
        await whole(source)
        insert(file, *(row(5, value) for value in range(7, 10)), row(6, 10))
        await whole(source)
    insert(file, row(6, 11), row(7, 12))
    async with running(made(tmp_path, config(file, batch=2)), shelf) as source:
        await whole(source)
    assert shelf.values == [float(value) for value in range(13)]


async def test_a_row_that_changes_is_read_again(tmp_path: Path) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(file, row(5, 1), row(6, 2))
    async with running(made(tmp_path, config(file)), shelf) as source:
        await whole(source)
        execute(file, "UPDATE t SET temp = 20 WHERE cur = 6")  # at the cursor: seen, though it did not rise
        await whole(source)
        execute(file, "UPDATE t SET temp = 10, cur = 7 WHERE cur = 5")
        await whole(source)
    assert shelf.values == [1, 2, 20, 10]


async def test_what_the_journal_refuses_is_read_again(tmp_path: Path) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(file, *(row(value, value) for value in range(4)))
    shelf.refuse = 2
    async with running(made(tmp_path, config(file, batch=2)), shelf) as source:
        await whole(source)
        assert source.stats.returned == 4
        assert source.trouble() is None
    assert shelf.values == [0, 1, 2, 3]


@pytest.mark.parametrize(("overlap", "found"), [(0, [5.0]), (3, [5.0, 2.0])])
async def test_a_row_committed_late_needs_an_overlap(tmp_path: Path, overlap: int, found: list[float]) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(file, row(5, 5))
    async with running(made(tmp_path, config(file, overlap=overlap)), shelf) as source:
        await whole(source)
        insert(file, row(2, 2), row(1, 1))
        await whole(source)
    assert shelf.values == found


async def test_without_a_cursor_all_rows_are_read_each_time(tmp_path: Path) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(file, *(row(None, value) for value in range(5)))
    route = {key: value for key, value in ROUTE.items() if key != "time"}
    async with running(made(tmp_path, config(file, cursor=None, batch=2, routes=[route])), shelf) as source:
        await whole(source, 1)
    moments = {int(at) for parcel in shelf.parcels[:3] for at in parcel.batch.at}
    assert shelf.values[:5] == [0, 1, 2, 3, 4]
    assert len(moments) == 1, "the moment of the run"


async def test_times_of_the_day_are_made_up_for_once(tmp_path: Path) -> None:
    file, shelf, clock = database(tmp_path), Shelf(), SetClock()
    insert(file, row(1, 1))
    settings_ = config(file, every=None, at=["06:00"])
    async with running(made(tmp_path, settings_, clock), shelf) as source:
        await whole(source, 1)
    insert(file, row(2, 2))
    async with running(made(tmp_path, settings_, clock), shelf) as source:
        await until(lambda: source._progress is not None)
        await asyncio.sleep(0.05)
        assert runs(source)["whole"] == 0, "today's is done"
    clock.at += DAY
    async with running(made(tmp_path, settings_, clock), shelf) as source:
        await whole(source, 1)
        assert 0 < source._pause() <= 60
    assert shelf.values == [1, 2]


async def test_rows_that_are_no_readings_are_dead_letters(tmp_path: Path) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(
        file,
        row(1, 1),
        row(2, 2, device="nobody"),
        (3, "c1", "yesterday", 3),
        (4, "c1", None, 4),
        (5, "c1", NOW // 1000, None),
        (None, "c1", NOW // 1000, 6),
        (7, "c1", NOW // 1000 + 7, "x" * 70_000),
        row(8, 8),
    )
    execute(file, "INSERT INTO t VALUES (9, CAST(x'63ff' AS TEXT), 1, 1)")
    async with running(made(tmp_path, config(file)), shelf) as source:
        await whole(source)
        assert dict(source.stats.rejected) == {"unknown_device": 2, "bad_time": 2, "too_large": 1}
        assert source.stats.bad_values == 1
        assert source.trouble() is None
    assert [value for value in shelf.values if value == value] == [1, 8]


CELL = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5) | st.binary(max_size=4)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(*[CELL] * 3), max_size=12))
async def test_every_row_is_counted(tmp_path: Path, rows: list[tuple[Any, ...]]) -> None:
    """Whatever the columns hold: it is journaled or a dead letter, and the next good row is stored."""
    for one in tmp_path.rglob("*.*"):
        one.unlink()
    file, shelf = database(tmp_path), Shelf()
    with sqlite3.connect(file) as opened:
        for number, (device, ts, temp) in enumerate(rows):
            with suppress(UnicodeEncodeError):
                opened.execute("INSERT INTO t VALUES (?, ?, ?, ?)", (number, device, ts, temp))
    opened.close()
    insert(file, row(99, 42))
    async with running(made(tmp_path, config(file, batch=3)), shelf) as source:
        await until(lambda: 42.0 in shelf.values)
        assert source.stats.received == len(rows) + 1
        assert source.stats.journaled + source.stats.rejected.total() == len(rows) + 1


def test_killed_between_journal_and_position_no_reading_is_lost_or_stored_twice(tmp_path: Path) -> None:
    """Rows of two cursor values, in pages of ten; two processes are killed, each where a row may be lost or doubled."""
    file, kept, shelf = database(tmp_path), tmp_path / "journal", Shelf()
    kept.mkdir()
    insert(file, *(row(value // 50, value % 50, at=NOW // 1000 + value) for value in range(95)))
    script = Path(__file__).with_name("killed.py")
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for parcels in (3, 4):
        command = [sys.executable, str(script), str(tmp_path), str(kept), str(parcels)]
        assert subprocess.run(command, env=env, timeout=60, check=False).returncode == -signal.SIGKILL

    async def again() -> None:
        async with running(made(tmp_path, config(file, batch=10)), shelf) as source:
            await whole(source)

    asyncio.run(again())
    batches = [decode_batch(one.read_bytes()) for one in sorted(kept.iterdir())]
    batches += [parcel.batch for parcel in shelf.parcels]
    found = [moment for batch in batches for moment in batch.at.tolist()]
    assert {moment // 1000 - NOW // 1000 for moment in found} == set(range(95))
    assert len(found) > 95, "what was journaled and not saved is read again"
    store = DuckDbStore(tmp_path / "store", DuckDbConfig(type="duckdb"), SystemClock())
    written = store.write(0, [Record(seq, NOW, batch) for seq, batch in enumerate(batches, 1)])
    store.close()
    assert (written.stored - written.duplicate, written.conflict) == (len(found) - 2 * written.duplicate, 0)
    assert written.duplicate == len(found) - 95


# ---- what goes wrong ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"query": "SELECT * FROM missing_table"}, "sql.refused"),
        ({"query": "SELECT device FROM t"}, "sql.refused"),
        ({"url": "sqlite:////nowhere/x.db"}, "sql.away"),
        ({"query": "SELECT CAST('a' AS TEXT) AS cur, device, ts FROM t", "overlap": 5}, "sql.overlap_kind"),
    ],
)
async def test_a_query_that_fails_is_a_trouble(tmp_path: Path, more: dict[str, Any], key: str) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(file, row(1, 1), row(2, 2))
    async with running(made(tmp_path, config(file, **more)), shelf) as source:
        await until(lambda: runs(source)["failed"] >= 1)
        trouble = source.trouble()
        assert trouble is not None
        assert trouble.key == key
        assert str(tmp_path) not in trouble.text("en") + trouble.text("zh")


async def test_a_query_that_is_too_slow_is_ended(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) AS cur FROM n"
    file, shelf = database(tmp_path), Shelf()
    async with running(made(tmp_path, config(file, query=endless, timeout="1s")), shelf) as source:
        await until(lambda: runs(source)["failed"] >= 1)
        assert source.trouble() is not None


async def test_a_call_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a driver without a time limit: the event loop goes on, at most four threads wait, and it recovers."""
    file, shelf, gate = database(tmp_path), Shelf(), threading.Event()
    insert(file, row(1, 1))
    monkeypatch.setattr(module, "GRACE", -0.99)
    begin = module.QueryRun.begin

    def hang(run: Any, *arguments: Any) -> None:
        gate.wait()
        begin(run, *arguments)

    monkeypatch.setattr(module.QueryRun, "begin", hang)
    monkeypatch.setattr(module, "retry_pause", lambda *_: 1000)
    async with running(made(tmp_path, config(file, timeout="1s")), shelf) as source:
        await until(lambda: runs(source)["failed"] >= 8)
        assert source._lost == 4
        trouble = source.trouble()
        assert trouble is not None
        assert trouble.key == "sql.slow"
        monkeypatch.setattr(module, "GRACE", 5.0)
        gate.set()
        await until(lambda: shelf.values == [1.0])
        await until(lambda: source._lost == 0)


async def test_a_database_that_comes_back_is_read(tmp_path: Path) -> None:
    file, shelf = database(tmp_path), Shelf()
    away = file.with_name("away.db")
    file.rename(away)
    async with running(made(tmp_path, config(file)), shelf) as source:
        await until(lambda: runs(source)["failed"] >= 1)
        insert(away, row(1, 1))
        away.rename(file)
        await until(lambda: shelf.values == [1.0])
        await until(lambda: source.trouble() is None)


async def test_a_position_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(file, row(1, 1))
    position = tmp_path / "sessions" / "sql.json"
    for number, text in enumerate(
        ["{", '{"position": {"column": "cur", "seen": [["int"]]}}', '{"position": {"column": "x"}}']
    ):
        position.parent.mkdir(exist_ok=True)
        position.write_text(text)
        async with running(made(tmp_path, config(file)), shelf):
            await until(lambda number=number: len(shelf.values) == number + 1)  # type: ignore[misc]


async def test_nothing_is_written(tmp_path: Path) -> None:
    """SQLite gives a function that writes to nobody; the file is opened for reading, so even a trigger could not."""
    file, shelf = database(tmp_path, "DELETE"), Shelf()
    insert(file, row(1, 1))
    before = file.read_bytes()
    file.chmod(0o444)
    async with running(made(tmp_path, config(file)), shelf) as source:
        await whole(source)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["billing.db", "sessions"]


async def test_a_new_route_holds_at_once_and_a_new_query_starts_again(tmp_path: Path) -> None:
    file, shelf = database(tmp_path), Shelf()
    insert(file, row(1, 1))
    async with running(made(tmp_path, config(file)), shelf) as source:
        await whole(source)
        route = {**ROUTE, "points": {"voltage": {"path": "temp"}}}
        given_ = services(tmp_path)
        assert ADAPTER.adjust(source, config(file, routes=[route]), given_, given_)() is False
        insert(file, row(2, 2))
        await until(lambda: shelf.values == [1.0, 2.0])
        assert len({int(point) for parcel in shelf.parcels for point in parcel.batch.point}) == 2
        assert ADAPTER.adjust(source, config(file, every="1h"), given_, given_)() is True


# ---- check and doctor ---------------------------------------------------------------------------------------------
def checked(**more: Any) -> tuple[list[str], list[str]]:
    base = {"type": "sql_query", "query": "SELECT 1 AS cur", "zone": "UTC", "routes": [ROUTE]}
    found = ADAPTER.check({"sql": SqlQueryConfig.model_validate(base | more)}, "gateway.yaml")
    return [one.key for one in found.problems], [one.key for one in found.warnings]


def test_check_looks_for_the_driver_and_connects_to_nothing() -> None:
    assert checked(url="postgresql+psycopg://u@127.0.0.1:1/d") == ([], [])
    assert checked(url="postgresql+psycopg://u@10.0.0.9/d") == ([], ["sql.warn.plain"])
    assert checked(url="postgresql://u@10.0.0.9/d?sslmode=verify-full") == ([], [])
    assert checked(url="sqlite:////nowhere/x.db") == ([], [])
    assert checked(url="oracle+oracledb://u@h/d") == (["sql.driver"], [])


def test_a_password_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    settings_ = config(database(tmp_path), password_file="/nowhere")
    with pytest.raises(ConfigError) as caught:
        ADAPTER.build("one", settings_, services(tmp_path))
    assert [one.key for one in caught.value.problems] == ["app.secret"]


async def test_the_doctor_runs_the_query(tmp_path: Path) -> None:
    file = database(tmp_path)
    (found,) = await query_works("one", config(file))
    assert (found.grade, "cur, device, ts, temp" in found.text("en")) == (Grade.OK, True)
    (found,) = await query_works("one", config(file, query="SELECT * FROM missing_table"))
    assert (found.grade, "no such table" in found.text("en")) == (Grade.BAD, True)
    (found,) = await query_works("one", config(tmp_path / "none.db"))
    assert found.grade is Grade.BAD
