"""One device under several unit ids: planning, one frame, silence and refusals of one of them, mistakes."""

import math
from typing import Any

import pytest
from modbus_kit import Basket, FakeDirectory, WallClock, running, until

from gateway.adapter_ports import CheckedProject
from gateway.domain.device import Device, PointSpec, Profile
from gateway.domain.errors import Problem
from gateway.domain.reading import Quality, Reading
from protocols.modbus.adapter import ADAPTER
from protocols.modbus.config import ModbusConfig
from protocols.modbus.plan import NOTHING, RegisterSpan, RequestLimits, learn, lessons, plan
from protocols.modbus.profile import ModbusMap
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.registers import bind, load
from protocols.modbus.source import ModbusSource
from simulators.modbus_server import ModbusServer

H = RegisterTable.HOLDING
PROFILE = Profile(
    "p", "charger", (PointSpec("power"), PointSpec("meter"), PointSpec("current", each=True)), components=2
)
SECTION: dict[str, Any] = {
    "unit_stride": 1,
    "points": {"power": {"at": 3}, "meter": {"at": 3, "unit_offset": 9}, "current": {"at": 4, "unit_offset": 1}},
}
MAP = load(SECTION, PROFILE, "p.yaml")


class Unit:
    """Register n of unit u holds 100 * u + n."""

    size = 10

    def __init__(self, number: int, reserved: tuple[tuple[int, int], ...] = ()) -> None:
        self.number, self.reserved = number, reserved

    def image(self) -> list[int]:
        return [100 * self.number + n for n in range(self.size)]


def test_registers_know_their_unit() -> None:
    bound = bind(MAP, FakeDirectory([PROFILE]).points("p"), 2)
    assert [(one.name, one.component, one.unit, one.address) for one in bound] == [
        ("power", 0, 0, 3), ("meter", 0, 9, 3), ("current", 1, 1, 4), ("current", 2, 2, 4),
    ]  # fmt: skip


def test_units_never_share_a_request_or_a_lesson() -> None:
    spans = [RegisterSpan(H, address, 1, unit) for unit in (0, 1) for address in range(4)]
    blocks = plan(spans, RequestLimits())
    assert [(b.unit, b.address, b.count) for b in blocks] == [(0, 0, 4), (1, 0, 4)]
    learned = learn(learn(NOTHING, blocks[1], spans, 2), blocks[0], spans, 3)
    assert [(b.unit, b.count) for b in plan(spans, RequestLimits(), learned)] == [(0, 2), (0, 2), (1, 2), (1, 2)]
    assert lessons(NOTHING, learned) == [
        "takes at most 2 holding registers in one request",
        "refuses one request for holding registers of unit +1 on both sides of 2",
    ]


def _config(port: int, unit: int = 1, **more: Any) -> ModbusConfig:
    raw = {
        "type": "modbus",
        "every": "20ms",
        "links": {"a": {"tcp": f"127.0.0.1:{port}", "timeout": "200ms"}},
        "devices": [{"device": "D", "link": "a", "unit": unit}],
        "backoff": {"min": "10s", "max": "10s"},
    }
    return ModbusConfig.model_validate(raw | more)


def _device(components: int = 2) -> Device:
    return Device(1, "D", "p", "charger", components=components)


async def _poll(units: list[Unit], frames: int, *, dead: int = 0) -> list[dict[tuple[str, int], Reading]]:
    """The frames of one device at unit 1, each by name and component."""
    directory, basket = FakeDirectory([PROFILE], [_device()]), Basket()
    names = {point.id: key for key, point in directory.points("p").items()}
    async with ModbusServer({unit.number: unit for unit in units}) as server:
        server.faults.dead.add(dead)
        source = ModbusSource("s", _config(server.port), directory, {"p": MAP}, WallClock())
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= frames)
    found: dict[int, dict[tuple[str, int], Reading]] = {}
    for reading in basket.readings:
        found.setdefault(reading.at, {})[names[reading.point]] = reading
    return list(found.values())


async def test_all_units_are_one_frame() -> None:
    for frame in await _poll([Unit(n) for n in (1, 2, 3, 10)], 2):
        assert {key: reading.value for key, reading in frame.items()} == {
            ("power", 0): 103.0,
            ("meter", 0): 1003.0,
            ("current", 1): 204.0,
            ("current", 2): 304.0,
        }


@pytest.mark.parametrize("dead", [1, 2, 3, 10])
async def test_a_silent_unit_costs_its_own_points(dead: int) -> None:
    """In every frame, also in those that wait for it."""
    of = {("power", 0): 1, ("meter", 0): 10, ("current", 1): 2, ("current", 2): 3}
    for frame in await _poll([Unit(n) for n in (1, 2, 3, 10)], 6, dead=dead):
        assert {key: math.isnan(reading.value) for key, reading in frame.items()} == {
            key: unit == dead for key, unit in of.items()
        }


async def test_a_refusal_of_one_unit_is_not_that_of_another() -> None:
    frame = (await _poll([Unit(1, ((3, 3),)), Unit(2), Unit(3), Unit(10)], 1))[0]
    assert {key for key, reading in frame.items() if reading.quality is Quality.BAD} == {("power", 0)}
    assert frame["meter", 0].value == 1003.0


async def test_a_unit_that_does_not_exist_is_not_polled() -> None:
    for unit, unplaced in ((246, 0), (247, 1)):
        source = ModbusSource("s", _config(1, unit), FakeDirectory([PROFILE], [_device()]), {"p": MAP}, WallClock())
        assert bool(source.plan()) is not bool(unplaced)


@pytest.mark.parametrize(("unit", "wrong"), [(246, None), (247, 256), (255, 256)])
def test_check_names_it(unit: int, wrong: int | None) -> None:
    def cell(device: str, column: str, key: str, fields: Any) -> Problem:
        return Problem("devices.csv", f"{device}.{column}", key, fields)

    listed = CheckedProject("g.yaml", {"p": PROFILE}, {"D": _device()}, {"p": "p.yaml"}, {"p": SECTION}, cell)
    columns = Device(1, "D", "p", "charger", components=2, attrs={"modbus_link": "a", "modbus_unit": str(unit)})
    placed = CheckedProject("g.yaml", {"p": PROFILE}, {"D": columns}, {"p": "p.yaml"}, {"p": SECTION}, cell)
    registry = _config(1, devices=[], devices_from="registry")
    for project, config, place in (
        (listed, _config(1, unit), "sources.s.devices[0].unit"),
        (placed, registry, "D.modbus_unit"),
    ):
        problems = ADAPTER.check_with({"s": config}, project).problems
        assert [(one.key, one.path, one.fields["unit"]) for one in problems] == (
            [] if wrong is None else [("config.source.unit_beyond", place, wrong)]
        )
        assert all(one.render("zh") != one.render("en") for one in problems)


def test_components_need_a_stride_of_registers_or_units() -> None:
    assert isinstance(load({"unit_stride": 1, "points": {"current": {"at": 4}}}, PROFILE, "p.yaml"), ModbusMap)
