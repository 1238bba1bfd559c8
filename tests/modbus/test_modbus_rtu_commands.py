"""Commands on a serial bus: over a pair of ports by socat to a unit of another library, and against a unit that is
late, foreign or behind an adapter that repeats what is sent."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from modbus_kit import until
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice
from test_modbus_rtu import serving

from gateway.domain.device import Device
from gateway.domain.device_command.definition import CommandDefinition, CommandParameter, ParameterType
from gateway.domain.device_command.exchange import AnswerKind, CommandAnswer, CommandNotSent, OutgoingCommand
from protocols.modbus.bus_link import BusLink
from protocols.modbus.command_form import load
from protocols.modbus.command_writer import DeviceOnLink, write_command
from protocols.modbus.config import LinkConfig
from protocols.modbus.link import Silent
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.slave import Backoff
from protocols.modbus.wiring import timing_of, wire_of
from simulators.serial_bus import framed

H = RegisterTable.HOLDING
UNIT = 9
AMPS = CommandParameter("amps", ParameterType.NUMBER, "A", 0, 100)


def _link(**keys: Any) -> BusLink:
    config = LinkConfig.model_validate({"timeout": "150ms", "late_answer": "60ms"} | keys)
    return BusLink(wire_of(config), timing_of(config), Backoff(min=1, max=1))


async def _send(link: BusLink, amps: float, **section: Any) -> CommandAnswer:
    written = section or {"at": 10, "parameter": "amps"}
    form = load(written, CommandDefinition("c", "C", "C", (AMPS,)), None)
    command = OutgoingCommand("c1", "c", Device(1, "M-1", "p", "meter"), 0, {"amps": amps}, form, 5_000_000, 0)
    return await write_command(DeviceOnLink(link, UNIT), command)


@asynccontextmanager
async def _cable(folder: Path) -> AsyncIterator[tuple[str, str]]:
    near, far = folder / "near", folder / "far"
    command = ["socat", f"pty,raw,echo=0,link={near}", f"pty,raw,echo=0,link={far}"]
    cable = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        await until(lambda: near.exists() and far.exists())
        yield str(near), str(far)
    finally:
        cable.terminate()
        cable.wait()


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
async def test_all_functions_on_a_real_port(tmp_path: Path) -> None:
    async with _cable(tmp_path) as (near, far):
        memory = SimData(0, values=[0] * 60, datatype=DataType.REGISTERS)
        server = ModbusSerialServer([SimDevice(UNIT, [memory])], framer=FramerType.RTU, port=far, baudrate=115200)
        await server.serve_forever(background=True)
        link = _link(rtu=near, timeout="3s", baud=115200)
        parts = [
            {"at": 10, "scale": 0.1, "parameter": "amps"},
            {"at": 20, "type": "f32", "order": "CDAB", "parameter": "amps"},
            {"table": "coil", "at": 3, "value": True},
            {"table": "coil", "at": 5, "value": True, "function": "multiple"},
        ]
        for amps, raw in ((16.5, 165), (8, 80), (8, 80)):
            answer = await _send(link, amps, writes=parts)
            assert (answer.kind, answer.verified) == (AnswerKind.OK, True), answer
            assert await link.read(UNIT, H, 10, 1) == [raw]
        assert "20=0,16640" in answer.after
        refused = await _send(link, 7, at=80, parameter="amps", read_back=False)
        assert (refused.kind, refused.text.startswith("exception_2")) == (AnswerKind.ERROR, True)
        assert link.strays == 0
        await link.close()
        await server.shutdown()


class Unit:
    """A unit behind a transparent serial server. `echo`: the adapter repeats what is sent. `how` it takes a write:
    ok, refuses, dead, or `late` s after it was asked."""

    def __init__(self, *, echo: bool = False) -> None:
        self.words, self.echo, self.how, self.late = [0] * 60, echo, "ok", 0.0
        self.writes = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while request := await reader.read(64):
                if self.echo:
                    writer.write(request)
                answer = self._answer(request)
                if request[1] > 4 and self.late:
                    asyncio.get_running_loop().call_later(self.late, writer.write, answer)
                elif answer:
                    writer.write(answer)
        writer.close()

    def _answer(self, request: bytes) -> bytes:
        function, at = request[1], int.from_bytes(request[2:4], "big")
        if function == 3:
            count = request[5]
            held = b"".join(word.to_bytes(2, "big") for word in self.words[at : at + count])
            return framed(bytes([UNIT, 3, 2 * count]) + held)
        self.writes += 1
        if self.how == "dead":
            return b""
        if self.how == "refuses":
            return framed(bytes([UNIT, function | 0x80, 4]))
        taken = request[4:6] if function == 6 else request[7:-2]
        for place in range(0, len(taken), 2):
            self.words[at + place // 2] = int.from_bytes(taken[place : place + 2], "big")
        return framed(request[:6])


@asynccontextmanager
async def _bus(unit: Unit, **keys: Any) -> AsyncIterator[BusLink]:
    async with serving(unit) as address:
        link = _link(rtu_tcp=address, **keys)
        try:
            yield link
        finally:
            await link.close()


@pytest.mark.parametrize("configured", [True, False])
async def test_an_echo_is_never_the_answer_to_a_write(configured: bool) -> None:
    """The response to functions 5 and 6 is the request again: only reads show whether the adapter repeats."""
    unit = Unit(echo=True)
    async with _bus(unit, echo=configured) as link:
        assert await link.read(UNIT, H, 0, 1) == [0]
        for how, kind in (("ok", AnswerKind.OK), ("refuses", AnswerKind.ERROR), ("dead", AnswerKind.SILENT)):
            unit.how = how
            assert (await _send(link, 16, at=10, parameter="amps", read_back=False)).kind is kind
        unit.how = "ok"
        found = await _send(link, 17)
        assert (found.kind, found.verified, unit.words[10]) == (AnswerKind.OK, True, 17)


async def test_an_echo_that_is_configured_and_does_not_come() -> None:
    async with _bus(Unit(), echo=True) as link:
        assert (await _send(link, 16)).verified
        assert (await _send(link, 16)).verified


@pytest.mark.parametrize("section", [{"at": 10}, {"at": 10, "type": "u32"}])
async def test_a_late_answer_to_a_write_is_not_that_of_the_next(section: dict[str, Any]) -> None:
    unit = Unit()
    async with _bus(unit, late_answer="300ms") as link:
        unit.late = 0.25  # after the time-out, before the line is used again
        first = await _send(link, 16, parameter="amps", **section)
        assert first.kind is AnswerKind.SILENT
        unit.late, unit.how = 0.0, "dead"
        for read_back in (True, False):
            again = await _send(link, 16, parameter="amps", read_back=read_back, **section)
            assert (again.kind, again.verified) == (AnswerKind.SILENT, None)
        assert (unit.writes, link.strays) == (3, 1)


async def test_a_line_that_is_never_quiet_takes_no_write() -> None:
    """Nothing left: the command was not sent, and nobody must look whether the device did it."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"\x55")
                await asyncio.sleep(0.005)

    async with serving(babble) as address:
        link = _link(rtu_tcp=address)
        with pytest.raises(Silent):
            await link.read(UNIT, H, 0, 1)
        with pytest.raises(CommandNotSent):
            await _send(link, 16, at=10, parameter="amps", read_back=False)
        with pytest.raises(CommandNotSent):
            await _send(link, 16)
        await link.close()
