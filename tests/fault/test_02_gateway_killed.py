"""Scenario 2: SIGKILL under 2,000 msg/s QoS 1: every acknowledged message stored once, orders as without the kill.

Real processes: mosquitto, the gateway, the load, an OA system. Twenty seeds, each one kill at a moment drawn from it,
four in a row on one installation, so that some hit the start and the replay. Messages keep coming all the time. One
row of the five belongs to the ordinary run, and one with MQTT 3.1.1.
"""

import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hostile_kit import ready, spawn
from process_kit import (
    DEVICES,
    HOT,
    NEEDS_MOSQUITTO,
    check,
    oa_system,
    outbox,
    project,
    start_gateway,
    stored_lag,
    wait_until,
)

from simulators.load import GATE_BYTES
from simulators.servers import free_port, mosquitto
from simulators.shared_counters import Shared

RATE = 2_000
TAIL = 1.0  # seconds of load after the last kill
pytestmark = NEEDS_MOSQUITTO
EDGES = (0, 2, 6, 10, 14, 20)
ROWS = [
    pytest.param("5", range(low, high), id=f"seeds{low}-{high - 1}", marks=[pytest.mark.slow_fault] * (low > 0))
    for low, high in pairwise(EDGES)
]
ROWS.append(pytest.param("3.1.1", range(20, 22), id="3.1.1 seeds20-21"))


def pace(gate: Shared, start: float, seconds: float) -> None:
    """Let the load send RATE messages a second until `seconds` after `start`."""
    while (passed := time.monotonic() - start) < seconds:
        gate.set(0, int(passed * RATE))
        time.sleep(0.005)


@pytest.mark.parametrize(("protocol", "seeds"), ROWS)
def test_kill_under_load(tmp_path: Path, protocol: str, seeds: range) -> None:
    pauses = [random.Random(seed).uniform(0.2, 4.5) for seed in seeds]
    log = tmp_path / "gateway.log"
    with (
        Shared(tmp_path / "gate", GATE_BYTES) as gate,
        mosquitto(tmp_path / "broker") as broker,
        oa_system(tmp_path) as oa,
    ):
        api = free_port()
        config = project(tmp_path / "project", broker.port, api, oa, protocol)
        gateway = start_gateway(config, log)
        load = None
        try:
            wait_until(lambda: ready(api), 60, "ready", log)
            load = spawn(
                "-m",
                "simulators.load",
                "--broker",
                f"127.0.0.1:{broker.port}",
                "--topic",
                "kill/{}/telemetry",
                "--devices",
                str(DEVICES),
                "--hot",
                str(HOT),
                "--gate",
                str(gate.path),
                "--name",
                "kill",
            )
            start = time.monotonic()
            for pause in pauses:
                pace(gate, start, time.monotonic() - start + pause)
                os.kill(gateway.pid, signal.SIGKILL)
                gateway.wait()
                gateway = start_gateway(config, log)
            pace(gate, start, time.monotonic() - start + TAIL)
            sent = gate.get(0)
            wait_until(lambda: gate.get(1) == sent, 30, "the broker's acknowledgements")
            wait_until(lambda: ready(api), 60, "ready", log)
            orders = DEVICES // HOT
            url = f"http://127.0.0.1:{oa}/stats"
            wait_until(lambda: httpx.get(url).json().get("orders") == orders, 30, f"{orders} orders at the OA")
            data = tmp_path / "project" / "var"
            metrics = f"http://127.0.0.1:{api}/metrics"
            wait_until(lambda: stored_lag(metrics) == 0, 30, "the series store")
            stats = httpx.get(url).json()
        finally:
            gate.set(2, 1)
            gateway.terminate()
            gateway.wait(20)
            if load is not None:
                load.wait(10)
    assert stats["orders"] == orders
    assert stats.get("out_of_order", 0) == 0
    check(data, sent, orders)
    created = [row for row in outbox(data) if row[0].endswith("workorder.created")]
    assert len(created) == len({subject for _, subject in created}) == orders
