"""`fieldgate import` from file to order, without and with a running gateway."""

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import import_kit as kit
import pytest

from gateway.app.build import App, build
from gateway.domain.duration import HOUR
from gateway.domain.record import ImportMark, RecordKind
from gateway.import_service.wire import Begin, Chunk, End, Lookup, Result
from gateway.imports.job import prepare, send
from gateway.imports.target import GatewayImportTarget, ImportRefused, LocalImportTarget
from gateway.settings.project import load_project
from gateway.store import AlarmFilter, Database, OrderFilter, Queries

ZERO = kit.hourly(datetime(2026, 6, 3))  # noqa: DTZ001 - local; January used, February to May did not
NOW = 1_790_000_000_000_000
HIGH = """\
format: 1
rules:
- id: gas.high
  title: {en: High pressure, zh: 压力高}
  why: too much
  watch: {kind: gas_meter}
  when: "pressure >= 50 kPa"
  then: {order: {type: verify_meter, level: minor}}
"""


@contextmanager
def queries(folder: Path) -> Iterator[Queries]:
    database = Database(f"sqlite:///{folder / 'data' / 'fieldgate.sqlite'}")
    try:
        yield Queries(database, "default")
    finally:
        database.close()


def test_three_zero_months_make_one_order_at_the_end_and_a_repeat_makes_none(tmp_path: Path) -> None:
    config, (file, mapping) = kit.project(tmp_path), kit.write(tmp_path, ZERO)
    first = kit.run(config, file, mapping)
    assert first.exit_code == 0, first.stderr
    assert "3672 new" in first.stdout
    assert "alarms raised 1, orders made 1" in first.stdout
    second = kit.run(config, file, mapping)
    assert second.exit_code == 0
    assert " 0 new" in second.stdout
    assert "3672 there already" in second.stdout
    assert "orders made 0" in second.stdout
    with queries(tmp_path) as found:
        (order,) = found.orders(OrderFilter()).items
        (alarm,) = found.alarms(AlarmFilter()).items
        assert (order.type, alarm.imported, alarm.order) == ("verify_meter", True, order.id)


def test_consumption_at_the_end_clears_the_alarm_before_an_order_is_made(tmp_path: Path) -> None:
    used = ZERO.removesuffix(ZERO.splitlines()[-1] + "\n")
    days = [f"{month:02}-{day:02}" for month, last in ((6, 30), (7, 1)) for day in range(3, last + 1)] + ["07-01"]
    used += "".join(f"GM-1,2026-{day} {hour:02}:00:00,{900 + n}\n" for n, day in enumerate(days) for hour in range(24))
    config, (file, mapping) = kit.project(tmp_path), kit.write(tmp_path, used)
    assert "alarms raised 1, orders made 0" in kit.run(config, file, mapping).stdout
    with queries(tmp_path) as found:
        assert not found.orders(OrderFilter()).items


async def test_the_order_is_held_until_the_last_mark(tmp_path: Path) -> None:
    app = build(load_project(kit.project(tmp_path)))
    await app.start(serving=False)
    try:
        file, mapping = kit.write(tmp_path, ZERO)
        prepared = await prepare(file, mapping, LocalImportTarget(app.imports), "en", NOW)
        begun = await app.imports.begin(Begin("h.csv", "test"))
        chunks = list(prepared.columns.chunks(20_000))
        assert len(chunks) > 3
        for chunk in chunks:
            taken = await app.imports.rows(begun.id, chunk)
            again = await app.imports.rows(begun.id, chunk)
            assert taken == again
        session = app.imports._sessions[begun.id]
        async with session.lock:
            assert await app.imports._flush(session, whole=True)
        assert await app.imports._passed(app.stores.journal.head(0), 10)
        assert [a.imported for a in app.stores.sql.queries.alarms(AlarmFilter()).items] == [True]
        assert app.stores.sql.queries.orders(OrderFilter()).items == []
        result = await app.imports.end(begun.id, End(len(chunks)))
        assert (result.imported, result.orders) == (3672, 1)
        assert await app.imports.end(begun.id, End(len(chunks))) == result
        marks = [r.body for r in app.stores.journal.kept(RecordKind.FACT, 0, 1000) if isinstance(r.body, ImportMark)]
        assert [(mark.id, mark.done, mark.actor) for mark in marks] == [
            (begun.id, False, "test"),
            (begun.id, True, "test"),
        ]
    finally:
        await app.stop()


