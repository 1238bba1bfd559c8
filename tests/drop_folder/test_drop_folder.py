"""Files in a real folder: what is read, where it goes, what is left alone, and what a crash costs."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from drop_folder.drop_kit import HEADER, ROUTE, config, made, rows, services
from mqtt_kit import NOW, Journal, until
from pydantic import ValidationError

from gateway.adapters import SOURCES
from gateway.clock import SystemClock
from gateway.domain.duration import DAY, HOUR
from gateway.domain.reading import decode_batch
from gateway.domain.record import Record
from protocols.drop_folder.config import DropFolderConfig
from protocols.drop_folder.folder import move
from protocols.drop_folder.source import DropFolderSource
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@asynccontextmanager
async def running(source: DropFolderSource, journal: Journal) -> AsyncIterator[None]:
    task = asyncio.create_task(source.run(journal))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        balance = [one.value for one in source.samples() if one.family == "balance_source_messages"]
        assert balance == [0]


async def until_moved(drop: Path, *names: str) -> None:
    await until(lambda: all((drop / name).exists() for name in names))


def temps(journal: Journal) -> list[float]:
    return [value for parcel in journal.parcels for value in parcel.batch.value.tolist()]


async def test_a_file_is_moved_when_all_of_it_is_in_the_journal(drop: Path) -> None:
    gate, journal = asyncio.Event(), Journal()
    journal.gate = lambda _: gate
    source = made(drop, block=10)
    (drop / "a.csv").write_text(HEADER + rows(95), "utf-8")
    async with running(source, journal):
        await until(lambda: len(journal.offered) == 4)
        assert (drop / "a.csv").exists()
        assert (source.stats.waiting, source.trouble()) == (4, None)
        gate.set()
        await until_moved(drop, "done/a.csv")
    assert temps(journal) == [float(number % 50) for number in range(95)]
    assert [len(parcel.batch) for parcel in journal.parcels] == [10] * 9 + [5]
    assert (source.stats.journaled, source.stats.readings, source.trouble()) == (10, 95, None)


async def test_what_the_journal_refuses_is_read_again_from_the_start(drop: Path) -> None:
    journal = Journal(refuse=1)
    (drop / "a.csv").write_text(HEADER + rows(30), "utf-8")
    async with running(made(drop, block=10), journal):
        await until_moved(drop, "done/a.csv")
    assert sorted(set(temps(journal))) == [float(number) for number in range(30)]


async def test_files_come_in_order_and_a_taken_name_gets_a_number(drop: Path) -> None:
    journal = Journal()
    for place, name in enumerate(["b.csv", "c.csv", "a.csv"]):
        (drop / name).write_text(HEADER + rows(1, place), "utf-8")
    async with running(made(drop), journal):
        await until_moved(drop, "done/a.csv", "done/b.csv", "done/c.csv")
        assert temps(journal) == [2.0, 0.0, 1.0]
        (drop / "a.csv").write_text(HEADER + rows(1, 7), "utf-8")
        await until_moved(drop, "done/a.1.csv")
    assert (drop / "done" / "a.csv").read_text("utf-8") == HEADER + rows(1, 2)
    (drop / "a.csv").touch()
    assert move(drop / "a.csv", "done").name == "a.2.csv"


async def test_links_pipes_and_hidden_files_are_left_alone(drop: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(HEADER + rows(1, 41), "utf-8")
    (drop / "link.csv").symlink_to(outside)
    (drop / ".hidden.csv").write_text(HEADER + rows(1, 42), "utf-8")
    (drop / "other.txt").write_text(HEADER + rows(1, 43), "utf-8")
    os.mkfifo(drop / "pipe.csv")
    (drop / "sub.csv").mkdir()
    (drop / "z.csv").write_text(HEADER + rows(1, 1), "utf-8")
    journal = Journal()
    async with running(made(drop), journal):
        await until_moved(drop, "done/z.csv")
    assert temps(journal) == [1.0]
    assert {one.name for one in drop.iterdir()} == {
        "link.csv",
        ".hidden.csv",
        "other.txt",
        "pipe.csv",
        "sub.csv",
        "done",
    }


async def test_a_file_that_is_replaced_while_it_is_read_is_read_as_well(drop: Path) -> None:
    gate, journal = asyncio.Event(), Journal()
    journal.gate = lambda _: gate
    (drop / "a.csv").write_text(HEADER + rows(1, 1), "utf-8")
    async with running(made(drop), journal):
        await until(lambda: len(journal.offered) == 1)
        (drop / "new").write_text(HEADER + rows(1, 2), "utf-8")
        (drop / "new").rename(drop / "a.csv")
        gate.set()
        await until_moved(drop, "done/a.csv")
    assert temps(journal) == [1.0, 2.0]
    assert (drop / "done" / "a.csv").read_text("utf-8") == HEADER + rows(1, 2)


async def test_done_that_is_a_link_is_not_followed(drop: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (drop / "done").symlink_to(tmp_path / "elsewhere")
    (drop / "a.csv").write_text(HEADER + rows(3), "utf-8")
    journal, source = Journal(), made(drop)
    async with running(source, journal):
        await until(lambda: source.trouble() is not None and bool(journal.parcels))
        (drop / "done").unlink()
        await until_moved(drop, "done/a.csv")
    assert len(temps(journal)) == 3, "it was read once, and only moved again"
    assert not list((tmp_path / "elsewhere").iterdir())


async def test_a_failed_file_that_cannot_be_moved_is_one_dead_letter(drop: Path, tmp_path: Path) -> None:
    (drop / "failed").symlink_to(tmp_path)
    (drop / "a.csv").touch()
    journal, source = Journal(), made(drop)
    async with running(source, journal):
        await until(lambda: getattr(source.trouble(), "key", "") == "drop.file_error")
        (drop / "failed").unlink()
        await until_moved(drop, "failed/a.csv.why.txt")
    assert len(journal.parcels) == 1


BAD = [
    (b"", "drop.empty", "文件为空"),
    (HEADER.encode() + b"c1,1774408725992,1\n\xff\xfe\n", "drop.not_text", "gb18030"),
    (b"c1,1774408725992,1\n", "drop.header_lacks", "表头"),
]


@pytest.mark.parametrize(("content", "key", "zh"), BAD, ids=[key for _, key, _ in BAD])
async def test_what_cannot_be_read_goes_to_failed_with_the_reason(
    drop: Path, content: bytes, key: str, zh: str
) -> None:
    journal, source = Journal(), made(drop)
    (drop / "a.csv").write_bytes(content)
    (drop / "b.csv").write_text(HEADER + rows(1, 5), "utf-8")
    async with running(source, journal):
        await until_moved(drop, "failed/a.csv", "failed/a.csv.why.txt", "done/b.csv")
        await until(lambda: source.trouble() is not None)
        trouble = source.trouble()
        assert trouble is not None
        assert (trouble.key, trouble.fields) == ("drop.failed", {"count": 1})
        letters = [raw for parcel in journal.parcels for raw in parcel.rejected]
        assert [(raw.address, raw.reason, raw.payload) for raw in letters] == [("drop/a.csv", "bad_payload", content)]
        assert zh in (drop / "failed" / "a.csv.why.txt").read_text("utf-8"), key
        (drop / "failed" / "a.csv").unlink()
        await until(lambda: source.trouble() is None)


async def test_the_reason_is_in_the_language_of_the_installation(drop: Path) -> None:
    (drop / "a.csv").touch()
    async with running(made(drop, language="en"), Journal()):
        await until_moved(drop, "failed/a.csv.why.txt")
    assert "the file is empty" in (drop / "failed" / "a.csv.why.txt").read_text("utf-8")


async def test_rows_before_a_bad_place_are_kept(drop: Path) -> None:
    journal = Journal()
    (drop / "a.csv").write_bytes((HEADER + rows(2000)).encode() + b"\xff\n")
    async with running(made(drop, block=10), journal):
        await until_moved(drop, "failed/a.csv.why.txt")
    assert len(temps(journal)) > 1000


async def test_a_file_without_a_route_is_a_dead_letter(drop: Path) -> None:
    journal = Journal()
    (drop / "a.csv").write_text(HEADER + rows(1), "utf-8")
    async with running(made(drop, routes=[ROUTE | {"filter": "drop/other.csv"}]), journal):
        await until_moved(drop, "failed/a.csv.why.txt")
    assert [raw.reason for parcel in journal.parcels for raw in parcel.rejected] == ["unmatched"]


async def test_a_broken_row_spoils_no_other(drop: Path) -> None:
    journal, source = Journal(), made(drop)
    (drop / "a.csv").write_text(f"{HEADER}{rows(3)}c1,1,2,3,4\n{rows(3, 3)}", "utf-8")
    async with running(source, journal):
        await until_moved(drop, "done/a.csv")
    assert temps(journal) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    letters = [raw for parcel in journal.parcels for raw in parcel.rejected]
    assert [(raw.reason, raw.payload) for raw in letters] == [("bad_payload", b"device,ts,temp\nc1,1,2,3,4\n")]


async def test_chinese_exports(drop: Path) -> None:
    route = ROUTE | {
        "device": {"path": "设备"},
        "time": {"path": "时间", "unit": "ms"},
        "points": {"gun_temp": {"path": "温度"}},
    }
    journal = Journal()
    (drop / "导出.csv").write_text("设备,时间,温度\n" + rows(3), "gb18030")
    async with running(made(drop, encoding="gb18030", routes=[route]), journal):
        await until_moved(drop, "done/导出.csv")
    assert temps(journal) == [0.0, 1.0, 2.0]


async def test_lines_of_json_and_of_influx(drop: Path) -> None:
    json = {key: value for key, value in ROUTE.items() if key not in {"payload", "each"}} | {"filter": "drop/a.jsonl"}
    influx = ROUTE | {
        "filter": "drop/b.lp",
        "payload": "influx",
        "each": "m[*]",
        "device": {"path": "tags.d"},
        "time": {"path": "time", "unit": "ns"},
        "points": {"gun_temp": {"path": "fields.t"}},
    }
    journal = Journal()
    (drop / "a.jsonl").write_text(f'{{"device":"c1","ts":{NOW // 1000},"temp":7}}\n{{"device":\n', "utf-8")
    (drop / "b.lp").write_text(f"m,d=c1 t=8 {NOW * 1000}\nbroken\nm,d=c1 t=9 {NOW * 1000 + 1000}\n", "utf-8")
    async with running(made(drop, files="*", routes=[json, influx]), journal):
        await until_moved(drop, "done/a.jsonl", "done/b.lp")
    assert temps(journal) == [7.0, 8.0, 9.0]
    assert [raw.reason for p in journal.parcels for raw in p.rejected] == ["bad_json", "bad_payload"]


async def test_a_folder_that_is_missing_is_a_trouble_until_it_is_there(drop: Path) -> None:
    drop.rmdir()
    source, journal = made(drop), Journal()
    async with running(source, journal):
        await until(lambda: getattr(source.trouble(), "key", "") == "drop.missing")
        assert not source.stats.connected
        drop.mkdir()
        await until(lambda: source.trouble() is None)
        drop.rmdir()
        drop.touch()
        await until(lambda: getattr(source.trouble(), "key", "") == "drop.unreadable")


class Later:
    """A clock some time ahead."""

    def __init__(self, by: int) -> None:
        self._by = by

    def now(self) -> int:
        return SystemClock().now() + self._by


@pytest.mark.parametrize(("ahead", "stays"), [(DAY + HOUR, False), (HOUR, True)])
async def test_done_is_emptied_after_keep_and_nothing_else_is(drop: Path, ahead: int, stays: bool) -> None:
    (drop / "done").mkdir()
    (drop / "done" / "old.csv").touch()
    (drop / "done" / "link.csv").symlink_to(drop)
    journal = Journal()
    (drop / "a.csv").write_text(HEADER + rows(1), "utf-8")
    async with running(made(drop, keep="1d", clock=Later(ahead)), journal):
        await until_moved(drop, "done/a.csv")
    assert (drop / "done" / "old.csv").exists() == stays
    assert (drop / "done" / "link.csv").is_symlink()


def test_killed_between_journal_and_move_no_reading_is_lost_or_stored_twice(drop: Path, tmp_path: Path) -> None:
    kept = tmp_path / "journal"
    kept.mkdir()
    (drop / "a.csv").write_text(HEADER + rows(95), "utf-8")
    script = Path(__file__).with_name("killed.py")
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, str(script), str(drop), str(kept), "95"], env=env, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (drop / "a.csv").exists()
    batches = [decode_batch(file.read_bytes()) for file in sorted(kept.iterdir())]
    journal = Journal()

    async def again() -> None:
        async with running(made(drop, block=10), journal):
            await until_moved(drop, "done/a.csv")

    asyncio.run(again())
    batches += [parcel.batch for parcel in journal.parcels]
    store = DuckDbStore(tmp_path / "store", DuckDbConfig(type="duckdb"), SystemClock())
    written = store.write(0, [Record(seq, NOW, batch) for seq, batch in enumerate(batches, 1)])
    store.close()
    assert (written.stored, written.duplicate, written.conflict) == (190 - written.duplicate, 95, 0)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"folder": "exports"}, "drop.folder"),
    ({"files": "in/*.csv"}, "drop.files"),
    ({"every": "2h"}, "mqtt.range"),
    ({"routes": [{**ROUTE, "payload": "none", "points": {"gun_temp": {"value": 1}}}]}, "drop.payload"),
    ({"routes": [ROUTE | {"time": {"path": "ts", "unit": "ms", "absent": "receive"}}]}, "drop.time"),
]


@pytest.mark.parametrize(("change", "key"), WRONG, ids=[key for _, key in WRONG])
def test_mistakes_of_the_configuration_are_named(drop: Path, change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DropFolderConfig.model_validate({"type": "drop_folder", "folder": str(drop), "routes": [ROUTE]} | change)
    assert key in {one["type"] for one in caught.value.errors()}


def test_two_sources_of_one_folder_are_a_mistake(drop: Path) -> None:
    route = {**ROUTE, "filter": "{source}/{file}"}
    both = {name: config(drop, routes=[route]) for name in ("a", "b")}
    found = SOURCES["drop_folder"].check(both, "gateway.yaml")
    assert [(one.path, one.key) for one in found.problems] == [("sources.b.folder", "drop.shared")]
    found = SOURCES["drop_folder"].check({"a": config(drop / "none")}, "gateway.yaml")
    assert [one.key for one in (*found.problems, *found.warnings)] == ["route.out_of_reach", "drop.missing"]


async def test_a_new_configuration_is_followed(drop: Path) -> None:
    source, journal = made(drop), Journal()
    async with running(source, journal):
        (drop / "a.csv").write_text(HEADER + rows(1, 1), "utf-8")
        await until_moved(drop, "done/a.csv")
        apply: Callable[[], bool] = SOURCES["drop_folder"].adjust(
            source, config(drop, files="*.txt"), services(drop), services(drop)
        )
        assert apply() is False
        (drop / "b.txt").write_text(HEADER + rows(1, 2), "utf-8")
        await until_moved(drop, "done/b.txt")
    assert temps(journal) == [1.0, 2.0]
