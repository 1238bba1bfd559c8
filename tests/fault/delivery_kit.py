"""The relay with its real queue on disk and real webhook sinks, in this process; events are put in by hand."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from gateway.clock import SystemClock
from gateway.delivery import DeliveryConfig, Relay
from gateway.domain.alarm import Level
from gateway.domain.desk_changes import Changes
from gateway.domain.notice import OutboxEvent
from gateway.domain.workorder import QueuedDelivery
from gateway.store import Database, DeliveryFilter, Queries, SqlDeliveryQueue, SqlDeskStore
from gateway.store.queries import AttemptRow, DeliveryRow
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import CONTENT_TYPE, WebhookSink

T = TypeVar("T")
SECRET = "a raw secret of more than 24 bytes"


class Post:
    """An outbox and the relay that empties it."""

    def __init__(self, database: Database, relay: Relay, queue: SqlDeliveryQueue) -> None:
        self.database, self.relay, self.queue = database, relay, queue
        self._numbers: dict[str, int] = {}

    def put(self, *endpoints: str, subject: str, level: Level = Level.MINOR) -> str:
        """One more event of `subject`; its id."""
        number = self._numbers[subject] = self._numbers.get(subject, 0) + 1
        event, now = f"evt_{subject}_{number}", SystemClock().now()
        body = {"specversion": "1.0", "id": event, "subject": subject, "type": "workorder.updated", "data": number}
        made = OutboxEvent(
            event, "default", "event", "t", subject, number, json.dumps(body).encode(), CONTENT_TYPE, now
        )
        shipments = [QueuedDelivery("default", endpoint, event, subject, now, level) for endpoint in endpoints]
        changes = Changes(events=[made], deliveries=shipments)
        SqlDeskStore(self.database).transact(lambda unit: unit.write(changes, now))
        self.relay.notify()
        return event

    def rows(self) -> list[DeliveryRow]:
        """Every delivery, oldest first."""
        return sorted(Queries(self.database).deliveries(DeliveryFilter(), limit=500).items, key=lambda row: row.id)

    def attempts(self, event: str) -> list[AttemptRow]:
        """What was tried for an event."""
        return Queries(self.database).attempts(next(row.id for row in self.rows() if row.event == event))

    async def until(self, true: Callable[[], object], seconds: float = 60) -> None:
        """Wait until something is true."""
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.02)

    async def settled(self, seconds: float = 60) -> None:
        """Until every delivery has ended."""
        await self.until(lambda: all(row.state in {"delivered", "dead"} for row in self.rows()), seconds)


@asynccontextmanager
async def post(
    folder: Path, ports: Mapping[str, int], *, config: Mapping[str, Any], timeout: str = "1s"
) -> AsyncIterator[Post]:
    """A relay for endpoints on these ports of this machine. `config` is that of `delivery:`; `timeout` the sinks'."""
    database, clock = Database(f"sqlite:///{folder / 'desk.sqlite'}"), SystemClock()
    database.upgrade()
    sinks = {
        name: WebhookSink(
            name,
            WebhookConfig.model_validate(
                {
                    "type": "webhook",
                    "url": f"http://127.0.0.1:{port}/hook",
                    "secret": SECRET,
                    "timeout": timeout,
                    "allow": ["127.0.0.0/8"],
                }
            ),
            clock,
        )
        for name, port in ports.items()
    }
    with ThreadPoolExecutor(1) as pool:

        async def run(call: Callable[[], T], /) -> T:
            return await asyncio.get_running_loop().run_in_executor(pool, call)

        queue = SqlDeliveryQueue(database)
        relay = Relay(queue, sinks, clock, run, DeliveryConfig.model_validate({"drain": "200ms", **config}))
        task = asyncio.create_task(relay.run())
        try:
            yield Post(database, relay, queue)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for sink in sinks.values():
                await sink.close()
    database.close()
