"""`build(project) -> App`: puts a gateway together. `gateway/app/stores.py` opens its stores."""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import structlog

from gateway.adapter_ports import SourceServices
from gateway.adapters import ENDPOINTS, SOURCES
from gateway.api.context import Context
from gateway.api.event_loops import OwnerLoop
from gateway.app import install_check
from gateway.app.apply_changes import ApplyChanges, PartFactory
from gateway.app.commit import Committed
from gateway.app.desk_policy import policy_of
from gateway.app.device_commands import command_access, command_sender
from gateway.app.housekeeping import Housekeeping
from gateway.app.in_force import ProjectInForce
from gateway.app.lifecycle import App, Ingest, Operation
from gateway.app.progress import Consumers, PipelineProgress
from gateway.app.reload import Reload, RuleJournal
from gateway.app.restored_intake import restore
from gateway.app.running_endpoints import RunningEndpoints
from gateway.app.running_sources import RunningSources
from gateway.app.status import Readiness, StatusReader
from gateway.app.stores import OpenStores, open_stores, restrict_access
from gateway.app.stores_beside import kept, refuse, stores_beside
from gateway.app.threads import Threads
from gateway.clock import SystemClock
from gateway.consumers import LookBackProcess, Reruns, RulesConsumer, SeriesConsumer, Snapshots
from gateway.delivery import Relay
from gateway.desk import Desk
from gateway.desk.notice_templates import Templates
from gateway.domain.duration import SECOND
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.notice import EndpointRoute
from gateway.domain.record import ClockStep, RecordKind
from gateway.expected_stores import JOURNAL
from gateway.health import AlarmLog, HealthMonitor
from gateway.import_service.service import ImportPorts, Imports
from gateway.intake import ControlPump, Intake, Ticker
from gateway.journal import SqliteJournal
from gateway.latency import Latency
from gateway.lock import FileLock
from gateway.ports import Clock, Sink, Source
from gateway.registry import Registry
from gateway.scheduler import Scheduler
from gateway.settings.model import Settings
from gateway.settings.project import Project
from gateway.store import CustomerAudience, Database, SqlDeskStore
from gateway.supervisor import Supervisor
from rules.engine import Engine, SnapshotError
from rules.format import compile_policy, compile_source
from rules.sentence import with_sentences

log = structlog.get_logger()
IMPORT_RELEASE_SECONDS = 60.0  # seconds an import may take to give way to a gateway that starts
KEPT = 5_000  # records per read while the world is rebuilt
SNAPSHOT_SHARE = 16  # of the journal may wait for the next snapshot
LOOK_BACK = (sys.executable, "-m", "gateway.backtest.warmup_worker")
"""Command of the process that evaluates stored history, so that many readings do not delay live ones."""


def build(project: Project, clock: Clock | None = None, *, command: str = "run") -> App:
    """Take the data folder, open every store and connect the parts. Starts nothing.

    No file is touched before the lock is held. `command` names the holder to other processes; `run` requests that an
    import releases the folder, and waits for it. Raises ConfigError for mistakes found only now (secrets, templates),
    StoreError for stores that cannot be opened.
    """
    if wrong := install_check.misplaced():
        raise ConfigError([Problem(place, "", "app.misplaced", {"name": name}) for name, place in wrong.items()])
    restrict_access(project.settings.data_dir)
    lock = FileLock(project.settings.data_dir / JOURNAL, command, IMPORT_RELEASE_SECONDS if command == "run" else 0.0)
    with ExitStack() as opened:  # what is open when something goes wrong is closed, the lock last
        opened.callback(lock.release)
        app = _built(project, clock or SystemClock(), lock, opened, wait=command == "run")
        opened.pop_all()
    return app


