"""The running gateway: the order in which parts start and stop. Built by `gateway.app.build`.

Start: health answers; ticks; the consumers replay the journal; device list and rules of the files are journaled; then
sources, relay and API. Stop: API and sources first, then work under way, then snapshots and files.
"""

import asyncio
from dataclasses import dataclass

import structlog

from gateway.api.context import Context
from gateway.api.server import ApiServer
from gateway.app.apply_changes import ApplyChanges
from gateway.app.housekeeping import Housekeeping
from gateway.app.in_force import ProjectInForce
from gateway.app.progress import JUDGE, Consumers
from gateway.app.reload import CONFIGURATION, Reload
from gateway.app.running_endpoints import RunningEndpoints
from gateway.app.running_sources import RunningSources
from gateway.app.status import Readiness
from gateway.app.stores import OpenStores
from gateway.app.threads import Threads
from gateway.desk import Desk
from gateway.device_commands import CommandSender
from gateway.health import HealthMonitor
from gateway.import_service.service import Imports
from gateway.intake import ControlPump, Intake, Ticker
from gateway.ports import Clock
from gateway.scheduler import Scheduler
from gateway.settings.model import Settings
from gateway.settings.project import Project
from gateway.supervisor import Supervisor

log = structlog.get_logger()
STORE_RETRY = 5.0  # seconds between two tries, at most: a small journal fills while a store is away


@dataclass(frozen=True, slots=True)
class Ingest:
    """Parts that write to the journal (readings of the sources, time, facts decided in SQL), and the sender of commands
    to devices."""

    intake: Intake
    ticker: Ticker
    pump: ControlPump
    sources: RunningSources
    sender: CommandSender


@dataclass(frozen=True, slots=True)
class Operation:
    """Parts that supervise, reload and monitor."""

    supervisor: Supervisor
    scheduler: Scheduler
    housekeeping: Housekeeping
    changes: ApplyChanges
    reload: Reload
    monitor: HealthMonitor
    readiness: Readiness


@dataclass(slots=True)
class App:
    """A built gateway. `start` returns when it is live, `stop` when everything is on disk."""

    clock: Clock
    threads: Threads
    in_force: ProjectInForce
    stores: OpenStores
    ingest: Ingest
    consumers: Consumers
    desk: Desk
    delivery: RunningEndpoints
    imports: Imports
    operation: Operation
    context: Context
    api: ApiServer | None = None

    @property
    def project(self) -> Project:
        """The configuration in force, with all its files."""
        return self.in_force.project

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.in_force.settings

    async def start(self, *, serving: bool = True) -> None:
        """Replay to the head of the journal, update registry and rules from the files, then start sources and API.

        Without `serving` (an import while no gateway runs) there is no source, relay, API or deadline, and engine time
        stands still, so that no silence is detected meanwhile.
        """
        operation, progress = self.operation, self.consumers.progress
        operation.readiness.started = self.clock.now()
        self.context.ingest.bind(asyncio.get_running_loop())
        if serving:
            self.api = ApiServer(self.context)
            await self.api.listen()
        await self.ingest.ticker.start()
        self._start_consumers()
        await progress.wait_judged(progress.head())
        await self.threads.desk(lambda: self.stores.registry.apply(self.project.declared))
        await self.ingest.pump.pump()
        await operation.changes.rules(self.project, CONFIGURATION)
        await progress.wait_judged(progress.head())
        operation.supervisor.start("reruns", self.consumers.reruns.run)
        self.imports.recover()
        if self.api is not None:
            await self._serve(self.api)

    def _start_consumers(self) -> None:
        supervisor, rules = self.operation.supervisor, self.consumers.rules
        supervisor.start(JUDGE, rules.judge, fatal=True)
        supervisor.start("rules.commit", rules.commit, longest=STORE_RETRY)
        supervisor.start("series", self.consumers.series.run, longest=STORE_RETRY)
        self.consumers.beside.start(supervisor)

    async def _serve(self, api: ApiServer) -> None:
        operation = self.operation
        await self.delivery.reclaim()
        for name, run in (
            ("imports", self.imports.run), ("reload", operation.reload.run), ("ticker", self.ingest.ticker.run),
            ("relay", self.delivery.relay.run), ("watch", operation.monitor.run),
        ):  # fmt: skip
            operation.supervisor.start(name, run)
        self.ingest.sources.start()
        operation.supervisor.start("device_commands", self.ingest.sender.run)
        operation.housekeeping.schedule(operation.scheduler)
        await api.start()
        operation.readiness.ready = True
        log.info(
            "gateway live",
            name=self.settings.name,
            api=api.url,
            devices=len(self.project.declared.devices),
            rules=len(self.project.rulebook.rules),
            ms=(self.clock.now() - operation.readiness.started) // 1000,
        )

    async def abandon(self) -> None:
        """Stop at once without saving; the next start replays the rest from disk."""
        await self._refuse_callers()
        await self.operation.supervisor.stop(JUDGE)
        await self.operation.supervisor.stop()
        await self._close()

    async def stop(self) -> None:
        """Stop; nothing acknowledged is lost."""
        supervisor, consumers = self.operation.supervisor, self.consumers
        relay = asyncio.create_task(supervisor.stop("relay"))  # attempts under way take their time meanwhile
        await self._refuse_callers()
        await supervisor.stop("imports", "reload", "device_commands", *self.ingest.sources.tasks())
        await self.ingest.intake.drain()
        await self.operation.housekeeping.save_plausibility()
        await supervisor.stop("ticker", "reruns")
        await supervisor.stop(JUDGE)
        await supervisor.stop("rules.commit", "series")
        head = consumers.progress.head()
        await consumers.rules.drain(head)
        await asyncio.gather(consumers.series.drain(head), consumers.beside.stop(supervisor, head))
        await relay
        await self.threads.desk(self.stores.registry.save_texts)
        await self.delivery.close()
        await self._close()

    async def _refuse_callers(self) -> None:
        self.operation.readiness.ready = False
        self.operation.scheduler.stop()
        if self.api is not None:
            await self.api.stop()

    async def _close(self) -> None:
        """Close the files, off the event loop: whoever waits for this may have to give up."""
        await self.consumers.beside.close()
        await self.threads.series(self.stores.series.close)
        # The journal last: it lets others have the data.
        for close in (self.threads.close, self.stores.sql.database.close, self.stores.journal.close):
            await asyncio.to_thread(close)
