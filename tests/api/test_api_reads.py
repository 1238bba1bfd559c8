"""Devices, series, dead letters, health, metrics."""

import logging
from pathlib import Path

import pytest
from api_kit import KEY, NOW, SECRET, World, problem

from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.errors import InvariantBroken, StoreUnavailable
from gateway.domain.reading import Flag, Quality, Reading, batch_of
from gateway.domain.record import Parcel, Raw, Record
from gateway.domain.workorder import Role


def store(world: World, *readings: Reading) -> None:
    world.app.stores.series.write(0, [Record(world.app.stores.series.cursor(0) + 1, NOW, batch_of([readings]))])


def point(world: World, name: str, component: int = 0) -> int:
    return world.app.stores.registry.points("dc")[name, component].id


async def test_a_device_with_its_latest_readings(world: World) -> None:
    device, at = world.id("D1"), NOW - 90 * SECOND
    store(
        world,
        Reading(device, point(world, "temp", 2), at, 41.5, received=at + 7),
        Reading(device, point(world, "status"), at, 1.0, Quality.UNCERTAIN, Flag.CLAMPED, received=at),
        Reading(device, point(world, "energy"), at, float("nan"), Quality.BAD, received=at),
    )
    detail = await world.get("/v1/devices/D1")
    assert (detail["code"], detail["site"], detail["life"]) == ("D1", "HZ-1", "in_service")
    found = {(view["point"], view["component"]): view for view in detail["latest"]}
    temp = found["temp", 2]
    assert (temp["value"], temp["unit"], temp["quality"], temp["age"]) == (41.5, "degC", "good", 90.0)
    assert (temp["at"], temp["received_at"]) == ("2026-11-22T05:58:30.000000Z", "2026-11-22T05:58:30.000007Z")
    status = found["status", 0]
    assert (status["value"], status["quality"], status["flags"]) == ("charging", "uncertain", ["clamped"])
    assert found["energy", 0]["value"] is None
    problem(await world.ask("GET", "/v1/devices/D9"), 404, "unknown_device")


async def test_devices_page_by_code(world: World) -> None:
    first = await world.get("/v1/devices", params={"limit": 2})
    assert [d["code"] for d in first["items"]] == ["D1", "D2"]
    rest = await world.get("/v1/devices", params={"limit": 2, "cursor": first["next"]})
    assert ([d["code"] for d in rest["items"]], rest["next"]) == (["D3"], "")
    assert [d["code"] for d in (await world.get("/v1/devices", params={"site": "NB-1"}))["items"]] == ["D2"]
    assert (await world.get("/v1/devices", params={"kind": "vehicle"}))["items"] == []


async def test_a_series_pages_and_aggregates(world: World) -> None:
    device, temp = world.id("D1"), point(world, "temp", 1)
    start = NOW - 60 * MINUTE
    rows = [(start + n * MINUTE, float(n)) for n in range(60) if not 20 <= n < 30]
    store(world, *(Reading(device, temp, at, value, received=at) for at, value in rows))
    path, values, cursor = "/v1/devices/D1/series", list[float](), ""
    while True:
        query = {"point": "temp", "component": 1, "limit": 17, "cursor": cursor}
        page = await world.get(path, params=query)
        values += [reading["value"] for reading in page["readings"]]
        if not (cursor := page["next"]):
            break
    assert values == [value for _, value in rows]
    query = {"point": "temp", "component": 1, "every": "10m", "start": "2026-11-22T05:00:00Z"}
    buckets = (await world.get(path, params=query))["buckets"]
    assert [b["start"][11:16] for b in buckets] == ["05:00", "05:10", "05:30", "05:40", "05:50"]  # the gap is a gap
    assert (buckets[0]["mean"], buckets[0]["count"], buckets[0]["last"]) == (4.5, 10, 9.0)
    problem(await world.ask("GET", path, params={"point": "temp", "every": "1ms", "component": 1}), 422, "buckets")
    problem(await world.ask("GET", path, params={"point": "nothing"}), 404, "unknown_point")
    problem(
        await world.ask(
            "GET", path, params={"point": "energy", "end": "2026-01-01T00:00:00Z", "start": "2026-01-01T00:00:00Z"}
        ),
        422,
        "range",
    )
    problem(await world.ask("GET", path, params={"point": "energy", "start": "yesterday"}), 422, "invalid")


