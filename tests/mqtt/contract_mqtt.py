"""MQTT against a mosquitto in both versions, and against a nats-server, which speaks 3.1.1: a reading is a QoS 1
message."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from contract.harness import CommandPeer, SourcePeer
from mqtt_kit import NOW, SIMPLE, Ledger, Wall, registry

from gateway.adapter_ports import SourceServices
from gateway.domain.device import Device
from gateway.domain.device_command.exchange import OutgoingCommand
from protocols.mqtt.command_form import MqttCommand, MqttForm
from simulators.command_device import command_device
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


CHARGER = Device(101, "c1", "charger", "charger")
COMMAND = {
    "topic": "chargers/{device}/cmd",
    "payload": {"id": "{command_id}", "op": "limit", "amps": "{amps}"},
    "response": {
        "topic": "chargers/{device}/ack",
        "correlation": "id",
        "correlation_data": True,
        "success": {"path": "result", "values": ["ok"], "progress": ["accepted"]},
        "message": "text",
    },
}


def command_of(form: MqttForm, timeout: int = 600_000) -> Callable[[str], OutgoingCommand]:
    """Makes commands for the device c1; `timeout` µs."""
    return lambda number: OutgoingCommand(number, "set_limit", CHARGER, 0, {"amps": 16}, form, timeout, NOW)


@asynccontextmanager
async def _commands(folder: Path, version: str) -> AsyncIterator[CommandPeer]:
    if mosquitto_binary() is None:
        pytest.skip("mosquitto is not installed")
    form = MqttForm(MqttCommand.model_validate(COMMAND))
    with mosquitto(folder) as broker:
        async with command_device(broker.port, "c1", version=5 if version == "5" else 4) as device:
            config = {
                "type": "mqtt",
                "url": broker.url,
                "client_id": "gw-01",
                "protocol": version,
                "reconnect": {"min": "0s", "max": "0s"},
                "routes": [SIMPLE],
                "commands": {"allow": ["set_limit"]},
            }
            services = SourceServices(
                "gateway.yaml", registry(), Ledger(), Wall(), lambda: (), {}, {}, folder / "s", 0, command_forms=(form,)
            )

            def behave(kind: str) -> None:
                device.answer = kind  # type: ignore[assignment]

            async def leave() -> None:
                broker.kill()

            yield CommandPeer(config, services, command_of(form), behave, lambda: len(device.commands), leave)


@asynccontextmanager
async def commands_5(folder: Path) -> AsyncIterator[CommandPeer]:
    async with _commands(folder, "5") as found:
        yield found


@asynccontextmanager
async def commands_311(folder: Path) -> AsyncIterator[CommandPeer]:
    async with _commands(folder, "3.1.1") as found:
        yield found
