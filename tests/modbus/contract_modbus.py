"""Modbus against a server: a reading is a register that stays as it is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from contract.harness import CommandPeer, SourcePeer
from modbus_kit import FakeDirectory, WallClock

from gateway.adapter_ports import SourceServices
from gateway.domain.device import Device, PointSpec, Profile
from gateway.domain.device_command.definition import CommandDefinition, CommandParameter, ParameterType
from gateway.domain.device_command.exchange import OutgoingCommand
from protocols.modbus.command_form import load as load_command
from protocols.modbus.registers import load
from simulators.command_unit import CommandUnit
from simulators.modbus_server import ModbusServer
from simulators.serial_bus import SerialBus

PROFILE = Profile("p", "meter", (PointSpec("flow", unit="m3/h"),))
MAP = load({"points": {"flow": {"at": 0, "type": "u16"}}}, PROFILE, "p.yaml")


class Register:
    """A unit with one register."""

    size, reserved = 1, ()
    value = 0

    def image(self) -> list[int]:
        """As a Unit of the simulator."""
        return [self.value]


class NoReceipts:
    """A ReceiptLedger for a protocol without acknowledgement."""

    def claim(self, session: str, packet: int, digest: int) -> bool:
        return False


def _peer(folder: Path, link: dict[str, str], unit: Register, leave: Callable[[], Awaitable[None]]) -> SourcePeer:
    device = Device(1, "M-1", "p", "meter")
    config = {
        "type": "modbus",
        "every": "40ms",
        "devices": [{"device": "M-1", "link": "hall", "unit": 1}],
        "links": {"hall": link},
        "backoff": {"min": "100ms", "max": "400ms"},
    }
    services = SourceServices(
        "gateway.yaml",
        FakeDirectory([PROFILE], [device]),
        NoReceipts(),
        WallClock(),
        lambda: (device,),
        {"p": MAP},
        {},
        folder,
        0,
    )

    async def bring(value: float) -> None:
        unit.value = int(value)

    return SourcePeer(config, services, bring, leave, acknowledges=False)


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SourcePeer]:
    unit = Register()
    async with ModbusServer({1: unit}) as server:
        link = {"tcp": f"127.0.0.1:{server.port}", "timeout": "1s", "connect": "500ms"}

        async def leave() -> None:
            await server.__aexit__(None, None, None)

        yield _peer(folder, link, unit, leave)


@asynccontextmanager
async def peer_rtu(folder: Path) -> AsyncIterator[SourcePeer]:
    """A serial port whose bus is cut off."""
    unit = Register()
    bus = SerialBus({1: unit})
    async with bus.over_pty() as path:

        async def leave() -> None:
            bus.faults.dead.add(1)

        yield _peer(folder, {"rtu": path, "timeout": "1s", "late_answer": "100ms"}, unit, leave)


COMMAND = {"at": 10, "type": "u16", "scale": 0.1, "parameter": "amps"}
AMPS = CommandParameter("amps", ParameterType.NUMBER, "A", 6, 32)


@asynccontextmanager
async def commands_tcp(folder: Path) -> AsyncIterator[CommandPeer]:
    unit, device = CommandUnit(), Device(1, "M-1", "p", "meter")
    form = load_command(COMMAND, CommandDefinition("set_limit", "Set", "设置", (AMPS,)), None)
    server = ModbusServer({1: unit})
    async with server:
        config = {
            "type": "modbus",
            "every": "20ms",
            "links": {"hall": {"tcp": f"127.0.0.1:{server.port}", "timeout": "200ms"}},
            "devices": [{"device": "M-1", "link": "hall", "unit": 1}],
            "commands": {"allow": ["set_limit"]},
        }
        directory = FakeDirectory([PROFILE], [device])
        services = SourceServices(
            "gateway.yaml",
            directory,
            NoReceipts(),
            WallClock(),
            lambda: [device],
            {"p": MAP},
            {},
            folder,
            0,
            command_forms=(form,),
        )

        def command(number: str) -> OutgoingCommand:
            return OutgoingCommand(number, "set_limit", device, 0, {"amps": 16.5}, form, 2_000_000, 0)

        def behave(kind: str) -> None:
            unit.answer = kind  # type: ignore[assignment]

        async def leave() -> None:
            await server.__aexit__(None, None, None)

        yield CommandPeer(config, services, command, behave, lambda: len(unit.writes), leave)
