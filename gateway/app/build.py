"""`build(project) -> App`: the one file that names concrete classes and ties them together."""

import getpass
import os
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from gateway import expected_stores
from gateway.adapter_ports import SourceServices
from gateway.adapters import ENDPOINTS, SERIES, SOURCES
from gateway.app import install_check
from gateway.app.apply_changes import Make, Takeover
from gateway.app.lifecycle import App, Committed, Threads, Verify
from gateway.app.reload import Reload, RuleJournal
from gateway.clock import SystemClock
from gateway.consumers import LookBackProcess, Reruns, RulesConsumer, SeriesConsumer, Snapshots
from gateway.delivery import Relay
from gateway.desk import Desk
from gateway.desk.notice_templates import Templates
from gateway.desk.policy import DeskPolicy, OrderType
from gateway.domain.duration import SECOND
from gateway.domain.error_reasons import reason, worded
from gateway.domain.errors import ConfigError, Problem, StoreError
from gateway.domain.notice import EndpointRoute
from gateway.domain.record import RecordKind
from gateway.health import AlarmLog
from gateway.intake import ControlPump, Intake, Ticker
from gateway.journal import SqliteJournal
from gateway.latency import Latency
from gateway.lock import FileLock
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
    SecurityAudit,
    SqlControlOutbox,
    SqlDeliveryQueue,
    SqlRegistryStore,
)
from gateway.store.integrity_check import damage, identity
from rules.engine import Engine, SnapshotError
from rules.format import compile_policy, compile_source
from rules.sentence import told

log = structlog.get_logger()
JOURNAL = "journal.sqlite"
LOOK = 3.0  # seconds a start looks for damage in the database; `fieldgate check --data` looks at all of it
GIVING_WAY = 60.0  # seconds an import may take to give way to a gateway that starts
KEPT = 5_000  # records per read while the world is rebuilt
SNAPSHOT_SHARE = 16  # of the journal may wait for the next snapshot
LOOK_BACK = (sys.executable, "-m", "gateway.backtest.warmup_worker")
"""A process that judges stored history: many readings must not slow down those that come now."""


def build(project: Project, clock: Clock | None = None, *, command: str = "run") -> App:
    """Take the data folder, open every store and tie the parts together; starts nothing.

    Nothing is touched before the lock is held. `command` names the holder to others; a `run` asks an import to give way
    and waits for it. Raises ConfigError for what only now shows (secrets, templates), StoreError for stores that cannot
    be opened.
    """
    if wrong := install_check.misplaced():
        raise ConfigError([Problem(place, "", "app.misplaced", {"name": name}) for name, place in wrong.items()])
    close_to_others(project.settings.data_dir)
    lock = FileLock(project.settings.data_dir / JOURNAL, command, GIVING_WAY if command == "run" else 0.0)
    with ExitStack() as opened:  # what is open when something goes wrong is closed, the lock last
        opened.callback(lock.release)
        app = _built(project, clock or SystemClock(), lock, opened)
        opened.pop_all()
    return app


