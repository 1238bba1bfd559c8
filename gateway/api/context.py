"""What the API needs of the running gateway, exactly; the App has it all."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, cast

from fastapi import Depends, Request

from gateway.api.config import ApiConfig, HealthConfig
from gateway.api.event_loops import await_on
from gateway.desk import Desk
from gateway.domain.attribute_mask import Mask
from gateway.domain.delivery import Delivery
from gateway.domain.errors import Problem, StoreError
from gateway.domain.record import Tick
from gateway.domain.text import Lang
from gateway.health import HealthState
from gateway.import_service.service import Imports
from gateway.intake import ControlPump, Intake
from gateway.journal import SqliteJournal
from gateway.ports import Clock, SeriesStore, Written
from gateway.registry import Registry
from gateway.store import ApiKeys, Database, Inbox, Queries, SecurityAudit, SqlControlOutbox, SqlDeliveryQueue

T = TypeVar("T")


class Runners(Protocol):
    """The threads of the stores."""

    def runner(self, name: str) -> Callable[[Callable[[], Any]], Awaitable[Any]]:
        """Runs calls one after another in the thread `rules`, `desk` or `series`."""


class DeskSettings(Protocol):
    """`desk:`."""

    @property
    def order_types(self) -> Mapping[str, object]:
        """Every type an order may have."""


class ApiSettings(Protocol):
    """The parts of the configuration that show here."""

    @property
    def name(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def language(self) -> Lang: ...
    @property
    def mask(self) -> Mask: ...
    @property
    def data_dir(self) -> Path: ...
    @property
    def api(self) -> ApiConfig: ...
    @property
    def health(self) -> HealthConfig: ...
    @property
    def desk(self) -> DeskSettings: ...
    @property
    def endpoints(self) -> Mapping[str, Any]: ...


class RulesProgress(Protocol):
    """How far the rules are."""

    judged: int
    committed: int
    transitions: int


class SeriesStatus(Protocol):
    """What the series store did, all of one moment: `gateway.consumers.series.Progress`."""

    @property
    def cursor(self) -> int: ...
    @property
    def written(self) -> Written: ...
    @property
    def replayed(self) -> Written: ...


class SeriesProgress(Protocol):
    """How far the series store is."""

    @property
    def progress(self) -> SeriesStatus: ...


class JudgedCounts(Protocol):
    """Readings by what the rules made of them: `rules.engine.frames.frames.Counts`."""

    judged: int
    late: int
    duplicate: int
    conflict: int
    unknown: int


class RuleCounts(Protocol):
    """The rules."""

    @property
    def counts(self) -> JudgedCounts: ...
    @property
    def rules(self) -> Mapping[str, object]:
        """Rules in force."""

    @property
    def broken(self) -> Mapping[str, str]:
        """Rules whose newest source does not compile -> the reason."""

    def glitches(self, device: int | None = None) -> Mapping[str, int]:
        """Point -> falls of its counter that were taken back: of a device as known now, None = all so far."""


class Ticks(Protocol):
    """The ticker."""

    missed: int
    last: Tick
    failing: StoreError | None


class Latencies(Protocol):
    """µs from the cause to the committed order."""

    reading: deque[int]
    timer: deque[int]


class TaskStatus(Protocol):
    """Of one supervised task."""

    up: bool
    restarts: int
    error: BaseException | None


class Tasks(Protocol):
    """The supervisor."""

    fatal: asyncio.Event
    broken: BaseException | None

    @property
    def health(self) -> Mapping[str, TaskStatus]:
        """Task -> how it is."""


class Deliverer(Protocol):
    """The relay."""

    def notify(self) -> None:
        """Something was queued or enabled."""

    def stats(self) -> Mapping[str, Any]:
        """Endpoint -> `gateway.delivery.endpoint_state.EndpointStats`."""

    async def trial(self, endpoint: str, delivery: Delivery) -> Any:
        """A `gateway.delivery.Trial`: sent now, beside the queue."""


class ReloadStatus(Protocol):
    """What came of a look at the files of the configuration."""

    @property
    def changed(self) -> int:
        """How much changed."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Why everything stayed as it was; empty = it is as the files say."""

    @property
    def at_start(self) -> Sequence[str]:
        """Keys that differ from the file until the next start."""


class Reloads(Protocol):
    """What follows the files of the configuration."""

    @property
    def last(self) -> ReloadStatus:
        """The newest look at them."""

    async def reload(self, actor: str, *, asked: bool = False) -> ReloadStatus:
        """Look now."""


class Watched(Protocol):
    """What looks at the gateway as a whole."""

    def look(self) -> HealthState:
        """As it is now; on the loop that devices are read on."""


class Context(Protocol):
    """The gateway, seen from its API. `ready`: it is live; `started` µs; `loop`: the one that devices are read on (None
    while nothing runs). What belongs to that loop is reached by `in_ingest` alone: sources, intake, pump, imports, the
    relay's counts, the supervisor's `fatal`. The stores have threads of their own; registry and queries may be asked
    from anywhere."""

    ready: bool
    started: int
    loop: asyncio.AbstractEventLoop | None

    @property
    def settings(self) -> ApiSettings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def threads(self) -> Runners: ...
    @property
    def desk(self) -> Desk: ...
    @property
    def queries(self) -> Queries: ...
    @property
    def deliveries(self) -> SqlDeliveryQueue: ...
    @property
    def keys(self) -> ApiKeys: ...
    @property
    def database(self) -> Database: ...
    @property
    def audit(self) -> SecurityAudit: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def outbox(self) -> SqlControlOutbox: ...
    @property
    def journal(self) -> SqliteJournal: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def intake(self) -> Intake: ...
    @property
    def pump(self) -> ControlPump: ...
    @property
    def ticker(self) -> Ticks: ...
    @property
    def engine(self) -> RuleCounts: ...
    @property
    def rules(self) -> RulesProgress: ...
    @property
    def series(self) -> SeriesProgress: ...
    @property
    def series_store(self) -> SeriesStore: ...
    @property
    def sources(self) -> Mapping[str, Any]: ...
    @property
    def relay(self) -> Deliverer: ...
    @property
    def latency(self) -> Latencies: ...
    @property
    def supervisor(self) -> Tasks: ...
    @property
    def imports(self) -> Imports: ...
    @property
    def reload(self) -> Reloads: ...
    @property
    def watch(self) -> Watched: ...

    def verify_callback(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> str:
        """The webhook-id of a callback that one of the endpoint's live secrets signed, within `api.callback_skew`.

        Blocking. Raises KeyError for an endpoint that has no callbacks, ValueError (a short reason) for a message that
        must not be trusted, OSError when the secret cannot be read.
        """


def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


Gateway = Annotated[Context, Depends(_context)]
"""The parameter `context` of a handler."""


async def in_desk(context: Context, call: Callable[[], T]) -> T:
    """Runs where the one SQL writer lives."""
    result: T = await context.threads.runner("desk")(call)
    return result


async def in_series(context: Context, call: Callable[[], T]) -> T:
    """Runs where the series store lives."""
    result: T = await context.threads.runner("series")(call)
    return result


async def in_ingest(context: Context, make: Callable[[], Awaitable[T]]) -> T:
    """Awaits `make()` on the loop that devices are read on: keep it short."""
    return await await_on(context.loop, make)
