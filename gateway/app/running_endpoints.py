"""The endpoints in use: the relay and its sinks."""

import asyncio
from collections.abc import Collection, Mapping
from functools import partial

import structlog

from gateway.delivery import Relay
from gateway.ports import Blocking, Clock, Sink
from gateway.store import AuditedAct, SqlDeliveryQueue

log = structlog.get_logger()


class RunningEndpoints:
    """`sinks` of the configuration by name. Runs on the event loop; calls of the queue in the desk's thread."""

    def __init__(
        self, relay: Relay, sinks: Mapping[str, Sink], queue: SqlDeliveryQueue, desk: Blocking, clock: Clock
    ) -> None:
        self.relay, self.sinks = relay, sinks
        self._queue, self._desk, self._clock = queue, desk, clock
        self._closing: list[asyncio.Task[None]] = []  # sinks used no more, once their last attempt is over

    async def reclaim(self) -> None:
        """Make deliveries due again that were under way at the last stop."""
        if left := await self._desk(lambda: self._queue.reclaim(self._clock.now())):
            log.info("deliveries that were under way at the last stop are tried again", count=left)
        await self.log_left()

    async def log_left(self) -> None:
        """Log the deliveries to endpoints that are not configured; they are kept until these are configured again."""
        left = await self._desk(partial(self._queue.left, list(self.sinks)))
        for name, count in left.items():
            log.warning("deliveries wait for an endpoint that is not configured", endpoint=name, count=count)

    async def replace(self, names: Collection[str], fresh: Mapping[str, Sink], actor: str) -> list[str]:
        """Use the endpoints `names`: those in `fresh` with a new sink, the others with their present one. Returns
        the names that changed or were removed."""
        before = self.sinks
        self.sinks = {name: fresh.get(name) or before[name] for name in names}
        gone = [name for name in before if name not in names]
        if not fresh and not gone:
            return []
        under_way = self.relay.use(self.sinks)
        unused = [sink for name, sink in before.items() if self.sinks.get(name) is not sink]
        if unused:
            self._closing.append(asyncio.create_task(_close(unused, under_way)))
        self._closing = [task for task in self._closing if not task.done()]
        for name in fresh.keys() & before.keys():  # 410 Gone was the answer of the one before
            entry = AuditedAct(self._clock.now(), actor, "", "endpoint.enable", name)
            if name in await self._desk(self._queue.disabled):
                await self._desk(partial(self._queue.enable, name, entry))
        await self.log_left()
        return [*sorted(fresh), *gone]

    async def close(self) -> None:
        """Close the sinks, after the relay has stopped."""
        await asyncio.gather(*self._closing)
        for sink in self.sinks.values():
            await sink.close()


async def _close(sinks: Collection[Sink], under_way: Collection[asyncio.Task[None]]) -> None:
    if under_way:
        await asyncio.wait(under_way)
    for sink in sinks:
        await sink.close()
