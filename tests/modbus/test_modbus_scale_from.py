"""The power of ten of a value stands in another register: every power, every mistake, and on the wire."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_kit import Basket, FakeDirectory, WallClock, running, until

from gateway.domain.device import Device, PointKind, PointSpec, Profile
from gateway.domain.errors import ConfigError
from gateway.domain.reading import Quality
from protocols.modbus.config import ModbusConfig
from protocols.modbus.plan import RegisterSpan, RequestLimits, plan
from protocols.modbus.profile import ModbusMap
from protocols.modbus.registers import BoundRegister, bind, load
from protocols.modbus.source import ModbusSource
from simulators.modbus_server import ModbusServer

PROFILE = Profile(
    "p",
    "inverter",
    (
        PointSpec("power", unit="kW"),
        PointSpec("voltage", unit="V"),
        PointSpec("energy", PointKind.COUNTER, "kWh"),
        PointSpec("status", PointKind.STATE, values=("idle",)),
        PointSpec("current", unit="A", each=True),
    ),
    components=2,
)
DIRECTORY = FakeDirectory([PROFILE])
WATTS = {"at": 14, "type": "i16", "unit": "W", "missing": ["0x8000"], "scale_from": {"at": 15}}


def _load(points: dict[str, Any], **section: Any) -> ModbusMap:
    return load({"points": points, **section}, PROFILE, "p.yaml")


def _one(register: dict[str, Any], name: str = "power", **section: Any) -> BoundRegister:
    return bind(_load({name: register}, **section), DIRECTORY.points("p"), 1)[0]


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_any_two_words_are_the_right_value_or_bad(word: int, factor: int) -> None:
    """All powers and all else that a register can hold, against decimal arithmetic."""
    _right_or_bad(word, factor)


@pytest.mark.parametrize("factor", [*range(12), *range(0xFFFF - 12, 0x10000), 0x7FFF, 0x8000, 0x8001])
def test_every_power_and_the_first_beyond(factor: int) -> None:
    for word in (0, 1, 2301, 0x7FFF, 0x8000, 0x8001, 0xFFFF):
        _right_or_bad(word, factor)


def _right_or_bad(word: int, factor: int) -> None:
    value, quality = _one(WATTS).judge((word, factor), DIRECTORY.state_code)
    raw, power = (one - 0x10000 if one & 0x8000 else one for one in (word, factor))
    if not -10 <= power <= 10 or word == 0x8000:
        assert (math.isnan(value), quality) == (True, Quality.BAD)
        return
    assert quality is Quality.GOOD
    assert value == pytest.approx(float(Decimal(raw).scaleb(power - 3)), rel=4e-16, abs=0)


def test_values_are_rounded_once() -> None:
    voltage = _one({"at": 0, "scale_from": {"at": 1}}, "voltage")
    assert [voltage.value((2301, power & 0xFFFF)) for power in (-1, -2, 0, 1)] == [230.1, 23.01, 2301.0, 23010.0]
    assert _one(WATTS).value((15211, 0xFFFF)) == 1.5211


@pytest.mark.parametrize(
    ("register", "section", "words", "want"),
    [
        ({"at": 6, "scale_from": {"at": 2}}, {}, (0xFFFF, 9, 9, 9, 2301), 230.1),
        ({"at": 0, "scale_from": {"at": 1}, "scale": 2, "offset": 5}, {}, (21, 1), 425.0),
        ({"at": 0, "scale_from": {"at": 1}}, {"order": "BADC"}, (0xFD08, 0xFFFF), 230.1),
        ({"at": 0, "scale_from": {"at": 2}, "type": "u32"}, {"order": "CDAB"}, (0x86A0, 1, 0xFFFD), 100.0),
        ({"parts": [{"at": 0, "scale": 1000}, {"at": 2}], "scale_from": {"at": 1}}, {}, (2, 0xFFFF, 301), 230.1),
        # Acrel: U = U_t * 10 ** (DPT - 4), DPT is the high byte of its register
        (
            {"at": 1, "scale_from": {"at": 0, "type": "u16", "bits": [8, 15], "offset": -4}},
            {},
            (0x0304, 2301),
            230.1,
        ),
    ],
)
def test_it_stands_anywhere_near(
    register: dict[str, Any], section: dict[str, Any], words: tuple[int, ...], want: float
) -> None:
    bound = _one(register, "voltage", **section)
    assert bound.count == len(words)
    assert bound.value(words) == want


@pytest.mark.parametrize(("shared", "spans"), [(False, [(11, 3), (31, 3)]), (True, [(11, 3), (13, 19)])])
def test_components_have_their_own_or_share_one(shared: bool, spans: list[tuple[int, int]]) -> None:
    register = {"at": 1, "scale_from": {"at": 3, "shared": shared}}
    bound = bind(_load({"current": register}, base=10, stride=20), DIRECTORY.points("p"), 2)
    assert [(one.address, one.count) for one in bound] == spans
    first = [0] * bound[1].count
    first[0 if shared else 2], first[-1 if shared else 0] = 0xFFFE, 1234
    assert bound[1].value(first) == 12.34


def test_value_and_power_are_always_in_one_request() -> None:
    points = {"power": WATTS, "voltage": {"at": 70, "scale_from": {"at": 100}}, "energy": {"at": 15, "unit": "kWh"}}
    bound = bind(_load(points), DIRECTORY.points("p"), 0)
    spans = [RegisterSpan(one.table, one.address, one.count) for one in bound]
    for limits in (RequestLimits(), RequestLimits(style="single"), RequestLimits(max_registers=31, max_gap=0)):
        blocks = plan(spans, limits)
        assert sorted(index for block in blocks for index in block.members) == [0, 1, 2]
        for block in blocks:
            assert all(block.address <= spans[i].address and spans[i].end <= block.end for i in block.members)


@pytest.mark.parametrize(
    ("points", "section", "key", "path"),
    [
        ({"power": {"at": 0, "scale_from": {"at": 60}}}, {}, "modbus.span", "modbus.points.power"),
        ({"power": {"at": 0, "scale_from": {"at": -1}}}, {}, "modbus.address", "modbus.points.power"),
        (
            {"power": {"at": 0, "scale_from": {"at": 9}}},
            {"forbid": [[4, 5]]},
            "modbus.forbidden",
            "modbus.points.power",
        ),
        ({"power": {"at": 0, "scale_from": {"at": 1}}}, {"table": "coil"}, "modbus.of_bits", "modbus.points.power"),
        (
            {"status": {"at": 0, "map": {0: "idle"}, "scale_from": {"at": 1}}},
            {},
            "modbus.state_scale",
            "modbus.points.status",
        ),
        (
            {"power": {"at": 0, "scale_from": {"at": 1, "type": "f32"}}},
            {},
            "modbus.scale_type",
            "modbus.points.power.scale_from",
        ),
        (
            {"power": {"at": 0, "scale_from": {"at": 1, "bits": [0, 16]}}},
            {},
            "modbus.format",
            "modbus.points.power.scale_from",
        ),
        (
            {"power": {"at": 0, "scale_from": {"at": 1, "scale": 2}}},
            {},
            "section.unknown_key",
            "modbus.points.power.scale_from.scale",
        ),
    ],
)
def test_mistakes(points: dict[str, Any], section: dict[str, Any], key: str, path: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        _load(points, **section)
    assert [(problem.key, problem.path) for problem in wrong.value.problems] == [(key, path)]
    assert wrong.value.problems[0].render("zh") != wrong.value.problems[0].render("en")


class Inverter:
    """A unit that changes its power of ten together with its value, as SunSpec allows: always 12.3 kW."""

    size = 20
    reserved: tuple[tuple[int, int], ...] = ()

    def __init__(self) -> None:
        self.turn = 0

    def image(self) -> list[int]:
        self.turn += 1
        words = [0] * self.size
        words[14:16] = [(123, 2), (1230, 1), (12300, 0), (0x8000, 0), (123, 0x8000), (123, 11)][self.turn % 6]
        return words


async def test_a_power_that_changes_is_never_taken_for_the_old_one() -> None:
    directory, basket = FakeDirectory([PROFILE], [Device(1, "D", "p", "inverter")]), Basket()
    async with ModbusServer({126: Inverter()}) as server:
        config = ModbusConfig.model_validate(
            {
                "type": "modbus",
                "every": "20ms",
                "links": {"a": {"tcp": f"127.0.0.1:{server.port}", "timeout": "3s"}},
                "devices": [{"device": "D", "link": "a", "unit": 126}],
            }
        )
        source = ModbusSource("s", config, directory, {"p": _load({"power": WATTS})}, WallClock())
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 18)
    good = [reading.value for reading in basket.readings if reading.quality is Quality.GOOD]
    bad = [reading for reading in basket.readings if reading.quality is Quality.BAD]
    assert set(good) == {12.3}
    assert len(good) >= 6
    assert len(bad) >= 6
