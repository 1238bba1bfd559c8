"""A small installation on disk, with history in its store, and the gateway as a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from click.testing import CliRunner, Result

from gateway.cli import main

GATEWAY = """\
name: gw
timezone: Asia/Shanghai
language: en
data_dir: data
registry: {devices: devices.csv, sites: sites.csv}
api: {port: %d}
health: {port: 0}
log: {level: warning}
desk: {order_types: {repair: {}}}
endpoints:
  oa: {type: webhook, url: "http://127.0.0.1:9/hooks", secret: %s, allow: [127.0.0.0/8], events: ["*"]}
"""
SECRET = "whsec_" + "a2lsbC10ZXN0LXNlY3JldC1vZi0zMi1ieXRlcyEhISE="
PROFILE = """\
id: dc
kind: charger
points:
  gun_temp: {unit: degC, every: 1m}
  status: {kind: state, values: [idle, charging, fault]}
"""
HOT = """\
format: 1
rules:
- id: hot
  title: {en: Connector over temperature, zh: 枪头过温}
  why: {en: a hot connector burns, zh: 枪头过热会起火}
  watch: {kind: charger}
  when: "gun_temp >= attr('temp_trip', 85 degC)"
  hold: 2m
  clear: "gun_temp < 75 degC"
  then: {order: {type: repair, fault: E07, level: major}}
"""
MAP = """\
device: {column: sn}
time: {column: at, format: "%Y-%m-%d %H:%M:%S", zone: Asia/Shanghai}
points: {gun_temp: {column: temp, unit: degC}, status: {column: status}}
"""
BEGIN = datetime(2026, 6, 1)  # noqa: DTZ001 - local time of the file
SPAN = ("--from", "2026-06-01", "--to", "2026-06-03")


def free_port() -> int:
    """One that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def project(folder: Path, rules: str = HOT, port: int = 0) -> Path:
    """Two chargers; CH-2 trips at 90 degC. Returns the main file."""
    files = {
        "gateway.yaml": GATEWAY % (port, SECRET),
        "profiles/dc.yaml": PROFILE,
        "rules/hot.yaml": rules,
        "sites.csv": "code,name,timezone\nS1,North,Asia/Shanghai\n",
        "devices.csv": "code,profile,site,temp_trip\nCH-1,dc,S1,\nCH-2,dc,S1,90 degC\n",
        "map.yaml": MAP,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder / "gateway.yaml"


def csv(*, hot: bool = False) -> str:
    """A reading per minute for a day: both chargers at 87 degC from 10:00 for ten minutes, CH-2 at 95 degC from 12:00
    for five. `hot`: both stay at 95 degC at the end."""
    rows = ["sn,at,temp,status"]
    for minute in range(24 * 60):
        at = BEGIN + timedelta(minutes=minute)
        for code in ("CH-1", "CH-2"):
            temp = 87 if 600 <= minute < 610 else 95 if code == "CH-2" and 720 <= minute < 725 else 60
            temp = 95 if hot and minute >= 1400 else temp
            rows.append(f"{code},{at:%Y-%m-%d %H:%M:%S},{temp},charging")
    return "\n".join(rows) + "\n"


def run(*arguments: str) -> Result:
    """A command."""
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def import_history(config: Path, text: str) -> Result:
    """Into the gateway, running or not."""
    file = config.parent / "history.csv"
    file.write_text(text, "utf-8")
    return run("import", str(file), "--map", str(config.parent / "map.yaml"), "-c", str(config))


@contextmanager
def running(config: Path, port: int) -> Iterator[httpx.Client]:
    """`fieldgate run`, and its API."""
    log = config.parent / "gateway.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "-c", str(config), "--lang", "en"], stdout=out, stderr=out
        )
    try:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            while not _ready(client):
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < until, log.read_text("utf-8")
                time.sleep(0.05)
            key = (config.parent / "data" / "admin.key").read_text("utf-8").strip()
            client.headers["Authorization"] = f"Bearer {key}"
            yield client
    finally:
        process.terminate()
        process.wait(30)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(true: Callable[[], bool], seconds: float = 30) -> None:
    """Until `true()`; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.05)
