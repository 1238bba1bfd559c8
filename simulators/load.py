"""A load: QoS 1 publishes as fast as a broker takes them, paced by a shared counter.

`python -m simulators.load --broker HOST:PORT --topic 'bench/{}/telemetry' --devices 10000 --gate FILE`. The gate is a
file of three little-endian u64: [0] how many messages may be sent in all (written by whoever measures), [1] how many
the broker acknowledged, [2] non-zero = stop. Payload: 100 bytes of JSON with 4 points, every (device, time) once.
"""

import argparse
import asyncio
import mmap
import struct
import time
from pathlib import Path

import mqtt5

from simulators.packets import whole_packets

WINDOW = 8_000
GATE_BYTES = 24


class LoadPublisher(asyncio.Protocol):
    """One connection with up to WINDOW publishes not yet acknowledged."""

    def __init__(self, name: str, topic: str, devices: int, gate: mmap.mmap, hot: int, qos: int) -> None:
        self._name, self._qos = name, mqtt5.QoS(qos)
        self._topics = [topic.format(f"D{n:05d}") for n in range(devices)]
        self._gate, self._hot = gate, hot
        self._buffer = b""
        self.sent = self.acked = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._start = int(time.time() * 1000)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        assert isinstance(transport, asyncio.Transport)
        transport.write(mqtt5.ConnectPacket(f"sim-load-{self._name}", clean_start=True, keep_alive=0).write())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the broker closed the connection"))

    def data_received(self, data: bytes) -> None:
        packets, self._buffer = whole_packets(self._buffer + data)
        for packet in packets:
            if isinstance(packet, mqtt5.PubAckPacket):
                self.acked += 1
            elif isinstance(packet, mqtt5.ConnAckPacket):
                self.ready.set_result(None)
        if self._qos:
            struct.pack_into("<Q", self._gate, 8, self.acked)

    def pump(self) -> bool:
        """Send as many as gate and window allow; False when the gate holds "stop"."""
        allowed, _, stop = struct.unpack_from("<3Q", self._gate)
        free = WINDOW - (self.sent - self.acked) if self._qos else WINDOW
        room = min(allowed - self.sent, free, 2_000)
        if room > 0:
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(b"".join(self._packet(n) for n in range(self.sent, self.sent + room)))
            self.sent += room
            if not self._qos:
                struct.pack_into("<Q", self._gate, 8, self.sent)
        return not stop

    def close(self) -> None:
        """Close before the gate's file is unmapped."""
        self.done.cancel()
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.abort()

    def _packet(self, n: int) -> bytes:
        devices = len(self._topics)
        turn, device = divmod(n, devices)
        # one device in `hot` exceeds the threshold of the rules: the share of hits
        temp = 95.5 if device % self._hot == 0 and turn % 2 else 35.5 + n % 10
        payload = b'{"ts":%d,"temp":%.1f,"u":%d.2,"i":%d.5,"p":48.1,"connector":1,"status":"charging"}' % (
            self._start + turn,
            temp,
            400 + n % 7,
            100 + n % 90,
        )
        packet_id = n % 65_000 + 1 if self._qos else None
        return mqtt5.PublishPacket(self._topics[device], payload, qos=self._qos, packet_id=packet_id).write()


async def run(host: str, port: int, gate: Path, *, name: str, topic: str, devices: int, hot: int, qos: int) -> None:
    """Run until the gate holds "stop"."""
    with gate.open("r+b") as file, mmap.mmap(file.fileno(), GATE_BYTES) as shared:
        loop = asyncio.get_running_loop()
        _, publisher = await loop.create_connection(
            lambda: LoadPublisher(name, topic, devices, shared, hot, qos), host, port
        )
        await publisher.ready
        while publisher.pump() and not publisher.done.done():  # noqa: ASYNC110 - the gate is shared memory
            await asyncio.sleep(0.001)
        publisher.close()


def main() -> None:
    """Entry of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--hot", type=int, default=100, help="one device in this many goes over the threshold")
    parser.add_argument("--gate", type=Path, required=True)
    parser.add_argument("--name", default="1", help="part of the client id")
    parser.add_argument("--qos", type=int, choices=(0, 1), default=1)
    options = parser.parse_args()
    host, port = options.broker.rsplit(":", 1)
    how = {
        "name": options.name,
        "topic": options.topic,
        "devices": options.devices,
        "hot": options.hot,
        "qos": options.qos,
    }
    asyncio.run(run(host, int(port), options.gate, **how))


if __name__ == "__main__":
    main()
