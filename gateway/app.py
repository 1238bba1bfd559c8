"""`build(project) -> App`: the one file that names concrete classes and ties them together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gateway import house
from gateway.api.server import ApiServer
from gateway.clock import SystemClock
from gateway.consumers import RulesConsumer, SeriesConsumer, Snapshots
from gateway.delivery import Relay
from gateway.desk import Desk
from gateway.desk.policy import OrderType, Policy
from gateway.desk.templates import Templates
from gateway.domain.duration import DAY, SECOND
from gateway.domain.errors import ConfigError, InvariantBroken, Problem
from gateway.domain.notice import Route
from gateway.domain.record import Fact, RecordKind, RuleGone, RuleSet
from gateway.domain.workorder import Applied
from gateway.imports.service import Imports
from gateway.intake import ControlPump, Intake, Ticker
from gateway.journal import SqliteJournal
from gateway.latency import Latency
from gateway.ports import Clock, Sink, Source
from gateway.registry import Registry
from gateway.settings.model import Settings
from gateway.settings.project import Project
from gateway.store import (
    ApiKeys,
    CustomerAudience,
    Database,
    DeskBooks,
    Inbox,
    Queries,
    SqlControlOutbox,
    SqlDeliveryQueue,
    SqlRegistryStore,
    forget,
)
from gateway.supervisor import Supervisor
from protocols.modbus.config import ModbusConfig
from protocols.modbus.source import ModbusSource
from protocols.mqtt.source import MqttSource
from rules.engine import Engine, SnapshotError
from rules.format import compile_source
from sinks.http.signing import verify
from sinks.notice.sms.config import SmsConfig
from sinks.notice.sms.sink import SmsSink
from sinks.oa.webhook.config import WebhookConfig
from sinks.oa.webhook.sink import WebhookSink
from sinks.series.duckdb import DuckDbStore

log = structlog.get_logger()
PARTITION = 0
KEPT = 5_000  # records per read while the world is rebuilt
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


@dataclass(frozen=True, slots=True)
class Committed:
    """Hears of each transaction of the desk, from its thread."""

    latency: Latency
    relay: Relay
    clock: Clock

    def __call__(self, applied: object) -> None:
        """Measure the orders made; wake the relay when something waits to be sent."""
        assert isinstance(applied, Applied)
        self.latency.created(applied.created, self.clock.now())
        if applied.events or applied.notices:
            self.relay.notify()


@dataclass(slots=True)
class App:
    """A built gateway. `start` returns when it is live, `stop` when everything is on disk."""

    project: Project
    clock: Clock
    threads: Threads
    database: Database
    desk: Desk
    queries: Queries
    deliveries: SqlDeliveryQueue
    keys: ApiKeys
    inbox: Inbox
    outbox: SqlControlOutbox
    series_store: DuckDbStore
    journal: SqliteJournal
    registry: Registry
    engine: Engine
    intake: Intake
    ticker: Ticker
    pump: ControlPump
    rules: RulesConsumer
    series: SeriesConsumer
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    relay: Relay
    committed: Committed
    snapshots: Snapshots
    supervisor: Supervisor = field(default_factory=Supervisor)
    scheduler: AsyncIOScheduler = field(default_factory=AsyncIOScheduler)
    ready: bool = False
    started: int = 0
    api: ApiServer | None = None
    imports: Imports = field(init=False)

    def __post_init__(self) -> None:
        self.imports = Imports(self, {profile.id: profile for profile in self.project.wanted.profiles})

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return self.project.settings

    @property
    def latency(self) -> Latency:
        """How long orders took."""
        return self.committed.latency

    def verify_callback(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> str:
        """The webhook-id of a callback that one of the endpoint's live secrets signed. Blocking.

        Raises KeyError, ValueError (its reason), OSError: see `gateway.api.context`.
        """
        config = self.settings.endpoints[endpoint]
        if not isinstance(config, WebhookConfig):
            raise KeyError(endpoint)
        skew = self.settings.api.callback_skew // SECOND
        return verify(config.keys(), headers, body, self.clock.now() // SECOND, skew)

    async def start(self, *, doors: bool = True) -> None:
        """Replay to the head of the journal, bring registry and rules up to the files, then open the doors.

        Without `doors` (an import while no gateway runs): no source, no relay, no API, no deadlines, and engine time
        stands still, so that nothing falls silent meanwhile.
        """
        self.started = self.clock.now()
        desk = self.threads.runner("desk")
        await self.ticker.start()
        self.supervisor.start("rules.judge", self.rules.judge, fatal=True)
        self.supervisor.start("rules.commit", self.rules.commit)
        self.supervisor.start("series", self.series.run)
        await self._judged(self.journal.head(PARTITION))
        await desk(lambda: self.registry.apply(self.project.wanted))
        await self.pump.pump()
        if changed := self._rule_changes():
            await self.intake.facts(changed)
        await self._judged(self.journal.head(PARTITION))
        self.imports.recover()
        if not doors:
            return
        self.supervisor.start("imports", self.imports.run)
        self.supervisor.start("ticker", self.ticker.run)
        self.supervisor.start("relay", self.relay.run)
        for name, source in self.sources.items():
            self.supervisor.start(f"source.{name}", lambda source=source: source.run(self.intake.emit))  # type: ignore[misc]
        self._schedule()
        self.api = ApiServer(self)
        await self.api.start()
        self.ready = True
        log.info(
            "gateway live", name=self.settings.name, api=self.api.url, devices=len(self.project.wanted.devices),
            rules=len(self.project.rulebook.rules), ms=(self.clock.now() - self.started) // 1000,
        )  # fmt: skip

    async def _judged(self, upto: int) -> None:
        """Wait until the engine has stepped everything up to `upto`."""
        while self.rules.judged < upto:
            if self.supervisor.fatal.is_set():
                raise self.supervisor.broken or InvariantBroken("the engine stopped")
            await asyncio.sleep(0.005)

    def _rule_changes(self) -> list[Fact]:
        zone, wanted = self.settings.timezone, self.project.rulebook.rules
        known = {name: (fact.source, fact.zone) for name, (fact, _) in self.engine.rules.items()}
        changed: list[Fact] = [
            RuleSet(rule.id, rule.revision, rule.source, zone, "configuration")
            for rule in wanted.values()
            if known.get(rule.id) != (rule.source, zone)
        ]
        return changed + [RuleGone(name, "configuration") for name in sorted(known) if name not in wanted]

    def _schedule(self) -> None:
        """Deadlines and house-keeping. All truth is in tables: a tick that is missed is caught up by the next."""
        options = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        self.scheduler.add_job(self._deadlines, "interval", seconds=5, **options)
        self.scheduler.add_job(self._release, "interval", seconds=10, **options)
        self.scheduler.add_job(self._keep_house, "interval", minutes=10, **options)
        self.scheduler.start()

    async def _deadlines(self) -> None:
        applied = await self.threads.runner("desk")(lambda: self.desk.tick(self.clock.now()))
        self.committed(applied)
        await self.pump.pump()  # facts that a full journal refused when they were decided

    async def _release(self) -> None:
        """Tell the journal what every consumer has passed; save state texts that grew."""
        floor = min(self.rules.committed, self.series.cursor, self.snapshots.oldest())
        if floor:
            self.journal.release(PARTITION, floor)
        await self.threads.runner("desk")(self.registry.save_texts)

    async def _keep_house(self) -> None:
        now = self.clock.now()
        retention, old = self.settings.series.retention, now - HISTORY
        await self.threads.runner("series")(lambda: self.series_store.retain(now - retention))
        desk = self.threads.runner("desk")
        for clean in (self.deliveries.purge, self.outbox.purge, partial(forget, self.database)):
            await desk(partial(clean, old))

    async def stop(self) -> None:
        """Doors first, then what is under way, then snapshots and files. Nothing acknowledged is lost."""
        self.ready = False
        if self.scheduler.running:
            self.scheduler.shutdown(wait=False)
        relay = asyncio.create_task(self.supervisor.stop("relay"))  # attempts under way take their time meanwhile
        if self.api is not None:
            await self.api.stop()
        await self.supervisor.stop("imports", *(f"source.{name}" for name in self.sources))
        await self.intake.drain()
        await self.supervisor.stop("ticker")
        await self.supervisor.stop("rules.judge")
        await self.supervisor.stop("rules.commit", "series")
        head = self.journal.head(PARTITION)
        await self.rules.drain(head)
        await self.series.drain(head)
        await relay
        await self.threads.runner("desk")(self.registry.save_texts)
        for sink in self.sinks.values():
            await sink.close()  # type: ignore[attr-defined]
        await self.threads.runner("series")(self.series_store.close)
        self.threads.close()
        self.journal.close()
        self.database.close()


def build(project: Project, clock: Clock | None = None) -> App:
    """Open every store and tie the parts together; starts nothing.

    Raises ConfigError for what only now shows (secrets, templates), StoreError for stores that cannot be opened.
    """
    if wrong := house.misplaced():
        raise ConfigError([Problem(place, "", "app.misplaced", {"name": name}) for name, place in wrong.items()])
    settings, clock, threads = project.settings, clock or SystemClock(), Threads()
    data = settings.data_dir
    data.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{data / 'fieldgate.sqlite'}")
    database.upgrade()
    series_store = DuckDbStore(data / "series", settings.series, clock)
    consumed = max(Desk(DeskBooks(database)).cursor(), series_store.cursor(PARTITION))
    journal = SqliteJournal(data / "journal.sqlite", settings.journal, partition=PARTITION, consumed=consumed)
    registry = Registry(SqlRegistryStore(database, clock, settings.tenant), settings.tenant, clock)
    registry.recover(_definitions(journal))
    desk = _desk(project, database, journal.lease(PARTITION, settings.name))
    snapshots = Snapshots(data / "snapshots", PARTITION)
    engine, start = _engine(journal, snapshots, desk.cursor(), settings.tenant)
    intake = Intake(journal, registry, clock, settings.intake, PARTITION)
    ticker = Ticker(intake)
    outbox, deliveries = SqlControlOutbox(database), SqlDeliveryQueue(database, settings.tenant)
    sinks = _sinks(settings, clock)
    relay = Relay(deliveries, sinks, clock, threads.runner("desk"), settings.delivery)
    committed = Committed(Latency(), relay, clock)
    rules = RulesConsumer(
        journal, engine, desk, snapshots, clock, rules_thread=threads.runner("rules"), partition=PARTITION,
        desk_thread=threads.runner("desk"), start=start, on_commit=committed, on_due=ticker.nudge,
    )  # fmt: skip
    return App(
        project=project, clock=clock, threads=threads, database=database, desk=desk, deliveries=deliveries,
        queries=Queries(database, settings.tenant), keys=ApiKeys(database, settings.tenant),
        inbox=Inbox(database, settings.tenant), outbox=outbox, series_store=series_store, journal=journal,
        registry=registry, engine=engine, intake=intake, ticker=ticker, sinks=sinks, relay=relay, snapshots=snapshots,
        pump=ControlPump(outbox, intake, threads.runner("desk")), rules=rules, committed=committed,
        series=SeriesConsumer(journal, series_store, threads.runner("series"), PARTITION),
        sources=_sources(project, registry, journal, clock),
    )  # fmt: skip


def _definitions(journal: SqliteJournal) -> list[Any]:
    found, after = [], 0
    while records := journal.kept(RecordKind.DEFINE, after, KEPT):
        found += [record.body for record in records]
        after = records[-1].seq
    return found


def _engine(journal: SqliteJournal, snapshots: Snapshots, cursor: int, tenant: str) -> tuple[Engine, int]:
    """The newest valid snapshot, else an engine that has seen what retention always keeps: definitions and facts."""
    for seq, blob in snapshots.valid(cursor):
        with suppress(SnapshotError):
            engine = Engine.restore(blob, compile_source)
            log.info("engine restored", snapshot=seq, behind=journal.head(PARTITION) - seq)
            return engine, seq
    engine, floor = Engine(PARTITION, compile_source, tenant), journal.stats().floor
    kept = [record for kind in (RecordKind.DEFINE, RecordKind.FACT) for record in _all(journal, kind, floor)]
    for record in sorted(kept, key=lambda record: record.seq):
        engine.step(record)
    log.info("engine made from facts", facts=len(kept), behind=journal.head(PARTITION) - floor)
    return engine, floor


def _all(journal: SqliteJournal, kind: RecordKind, upto: int) -> list[Any]:
    found: list[Any] = []
    while records := journal.kept(kind, found[-1].seq if found else 0, KEPT):
        found += [record for record in records if record.seq <= upto]
        if records[-1].seq > upto:
            break
    return found


def _desk(project: Project, database: Database, epoch: int) -> Desk:
    settings = project.settings
    routes = [
        Route(name, "sms", ("notice.*",), settings.language)
        if isinstance(config, SmsConfig)
        else Route(name, "webhook", tuple(config.events), settings.language)
        for name, config in settings.endpoints.items()
    ]
    api = settings.api.url or f"http://{settings.api.host}:{settings.api.port}"
    policy = Policy(
        installation=settings.name, zone=ZoneInfo(settings.timezone),
        recheck_after=settings.desk.recheck_after, tell_after=settings.desk.tell_after,
        types={name: OrderType(kind.auto_close, kind.safety) for name, kind in settings.desk.order_types.items()},
        page=f"{api}/v1/work-orders/{{no}}", callback=f"{api}/v1/callbacks/{_answering(settings)}",
    )  # fmt: skip
    audience = CustomerAudience(database, settings.desk.audiences, settings.tenant)
    templates = Templates(project.templates, str(settings.templates or ""))
    return Desk(
        DeskBooks(database), policy, routes=routes, templates=templates, audience=audience, tenant=settings.tenant,
        partition=PARTITION, epoch=epoch,
    )  # fmt: skip


def _answering(settings: Settings) -> str:
    """Events are the same for all endpoints: with several of them, the receiver puts its own name into the link."""
    names = [name for name, config in settings.endpoints.items() if not isinstance(config, SmsConfig)]
    return names[0] if len(names) == 1 else "{endpoint}"


def _sinks(settings: Settings, clock: Clock) -> dict[str, Any]:
    return {
        name: SmsSink(name, config, clock) if isinstance(config, SmsConfig) else WebhookSink(name, config, clock)
        for name, config in settings.endpoints.items()
    }


def _sources(project: Project, registry: Registry, journal: SqliteJournal, clock: Clock) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for name, config in project.settings.sources.items():
        if isinstance(config, ModbusConfig):
            sources[name] = ModbusSource(
                name, config, registry, project.maps, clock, fleet=lambda: registry.known().devices
            )  # fmt: skip
        else:
            try:
                password = config.secret()
            except OSError as error:
                raise ConfigError(
                    [
                        Problem(
                            str(project.file),
                            f"sources.{name}.password_file",
                            "app.secret",
                            {"error": error.strerror or ""},
                        )
                    ]
                ) from None
            sources[name] = MqttSource(name, config, registry, journal, clock, password)
    return sources
