"""Access of the API to the running gateway: settings and status as values, stores and parts as ports.

The API has no engine, intake, journal, consumer or registry of its own: these publish a status, take commands as SQL
transactions, and are reached through `gateway.ports`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, cast

from fastapi import Depends, Request

from gateway.api.config import ApiConfig, HealthConfig
from gateway.api.event_loops import OwnerLoop
from gateway.delivery import EndpointStats, EndpointTestResult
from gateway.desk import Desk, DeskPolicy
from gateway.desk.sla import SlaPolicies
from gateway.desk.sla.policy import NO_POLICIES
from gateway.device_commands import CommandRequests
from gateway.device_commands.requests import Allowed
from gateway.domain.attribute_mask import AttributeMask
from gateway.domain.delivery import Delivery
from gateway.domain.engine_status import EngineStatus
from gateway.domain.plausible import AbnormalCounts
from gateway.domain.reloaded import Reloaded
from gateway.domain.text import Lang
from gateway.health import GatewayStatus, HealthState
from gateway.import_service.service import Imports
from gateway.ports import Blocking, Clock, JournalView, RegistryView, SeriesStore
from gateway.store import Repositories

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Parts of the configuration that the API shows. `order_types`: every type an order may have; `endpoints` by
    name: the configuration of each; `accept_late` µs: older readings are stored, never judged; `timezone` and `sla`:
    how the clocks of orders count; `desk`: the settings of the desk."""

    name: str
    tenant: str
    partition: int
    language: Lang
    mask: AttributeMask
    data_dir: Path
    api: ApiConfig
    health: HealthConfig
    order_types: frozenset[str]
    endpoints: Mapping[str, Any]
    accept_late: int = 0
    timezone: str = "UTC"
    sla: SlaPolicies = NO_POLICIES
    desk: DeskPolicy = field(default_factory=DeskPolicy)


class Deliverer(Protocol):
    """The part of the relay that the API uses."""

    def notify(self) -> None:
        """Deliveries were queued or enabled. May be called from any thread."""

    def stats(self) -> Mapping[str, EndpointStats]:
        """Statistics by endpoint. Runs on the ingest loop."""

    async def test_endpoint(self, endpoint: str, delivery: Delivery) -> EndpointTestResult:
        """Send the delivery now, outside the queue. Runs on the ingest loop. Raises KeyError for an unknown
        endpoint."""


@dataclass(frozen=True, slots=True)
class CommandAccess:
    """Commands to devices. `requests` works in the desk's thread; `allowed`: what the configuration in force allows for
    a device; `notify` the sender, from any thread; `counts`: states reached since the start, by name."""

    requests: CommandRequests
    allowed: Allowed
    notify: Callable[[], None]
    counts: Callable[[], Mapping[str, int]]


Verify = Callable[[str, Mapping[str, str], bytes], str]
"""(endpoint, headers, body) -> the webhook-id of a callback that one of the endpoint's live secrets signed, within
`api.callback_skew`. Blocking. Raises KeyError for an endpoint that has no callbacks, ValueError (a short reason) for a
message that must not be trusted, OSError when the secret cannot be read."""


@dataclass(frozen=True, slots=True)
class Context:
    """Access of the API to the gateway. The callables return the present value.

    The ingest loop owns `look` (status and its problems), `sources`, `abnormal` (counts of marked readings), `pump`
    (facts into the journal), `reload` (with the actor), `imports`, `stop_for` (an error that ends the process) and some
    of the relay; they are reached only through `in_ingest`. The stores have threads of their own; `engine`, registry
    and queries may be called from any thread.
    """

    clock: Clock
    in_force: Callable[[], ApiSettings]
    sql: Repositories
    desk: Desk
    commands: CommandAccess
    registry: RegistryView
    journal: JournalView
    series_store: SeriesStore
    desk_thread: Blocking
    series_thread: Blocking
    engine: Callable[[], EngineStatus]
    ingest: OwnerLoop
    look: Callable[[], tuple[GatewayStatus, HealthState]]
    sources: Callable[[], Mapping[str, Any]]
    relay: Deliverer
    imports: Imports
    abnormal: AbnormalCounts
    pump: Callable[[], Awaitable[object]]
    reload: Callable[[str], Awaitable[Reloaded]]
    stop_for: Callable[[BaseException], None]
    verify_callback: Verify

    @property
    def settings(self) -> ApiSettings:
        """The configuration in force."""
        return self.in_force()


def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


Gateway = Annotated[Context, Depends(_context)]
"""The parameter `context` of a handler."""


async def in_desk(context: Context, call: Callable[[], T]) -> T:
    """Run `call` in the thread of the one SQL writer and return its result."""
    result: T = await context.desk_thread(call)
    return result


async def in_series(context: Context, call: Callable[[], T]) -> T:
    """Run `call` in the thread of the series store and return its result."""
    result: T = await context.series_thread(call)
    return result


async def in_ingest(context: Context, make: Callable[[], Awaitable[T]]) -> T:
    """Await `make()` on the ingest loop. It must be short."""
    return await context.ingest.run(make)
