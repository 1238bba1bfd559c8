"""Relay with its real queue: events a second to a healthy endpoint beside one that hangs.

Two receivers run as processes; one of them never answers. The queue is a database on disk with the same number of
events for each, three per subject, most of them minor. When a third has been sent, one critical event of a new subject
is queued, and the time until it is received is measured. `raw` is the same number of posts by the same client without a
queue.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from gateway.adapters import ENDPOINTS
from gateway.clock import SystemClock
from gateway.delivery import DeliveryConfig, Relay
from gateway.desk.events import CONTENT_TYPE
from gateway.domain.alarm import Level
from gateway.domain.delivery import Delivery
from gateway.domain.desk_changes import Changes
from gateway.domain.notice import OutboxEvent
from gateway.domain.workorder import QueuedDelivery
from gateway.ports import Sink
from gateway.store import Database, SqlDeliveryQueue, SqlDeskStore

T = TypeVar("T")
_SECRET = "a raw secret of more than 24 bytes"  # noqa: S105 - both ends of a benchmark
_BODY = b'{"x": "' + b"e" * 1_500 + b'"}'
_PER_SUBJECT = 3
_URGENT = "evt-urgent"


class ReceivedEvents:
    """Events a receiver has printed so far: id -> monotonic second."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        self.port = int(json.loads(process.stdout.readline())["port"])
        self.at: dict[str, float] = {}
        self._lines = process.stdout
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            at, _, message = line.decode().strip().partition(" ")
            self.at.setdefault(message, float(at))


@contextmanager
def receiver(*options: str) -> Iterator[ReceivedEvents]:
    """`simulators.receiver` as a process."""
    command = [sys.executable, "-m", "simulators.receiver", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603
    try:
        yield ReceivedEvents(process)
    finally:
        process.kill()
        process.wait()


def measure(events: int) -> dict[str, Any]:
    """{"events_s", "raw_events_s", "urgent_ms", ...}."""
    with (
        tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as folder,
        receiver() as good,
        receiver("--hang") as hung,
    ):
        database = Database.at(Path(folder) / "q.sqlite")
        database.upgrade()
        try:
            return asyncio.run(_measure(database, good, hung, events))
        finally:
            database.close()


async def _measure(database: Database, good: ReceivedEvents, hung: ReceivedEvents, events: int) -> dict[str, Any]:
    clock = SystemClock()
    _fill(database, [(f"evt-{n}", f"S{n // _PER_SUBJECT}", n % _PER_SUBJECT + 1) for n in range(events)], Level.MINOR)
    sinks = {name: _sink(name, at.port, clock) for name, at in (("good", good), ("hung", hung))}
    raw = await _raw(_sink("raw", good.port, clock), events)
    before = len(good.at)
    with ThreadPoolExecutor(1) as pool:

        async def run(call: Callable[[], T], /) -> T:
            return await asyncio.get_running_loop().run_in_executor(pool, call)

        relay = Relay(SqlDeliveryQueue(database), sinks, clock, run, DeliveryConfig.model_validate({"drain": "0ms"}))
        start, busy = time.monotonic(), time.process_time()
        task = asyncio.create_task(relay.run())
        await _until(lambda: task.done() or len(good.at) - before >= events // 3)
        queued = time.monotonic()
        await run(lambda: _fill(database, [(_URGENT, "urgent", 1)], Level.CRITICAL))
        relay.notify()
        await _until(lambda: task.done() or relay.stats()["good"].delivered == events + 1)
        seconds, busy = time.monotonic() - start, time.process_time() - busy
        in_order = _in_order(good)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    for sink in sinks.values():
        await sink.close()
    if len(good.at) - before != events + 1 or not in_order:
        raise RuntimeError(f"{len(good.at) - before} of {events + 1} events received, in order: {in_order}")
    return {
        "events_s": round(events / seconds),
        "raw_events_s": round(raw),
        "ratio": round(events / seconds / raw, 3),
        "urgent_ms": round((good.at[_URGENT] - queued) * 1000),
        "cpu_ms_per_event": round(busy / events * 1000, 2),
        "events": events,
    }


def _sink(name: str, port: int, clock: SystemClock) -> Sink:
    webhook = ENDPOINTS["webhook"]
    config = webhook.config.model_validate(
        {"type": "webhook", "url": f"http://127.0.0.1:{port}/hooks/oa", "secret": _SECRET, "allow": ["127.0.0.0/8"]}
    )
    return webhook.build(name, config, clock)


def _fill(database: Database, rows: list[tuple[str, str, int]], level: Level) -> None:
    now = SystemClock().now()
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        made = [OutboxEvent(i, "default", "event", "t", s, n, _BODY, CONTENT_TYPE, now) for i, s, n in part]
        shipments = [
            QueuedDelivery("default", endpoint, i, s, now, level) for i, s, _ in part for endpoint in ("good", "hung")
        ]
        SqlDeskStore(database).transact(
            lambda unit, made=made, shipments=shipments: unit.write(  # type: ignore[misc]
                Changes(events=made, deliveries=shipments), now
            )
        )


async def _raw(sink: Sink, events: int) -> float:
    """Posts a second without a queue, with the relay's number of concurrent requests."""
    left = iter(range(events))

    async def post() -> None:
        for n in left:
            await sink.deliver(Delivery(f"raw-{n}", "raw", "t", "s", _BODY, CONTENT_TYPE, 1))

    start = time.monotonic()
    await asyncio.gather(*(post() for _ in range(DeliveryConfig().concurrency)))
    seconds = time.monotonic() - start
    await sink.close()
    return events / seconds


async def _until(true: Callable[[], bool], seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            raise RuntimeError("the relay did not send what is queued")
        await asyncio.sleep(0.01)


def _in_order(received: ReceivedEvents) -> bool:
    """True if the events of every subject arrived in the order in which they were made."""
    numbers = [int(message[4:]) for message in received.at if message.startswith("evt-") and message != _URGENT]
    newest: dict[int, int] = {}
    for number in numbers:
        if number < newest.get(number // _PER_SUBJECT, -1):
            return False
        newest[number // _PER_SUBJECT] = number
    return True
