"""Commands by Modbus: functions 5, 6, 15 and 16 between the polls, read before and after."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from modbus_kit import FakeDirectory, WallClock

from gateway.domain.device import Device, PointSpec, Profile
from gateway.domain.device_command.definition import CommandDefinition, CommandParameter, ParameterType
from gateway.domain.device_command.exchange import AnswerKind, CommandAnswer, CommandNotSent, OutgoingCommand
from gateway.domain.errors import ConfigError
from gateway.domain.record import Parcel
from protocols.modbus.adapter import ADAPTER
from protocols.modbus.command_form import ModbusForm, load
from protocols.modbus.config import ModbusConfig
from protocols.modbus.frames import PendingRequest, sift
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.register_write import RegisterWrite
from protocols.modbus.registers import load as load_map
from protocols.modbus.rtu_frames import crc, sift_rtu
from protocols.modbus.source import ModbusSource
from simulators.command_unit import CommandUnit
from simulators.modbus_server import ModbusServer

PROFILE = Profile("p", "meter", (PointSpec("flow", unit="m3/h"),))
MAP = load_map({"points": {"flow": {"at": 0, "type": "u16"}}}, PROFILE, "p.yaml")
DEVICE = Device(1, "M-1", "p", "meter", components=2)
AMPS = CommandParameter("amps", ParameterType.NUMBER, "A", 6, 32)
OPEN = CommandParameter("open", ParameterType.FLAG)
MODE = CommandParameter("mode", ParameterType.TEXT, values=("eco", "full"))


def form(
    section: Mapping[str, Any], parameters: tuple[CommandParameter, ...] = (AMPS,), own: Mapping[str, Any] | None = None
) -> ModbusForm:
    return load(section, CommandDefinition("c", "C", "C", parameters), own)


def request(made: ModbusForm, component: int = 0, **values: Any) -> RegisterWrite:
    return made[0].request(component, values)


# ---- what is written ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("section", "values", "wanted"),
    [
        ({"at": 40, "scale": 0.1, "parameter": "amps"}, {"amps": 16.5}, (6, 40, (165,))),
        ({"at": 40, "scale": 0.1, "parameter": "amps", "function": "multiple"}, {"amps": 6}, (16, 40, (60,))),
        ({"at": 40, "unit": "mA", "type": "u32", "parameter": "amps"}, {"amps": 20}, (16, 40, (0, 20_000))),
        ({"at": 40, "type": "f32", "order": "CDAB", "parameter": "amps"}, {"amps": 20}, (16, 40, (0, 0x41A0))),
        ({"at": 40, "type": "i16", "offset": 40, "parameter": "amps"}, {"amps": 6}, (6, 40, (0x10000 - 34,))),
    ],
)
def test_numbers_become_registers(section: dict[str, Any], values: dict[str, Any], wanted: Any) -> None:
    found = request(form(section), **values)
    assert (found.function, found.address, found.words) == wanted
    assert found.table is RegisterTable.HOLDING


def test_flags_and_words_become_coils_and_registers() -> None:
    coil = form({"table": "coil", "at": 3, "parameter": "open"}, (OPEN,))
    assert request(coil, open=True) == RegisterWrite(RegisterTable.COIL, 5, 3, (1,))
    assert request(coil, open=True).echo == b"\0\3\xff\0"
    assert request(coil, open=False).echo == b"\0\3\0\0"
    several = form({"table": "coil", "at": 3, "value": True, "function": "multiple"}, ())
    assert (request(several).function, request(several).echo) == (15, b"\0\3\0\1")
    words = form({"at": 1, "parameter": "mode", "map": {"eco": 1, "full": 7}}, (MODE,))
    assert request(words, mode="full") == RegisterWrite(RegisterTable.HOLDING, 6, 1, (7,))


def test_places_count_as_in_the_map_of_the_profile() -> None:
    own = {"base": -40001, "stride": 100, "unit_stride": 1, "order": "CDAB", "points": {"flow": {"at": 40001}}}
    made = form({"at": 40011, "type": "u32", "parameter": "amps", "unit_offset": 2}, own=own)
    found = request(made, 3, amps=7)
    assert (found.address, found.words, made[0].unit(3), made[0].unit(0)) == (210, (7, 0), 4, 2)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"at": 1}, "modbus.command_value_or_parameter"),
        ({"at": 1, "value": 3, "parameter": "amps"}, "modbus.command_value_or_parameter"),
        ({"at": 1, "parameter": "amps", "type": "u32", "function": "single"}, "modbus.command_single"),
        ({"at": 1, "parameter": "amps", "scale": 0}, "modbus.scale"),
        ({"at": 1, "parameter": "volts"}, "modbus.command_value"),
        ({"at": 1, "parameter": "amps", "unit": "degC"}, "modbus.command_value"),
        ({"at": 1, "parameter": "amps", "scale": 0.0001}, "modbus.command_value"),  # 32 A do not fit 16 bits
        ({"at": 70_000, "parameter": "amps"}, "modbus.command_value"),
        ({"table": "coil", "at": 1, "parameter": "amps"}, "modbus.command_value"),
        ({"at": 1, "value": 3}, "modbus.command_unused"),
    ],
)
def test_what_cannot_be_written_is_refused(section: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        form(section)
    assert key in [problem.key for problem in refused.value.problems]


def test_a_read_back_never_reads_what_the_map_forbids() -> None:
    own = {"forbid": [[40, 44]], "points": {"flow": {"at": 0}}}
    with pytest.raises(ConfigError) as refused:
        form({"at": 39, "type": "u32", "parameter": "amps"}, own=own)
    assert "read_back: false" in str(refused.value.problems[0].fields["reason"])
    form({"at": 39, "type": "u32", "parameter": "amps", "read_back": False}, own=own)
    form({"at": 38, "type": "u32", "parameter": "amps"}, own=own)


# ---- which frame is the response ----------------------------------------------------------------------------------
@pytest.mark.parametrize("function", [5, 6, 15, 16])
def test_the_response_repeats_the_request(function: int) -> None:
    write = RegisterWrite(RegisterTable.HOLDING, function, 0x0102, (1,))
    pending = PendingRequest(7, 9, function, 1, write.echo)
    good = bytes([0, 7, 0, 0, 0, 6, 9, function]) + write.echo
    assert sift(good, pending).answer == good
    assert sift(good[:-1] + b"\x55", pending).garbled == "echo"
    assert sift(good[:8] + b"\x01\x03" + good[10:], pending).garbled == "echo"
    assert sift(bytes([0, 6]) + good[2:], pending).answer is None, "of an earlier request"
    refused = bytes([0, 7, 0, 0, 0, 3, 9, function | 0x80, 4])
    assert sift(refused, pending).answer == refused
    body = bytes([9, function]) + write.echo
    frame = body + crc(body)
    assert sift_rtu(frame, pending).answer == frame
    other = bytes([9, function]) + b"\x01\x03" + write.echo[2:]
    assert sift_rtu(other + crc(other), pending).answer is None


# ---- a whole source -----------------------------------------------------------------------------------------------
def outgoing(made: ModbusForm, *, component: int = 0, timeout: int = 2_000_000, **values: Any) -> OutgoingCommand:
    return OutgoingCommand("c1", "c", DEVICE, component, values, made, timeout, 0)


class Stage:
    """A source that polls a unit that takes commands."""

    def __init__(self, source: ModbusSource, unit: CommandUnit, server: ModbusServer) -> None:
        self.source, self.unit, self.server = source, unit, server
        self.frames = 0

    async def kept(self, parcel: Parcel) -> None:
        self.frames += parcel.messages

    async def send(self, made: ModbusForm, **more: Any) -> CommandAnswer:
        return await self.source.send_command(outgoing(made, **more))


@asynccontextmanager
async def stage(*, unit_id: int = 1, timeout: str = "200ms") -> AsyncIterator[Stage]:
    unit = CommandUnit()
    async with ModbusServer({1: unit, 2: unit}) as server:
        config = ModbusConfig.model_validate(
            {
                "type": "modbus",
                "every": "20ms",
                "links": {"hall": {"tcp": f"127.0.0.1:{server.port}", "timeout": timeout}},
                "devices": [{"device": "M-1", "link": "hall", "unit": unit_id}],
            }
        )
        source = ModbusSource("one", config, FakeDirectory([PROFILE], [DEVICE]), {"p": MAP}, WallClock())
        found = Stage(source, unit, server)
        task = asyncio.ensure_future(source.run(found.kept))
        try:
            async with asyncio.timeout(5):
                while unit_id and not found.frames:
                    await asyncio.sleep(0.005)
                while not source._links:
                    await asyncio.sleep(0.005)
            yield found
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_all_functions_between_polls_with_what_was_there_before_and_after() -> None:
    parts = [
        {"at": 10, "scale": 0.1, "parameter": "amps"},
        {"at": 20, "type": "u32", "value": 70_000},
        {"table": "coil", "at": 3, "value": True},
        {"table": "coil", "at": 5, "value": True, "function": "multiple", "read_back": False},
    ]
    made = form({"writes": parts})
    async with stage() as one:
        for amps in (16, 8, 32):
            answer = await one.send(made, amps=amps)
            assert (answer.kind, answer.verified) == (AnswerKind.OK, True)
            assert one.unit.words[10] == amps * 10
        assert answer.before == "10=80 20=1,4464 3=1"
        assert answer.after == "10=320 20=1,4464 3=1"
        assert [function for function, _, _ in one.unit.writes] == [6, 16, 5, 15] * 3
        assert one.unit.bits[5]
        polled = one.frames
        async with asyncio.timeout(5):
            while one.frames < polled + 3:
                await asyncio.sleep(0.005)
        assert (one.source.stats.strays, one.source.stats.silent) == (0, 0), "no request was disturbed"


async def test_a_register_that_keeps_its_value_is_not_verified() -> None:
    made = form({"at": 10, "parameter": "amps"})
    async with stage() as one:
        one.unit.answer = "idle"
        answer = await one.send(made, amps=16)
        assert (answer.kind, answer.verified, answer.after) == (AnswerKind.OK, False, "10=0")
        blind = await one.send(form({"at": 10, "parameter": "amps", "read_back": False}), amps=16)
        assert (blind.kind, blind.verified, blind.before) == (AnswerKind.OK, None, "")


async def test_what_fails_ends_the_rest() -> None:
    made = form(
        {"writes": [{"at": 10, "parameter": "amps"}, {"at": 63, "type": "u32", "value": 1, "read_back": False}]}
    )
    async with stage() as one:
        answer = await one.send(made, amps=16)
        assert (answer.kind, answer.text.startswith("exception_2")) == (AnswerKind.ERROR, True)
        one.unit.answer = "error"
        refused = await one.send(made, amps=16)
        assert (refused.kind, len(one.unit.writes)) == (AnswerKind.ERROR, 3)


async def test_nothing_is_written_where_nothing_can_be_read_or_to_all_units_at_once() -> None:
    async with stage() as one:
        with pytest.raises(CommandNotSent, match="exception_2"):
            await one.send(form({"at": 64, "parameter": "amps"}), amps=16)
        with pytest.raises(CommandNotSent, match="all units"):
            await one.send(form({"at": 10, "parameter": "amps", "unit_offset": -1}), amps=16)
        assert one.unit.writes == []
    found, config = ADAPTER.command_form, {"type": "modbus", "links": {"a": {"tcp": "h:502"}}}
    assert found is not None
    for unit, serves in ((0, False), (1, True)):
        devices = [{"device": "M-1", "link": "a", "unit": unit}]
        assert found.serves(ModbusConfig.model_validate(config | {"devices": devices}), DEVICE) is serves
    registry = ModbusConfig.model_validate(config | {"devices_from": "registry"})
    for text, serves in (("0", False), ("7", True), ("x", False)):
        device = Device(1, "M-2", "p", "meter", attrs={"modbus_link": "a", "modbus_unit": text})
        assert found.serves(registry, device) is serves


async def test_a_write_without_an_answer_is_never_repeated() -> None:
    made = form({"at": 10, "parameter": "amps", "read_back": False})
    async with stage() as one:
        one.server.faults.hang_up_every[1] = 1
        answer = await one.send(made, amps=16)
        assert (answer.kind, answer.text.startswith("closed")) == (AnswerKind.SILENT, True)
        one.server.faults.hang_up_every.clear()
        one.unit.answer = "silent"
        frames = one.frames
        async with asyncio.timeout(10):
            while one.frames == frames:
                await asyncio.sleep(0.01)
        silent = await one.send(made, amps=20)
        assert (silent.kind, [words for _, _, words in one.unit.writes]) == (AnswerKind.SILENT, [[20]])
