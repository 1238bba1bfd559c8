"""What /readyz, metrics and log say of connections, disk, clock and files: the same, and the truth (C1, C2)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from api_kit import MAIN, NOW, World, transition
from structlog.testing import capture_logs

from gateway.domain.duration import MINUTE
from gateway.domain.errors import StoreFull
from gateway.domain.reading import empty_batch
from gateway.domain.record import Parcel, Raw
from gateway.health.traffic_summary import Summary

BROKER = """\
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:1
    client_id: c
    reconnect: {min: 0s, max: 0s}
    routes: [{filter: "d/{device}", device: "{device}", points: {energy: {path: e}}}]
"""


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, {"gateway.yaml": MAIN + BROKER})
    yield world
    await world.close()


async def ready(world: World, lang: str = "") -> Any:
    return (await world.ask("GET", f"/readyz{'?lang=' + lang if lang else ''}", None)).json()


async def test_a_broker_that_was_never_reached_is_not_ok(place: World) -> None:
    """C1: the task runs, so /readyz said ok."""
    assert (await ready(place))["sources"]["broker"] == "not tried yet"
    source = place.app.ingest.sources.running["broker"]
    with capture_logs() as said:
        task = asyncio.create_task(source.run(place.app.ingest.intake.emit))
        async with asyncio.timeout(10):
            while source.stats.disconnects < 2:  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [line["event"] for line in said] == ["source down"]
    answer = await ready(place)
    assert answer["ready"] is True, "a source makes nothing unready"
    assert answer["sources"]["broker"].startswith("never connected since the start: nothing listens at its address")
    assert (await ready(place, "zh"))["sources"]["broker"].startswith("启动以来从未连接成功：该地址没有程序监听")
    assert "127.0.0.1" not in str(answer)
    metrics = (await place.ask("GET", "/metrics", None)).text
    assert 'fieldgate_trouble{area="source",name="broker"} 1.0' in metrics
    assert 'fieldgate_trouble{area="part",name="disk"} 0.0' in metrics


async def test_silence_of_a_source_is_told_once_and_when_it_ends(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """C1, C2: "no data" looked like "all fine"."""
    watch, source, steady = place.app.operation.monitor, place.app.ingest.sources.running["broker"], [0]
    monkeypatch.setattr(watch, "_steady", lambda: steady[0])
    monkeypatch.setattr(watch, "_summary", Summary(0))
    monkeypatch.setattr(source, "trouble", lambda: None)
    with capture_logs() as said:
        for minute in (0, 5, 10, 11, 12):
            steady[0] = minute * MINUTE
            await watch.turn()
        assert (await ready(place))["sources"]["broker"] == "connected 12 min ago, no message yet"
        await place.app.ingest.intake.emit(
            Parcel("broker", empty_batch(), (Raw("broker", "d/X", "bad_json", b"{", NOW),), 1)
        )
        steady[0] = 13 * MINUTE
        await watch.turn()
    assert (await ready(place))["sources"]["broker"] == "ok"
    lines = [(line["event"], str(line["part"])) for line in said if line["event"].startswith("trouble")]
    assert lines == [("trouble", "source broker"), ("trouble over", "source broker")]
    summary = [line for line in said if line["event"] == "summary"]
    assert (summary[0]["messages"], str(summary[0]["silent"])) == (0, "; no data from: broker")
    assert (summary[-1]["messages"], summary[-1]["dead"]) == (1, 1)


async def test_a_full_disk_is_not_ready_and_says_why(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """C1: `ready: true` on a full disk; the wrong cause; the floor was never named."""
    place.app.project.settings.journal.__dict__["free_space_floor"] = 2**28
    place.app.in_force.use(place.app.project)
    monkeypatch.setattr("gateway.health.monitor.free_space", lambda _path: 2**20)
    answer = await place.ask("GET", "/readyz", None)
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["parts"]["disk"].startswith("1 MiB left, at or below journal.free_space_floor (256 MiB)")
    place.app.ingest.intake.failing = StoreFull.of(
        "journal.disk_floor", path="/secret/place", free="1 MiB", floor="256 MiB"
    )
    parts = (await ready(place))["parts"]
    assert parts["journal"].startswith("down: the disk has 1 MiB left, journal.free_space_floor is 256 MiB")
    assert "/secret" not in str(parts)
    with capture_logs() as said:
        await place.app.operation.monitor.turn()
    assert [(line["event"], line["log_level"]) for line in said] == [("trouble", "error")]


async def test_a_mended_rule_file_has_the_last_word(place: World) -> None:
    """C2: after a bad rule file was mended the last line stayed an error."""
    file = place.folder / "rules" / "a.yaml"
    right = file.read_text("utf-8")
    with capture_logs() as said:
        file.write_text(right.replace("85 degC", "85 bananas"), "utf-8")
        await place.app.operation.reload.reload("configuration")
        since = (await ready(place))["parts"]["configuration"]
        place.clock.at += MINUTE
        await place.app.operation.monitor.turn()
        assert (await ready(place))["parts"]["configuration"] == since, "since when, not how often it was looked at"
        file.write_text(right, "utf-8")
        await place.app.operation.reload.reload("configuration")
        await place.app.operation.monitor.turn()
    assert since.endswith("; the configuration is unchanged since 2026-11-22T06:00:00.000Z")
    lines = [line["event"] for line in said if line["event"] != "summary"]
    assert lines[-2:] == ["configuration not reloaded: everything stays as it was", "configuration in order again"]


async def test_the_first_alarm_and_every_order_have_a_line(world: World) -> None:
    """C2: the first alarm and the first order made no line."""
    committed = world.app.operation.housekeeping.committed
    with capture_logs() as said:
        for seq in (1, 2):
            t = transition(seq, device=world.id("D1"), component=seq, fault=f"E{seq}")
            committed(world.app.desk.apply([t], seq, [], NOW), [t])
        committed(world.app.desk.apply([t], 2, [], NOW), [t])  # a replay
    lines = [(line["event"], line.get("no"), line.get("thing"), line.get("where")) for line in said]
    assert [line[0] for line in lines] == ["order made", "first alarm of a rule", "order made"]
    assert lines[1][2] == "D1#1"
    assert lines[0][3] == "D1"
    assert (committed.alarm_log.alarms, committed.alarm_log.orders) == (2, 2)
    assert str(said[0]["title"]) == "Hot"
    assert said[0]["title"].text("zh") == "热"


async def test_the_first_dead_letter_of_a_kind_has_a_line_with_an_example(place: World) -> None:
    app, stats = place.app, place.app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]
    raw = Raw("broker", "d/CP-99", "unknown_device", b"{}", NOW, "CP-99", "default")
    await app.ingest.intake.emit(Parcel("broker", empty_batch(), (raw,), 1))
    stats.rejected["unknown_device"] = 3
    with capture_logs() as said:
        await app.operation.monitor.turn()
        stats.rejected["unknown_device"] = 9
        await app.operation.monitor.turn()
    assert [(line["event"], line["reason"], line["count"], line["address"], line["detail"]) for line in said] == [
        ("dead letter of a new kind", "unknown_device", 3, "d/CP-99", "CP-99")
    ]


async def test_a_day_with_ten_orders_fits_on_two_screens(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """C2: a day, a message every ten, three kinds of dead letters all day, an hour of silence, ten orders of two
    rules: at most 100 lines, and they add up to the day."""
    app, steady = place.app, [0]
    source, committed = app.ingest.sources.running["broker"], app.operation.housekeeping.committed
    for owner in (app.operation.monitor, committed.alarm_log):
        monkeypatch.setattr(owner, "_steady", lambda: steady[0])
    monkeypatch.setattr(app.operation.monitor, "_summary", Summary(0))
    monkeypatch.setattr(source, "trouble", lambda: None)
    device, sent, made = place.id("D1"), 0, 0
    with capture_logs() as said:
        for minute in range(0, 24 * 60, 5):
            steady[0] = minute * MINUTE
            if minute % 10 == 0 and not 600 <= minute < 660:
                sent += 1
                kind = ("bad_json", "unknown_device", "no_points")[sent % 3]
                await app.ingest.intake.emit(
                    Parcel("broker", empty_batch(), (Raw("broker", "d/X", kind, b"{", NOW),), 1)
                )
                source.stats.rejected[kind] += 1  # type: ignore[attr-defined]
            if minute % 145 == 100:
                made += 1
                t = transition(made, device=device, component=1 + made % 2, fault=f"E{made}", rule=f"r{made % 2}{made}")
                committed(app.desk.apply([t], made, [], NOW), [t])
            await app.operation.monitor.turn()
    events = Counter(line["event"] for line in said)
    assert len(said) <= 100, events
    assert events["order made"] == made == 10
    assert events["dead letter of a new kind"] == 3
    assert (events["trouble"], events["trouble over"]) == (1, 1)
    summaries = [line for line in said if line["event"] == "summary"]
    assert sent - 6 <= sum(line["messages"] for line in summaries) <= sent, "the last hour is not over"
    assert sum(line["orders"] for line in summaries) >= 9
