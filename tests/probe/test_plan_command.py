"""`fieldgate plan`: what sources will do, from the configuration alone; a real poll does exactly that."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from latin import HAN

from gateway.cli import main
from gateway.clock import SystemClock
from gateway.settings import load_project
from gateway.try_out import try_poll
from simulators.modbus_server import ModbusServer

MAIN = """\
name: plan
timezone: Asia/Shanghai
language: en
registry: {{devices: devices.csv}}
sources:
  broker:
    type: mqtt
    url: mqtt://127.0.0.1:9
    client_id: plan-1
    status: {{topic: gw/plan/state}}
    publish: [{{topic: "R/{{device}}/keepalive", every: 30s, profiles: [wallbox]}}]
    routes:
    - {{filter: "box/{{device}}/power", device: "{{device}}", points: {{power: {{path: "."}}}}}}
    - {{filter: "box/{{device}}/{{field*}}", device: "{{device}}", points: {{any: {{path: ".", point: "{{field}}"}}}}}}
  push:
    type: http
    auth: none
    routes: [{{filter: "push/{{device}}", device: "{{device}}", points: {{power: {{path: p}}}}}}]
  folder:
    type: drop_folder
    folder: {folder}
    routes:
    - {{filter: "{{file}}", device: {{path: sn}}, payload: csv, each: "[*]", time: {{path: at, unit: iso}},
       points: {{power: {{path: p}}}}}}
  meters:
    type: modbus
    every: 10s
    links: {{hall: {{tcp: "127.0.0.1:{port}"{more}}}}}
    devices_from: registry
"""
METER = """\
kind: meter
points:
  voltage: {unit: V}
  power: {unit: kW}
  energy: {kind: counter, unit: kWh}
modbus:
  max_gap: 10
  points:
    voltage: {at: 0, scale: 0.1}
    power: {at: 4, type: i32, unit: W}
    energy: {at: 40, type: u32, table: input}
"""
BOX = "kind: wallbox\npoints: {power: {unit: W}}\n"
DEVICES = "code,profile,modbus_link,modbus_unit\nM-1,meter,hall,1\nM-2,meter,hall,2\nB-1,wallbox,,\n"


@dataclass
class Unit:
    """Sixty registers of 7."""

    size: int = 60
    reserved: tuple[tuple[int, int], ...] = ()
    words: list[int] = field(default_factory=lambda: [7] * 60)

    def image(self) -> list[int]:
        return self.words


def project(folder: Path, port: int = 9, more: str = "") -> Path:
    files = {
        "gateway.yaml": MAIN.format(folder=folder / "in", port=port, more=more),
        "devices.csv": DEVICES,
        "profiles/meter.yaml": METER,
        "profiles/wallbox.yaml": BOX,
        "rules/.keep": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder / "gateway.yaml"


def plan(file: Path, *arguments: str) -> str:
    shown = CliRunner().invoke(main, ["plan", "-c", str(file), *arguments], catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    return shown.output


def test_every_source_is_shown(tmp_path: Path) -> None:
    shown = plan(project(tmp_path))
    assert "  subscribes to box/+/#\n" in shown
    assert "box/+/power" not in shown, "it is inside the other one"
    assert "  publishes R/{device}/keepalive every 30s: 1 messages\n" in shown
    assert "  publishes its birth and its will on gw/plan/state\n" in shown
    assert "  takes pushes at http://127.0.0.1:8422/v1/ingest/push\n" in shown
    assert f"  looks for {tmp_path}/in/*.csv every 5s\n" in shown
    assert "  link hall: 4 requests, " in shown
    line = "    unit 1, holding 0 to 5 (6), every 10s, about 5ms, M-1: voltage, power (3 read along, unused)\n"
    assert line in shown


def test_the_speed_of_the_line_counts(tmp_path: Path) -> None:
    slow = json.loads(plan(project(tmp_path / "a", more=", baud: 1200"), "--source", "meters", "--format", "json"))
    fast = json.loads(plan(project(tmp_path / "b", more=", baud: 19200"), "--source", "meters", "--format", "json"))
    costs = [[one["cost"] for one in plans["meters"]["requests"]] for plans in (slow, fast)]
    assert all(low > 5 * high for low, high in zip(*costs, strict=True))
    assert list(slow) == ["meters"]


async def test_a_real_poll_sends_what_was_planned(tmp_path: Path) -> None:
    async with ModbusServer({1: Unit(), 2: Unit()}) as server:
        file = project(tmp_path, server.port)
        planned = json.loads(await asyncio.to_thread(plan, file, "--source", "meters", "--format", "json"))
        assert server.connections == 0
        (polled,) = await try_poll(load_project(file, offline=True), SystemClock(), "M-2")
    sent = [(one.table, one.address, one.count) for one in polled.requests]
    lines = [one for one in planned["meters"]["requests"] if one["device"] == "M-2"]
    assert [(one["table"], one["address"], one["count"]) for one in lines] == sent
    assert {one["unit"] for one in lines} == {2}


@pytest.mark.parametrize("arguments", ["", "--source broker", "--source meters"])
def test_pages_are_chinese(tmp_path: Path, arguments: str) -> None:
    assert HAN.search(plan(project(tmp_path), "--lang", "zh", *arguments.split()))
