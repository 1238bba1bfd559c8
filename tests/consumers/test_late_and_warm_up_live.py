"""The whole gateway, with its stores: a late reading is corrected, a new rule warmed up."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from settings.test_project import MAIN, RULES, house

from gateway.app.build import build
from gateway.domain.duration import SECOND
from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import Parcel
from gateway.settings.project import load_project

STREAK = RULES.replace("id: hot", "id: streak").replace(
    'when: "temp > 85 degC"', 'when: {streak: {of: "temp > 10 degC", length: 3}}'
)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def test_late_readings_and_new_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.reload.POLL", 0.05)
    main = MAIN.split("sources:")[0] + "data_dir: data\napi: {port: 0}\n"
    app = build(load_project(house(tmp_path, {"gateway.yaml": main}), {}))
    await app.start()
    device = app.stores.registry.contents().devices[0]
    point = app.stores.registry.points(device.profile)["temp", 1]
    now = app.clock.now()
    for ago, value in ((60, 20.0), (20, 20.0), (40, 90.0)):
        reading = Reading(device.id, point.id, now - ago * SECOND, value, received=app.clock.now())
        await app.ingest.intake.emit(Parcel("test", batch_of([[reading]]), messages=1))
    await until(lambda: app.consumers.rules.status.counts.corrected == 1)
    assert app.consumers.rules.status.counts.late == 1
    (tmp_path / "rules" / "b.yaml").write_text(STREAK, "utf-8")
    await until(lambda: "streak" in app.consumers.rules.status.rules and app.consumers.reruns.idle)
    assert app.consumers.rules.status.counts.cold == 0
    await until(lambda: app.consumers.rules.transitions == 3)
    await app.stop()
