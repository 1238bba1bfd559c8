"""Scenario 1: the broker is killed, or stopped, and comes back.

A real broker that saves on every change, the whole gateway in this process. Every message the broker acknowledged to a
device is stored, once, though its device sends some of them again; while the broker is away the gateway says so, stays
ready, and tries again after random pauses; then it goes on with the session it had.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import CONFIG, NEEDS_MOSQUITTO, START, Client, client, fetch, live, say, stats, until, write_project

from gateway.app.lifecycle import App
from simulators.servers import BrokerProcess, mosquitto

pytestmark = NEEDS_MOSQUITTO
TRIES = 8
"""Connections that are refused until the broker is back."""


def times(app: App) -> list[int]:
    """Event times (ms) of the stored temperatures, in order."""
    found = [at for batch in app.stores.series.scan(0, 2**62) for at in batch.at.tolist()]
    return sorted(at // 1000 - START for at in found)


def end(broker: BrokerProcess, how: str) -> None:
    """SIGKILL, or SIGTERM and what it writes then."""
    if how == "killed":
        broker.kill()
    else:
        broker.process.terminate()
        broker.process.wait(20)


@asynccontextmanager
async def nobody(port: int) -> AsyncIterator[list[int]]:
    """In the broker's place: hangs up on all. Gives the connections so far."""
    came: list[int] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(len(came))
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", port)
    async with server:
        yield came


def pauses_of(app: App) -> list[float]:
    """The parts of the longest pause that the source will have drawn."""
    source: Any = app.ingest.sources.running["broker"]
    drawn: list[float] = []
    draw = source._jitter

    def recorded() -> float:
        drawn.append(draw())
        return drawn[-1]

    source._jitter = recorded
    return drawn


async def source_state(app: App) -> tuple[int, bool]:
    """(status of /readyz, whether /metrics says that the source is up)."""
    assert app.api is not None
    port = int(app.api.url.rpartition(":")[2])
    status, _ = await asyncio.to_thread(fetch, port, "/readyz")
    _, metrics = await asyncio.to_thread(fetch, port, "/metrics")
    return status, 'fieldgate_source_up{source="broker"} 1.0' in metrics


async def sent(device: Client, numbers: range) -> list[int]:
    """Those that the broker acknowledged."""
    return [number for number in numbers if await say(device, "D1", number)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_the_broker_goes_and_comes_back(tmp_path: Path, how: str, protocol: str) -> None:
    kept: list[int] = []  # as the broker acknowledged them, those sent again too

    def taken() -> bool:
        return stats(app).received >= len(kept) and not stats(app).waiting

    with mosquitto(tmp_path / "broker", autosave=True) as broker:
        spoken = CONFIG.replace("    client_id:", f"    protocol: {protocol}\n    client_id:")
        config = write_project(tmp_path / "project", devices=["D1"], config=spoken, broker=broker.port)
        async with live(config) as app:
            await until(lambda: stats(app).connected, "connected")
            assert await source_state(app) == (200, True)
            pauses = pauses_of(app)
            for first in (0, 1000):
                async with client(broker.port, f"device-{first}") as device:
                    kept += await sent(device, range(first, first + 50))
                    await until(taken, "taken")
                await asyncio.to_thread(end, broker, how)
                await until(lambda: not stats(app).connected, "the loss is noticed")
                async with nobody(broker.port) as came:
                    await until(lambda came=came: len(came) >= TRIES, "tries again and again")
                    assert await source_state(app) == (200, False), "ready, and the source is down"
                await asyncio.to_thread(broker.restart)
                await until(lambda: stats(app).connected, "connected again")
                async with client(broker.port, f"again-{first}") as device:
                    kept += await sent(device, range(first + 40, first + 50))
            assert stats(app).resumed, "the broker kept the session"
            assert len(pauses) == len(set(pauses)) >= 2 * TRIES, "one draw for each pause"
            assert all(0 <= pause < 1 for pause in pauses)
            async with client(broker.port, "device-last") as device:
                kept += await sent(device, range(5000, 5050))
            await until(taken, "taken")
            head = app.stores.journal.head(0)
            await until(lambda: app.consumers.series.cursor >= head, "stored")
            app.ingest.intake.balance("broker").check()
            assert len(kept) == 170
            assert times(app) == sorted(set(kept))
            assert stats(app).connects == 3
            assert app.operation.supervisor.health["source.broker"].restarts == 0
            assert await source_state(app) == (200, True)
