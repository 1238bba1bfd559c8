"""Raw limit: socket -> MQTT 5 codec -> JSON decode -> acknowledgements batched per read, and nothing else.

Run as a separate process, `python -m gateway.cli.bench.raw HOST:PORT FILTER QOS FILE`: the first u64 of the file is the
number of messages so far.
"""

import asyncio
import mmap
import struct
import sys
from pathlib import Path

import mqtt5
import orjson


class RawSubscriber(asyncio.Protocol):
    """Minimal MQTT 5 subscriber that acknowledges messages."""

    def __init__(self, subscription: str, qos: int, shared: mmap.mmap) -> None:
        self._subscription, self._qos, self._shared = subscription, mqtt5.QoS(qos), shared
        self._rest = b""
        self._count = 0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        hello = mqtt5.ConnectPacket("bench-raw", clean_start=True, keep_alive=0, receive_max=65_535)
        wanted = mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(self._subscription, max_qos=self._qos)])
        transport.write(hello.write() + wanted.write())

    def data_received(self, data: bytes) -> None:
        view = memoryview(self._rest + data if self._rest else data)
        at, end, acks, read, loads = 0, len(view), [], mqtt5.read, orjson.loads
        while at < end:
            try:
                packet, size = read(view[at:])
            except IndexError:
                break
            at += size
            if type(packet) is mqtt5.PublishPacket:
                loads(packet.payload)
                self._count += 1
                if packet.packet_id is not None:
                    acks.append(mqtt5.PubAckPacket(packet.packet_id).write())
        self._rest = bytes(view[at:])
        if acks:
            self._transport.write(b"".join(acks))
        struct.pack_into("<Q", self._shared, 0, self._count)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol
        self.closed.set_result(None)


async def run(address: str, subscription: str, qos: int, file: Path) -> None:
    """Read until the connection ends or the stop signal arrives."""
    host, port = address.rsplit(":", 1)
    with file.open("r+b") as handle, mmap.mmap(handle.fileno(), 8) as shared:
        loop = asyncio.get_running_loop()
        _, raw = await loop.create_connection(lambda: RawSubscriber(subscription, qos, shared), host, int(port))
        await raw.closed


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
