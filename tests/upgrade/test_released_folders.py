"""C7, upgrade: data folders that earlier builds made. Today's build opens each: it says beforehand what it would do,
keeps a copy, finds the same devices, orders, alarms and readings, and goes on where the other stopped.

`make_folder.py` made them, with the code of those builds.
"""

import asyncio
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from make_folder import SECOND, HandClock, held, readings

from gateway.app.build import build
from gateway.app.lifecycle import App
from gateway.cli import main
from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import Parcel
from gateway.settings import load_project
from gateway.store import migrate
from gateway.store.migration_backup import copies

FOLDERS = sorted((Path(__file__).parent / "folders").glob("*.tar.xz"))
HOUR = 3600 * SECOND

every_folder = pytest.mark.parametrize("packed", FOLDERS, ids=lambda path: path.name.partition(".")[0])


def unpacked(packed: Path, folder: Path) -> dict[str, Any]:
    """Project and data in `folder`; what the build that made them told."""
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    (folder / "var").chmod(0o700)
    told: dict[str, Any] = json.loads((folder / "told.json").read_text("utf-8"))
    return told


def check(folder: Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["migrate", "--check", "-c", str(folder / "gateway.yaml"), "--lang", "en"])
    return done.exit_code, done.output


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def cooled_down(app: App, clock: HandClock) -> None:
    """The alarm that the other build left raised ends with a reading of today."""
    device, point = app.stores.registry.device("D1"), app.stores.registry.points("dc")["temp", 1]
    assert device is not None
    reading = Reading(device.id, point.id, clock.at, 40.0, received=clock.at)
    await app.ingest.intake.emit(Parcel("kept", batch_of([[reading]])))
    head = app.stores.journal.head(0)
    await until(lambda: app.consumers.rules.committed >= head and app.consumers.series.cursor >= head)


def test_there_are_folders_of_several_builds() -> None:
    assert len(FOLDERS) >= 3
    assert sum(path.stat().st_size for path in FOLDERS) < 200_000


@every_folder
async def test_todays_build_opens_it_and_goes_on(packed: Path, tmp_path: Path) -> None:
    told, var = unpacked(packed, tmp_path), tmp_path / "var"
    pending = [one for one in migrate.revisions() if one > told["revision"]]
    status, said = check(tmp_path)
    assert status == (1 if pending else 0)
    assert all(one in said for one in pending), said
    assert held(var) == {name: told[name] for name in held(var)}, "to look changes nothing"

    clock = HandClock(told["at"] + HOUR)
    app = build(load_project(tmp_path / "gateway.yaml", {}), clock)  # type: ignore[arg-type]
    await app.start()
    try:
        assert readings(app) == told["readings"]
        found = held(var)
        assert {name: found[name] for name in ("devices", "orders", "alarms")} == {
            name: told[name] for name in ("devices", "orders", "alarms")
        }
        await cooled_down(app, clock)
    finally:
        await app.stop()
    found = held(var)
    assert found["orders"] == told["orders"], "no order twice"
    states = {identity: state for identity, _, state, *_ in found["alarms"]}
    assert states == {identity: "cleared" for identity, *_ in told["alarms"]}, "the same alarms, by the same name"
    assert check(tmp_path)[0] == 0
    assert len(copies(var / "fieldgate.sqlite")) == bool(pending)


@every_folder
async def test_the_copy_is_the_way_back(packed: Path, tmp_path: Path) -> None:
    told, var = unpacked(packed, tmp_path), tmp_path / "var"
    clock = HandClock(told["at"] + HOUR)
    marked = (var / "stores.json").exists()  # builds before it gave the database no identity: forward again by recover
    for _ in range(2 if marked else 1):  # forward again: what the journal holds is judged once more, by the same names
        app = build(load_project(tmp_path / "gateway.yaml", {}), clock)  # type: ignore[arg-type]
        await app.start()
        await cooled_down(app, clock)
        await app.stop()
        assert [[state for _, _, state, *_ in held(var)["alarms"]], held(var)["orders"]] == [
            ["cleared", "cleared"],
            told["orders"],
        ]
        for copy in copies(var / "fieldgate.sqlite"):
            for left in ("fieldgate.sqlite-wal", "fieldgate.sqlite-shm"):
                (var / left).unlink(missing_ok=True)
            shutil.move(copy, var / "fieldgate.sqlite")
            assert held(var) == {name: told[name] for name in held(var)}
