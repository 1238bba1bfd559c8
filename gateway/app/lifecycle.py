"""The running gateway: what starts after what, what stops before what. Built by `gateway.app.build`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from gateway.api.server import ApiServer
from gateway.app.reload import CONFIGURATION, Reload, RuleJournal, rule_changes
from gateway.consumers import Reruns, RulesConsumer, SeriesConsumer, Snapshots
from gateway.delivery import Relay
from gateway.desk import Desk
from gateway.domain.duration import DAY
from gateway.domain.errors import InvariantBroken
from gateway.domain.record import ClockStep
from gateway.domain.workorder import Applied
from gateway.health import AlarmLog, HealthMonitor
from gateway.import_service.service import Imports
from gateway.intake import ControlPump, Intake, Ticker
from gateway.journal import SqliteJournal
from gateway.latency import Latency
from gateway.lock import FileLock
from gateway.ports import Clock, SeriesStore, Sink, Source
from gateway.registry import Registry, shorter
from gateway.scheduler import Scheduler
from gateway.settings.model import Settings
from gateway.settings.project import Project
from gateway.store import (
    ApiKeys,
    Database,
    Inbox,
    Queries,
    SecurityAudit,
    SqlControlOutbox,
    SqlDeliveryQueue,
    blank_dead,
    forget,
)
from gateway.supervisor import Supervisor
from rules.engine import Engine

log = structlog.get_logger()
STORE_RETRY = 5.0  # seconds between two tries, at most: a small journal fills while a store is away
HISTORY = 30 * DAY  # settled deliveries, attempts and journaled facts are kept this long in SQL


class Threads:
    """One thread each for the engine, the desk (the one SQL writer) and the series store."""

    def __init__(self) -> None:
        self._pools = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("rules", "desk", "series")}

    def runner(self, name: str) -> Callable[[Callable[[], Any]], Awaitable[Any]]:
        """Runs calls one after another in the thread `name`."""
        pool = self._pools[name]

        def run(call: Callable[[], Any]) -> Awaitable[Any]:
            return asyncio.get_running_loop().run_in_executor(pool, call)

        return run

    def close(self) -> None:
        """Wait for what runs."""
        for pool in self._pools.values():
            pool.shutdown()


Verify = Callable[[str, Mapping[str, str], bytes], str]
"""(endpoint, headers, body) -> the webhook-id of a callback that one of the endpoint's live secrets signed. Blocking.
Raises KeyError, ValueError (its reason), OSError: see `gateway.api.context`."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Hears of each transaction of the desk, from its thread."""

    latency: Latency
    relay: Relay
    clock: Clock
    told: AlarmLog

    def __call__(self, applied: object) -> None:
        """Measure the orders made; wake the relay when something waits to be sent."""
        assert isinstance(applied, Applied)
        self.latency.created(applied.created, self.clock.now())
        self.told.committed(applied)
        if applied.events or applied.notices or applied.clock_steps:
            self.relay.notify()