async def test_the_end_waits_until_the_past_was_judged_again(tmp_path: Path) -> None:
    app = build(load_project(kit.project(tmp_path, rules=HIGH)))
    await app.start(serving=False)
    now = app.clock.now()

    async def bring(*readings: tuple[int, float]) -> Result:
        begun = await app.imports.begin(Begin("h.csv", "test"))
        at, value = [now - hours * HOUR for hours, _ in readings], [one for _, one in readings]
        zero = [0] * len(at)
        await app.imports.rows(begun.id, Chunk(0, ["GM-1"], [("pressure", 0)], zero, zero, at, value))
        return await app.imports.end(begun.id, End(1))

    try:
        assert (await bring((1, 10.0), (3, 10.0))).alarms == 0
        result = await bring((2, 90.0))
        assert (result.late, result.alarms) == (1, 1)
        assert app.consumers.reruns.answered == 1
        (alarm,) = app.stores.sql.queries.alarms(AlarmFilter()).items
        assert (alarm.raised_at, alarm.imported) == (now - 2 * HOUR, True)
        assert (await bring((2, 90.0))).alarms == 0
    finally:
        await app.stop()


async def test_a_restart_in_the_middle_is_taken_up_from_the_first_chunk(tmp_path: Path) -> None:
    project = load_project(kit.project(tmp_path))
    file, mapping = kit.write(tmp_path, ZERO)
    app = build(project)
    await app.start(serving=False)
    prepared = await prepare(file, mapping, LocalImportTarget(app.imports), "en", NOW)
    begun = await app.imports.begin(Begin("h.csv"))
    chunks = list(prepared.columns.chunks(20_000))
    await app.imports.rows(begun.id, chunks[0])
    await app.stop()  # what was buffered is gone, the first mark is not
    app = build(project)
    await app.start(serving=False)
    try:
        with pytest.raises(Exception, match="chunk 0 of import"):
            await app.imports.rows(begun.id, chunks[1])
        with pytest.raises(Exception, match="chunk 0 of import"):
            await app.imports.end(begun.id, End(len(chunks)))
        for chunk in chunks:
            await app.imports.rows(begun.id, chunk)
        result = await app.imports.end(begun.id, End(len(chunks)))
        assert (result.imported, result.orders) == (3672, 1)
        assert app.imports.lookup(Lookup(["GM-1", "X"])).devices == {"GM-1": "gas"}
    finally:
        await app.stop()


async def test_an_abandoned_import_is_ended_and_its_orders_are_made(tmp_path: Path) -> None:
    app = build(load_project(kit.project(tmp_path)))
    await app.start(serving=False)
    try:
        file, mapping = kit.write(tmp_path, ZERO)
        prepared = await prepare(file, mapping, LocalImportTarget(app.imports), "en", NOW)
        begun = await app.imports.begin(Begin("h.csv"))
        for chunk in prepared.columns.chunks(1 << 20):
            await app.imports.rows(begun.id, chunk)
        assert await app.imports.reap(before=0) == 0
        assert await app.imports.reap(before=1 << 62) == 1
        assert await app.imports._passed(app.stores.journal.head(0), 10)
        assert len(app.stores.sql.queries.orders(OrderFilter()).items) == 1
    finally:
        await app.stop()


async def test_a_gateway_that_lost_its_buffer_gets_every_chunk_again(tmp_path: Path) -> None:
    project = load_project(kit.project(tmp_path))
    project = replace(
        project,
        settings=project.settings.model_copy(
            update={"api": project.settings.api.model_copy(update={"max_body": 20_000})}
        ),
    )
    app = build(project)
    await app.start()
    try:
        assert app.api is not None
        file, mapping = kit.write(tmp_path, ZERO)
        async with GatewayImportTarget(app.api.url, (tmp_path / "data" / "admin.key").read_text().strip()) as remote:
            prepared = await prepare(file, mapping, remote, "en", NOW)
            told: list[int] = []

            def step(readings: int) -> None:
                told.append(readings)
                if len(told) in {2, len(list(prepared.columns.chunks(20_000)))}:  # in the middle, and before the end
                    app.imports._sessions.clear()
                    app.imports.recover()

            result = await send(remote, prepared.columns, "h.csv", "me", step)
            assert (result.imported, result.orders, sum(told)) == (3672, 1, 3672)
    finally:
        await app.stop()


async def _live(folder: Path) -> App:
    app = build(load_project(kit.project(folder)))
    await app.start()
    return app


