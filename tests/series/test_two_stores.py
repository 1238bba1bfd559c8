"""A gateway with two stores: one that is away or refuses stops neither the other nor the rules."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from api.api_kit import MAIN, NOW, World

from gateway.domain.duration import SECOND
from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import Parcel, Raw
from gateway.recovery.backup import back_up
from gateway.settings import inspect_project
from simulators.influx import InfluxServer

INFLUX = "{{type: influx, url: '{url}', org: field, bucket: readings, token: '{token}', timeout: 1s}}"


def influx(server: InfluxServer) -> str:
    return INFLUX.format(url=server.url, token="${TOKEN:-t0ken}")


async def until(condition: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.005)


def parcel(world: World, *readings: tuple[float, float]) -> Parcel:
    """(seconds after NOW, value) of the energy of D1."""
    point = world.app.stores.registry.points("dc")["energy", 0].id
    device = world.id("D1")
    rows = [
        [Reading(device, point, at, value, received=at)]
        for second, value in readings
        if (at := NOW + round(second * SECOND))
    ]
    return Parcel("broker", batch_of(rows), messages=len(rows))


@asynccontextmanager
async def running(folder: Path, series: str, journal: str = "") -> AsyncIterator[World]:
    main = re.sub(r"journal:.*\n", journal, MAIN) if journal else MAIN
    world = World(folder, {"gateway.yaml": f"{main}series: {series}\n"})
    app = world.app
    app.operation.supervisor.pause = lambda *_: 0.02
    app.consumers.series._flush = 0
    await app.start(serving=False)
    try:
        yield world
    finally:
        await world.client.aclose()
        await app.stop()


async def ready(world: World) -> dict[str, Any]:
    found: dict[str, Any] = (await world.client.get("/readyz")).json()
    return found


async def metric(world: World, name: str) -> float:
    text = (await world.client.get("/metrics")).text
    return float(next(line for line in text.splitlines() if line.startswith(name)).rpartition(" ")[2])


def rows(world: World) -> int:
    return sum(len(batch) for batch in world.app.stores.series.scan(0, 2**62))


async def test_one_that_is_away_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    server = InfluxServer()
    server.start()
    server.stop()
    async with running(tmp_path, f"[duckdb, {influx(server)}]") as world:
        app = world.app
        await app.ingest.intake.emit(parcel(world, (0, 1.0), (1, 2.0)))
        head = app.stores.journal.head(0)
        await until(lambda: app.consumers.series.cursor >= head and app.consumers.rules.judged >= head, "the first")
        beside = app.consumers.beside.stores["influx"]
        await until(lambda: not app.operation.supervisor.health["series.influx"].up, "it is away")
        said = await ready(world)
        assert said["ready"]
        assert said["stores"]["duckdb"] == "ok"
        assert said["stores"]["influx"].startswith("down: it does not answer; ")
        assert await metric(world, 'fieldgate_store_up{store="influx"}') == 0
        assert await metric(world, 'fieldgate_store_lag_records{store="influx"}') > 0
        await app.operation.housekeeping.release()
        assert app.stores.journal.stats().released == 0, "the journal keeps all of it"
        server.start()
        await until(lambda: beside.progress.cursor >= head, "the other")
        await until(lambda: app.operation.supervisor.health["series.influx"].up, "up again")
        assert (await ready(world))["stores"] == {"duckdb": "ok", "influx": "ok"}
        readings = [fields for _, _, fields in server.bucket.contents()]
        assert [dict(one)["value"] for one in readings] == [1.0, 2.0]
        series = {dict(one[0][1])["device"] for one in server.bucket.contents()}
        assert series == {"D1"}, "names are known though their definitions came first"
    server.stop()


async def test_a_refused_reading_is_a_dead_letter_and_stands_in_the_other_store(tmp_path: Path) -> None:
    with InfluxServer() as server:
        server.faults.bad = "value=7.0"
        async with running(tmp_path, f"[duckdb, {influx(server)}]") as world:
            app = world.app
            await app.ingest.intake.emit(parcel(world, (0, 1.0), (1, 7.0), (2, 3.0)))
            await until(lambda: app.stores.journal.dead_letters(5), "the dead letter")
            (letter,) = (record.body for record in app.stores.journal.dead_letters(5))
            assert isinstance(letter, Raw)
            assert (letter.source, letter.reason, letter.address) == ("series.influx", "store_refused", "D1 energy")
            assert b"value=7.0" in letter.payload
            assert await metric(world, 'fieldgate_store_readings_total{state="refused",store="influx"}') == 1
            await until(lambda: app.consumers.series.cursor >= app.stores.journal.head(0), "the first")
            assert (rows(world), len(server.bucket.contents())) == (3, 2)


async def test_a_server_alone_is_read_by_the_api_and_starts_again(tmp_path: Path) -> None:
    with InfluxServer() as server:
        for begin in (0, 10):
            async with running(tmp_path, influx(server)) as world:
                app = world.app
                assert app.stores.name == "influx"
                await app.ingest.intake.emit(parcel(world, (begin, 1.0), (begin + 1, 2.0)))
                head = app.stores.journal.head(0)
                await until(lambda: app.consumers.series.cursor >= head, "stored")  # noqa: B023
                assert rows(world) == 2 + begin // 5
        assert not (tmp_path / "var" / "series").exists()
        back_up(world.app.settings, tmp_path / "gateway.yaml", tmp_path.parent / f"{tmp_path.name}-copy")
        assert list(tmp_path.parent.glob(f"{tmp_path.name}-copy/*/stores/influx.json"))


async def test_a_store_that_is_added_begins_with_what_the_journal_has(tmp_path: Path) -> None:
    async with running(tmp_path, "duckdb") as world:
        await world.app.ingest.intake.emit(parcel(world, (0, 1.0)))
    with InfluxServer() as server:
        async with running(tmp_path, f"[{influx(server)}, duckdb]") as world:
            app = world.app
            assert app.stores.name == "influx", "the first is read"
            head = app.stores.journal.head(0)
            await until(lambda: app.consumers.series.cursor >= head, "stored")
            assert rows(world) == 1
            assert app.consumers.beside.stores["duckdb"].progress.cursor <= head


async def test_one_that_is_slow_holds_up_neither_the_other_nor_the_rules(tmp_path: Path) -> None:
    with InfluxServer() as server:
        server.faults.always, server.faults.seconds = "slow", 3.0
        async with running(tmp_path, f"[duckdb, {influx(server)}]".replace("1s", "20s")) as world:
            app = world.app
            for n in range(3):
                await app.ingest.intake.emit(parcel(world, (n, 90.0)))
                head = app.stores.journal.head(0)
                consumers = app.consumers
                async with asyncio.timeout(20):
                    while min(consumers.series.cursor, consumers.rules.judged, consumers.rules.committed) < head:
                        await asyncio.sleep(0.005)
            assert app.consumers.beside.stores["influx"].progress.cursor < head
            server.faults.always = None
            await until(lambda: app.consumers.beside.stores["influx"].progress.cursor >= head, "the slow one")
            assert len(server.bucket.contents()) == 3


async def test_a_store_that_is_added_later_gets_the_history(tmp_path: Path) -> None:
    async with running(tmp_path, "duckdb") as world:
        await world.app.ingest.intake.emit(parcel(world, (-9000, 1.0), (0, 2.0), (1, 3.0)))
        head = world.app.stores.journal.head(0)
        await until(lambda: world.app.consumers.series.cursor >= head, "the first")
        found = world.app.stores.series
        scanned = [one for batch in found.scan(0, NOW + 9 * SECOND) for one in batch.readings()]
    with InfluxServer() as server:
        async with running(tmp_path, f"[duckdb, {influx(server)}]") as world:
            beside = world.app.consumers.beside.stores["influx"]
            await until(lambda: beside.filled == 1, "it is filled")
            assert beside.store is not None
            copied = [one for batch in beside.store.scan(0, NOW + 9 * SECOND) for one in batch.readings()]
            assert copied == scanned
            assert len(copied) == 3
            text = (await world.client.get("/metrics")).text
            assert 'fieldgate_store_filled{store="influx"} 1.0' in text


@pytest.mark.slow_fault
async def test_a_full_journal_goes_on_without_it_and_what_it_misses_is_said(tmp_path: Path) -> None:
    server = InfluxServer()
    server.start()
    async with running(
        tmp_path,
        f"[duckdb, {influx(server)}]".replace("1s", "20s"),
        "journal: {max_bytes: 4MiB, linger: 0ms, memory: 0B}\n",
    ) as world:
        app, beside = world.app, world.app.consumers.beside.stores["influx"]
        await app.ingest.intake.emit(parcel(world, (0, 1.0)))
        first = app.stores.journal.head(0)
        await until(lambda: beside.progress.cursor >= first, "both have the first")
        server.stop()
        at = 1
        while app.stores.journal.stats().floor < first + 20:
            for _ in range(5):
                await app.ingest.intake.emit(parcel(world, *(((at + n) / 1000, float(n)) for n in range(1000))))
                at += 1000
            head, consumers = app.stores.journal.head(0), app.consumers
            await until(lambda: min(consumers.series.cursor, consumers.rules.committed) >= head, "taken")  # noqa: B023
            app.stores.snapshots.save(head, b"a snapshot lets the journal go")
            await app.operation.housekeeping.release()
            assert at < 2_000_000, "the journal never gave up a record"
        said = (await ready(world))["stores"]["influx"]
        assert "the journal gives up records" in said or "records are missing in it" in said
        assert app.stores.journal.stats().refused == 0, "nothing that came in was refused"
        server.start()
        head = app.stores.journal.head(0)
        await until(lambda: beside.progress.cursor >= head, "the other")
        assert beside.missed > 0
        assert "records are missing in it" in (await ready(world))["stores"]["influx"] or beside.filled == 1
        assert rows(world) == at
    server.stop()


@pytest.mark.parametrize(
    ("series", "path", "words"),
    [
        ("[duckdb, duckdb]", "series[1].name", "two stores are called duckdb"),
        ("[duckdb, {type: duckdb, name: two}]", "series[1]", "same place"),
        ("[]", "series", "too few"),
        ("[duckdb, {type: duckdb, nam: two}]", "series[1].nam", "name"),
        ("{type: influx, url: 'ftp://x', org: a, bucket: b, token: x}", "series.url", "no address"),
        ("[duckdb, {type: influx, url: 'http://h', org: a, bucket: b}]", "series[1]", "token"),
        (
            "{type: influx, url: 'http://127.0.0.1', org: a, bucket: b, server: victoria_metrics}",
            "series",
            "none of the stores can be read",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, series: str, path: str, words: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"name: x\ntimezone: Asia/Shanghai\nlanguage: en\nseries: {series}\n", "utf-8")
    found = [one for one in inspect_project(file, {}).problems if one.path == path]
    assert found, [(one.path, one.render()) for one in inspect_project(file, {}).problems]
    assert words in found[0].render()
    assert found[0].line == 4


def test_a_token_in_the_file_and_plain_http_are_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    series = "{type: influx, url: 'http://10.1.2.3:8086', org: a, bucket: b, token: canary}"
    file.write_text(f"name: x\ntimezone: Asia/Shanghai\nlanguage: en\nseries: {series}\n", "utf-8")
    report = inspect_project(file, {})
    assert {one.path for one in report.warnings} >= {"series.token", "series.url"}
    assert "canary" not in str([one.render() for one in (*report.warnings, *report.problems)])