def _built(project: Project, clock: Clock, lock: FileLock, opened: ExitStack, *, wait: bool) -> App:
    in_force, threads, settings = ProjectInForce(project), Threads(), project.settings
    steady = clock.steady if isinstance(clock, SystemClock) else clock.now
    stores = open_stores(settings, clock, lock, opened, wait=wait)
    desk = _desk(project, stores)
    supervisor, scheduler, readiness = Supervisor(), Scheduler(), Readiness()
    make = _factory(stores, desk, clock)
    sinks = {name: make.sink(project, name) for name in settings.endpoints}
    relay = Relay(stores.sql.deliveries, sinks, clock, threads.desk, settings.delivery)
    delivery = RunningEndpoints(relay, sinks, stores.sql.deliveries, threads.desk, clock)

    def clock_stepped(_: ClockStep) -> None:  # forward or back, all that is due is looked at again
        scheduler.again()
        relay.notify()

    intake = Intake(
        stores.journal,
        stores.registry,
        clock,
        settings.intake,
        partition=stores.partition,
        steady=steady,
        tenant=settings.tenant,
        on_step=clock_stepped,
    )
    plausible_file = restore(intake, stores, settings.data_dir)
    sources = {name: make.source(project, name) for name in settings.sources}
    sender = command_sender(in_force, stores, threads, clock, lambda: running.running)
    running = RunningSources(sources, supervisor, sender.read_backs.after(intake.emit))
    ingest = Ingest(intake, Ticker(intake), ControlPump(stores.sql.outbox, intake, threads.desk), running, sender)
    committed = Committed(Latency(), relay, clock, AlarmLog(stores.registry.device_by_id, steady))
    consumers = _consumers(in_force, stores, desk, threads, ingest, committed, supervisor, clock)
    rule_journal = RuleJournal(intake.facts, stores.sql.audit, threads.desk, clock)
    changes = ApplyChanges(
        make, in_force, stores.registry, threads.desk, ingest.pump, rule_journal, consumers.progress, delivery, running
    )
    reload = Reload(in_force, clock, changes)
    status = _status_reader(readiness, supervisor, stores, ingest, consumers, committed.latency, delivery, reload)
    monitor = HealthMonitor(
        status,
        lambda: running.running,
        lambda: in_force.health,
        stores.journal,
        committed.alarm_log,
        clock=clock,
        steady=steady,
    )
    housekeeping = Housekeeping(
        clock, in_force, stores, threads, desk, intake, ingest.pump, consumers, committed, plausible_file
    )
    operation = Operation(supervisor, scheduler, housekeeping, changes, reload, monitor, readiness)
    imports = _imports(in_force, stores, threads, intake, consumers.progress, clock)
    context = _context(in_force, stores, desk, threads, ingest, consumers, delivery, imports, operation, clock)
    return App(clock, threads, in_force, stores, ingest, consumers, desk, delivery, imports, operation, context)


def _status_reader(
    readiness: Readiness,
    supervisor: Supervisor,
    stores: OpenStores,
    ingest: Ingest,
    consumers: Consumers,
    latency: Latency,
    delivery: RunningEndpoints,
    reload: Reload,
) -> StatusReader:
    return StatusReader(
        readiness,
        supervisor,
        ingest.sources,
        ingest.intake,
        ingest.ticker,
        stores.journal,
        stores.registry,
        consumers,
        stores.name,
        latency,
        delivery,
        lambda: reload.last,
    )


def _consumers(
    in_force: ProjectInForce,
    stores: OpenStores,
    desk: Desk,
    threads: Threads,
    ingest: Ingest,
    committed: Committed,
    supervisor: Supervisor,
    clock: Clock,
) -> Consumers:
    settings = in_force.settings
    engine, start = _engine(stores.journal, stores.snapshots, desk.cursor(), settings)
    rules = RulesConsumer(
        stores.journal,
        engine,
        desk,
        stores.snapshots,
        clock,
        rules_thread=threads.rules,
        desk_thread=threads.desk,
        partition=stores.partition,
        start=start,
        on_commit=committed,
        on_due=ingest.ticker.tick_at,
        add_sentences=lambda found: with_sentences(found, engine.rules),
        most_work=settings.journal.max_bytes // SNAPSHOT_SHARE,
    )
    series = SeriesConsumer(
        stores.journal,
        stores.series,
        threads.series,
        stores.partition,
        kept=partial(kept, stores),
        refuse=refuse(stores.name, ingest.intake, clock),
    )
    stored, floor = stores.series.cursor(stores.partition), stores.journal.stats().floor
    if stored < floor:  # a server that is new, or was away: the embedded store is refused before
        series.skip(floor)
        if stored:
            log.error("a store misses records that the journal has given up", store=stores.name, count=floor - stored)
    beside = stores_beside(settings, stores, threads, ingest.intake, clock, series)
    reruns = Reruns(
        rules,
        engine,
        series,
        stores.series,
        rules_thread=threads.rules,
        series_thread=threads.series,
        journal=ingest.intake.facts,
        worker=partial(LookBackProcess.start, LOOK_BACK),
        until=lambda: clock.now() + settings.clock.ahead_limit,
    )
    progress = PipelineProgress(stores.partition, stores.journal, rules, series, reruns, supervisor)
    return Consumers(rules, series, beside, reruns, progress)


def _imports(
    in_force: ProjectInForce,
    stores: OpenStores,
    threads: Threads,
    intake: Intake,
    progress: PipelineProgress,
    clock: Clock,
) -> Imports:
    ports = ImportPorts(
        clock=clock,
        directory=stores.registry,
        points=lambda: stores.registry.contents().points,
        profiles=lambda: in_force.profiles,
        limits=lambda: in_force.imports,
        emit=intake.emit,
        fact=intake.fact,
        facts_kept=partial(stores.journal.kept, RecordKind.FACT),
        progress=progress,
        store=stores.series,
        series_thread=threads.series,
        queries=stores.sql.queries,
        audit=stores.sql.audit,
        desk_thread=threads.desk,
    )
    return Imports(ports)


