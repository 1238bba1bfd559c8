"""Makes a small data folder of the build whose code is on the path, packed with its project and what is in it.

    PYTHONPATH=<checkout of a build> python tests/upgrade/make_folder.py tests/upgrade/folders/<name>.tar.xz

Run it once for each release, before its data folder changes: what it made is kept for every later build to open. It
uses nothing but what all builds have: configuration, `build`, `start`, `emit`, and SQL.
"""

import asyncio
import io
import json
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite3

NOW = 1_795_327_200_000_000  # 2026-11-22T06:00:00Z
SECOND = 1_000_000
FILES = {
    "gateway.yaml": """\
name: kept
timezone: Asia/Shanghai
language: en
data_dir: var
registry: {devices: devices.csv, customers: customers.csv}
api: {port: 0}
journal: {linger: 0ms, free_space_floor: 0B, ballast: 0B, max_bytes: 4MiB}
desk: {order_types: {repair: {}}}
""",
    "devices.csv": "code,profile,customer\nD1,dc,C1\nD2,dc,C1\nD3,dc,\n",
    "customers.csv": "code,name,phone\nC1,Wang,13800000001\n",
    "profiles/dc.yaml": """\
kind: charger
components: 2
points:
  temp: {unit: degC, each: true}
  energy: {unit: kWh, kind: counter}
  status: {kind: state, values: [idle, charging, fault]}
""",
    "rules/a.yaml": """\
format: 1
rules:
- id: hot
  title: {en: Hot, zh: 热}
  watch: {kind: charger, each: connector}
  when: "temp > 85 degC"
  then: {order: {type: repair, level: major}}
- id: quiet
  title: {en: Quiet, zh: 静}
  watch: {kind: charger}
  silent: {any_of: [energy, status], longer_than: 12h}
  then: {order: {type: repair, level: minor}}
""",
}
ROWS = [("D1", 1, 60.0), ("D2", 1, 70.0), ("D1", 1, 92.5), ("D2", 2, 91.0), ("D3", 1, 20.5), ("D2", 2, 61.0)]
"""(device, connector, temperature), a second each: two alarms, one of them over."""
HELD = {
    "orders": "SELECT no, state FROM work_order ORDER BY no",
    "alarms": "SELECT id, rule, state, raised_at, cleared_at FROM alarm ORDER BY id",
    "audit": "SELECT count(*) FROM audit",
    "devices": "SELECT code, id FROM device ORDER BY code",
}


class HandClock:
    """Stands where it is set."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        """µs"""
        return self.at


def held(var: Path) -> dict[str, list[list[Any]]]:
    """What the database of a stopped gateway holds."""
    with closing(sqlite3.connect(f"file:{var / 'fieldgate.sqlite'}?mode=ro", uri=True)) as db:
        return {name: [list(row) for row in db.execute(query)] for name, query in HELD.items()}


def readings(app: Any) -> list[list[Any]]:
    """All that is stored: (device, point, at, value)."""
    rows = [
        [int(batch.device[n]), int(batch.point[n]), int(batch.at[n]), float(batch.value[n])]
        for batch in app.stores.series.scan(0, 2**62)
        for n in range(len(batch))
    ]
    return sorted(rows)


async def run(project: Path, clock: HandClock) -> list[list[Any]]:
    """The gateway takes ROWS and is stopped; its readings."""
    try:
        from gateway.app.build import build
    except ModuleNotFoundError:  # builds before the layout of docs/decisions/120
        from gateway.app import build  # type: ignore[attr-defined, no-redef]
    from gateway.domain.reading import Reading, batch_of
    from gateway.domain.record import Parcel
    from gateway.settings import load_project

    app = build(load_project(project / "gateway.yaml", {}), clock)
    await app.start()
    for code, component, value in ROWS:
        clock.at += SECOND
        device, point = app.stores.registry.device(code), app.stores.registry.points("dc")["temp", component]
        assert device is not None
        await app.ingest.intake.emit(
            Parcel("kept", batch_of([[Reading(device.id, point.id, clock.at, value, received=clock.at)]]))
        )
    head = app.stores.journal.head(0)
    while app.consumers.rules.committed < head or app.consumers.series.cursor < head:
        await asyncio.sleep(0.05)
    found = readings(app)
    await app.stop()
    return found


def make(target: Path) -> None:
    """Pack project, data and what is in it."""
    with tempfile.TemporaryDirectory(prefix="fieldgate-folder-") as name:
        project = Path(name)
        for path, text in FILES.items():
            (project / path).parent.mkdir(exist_ok=True)
            (project / path).write_text(text, "utf-8")
        clock = HandClock(NOW)
        stored = asyncio.run(run(project, clock))
        told = {**held(project / "var"), "readings": stored, "at": clock.at}
        with closing(sqlite3.connect(project / "var" / "fieldgate.sqlite")) as db:
            (told["revision"],) = db.execute("SELECT version_num FROM alembic_version").fetchone()
        (project / "var" / "admin.key").unlink(missing_ok=True)
        with tarfile.open(target, "w:xz") as packed:
            packed.add(project, ".")
            text = json.dumps(told).encode()
            about = tarfile.TarInfo("told.json")
            about.size = len(text)
            packed.addfile(about, io.BytesIO(text))
    print(target, target.stat().st_size, "bytes, revision", told["revision"])


if __name__ == "__main__":
    make(Path(sys.argv[1]))
