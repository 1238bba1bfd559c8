"""Pushes a second into the journal, by a whole gateway beside one load process."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gateway.cli.bench.ingest import Gauge, child, stored_identities, write_project
from gateway.cli.bench.machine import cpu_seconds
from simulators.servers import free_port

TOKEN = "bench"  # noqa: S105 - of a gateway on loopback that lives for a minute
SOURCE = """\
    type: http
    listen: 127.0.0.1:{port}
    auth: {{kind: token, secret: bench}}
    routes:
    - filter: "bench/{{device}}"
      device: "{{device}}"
      time: {{path: ts, unit: ms}}
      points:
        telemetry_temp: {{path: temp}}
        voltage: {{path: u, unit: mV}}
        current: {{path: i}}
        power: {{path: p}}
      ignore: [s]
"""


def measure(seconds: float, devices: int, connections: int) -> dict[str, Any]:
    """{"pushes_s", "lost", "cpu_us", "refused", "pushes", "stored"}; `lost` counts readings of pushes answered by 200
    that are not stored, `cpu_us` is CPU of the gateway per push. 50 rules, 4 points in a push."""
    with tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as name:
        project, api, port = Path(name) / "project", free_port(), free_port()
        project.mkdir()
        config = write_project(project, SOURCE.format(port=port), api, devices)
        url = f"http://127.0.0.1:{port}/v1/ingest/bench"
        load = [sys.executable, "-m", "simulators.http_load", "--url", url, "--token", TOKEN, "--seconds", str(seconds)]
        load += ["--devices", str(devices), "--connections", str(connections)]
        with child("-m", "gateway", "run", "-c", str(config), "--lang", "en") as gateway:
            Gauge(api).ready(gateway)
            busy = cpu_seconds(gateway.pid)
            ran = subprocess.run(load, check=True, capture_output=True, text=True)  # noqa: S603
            busy = cpu_seconds(gateway.pid) - busy
        found = json.loads(ran.stdout)
        stored = stored_identities(project / "var")
    return {
        "pushes_s": round(found["pushes"] / found["seconds"]),
        "lost": max(0, found["pushes"] * 4 - stored),
        "cpu_us": round(busy * 1e6 / max(1, found["pushes"]), 1),
        "refused": found["refused"],
        "pushes": found["pushes"],
        "stored": stored,
        "devices": devices,
        "connections": connections,
    }
