"""Sparkplug on a real broker: births, requests, STATE, deaths as presence; over restarts of either side."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from mqtt_kit import SIMPLE, Journal, config, until
from sparkplug_kit import CONFIG, METER, model, registry

from gateway.clock import SystemClock
from gateway.domain.device import Device
from gateway.domain.errors import SourceUnavailable
from protocols.mqtt.adapter import ADAPTER
from protocols.mqtt.source import MqttSource
from simulators.servers import BrokerProcess, mosquitto, mosquitto_binary
from simulators.sparkplug_node import live_node

ON, OFF = 0.0, 1.0
POWER, PRESENCE, NODE_PRESENCE = 2, 6, 8
pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    if mosquitto_binary() is None:
        pytest.skip("mosquitto is not installed")
    with mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.mqtt.presence_reporter.TURN", 0.01)
    monkeypatch.setattr("protocols.mqtt.sparkplug.host.TURN", 0.01)
    monkeypatch.setattr("protocols.mqtt.sparkplug.host._KEEP", 0.0)


def source_on(broker: BrokerProcess, client: str, memory: Path, **more: Any) -> MqttSource:
    directory = registry()
    made = config(
        more.pop("routes", []),
        url=broker.url,
        client_id=client,
        reconnect={"min": "0s", "max": "0s"},
        linger="1ms",
        presence={"debounce": "0s"},
        sparkplug=CONFIG | {"groups": [client], "reorder": "100ms"} | more.pop("sparkplug", {}),
        **more,
    )
    fleet: list[Device] = [found for code in ("m1", "m2", "n1") if (found := directory.device(code)) is not None]
    return MqttSource("src", made, directory, Journal().ledger, SystemClock(), memory=memory, devices=lambda: fleet)


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


def readings(journal: Journal, device: int, point: int) -> list[float]:
    return [
        one.value
        for parcel in journal.parcels
        for one in parcel.batch.readings()
        if (one.device, one.point) == (device, point)
    ]


def node_of(group: str, **more: Any) -> Any:
    made = model(**more)
    made.group = group
    return made


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_birth_data_death(broker: BrokerProcess, tmp_path: Path, version: str) -> None:
    group, journal = f"life{version}", Journal()
    source = source_on(broker, group, tmp_path / "src.json", protocol=version, routes=[SIMPLE])
    async with running(source, journal), live_node(broker.port, node_of(group)) as node:
        await until(lambda: readings(journal, 100, PRESENCE) == [ON])
        await node.send(node.model.data("m1", METER[1]))
        await until(lambda: readings(journal, 100, POWER) == [1.5, 1.5])
        await node.send(node.model.device_death("m1"))
        await until(lambda: readings(journal, 100, PRESENCE) == [ON, OFF])
        assert readings(journal, 101, PRESENCE) == [ON]
        node.cut()
        await until(lambda: readings(journal, 101, PRESENCE) == [ON, OFF])
        assert readings(journal, 102, NODE_PRESENCE) == [ON, OFF]
        async with live_node(broker.port, node.model.restarted()):
            await until(lambda: readings(journal, 100, PRESENCE) == [ON, OFF, ON])
            await until(lambda: readings(journal, 102, NODE_PRESENCE) == [ON, OFF, ON])
    counted = {one.labels: one.value for one in source.samples() if one.family == "source_sparkplug"}
    assert (counted["births",], counted["deaths",], counted["gaps",]) == (6, 2, 0)
    assert source.stats.rejected == {}


async def test_the_gateway_comes_last_and_comes_again(broker: BrokerProcess, tmp_path: Path) -> None:
    """Nobody retains births: they are asked for, after the first data, and by name after a restart of the gateway."""
    memory, journal = tmp_path / "src.json", Journal()
    unborn = node_of("late")
    unborn.births()  # long ago
    async with live_node(broker.port, unborn, births=False) as node:
        async with running(source_on(broker, "late", memory), journal):
            await node.send(node.model.data("m1", METER[1]))
            await until(lambda: readings(journal, 100, POWER) == [1.5])
            assert node.rebirths == 1
            await until(lambda: (tmp_path / "src.sparkplug.json").exists())
        again = Journal()
        async with running(source_on(broker, "late", memory), again):
            await until(lambda: readings(again, 100, POWER) == [1.5])  # without a word of the node
            assert node.rebirths == 2


async def test_a_lost_message_is_noticed_and_a_lost_connection_too(broker: BrokerProcess, tmp_path: Path) -> None:
    journal = Journal()
    source = source_on(broker, "gap", tmp_path / "src.json")
    async with running(source, journal), live_node(broker.port, node_of("gap")) as node:
        await until(lambda: readings(journal, 101, POWER) == [1.5])
        node.model.data("m1", METER[1])  # never sent
        await node.send(node.model.data("m1", METER[1]))
        await until(lambda: node.rebirths == 1 and readings(journal, 101, POWER) == [1.5] * 2)
        assert source._connection is not None
        source._connection.abort(SourceUnavailable("cut by this test"))
        await until(lambda: node.rebirths == 2)
        await until(lambda: readings(journal, 101, POWER) == [1.5] * 3)
        assert readings(journal, 101, PRESENCE) == [ON], "the devices were there all the time"


async def test_noise_does_not_end_the_session(broker: BrokerProcess, tmp_path: Path) -> None:
    journal = Journal()
    source = source_on(broker, "noise", tmp_path / "src.json")
    async with running(source, journal), aiomqtt.Client("127.0.0.1", broker.port) as client:
        for kind in ("NBIRTH/n1", "DBIRTH/n1/m1", "DDATA/n1/m1", "NDEATH/n1", "NDATA/n1"):
            await client.publish(f"spBv1.0/noise/{kind}", b"\xff\x00broken", qos=1)
        async with live_node(broker.port, node_of("noise")):
            await until(lambda: readings(journal, 101, POWER) == [1.5])
    assert source.stats.rejected == {"bad_payload": 5}
    assert source.stats.connects == 1


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_the_state_of_the_host(broker: BrokerProcess, tmp_path: Path, version: str) -> None:
    """Birth and will bear one time; whoever says that this host is gone is corrected."""
    host = f"host{version}"
    topic, heard = f"spBv1.0/STATE/{host}", list[dict[str, Any]]()

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            heard.append(json.loads(message.payload))

    source = source_on(broker, host, tmp_path / "src.json", protocol=version, sparkplug={"host_id": host})
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(topic, qos=1)
        listening = asyncio.create_task(listen(client))
        async with running(source, Journal()):
            await until(lambda: len(heard) == 1)
            assert source._connection is not None
            source._connection.abort(SourceUnavailable("cut by this test"))
            await until(lambda: len(heard) > 2 and heard[-1]["online"])
            assert [one["online"] for one in heard[:3]] == [True, False, True], "birth, will, birth"
            assert heard[0]["timestamp"] == heard[1]["timestamp"] <= heard[2]["timestamp"]
            count = len(heard)
            await client.publish(topic, b'{"online":false,"timestamp":1}', qos=1, retain=True)
            await until(lambda: len(heard) > count + 1 and heard[-1]["online"])
            assert heard[-1]["timestamp"] == heard[2]["timestamp"]
        await until(lambda: heard[-1]["online"] is False)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


async def test_an_edited_configuration_asks_again(broker: BrokerProcess, tmp_path: Path) -> None:
    """Other routes change nothing for the nodes; other words of Sparkplug need a new connection."""
    journal = Journal()
    source = source_on(broker, "edit", tmp_path / "src.json")
    before = source._config
    async with running(source, journal), live_node(broker.port, node_of("edit")) as node:
        await until(lambda: readings(journal, 101, POWER) == [1.5])
        assert source.use(before.model_copy(update={"routes": config([SIMPLE]).routes})) is False
        await node.send(node.model.data("m1", METER[1]))
        await until(lambda: readings(journal, 100, POWER) == [1.5, 1.5])
        assert node.rebirths == 0
    other = source_on(broker, "edit", tmp_path / "src.json", sparkplug={"rebirth": "5s"})._config
    assert source.use(other) is True


def test_texts_of_maps_are_named() -> None:
    made = config([], sparkplug=CONFIG)
    assert {("status", "charging"), ("presence", "offline")} <= set(ADAPTER.state_texts(made))
