"""What mosquitto keeps for a gateway that is away, at which speed, and what of it a SIGKILL of the broker costs.

    python benchmarks/mosquitto_queue.py [--seconds 6] [--waiting 50000]

For each variant of the persistence settings: a session subscribes and goes away; messages of 120 bytes are published
at QoS 1, 100 unacknowledged at most; right after an acknowledgement the broker is killed, started again, and the
session collects what is left. `lost` of the acknowledged ones, `age_s` of the oldest lost one at the kill. With
--waiting so many messages are queued before the measured ones, for a save writes the whole queue again.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import click
import mqtt5

from simulators.packets import whole_packets
from simulators.servers import BrokerProcess, free_port, mosquitto_binary, serving

VARIANTS = (
    (True, 1), (True, 100), (True, 1000), (True, 10000), (False, 1), (False, 5), (False, 30), (False, 1800),
)  # fmt: skip
CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages {messages}
max_queued_bytes 0
max_inflight_messages 0
autosave_on_changes {on_changes}
autosave_interval {interval}
log_type error
"""
WINDOW = 100
TOPIC = "queue/test"


@contextmanager
def broker(folder: Path, on_changes: bool, interval: int, messages: int = 0) -> Iterator[BrokerProcess]:
    """A mosquitto with these settings."""
    binary = mosquitto_binary()
    if binary is None:
        raise click.ClickException("mosquitto is not installed (apt-get install mosquitto)")
    port, config = free_port(), folder / "mosquitto.conf"
    text = CONFIG.format(
        port=port, folder=folder, messages=messages, on_changes=str(on_changes).lower(), interval=interval
    )
    config.write_text(("user root\n" if os.geteuid() == 0 else "") + text)
    yield from serving([binary, "-c", str(config)], port)


class Link(asyncio.Protocol):
    """An MQTT 5 connection: packets come out of `packets`."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[Any] = asyncio.Queue()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        packets, self._rest = whole_packets(self._rest + data)
        for packet in packets:
            self.packets.put_nowait(packet)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio.Protocol
        self.packets.put_nowait(None)


async def connect(port: int, client: str, *, keep: bool) -> Link:
    """Connected; `keep`: the session of before goes on, and outlives the connection."""
    _, link = await asyncio.get_running_loop().create_connection(Link, "127.0.0.1", port)
    hello = mqtt5.ConnectPacket(
        client, clean_start=not keep, keep_alive=0, receive_max=65_535,
        session_expiry_interval=86_400 if keep else 0,
    )  # fmt: skip
    link.transport.write(hello.write())
    await link.packets.get()
    return link


async def away(port: int) -> None:
    """A session that subscribed and left."""
    link = await connect(port, "gateway", keep=True)
    wanted = mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(TOPIC, max_qos=mqtt5.QoS(1))])
    link.transport.write(wanted.write())
    await link.packets.get()
    link.transport.close()


async def publish(port: int, first: int, *, seconds: float = 0.0, most: int = 0) -> list[float]:
    """Acknowledged messages, numbered from `first`: when each was. Ends after `seconds`, or with `most`."""
    link, began, acked = await connect(port, "device", keep=False), time.monotonic(), []
    numbers, flying = count(first), 0
    while (time.monotonic() - began < seconds) if seconds else (len(acked) < most):
        while flying < WINDOW:
            number = next(numbers)
            body = str(number).encode().ljust(120)
            packet = mqtt5.PublishPacket(TOPIC, body, qos=mqtt5.QoS(1), packet_id=number % 60_000 + 1)
            link.transport.write(packet.write())
            flying += 1
        answer = await link.packets.get()
        if answer is None:
            break
        acked.append(time.monotonic())
        flying -= 1
    link.transport.abort()
    return acked


async def collect(port: int) -> set[int]:
    """The numbers that the session still gets."""
    link, found = await connect(port, "gateway", keep=True), set()
    while True:
        try:
            async with asyncio.timeout(3):
                packet = await link.packets.get()
        except TimeoutError:
            link.transport.abort()
            return found
        if isinstance(packet, mqtt5.PublishPacket):
            found.add(int(packet.payload))
            link.transport.write(mqtt5.PubAckPacket(packet.packet_id).write())


async def measure(on_changes: bool, interval: int, seconds: float, waiting: int) -> dict[str, Any]:
    """One variant."""
    with tempfile.TemporaryDirectory() as name, broker(Path(name), on_changes, interval) as server:
        await away(server.port)
        before = await publish(server.port, 0, most=waiting) if waiting else []
        began = time.monotonic()
        acked = await publish(server.port, len(before) + WINDOW, seconds=seconds)
        memory = resident(server.process.pid)
        server.kill()
        killed = time.monotonic()
        server.restart()
        found = await collect(server.port)
    lost = [at for number, at in enumerate(acked, len(before) + WINDOW) if number not in found]
    first = sum(number not in found for number in range(len(before)))
    return {
        "autosave_on_changes": on_changes, "autosave_interval": interval, "waiting": len(before),
        "msg_s": round(len(acked) / (killed - began)), "acked": len(before) + len(acked), "lost": first + len(lost),
        "age_s": round(killed - min(lost), 2) if lost else 0.0, "broker_mb": round(memory / 1e6),
    }  # fmt: skip


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


@click.command()
@click.option("--seconds", default=6.0, show_default=True)
@click.option("--waiting", default=0, show_default=True)
def main(seconds: float, waiting: int) -> None:
    """Measure every variant; one JSON line each."""
    for on_changes, interval in VARIANTS:
        if waiting and on_changes and interval == 1:
            continue  # hours
        figures = asyncio.run(measure(on_changes, interval, seconds, waiting))
        click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
