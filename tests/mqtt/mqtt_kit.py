"""Parts for the MQTT tests: a small registry, a ledger, a journal in memory, a scripted broker on a real socket."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import mqtt5
import numpy as np

from gateway.domain.device import Device, Plausible, Point, PointKind
from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import Batch
from gateway.domain.record import Define, Parcel
from protocols.mapping.mapper import Mapped, Mapper
from protocols.mqtt.config import MqttConfig

NOW = 1_774_408_726_000_000


class Registry:
    """A Directory in memory: `points` as {profile: {name: Point fields}}, at most `most_states` texts per point."""

    def __init__(
        self, devices: Mapping[str, str], points: Sequence[Point], most_states: int = 16, per_device: int = 99
    ) -> None:
        self.version = 1
        self._devices = {
            code: Device(id=100 + i, code=code, profile=profile, kind=profile, components=2)
            for i, (code, profile) in enumerate(devices.items())
        }
        self._points = list(points)
        self.states: dict[int, list[str]] = {point.id: list(point.values) for point in points}
        self._most, self._per_device = most_states, per_device
        self._brought: Counter[int] = Counter()

    def device(self, code: str) -> Device | None:
        return self._devices.get(code)

    def add(self, code: str, profile: str) -> None:
        self._devices[code] = Device(id=100 + len(self._devices), code=code, profile=profile, kind=profile)
        self.version += 1

    def points(self, profile: str) -> dict[tuple[str, int], Point]:
        return {(p.name, p.component): p for p in self._points if p.profile == profile}

    def state_code(self, point: int, text: str, device: int = 0) -> int | None:
        table = self.states[point]
        if text not in table:
            if len(table) >= self._most or self._brought[device] >= self._per_device:
                return None
            self._brought[device] += 1
            table.append(text)
        return table.index(text)

    def pending(self, batch: Batch) -> Sequence[Define]:
        return ()

    def journaled(self, defines: Sequence[Define]) -> None:
        return None

    def name_of(self, point: int) -> str:
        found = next(p for p in self._points if p.id == point)
        return f"{found.name}.{found.component}" if found.component else found.name


CHARGER = [
    Point(1, "charger", "gun_temp", unit="degC", plausible=Plausible(-40, 120)),
    Point(2, "charger", "voltage", unit="V"),
    Point(3, "charger", "energy", unit="kWh", kind=PointKind.COUNTER),
    Point(4, "charger", "status", kind=PointKind.STATE, values=("idle", "charging", "fault")),
    Point(5, "charger", "gun_temp", 1, unit="degC", plausible=Plausible(-40, 120)),
    Point(6, "charger", "gun_temp", 2, unit="degC", plausible=Plausible(-40, 120)),
    Point(7, "charger", "soc", unit="pct"),
    Point(8, "charger", "flag"),
    Point(9, "charger", "power", unit="kW"),
]


def registry() -> Registry:
    return Registry({"c1": "charger", "c2": "charger", "7": "charger"}, CHARGER)


def config(routes: Sequence[Mapping[str, Any]], **more: Any) -> MqttConfig:
    base = {"type": "mqtt", "url": "mqtt://127.0.0.1:1883", "client_id": "gw-01", "routes": list(routes)}
    return MqttConfig.model_validate(base | more)


SIMPLE = {
    "filter": "charger/{device}/telemetry",
    "device": "{device}",
    "time": {"path": "ts", "unit": "ms"},
    "points": {"gun_temp": {"path": "temp"}, "voltage": {"path": "u"}, "energy": {"path": "wh", "unit": "Wh"}},
}


@dataclass
class Said:
    """A message for the mapper."""

    topic: str
    payload: bytes
    retain: bool = False


def said(topic: str, body: Any, *, retain: bool = False) -> Said:
    return Said(topic, body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode(), retain)


def run_map(mapper: Mapper, *messages: Said) -> Mapped:
    return mapper.map(messages, np.arange(NOW, NOW + len(messages), dtype=np.int64))


class Ledger:
    """A ReceiptLedger in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], int] = {}
        self.claims: list[tuple[str, int]] = []

    def claim(self, session: str, packet: int, digest: int) -> bool:
        self.claims.append((session, packet))
        if self.kept.get((session, packet)) == digest:
            del self.kept[session, packet]
            return True
        return False


