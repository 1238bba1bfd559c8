"""Whatever is done to the API: devices are read as before, and health is answered on its own listener.

A broker of our own measures from PUBLISH to PUBACK: the gateway acknowledges what its journal has on disk.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import CONFIG, fetch, gateway_process, ready, text, wait_until, write_project

from simulators.probe_broker import probe_broker
from simulators.servers import free_port

SECONDS = float(os.environ.get("FLOOD_SECONDS", "4"))
PROBES = 25  # a second
BUSY = 3.0
"""Seconds that a reading or an answer about health may take at the very most, on a machine that other work shares."""


async def probe(seconds: float, act: Callable[[int], Any]) -> None:
    for number in range(int(seconds * PROBES)):
        act(number)
        await asyncio.sleep(1 / PROBES)


async def healthy(port: int, seconds: float) -> list[float]:
    """How long each answer about health took."""
    loop, times = asyncio.get_running_loop(), []
    until = loop.time() + seconds
    while loop.time() < until:
        begun = loop.time()
        status, _ = await asyncio.to_thread(fetch, port, "/healthz")
        assert status == 200, "the listener for health answers"
        times.append(loop.time() - begun)
        await asyncio.sleep(0.05)
    return times


def at(values: list[float], share: float) -> float:
    return sorted(values)[int((len(values) - 1) * share)]


@pytest.mark.fault
@pytest.mark.parametrize(
    "kinds",
    [
        ["half-open", "crumbs", "giant"],
        *(pytest.param([kind], marks=pytest.mark.slow_fault) for kind in ("half-open", "crumbs", "giant")),
    ],
    ids=lambda kinds: "+".join(kinds),
)
async def test_no_caller_of_the_api_delays_a_device(tmp_path: Path, kinds: list[str]) -> None:
    log, api, health = tmp_path / "gateway.log", free_port(), free_port()
    async with probe_broker() as (devices, port):
        settings = CONFIG.replace("health: {port: 0}", f"health: {{port: {health}}}")
        config = write_project(tmp_path / "project", devices=["D1"], broker=port, api=api, config=settings)
        with gateway_process(config, log):
            await asyncio.to_thread(wait_until, lambda: ready(api), 60, log.read_text)
            await asyncio.wait_for(devices.subscribed.wait(), 20)
            attack = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "simulators.api_flood", str(api), str(SECONDS + 1), *kinds
            )
            await asyncio.sleep(1)

            def publish(number: int) -> None:
                devices.publish(
                    "h/D1/telemetry", number + 1, text({"ts": int(time.time() * 1000), "temp": 20 + number % 10})
                )

            times, _ = await asyncio.gather(healthy(health, SECONDS), probe(SECONDS, publish))
            await asyncio.sleep(0.5)
            await attack.wait()
            delays = devices.delays + devices.waiting()
            print(
                f"{kinds}: puback p50 {at(delays, 0.5):.3f} p99 {at(delays, 0.99):.3f} max {max(delays):.3f}; "
                f"health p50 {at(times, 0.5):.3f} max {max(times):.3f} s"
            )
            assert max(delays) < BUSY
            assert max(times) < BUSY
            status, _ = await asyncio.to_thread(fetch, api, "/healthz")
            assert status == 200, "the API is there again when the attack is over"
