"""Restart of a gateway after SIGKILL: time until it is ready with all its rule state.

A project with `devices` chargers under 50 rules (those of `bench ingest`) is loaded over MQTT until every device has
sent a message. After a snapshot it is loaded further, killed and started again.
"""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from gateway.cli.bench.ingest import Gauge, child, mqtt_source, write_project
from gateway.cli.bench.machine import cpu_seconds
from simulators.load import GATE_BYTES
from simulators.servers import BrokerProcess, free_port, mosquitto
from simulators.shared_counters import Shared

RULES = 50
AFTER = 20_000  # messages after the snapshot, judged again at the start
SNAPSHOT = 12.0  # a snapshot is made every ten seconds of traffic


def measure(devices: int) -> dict[str, Any]:
    """{"state_rows", "seconds", ...}. Raises FileNotFoundError without mosquitto."""
    with tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as name, mosquitto(Path(name) / "broker") as broker:
        return _measure(Path(name), broker, devices)


def _measure(folder: Path, broker: BrokerProcess, devices: int) -> dict[str, Any]:
    api = free_port()
    project = folder / "project"
    project.mkdir()
    config = write_project(project, mqtt_source(broker.port), api, devices)
    command = ("-m", "gateway", "run", "-c", str(config), "--lang", "en")
    gauge = Gauge(api)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as in an installation, where modules are compiled only once
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    with Shared(folder / "gate", GATE_BYTES) as gate:
        load = (
            "-m",
            "simulators.load",
            "--broker",
            f"127.0.0.1:{broker.port}",
            "--name",
            "full",
            "--topic",
            "full/{}/telemetry",
            "--devices",
            str(devices),
            "--gate",
            str(gate.path),
            "--qos",
            "1",
        )
        with child(*command) as gateway:
            gauge.ready(gateway)
            with child(*load):
                _feed(gate, gauge, 2 * devices)
                time.sleep(SNAPSHOT)
                _feed(gate, gauge, 2 * devices + AFTER)
                time.sleep(1.0)
                _feed(gate, gauge, 2 * devices + 2 * AFTER)
                gate.set(2, 1)
            _kill(gateway)
        before = time.monotonic()
        with child(*command) as gateway:
            gauge.ready(gateway)
            seconds, busy = time.monotonic() - before, cpu_seconds(gateway.pid)
    return {
        "state_rows": devices * RULES,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(busy, 2),
        "devices": devices,
        "rules": RULES,
    }


def _feed(gate: Shared, gauge: Gauge, messages: int) -> None:
    gate.set(0, messages)
    until = time.monotonic() + 60
    while gauge.journaled() < messages:
        if time.monotonic() > until:
            raise RuntimeError(f"the gateway took {gauge.journaled()} of {messages} messages in a minute")
        time.sleep(0.1)


def _kill(gateway: "subprocess.Popen[bytes]") -> None:
    gateway.send_signal(signal.SIGKILL)
    gateway.wait(30)