def _context(
    in_force: ProjectInForce,
    stores: OpenStores,
    desk: Desk,
    threads: Threads,
    ingest: Ingest,
    consumers: Consumers,
    delivery: RunningEndpoints,
    imports: Imports,
    operation: Operation,
    clock: Clock,
) -> Context:
    return Context(
        clock=clock,
        in_force=lambda: in_force.api,
        sql=stores.sql,
        desk=desk,
        commands=command_access(in_force, stores, ingest.sender),
        registry=stores.registry,
        journal=stores.journal,
        series_store=stores.series,
        desk_thread=threads.desk,
        series_thread=threads.series,
        engine=lambda: consumers.rules.status,
        ingest=OwnerLoop(),
        look=operation.monitor.look,
        sources=lambda: ingest.sources.running,
        relay=delivery.relay,
        imports=imports,
        abnormal=ingest.intake.plausibility.counts,
        pump=ingest.pump.pump,
        reload=partial(operation.reload.reload, requested=True),
        stop_for=operation.supervisor.fail,
        verify_callback=partial(_verified, in_force, clock),
    )


def _engine(journal: SqliteJournal, snapshots: Snapshots, cursor: int, settings: Settings) -> tuple[Engine, int]:
    """The newest valid snapshot, else a new engine that has stepped the definitions and facts, which retention
    always keeps."""
    partition, late = settings.partition, settings.clock.accept_late
    for seq, blob in snapshots.valid(cursor):
        with suppress(SnapshotError):
            engine = Engine.restore(blob, compile_source, compile_policy=compile_policy, accept_late=late)
            log.info("engine restored", snapshot=seq, behind=journal.head(partition) - seq)
            return engine, seq
    engine = Engine(partition, compile_source, settings.tenant, compile_policy=compile_policy, accept_late=late)
    floor = journal.stats().floor
    kept = [record for kind in (RecordKind.DEFINE, RecordKind.FACT) for record in _all(journal, kind, floor)]
    for record in sorted(kept, key=lambda record: record.seq):
        engine.step(record)
    log.info("engine made from facts", facts=len(kept), behind=journal.head(partition) - floor)
    return engine, floor


def _all(journal: SqliteJournal, kind: RecordKind, upto: int) -> list[Any]:
    found: list[Any] = []
    while records := journal.kept(kind, found[-1].seq if found else 0, KEPT):
        found += [record for record in records if record.seq <= upto]
        if records[-1].seq > upto:
            break
    return found


def _desk(project: Project, stores: OpenStores) -> Desk:
    settings, database = project.settings, stores.sql.database
    epoch = stores.journal.lease(stores.partition, settings.name)
    desk = Desk(SqlDeskStore(database, settings.mask), tenant=settings.tenant, partition=stores.partition, epoch=epoch)
    _use(desk, database, project)()
    return desk


def _use(desk: Desk, database: Database, project: Project) -> Callable[[], None]:
    """Call for the desk's thread that applies `project` to the desk. Raises ConfigError."""
    settings = project.settings
    routes = [
        EndpointRoute(name, adapter.payload, tuple(adapter.events(config)), settings.language)
        for name, config in settings.endpoints.items()
        if (adapter := ENDPOINTS[config.type])
    ]
    audience = CustomerAudience(database, settings.desk.audiences, settings.tenant)
    templates = Templates(project.templates, str(settings.templates or ""))
    books = SqlDeskStore(database, settings.mask)
    return partial(desk.use, books, policy_of(project), routes=routes, templates=templates, audience=audience)


def _verified(in_force: ProjectInForce, clock: Clock, endpoint: str, headers: Mapping[str, str], body: bytes) -> str:
    """See `gateway.api.context.Verify`."""
    settings = in_force.settings
    config = settings.endpoints[endpoint]
    verify = ENDPOINTS[config.type].verify
    if verify is None:
        raise KeyError(endpoint)
    return verify(config, headers, body, clock.now() // SECOND, settings.api.callback_skew // SECOND)


def endpoint_sink(project: Project, name: str, clock: Clock) -> Sink:
    """The sink of the endpoint `name`."""
    config = project.settings.endpoints[name]
    return ENDPOINTS[config.type].build(name, config, clock)


def _factory(stores: OpenStores, desk: Desk, clock: Clock) -> PartFactory:
    services = partial(_services, stores.registry, stores.journal, clock)
    return PartFactory(
        sink=partial(endpoint_sink, clock=clock),
        source=partial(_source, services),
        adjust=partial(_adjusted, services),
        desk=partial(_use, desk, stores.sql.database),
    )


def _services(registry: Registry, journal: SqliteJournal, clock: Clock, project: Project, name: str) -> SourceServices:
    return project.services(name, registry, journal, clock, lambda: registry.contents().devices)


def _source(services: Callable[[Project, str], SourceServices], project: Project, name: str) -> Source:
    config = project.settings.sources[name]
    return SOURCES[config.type].build(name, config, services(project, name))


def _adjusted(
    services: Callable[[Project, str], SourceServices], source: Source, before: Project, project: Project
) -> Callable[[], bool] | None:
    """See `gateway.app.apply_changes.PartFactory`."""
    name = source.name
    config = project.settings.sources[name]
    if before.settings.sources[name].type != config.type:
        return None
    return SOURCES[config.type].adjust(source, config, services(before, name), services(project, name))
