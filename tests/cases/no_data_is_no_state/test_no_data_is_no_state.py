"""B9: NaN, nil, null, "unavailable", "unknown" and "" on a state point became good states."""

import json
from typing import Any

import numpy as np
import pytest
from mqtt_kit import NOW, Registry, Said, config, said

from gateway.domain.device import AsSent, Point, PointKind
from protocols.mapping.mapper import Mapper
from protocols.modbus.profile import ModbusMap
from protocols.modbus.registers import bind

NOTHING = ["NaN", "nan", "nil", "NIL", "null", "unavailable", "unknown", "", "  ", None]
STATES = ["Unavailable", "none", "off", "0"]
POINT = Point(1, "p", "status", kind=PointKind.STATE, values=("charging", "unknown"))
"""A table that learned `unknown` before."""


def read(sent: AsSent, *messages: Said, **how: Any) -> list[int]:
    route = {"filter": "x", "device": "d", "points": {"status": {"path": "s"} | how}}
    bare = {"filter": "b", "device": "d", "points": {"status": {"path": "."} | how}}
    mapper = Mapper("src", config([route, bare]), Registry({"d": "p"}, [POINT]), lambda _: {"status": sent})
    mapped = mapper.map(messages, np.full(len(messages), NOW, np.int64))
    assert mapped.rejected == ()
    return [int(r.quality) for r in mapped.batch.readings()]


@pytest.mark.parametrize("value", NOTHING)
def test_no_data_is_no_state(value: str | None) -> None:
    sent = AsSent(values=("charging",))
    text = Said("b", ("null" if value is None else value).encode())
    assert read(sent, said("x", {"s": value}), text) == [0, 0]


@pytest.mark.parametrize("value", STATES)
def test_states_stay_states(value: str) -> None:
    assert read(AsSent(values=("charging",)), said("x", {"s": value}), Said("b", value.encode())) == [2, 2]


def test_what_the_profile_or_the_map_lists_is_a_state() -> None:
    message = said("x", {"s": "unknown"})
    assert read(AsSent(values=("charging", "unknown")), message) == [2]
    assert read(AsSent(values=("charging",)), message, map={"unknown": "charging"}) == [2]
    assert read(AsSent(values=("charging", "unknown"), missing=("unknown",)), message) == [0]


def test_the_same_for_a_column_of_many() -> None:
    values = ["charging", "unknown", "charging", "NaN", "off"] * 3
    assert read(AsSent(), *(Said("x", json.dumps({"s": v}).encode()) for v in values)) == [2, 0, 2, 0, 2] * 3


@pytest.mark.parametrize(
    ("text", "listed", "found"), [("nil ", (), None), ("nil ", ("nil",), "nil"), ("ok  ", (), "ok")]
)
def test_texts_of_modbus(text: str, listed: tuple[str, ...], found: str | None) -> None:
    point = Point(1, "p", "status", kind=PointKind.STATE, values=listed)
    section = {"points": {"status": {"at": 0, "type": "ascii", "length": 2}}}
    (register,) = bind(ModbusMap.model_validate(section), {("status", 0): point}, 0)
    words = [int.from_bytes(text[i : i + 2].encode(), "big") for i in (0, 2)]
    assert register.value(words) == found
