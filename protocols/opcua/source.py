"""The OPC UA source: one session, one subscription, the points of many devices.

Changes come by subscription. While the journal is slow the outbox fills and notifications are held back: the server
keeps values in its queues, and marks what it had to drop. Values that do not change are read every `refresh`.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import structlog

from gateway.domain.device import Device
from gateway.domain.duration import MINUTE, SECOND, iso
from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError, SourceRejected, StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricSample
from gateway.domain.reading import Quality
from gateway.domain.record import Parcel, Raw
from gateway.ports import Clock, Directory, Emit
from protocols.opcua.client import OpcUaServer, RefusedNode, connected
from protocols.opcua.config import OpcUaConfig
from protocols.opcua.frames import DeviceFrame, LatestRows, Moment, frames_of, gap, to_batch
from protocols.opcua.nodes import BoundNode, SentValue
from protocols.opcua.profile import OpcUaMap
from protocols.opcua.stats import OpcUaStats
from protocols.opcua.watched import WatchedNodes

log: structlog.stdlib.BoundLogger = structlog.get_logger("opcua")

OUTBOX = 256
"""Notifications that may wait for the journal."""
PARCEL = 20_000
"""Rows in one parcel, about."""
RETRY = (SECOND // 2, 30 * SECOND)
REJECTED_RETRY = (30 * SECOND, 300 * SECOND)
"""Least and longest wait before the next connection, µs."""
_LOOK = 1.0
"""s between two looks at the registry."""

Sent = tuple[list[DeviceFrame], list[Raw]]


class OpcUaSource:
    """gateway.ports.Source over OPC UA. `maps` are the nodes by profile id, `fleet` the devices of the registry."""

    def __init__(
        self,
        name: str,
        config: OpcUaConfig,
        directory: Directory,
        maps: Mapping[str, OpcUaMap],
        clock: Clock,
        fleet: Callable[[], Iterable[Device]],
        password: str | None,
        jitter: Callable[[int, int], int] = random.randint,
    ) -> None:
        self._name, self._config, self._directory, self._clock = name, config, directory, clock
        self._password, self._jitter = password, jitter
        self.stats = OpcUaStats()
        self._watched = WatchedNodes(name, config, directory, maps, fleet)
        self._latest = LatestRows()
        self._outbox: asyncio.Queue[Sent] = asyncio.Queue(OUTBOX)
        self._trouble: Phrase | None = Phrase("source.waiting")
        self._behind = 0
        """Our time less the server's, µs, by the last notification."""
        self._contact = 0
        self._confirming: set[int] = set()
        """Nodes whose first value is to come: the server sends the present one, however old it is."""

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    def samples(self) -> Iterator[MetricSample]:
        """Values of `protocols.opcua.stats.METRICS` and `SOURCE_METRICS`, now."""
        self.stats.refused = len(self._watched.refused)
        self.stats.watched = len(self._watched.nodes) - self.stats.refused
        return self.stats.samples()

    def trouble(self) -> Phrase | None:
        """No connection, devices that cannot be watched, or nodes the server does not give."""
        return self._trouble or self._watched.trouble()

    def use(self, config: OpcUaConfig, maps: Mapping[str, OpcUaMap], password: str | None) -> bool:
        """From now on this configuration, on the event loop of `run`; True: `run` has to start again."""
        before, self._config, self._password = (self._config, self._password), config, password
        self._watched.use(config, maps)
        listed = {"devices": (), "devices_from": None, "gap_after": 0}
        return (before[0].model_copy(update=listed), before[1]) != (config.model_copy(update=listed), password)

    async def run(self, emit: Emit) -> None:
        """Watch and emit until cancelled. A server that is away is no error."""
        failures = 0
        self._outbox = asyncio.Queue(OUTBOX)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(emit), name=f"{self._name} sender")
            while True:
                connections = self.stats.connections
                try:
                    async with connected(self._name, self._config, self._password) as server:
                        await self._serve(server)
                except SourceError as error:
                    failures = 1 if self.stats.connections > connections else failures + 1
                    self._log_down(error, failures)
                    least, longest = REJECTED_RETRY if isinstance(error, SourceRejected) else RETRY
                finally:
                    self.stats.connected = False
                await self._away(self._jitter(least, min(longest, least * 2 ** min(failures, 10))))

    def _log_down(self, error: SourceError, failures: int) -> None:
        self._trouble = Phrase("opcua.away", {"why": reason(error)})
        if failures == 1 or isinstance(error, SourceRejected):
            log.warning("server away", source=self._name, server=self._config.where, reason=error)

    async def _away(self, wait: int) -> None:
        """Wait before the next connection, and mark the gap when it is long enough."""
        until = self._clock.now() + wait
        if self._contact and self._config.gap_after:
            due = self._contact + self._config.gap_after
            if due <= until:
                await asyncio.sleep(max(due - self._clock.now(), 0) / SECOND)
                await self._mark_gap()
        await asyncio.sleep(max(until - self._clock.now(), 0) / SECOND)

    async def _mark_gap(self) -> None:
        now, self.stats.gaps = self._clock.now(), self.stats.gaps + 1
        log.info("gap marked", source=self._name, since=iso(self._contact), nodes=len(self._watched.nodes))
        found = gap(self._watched.nodes.values(), self._contact - self._behind, now, self._latest)
        self._contact = 0  # marked; the next one begins with the next connection
        if found:
            await self._outbox.put((found, []))

    # ---- a session
    async def _serve(self, server: OpcUaServer) -> None:
        """Until the connection is lost. Raises SourceError."""
        self._watched.restart()
        self._confirming = set()
        self._contact = self._clock.now()
        await server.subscribe(self._changes)
        await self._follow_registry(server)
        self.stats.connections += 1
        self.stats.connected, self._trouble = True, None
        log.info("server up", source=self._name, server=self._config.where, nodes=len(self._watched.nodes))
        if self._config.history:
            await self._read_history(server)
        read = tried = self._clock.now()
        while True:
            try:
                async with asyncio.timeout(_LOOK):
                    raise await asyncio.shield(server.lost)
            except TimeoutError:
                pass
            if self._clock.now() - tried >= (self._config.refresh or MINUTE):
                tried = self._clock.now()
                self._watched.retry()
            await self._follow_registry(server)
            if self._config.refresh and self._clock.now() - read >= self._config.refresh:
                read = self._clock.now()
                await self._read_all(server)

    async def _follow_registry(self, server: OpcUaServer) -> None:
        gone, new = self._watched.refresh()
        if gone:
            await server.forget(gone)
        if not new:
            return
        found = await server.resolve([node for _, node in new])
        watch = {}
        refused: dict[int, RefusedNode] = {}
        for (number, node), node_id in zip(new, found, strict=True):
            if isinstance(node_id, RefusedNode):
                refused[number] = node_id
            else:
                watch[number] = (node, node_id)
        self._confirming |= watch.keys()
        refused |= await server.watch(watch)
        self._watched.settle(
            {number: node_id for number, (_, node_id) in watch.items() if number not in refused}, refused
        )

    def _changes(self, sent: Sequence[tuple[int, SentValue]], published: int | None) -> "asyncio.Future[None] | None":
        now = self._contact = self._clock.now()
        if published is not None:
            self._behind = now - published
        if not sent:
            return None
        self.stats.notifications += 1
        nodes, values = self._watched.nodes, []
        for number, value in sent:
            if number in nodes:
                self._watched.note(number, value)
                values.append((nodes[number], value, number in self._confirming))
                self._confirming.discard(number)
        return self._queued(values, now)

    def _queued(self, values: list[tuple[BoundNode, SentValue, bool]], now: int) -> "asyncio.Future[None] | None":
        """Put values into the outbox; a future when it is full."""
        self.stats.overflows += sum(value.overflow for _, value, _ in values)
        code = self._directory.state_code
        made = frames_of(values, Moment(now, now - self._behind), self._latest, code, self._name)
        try:
            self._outbox.put_nowait(made)
        except asyncio.QueueFull:
            self.stats.held += 1
            return asyncio.ensure_future(self._outbox.put(made))
        return None

    async def _read_all(self, server: OpcUaServer) -> None:
        resolved = list(self._watched.resolved.items())
        values = await server.read([node_id for _, node_id in resolved])
        nodes = self._watched.nodes
        pairs = list(zip((number for number, _ in resolved), values, strict=True))
        for number, value in pairs:
            self._watched.note(number, value)
        held = self._queued(
            [(nodes[number], value, True) for number, value in pairs if number in nodes], self._clock.now()
        )
        if held is not None:
            await held

    async def _read_history(self, server: OpcUaServer) -> None:
        """What the server recorded while nobody watched; readings that are there already change nothing."""
        until = self._clock.now() - self._behind
        for number, node_id in list(self._watched.resolved.items()):
            node = self._watched.nodes[number]
            async for page in server.recorded(node_id, until - self._config.history, until):
                made = frames_of(
                    [(node, value, False) for value in page],
                    Moment(self._clock.now(), until),
                    self._latest,
                    self._directory.state_code,
                    self._name,
                )
                await self._outbox.put(made)

    # ---- the journal
    async def _send(self, emit: Emit) -> None:
        while True:
            frames, rejected = await self._outbox.get()
            rows = sum(len(frame.rows) for frame in frames)
            while rows < PARCEL and not self._outbox.empty():
                more, letters = self._outbox.get_nowait()
                frames, rejected = [*frames, *more], [*rejected, *letters]
                rows += sum(len(frame.rows) for frame in more)
            if not frames:
                continue
            await self._keep(Parcel(self._name, to_batch(frames), partial=tuple(rejected), messages=len(frames)), emit)
            self.stats.readings += rows
            for frame in frames:
                for *_, quality in frame.rows:
                    self.stats.bad += quality is Quality.BAD
                    self.stats.uncertain += quality is Quality.UNCERTAIN
            self.stats.rejected.update(raw.reason for raw in rejected)

    async def _keep(self, parcel: Parcel, emit: Emit) -> None:
        """Offer a parcel until the store takes it: the server does not send it again."""
        failures = 0
        while True:
            try:
                await emit(parcel)
            except StoreError as error:
                failures += 1
                self.stats.held += 1
                if failures == 1:
                    log.warning("readings wait for the store", source=self._name, reason=error)
                await asyncio.sleep(min(0.25 * 2 ** (failures - 1), 10.0))
            else:
                if failures:
                    log.info("the store takes readings again", source=self._name, attempts=failures + 1)
                return
