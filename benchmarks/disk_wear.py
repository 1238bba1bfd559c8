"""What a gateway writes to its disk: bytes, flushes, CPU and memory, idle and at a steady rate.

    python benchmarks/disk_wear.py [--seconds 120] [--rates 0,100] [--devices 1000] [--linger 20ms]   # needs mosquitto

A project with 50 rules (as `bench ingest` has it); every device was heard before it begins. Bytes are `write_bytes` of
/proc/PID/io, what the kernel sends to the disk; with strace, in a part of its own, flushes and bytes by file as well.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

from gateway.cli.bench.ingest import Gauge, child, write_project
from simulators.load import GATE_BYTES
from simulators.servers import free_port, mosquitto
from simulators.shared_counters import Shared

DAY = 86_400
KB = 1_000
_CALL = re.compile(r"(fsync|fdatasync|pwrite64|write|writev|pwritev)\(\d+<([^>]+)>.*?(?:= (\d+))?$")


class Usage:
    """Of a process, since it was made."""

    def __init__(self, pid: int, gauge: Gauge) -> None:
        self._pid, self._gauge = pid, gauge
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        proc = Path(f"/proc/{self._pid}")
        written = dict(line.split(": ") for line in (proc / "io").read_text("utf-8").splitlines())
        fields = (proc / "stat").read_text("utf-8").rsplit(")", 1)[1].split()
        return {
            "time": time.monotonic(), "bytes": int(written["write_bytes"]),
            "cpu": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
            "commits": self._gauge.read("fieldgate_journal_commits_total"),
        }  # fmt: skip

    def told(self) -> dict[str, Any]:
        """A second, a day; memory now."""
        now = self._now()
        past = {name: now[name] - before for name, before in self._before.items()}
        seconds = past["time"]
        status = Path(f"/proc/{self._pid}/status").read_text("utf-8")
        return {
            "kB_s": round(past["bytes"] / seconds / KB, 1),
            "GB_day": round(past["bytes"] / seconds * DAY / KB**3, 2),
            "journal_commits_s": round(past["commits"] / seconds, 2),
            "cpu_percent": round(100 * past["cpu"] / seconds, 2),
            "rss_MB": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024,  # type: ignore[index]
        }


def kind_of(path: str) -> str:
    """Files that are numbered or dated count as one."""
    return re.sub(r"\d[\dT_.:-]*", "N", Path(path).name)


def by_file(pid: int, seconds: float, folder: Path) -> dict[str, Any]:
    """{file: {"flushes_s", "kB_s"}} by strace; empty without it."""
    if (strace := shutil.which("strace")) is None:
        return {}
    out = folder / "trace.txt"
    calls = "trace=fsync,fdatasync,pwrite64,write,writev,pwritev"
    command = [strace, "-f", "-qq", "-y", "-s", "0", "-e", calls, "-o", str(out), "-p", str(pid)]
    tracer = subprocess.Popen(command)  # noqa: S603
    time.sleep(seconds)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(10)
    flushes, written = Counter[str](), Counter[str]()
    for line in out.read_text("utf-8", "replace").splitlines():
        if (call := _CALL.search(line)) is None or not call[2].startswith(str(folder)):
            continue
        name = kind_of(call[2])
        if "sync" in call[1]:
            flushes[name] += 1
        else:
            written[name] += int(call[3] or 0)
    return {
        name: {"flushes_s": round(flushes[name] / seconds, 2), "kB_s": round(written[name] / seconds / KB, 2)}
        for name in sorted(flushes | written)
    }


def heard(gauge: Gauge, messages: int) -> None:
    """Wait for so many messages on disk."""
    until = time.monotonic() + 60
    while gauge.journaled() < messages and time.monotonic() < until:
        time.sleep(0.1)


async def feed(gate: Shared, rate: int) -> None:
    """`rate` messages a second, ten times a second."""
    start, first = time.monotonic(), gate.get(0)
    while True:
        gate.set(0, first + int(rate * (time.monotonic() - start)))
        await asyncio.sleep(0.1)


async def measure(rates: list[int], seconds: float, devices: int, linger: str) -> dict[str, Any]:
    """By rate."""
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="fieldgate-wear-") as name, mosquitto(Path(name) / "broker") as broker:
        folder, api = Path(name), free_port()
        (folder / "project").mkdir()
        config = write_project(folder / "project", broker.port, api, devices)
        with config.open("a", encoding="utf-8") as more:
            more.write(f"journal: {{linger: {linger}}}\nintake: {{linger: {linger}}}\n")
        gauge = Gauge(api)
        with Shared(folder / "gate", GATE_BYTES) as gate, child("-m", "gateway", "run", "-c", str(config)) as gateway:
            gauge.ready(gateway)
            load = ("-m", "simulators.load", "--broker", f"127.0.0.1:{broker.port}", "--name", "full", "--topic",
                    "full/{}/telemetry", "--devices", str(devices), "--gate", str(gate.path), "--qos", "1")  # fmt: skip
            with child(*load):
                gate.set(0, devices)
                await asyncio.to_thread(heard, gauge, devices)
                for rate in rates:
                    feeding = asyncio.create_task(feed(gate, rate))
                    await asyncio.sleep(15)  # what came before is written up
                    usage = Usage(gateway.pid, gauge)
                    await asyncio.sleep(seconds)
                    told[f"{rate} msg/s"] = usage.told()
                    files = await asyncio.to_thread(by_file, gateway.pid, min(seconds, 60), folder)
                    told[f"{rate} msg/s"]["files"] = files
                    feeding.cancel()
                gate.set(2, 1)
    return told


@click.command()
@click.option("--seconds", default=120.0, show_default=True, help="Of each rate.")
@click.option("--rates", default="0,100", show_default=True, help="Messages a second, four readings each.")
@click.option("--devices", default=1000, show_default=True)
@click.option("--linger", default="20ms", show_default=True, help="Of journal and intake.")
def main(seconds: float, rates: str, devices: int, linger: str) -> None:
    """Measure and print JSON."""
    told = asyncio.run(measure([int(one) for one in rates.split(",")], seconds, devices, linger))
    click.echo(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
