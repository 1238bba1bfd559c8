"""The clocks of orders as numbers in every answer and event, and why something is due then."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api_kit import MAIN, NOW, World

from gateway.domain.duration import DAY, HOUR, MINUTE

SLA = """\
  hours: {office: {workday: [08:30-12:00, 13:30-18:00], calendar: cn}}
  sla:
    repair:
      {types: [repair], hours: office, respond: 2h, resolve: 2 workdays, pause_on: [waiting_parts],
       milestones: [{at: 50%}]}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, {"gateway.yaml": MAIN + SLA})
    yield world
    await world.close()


async def test_numbers_and_reasons(world: World) -> None:
    """Made on Sunday, 22 November 2026 at 14:00: the clock stands until Monday, 08:30."""
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    world.clock.at = NOW + 20 * HOUR + 30 * MINUTE  # Monday, 10:30
    clock: dict[str, Any] = (await world.get(f"/v1/work-orders/{no}"))["clocks"][1]
    assert (clock["kind"], clock["state"], clock["policy"]) == ("resolve", "running", "repair")
    assert (clock["target_ms"], clock["consumed_ms"], clock["remaining_ms"]) == (57_600_000, 7_200_000, 50_400_000)
    assert clock["due_at"] == "2026-11-24T10:00:00.000000Z"
    await world.act(no, "assign", assignee="engineer")
    assert (await world.act(no, "accept")).json()["clocks"][0]["state"] == "met"
    await world.act(no, "start")
    await world.act(no, "hold", reason="waiting_parts")
    world.clock.at += HOUR
    await world.act(no, "resume")
    _, told = await world.get(f"/v1/work-orders/{no}/clocks")
    assert [(one["name"], one["after_ms"], one["due_at"]) for one in told["milestones"]] == [
        ("50%", 28_800_000, "2026-11-24T01:30:00.000000Z"),
        ("due", 57_600_000, "2026-11-25T01:30:00.000000Z"),
    ]
    english, chinese = ([line[lang] for line in told["why"]] for lang in ("en", "zh"))
    assert english == [
        "resolution: 16 h of working time since 2026-11-22 14:00 (policy repair, hours `office`, Asia/Shanghai)",
        "2026-11-23 08:30 – 10:30: 2 h counted",
        "2026-11-23 10:30 – 11:30: paused: waiting for parts",
        "2026-11-23 11:30 – 12:00: 30 min to come",
        "2026-11-23 13:30 – 18:00: 4 h 30 min to come",
        "2026-11-24 08:30 – 12:00: 3 h 30 min to come",
        "2026-11-24 13:30 – 18:00: 4 h 30 min to come",
        "2026-11-25 08:30 – 09:30: 1 h to come",
        "2 h of 16 h counted, 14 h left: due at 2026-11-25 09:30",
    ]
    assert chinese[-1] == "时限 16 小时，已计 2 小时，还剩 14 小时：应于 2026-11-25 09:30 前完成"
    world.app.desk.tick(NOW + 4 * DAY)
    _, told = await world.get(f"/v1/work-orders/{no}/clocks")
    assert [(one["name"], bool(one["fired_at"])) for one in told["milestones"]] == [("50%", True), ("due", True)]
    assert 'fieldgate_orders_overdue{clock="resolve"} 1.0' in (await world.client.get("/metrics")).text
