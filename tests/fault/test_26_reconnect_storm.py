"""Scenario 26: the broker restarts, and every device comes back at once with what it has kept.

Fifteen hundred real connections, each with buffered QoS 1 messages, and the gateway among them: it is back by itself,
takes all of it within its receive maximum and its memory, stores each once and makes each order once.
"""

import asyncio
import time
from pathlib import Path

import pytest
from hostile_kit import (
    CONFIG,
    ENDPOINT,
    client,
    fetch,
    gateway_process,
    oa_stats,
    oa_system,
    ready,
    text,
    write_project,
)
from hostile_kit import said as lines
from process_memory import MIB, resident

from gateway.clock import SystemClock
from simulators.servers import free_port, mosquitto, mosquitto_binary
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

pytestmark = [
    pytest.mark.slow_fault,
    pytest.mark.server,
    pytest.mark.skipif(mosquitto_binary() is None, reason="mosquitto is not installed (apt-get install mosquitto)"),
]
DEVICES, KEPT, HOT = 1_500, 8, 50
JOURNALED = 'fieldgate_messages_total{source="broker",state="journaled"}'
AT = 1_767_225_600_000  # ms


async def test_every_device_comes_back_at_once(tmp_path: Path) -> None:
    log, api = tmp_path / "gateway.log", free_port()
    with mosquitto(tmp_path / "broker") as broker, oa_system(tmp_path) as oa:
        config = write_project(
            tmp_path / "project",
            devices=[f"D{n:04d}" for n in range(DEVICES)],
            config=CONFIG + ENDPOINT,
            broker=broker.port,
            api=api,
            oa=oa,
        )
        with gateway_process(config, log) as gateway:
            await until(lambda: ready(api), 60)
            await asyncio.gather(*(device(broker.port, n, range(1)) for n in range(DEVICES)))
            await until(lambda: metric(api, JOURNALED) == DEVICES, 60)
            before = resident(gateway.pid)
            broker.process.terminate()  # it writes its sessions first, as at every ordinary restart
            broker.process.wait(20)
            await until(lambda: metric(api, 'fieldgate_source_up{source="broker"}') == 0, 30)
            began = time.monotonic()
            storm = [asyncio.create_task(device(broker.port, n, range(1, 1 + KEPT))) for n in range(DEVICES)]
            await asyncio.sleep(1.0)
            await asyncio.to_thread(broker.restart)
            await asyncio.gather(*storm)
            peak = before
            expected = DEVICES * (1 + KEPT)
            while metric(api, JOURNALED) < expected:
                assert time.monotonic() - began < 120, log.read_text()[-2000:]
                peak = max(peak, resident(gateway.pid))
                await asyncio.sleep(0.2)
            assert peak - before < 80 * MIB
            await until(lambda: oa_stats(oa).get("orders") == DEVICES // HOT, 60)
            gateway.terminate()
            assert await asyncio.to_thread(gateway.wait, 20) == 0
    store = DuckDbStore(tmp_path / "project" / "var" / "series", DuckDbConfig(), SystemClock())
    try:
        rows = [
            row
            for batch in store.scan(0, 2**62)
            for row in zip(batch.device.tolist(), batch.point.tolist(), batch.at.tolist(), strict=True)
        ]
    finally:
        store.close()
    assert len(rows) == len(set(rows)) == expected
    assert not [line for line in lines(log) if line["level"] in {"error", "critical"}]


async def device(port: int, number: int, messages: range) -> None:
    """Connect, try again until it works, hand over each message until it is acknowledged."""
    left = list(messages)
    while left:
        try:
            async with client(port, f"device-{number}") as sender:
                while left:
                    temp = 95.0 if number % HOT == 0 and left[0] else 20.0
                    body = text({"ts": AT + left[0], "temp": temp})
                    if not await sender.publish(f"h/D{number:04d}/telemetry", body):
                        break
                    left.pop(0)
        except (OSError, TimeoutError):
            await asyncio.sleep(0.1)


async def until(true: object, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.05)


def metric(api: int, label: str) -> float:
    found = [line for line in fetch(api, "/metrics")[1].splitlines() if line.startswith(label)]
    return float(found[0].rsplit(" ", 1)[1]) if found else -1.0
