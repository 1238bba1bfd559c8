"""C7: the command of the chapter on operations removes the session that a broker keeps for a gateway that is gone."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators.servers import mosquitto, mosquitto_binary

DOCS = Path(__file__).parents[2] / "docs"
NAME = "fieldgate-1"

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
    pytest.mark.skipif(shutil.which("mosquitto_sub") is None, reason="apt-get install mosquitto-clients"),
]


def gateway(port: int) -> aiomqtt.Client:
    """A session as the gateway has it: kept for an hour."""
    kept = Properties(PacketTypes.CONNECT)
    kept.SessionExpiryInterval = 3600
    return aiomqtt.Client(
        "127.0.0.1", port, identifier=NAME, protocol=aiomqtt.ProtocolVersion.V5, clean_start=False, properties=kept
    )


@pytest.mark.parametrize("chapter", ["operations.md", "operations.zh.md"])
async def test_the_session_of_a_gateway_that_is_gone_is_removed(chapter: str, tmp_path: Path) -> None:
    (line,) = re.findall(r"^mosquitto_sub .*$", (DOCS / chapter).read_text("utf-8"), re.MULTILINE)
    with mosquitto(tmp_path / "broker") as broker:
        async with gateway(broker.port) as client:
            await client.subscribe("charger/#", qos=1)
        for expected in (True, False):
            async with aiomqtt.Client("127.0.0.1", broker.port) as device:
                await device.publish("charger/1", b"queued", qos=1)
            if not expected:
                command = shlex.split(line.replace("-p 1883", f"-p {broker.port}"))
                assert NAME in command
                assert subprocess.run(command, timeout=20).returncode == 0
            got: list[bytes] = []
            async with gateway(broker.port) as client:
                await client.subscribe("end", qos=1)
                await client.publish("end", b"end", qos=1)
                async for message in client.messages:
                    if message.payload == b"end":
                        break
                    got.append(bytes(message.payload))  # type: ignore[arg-type]
            assert got == ([b"queued"] if expected else [])
