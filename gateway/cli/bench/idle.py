"""Gateway without traffic: memory, CPU and syncs to disk.

Connected to a real mosquitto, with the 50 rules of `bench ingest` over 100 devices that have sent nothing. Syncs are
counted by strace in a separate period, because strace slows the process down.
"""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from gateway.cli.bench.ingest import Gauge, child, mqtt_source, write_project
from gateway.cli.bench.machine import cpu_seconds, rss_mb
from simulators.servers import free_port, mosquitto

DEVICES = 100
SETTLE = 15.0
"""Seconds from readiness to the end of start-up work."""


def measure(seconds: float) -> dict[str, Any]:
    """{"rss_mb", "cpu_share" (of one core), "fsyncs_min"}; `fsyncs_min` is None without strace.

    Raises FileNotFoundError without mosquitto.
    """
    with tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as name:
        folder = Path(name)
        project, api = folder / "project", free_port()
        project.mkdir()
        with mosquitto(folder / "broker") as broker:
            config = write_project(project, mqtt_source(broker.port), api, DEVICES)
            with child("-m", "gateway", "run", "-c", str(config), "--lang", "en") as gateway:
                Gauge(api).ready(gateway)
                time.sleep(SETTLE)
                busy, begun = cpu_seconds(gateway.pid), time.monotonic()
                time.sleep(seconds)
                share = (cpu_seconds(gateway.pid) - busy) / (time.monotonic() - begun)
                rss = rss_mb(gateway.pid)
                syncs = _syncs(gateway.pid, seconds, folder / "syncs")
    return {
        "rss_mb": round(rss, 1),
        "cpu_share": round(share, 5),
        "fsyncs_min": None if syncs is None else round(syncs * 60 / seconds, 1),
        "seconds_idle": seconds,
    }


def _syncs(pid: int, seconds: float, file: Path) -> int | None:
    strace = shutil.which("strace")
    if strace is None:
        return None
    command = [strace, "-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range", "-o", str(file), "-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        tracer.wait(seconds)
        return None  # strace has no permission to attach
    except subprocess.TimeoutExpired:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
    return sum("sync" in line and "resumed" not in line for line in file.read_text("utf-8").splitlines())
