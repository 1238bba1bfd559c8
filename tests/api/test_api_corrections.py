"""Corrections of readings and exchanges of meters: what is stored, who may, what is refused, and what a repeat does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from api_kit import NOW, World, problem

from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.reading import Flag, Quality, Reading, batch_of
from gateway.domain.record import MeterExchanged, Parcel, ReadingsCorrected, RecordKind
from gateway.domain.workorder import Role

RESULT = "/v1/devices/D1/series"


def moment(us: int) -> str:
    from gateway.api.values import rfc3339

    return rfc3339(us)


async def send(world: World, name: str, rows: Sequence[tuple[int, float]], component: int = 0) -> None:
    """Readings of D1 through intake, into the store."""
    point = world.app.stores.registry.points("dc")[name, component].id
    frames = [[Reading(world.id("D1"), point, at, value, received=world.clock.at)] for at, value in rows]
    await world.app.ingest.intake.emit(Parcel("s", batch_of(frames), messages=len(frames)))
    await stored(world)


async def stored(world: World) -> None:
    consumer = world.app.consumers.series
    await world.app.threads.series(consumer._begin)
    await consumer.drain(world.app.stores.journal.head(0))


async def values(world: World, name: str, component: int = 0) -> list[tuple[float | str | None, str, list[str]]]:
    await stored(world)
    found = await world.get(RESULT, params={"point": name, "component": component})
    return [(one["value"], one["quality"], one["flags"]) for one in found["readings"]]


def facts(world: World, kind: type[Any]) -> list[Any]:
    records = world.app.stores.journal.read(0, 0, 1000)
    return [one.body for one in records if one.kind is RecordKind.FACT and isinstance(one.body, kind)]


async def correct(world: World, role: Role = Role.SUPERVISOR, **body: Any) -> Any:
    body = {"device": "D1", "reason": "wrong unit", **body}
    return await world.ask("POST", "/v1/corrections", role, json=body)


async def test_a_corrected_reading_is_stored_and_its_original_stays(world: World) -> None:
    at = NOW - HOUR
    await send(world, "temp", [(at, 300.0), (at + MINUTE, 41.0)], 1)
    body = {"point": "temp", "component": 1, "at": moment(at), "value": 104, "unit": "degF", "command_id": "c1"}
    answer = await correct(world, **body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["changes"] == [
        {"at": moment(at), "before": 300.0, "before_quality": "good", "after": 40.0, "after_quality": "good"}
    ]
    assert (made["readings"], made["judged"], made["actor"]) == (1, 1, "supervisor")
    assert await values(world, "temp", 1) == [(40.0, "good", ["conflict", "corrected"]), (41.0, "good", [])]
    assert [one.id for one in facts(world, ReadingsCorrected)] == ["c1"]

    series = (await world.get(RESULT, params={"point": "temp", "component": 1}))["readings"]
    assert [one["original"] for one in series] == [{"value": 300.0, "quality": "good", "correction": "c1"}, None]

    again = await correct(world, **body)
    assert (again.status_code, again.json()["id"]) == (200, "c1")
    await send(world, "temp", [(at, 300.0)], 1)  # the device sends it once more: the correction stands
    assert (await values(world, "temp", 1))[0][0] == 40.0
    listed = await world.get("/v1/corrections", params={"device": "D1"}, role=Role.VIEWER)
    assert [(one["id"], one["kind"], one["readings"]) for one in listed["items"]] == [("c1", "value", 1)]
    audit = (await world.get("/v1/audit", params={"act": "reading"}))["items"]
    assert [(one["act"], one["actor"], one["subject"]) for one in audit] == [
        ("reading.correct", "supervisor", "D1#1 temp")
    ]


async def test_it_is_taken_back(world: World) -> None:
    at = NOW - HOUR
    await send(world, "status", [(at, 1.0)])
    assert (await correct(world, point="status", at=moment(at), value="fault", command_id="c1")).status_code == 201
    assert (await values(world, "status"))[0][:2] == ("fault", "good")
    world.clock.at += 1
    assert (await correct(world, point="status", at=moment(at), bad=True, command_id="c2")).status_code == 201
    assert (await values(world, "status"))[0][:2] == (None, "bad")

    undo = {"json": {"reason": "it was right"}}
    refused = problem(
        await world.ask("POST", "/v1/corrections/c1/undo", Role.SUPERVISOR, **undo), 409, "corrected_again"
    )
    assert "c2" in refused["detail"]
    for one, value in (("c2", "fault"), ("c1", "charging")):
        answer = await world.ask("POST", f"/v1/corrections/{one}/undo", Role.SUPERVISOR, **undo)
        assert answer.status_code == 200, answer.text
        assert answer.json()["undone_by"] == "supervisor"
        assert (await values(world, "status"))[0][0] == value
    before = len(facts(world, ReadingsCorrected))
    assert (await world.ask("POST", "/v1/corrections/c1/undo", Role.SUPERVISOR, **undo)).status_code == 200
    assert len(facts(world, ReadingsCorrected)) == before, "a repeat changes nothing"


async def test_a_time_in_a_wrong_unit_is_scaled_after_a_dry_run(world: World) -> None:
    at = NOW - HOUR
    await send(world, "energy", [(at + n * MINUTE, 1000.0 * n) for n in range(5)])
    body = {"point": "energy", "start": moment(at + MINUTE), "end": moment(at + 4 * MINUTE), "factor": 0.001}
    shown = await correct(world, **body, dry_run=True)
    assert shown.status_code == 200, shown.text
    changes = [(one["before"], one["after"]) for one in shown.json()["changes"]]
    assert changes == [(1000.0, 1.0), (2000.0, 2.0), (3000.0, 3.0)]
    assert [value for value, *_ in await values(world, "energy")] == [0, 1000, 2000, 3000, 4000], "nothing is changed"
    assert (await correct(world, **body, command_id="c1")).status_code == 201
    assert [value for value, *_ in await values(world, "energy")] == [0, 1, 2, 3, 4000]
    detail = await world.get("/v1/corrections/c1")
    assert (detail["readings"], detail["factor"], detail["offset"]) == (3, 0.001, 0)


async def test_corrections_stand_after_a_restart(tmp_path: Path) -> None:
    world, at = World(tmp_path), NOW - HOUR
    await send(world, "energy", [(at, 5.0)])
    assert (await correct(world, point="energy", at=moment(at), value=6, command_id="c1")).status_code == 201
    await stored(world)
    await world.close()
    again = World(tmp_path)
    try:
        again.secrets = world.secrets
        await send(again, "energy", [(at, 5.0)])
        assert [one[0] for one in await values(again, "energy")] == [6.0]
    finally:
        await again.close()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"point": "none", "value": 1}, 404, "unknown_point"),
        ({"point": "energy", "value": 1}, 404, "unknown_reading"),
        ({"point": "energy"}, 422, "one_correction"),
        ({"point": "energy", "value": 1, "bad": True}, 422, "one_correction"),
        ({"point": "energy", "value": 1, "start": moment(1), "end": moment(2)}, 422, "one_time"),
        ({"point": "energy", "bad": True, "at": None}, 422, "one_time"),
        ({"point": "energy", "bad": True, "at": None, "start": moment(2), "end": moment(1)}, 422, "range"),
        ({"point": "energy", "value": "much"}, 422, "number"),
        ({"point": "energy", "value": 1, "unit": "degC"}, 422, "unit"),
        ({"point": "energy", "value": 1, "unit": "blorp"}, 422, "unit"),
        ({"point": "energy", "factor": 0}, 422, "number"),
        ({"point": "status", "value": "melting"}, 422, "state_value"),
        ({"point": "status", "factor": 2}, 422, "state_scaled"),
        ({"point": "energy", "value": 1, "reason": ""}, 422, "invalid"),
    ],
)
async def test_what_is_refused(world: World, body: Any, status: int, code: str) -> None:
    problem(await correct(world, **{"at": moment(NOW - HOUR), **body}), status, code)


async def test_who_may(world: World) -> None:
    at = moment(NOW - HOUR)
    for role in (Role.VIEWER, Role.ENGINEER, Role.OPERATOR, Role.INTEGRATOR):
        problem(await correct(world, role, point="energy", at=at, value=1), 403, "role")
    exchange = {"device": "D1", "point": "energy", "at": at}
    problem(await world.ask("POST", "/v1/meter-exchanges", Role.VIEWER, json=exchange), 403, "role")
    answer = await world.ask("POST", "/v1/meter-exchanges", Role.ENGINEER, json=exchange)
    assert answer.status_code == 201, answer.text


async def swap(world: World, **body: Any) -> Any:
    body = {"device": "D1", "point": "energy", "at": moment(NOW - 30 * MINUTE), **body}
    return await world.ask("POST", "/v1/meter-exchanges", Role.OPERATOR, json=body)


async def test_a_meter_is_exchanged_with_a_factor_and_taken_back(world: World) -> None:
    await send(world, "energy", [(NOW - 40 * MINUTE, 100.0), (NOW - 20 * MINUTE, 3.0)])
    body = {"old_final": 120, "new_start": 2, "factor": 10, "command_id": "x1"}
    shown = (await swap(world, **body, dry_run=True)).json()
    assert (shown["last"], shown["counted"], shown["scaled"], shown["new_start"]) == (100.0, 20.0, 1, 20.0)
    assert not facts(world, MeterExchanged)
    answer = await swap(world, **body)
    assert answer.status_code == 201, answer.text
    (fact,) = facts(world, MeterExchanged)
    assert (fact.final, fact.start, fact.factor, fact.at, fact.actor) == (120, 20, 10, NOW - 30 * MINUTE, "operator")
    await send(world, "energy", [(NOW - 35 * MINUTE, 101.0), (NOW - 10 * MINUTE, 4.1)])
    assert [value for value, *_ in await values(world, "energy")] == [100, 101, 30, 41]
    assert (await swap(world, **body)).status_code == 200, "a repeat changes nothing"
    problem(await swap(world, command_id="x2"), 409, "exchanged_then")
    of_it = {"json": {"reason": "no"}}
    problem(await world.ask("POST", "/v1/corrections/x1.factor/undo", Role.SUPERVISOR, **of_it), 409, "of_exchange")
    undone = await world.ask("POST", "/v1/meter-exchanges/x1/undo", Role.OPERATOR, json={"reason": "another device"})
    assert undone.status_code == 200, undone.text
    assert facts(world, MeterExchanged)[-1].undone
    assert [value for value, *_ in await values(world, "energy")] == [100, 101, 3, 4.1]
    await send(world, "energy", [(NOW - 10 * MINUTE, 4.1)])
    assert (await values(world, "energy"))[3][0] == 4.1, "the device sends it once more"
    await send(world, "energy", [(NOW - 5 * MINUTE, 5.0)])
    assert (await values(world, "energy"))[-1][0] == 5.0, "the factor is gone"
    listed = await world.get("/v1/meter-exchanges", params={"device": "D1"}, role=Role.VIEWER)
    assert [(one["id"], one["undone_by"]) for one in listed["items"]] == [("x1", "operator")]


async def undo(world: World, key: str) -> Any:
    return await world.ask("POST", f"/v1/meter-exchanges/{key}/undo", Role.OPERATOR, json={"reason": "no"})


async def test_a_factor_replaces_the_one_before_and_the_later_exchange_is_taken_back_first(world: World) -> None:
    assert (await swap(world, factor=10, command_id="x1")).status_code == 201
    await send(world, "energy", [(NOW - 20 * MINUTE, 3.3), (NOW - 10 * MINUTE, 0.7)])
    assert (await swap(world, at=moment(NOW - 15 * MINUTE), factor=5, command_id="x2")).status_code == 201
    await send(world, "energy", [(NOW - 5 * MINUTE, 1.1)])
    assert [value for value, *_ in await values(world, "energy")] == [33, 3.5, 5.5]
    world.clock.at += 1
    body = {"point": "energy", "at": moment(NOW - 5 * MINUTE), "value": 6, "command_id": "c1"}
    assert (await correct(world, **body)).status_code == 201

    assert "x2" in problem(await undo(world, "x1"), 409, "corrected_again")["detail"]
    assert "c1" in problem(await undo(world, "x2"), 409, "corrected_again")["detail"]
    back = await world.ask("POST", "/v1/corrections/c1/undo", Role.SUPERVISOR, json={"reason": "no"})
    assert back.status_code == 200
    assert (await undo(world, "x2")).status_code == 200
    assert [value for value, *_ in await values(world, "energy")] == [33, 7, 11]
    assert (await undo(world, "x1")).status_code == 200
    assert [value for value, *_ in await values(world, "energy")] == [3.3, 0.7, 1.1]


async def test_a_correction_below_a_factor_names_the_exchange(world: World) -> None:
    await send(world, "energy", [(NOW - 20 * MINUTE, 3.0)])
    at = moment(NOW - 20 * MINUTE)
    assert (await correct(world, point="energy", at=at, value=4, command_id="c1")).status_code == 201
    world.clock.at += 1
    assert (await swap(world, factor=10, command_id="x1")).status_code == 201
    refused = problem(
        await world.ask("POST", "/v1/corrections/c1/undo", Role.SUPERVISOR, json={"reason": "no"}),
        409,
        "corrected_again",
    )
    assert "exchange x1" in refused["detail"]


async def test_exchanges_that_cannot_be(world: World) -> None:
    await send(world, "energy", [(NOW - 40 * MINUTE, 100.0)])
    problem(await swap(world, at=moment(NOW + HOUR)), 422, "exchange_future")
    problem(await swap(world, point="status"), 422, "no_counter")
    assert "100" in problem(await swap(world, old_final=90), 422, "final_below_last")["detail"]
    problem(await swap(world, factor=0), 422, "invalid")
    problem(await swap(world, device="D9"), 404, "unknown_device")
    problem(await world.ask("POST", "/v1/meter-exchanges/none/undo", json={"reason": "x"}), 404, "unknown_exchange")


async def test_the_flag_of_a_stored_correction(world: World) -> None:
    at = NOW - 100 * HOUR
    await send(world, "energy", [(at, 5.0)])
    made = (await correct(world, point="energy", at=moment(at), value=6)).json()
    assert made["judged"] == 0, "older than clock.accept_late"
    await stored(world)
    series = world.app.stores.series.range(
        world.id("D1"), world.app.stores.registry.points("dc")["energy", 0].id, 0, NOW
    )
    assert series.flags.tolist() == [Flag.CONFLICT | Flag.CORRECTED]
    assert series.quality.tolist() == [Quality.GOOD]


async def test_marked_readings_are_counted_by_device_point_and_reason(tmp_path: Path) -> None:
    profile = {
        "profiles/dc.yaml": "kind: charger\ncomponents: 2\npoints:\n"
        "  temp: {unit: degC, each: true, plausible: {max_step: 20}}\n"
        "  energy: {unit: kWh, kind: counter, plausible: {falls: abnormal}}\n"
        "  status: {kind: state, values: [idle, charging, fault]}\n"
    }
    world = World(tmp_path, profile)
    try:
        await send(world, "temp", [(NOW - HOUR, 20.0), (NOW - 59 * MINUTE, 90.0), (NOW - 58 * MINUTE, 95.0)], 2)
        await send(world, "energy", [(NOW - HOUR, 20.0), (NOW - 59 * MINUTE, 1.0)])
        marked = ("uncertain", ["implausible"])
        assert [one[1:] for one in await values(world, "temp", 2)] == [("good", []), marked, marked]
        found = await world.get("/v1/abnormal-readings", params={"device": "D1"}, role=Role.VIEWER)
        counts = [(one["point"], one["component"], one["reason"], one["count"]) for one in found["counts"]]
        assert counts == [("temp", 2, "step", 2), ("energy", 0, "fell", 1)]
        recent = [(one["value"], one["unit"]) for one in found["recent"]]
        assert recent == [(1.0, "kWh"), (95.0, "degC"), (90.0, "degC")]
        assert (await world.get("/v1/abnormal-readings", params={"device": "D2"}))["counts"] == []
        detail = await world.get("/v1/devices/D1")
        counts = [(one["point"], one["reason"], one["count"]) for one in detail["abnormal"]]
        assert counts == [("temp", "step", 2), ("energy", "fell", 1)]
        metrics = (await world.ask("GET", "/metrics")).text
        assert 'fieldgate_abnormal_readings_total{reason="step"} 2.0' in metrics
    finally:
        await world.close()


async def test_a_device_has_limits_of_its_own(tmp_path: Path) -> None:
    profile = {
        "profiles/dc.yaml": "kind: charger\ncomponents: 2\npoints:\n"
        "  temp: {unit: degC, each: true, plausible: {max: 60}}\n",
        "devices.csv": "code,profile,plausible.2.temp.max\nD1,dc,90 degC\nD2,dc,\n",
    }
    world = World(tmp_path, profile)
    try:
        for component in (1, 2):
            await send(world, "temp", [(NOW - HOUR, 80.0), (NOW - MINUTE, 95.0)], component)
        assert [one[1] for one in await values(world, "temp", 2)] == ["good", "uncertain"]
        (limits,) = (await world.get("/v1/devices/D1"))["limits"]
        assert (limits["point"], limits["component"], limits["max"], limits["min"]) == ("temp", 2, 90, None)
        assert (await world.get("/v1/devices/D2"))["limits"] == []
    finally:
        await world.close()
