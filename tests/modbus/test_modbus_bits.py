"""Coils and discrete inputs: on the wire, in the map, and through the whole source."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
from modbus_kit import Basket, FakeDirectory, WallClock, running, until

from gateway.domain.device import Device, PointKind, PointSpec, Profile
from gateway.domain.errors import ConfigError
from gateway.domain.reading import Quality
from protocols.modbus.bus_link import BusLink, WireTiming
from protocols.modbus.config import ModbusConfig
from protocols.modbus.link import ExceptionResponse
from protocols.modbus.profile import ModbusMap
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.registers import BoundRegister, bind, load
from protocols.modbus.slave import Backoff
from protocols.modbus.source import ModbusSource
from protocols.modbus.wires import TcpWire
from simulators.modbus_server import ModbusServer, ModbusUnit

COIL, DISCRETE, HOLDING = RegisterTable.COIL, RegisterTable.DISCRETE, RegisterTable.HOLDING
PROFILE = Profile(
    "p",
    "gas_detector",
    (
        PointSpec("alarm", PointKind.STATE, values=("none", "gas")),
        PointSpec("valve", PointKind.STATE, values=("moving", "open", "closed", "fault")),
        PointSpec("fan"),
        PointSpec("level", unit="%"),
        PointSpec("plug", PointKind.STATE, each=True, missing=(1,)),
    ),
    components=2,
)
# The examples of MODBUS Application Protocol V1.1b3, 6.1 (coils 20-38) and 6.2 (discrete inputs 197-218).
CASES = [
    (COIL, 19, 19, "01 0013 0013", "01 03 CD6B05", "1011001111010110101"),
    (DISCRETE, 196, 22, "02 00C4 0016", "02 03 ACDB35", "0011010111011011101011"),
]


@dataclass
class Panel:
    """A unit with four different tables."""

    coil: list[bool] = field(default_factory=list)
    discrete: list[bool] = field(default_factory=list)
    size: int = 10
    reserved: tuple[tuple[int, int], ...] = ()

    def image(self) -> list[int]:
        return [100 + n for n in range(self.size)]

    def coils(self) -> Sequence[bool]:
        return self.coil

    def discrete_inputs(self) -> Sequence[bool]:
        return self.discrete


class Registers:
    """A unit without bits."""

    size = 10
    reserved: tuple[tuple[int, int], ...] = ()

    def image(self) -> list[int]:
        return list(range(10))


def _bits(text: str) -> list[int]:
    return [int(one) for one in text]


def _link(port: int) -> BusLink:
    return BusLink(TcpWire("127.0.0.1", port, f"127.0.0.1:{port}"), WireTiming(3.0, 1.0), Backoff(min=1, max=1))


@pytest.mark.parametrize(("table", "address", "count", "request_pdu", "response_pdu", "bits"), CASES)
async def test_the_examples_of_the_specification(
    table: RegisterTable, address: int, count: int, request_pdu: str, response_pdu: str, bits: str
) -> None:
    """The bytes of the document on the wire, without the simulator."""
    seen: list[bytes] = []
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(7)
        seen.append(await reader.readexactly(5))
        pdu = bytes.fromhex(response_pdu)
        writer.write(head[:4] + (len(pdu) + 1).to_bytes(2, "big") + head[6:] + pdu)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    link = _link(server.sockets[0].getsockname()[1])
    try:
        assert await link.read(1, table, address, count) == _bits(bits)
        assert seen == [bytes.fromhex(request_pdu)]
    finally:
        await link.close()
        await asyncio.wait_for(left.wait(), 5)
        server.close()


@pytest.mark.parametrize(("table", "address", "count", "request_pdu", "response_pdu", "bits"), CASES)
async def test_the_simulator_packs_as_the_specification(
    table: RegisterTable, address: int, count: int, request_pdu: str, response_pdu: str, bits: str
) -> None:
    image = [False] * address + [bit == "1" for bit in bits] + [True] * 9
    unit = Panel(coil=image) if table is COIL else Panel(discrete=image)
    async with ModbusServer({1: unit}) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(bytes.fromhex("0007 0000 0006 01" + request_pdu))
        pdu = bytes.fromhex(response_pdu)
        want = bytes.fromhex("0007 0000") + (len(pdu) + 1).to_bytes(2, "big") + b"\1" + pdu
        assert await asyncio.wait_for(reader.readexactly(len(want)), 5) == want
        writer.close()
        await writer.wait_closed()


async def test_bits_of_any_place_and_number() -> None:
    rng = random.Random(158)
    unit = Panel([rng.random() < 0.5 for _ in range(2500)], [rng.random() < 0.5 for _ in range(2500)])
    async with ModbusServer({1: unit}) as server:
        link = _link(server.port)
        for count in (1, 7, 8, 9, 16, 17, 1999, 2000, *(rng.randint(1, 2000) for _ in range(30))):
            address = rng.randint(0, 2500 - count)
            for table, image in ((COIL, unit.coil), (DISCRETE, unit.discrete)):
                assert await link.read(1, table, address, count) == image[address : address + count]
        assert server.connections == 1
        await link.close()


async def test_each_table_refuses_for_itself() -> None:
    async with ModbusServer({1: Panel([True], []), 2: Registers()}) as server:
        link = _link(server.port)
        for unit, table, code in ((1, DISCRETE, 2), (2, COIL, 1), (2, DISCRETE, 1)):
            with pytest.raises(ExceptionResponse) as refused:
                await link.read(unit, table, 0, 1)
            assert refused.value.code == code
        assert await link.read(1, COIL, 0, 1) == [1]
        assert await link.read(2, HOLDING, 3, 1) == [3]
        await link.close()


def _load(points: dict[str, Any], **section: Any) -> ModbusMap:
    return load({"points": points, **section}, PROFILE, "p.yaml")


def _one(name: str, register: dict[str, Any], **section: Any) -> BoundRegister:
    return bind(_load({name: register}, **section), FakeDirectory([PROFILE]).points("p"), 1)[0]


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
@pytest.mark.parametrize("table", ["coil", "discrete"])
def test_a_bit_is_a_state_or_a_number(table: str, order: str) -> None:
    state = {"table": table, "at": 3, "map": {0: "none", 1: "gas"}}
    alarm = _one("alarm", state, order=order)
    assert (alarm.table, alarm.address, alarm.count) == (RegisterTable(table), 3, 1)
    assert [alarm.value([bit]) for bit in (0, 1)] == ["none", "gas"]
    fan = _one("fan", {"at": 65535}, table=table, order=order)
    assert [fan.value([bit]) for bit in (0, 1)] == [0.0, 1.0]
    level = _one("level", {"at": 1, "scale": 80, "offset": 20, "unit": "%"}, table=table)
    assert [level.value([bit]) for bit in (0, 1)] == [20.0, 100.0]


def test_two_contacts_make_one_state() -> None:
    texts = {0: "moving", 1: "open", 2: "closed", 3: "fault"}
    valve = _one("valve", {"table": "discrete", "parts": [{"at": 4}, {"at": 6, "scale": 2}], "map": texts})
    assert (valve.address, valve.count) == (4, 3)
    for is_open, other, is_closed in product((0, 1), repeat=3):
        assert valve.value([is_open, other, is_closed]) == texts[is_open + 2 * is_closed]


def test_bits_of_components_are_a_stride_apart_and_miss_nothing() -> None:
    """What the profile calls missing is a number of registers: a bit has none to spare."""
    section = _load({"plug": {"at": 2, "table": "coil", "map": {0: "out", 1: "in"}}}, base=10, stride=8)
    plugs = bind(section, FakeDirectory([PROFILE]).points("p"), 2)
    assert [(plug.address, plug.value([1])) for plug in plugs] == [(12, "in"), (20, "in")]


@pytest.mark.parametrize(
    ("register", "section", "key"),
    [
        ({"at": 0, "type": "u16"}, {}, "modbus.of_bits"),
        ({"at": 0, "type": "u32", "order": "CDAB"}, {}, "modbus.of_bits"),
        ({"at": 0, "bit": 3}, {}, "modbus.of_bits"),
        ({"at": 0, "bits": [0, 1]}, {}, "modbus.of_bits"),
        ({"at": 0, "missing": [1]}, {}, "modbus.of_bits"),
        ({"parts": [{"at": 0}, {"at": 1, "type": "i16"}]}, {}, "modbus.of_bits"),
        ({"at": 65536}, {}, "modbus.address"),
        ({"parts": [{"at": 0}, {"at": 2000}]}, {}, "modbus.span"),
        ({"parts": [{"at": 0}, {"at": 8}]}, {"max_bits": 8}, "modbus.span"),
        ({"at": 41}, {"forbid": [[40, 44]]}, "modbus.forbidden"),
    ],
)
@pytest.mark.parametrize("table", ["coil", "discrete"])
def test_mistakes(register: dict[str, Any], section: dict[str, Any], key: str, table: str) -> None:
    for points, whole in (({"fan": register}, {"table": table}), ({"fan": register | {"table": table}}, {})):
        with pytest.raises(ConfigError) as wrong:
            _load(points, **section, **whole)
        assert [(problem.key, problem.path) for problem in wrong.value.problems] == [(key, "modbus.points.fan")]
        assert wrong.value.problems[0].render("zh") != wrong.value.problems[0].render("en")


def test_more_bits_than_the_protocol_allows_are_refused() -> None:
    assert _load({"fan": {"at": 0}}, max_bits=2000).max_bits == 2000
    with pytest.raises(ConfigError):
        _load({"fan": {"at": 0}}, max_bits=2001)


async def _poll(unit: ModbusUnit) -> tuple[ModbusSource, dict[str, tuple[float, Quality]]]:
    """One device with points in three tables; its first frame by name."""
    points = {
        "alarm": {"table": "discrete", "at": 1, "map": {0: "none", 1: "gas"}},
        "fan": {"table": "coil", "at": 0},
        "level": {"at": 1},
    }
    directory, basket = FakeDirectory([PROFILE], [Device(1, "D", "p", "gas_detector")]), Basket()
    names = {point.id: name for (name, _), point in directory.points("p").items()}
    async with ModbusServer({9: unit}) as server:
        config = ModbusConfig.model_validate(
            {
                "type": "modbus",
                "every": "40ms",
                "links": {"a": {"tcp": f"127.0.0.1:{server.port}", "timeout": "3s"}},
                "devices": [{"device": "D", "link": "a", "unit": 9}],
            }
        )
        source = ModbusSource("s", config, directory, {"p": _load(points)}, WallClock())
        async with running(source.run(basket.emit)):
            await until(lambda: basket.frames(1) >= 1)
    first = [reading for reading in basket.readings if reading.at == basket.readings[0].at]
    return source, {names[reading.point]: (reading.value, reading.quality) for reading in first}


async def test_three_tables_are_one_frame() -> None:
    source, found = await _poll(Panel([True], [False, True]))
    assert found == {"alarm": (1.0, Quality.GOOD), "fan": (1.0, Quality.GOOD), "level": (101.0, Quality.GOOD)}
    assert source.stats.bad == 0


async def test_a_device_without_bits_keeps_its_registers() -> None:
    source, found = await _poll(Registers())
    assert {name: quality for name, (_, quality) in found.items()} == {
        "alarm": Quality.BAD,
        "fan": Quality.BAD,
        "level": Quality.GOOD,
    }
    assert found["level"][0] == 1.0
    assert set(source.stats.exceptions) == {1}


async def test_a_bit_the_device_lacks_costs_no_other() -> None:
    _, found = await _poll(Panel([True], [False]))
    assert found["fan"] == (1.0, Quality.GOOD)
    assert found["alarm"][1] is Quality.BAD