def close_to_others(data: Path) -> None:
    """The data folder is for this user alone: names, phone numbers, what is going to be signed. One that others may
    enter is closed, and that is said. Raises StoreError when it is somebody else's, or cannot be made or written."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError.of("app.data_make", path=data, error=reason(error)) from error
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise StoreError.of("app.data_write", path=data, user=getpass.getuser())
    mode = stat.S_IMODE(data.stat().st_mode)
    if not mode & 0o077:
        return
    try:
        data.chmod(mode & 0o700)
    except OSError as error:
        raise StoreError.of("app.data_open", path=data, mode=f"{mode:04o}", error=reason(error)) from error
    log.warning("data_dir was open to other users: it is not any more", path=str(data), mode=f"{mode:04o}")


def _built(project: Project, clock: Clock, lock: FileLock, opened: ExitStack) -> App:
    settings, threads = project.settings, Threads()
    data, partition = settings.data_dir, settings.partition
    expected_stores.check_present(data)
    database = _database(data / "fieldgate.sqlite")
    opened.callback(database.dispose)
    series_store = SERIES[settings.series.type].build(data, settings.series, clock)
    opened.callback(series_store.close)
    consumed = max(Desk(DeskBooks(database), partition=partition).cursor(), series_store.cursor(partition))
    journal = SqliteJournal(data / JOURNAL, settings.journal, partition=partition, consumed=consumed, lock=lock)
    opened.callback(journal.close)
    if (stored := series_store.cursor(partition)) < (floor := journal.stats().floor):
        raise StoreError.of("store.series.behind", path=data / "series", cursor=stored, floor=floor)
    found = {"database": identity(data / "fieldgate.sqlite"), "journal": journal.identity, "series": 0}
    expected_stores.settle(data, found)
    registry = Registry(SqlRegistryStore(database, clock, settings.tenant), settings.tenant, clock)
    registry.recover(_definitions(journal))
    desk = _desk(project, database, journal.lease(partition, settings.name))
    snapshots = Snapshots(data / "snapshots", partition)
    engine, start = _engine(journal, snapshots, desk.cursor(), settings)
    steady = clock.steady if isinstance(clock, SystemClock) else clock.now
    intake = Intake(
        journal, registry, clock, settings.intake, partition=partition, steady=steady, tenant=settings.tenant
    )
    ticker = Ticker(intake)
    audit = SecurityAudit(database, settings.tenant)
    outbox, deliveries = SqlControlOutbox(database), SqlDeliveryQueue(database, settings.tenant)
    sinks = {name: endpoint_sink(project, name, clock) for name in settings.endpoints}
    relay = Relay(deliveries, sinks, clock, threads.runner("desk"), settings.delivery)
    committed = Committed(Latency(), relay, clock, AlarmLog(registry.device_by_id, steady))
    rules = RulesConsumer(
        journal, engine, desk, snapshots, clock, rules_thread=threads.runner("rules"), partition=partition,
        desk_thread=threads.runner("desk"), start=start, on_commit=committed, on_due=ticker.nudge,
        most_work=settings.journal.max_bytes // SNAPSHOT_SHARE,
    )  # fmt: skip
    series = SeriesConsumer(journal, series_store, threads.runner("series"), partition)
    reruns = Reruns(
        rules, engine, series, series_store, rules_thread=threads.runner("rules"),
        series_thread=threads.runner("series"), journal=intake.facts,
        worker=partial(LookBackProcess.start, LOOK_BACK),
        until=lambda: clock.now() + settings.clock.ahead_limit,
    )  # fmt: skip
    rules.tell = lambda found: told(found, engine.rules)
    rules.on_wanted, rules.on_decided = reruns.wake, committed.told.decided
    make = _make(registry, journal, clock, desk, database)
    app = App(
        clock=clock, lock=lock, threads=threads, database=database, desk=desk, deliveries=deliveries,
        queries=Queries(database, settings.tenant), keys=ApiKeys(database, settings.tenant), audit=audit,
        inbox=Inbox(database, settings.tenant), outbox=outbox, series_store=series_store, journal=journal,
        registry=registry, engine=engine, intake=intake, ticker=ticker, sinks=sinks, relay=relay, snapshots=snapshots,
        pump=ControlPump(outbox, intake, threads.runner("desk")), rules=rules, committed=committed,
        series=series, reruns=reruns, reload=Reload(project, clock),
        rule_journal=RuleJournal(intake.facts, audit, threads.runner("desk"), clock),
        sources={name: make.source(project, name) for name in settings.sources}, verify_callback=make.verify(project),
    )  # fmt: skip
    app.reload.apply = Takeover(app, make)
    return app


def _database(path: Path) -> Database:
    """Looked at, then brought to this release."""
    if path.exists() and (what := damage(path, LOOK)):
        raise StoreError.of("store.damaged", path=path, what=worded(what))
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    return database


def _definitions(journal: SqliteJournal) -> list[Any]:
    found, after = [], 0
    while records := journal.kept(RecordKind.DEFINE, after, KEPT):
        found += [record.body for record in records]
        after = records[-1].seq
    return found


def _engine(journal: SqliteJournal, snapshots: Snapshots, cursor: int, settings: Settings) -> tuple[Engine, int]:
    """The newest valid snapshot, else an engine that has seen what retention always keeps: definitions and facts."""
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


def _desk(project: Project, database: Database, epoch: int) -> Desk:
    settings = project.settings
    desk = Desk(DeskBooks(database, settings.mask), tenant=settings.tenant, partition=settings.partition, epoch=epoch)
    _use(desk, database, project)()
    return desk


def _use(desk: Desk, database: Database, project: Project) -> Callable[[], None]:
    """What lets the desk decide by `project`. Raises ConfigError."""
    settings = project.settings
    routes = [
        EndpointRoute(name, adapter.payload, tuple(adapter.events(config)), settings.language)
        for name, config in settings.endpoints.items()
        if (adapter := ENDPOINTS[config.type])
    ]
    api = settings.api.url or settings.api.address
    policy = DeskPolicy(
        installation=settings.name, zone=ZoneInfo(settings.timezone),
        recheck_after=settings.desk.recheck_after, tell_after=settings.desk.tell_after,
        digest_every=settings.desk.digest_every, digest_template=settings.desk.digest_template,
        types={name: OrderType(kind.auto_close, kind.safety) for name, kind in settings.desk.order_types.items()},
        page=f"{api}/v1/work-orders/{{no}}", callback=f"{api}/v1/callbacks/{_answering(settings)}",
        language=settings.language,
    )  # fmt: skip
    audience = CustomerAudience(database, settings.desk.audiences, settings.tenant)
    templates = Templates(project.templates, str(settings.templates or ""))
    books = DeskBooks(database, settings.mask)
    return partial(desk.use, books, policy, routes=routes, templates=templates, audience=audience)


def _answering(settings: Settings) -> str:
    """Events are the same for all endpoints: with several of them, the receiver puts its own name into the link."""
    names = [name for name, config in settings.endpoints.items() if ENDPOINTS[config.type].verify is not None]
    return names[0] if len(names) == 1 else "{endpoint}"


def _verifier(clock: Clock, project: Project) -> Verify:
    return partial(_verified, project.settings, clock)


def _verified(settings: Settings, clock: Clock, endpoint: str, headers: Mapping[str, str], body: bytes) -> str:
    """See `gateway.app.lifecycle.Verify`."""
    config = settings.endpoints[endpoint]
    verify = ENDPOINTS[config.type].verify
    if verify is None:
        raise KeyError(endpoint)
    return verify(config, headers, body, clock.now() // SECOND, settings.api.callback_skew // SECOND)


def endpoint_sink(project: Project, name: str, clock: Clock) -> Sink:
    """What speaks to the endpoint `name`."""
    config = project.settings.endpoints[name]
    return ENDPOINTS[config.type].build(name, config, clock)


def _make(registry: Registry, journal: SqliteJournal, clock: Clock, desk: Desk, database: Database) -> Make:
    services = partial(_services, registry, journal, clock)
    return Make(
        sink=partial(endpoint_sink, clock=clock), source=partial(_source, services),
        adjust=partial(_adjusted, services), desk=partial(_use, desk, database), verify=partial(_verifier, clock),
    )  # fmt: skip


def _services(registry: Registry, journal: SqliteJournal, clock: Clock, project: Project, name: str) -> SourceServices:
    return project.services(name, registry, journal, clock, lambda: registry.known().devices)


def _source(services: Callable[[Project, str], SourceServices], project: Project, name: str) -> Source:
    config = project.settings.sources[name]
    return SOURCES[config.type].build(name, config, services(project, name))


def _adjusted(
    services: Callable[[Project, str], SourceServices], source: Source, before: Project, project: Project
) -> Callable[[], bool] | None:
    """See `gateway.app.apply_changes.Make`."""
    name = source.name
    config = project.settings.sources[name]
    if before.settings.sources[name].type != config.type:
        return None
    return SOURCES[config.type].adjust(source, config, services(before, name), services(project, name))
