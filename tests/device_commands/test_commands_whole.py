"""Commands of a whole gateway as users send them: a real broker, a device that answers, a second person, kill -9."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from device_commands.command_kit import changes
from hostile_kit import spawn

from gateway.cli import main
from gateway.domain.workorder import Role
from gateway.store import ApiKeys, Database
from simulators.command_device import CommandDevice, command_device
from simulators.servers import free_port, mosquitto, mosquitto_binary

pytestmark = [
    pytest.mark.fault,
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
]


class Whole:
    """A project with a gateway that can be killed and started again."""

    def __init__(self, folder: Path, broker: int) -> None:
        self.folder, self.api = folder, free_port()
        for name, text in changes(broker).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("port: 0,", f"port: {self.api},"), "utf-8")
        (folder / "rules").mkdir()
        (folder / "devices.csv").write_text("code,profile\nD1,dc\n")
        for name in ("sites", "customers"):
            (folder / f"{name}.csv").write_text("code,name\n")
        self.process: subprocess.Popen[bytes] | None = None
        self.key = folder / "boss.key"

    async def start(self) -> None:
        with (self.folder / "log").open("ab") as out:
            config = str(self.folder / "gateway.yaml")
            self.process = spawn("-m", "gateway", "run", "-c", config, "--lang", "en", stdout=out, stderr=out)
        await self.until(self._is_connected, "the gateway is connected")
        if not self.key.exists():
            database = Database.at(self.folder / "var" / "fieldgate.sqlite")
            self.key.write_text(ApiKeys(database).create("boss", Role.SUPERVISOR, 1)[0])
            database.dispose()

    def _is_connected(self) -> bool:
        try:
            text = httpx.get(f"http://127.0.0.1:{self.api}/metrics", trust_env=False).text
        except httpx.TransportError:
            return False
        return 'fieldgate_source_up{source="broker"} 1.0' in text

    def latest(self, point: str) -> Any:
        """The newest stored value of a point of D1."""
        key = (self.folder / "var" / "admin.key").read_text().strip()
        headers = {"authorization": f"Bearer {key}"}
        found = httpx.get(f"http://127.0.0.1:{self.api}/v1/devices/D1", headers=headers, trust_env=False).json()
        return next((one["value"] for one in found["latest"] if one["point"] == point), None)

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(20)

    async def fieldgate(self, *words: str, status: int = 0, boss: bool = False) -> Any:
        """`fieldgate command …` -> its JSON."""
        more = ["-c", str(self.folder / "gateway.yaml"), "--lang", "en", "--format", "json"]
        more += ["--key-file", str(self.key)] if boss else []
        done = await asyncio.to_thread(CliRunner().invoke, main, ["command", *words, *more])
        assert done.exit_code == status, done.output
        return json.loads(done.output) if status == 0 else done.output

    async def state(self, number: str, wanted: str, verification: str = "none") -> Any:
        """The command, once it is in this state."""
        found: list[Any] = []

        async def there() -> bool:
            found.append(await self.fieldgate("show", number))
            return (found[-1]["state"], found[-1]["verification"]) == (wanted, verification)

        async with asyncio.timeout(20):
            while not await there():
                await asyncio.sleep(0.05)
        return found[-1]

    async def until(self, true: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(30):
                while not await asyncio.to_thread(true):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"{what}\n{(self.folder / 'log').read_text()[-3000:]}")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[tuple[Whole, CommandDevice]]:
    with mosquitto(tmp_path / "broker") as broker:
        async with command_device(broker.port, "D1") as device:
            whole = Whole(tmp_path / "home", broker.port)
            try:
                await whole.start()
                yield whole, device
            finally:
                whole.stop()


async def test_from_request_to_read_back_and_through_a_kill(stage: tuple[Whole, CommandDevice]) -> None:
    whole, device = stage
    # a second person, the answer, the read-back
    made = await whole.fieldgate("send", "D1", "set_limit", "amps=20", "--id", "k1")
    assert made["state"] == "awaiting_approval"
    assert "another person" in await whole.fieldgate("approve", made["id"], status=1), "not the one who requested it"
    assert device.commands == []
    await whole.fieldgate("approve", made["id"], "--note", "yes", boss=True)
    done = await whole.state(made["id"], "answered_ok", "verified")
    assert device.commands == [{"id": made["id"], "op": "limit", "amps": 20}]
    assert (done["answer"], done["approver"], device.limit) == ("done", "boss", 20)
    lines = [(line["type"], line["actor"]) for line in done["audit"]]
    assert lines == [
        ("request", "admin"),
        ("approve", "boss"),
        ("send", "system"),
        ("answer_ok", "system"),
        ("verify", "system"),
    ]
    assert done["audit"][-1]["data"]["value_after"] == 20
    assert (await whole.fieldgate("send", "D1", "set_limit", "amps=20", "--id", "k1"))["id"] == made["id"]
    # answered, but nothing happens: the reading after it does not show the value
    await whole.until(lambda: whole.latest("limit") == 20, "the reading is stored")
    device.answer = "idle"
    idle = await whole.fieldgate("send", "D1", "set_limit", "amps=8")
    await whole.fieldgate("approve", idle["id"], boss=True)
    found = await whole.state(idle["id"], "answered_ok", "not_verified")
    assert (found["acts"], found["audit"][2]["data"]["value_before"]) == (["settle"], 20)
    # kill -9 between sending and answer: uncertain, and never sent again by itself
    device.answer = "silent"
    cut = await whole.fieldgate("send", "D1", "reset")
    await whole.until(lambda: len(device.commands) == 3, "the command is there")
    whole.stop(kill=True)
    device.answer = "ok"
    await whole.start()
    lost = await whole.state(cut["id"], "uncertain")
    assert "look at the device" in lost["reason"]
    again = await whole.fieldgate("send", "D1", "reset")
    await whole.state(again["id"], "answered_ok")
    assert [one["id"] for one in device.commands] == [made["id"], idle["id"], cut["id"], again["id"]]
    settled = await whole.fieldgate("settle", cut["id"], "not_done", "--reason", "its lamp still blinks")
    assert (settled["state"], settled["outcome"]) == ("settled", "not_done")
