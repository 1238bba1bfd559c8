"""Scenario 14: payloads that are far too large, and small ones that would unpack to something large.

A real broker with a limit of its own. What is over `max_payload` is refused before it is parsed and leaves a dead
letter of 1 KiB; what is over the packet size we agreed to never comes; what is over the broker's limit is refused to
its sender. A packed payload is not unpacked at all: gzip is not a format the gateway reads, so there is no bomb to
stop. The stream goes on, and memory does not grow with what was sent.
"""

import asyncio
import gzip
import re
from pathlib import Path

import pytest
from hostile_kit import (
    CONFIG,
    Client,
    ScriptedBroker,
    client,
    fetch,
    gateway_process,
    live,
    needs_mosquitto,
    publish_bytes,
    ready,
    said,
    text,
    until,
    wait_until,
    write_project,
)
from process_memory import MIB, resident

from gateway.domain.record import Raw
from simulators.servers import free_port, mosquitto

AT = 1_767_225_600_000  # ms
T = "h/H/telemetry"
MAX_PAYLOAD, MAX_PACKET = 64 * 1024, MIB  # as configured when nothing is said
BROKER_LIMIT = 1_500_000
COUNT = 100
"""Messages of 1 MB in a flood; there are four."""
TIGHT = CONFIG.replace("client_id: hostile-gateway\n", "client_id: hostile-gateway\n    max_unjournaled: 4MiB\n")
BOMB = gzip.compress(b'{"ts":1,"temp":' + b"0" * (40 * MIB) + b"}")
DEEP = b"[" * (MAX_PAYLOAD + 1)
"""A parser would say bad_json of this one."""


def counted(api: int, label: str) -> float:
    """The sum of a metric's samples that match."""
    lines = re.findall(rf"^{label}.* (\S+)$", fetch(api, "/metrics")[1], re.MULTILINE)
    return sum(map(float, lines))


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def flood(hostile: Client) -> None:
    """COUNT of the largest that the broker and the gateway let through."""
    for _ in range(COUNT):
        assert await hostile.publish(T, b"x" * 1_000_000)


async def again(port: int) -> None:
    """The flood alone."""
    async with client(port, "hostile") as hostile:
        await flood(hostile)


async def attack(port: int) -> None:
    """All of it, with a good message before and after."""
    async with client(port, "good") as good, client(port, "hostile") as hostile:
        assert await good.publish("h/G/telemetry", text({"ts": AT, "temp": 20}))
        assert await hostile.publish(T, DEEP)
        assert await hostile.publish(T, b" " * (MAX_PACKET + 1)), "the broker takes it, and keeps it from us"
        assert len(BOMB) < MAX_PAYLOAD
        assert await hostile.publish(T, BOMB)
        await flood(hostile)
        with pytest.raises(ValueError, match="149"):  # "packet too large": mosquitto's answer, none of a PUBACK's own
            await hostile.publish(T, b"x" * (BROKER_LIMIT + 1))
        assert await good.publish("h/G/telemetry", text({"ts": AT + 1, "temp": 20}))


@needs_mosquitto
def test_the_stream_goes_on_and_memory_is_bounded(tmp_path: Path) -> None:
    log, api = tmp_path / "gateway.log", free_port()
    with mosquitto(tmp_path / "broker", extra=f"message_size_limit {BROKER_LIMIT}\n") as broker:
        config = write_project(tmp_path / "project", devices=["G", "H"], config=TIGHT, broker=broker.port, api=api)
        with gateway_process(config, log) as gateway:
            wait_until(lambda: ready(api) and said(log, "source up"), 60, log.read_text)
            disk, large = size(tmp_path / "project" / "var"), r"fieldgate_dead_letters_total\{.*too_large"
            at_first = resident(gateway.pid)
            asyncio.run(attack(broker.port))
            good = 'fieldgate_messages_total{source="broker",state="journaled"}'
            wait_until(lambda: counted(api, re.escape(good)) == 2, 60, log.read_text)
            assert counted(api, large) == COUNT + 1
            assert counted(api, r"fieldgate_dead_letters_total\{.*bad_json") == 1, "the packed one: not unpacked"
            assert counted(api, "fieldgate_dead_letters_total") == COUNT + 2
            sizes = [resident(gateway.pid)]
            for part in (2, 3, 4):
                asyncio.run(again(broker.port))
                wait_until(lambda part=part: counted(api, large) == part * COUNT + 1, 60, log.read_text)
                sizes.append(resident(gateway.pid))
            held = max(sizes) - at_first
            assert held < 80 * MIB, f"{4 * COUNT} MB passed through, {held / MIB:.0f} MiB are held"
            assert size(tmp_path / "project" / "var") - disk < 4 * MIB
            gateway.terminate()
            assert gateway.wait(20) == 0
    assert len(said(log, "source up")) == 1, "none of it cost the connection"
    assert [line for line in said(log) if line["level"] in {"error", "critical"}] == []


@needs_mosquitto
async def test_little_of_each_is_kept(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        config = write_project(tmp_path / "project", devices=["H"], broker=broker.port)
        async with live(config) as app:
            await until(lambda: app.ingest.sources.running["broker"].stats.connected, "connected")  # type: ignore[attr-defined]
            async with client(broker.port, "hostile") as hostile:
                for payload in (DEEP, BOMB):
                    assert await hostile.publish(T, payload)
            await until(lambda: len(app.stores.journal.dead_letters(10)) == 2, "dead letters")
            letters = [r.body for r in app.stores.journal.dead_letters(10) if isinstance(r.body, Raw)]
            found = {letter.reason: letter.payload for letter in letters}
            assert found == {"too_large": DEEP[:1024], "bad_json": BOMB[:4096]}


@pytest.mark.fault
async def test_a_broker_that_breaks_the_agreement_is_left_at_the_first_bytes(tmp_path: Path) -> None:
    """256 MB are announced, the most that MQTT can say: nobody waits for them. The connection is made anew."""
    broker = ScriptedBroker()
    await broker.open()
    assert broker.server is not None
    config = write_project(tmp_path / "project", devices=["H"], config=CONFIG, broker=broker.port)
    async with live(config) as app:
        stats = app.ingest.sources.running["broker"].stats  # type: ignore[attr-defined]
        await until(lambda: stats.connected, "connected")
        assert broker.writer is not None
        broker.writer.write(b"\x32\xff\xff\xff\x7f\x00\x03h/H" + b"x" * 1000)
        await until(lambda: stats.connects == 2, "another connection")
        assert "268435" in stats.last_error
        broker.writer.write(publish_bytes("h/H/now", b'{"temp":20}', 7))
        await until(lambda: stats.journaled == 1, "the stream goes on")
        await until(lambda: broker.acknowledged == 1, "acknowledged")
    broker.server.close()
