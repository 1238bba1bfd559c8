"""MQTT 3.1.1 and `protocol: auto` on real brokers: NATS speaks 3.1.1 alone, mosquitto both."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiomqtt
import pytest
from mqtt_kit import NOW, SIMPLE, Journal, Ledger, Wall, config, registry, until
from structlog.testing import capture_logs

from gateway.domain.errors import SourceRejected
from protocols.mqtt.source import MqttSource
from simulators.servers import BrokerProcess, free_port, mosquitto, mosquitto_binary, nats, nats_binary

pytestmark = pytest.mark.server
needs_mosquitto = pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed")
needs_nats = pytest.mark.skipif(nats_binary() is None, reason="nats-server is not installed")
QUICK: dict[str, Any] = {"reconnect": {"min": "0s", "max": "0s"}}
POINTS = {"voltage": {"path": "u"}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with mosquitto(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running


@pytest.fixture(scope="module")
def old_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with nats(tmp_path_factory.mktemp("nats")) as running:
        yield running


def source_on(url: str, ledger: Ledger, *routes: Any, **more: Any) -> MqttSource:
    return MqttSource("src", config(routes or [SIMPLE], url=url, **(QUICK | more)), registry(), ledger, Wall())


@asynccontextmanager
async def running(source: MqttSource, journal: Journal) -> AsyncIterator[None]:
    task = asyncio.create_task(source.run(journal))
    try:
        await until(lambda: source.stats.connected)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def send(broker: BrokerProcess, *values: int, topic: str = "charger/c1/telemetry", qos: int = 1) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V311) as client:
        for value in values:
            await client.publish(topic, f'{{"ts":{NOW // 1000 + value},"temp":{value},"u":{value},"wh":1}}', qos=qos)


def seen(journal: Journal) -> list[int]:
    """The voltages in the journal, in order."""
    return [int(v) for p in journal.parcels for v in p.batch.value[p.batch.point == 2].tolist()]


@needs_nats
async def test_auto_falls_back_to_a_broker_of_3_1_1_and_says_so_once(old_broker: BrokerProcess) -> None:
    journal = Journal()
    source = source_on(old_broker.url, journal.ledger, client_id="auto")
    with capture_logs() as lines:
        for first in (0, 10):
            async with running(source, journal):
                await send(old_broker, *range(first, first + 5))
                await until(lambda first=first: len(seen(journal)) == first // 2 + 5)  # type: ignore[misc]
    assert seen(journal) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    changes = [line for line in lines if line["event"] == "MQTT version changes"]
    assert [(line["before"], line["version"]) for line in changes] == [("5", "3.1.1")]
    assert [line["protocol"] for line in lines if line["event"] == "source up"] == ["3.1.1", "3.1.1"]


@needs_nats
async def test_what_came_to_nats_while_we_were_away_is_delivered(old_broker: BrokerProcess) -> None:
    journal = Journal()
    source = source_on(old_broker.url, journal.ledger, client_id="away", protocol="3.1.1")
    async with running(source, journal):
        await send(old_broker, *range(20))
        await until(lambda: len(seen(journal)) == 20)
    await send(old_broker, *range(20, 220))
    async with running(source, journal):
        await until(lambda: len(seen(journal)) == 220)
        assert source.stats.resumed
    assert seen(journal) == list(range(220))


@needs_nats
async def test_5_alone_is_refused_there_with_what_to_write(old_broker: BrokerProcess) -> None:
    with pytest.raises(SourceRejected, match="protocol: auto"):
        await asyncio.wait_for(source_on(old_broker.url, Ledger(), protocol="5").run(Journal()), 10)


@needs_mosquitto
async def test_auto_speaks_5_where_it_can(broker: BrokerProcess) -> None:
    with capture_logs() as lines:
        async with running(source_on(broker.url, Ledger(), client_id="five"), Journal()):
            pass
    assert [line["protocol"] for line in lines if line["event"] == "source up"] == ["5"]


@needs_mosquitto
async def test_a_broker_that_hangs_up_on_5_is_spoken_to_in_3_1_1(broker: BrokerProcess) -> None:
    """A gate before a mosquitto that closes what is not 3.1.1, as old brokers do."""

    async def gate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(4096)
        if hello[8] == 4:
            inner, outer = await asyncio.open_connection("127.0.0.1", broker.port)
            outer.write(hello)
            await asyncio.wait([asyncio.create_task(pump(reader, outer)), asyncio.create_task(pump(inner, writer))])
        writer.close()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(4096):
                writer.write(data)
        writer.close()

    port = free_port()
    async with await asyncio.start_server(gate, "127.0.0.1", port):
        journal = Journal()
        async with running(source_on(f"mqtt://127.0.0.1:{port}", journal.ledger, client_id="gate"), journal):
            await send(broker, 7)
            await until(lambda: seen(journal) == [7])


@needs_mosquitto
async def test_overlapping_filters_count_a_message_once_and_nothing_beside_them(broker: BrokerProcess) -> None:
    journal = Journal()
    by_device = {"filter": "o/{device}/t", "device": "{device}", "points": POINTS}
    in_part = {"filter": "o/c1/{kind}", "device": "c1", "points": POINTS}
    source = source_on(broker.url, journal.ledger, by_device, in_part, client_id="overlap", protocol="3.1.1")
    async with running(source, journal):
        for value, topic in enumerate(["o/c1/t", "o/c2/t", "o/c1/x", "o/c2/x", "o/c1/t"]):
            await send(broker, value, topic=topic)
        await until(lambda: source.stats.received == 5 and source.stats.waiting == 0)
    assert seen(journal) == [0, 1, 2, 4]
    assert (source.stats.ignored, source.stats.duplicates, sum(source.stats.rejected.values())) == (1, 0, 0)


@needs_mosquitto
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_members_of_a_group_share_the_messages_out(broker: BrokerProcess, version: str) -> None:
    shared = SIMPLE | {"filter": f"$share/{version.replace('.', '')}/charger/{{device}}/telemetry"}
    journals = [Journal(), Journal()]
    one, other = (
        source_on(broker.url, journal.ledger, shared, client_id=f"{version}-{n}", protocol=version)
        for n, journal in enumerate(journals)
    )
    async with running(one, journals[0]), running(other, journals[1]):
        await send(broker, *range(60))
        await until(lambda: sum(len(seen(journal)) for journal in journals) == 60)
    assert sorted(seen(journals[0]) + seen(journals[1])) == list(range(60))
    assert all(seen(journal) for journal in journals)