async def test_over_http_with_the_admin_key(tmp_path: Path) -> None:
    app = await _live(tmp_path)
    try:
        assert app.api is not None
        url, key = app.api.url, (tmp_path / "data" / "admin.key").read_text().strip()
        file, mapping = kit.write(tmp_path, ZERO)
        async with GatewayImportTarget(url, key) as remote:
            assert await remote.is_running()
            prepared = await prepare(file, mapping, remote, "en", NOW)
            steps: list[int] = []
            result = await send(remote, prepared.columns, "h.csv", "me", steps.append)
            assert (result.imported, result.alarms, result.orders, sum(steps)) == (3672, 1, 1, 3672)
            repeat = await send(remote, prepared.columns, "h.csv", "me", steps.append)
            assert (repeat.imported, repeat.duplicates, repeat.orders) == (0, 3672, 0)
            with pytest.raises(ImportRefused, match="404"):
                await remote.end("nonsense", 1)
            begun = await remote.begin(Begin("x"))
            bad = Chunk(0, ["GM-1"], [("volume_total", 0)], [0, 1], [0], [1], [1.0])
            with pytest.raises(ImportRefused, match="422"):
                await remote.rows(begun.id, bad)
        async with GatewayImportTarget(url, "fg_wrong") as stranger:
            with pytest.raises(ImportRefused, match="401"):
                await stranger.lookup(["GM-1"])
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
            answer = await client.post("/v1/imports/lookup", json={"devices": ["GM-2"]})
            assert answer.json()["devices"] == {"GM-2": "gas"}
            assert (await client.post("/v1/imports", content=b"{")).status_code == 422
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "import",
            str(file),
            "--map",
            str(mapping),
            "--data",
            str(tmp_path / "data"),
            "--api",
            url,
            "--quiet",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        assert (process.returncode, out, errors) == (0, b"", b"")
    finally:
        await app.stop()


def test_rejected_rows_are_named_and_the_others_imported(tmp_path: Path) -> None:
    bad = "GM-9,2026-01-01 00:00:00,1\nGM-2,2026-01-01 00:00,1\n"
    bad += "GM-2,2026-01-01 00:00:00,x\n3.2E+14,2026-01-01 00:00:00,5\n"
    config, (file, mapping) = kit.project(tmp_path), kit.write(tmp_path, ZERO + bad)
    strict = kit.run(config, file, mapping, "--strict")
    assert strict.exit_code == 2
    assert "4 row(s) are wrong" in strict.stderr
    assert kit.run(config, file, mapping, "--dry-run").exit_code == 1
    done = kit.run(config, file, mapping)
    assert done.exit_code == 1
    assert re.findall(r"row (\d+), column (\S+):", done.stderr) == [
        ("3674", "表号"),
        ("3675", "时间"),
        ("3676", "用量"),
        ("3677", "表号"),
    ]
    assert "3672 new" in done.stdout
    kept = (tmp_path / "h.csv.rejected.csv").read_text("utf-8-sig").splitlines()
    assert kept[0] == "表号,时间,用量,_row,_reason"
    assert [line.split(",")[0] for line in kept[1:]] == ["GM-9", "GM-2", "GM-2", "3.2E+14"]
    (tmp_path / "h.csv").write_text(ZERO, "utf-8")
    assert kit.run(config, file, mapping).exit_code == 0
    assert not (tmp_path / "h.csv.rejected.csv").exists()


def test_dry_run_touches_nothing(tmp_path: Path) -> None:
    config, (file, mapping) = kit.project(tmp_path), kit.write(tmp_path, ZERO)
    done = kit.run(config, file, mapping, "--dry-run")
    assert (done.exit_code, "3672 readings of 1 devices are in order" in done.stdout) == (0, True)
    assert not (tmp_path / "data").exists()


def test_a_stopped_gateway_that_was_named_by_url_is_not_replaced(tmp_path: Path) -> None:
    kit.project(tmp_path)
    file, mapping = kit.write(tmp_path, ZERO)
    from click.testing import CliRunner

    from gateway.cli import main

    requested = [
        "import",
        str(file),
        "--map",
        str(mapping),
        "--api",
        "http://127.0.0.1:9",
        "--data",
        str(tmp_path),
        "--lang",
        "en",
    ]
    done = CliRunner().invoke(main, requested)
    assert (done.exit_code, "no gateway answers at http://127.0.0.1:9" in done.stderr) == (2, True)


def test_history_of_a_point_that_is_kept_for_a_shorter_time_is_not_taken(tmp_path: Path) -> None:
    gas = kit.GAS.replace("missing: [999]", "missing: [999], retain: 1d")
    config = kit.project(tmp_path, gas=gas)
    rows = "".join(f"GM-1,2026-01-0{day} 00:00:00,{day}.0,2{day}\n" for day in range(1, 6))
    mapping = kit.MAP.replace("unit: m3}}", "unit: m3}, pressure: {column: 压力, unit: kPa}}")
    done = kit.run(config, *kit.write(tmp_path, "表号,时间,用量,压力\n" + rows, mapping))
    assert done.exit_code == 0, done.stderr
    assert "5 new" in done.stdout
    assert "5 older than" in done.stdout