@dataclass
class Journal:
    """An Emit in memory that keeps receipts; `gate` holds emits back, `refuse` makes the next ones fail."""

    ledger: Ledger = field(default_factory=Ledger)
    parcels: list[Parcel] = field(default_factory=list)
    offered: list[Parcel] = field(default_factory=list)
    gate: Callable[[Parcel], asyncio.Event | None] = lambda parcel: None
    refuse: int = 0

    async def __call__(self, parcel: Parcel) -> None:
        self.offered.append(parcel)
        event = self.gate(parcel)
        if event is not None:
            await event.wait()
        else:
            await asyncio.sleep(0)
        if self.refuse:
            self.refuse -= 1
            raise StoreUnavailable("the disk is away")
        self.parcels.append(parcel)
        if parcel.receipts is not None:
            for packet, digest in zip(parcel.receipts.packets, parcel.receipts.digests, strict=True):
                self.ledger.kept[parcel.receipts.session, packet] = digest

    @property
    def messages(self) -> int:
        return sum(parcel.messages - parcel.duplicates for parcel in self.parcels)

    def values(self) -> list[float]:
        return [value for parcel in self.parcels for value in parcel.batch.value.tolist()]


class Wall:
    """A clock that stands."""

    def now(self) -> int:
        return NOW


class Peer:
    """The broker's end of one connection: the test says what the broker does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._buffer = b""

    async def read(self) -> mqtt5.Packet:
        while True:
            try:
                packet, size = mqtt5.read(memoryview(self._buffer))
            except IndexError:
                data = await asyncio.wait_for(self._reader.read(65536), 5)
                if not data:
                    raise ConnectionResetError("the client went away") from None
                self._buffer += data
            else:
                self._buffer = self._buffer[size:]
                return packet

    def send(self, *packets: Any) -> None:
        self.writer.write(b"".join(packet.write() for packet in packets))

    async def welcome(self, *, resumed: bool = False) -> mqtt5.ConnectPacket:
        """CONNECT, CONNACK, SUBSCRIBE, SUBACK."""
        hello = await self.read()
        assert isinstance(hello, mqtt5.ConnectPacket)
        self.send(mqtt5.ConnAckPacket(session_present=resumed))
        requested = await self.read()
        assert isinstance(requested, mqtt5.SubscribePacket)
        granted = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * len(requested.topic_filters)
        self.send(mqtt5.SubAckPacket(requested.packet_id, granted))
        return hello

    async def acks(self, count: int) -> list[int]:
        """The next `count` packet ids that are acknowledged."""
        found: list[int] = []
        while len(found) < count:
            packet = await self.read()
            if isinstance(packet, mqtt5.PubAckPacket):
                found.append(packet.packet_id)
        return found


def publish(body: Any, packet: int | None = None, *, topic: str = "charger/c1/telemetry", dup: bool = False) -> Any:
    return mqtt5.PublishPacket(
        topic,
        json.dumps(body).encode(),
        packet_id=packet,
        duplicate=dup,
        qos=mqtt5.QoS.AT_MOST_ONCE if packet is None else mqtt5.QoS.AT_LEAST_ONCE,
    )


class Stage:
    """A listening socket; each connection becomes a Peer."""

    def __init__(self) -> None:
        self.port = 0
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._all: list[Peer] = []

    async def peer(self) -> Peer:
        return await asyncio.wait_for(self._peers.get(), 5)

    def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._all.append(Peer(reader, writer))
        self._peers.put_nowait(self._all[-1])


@asynccontextmanager
async def scripted_broker(context: ssl.SSLContext | None = None) -> AsyncIterator[Stage]:
    stage = Stage()
    server = await asyncio.start_server(stage._came, "127.0.0.1", 0, ssl=context)
    stage.port = server.sockets[0].getsockname()[1]
    try:
        yield stage
    finally:
        server.close()
        for peer in stage._all:
            peer.writer.close()
        await server.wait_closed()


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Bounded polling."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
