"""`fieldgate backup` beside a gateway under load, and a gateway that starts from what `restore` put back."""

import asyncio
import json
import subprocess
import sys
import tarfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gateway.app.build import build
from gateway.app.lifecycle import App
from gateway.cli import main
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import Parcel
from gateway.settings import load_project

DEVICES = 40
FILES = {
    "gateway.yaml": """\
name: gw
timezone: Asia/Shanghai
language: en
data_dir: ../var
registry: {devices: devices.csv}
api: {port: 0}
journal: {linger: 0ms, free_space_floor: 0B, ballast: 0B}
log: {level: error}
desk: {order_types: {repair: {}}}
""",
    "devices.csv": "code,profile\n" + "".join(f"D{n},dc\n" for n in range(DEVICES)),
    "profiles/dc.yaml": "kind: charger\npoints: {temp: {unit: degC}}\n",
    "rules/a.yaml": """\
format: 1
rules:
- id: hot
  title: {en: Hot, zh: 热}
  why: it burns
  watch: {kind: charger}
  when: "temp > 85 degC"
  then: {order: {type: repair, fault: E07}}
""",
}


def house(folder: Path) -> Path:
    for name, text in FILES.items():
        path = folder / "config" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, "utf-8")
    return folder / "config" / "gateway.yaml"


