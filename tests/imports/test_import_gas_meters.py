"""Four real gas meters through the whole path: the monthly increases are those of the reference."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import import_kit as kit
import pytest

from gateway.app.build import App, build
from gateway.domain.record import Tick
from gateway.imports.job import prepare, send
from gateway.imports.target import LocalImportTarget
from gateway.ports import Append
from gateway.settings.project import load_project

DATA = Path(__file__).parents[3] / "shared" / "vectors" / "data"
METERS = [f"gas_meter_{n:02}" for n in range(1, 5)]
ZONE = ZoneInfo("Asia/Shanghai")
RULE = """\
format: 1
rules:
- id: gas.month
  title: {en: month, zh: 月}
  why: w
  watch: {kind: gas_meter}
  let: {used: {increase: volume_total, per: month, coverage: 0}}
  when: "used < 0 m3"
  then: {order: {type: verify_meter, level: minor}}
"""
MAP = """\
device: {value: %s}
time: {column: CreateDate, format: "%%Y-%%m-%%d %%H:%%M:%%S", zone: Asia/Shanghai}
points: {volume_total: {column: BTotal, unit: m3}}
"""


async def _imported(app: App, folder: Path) -> dict[str, int]:
    rows = {}
    for meter in METERS:
        mapping = folder / f"{meter}.yaml"
        mapping.write_text(MAP % meter, "utf-8")
        now = int(datetime.now(UTC).timestamp() * 1e6)
        link = folder / f"{meter}.csv.gz"
        link.write_bytes((DATA / link.name).read_bytes())
        prepared = await prepare(link, mapping, LocalImportTarget(app.imports), "en", now)
        assert prepared.rejects.count == 0
        result = await send(LocalImportTarget(app.imports), prepared.columns, link.name, "test", lambda _: None)
        assert result.imported + result.duplicates == prepared.columns.rows
        rows[meter] = prepared.columns.rows
    return rows


@pytest.mark.skipif(not DATA.is_dir(), reason="the real meters are not on this machine")
async def test_monthly_increases_of_four_real_meters(tmp_path: Path) -> None:
    devices = "code,profile\n" + "".join(f"{meter},gas\n" for meter in METERS)
    app = build(load_project(kit.project(tmp_path, rules=RULE, devices=devices)))
    months: dict[str, dict[str, float]] = {meter: {} for meter in METERS}

    def observe(
        rule: str, thing: tuple[int, int], signal: str, value: float, start: int, end: int, cover: float
    ) -> None:
        device = app.stores.registry.device_by_id(thing[0])
        assert device is not None
        month = datetime.fromtimestamp(start / 1e6, ZONE).strftime("%Y-%m")
        assert month not in months[device.code]
        months[device.code][month] = value

    app.consumers.rules._engine._context.observe = observe
    await app.start(serving=False)
    try:
        rows = await _imported(app, tmp_path)
        await app.ingest.intake.append(Append((Tick(app.clock.now()),)))
        await app.consumers.progress.wait_judged(app.stores.journal.head(0))
    finally:
        await app.stop()
    expected = json.loads((DATA / "gas_expected.json").read_text("utf-8"))
    wrong = []
    for meter in METERS:
        assert rows[meter] == expected[meter]["rows"]
        wanted = expected[meter]["monthly_usage_m3"]
        for month, value in wanted.items():
            got = months[meter].get(month, math.nan)
            if not abs(got - value) <= 0.01:
                wrong.append((meter, month, value, got))
    assert not wrong
    assert sum(len(expected[meter]["monthly_usage_m3"]) for meter in METERS) > 90
