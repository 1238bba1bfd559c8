"""MQTT against a mosquitto in both versions, and against a nats-server, which speaks 3.1.1: a reading is a QoS 1
message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from contract.harness import SourcePeer
from mqtt_kit import NOW, SIMPLE, Ledger, Wall, registry

from gateway.adapter_ports import SourceServices
from simulators.servers import BrokerProcess, mosquitto, mosquitto_binary, nats, nats_binary


@asynccontextmanager
async def _against(broker: BrokerProcess, folder: Path, version: str) -> AsyncIterator[SourcePeer]:
    directory, sent = registry(), 0
    config = {
        "type": "mqtt",
        "url": broker.url,
        "client_id": "gw-01",
        "protocol": version,
        "username": "u",
        "password": "hush-hush-1742",
        "reconnect": {"min": "0s", "max": "0s"},
        "routes": [SIMPLE],
    }
    services = SourceServices("gateway.yaml", directory, Ledger(), Wall(), lambda: (), {}, {}, folder / "sessions", 0)

    async def bring(value: float) -> None:
        nonlocal sent
        sent += 1
        async with aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V311) as client:
            body = f'{{"ts":{NOW // 1000 + sent},"temp":{value:g}}}'
            await client.publish("charger/c1/telemetry", body, qos=1)

    async def leave() -> None:
        broker.kill()

    yield SourcePeer(config, services, bring, leave, acknowledges=True)


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[SourcePeer]:
    if mosquitto_binary() is None:
        pytest.skip("mosquitto is not installed")
    with mosquitto(folder) as broker:
        async with _against(broker, folder, "5") as found:
            yield found


@asynccontextmanager
async def peer_311(folder: Path) -> AsyncIterator[SourcePeer]:
    if mosquitto_binary() is None:
        pytest.skip("mosquitto is not installed")
    with mosquitto(folder) as broker:
        async with _against(broker, folder, "3.1.1") as found:
            yield found


@asynccontextmanager
async def peer_311_nats(folder: Path) -> AsyncIterator[SourcePeer]:
    if nats_binary() is None:
        pytest.skip("nats-server is not installed")
    with nats(folder) as broker:
        async with _against(broker, folder, "auto") as found:
            yield found
