"""Without commands that a profile defines and a source allows, nothing is ever written to a device."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from simulators.servers import free_port, mosquitto, mosquitto_binary

pytestmark = [
    pytest.mark.fault,
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
]
ROOT = Path(__file__).parents[2]
READS = {1, 2, 3, 4}  # Modbus functions that only read
CONFIG = """\
name: reader
timezone: UTC
language: en
data_dir: var
registry: {{devices: devices.csv}}
profiles: {profiles}
rules: rules
api: {{port: 0}}
sources:
  meters:
    type: modbus
    every: 100ms
    links: {{hall: {{tcp: "127.0.0.1:{modbus}", timeout: 500ms}}}}
    devices:
    - {{device: GM-1, link: hall, unit: 1}}
    - {{device: GM-2, link: hall, unit: 2}}
    - {{device: GM-3, link: hall, unit: 3}}
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:{broker}
    client_id: reader
    routes:
    - {{filter: "d/{{device}}", device: "{{device}}", points: {{pressure: {{path: p, missing: []}}}}}}
"""


class Slave:
    """Answers reads with zeros, unit 2 with an exception, unit 3 not at all; keeps the function of every request."""

    def __init__(self) -> None:
        self.functions: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(7)
                body = await reader.readexactly(int.from_bytes(head[4:6], "big") - 1)
                self.functions.append(body[0])
                if head[6] == 1:
                    count = int.from_bytes(body[3:5], "big")
                    answer = bytes([body[0], count * 2]) + bytes(count * 2)
                elif head[6] == 2:
                    answer = bytes([body[0] | 0x80, 2])
                else:
                    continue
                writer.write(head[:4] + (len(answer) + 1).to_bytes(2, "big") + head[6:7] + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def test_devices_are_only_ever_read(tmp_path: Path) -> None:
    slave = Slave()
    server = await asyncio.start_server(slave.serve, "127.0.0.1", 0)
    with mosquitto(tmp_path / "broker") as broker:
        config = tmp_path / "gateway.yaml"
        (tmp_path / "rules").mkdir()
        (tmp_path / "devices.csv").write_text("code,profile\n" + "".join(f"GM-{n},gas_meter_demo\n" for n in (1, 2, 3)))
        modbus = server.sockets[0].getsockname()[1]
        text = CONFIG.format(profiles=ROOT / "config" / "profiles", modbus=modbus, broker=broker.port)
        config.write_text(text)
        heard = tmp_path / "heard"
        with heard.open("w") as out:
            listening = ["mosquitto_sub", "-p", str(broker.port), "-t", "#", "-v"]
            listener = subprocess.Popen(listening, stdout=out, stderr=subprocess.DEVNULL)
        with (tmp_path / "log").open("w") as log:
            command = [sys.executable, "-m", "gateway", "run", "-c", str(config), "--lang", "en"]
            gateway = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            async with asyncio.timeout(60):
                while len(slave.functions) < 40:
                    assert gateway.poll() is None, (tmp_path / "log").read_text()
                    await asyncio.sleep(0.05)
        finally:
            gateway.terminate()
            await asyncio.to_thread(gateway.wait, 30)
            listener.terminate()
            listener.wait(10)
            server.close()
    assert set(slave.functions) <= READS
    assert heard.read_text() == "", "nothing was published to a device"


@pytest.mark.parametrize(
    "key", ["write: true", "commands: {allow: [start]}", "commands: {allow: [gas_meter_demo/close_valve]}"]
)
def test_no_key_of_a_source_makes_it_write(tmp_path: Path, key: str) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "devices.csv").write_text("code,profile\nGM-1,gas_meter_demo\n")
    config = tmp_path / "gateway.yaml"
    text = CONFIG.format(profiles=ROOT / "config" / "profiles", modbus=free_port(), broker=free_port())
    for kind in ("type: modbus\n", "type: mqtt\n"):
        config.write_text(text.replace(kind, f"{kind}    {key}\n"))
        done = CliRunner().invoke(main, ["check", "-c", str(config), "--lang", "en"])
        known = "unknown key" in done.output or "no profile has a command" in done.output
        assert (done.exit_code, known) == (2, True), done.output
