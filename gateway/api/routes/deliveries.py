"""Deliveries and endpoints."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Path, Query, Request, status

from gateway.adapters import ENDPOINTS
from gateway.api import problems
from gateway.api.access import Operator, Repairer
from gateway.api.context import Context, Gateway, in_desk, in_ingest
from gateway.api.values import MAX_INT, Cursor, Instant, Limit, Line, PageView, ResponseModel, refused
from gateway.delivery import explain
from gateway.domain.delivery import Delivery
from gateway.domain.errors import CommandError, Conflict
from gateway.domain.text import localize
from gateway.store.queries import AttemptRow, DeliveryFilter, DeliveryRow

router = APIRouter(prefix="/v1", tags=["deliveries"])
DeliveryId = Annotated[int, Path(ge=1, le=MAX_INT)]
log = structlog.get_logger()


class DeliveryView(ResponseModel):
    """An event to be sent to an endpoint. `next_at`: time of the next attempt while it is not settled."""

    id: int
    endpoint: str
    event: str
    type: str
    subject: str
    state: str
    attempt: int
    next_at: Instant | None
    reason: str
    reference: str
    created_at: Instant
    updated_at: Instant


class AttemptView(ResponseModel):
    """One attempt. `status` is the HTTP status, 0 = no answer; `latency` in s; `charged`: it counts towards giving
    up."""

    attempt: int
    at: Instant
    state: str
    status: int
    reason: str
    excerpt: str
    latency: float
    charged: bool


class AttemptsView(ResponseModel):
    """Attempts, oldest first."""

    items: list[AttemptView]


class EndpointView(ResponseModel):
    """One configured OA or notice target; counts since the start. `disabled`: the reason, "" = it is enabled."""

    name: str
    type: str
    host: str
    disabled: str
    breaker: str
    delivered: int
    retried: int
    dead: int
    in_flight: int
    last_error: str
    last_delivered_at: Instant | None
    latency: float


class EndpointsView(ResponseModel):
    """Endpoints by name."""

    items: list[EndpointView]


@router.get("/deliveries")
async def list_deliveries(
    context: Gateway,
    _: Operator,
    state: Annotated[Literal["pending", "leased", "delivered", "dead"] | None, Query()] = None,
    endpoint: Annotated[Line, Query()] = "",
    subject: Annotated[Line, Query()] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[DeliveryView]:
    """Newest first; `state=dead` lists those that were given up."""
    want = DeliveryFilter(state or "", endpoint, subject)
    page = await asyncio.to_thread(context.sql.queries.deliveries, want, limit, cursor)
    return PageView(items=[_view(row) for row in page.items], next=page.next)


@router.get("/deliveries/{delivery}/attempts")
async def list_attempts(context: Gateway, _: Operator, delivery: DeliveryId) -> AttemptsView:
    """All attempts, oldest first; none for a delivery that was not tried yet."""
    rows = await asyncio.to_thread(context.sql.queries.attempts, delivery)
    return AttemptsView(items=[_attempt(row) for row in rows])


@router.post("/deliveries/{delivery}/redeliver", status_code=status.HTTP_202_ACCEPTED)
async def redeliver(context: Gateway, principal: Repairer, delivery: DeliveryId) -> None:
    """Send it again: the same bytes with the same id. A receiver that has it already ignores it."""
    now = context.clock.now()
    entry = principal.audited(now, "delivery.redeliver", str(delivery))
    count = await in_desk(context, partial(context.sql.deliveries.redeliver, [delivery], now, entry))
    if not count:
        raise await _not_again(context, delivery)
    log.info("redelivery", delivery=delivery, actor=principal.key.name)
    context.relay.notify()


async def _not_again(context: Context, delivery: int) -> CommandError:
    """Reason why a delivery is not sent again: it does not exist, is still under way, or its bytes were deleted."""
    found = await asyncio.to_thread(context.sql.queries.delivery, delivery)
    if found is None:
        return refused(404, "unknown_delivery", id=delivery)
    if found.state in {"pending", "leased"}:
        possible = ("wait", "enable_endpoint") if found.state == "pending" else ("wait",)
        return Conflict("not_settled", possible, key="api.not_settled", fields={"id": delivery})
    return Conflict("forgotten", ("read_subject",), key="api.forgotten", fields={"id": delivery})


@router.get("/endpoints")
async def list_endpoints(context: Gateway, _: Operator) -> EndpointsView:
    """State and counts of each endpoint."""
    disabled = await asyncio.to_thread(context.sql.deliveries.disabled)
    stats = await _stats(context)
    endpoints = context.settings.endpoints
    names = sorted(endpoints.keys() & stats.keys())  # either may just have changed
    return EndpointsView(items=[_endpoint(endpoints[name], name, disabled, stats[name]) for name in names])


@router.post("/endpoints/{name}/enable")
async def enable(context: Gateway, principal: Repairer, name: Annotated[str, Path(max_length=60)]) -> EndpointView:
    """Enable an endpoint that answered 410 Gone: its deliveries are sent again."""
    if name not in context.settings.endpoints:
        raise refused(404, "unknown_endpoint")
    entry = principal.audited(context.clock.now(), "endpoint.enable", name)
    await in_desk(context, partial(context.sql.deliveries.enable, name, entry))
    log.info("endpoint enabled", endpoint=name, actor=principal.key.name)
    context.relay.notify()
    disabled = await asyncio.to_thread(context.sql.deliveries.disabled)
    stats, config = (await _stats(context)).get(name), context.settings.endpoints.get(name)
    if stats is None or config is None:
        raise refused(404, "unknown_endpoint")
    return _endpoint(config, name, disabled, stats)


class TestView(ResponseModel):
    """Result of a test event. `status` is the HTTP status, 0 = no answer; `latency` in s; `answer`: an excerpt of
    the body without secrets; `look_for`: advice in the caller's language."""

    endpoint: str
    event: str
    ok: bool
    status: int
    latency: float
    reason: str
    answer: str
    look_for: str


