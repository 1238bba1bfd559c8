"""A Sparkplug B edge node with devices, as the specification 3.0.0 has it: births, aliases, sequence numbers, wills,
and rebirths when it is asked. It has an encoder of its own, written from the tables of sections 6.4.1 to 6.4.17."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiomqtt

Scalar = int | float | bool | str | bytes | None
_PLAIN = "Unknown Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float Double Boolean String DateTime Text UUID"
_MORE = "DataSet Bytes File Template PropertySet PropertySetList"
_ARRAYS = "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float Double Boolean String DateTime"
TYPES: Mapping[str, int] = {
    name: number
    for number, name in enumerate([*_PLAIN.split(), *_MORE.split(), *(f"{one}Array" for one in _ARRAYS.split())])
}
"""Numbers of the data types (section 6.4.1)."""


@dataclass(frozen=True)
class SentMetric:
    """One metric. `kind`: name of its data type. `value` None = is_null. `properties`: key -> value."""

    name: str
    kind: str
    value: Scalar
    at: int = 0
    historical: bool = False
    properties: Mapping[str, int | str] = field(default_factory=dict)


def _number(value: int) -> bytes:
    value &= 2**64 - 1
    found = []
    while True:
        value, low = value >> 7, value & 127
        found.append(low | (128 if value else 0))
        if not value:
            return bytes(found)


def _tag(number: int, kind: int) -> bytes:
    return _number(number * 8 + kind)


def _whole(number: int, value: int) -> bytes:
    return _tag(number, 0) + _number(value)


def _block(number: int, data: bytes) -> bytes:
    return _tag(number, 2) + _number(len(data)) + data


def _value(kind: str, value: Scalar) -> bytes:
    if kind in ("Int8", "Int16", "Int32"):
        assert isinstance(value, int)
        return _whole(10, value % 2**32)
    if kind in ("UInt8", "UInt16", "UInt32"):
        assert isinstance(value, int)
        return _whole(10, value)
    if kind in ("Int64", "UInt64", "DateTime"):
        assert isinstance(value, int)
        return _whole(11, value)
    if kind == "Float":
        return _tag(12, 5) + struct.pack("<f", value)
    if kind == "Double":
        return _tag(13, 1) + struct.pack("<d", value)
    if kind == "Boolean":
        return _whole(14, int(bool(value)))
    if isinstance(value, bytes):
        return _block({"DataSet": 17, "Template": 18}.get(kind, 16), value)
    return _block(15, str(value).encode())


def encode_metric(metric: SentMetric, alias: int | None, *, birth: bool) -> bytes:
    """With an alias, data have no name; births have name, alias and type."""
    found = b"" if alias is not None and not birth else _block(1, metric.name.encode())
    found += b"" if alias is None else _whole(2, alias)
    found += _whole(3, metric.at) if metric.at else b""
    found += _whole(4, TYPES[metric.kind]) if birth or alias is None else b""
    found += _whole(5, 1) if metric.historical else b""
    if metric.properties:
        keys = b"".join(_block(1, key.encode()) for key in metric.properties)
        values = b"".join(_block(2, _property(value)) for value in metric.properties.values())
        found += _block(9, keys + values)
    return found + (_whole(7, 1) if metric.value is None else _value(metric.kind, metric.value))


def _property(value: int | str) -> bytes:
    if isinstance(value, str):
        return _whole(1, TYPES["String"]) + _block(8, value.encode())
    return _whole(1, TYPES["Int32"]) + _whole(3, value)


def encode(metrics: Iterable[bytes], at: int, seq: int | None) -> bytes:
    """A payload; `at` ms."""
    found = _whole(1, at) + b"".join(_block(2, metric) for metric in metrics)
    return found if seq is None else found + _whole(3, seq)


def is_rebirth_request(payload: bytes) -> bool:
    """An NCMD with `Node Control/Rebirth` true."""
    return b"Node Control/Rebirth" in payload and b"\x70\x01" in payload


class NodeModel:
    """What a node publishes, as (topic, payload). `devices`: name -> its metrics with the values of the birth."""

    def __init__(
        self,
        group: str,
        node: str,
        devices: Mapping[str, Sequence[SentMetric]],
        own: Sequence[SentMetric] = (),
        bd_seq: int = 0,
        aliases: int | None = 1,
    ) -> None:
        self.group, self.node, self.devices, self.own = group, node, dict(devices), list(own)
        self.bd_seq, self.seq = bd_seq, 0
        self._first = aliases
        self._alias: dict[tuple[str, str], int] = {}

    def topic(self, kind: str, device: str = "") -> str:
        """Of one kind of message."""
        tail = f"/{device}" if device else ""
        return f"spBv1.0/{self.group}/{kind}/{self.node}{tail}"

    def will(self) -> tuple[str, bytes]:
        """NDEATH."""
        return self.topic("NDEATH"), encode([self._bd()], 0, None)

    def births(self) -> list[tuple[str, bytes]]:
        """NBIRTH and a DBIRTH for each device."""
        self.seq = 0
        self._alias.clear()
        control = encode_metric(SentMetric("Node Control/Rebirth", "Boolean", value=False), None, birth=True)
        own = [self._bd(), control, *(self._named("", metric) for metric in self.own)]
        found = [(self.topic("NBIRTH"), encode(own, now(), self._next()))]
        return found + [self.device_birth(device) for device in self.devices]

    def device_birth(self, device: str) -> tuple[str, bytes]:
        """DBIRTH."""
        metrics = [self._named(device, metric) for metric in self.devices[device]]
        return self.topic("DBIRTH", device), encode(metrics, now(), self._next())

    def device_death(self, device: str) -> tuple[str, bytes]:
        """DDEATH."""
        return self.topic("DDEATH", device), encode([], now(), self._next())

    def data(self, device: str, *metrics: SentMetric) -> tuple[str, bytes]:
        """DDATA, or NDATA of the node itself ("")."""
        kind = "DDATA" if device else "NDATA"
        encoded = [encode_metric(one, self._alias.get((device, one.name)), birth=False) for one in metrics]
        return self.topic(kind, device), encode(encoded, now(), self._next())

    def restarted(self) -> "NodeModel":
        """The next session of the node: another bdSeq, other aliases."""
        first = None if self._first is None else self._first + 100
        return NodeModel(self.group, self.node, self.devices, self.own, self.bd_seq + 1, first)

    def _named(self, device: str, metric: SentMetric) -> bytes:
        alias = None
        if self._first is not None:
            alias = self._alias.setdefault((device, metric.name), self._first + len(self._alias))
        return encode_metric(metric, alias, birth=True)

    def _bd(self) -> bytes:
        return encode_metric(SentMetric("bdSeq", "Int64", self.bd_seq), None, birth=True)

    def _next(self) -> int:
        found, self.seq = self.seq, (self.seq + 1) % 256
        return found


def now() -> int:
    """ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


