"""Modbus against a server: a reading is a register that stays as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract.harness import SourcePeer
from modbus_kit import FakeDirectory, WallClock

from gateway.adapter_ports import SourceServices
from gateway.domain.device import Device, PointSpec, Profile
from protocols.modbus.registers import load
from simulators.modbus_server import ModbusServer

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


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SourcePeer]:
    unit, device = Register(), Device(1, "M-1", "p", "meter")
    server = ModbusServer({1: unit})
    async with server:
        config = {
            "type": "modbus",
            "every": "40ms",
            "devices": [{"device": "M-1", "link": "hall", "unit": 1}],
            "links": {"hall": {"tcp": f"127.0.0.1:{server.port}", "timeout": "1s", "connect": "500ms"}},
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

        async def leave() -> None:
            await server.__aexit__(None, None, None)

        yield SourcePeer(config, services, bring, leave, acknowledges=False)
