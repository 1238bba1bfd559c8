"""Effect of API callers on devices: 600 idle connections, four bodies in one-byte chunks, 100 requests a second.

A probe broker measures the time from PUBLISH to PUBACK. The gateway writes the PUBACK when the message is on disk. The
same gateway is measured twice: first without callers, then under that load.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from gateway.cli.bench.ingest import Gauge, child, mqtt_source, write_project
from simulators.probe_broker import ProbeBroker, probe_broker
from simulators.servers import free_port

MESSAGES = 200
"""Messages a second."""
REQUESTS = 100
"""Requests a second, in turn for devices, alarms and work orders."""
PATHS = ("/v1/devices/D00001", "/v1/alarms?limit=20", "/v1/work-orders?limit=20")
DEVICES = 1_000
SETTLE = 2.0
FEW = httpx.Limits(max_connections=8)
"""Connections are kept open and few, as an integrator does."""


def measure(seconds: float) -> dict[str, Any]:
    """{"ingest_p99_ms", "health_p99_ms", "requests_s"} under load, and `quiet_…` of the same before it."""
    with tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as name:
        return asyncio.run(_measure(Path(name), seconds))


async def _measure(folder: Path, seconds: float) -> dict[str, Any]:
    api, health = free_port(), free_port()
    async with probe_broker() as (broker, port):
        config = write_project(folder, mqtt_source(port), api, DEVICES)
        config.write_text(config.read_text("utf-8") + f"health: {{port: {health}}}\n", "utf-8")
        with child("-m", "gateway", "run", "-c", str(config), "--lang", "en") as gateway:
            await asyncio.to_thread(Gauge(api).ready, gateway)
            await broker.subscribed.wait()
            key = (folder / "var" / "admin.key").read_text("utf-8").strip()
            quiet = await _phase(broker, api, health, key, seconds)
            flood = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "simulators.api_flood", str(api), str(seconds + 2 * SETTLE), "idle", "crumbs"
            )
            await asyncio.sleep(SETTLE)
            loaded = await _phase(broker, api, health, key, seconds)
            await flood.wait()
    return loaded | {f"quiet_{name}": value for name, value in quiet.items()} | {"seconds_each": seconds}


async def _phase(broker: ProbeBroker, api: int, health: int, key: str, seconds: float) -> dict[str, Any]:
    broker.delays.clear()
    spent, times, answered = await asyncio.gather(
        _publish(broker, seconds), _healthy(health, seconds), _poll_api(api, key, seconds)
    )
    await asyncio.sleep(1)
    delays = broker.delays + broker.waiting()
    return {
        "ingest_p99_ms": _high(delays),
        "ingest_p50_ms": round(statistics.median(delays) * 1e3, 2),
        "ingest_max_ms": round(max(delays) * 1e3, 2),
        "health_p99_ms": _high(times),
        "requests_s": round(answered / seconds, 1),
        "messages_s": round(spent / seconds, 1),
    }


async def _publish(broker: ProbeBroker, seconds: float) -> int:
    async def one(number: int) -> None:
        payload = b'{"ts":%d,"temp":35.5,"u":400.2,"i":100.5,"p":48.1}' % (time.time_ns() // 1_000_000)
        broker.publish(f"full/D{number % DEVICES:05d}/telemetry", number % 60_000 + 1, payload)

    return await _paced(MESSAGES, seconds, one)


async def _healthy(port: int, seconds: float) -> list[float]:
    times: list[float] = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

        async def one(_: int) -> None:
            begun = time.monotonic()
            (await client.get("/healthz")).raise_for_status()
            times.append(time.monotonic() - begun)

        await _paced(20, seconds, one)
    return times


async def _poll_api(port: int, key: str, seconds: float) -> int:
    """Send requests and return the number of correct responses."""
    good = 0
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30, limits=FEW
    ) as client:

        async def one(number: int) -> None:
            nonlocal good
            try:
                answer = await client.get(PATHS[number % len(PATHS)])
            except httpx.TransportError:
                return  # refused or cut off: not counted
            good += answer.status_code == httpx.codes.OK

        await _paced(REQUESTS, seconds, one)
    return good


async def _paced(rate: int, seconds: float, act: Any) -> int:
    """Start `act(number)` at a fixed rate per second, without waiting for the calls before."""
    loop, begun, tasks = asyncio.get_running_loop(), asyncio.get_running_loop().time(), set[asyncio.Task[None]]()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
        task = asyncio.ensure_future(act(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return int(rate * seconds)


def _high(values: Sequence[float]) -> float:
    return round(sorted(values)[int((len(values) - 1) * 0.99)] * 1e3, 2)
