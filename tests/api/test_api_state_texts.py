"""B8, D1: a device that sends made-up codes, from the message to what a person sees and does."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from api_kit import FILES, NOW, World, problem

from gateway.domain.record import Parcel
from gateway.domain.workorder import Role
from protocols.mapping.mapper import Mapper
from protocols.mqtt.config import MqttConfig

PROFILE = FILES["profiles/dc.yaml"] + "  fault_code: {kind: state}\n  load: {unit: kW}\n"
RULES = """\
format: 1
rules:
- id: fault
  title: {en: Fault, zh: 故障}
  watch: {kind: charger}
  let: {code: {code_of: fault_code, table: codes}}
  when: "code.level >= 'major' or fault_code == 'water'"
  then: {order: {type: repair}}
"""
CODES = "source: a list\nentries:\n  E01: {name: smoke, level: critical}\n  E02: {name: short, level: major}\n"
ROUTE = {
    "filter": "s/{device}", "device": "{device}",
    "points": {"fault_code": {"path": "f"}, "load": {"path": "kw"}, "status": {"path": "st", "map": {"7": "booked"}}},
}  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, {"profiles/dc.yaml": PROFILE, "rules/a.yaml": RULES, "codes/codes.yaml": CODES})
    yield world
    await world.close()


class Sent:
    def __init__(self, device: str, **body: Any) -> None:
        self.topic, self.payload, self.retain = f"s/{device}", orjson.dumps(body), False


async def send(world: World, *messages: Sent) -> Parcel:
    config = MqttConfig.model_validate({"type": "mqtt", "url": "mqtt://h", "client_id": "c", "routes": [ROUTE]})
    mapper = Mapper("broker", config, world.app.stores.registry, world.app.project.as_sent)
    mapped = mapper.map(messages, np.full(len(messages), NOW, np.int64))
    parcel = Parcel("broker", mapped.batch, mapped.rejected, len(messages), partial=mapped.partial)
    await world.app.ingest.intake.emit(parcel)
    return parcel


def texts_of(world: World, parcel: Parcel, name: str) -> list[str]:
    table = world.app.stores.registry.points("dc")[name, 0]
    return [table.values[int(r.value)] for r in parcel.batch.readings() if r.point == table.id]


async def test_made_up_codes_of_one_device_take_nobodys_room(world: World) -> None:
    first = await send(world, *[Sent("D1", f=f"x{n}", kw=n) for n in range(260)])
    assert len(texts_of(world, first, "fault_code")) == 64
    assert len(first.batch) == 64 + 260  # the other readings of the messages are kept
    later = await send(
        world,
        Sent("D2", f="E01"),
        Sent("D1", f="E02"),
        Sent("D3", f="water"),
        Sent("D2", f="E99"),
        Sent("D1", f="x300"),
    )
    assert texts_of(world, later, "fault_code") == ["E01", "E02", "water", "E99"]
    assert [raw.payload for raw in later.rejected] == [b'{"f":"x300"}']

    assert "197 text(s) of state points" in (await world.get("/readyz", None))["parts"]["texts"]
    assert (await world.get("/readyz", None))["ready"]
    metrics = (await world.ask("GET", "/metrics", None)).text
    assert "fieldgate_state_texts_refused_total 197.0" in metrics
    assert "fieldgate_state_texts_refusing 1.0" in metrics
    assert 'fieldgate_messages_total{source="broker",state="partial"} 196.0' in metrics
    letters = (await world.get("/v1/dead-letters?limit=100"))["items"]
    assert {letter["reason"] for letter in letters} == {"state_overflow"}
    assert (letters[0]["text"], letters[1]["text"]) == ('{"f":"x300"}', '{"f":"x259","kw":259}')


async def test_a_person_sees_who_brought_what_and_makes_room(world: World) -> None:
    await send(world, *[Sent("D1", f=f"x{n}") for n in range(65)], Sent("D2", f="E99"))
    (table,) = (await world.get("/v1/state-texts", Role.OPERATOR))["items"]
    assert (table["profile"], table["point"], table["named"]) == ("dc", "fault_code", 3)
    assert [(one["text"], one["device"]) for one in table["learned"]][62:] == [
        ("x62", "D1"),
        ("x63", "D1"),
        ("E99", "D2"),
    ]
    (refused,) = table["refused"]
    assert (refused["device"], refused["count"], refused["newest"], refused["why"]) == ("D1", 1, "x64", "device")

    body = {"profile": "dc", "point": "fault_code", "device": "D1"}
    problem(await world.ask("POST", "/v1/state-texts/clear", Role.OPERATOR, json=body), 403, "role")
    done = await world.ask("POST", "/v1/state-texts/clear", Role.SUPERVISOR, json=body)
    assert (done.status_code, done.json()) == (200, {"cleared": 64})
    (audited, *_) = (await world.get("/v1/audit?act=texts"))["items"]
    assert (audited["actor"], audited["subject"], audited["detail"]) == ("supervisor", "dc.fault_code", "D1, 64")
    assert (await world.get("/readyz", None))["parts"]["texts"] == "ok"
    again = await send(world, Sent("D1", f="x64"), Sent("D1", f="x3"))
    assert texts_of(world, again, "fault_code") == ["x64", "x3"]
    for wrong, status, code in (
        (body | {"point": "load"}, 404, "unknown_state"), (body | {"device": "D9"}, 404, "unknown_device"),
        (body | {"profile": ""}, 422, "invalid"),
    ):  # fmt: skip
        problem(await world.ask("POST", "/v1/state-texts/clear", Role.ADMIN, json=wrong), status, code)


async def test_a_whole_number_means_the_profiles_own_values(world: World) -> None:
    """Not the text that happens to stand at that place of the table: learned ones and those of rules come after."""
    parcel = await send(world, Sent("D1", st=1), Sent("D1", st=7), Sent("D1", st=5), Sent("D1", f=0), Sent("D1", f="0"))
    assert texts_of(world, parcel, "status") == ["charging", "booked", "5"]
    assert texts_of(world, parcel, "fault_code") == ["0", "0"]
    assert world.app.stores.registry.points("dc")["status", 0].values == ("idle", "charging", "fault", "booked", "5")