async def test_dead_letters_are_bounded_and_paged(world: World) -> None:
    payloads = [b"\xff\x00", "坏".encode(), b"x" * 9000]
    rejected = tuple(Raw("broker", f"t/{n}", "json", payload, NOW) for n, payload in enumerate(payloads))
    world.app.ingest.intake.config = world.app.ingest.intake.config.model_copy(update={"raw_payload": 100_000})
    await world.app.ingest.intake.emit(Parcel("broker", batch_of([]), rejected, messages=3))
    first = await world.get("/v1/dead-letters", params={"limit": 2})
    assert [item["address"] for item in first["items"]] == ["t/2", "t/1"]
    assert (len(first["items"][0]["text"]), first["items"][0]["size"]) == (4096, 9000)
    assert first["items"][1]["text"] == "坏"
    rest = await world.get("/v1/dead-letters", params={"limit": 2, "cursor": first["next"]})
    assert [(item["text"], item["base64"]) for item in rest["items"]] == [(None, "/wA=")]
    assert rest["next"] == ""


async def test_metrics_balance(world: World) -> None:
    device, temp = world.id("D1"), point(world, "temp", 1)
    batch = batch_of([[Reading(device, temp, NOW, 1.0, received=NOW)]])
    await world.app.ingest.intake.emit(Parcel("broker", batch, (Raw("broker", "t", "json", b"", NOW),), messages=2))
    world.raise_alarm()
    text = (await world.client.get("/metrics")).text
    for line in (
        'fieldgate_messages_total{source="broker",state="received"} 2.0',
        'fieldgate_messages_total{source="broker",state="journaled"} 1.0',
        'fieldgate_messages_total{source="broker",state="rejected"} 1.0',
        'fieldgate_readings_total{source="broker",state="decoded"} 1.0',
        'fieldgate_balance_messages{source="broker"} 0.0',
        'fieldgate_balance_readings{source="broker"} 0.0',
        'fieldgate_orders_open{state="new"} 1.0',
        "fieldgate_alarms_raised 1.0",
        'fieldgate_endpoint_breaker{endpoint="oa",state="closed"} 1.0',
        'fieldgate_deliveries_by_state{state="pending"} 1.0',
    ):
        assert line in text.splitlines(), line


async def test_ready_only_while_the_stores_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await world.ask("GET", "/readyz?lang=en", None)).json()["ready"] is True
    world.app.operation.readiness.ready = False
    assert (await world.ask("GET", "/readyz?lang=en", None)).status_code == 503
    world.app.operation.readiness.ready = True

    def down(_no: str) -> None:
        raise StoreUnavailable("database is locked")

    monkeypatch.setattr(world.app.stores.sql.queries, "order", down)
    answer = await world.ask("GET", "/readyz?lang=en", None)
    assert answer.status_code == 503
    assert answer.json()["parts"]["database"] == "down: the disk fails, or another process holds the file"
    assert (await world.ask("GET", "/healthz", None)).status_code == 200
    refused = await world.ask("GET", "/v1/work-orders/WO-1")
    assert "locked" not in str(problem(refused, 503, "store"))
    assert refused.headers["retry-after"] == "2"


async def test_a_broken_promise_stops_the_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_no: str) -> None:
        raise InvariantBroken("inside-canary")

    monkeypatch.setattr(world.app.stores.sql.queries, "order", broken)
    answer = await world.ask("GET", "/v1/work-orders/WO-1")
    assert "inside-canary" not in str(problem(answer, 500, "internal"))
    assert world.app.operation.supervisor.fatal.is_set()


async def test_secrets_never_leave(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    paths = [
        "/openapi.json",
        "/metrics",
        "/readyz",
        "/v1/me",
        "/v1/keys",
        "/v1/devices",
        "/v1/devices/D1",
        "/v1/alarms",
        "/v1/work-orders",
        f"/v1/work-orders/{no}",
        "/v1/deliveries",
        "/v1/endpoints",
        "/v1/events",
        "/v1/dead-letters",
        "/v1/nothing",
    ]
    said = [(await world.ask("GET", path)).text for path in paths]
    said.append((await world.ask("POST", "/v1/keys", json={"name": world.secrets[Role.ADMIN], "role": 1})).text)
    said.append((await world.callback({"order": no, "action": "assign", "assignee": "x"}, key=KEY + b"!")).text)
    said += [caplog.text, *capfd.readouterr()]
    canaries = [
        SECRET,
        SECRET.removeprefix("whsec_"),
        KEY.decode(),
        "url-canary",
        "13800000001",
        *world.secrets.values(),
    ]
    for text in said:
        for canary in canaries:
            assert canary not in text, text