@dataclass(slots=True)
class App:
    """A built gateway. `start` returns when it is live, `stop` when everything is on disk."""

    clock: Clock
    lock: FileLock
    threads: Threads
    database: Database
    desk: Desk
    queries: Queries
    deliveries: SqlDeliveryQueue
    keys: ApiKeys
    audit: SecurityAudit
    inbox: Inbox
    outbox: SqlControlOutbox
    series_store: SeriesStore
    journal: SqliteJournal
    registry: Registry
    engine: Engine
    intake: Intake
    ticker: Ticker
    pump: ControlPump
    rules: RulesConsumer
    series: SeriesConsumer
    reruns: Reruns
    reload: Reload
    rule_journal: RuleJournal
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    verify_callback: Verify
    relay: Relay
    committed: Committed
    snapshots: Snapshots
    supervisor: Supervisor = field(default_factory=Supervisor)
    scheduler: Scheduler = field(default_factory=Scheduler)
    ready: bool = False
    started: int = 0
    loop: asyncio.AbstractEventLoop | None = None
    api: ApiServer | None = None
    imports: Imports = field(init=False)
    watch: HealthMonitor = field(init=False)
    leaving: list[asyncio.Task[None]] = field(default_factory=list)
    """What closes sinks that are used no more, once their last attempt is over."""

    def __post_init__(self) -> None:
        self.intake.stepped.append(self._clock_stepped)
        self.watch = HealthMonitor(self, self.committed.told, self.intake.steady)
        self.imports = Imports(self, {profile.id: profile for profile in self.project.wanted.profiles})

    @property
    def project(self) -> Project:
        """The configuration in force, with all its files."""
        return self.reload.project

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return self.project.settings

    @property
    def latency(self) -> Latency:
        """How long orders took."""
        return self.committed.latency

    async def start(self, *, doors: bool = True) -> None:
        """Replay to the head of the journal, bring registry and rules up to the files, then open the doors.

        Without `doors` (an import while no gateway runs): no source, no relay, no API, no deadlines, and engine time
        stands still, so that nothing falls silent meanwhile.
        """
        self.started, self.loop = self.clock.now(), asyncio.get_running_loop()
        if doors:
            self.api = ApiServer(self)
            await self.api.listen()
        desk = self.threads.runner("desk")
        await self.ticker.start()
        self.supervisor.start("rules.judge", self.rules.judge, fatal=True)
        self.supervisor.start("rules.commit", self.rules.commit, longest=STORE_RETRY)
        self.supervisor.start("series", self.series.run, longest=STORE_RETRY)
        await self.judged(self.journal.head(self.settings.partition))
        await desk(lambda: self.registry.apply(self.project.wanted))
        await self.pump.pump()
        if changed := rule_changes(self.project.rulebook, self.settings.timezone, self.engine, CONFIGURATION):
            await self.rule_journal(changed)
        await self.judged(self.journal.head(self.settings.partition))
        self.supervisor.start("reruns", self.reruns.run)
        self.imports.recover()
        if self.api is None:
            return
        if left := await desk(lambda: self.deliveries.reclaim(self.clock.now())):
            log.info("deliveries that were under way at the last stop are tried again", count=left)
        await self.say_left()
        self.supervisor.start("imports", self.imports.run)
        self.supervisor.start("reload", self.reload.run)
        self.supervisor.start("ticker", self.ticker.run)
        self.supervisor.start("relay", self.relay.run)
        self.supervisor.start("watch", self.watch.run)
        for source in self.sources.values():
            self.follow(source)
        self._schedule()
        await self.api.start()
        self.ready = True
        log.info(
            "gateway live", name=self.settings.name, api=self.api.url, devices=len(self.project.wanted.devices),
            rules=len(self.project.rulebook.rules), ms=(self.clock.now() - self.started) // 1000,
        )  # fmt: skip

    def follow(self, source: Source) -> None:
        """Keep a source running."""
        self.supervisor.start(f"source.{source.name}", partial(source.run, self.intake.emit), source=True)

    async def say_left(self) -> None:
        """Log what waits for endpoints that are not configured: it is kept until they are again."""
        left = await self.threads.runner("desk")(partial(self.deliveries.left, list(self.sinks)))
        for name, count in left.items():
            log.warning("deliveries wait for an endpoint that is not configured", endpoint=name, count=count)

    async def judged(self, upto: int) -> None:
        """Wait until the engine has stepped everything up to `upto`; not while it does not run."""
        while self.rules.judged < upto and "rules.judge" in self.supervisor.health:
            if self.supervisor.fatal.is_set():
                raise self.supervisor.broken or InvariantBroken("the engine stopped")
            await asyncio.sleep(0.005)

    def _schedule(self) -> None:
        """Deadlines and house-keeping. All truth is in tables: a tick that is missed is caught up by the next."""
        self.scheduler.every(5, "deadlines", self._deadlines)
        self.scheduler.every(10, "release", self._release)
        self.scheduler.every(600, "house", self._keep_house)
        self.scheduler.start()

    def _clock_stepped(self, step: ClockStep) -> None:  # noqa: ARG002 - forward or back, all is looked at again
        self.scheduler.again()
        self.relay.notify()

    async def _deadlines(self) -> None:
        applied = await self.threads.runner("desk")(lambda: self.desk.tick(self.clock.now()))
        self.committed(applied)
        await self.pump.pump()  # facts that a full journal refused when they were decided

    async def _release(self) -> None:
        """Tell the journal what every consumer has passed; save state texts that grew."""
        floor = min(self.rules.committed, self.series.cursor, self.snapshots.oldest())
        if floor:
            self.journal.release(self.settings.partition, floor)
        await self.threads.runner("desk")(self.registry.save_texts)

    async def _keep_house(self) -> None:
        """Delete what is too old. By a clock that was set far ahead nothing is too old yet: it may be a mistake."""
        if not self.intake.clock_is_trusted():
            return
        now = self.clock.now()
        retention, old = self.settings.series.retention, now - HISTORY
        await self.threads.runner("series")(lambda: self.series_store.retain(now - retention))
        desk = self.threads.runner("desk")
        for clean in (
            self.deliveries.purge,
            self.outbox.purge,
            partial(forget, self.database),
            partial(blank_dead, self.database),
        ):
            await desk(partial(clean, old))
        # Last, and a file at a time: what is written meanwhile must not wait long.
        moments = shorter(self.project.wanted.profiles, self.registry.known().points, now)
        series = self.threads.runner("series")
        while self.intake.clock_is_trusted() and await series(lambda: self.series_store.expire(moments)):
            pass

    async def abandon(self) -> None:
        """Leave at once: what is on disk is enough, the next start replays the rest."""
        self.ready = False
        self.scheduler.stop()
        if self.api is not None:
            await self.api.stop()
        await self.supervisor.stop("rules.judge")
        await self.supervisor.stop()
        await self._close()

    async def stop(self) -> None:
        """Doors first, then what is under way, then snapshots and files. Nothing acknowledged is lost."""
        self.ready = False
        self.scheduler.stop()
        relay = asyncio.create_task(self.supervisor.stop("relay"))  # attempts under way take their time meanwhile
        if self.api is not None:
            await self.api.stop()
        await self.supervisor.stop("imports", "reload", *(f"source.{name}" for name in self.sources))
        await self.intake.drain()
        await self.supervisor.stop("ticker", "reruns")
        await self.supervisor.stop("rules.judge")
        await self.supervisor.stop("rules.commit", "series")
        head = self.journal.head(self.settings.partition)
        await self.rules.drain(head)
        await self.series.drain(head)
        await relay
        await asyncio.gather(*self.leaving)
        await self.threads.runner("desk")(self.registry.save_texts)
        for sink in self.sinks.values():
            await sink.close()
        await self._close()

    async def _close(self) -> None:
        """Close the files, off the event loop: whoever waits for this may have to give up."""
        await self.threads.runner("series")(self.series_store.close)
        # The journal last: it lets others have the data.
        for close in (self.threads.close, self.database.close, self.journal.close):
            await asyncio.to_thread(close)
