"""The OA is away, another process holds the database: nothing is lost, one order stays one.

The broker is a real one; the whole gateway runs in this process.
"""

import asyncio
import threading
from pathlib import Path
from typing import Any

from hostile_kit import (
    CONFIG,
    ENDPOINT,
    NEEDS_MOSQUITTO,
    client,
    fetch,
    live,
    oa_stats,
    oa_system,
    say,
    stats,
    until,
    write_project,
)
from pysqlite3 import dbapi2 as sqlite

from gateway.app.lifecycle import App
from gateway.store import OrderFilter
from simulators.servers import free_port, mosquitto

pytestmark = NEEDS_MOSQUITTO
EAGER = ENDPOINT + f"delivery: {{retries: [{', '.join(['100ms'] * 50)}], breaker: {{pause: 200ms, longest: 400ms}}}}\n"


async def test_the_oa_is_away_and_comes_back(tmp_path: Path) -> None:
    """Orders wait in the outbox, in bounded memory; the gateway lives on; each event arrives once, in order."""
    devices, port = [f"D{n:03d}" for n in range(60)], free_port()
    with mosquitto(tmp_path / "broker") as broker:
        config = write_project(
            tmp_path / "project", devices=devices, config=CONFIG + EAGER, broker=broker.port, oa=port
        )
        async with live(config) as app:
            await until(lambda: stats(app).connected, "connected")
            async with client(broker.port, "devices") as sender:
                for number, device in enumerate(devices):
                    assert await say(sender, device, number, 95.0)
            await until(lambda: len(orders(app)) == len(devices), "orders")
            await until(lambda: app.delivery.relay.stats()["oa"].breaker == "open", "the breaker gives up for now")
            assert app.delivery.relay.stats()["oa"].in_flight <= app.settings.delivery.concurrency
            assert app.delivery.relay.stats()["oa"].dead == 0
            assert app.api is not None
            status, _ = await asyncio.to_thread(fetch, int(app.api.url.rpartition(":")[2]), "/readyz")
            assert status == 200
            with oa_system(tmp_path, port=port):
                await until(lambda: oa_stats(port).get("orders") == len(devices), "everything arrives")
                await until(lambda: app.delivery.relay.stats()["oa"].breaker == "closed", "the breaker trusts it again")
                queued = sum(".workorder." in event.type for _, event in app.stores.sql.queries.feed(0, 10_000))
                await until(lambda: app.delivery.relay.stats()["oa"].delivered == queued, "nothing is left")
                found = oa_stats(port)
            assert found["events"] == queued
            assert (found.get("duplicates", 0), found.get("out_of_order", 0)) == (0, 0)


async def test_another_process_holds_the_database(tmp_path: Path) -> None:
    """For three seconds the desk cannot write: readings go on, then there is exactly one order."""
    with mosquitto(tmp_path / "broker") as broker:
        config = write_project(tmp_path / "project", devices=["D1"], broker=broker.port)
        async with live(config) as app:
            await until(lambda: stats(app).connected, "connected")
            held, let_go = threading.Event(), threading.Event()
            thread = threading.Thread(
                target=hold, args=(tmp_path / "project" / "var" / "fieldgate.sqlite", held, let_go)
            )
            thread.start()
            try:
                await asyncio.to_thread(held.wait, 10)
                async with client(broker.port, "device") as device:
                    for number in range(20):
                        assert await say(device, "D1", number, 95.0)
                    await until(lambda: stats(app).journaled == 20, "journaled all the same")
                await until(lambda: app.consumers.rules.transitions == 1, "judged all the same")
                assert orders(app) == []
                await asyncio.to_thread(thread.join, 10)
            finally:
                let_go.set()
                thread.join()
            await until(lambda: len(orders(app)) == 1, "the order")
            head = app.stores.journal.head(0)
            await until(lambda: app.consumers.rules.committed >= head, "the desk caught up")
            assert len(orders(app)) == 1
            assert not app.operation.supervisor.fatal.is_set()


def orders(app: App) -> list[Any]:
    return list(app.stores.sql.queries.orders(OrderFilter(), limit=200).items)


def hold(path: Path, held: threading.Event, let_go: threading.Event) -> None:
    """As another process would: a write transaction of three seconds (or until the test gives up)."""
    db = sqlite.connect(str(path), isolation_level=None, timeout=10)
    try:
        db.execute("BEGIN IMMEDIATE")
        held.set()
        let_go.wait(3)
        db.execute("ROLLBACK")
    finally:
        db.close()
