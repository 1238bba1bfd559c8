"""MQTT 5 broker for one subscriber. It measures the time from PUBLISH to PUBACK."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import mqtt5

from simulators.packets import whole_packets


class ProbeBroker:
    """Broker of one subscriber. `delays`: seconds from PUBLISH to PUBACK."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._sent: dict[int, float] = {}
        self._writer: asyncio.StreamWriter | None = None
        self.writers: list[asyncio.StreamWriter] = []
        self.subscribed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer, self._writer = b"", writer
        self.writers.append(writer)
        while data := await reader.read(1 << 16):
            packets, buffer = whole_packets(buffer + data)
            for packet in packets:
                self._answer(packet, writer)
        writer.close()

    def _answer(self, packet: Any, writer: asyncio.StreamWriter) -> None:
        if isinstance(packet, mqtt5.ConnectPacket):
            writer.write(mqtt5.ConnAckPacket().write())
        elif isinstance(packet, mqtt5.SubscribePacket):
            codes = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * len(packet.topic_filters)
            writer.write(mqtt5.SubAckPacket(packet.packet_id, codes).write())
            self.subscribed.set()
        elif isinstance(packet, mqtt5.PingReqPacket):
            writer.write(mqtt5.PingRespPacket().write())
        elif isinstance(packet, mqtt5.PubAckPacket):
            self.delays.append(time.monotonic() - self._sent.pop(packet.packet_id))

    def publish(self, topic: str, number: int, payload: bytes) -> None:
        """Publish at QoS 1, with packet id `number`; the subscriber must be connected."""
        assert self._writer is not None
        self._sent[number] = time.monotonic()
        packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=number)
        self._writer.write(packet.write())

    def waiting(self) -> list[float]:
        """Seconds waited so far for messages that were not acknowledged."""
        return [time.monotonic() - at for at in self._sent.values()]


@asynccontextmanager
async def probe_broker() -> AsyncIterator[tuple[ProbeBroker, int]]:
    """Start a broker; yields it and its port on loopback."""
    made = ProbeBroker()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield made, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in made.writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()
        await asyncio.sleep(0.05)