class LiveNode:
    """A node on a broker: births when it comes and when it is asked, its will when it is cut off."""

    def __init__(self, client: aiomqtt.Client, model: NodeModel) -> None:
        self._client, self.model = client, model
        self.rebirths = 0

    async def born(self) -> None:
        """Publish all births."""
        for topic, payload in self.model.births():
            await self._client.publish(topic, payload)

    async def send(self, message: tuple[str, bytes]) -> None:
        """QoS 0, as the specification asks for."""
        await self._client.publish(*message)

    async def listen(self) -> None:
        """Answer requests for a rebirth, until cancelled."""
        async for message in self._client.messages:
            if isinstance(message.payload, bytes) and is_rebirth_request(message.payload):
                self.rebirths += 1
                await self.born()

    def cut(self) -> None:
        """The node loses its power."""
        self._client._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]  # noqa: SLF001


@asynccontextmanager
async def live_node(port: int, model: NodeModel, *, births: bool = True) -> AsyncIterator[LiveNode]:
    """A node on a broker of this machine."""
    topic, payload = model.will()
    client = aiomqtt.Client("127.0.0.1", port, will=aiomqtt.Will(topic, payload, qos=1))
    await client.__aenter__()
    node = LiveNode(client, model)
    await client.subscribe(model.topic("NCMD"), qos=1)
    listening = asyncio.create_task(node.listen())
    try:
        if births:
            await node.born()
        yield node
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError, aiomqtt.MqttError):
            await listening
        with suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)
