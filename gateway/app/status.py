"""The status of the running gateway, collected from what its parts publish."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.app.progress import Consumers
from gateway.app.running_endpoints import RunningEndpoints
from gateway.app.running_sources import RunningSources
from gateway.app.stores_beside import task
from gateway.domain.reloaded import Reloaded
from gateway.health import ConsumerStatus, GatewayStatus, IntakeStatus, StoreStatus, TaskStatus
from gateway.intake import Intake, Ticker
from gateway.journal import SqliteJournal
from gateway.latency import Latency
from gateway.registry import Registry
from gateway.supervisor import Supervisor, TaskHealth


@dataclass(slots=True)
class Readiness:
    """`ready`: the gateway is live; `started` µs, 0 = not yet."""

    ready: bool = False
    started: int = 0


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Called on the ingest loop, which owns the parts; the result may be read in any thread. `store`: the name of
    the store that readings are read from."""

    readiness: Readiness
    supervisor: Supervisor
    sources: RunningSources
    intake: Intake
    ticker: Ticker
    journal: SqliteJournal
    registry: Registry
    consumers: Consumers
    store: str
    latency: Latency
    delivery: RunningEndpoints
    files: Callable[[], Reloaded]

    def __call__(self) -> GatewayStatus:
        """The present status."""
        tasks = {name: TaskStatus(one.up, one.restarts, one.error) for name, one in self.supervisor.health.items()}
        return GatewayStatus(
            self.readiness.ready,
            self.readiness.started,
            self.supervisor.fatal.is_set(),
            tasks,
            {name: source.trouble() for name, source in self.sources.running.items()},
            self._intake(),
            self.journal.stats(),
            self._consumers(),
            self.consumers.rules.status,
            self.delivery.relay.stats(),
            self.files(),
            self.registry.refused(),
            self.registry.refused_texts,
        )

    def _intake(self) -> IntakeStatus:
        intake, ticker = self.intake, self.ticker
        return IntakeStatus(
            {source: intake.balance(source) for source in intake.sources()},
            intake.balance(),
            intake.watermark.newest,
            ticker.last.suspect,
            dict(intake.steps),
            intake.last_step,
            intake.stepped,
            ticker.missed,
            ticker.failing or intake.failing,
            intake.plausibility.counts.by_reason(),
        )

    def _consumers(self) -> ConsumerStatus:
        rules, main = self.consumers.rules, self.consumers.series
        stored, health = main.progress, self.supervisor.health
        stores = {self.store: StoreStatus(stored, error=_error(health.get("series")))}
        for name, one in self.consumers.beside.stores.items():
            stores[name] = StoreStatus(one.progress, one.missed, one.filled, _error(health.get(task(name))))
        return ConsumerStatus(
            rules.judged,
            rules.committed,
            rules.transitions,
            stored,
            self.intake.journaled_readings.upto(stored.cursor),
            *self.latency.values(),
            stores,
        )


def _error(task: TaskHealth | None) -> BaseException | None:
    return None if task is None or task.up else task.error