@router.post("/endpoints/{name}/test")
async def send_test(
    context: Gateway, principal: Repairer, name: Annotated[str, Path(max_length=60)], request: Request
) -> TestView:
    """Send a signed `endpoint.test` event now, outside the queue. It concerns no order and is not counted."""
    config, lang = context.settings.endpoints.get(name), problems.language(request.headers)
    if config is None:
        raise refused(404, "unknown_endpoint")
    if ENDPOINTS[config.type].payload != "event":
        raise refused(422, "no_test", name=name)
    event = context.desk.endpoint_test(name, principal.actor, context.clock.now())
    delivery = Delivery(event.id, name, event.type, event.subject, event.body, event.content_type, 1)
    trial = await in_ingest(context, partial(context.relay.test_endpoint, name, delivery))
    detail = f"{trial.status} {trial.reason}".strip()
    entry = principal.audited(context.clock.now(), "endpoint.test", name, detail)
    await in_desk(context, partial(context.sql.audit.add, entry))
    return TestView(
        endpoint=name,
        event=event.id,
        ok=trial.ok,
        status=trial.status,
        latency=trial.latency / 1e6,
        reason=explain(trial.reason, lang) if trial.reason else "",
        answer=trial.answer,
        look_for=localize(f"delivery.hint.{trial.hint}", lang),
    )


def _view(row: DeliveryRow) -> DeliveryView:
    return DeliveryView(
        id=row.id,
        endpoint=row.endpoint,
        event=row.event,
        type=row.type,
        subject=row.subject,
        state=row.state,
        attempt=row.attempt,
        next_at=row.next_at if row.state in ("pending", "leased") else None,
        reason=row.reason,
        reference=row.reference,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _attempt(row: AttemptRow) -> AttemptView:
    return AttemptView(
        attempt=row.attempt,
        at=row.at,
        state=row.state,
        status=row.status,
        reason=row.reason,
        excerpt=row.excerpt,
        latency=row.latency / 1e6,
        charged=row.charged,
    )


async def _stats(context: Context) -> Mapping[str, Any]:
    async def read() -> Mapping[str, Any]:
        return context.relay.stats()

    return await in_ingest(context, read)


def _endpoint(config: Any, name: str, disabled: dict[str, str], stats: Any) -> EndpointView:
    """`config` as the API shows it. Of the URL only the host: vendors put tokens into the rest."""
    return EndpointView(
        name=name,
        type=config.type,
        host=urlsplit(config.url).hostname or "",
        disabled=disabled.get(name, ""),
        breaker=stats.breaker,
        delivered=stats.delivered,
        retried=stats.retried,
        dead=stats.dead,
        in_flight=stats.in_flight,
        last_error=stats.last_error,
        last_delivered_at=stats.last_delivered_at or None,
        latency=stats.latency / 1e6,
    )
