"""The whole way out with real parts: relay, thread, webhook sink, HTTP on loopback, the OA simulator."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from relay_kit import MemoryQueue, Row, stop

from gateway.delivery.config import DeliveryConfig
from gateway.delivery.queue_exchange import RunBlocking
from gateway.delivery.relay import Relay
from gateway.domain.delivery import Delivery
from simulators.oa import Oa, build
from simulators.webhooks import ReceiverFault, running
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import CONTENT_TYPE, WebhookSink

T = TypeVar("T")
SECRET = "a raw secret of more than 24 bytes"


class WallClock:
    def now(self) -> int:
        return time.time_ns() // 1000


def sink(name: str, port: int, timeout: str = "2s") -> WebhookSink:
    config = WebhookConfig.model_validate(
        {
            "type": "webhook",
            "url": f"http://127.0.0.1:{port}/hooks/oa",
            "secret": SECRET,
            "allow": ["127.0.0.1/32"],
            "timeout": timeout,
        }
    )
    return WebhookSink(name, config, WallClock())


def add(queue: MemoryQueue, endpoint: str, subject: str, version: int) -> None:
    message = f"evt_{subject}_{version}"
    body = {
        "specversion": "1.0",
        "id": message,
        "source": "urn:x",
        "type": "workorder.updated",
        "subject": subject,
        "data": {"workOrder": {"no": subject, "version": version, "state": "held"}},
    }
    raw = json.dumps(body).encode()
    queue.rows.append(Row(Delivery(message, endpoint, "workorder.updated", subject, raw, CONTENT_TYPE, 1)))


@pytest.fixture
def desk_thread() -> AsyncIterator[RunBlocking]:
    with ThreadPoolExecutor(1) as pool:

        async def run(call: Callable[[], T], /) -> T:
            return await asyncio.get_running_loop().run_in_executor(pool, call)

        yield run  # type: ignore[misc]


@asynccontextmanager
async def relaying(
    queue: MemoryQueue, sinks: list[WebhookSink], run: RunBlocking, **more: object
) -> AsyncIterator[Relay]:
    config = DeliveryConfig.model_validate({"backoff": False, "drain": "2s"})
    relay = Relay(queue, {s.name: s for s in sinks}, WallClock(), run, config)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        await stop(task)
        for one in sinks:
            await one.close()


async def settled(queue: MemoryQueue, endpoint: str) -> None:
    async with asyncio.timeout(20):
        while any(row.state == "pending" and row.delivery.endpoint == endpoint for row in queue.rows):
            await asyncio.sleep(0.01)


async def test_every_fault_and_still_in_order_and_once(desk_thread: RunBlocking) -> None:
    oa, queue = Oa([SECRET.encode()]), MemoryQueue()
    oa.faults.queue += [
        ReceiverFault("error", 3),
        ReceiverFault("reset", 2),
        ReceiverFault("refuse", 2),
        ReceiverFault("busy", 2),
        ReceiverFault(
            "error", 2, 502
        ),  # no 4xx: at which attempt it meets a delivery is chance, and decides whether it dies
    ]
    for version in range(1, 6):
        for subject in range(8):
            add(queue, "oa", f"WO-{subject}", version)
    async with running(build(oa)) as port, relaying(queue, [sink("oa", port)], desk_thread) as relay:
        await settled(queue, "oa")
        async with asyncio.timeout(5):
            while relay.stats()["oa"].delivered < 40:  # counted right after it is settled
                await asyncio.sleep(0)
        assert relay.stats()["oa"].delivered == 40
    assert queue.states() == {"delivered": 40}
    assert oa.counts["out_of_order"] == 0
    assert (oa.counts["events"], oa.counts["duplicates"]) == (40, 2)  # taken twice only where the answer was lost
    assert oa.faults.injected == {"error": 5, "reset": 2, "refuse": 2, "busy": 2}
    assert all(len(order.events) == 5 for order in oa.orders.values())
    statuses = sorted(s.status for row in queue.rows for s in row.history if s.state == "retry")
    assert statuses == [0, 0, 0, 0, 429, 429, 500, 500, 500, 502, 502]


async def test_a_hanging_oa_does_not_hold_up_the_other(desk_thread: RunBlocking) -> None:
    slow, quick, queue = Oa([SECRET.encode()]), Oa([SECRET.encode()]), MemoryQueue()
    slow.faults.queue.append(ReceiverFault("slow", -1, seconds=1.0))
    for subject in range(60):
        add(queue, "slow", f"WO-{subject}", 1)
        add(queue, "quick", f"WO-{subject}", 1)
    async with (
        running(build(slow)) as a,
        running(build(quick)) as b,
        relaying(queue, [sink("slow", a), sink("quick", b)], desk_thread),
    ):
        await settled(queue, "quick")
        assert quick.counts["events"] == 60
        assert slow.counts["events"] < 60
        slow.faults.queue.clear()
    assert quick.counts["duplicates"] == 0


async def test_an_endpoint_that_is_gone_is_disabled(desk_thread: RunBlocking) -> None:
    oa, queue = Oa([SECRET.encode()]), MemoryQueue()
    oa.faults.queue.append(ReceiverFault("gone"))
    add(queue, "oa", "WO-1", 1)
    add(queue, "oa", "WO-1", 2)
    async with running(build(oa)) as port, relaying(queue, [sink("oa", port)], desk_thread) as relay:
        async with asyncio.timeout(10):
            while not queue.disabled:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert oa.counts["requests"] == 1
        queue.disabled.clear()
        relay.notify()
        await settled(queue, "oa")
    assert queue.states() == {"delivered": 2}
    assert oa.counts["out_of_order"] == 0


async def test_a_body_that_the_oa_refuses_becomes_a_dead_letter(desk_thread: RunBlocking) -> None:
    oa, queue = Oa([SECRET.encode()]), MemoryQueue()
    queue.rows.append(Row(Delivery("evt_x", "oa", "workorder.updated", "WO-1", b"{", CONTENT_TYPE, 1)))
    add(queue, "oa", "WO-1", 2)
    async with running(build(oa)) as port, relaying(queue, [sink("oa", port)], desk_thread):
        await settled(queue, "oa")
    assert [row.state for row in queue.rows] == ["dead", "delivered"]
    assert [s.status for s in queue.rows[0].history] == [422] * 4
    assert queue.rows[0].history[-1].reason.startswith("rejected: 422")
