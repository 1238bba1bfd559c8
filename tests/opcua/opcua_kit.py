"""What the tests of OPC UA share: a plant of two devices, and services without a gateway."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modbus_kit import FakeDirectory, WallClock

from gateway.adapter_ports import SourceServices
from gateway.domain.device import Device, PointKind, PointSpec, Profile
from gateway.domain.record import Parcel
from protocols.opcua.adapter import ADAPTER
from protocols.opcua.profile import load
from protocols.opcua.source import OpcUaSource
from simulators.opcua_server import NAMESPACE

PROFILE = Profile(
    "press",
    "pump",
    (
        PointSpec("power", unit="kW"),
        PointSpec("energy", PointKind.COUNTER, unit="kWh"),
        PointSpec("state", PointKind.STATE, values=("idle", "running")),
        PointSpec("door", PointKind.STATE, values=("closed", "open")),
        PointSpec("current", unit="A"),
    ),
)
SECTION: dict[str, Any] = {
    "points": {
        "power": {"node": "{root}.Power", "unit": "W"},
        "energy": {"node": "{root}.Energy"},
        "state": {"node": "{root}.State", "map": {0: "idle", 1: "running"}},
        "door": {"node": "{root}.Flags", "bit": 3, "map": {0: "closed", 1: "open"}},
        "current": {"node": "{root}.Currents", "index": 1},
    }
}
MAP = load(SECTION, PROFILE, "press.yaml")
DEVICES = (Device(1, "P-1", "press", "pump"), Device(2, "P-2", "press", "pump"))
VALUES: dict[str, Any] = {"Power": 1500.0, "Energy": 10.0, "State": 0, "Flags": 8, "Currents": [1.0, 2.0, 3.0]}
NODES = {f"s={root}.{name}": value for root in ("P1", "P2") for name, value in VALUES.items()}


class NoReceipts:
    """A ReceiptLedger for a protocol without acknowledgement."""

    def claim(self, session: str, packet: int, digest: int) -> bool:
        return False


class Kept:
    """An Emit that keeps what it gets; `open.clear()` holds it."""

    def __init__(self, directory: FakeDirectory) -> None:
        self.parcels: list[Parcel] = []
        self.open = asyncio.Event()
        self.open.set()
        self._names = {point.id: name for (name, _), point in directory.points("press").items()}

    async def __call__(self, parcel: Parcel) -> None:
        await self.open.wait()
        self.parcels.append(parcel)

    def rows(self, device: int, name: str) -> list[tuple[int, float, int]]:
        """(at, value, quality) in order."""
        return [
            (one.at, one.value, int(one.quality))
            for parcel in self.parcels
            for one in parcel.batch.readings()
            if one.device == device and self._names[one.point] == name
        ]

    def values(self, device: int, name: str) -> list[float]:
        return [value for _, value, quality in self.rows(device, name) if quality]


def services(folder: Path, directory: FakeDirectory | None = None) -> SourceServices:
    known = directory or FakeDirectory([PROFILE], DEVICES)
    return SourceServices(
        "gateway.yaml", known, NoReceipts(), WallClock(), lambda: known.devices.values(), {"press": MAP}, {}, folder, 0
    )


def config(endpoint: str, **more: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "type": "opcua",
        "endpoint": endpoint,
        "publishing": "20ms",
        "sampling": "10ms",
        "timeout": "2s",
        "devices": [{"device": f"P-{n}", "root": f"nsu={NAMESPACE};s=P{n}"} for n in (1, 2)],
    }
    return found | more


def source(services: SourceServices, given: Mapping[str, Any]) -> OpcUaSource:
    made = ADAPTER.build("plant", ADAPTER.config.model_validate(given), services)
    assert isinstance(made, OpcUaSource)
    made._jitter = lambda least, _: least // 10
    return made


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