async def feed(app: App, sent: list[int]) -> None:
    """Readings of all devices without end, each a little later than the last; every tenth round one more is hot."""
    devices = np.array(sorted(device.id for device in app.stores.registry.contents().devices), np.int32)
    point = app.stores.registry.points("dc")["temp", 0].id
    start = app.clock.now() - 10 * MINUTE
    for step in range(1_000_000):
        value = np.full(DEVICES, 20.0 + step % 7)
        value[: step // 10 + 1] = 90.0
        at = np.full(DEVICES, start + step * SECOND // 10)
        flags = np.zeros(DEVICES, np.uint8)
        batch = Batch(
            devices,
            np.full(DEVICES, point, np.int32),
            at,
            value,
            flags,
            flags,
            np.zeros(DEVICES, np.int32),
            np.array([app.clock.now()]),
        )
        await app.ingest.intake.emit(Parcel("x", batch, messages=1))
        sent.append(DEVICES)
        await asyncio.sleep(0.005)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.mark.fault
async def test_a_backup_under_load_starts_and_misses_nothing(tmp_path: Path) -> None:
    config, sent = house(tmp_path / "old"), list[int]()
    app = build(load_project(config, {}))
    app.consumers.series._flush = 0
    await app.start()
    load = asyncio.create_task(feed(app, sent))
    try:
        while len(sent) < 120:
            await asyncio.sleep(0.01)
        before = sum(sent)
        # Another process, as it always is: closing a file gives up the locks that a process holds on it.
        run = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "backup",
            str(tmp_path / "b.tar.gz"),
            "-c",
            str(config),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(run.communicate(), 120)
        assert run.returncode == 0, said.decode()
        assert b"checked" in said
        load.cancel()
        with suppress(asyncio.CancelledError):
            await load
        made = _orders(app)
    finally:
        load.cancel()
        await app.stop()
    new = tmp_path / "new"
    found = command(
        "restore", str(tmp_path / "b.tar.gz"), str(new / "var"), "--config-to", str(new / "config"), "--lang", "en"
    )
    assert found.exit_code == 0, found.output
    again = build(load_project(new / "config" / "gateway.yaml", {}))
    await again.start(serving=False)
    try:
        head = again.stores.journal.head(0)
        while again.consumers.series.cursor < head or again.consumers.rules.committed < head:
            await asyncio.sleep(0.01)
        stored = again.stores.series.stats().rows
        assert before <= stored <= sum(sent), "all that was acknowledged before, and nothing twice"
        orders = _orders(again)
        assert max(Counter(orders.values()).values()) == 1, "an order each"
        assert len(orders) >= 10
        assert set(orders) <= set(made), "the same devices as live"
        assert {key: no for key, no in made.items() if key in orders} == orders, "under the same numbers"
    finally:
        await again.stop()


def _orders(app: App) -> dict[int, str]:
    """Device -> its order; fails when a device has two."""
    from sqlalchemy import select

    from gateway.store import tables as t

    o = t.work_order.c
    rows = app.stores.sql.database.query(lambda c: [(row[0], row[1]) for row in c.execute(select(o.device, o.no))])
    found = dict(rows)
    assert len(found) == len(rows)
    return found


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a stopped gateway, as a folder."""
    folder = tmp_path_factory.mktemp("stopped")
    config = house(folder)
    asyncio.run(_once(config))
    made = command("backup", str(folder / "b"), "-c", str(config))
    assert made.exit_code == 0, made.output
    return folder / "b"


async def _once(config: Path) -> None:
    app = build(load_project(config, {}))
    await app.start(serving=False)
    await app.stop()


def test_what_a_backup_holds(backup: Path) -> None:
    told = json.loads((backup / "backup.json").read_text("utf-8"))
    names = set(told["files"])
    assert {
        "data/fieldgate.sqlite",
        "data/journal.sqlite",
        "data/stores.json",
        "data/series/segments.json",
        "config/gateway.yaml",
        "config/rules/a.yaml",
        "config/profiles/dc.yaml",
    } <= names
    assert not any(name.endswith((".lock", ".ballast", ".wal")) for name in names)
    assert all((path.stat().st_mode & 0o077) == 0 for path in backup.rglob("*")), "for its owner alone"
    again = command("backup", str(backup), "-c", str(backup.parent / "config" / "gateway.yaml"))
    assert (again.exit_code, "there already" in again.stderr) == (2, True)


def test_restore_overwrites_nothing_and_believes_nothing(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    found = command("restore", str(backup), str(tmp_path / "full"), "--lang", "en")
    assert (found.exit_code, "is not empty" in found.stderr) == (2, True)
    assert (tmp_path / "full" / "x").read_text() == "mine"
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        tar.add(backup / "backup.json", "backup.json")
        for path in (backup / "data").rglob("*"):
            if path.is_file() and path.name != "journal.sqlite":
                tar.add(path, path.relative_to(backup))
    found = command("restore", str(tmp_path / "b.tar"), str(tmp_path / "var"), "--lang", "zh")
    assert (found.exit_code, "缺失或损坏" in found.stderr) == (2, True)
    assert not (tmp_path / "var").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "full"], "nothing is left lying around"
    (tmp_path / "b.tar").write_bytes(b"no archive")
    assert command("restore", str(tmp_path / "b.tar"), str(tmp_path / "var")).exit_code == 2
    assert command("restore", str(tmp_path / "none"), str(tmp_path / "var")).exit_code == 2


def test_no_data_no_backup(tmp_path: Path) -> None:
    found = command("backup", str(tmp_path / "b"), "-c", str(house(tmp_path)))
    assert (found.exit_code, "start the gateway once" in found.stderr) == (2, True)
    assert not (tmp_path / "b").exists()


def test_a_checkpoint_in_between_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another header afterwards the copied blocks may belong to two states: it is copied again."""
    from gateway.domain.errors import StoreError
    from sinks.series.duckdb import copy_segment

    source, copy, plain, copies = (
        tmp_path / "a.duckdb",
        tmp_path / "b" / "a.duckdb",
        copy_segment.copy_plain,
        list[str](),
    )
    source.write_bytes(b"1" * 20_000)
    (tmp_path / "a.duckdb.wal").write_bytes(b"log")

    def copied(old: Path, new: Path) -> None:
        plain(old, new)
        copies.append(old.name)
        if copies.count("a.duckdb") < limit and old == source:
            source.write_bytes(str(len(copies)).encode() * 10_000)

    monkeypatch.setattr(copy_segment, "copy_plain", copied)
    limit = 3
    copy_segment.copy_segment(source, copy)
    assert copy.read_bytes() == source.read_bytes()
    assert (tmp_path / "b" / "a.duckdb.wal").read_bytes() == b"log"
    assert copies == ["a.duckdb.wal", "a.duckdb"] * 3
    limit = 10_000
    with pytest.raises(StoreError, match="changed 30 times"):
        copy_segment.copy_segment(source, copy)
