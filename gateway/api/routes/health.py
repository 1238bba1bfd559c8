"""Liveness, readiness, metrics and the OpenAPI document."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from gateway.api.context import Context, Gateway, in_ingest
from gateway.api.webhooks import with_webhooks
from gateway.delivery.reasons import Reason
from gateway.domain.errors import SourceError, SourceRejected, StoreError, StoreFull, StoreRejected, StoreUnavailable
from gateway.domain.language_values import Phrase
from gateway.domain.text import Lang
from gateway.health import GatewayStatus, HealthState, Trouble

router = APIRouter(tags=["health"])
brief = APIRouter(tags=["health"])
"""For a listener that other machines reach: the status only, without texts."""
PULSE_SECONDS = 5.0
PROBE_SECONDS = 2.0
VITAL = ("rules.judge", "rules.commit", "series", "ticker")
"""Tasks without which nothing is evaluated or stored. A source or an endpoint that is down does not make the gateway
unready."""
ERROR_TEXTS = (
    (StoreFull, "ready.why.full"),
    (StoreUnavailable, "ready.why.unavailable"),
    (SourceRejected, "ready.why.rejected"),
    (StoreRejected, "ready.why.rejected"),
    (SourceError, "ready.why.source"),
)
FULL = {"journal.full": "ready.why.journal_full", "journal.disk_floor": "ready.why.disk_floor",
        "journal.disk_full": "ready.why.disk_full"}  # fmt: skip
OK = "ok"
Language = Annotated[Literal["en", "zh"] | None, Query()]


@router.get("/healthz")
@brief.get("/healthz")
async def healthz(context: Gateway) -> JSONResponse:
    """200 while the process works; restart it otherwise. The ingest loop must answer within 5 s."""
    try:
        async with asyncio.timeout(PULSE_SECONDS):
            await in_ingest(context, _pulse)
    except TimeoutError:
        return JSONResponse({"status": "stuck"}, 503)
    return JSONResponse({"status": "alive"})


@router.get("/readyz")
async def readyz(context: Gateway, lang: Language = None) -> JSONResponse:
    """200 when the gateway is live, its stores work and the disk has room, else 503. `parts` has the state of each
    part: "ok", or a text in `lang` (default: the installation's language).

    A source or an endpoint without a connection, a broken rule, files that could not be reloaded, refused state texts
    or a wrong clock are reported there and do not change the status: everything else is received, stored and evaluated.
    """
    language: Lang = lang or context.settings.language
    status, condition, parts = await _look(context)
    ready = _ready(status, parts) and condition.ready
    for name in ("disk", "clock", "rules", "configuration", "texts"):
        parts[name] = condition.parts[name].phrase if name in condition.parts else None
    sources = {
        name: _task_failure(status, f"source.{name}") or _phrase(condition.sources.get(name)) for name in status.sources
    }
    endpoints: dict[str, Phrase | None] = {
        name: _phrase(condition.endpoints.get(name)) for name in context.settings.endpoints
    }
    endpoints |= await _disabled(context)
    stores = {name: _phrase(condition.stores.get(name)) for name in status.consumers.stores}
    named = {"parts": parts, "stores": stores, "sources": sources, "endpoints": endpoints}
    answer = {area: {name: _status_text(phrase, language) for name, phrase in of.items()} for area, of in named.items()}
    return JSONResponse({"ready": ready, **answer}, 200 if ready else 503)


@brief.get("/readyz")
async def brief_readyz(context: Gateway) -> JSONResponse:
    """200 or 503, without a body."""
    status, condition, parts = await _look(context)
    ready = _ready(status, parts) and condition.ready
    return JSONResponse({"ready": ready}, 200 if ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """All metrics in Prometheus text format."""
    content = await request.app.state.metrics.render()
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> dict[str, Any]:
    """OpenAPI document of the API and of the webhooks that are sent."""
    schema: dict[str, Any] = with_webhooks(request.app.openapi())
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "fg_…"}}
    schema["security"] = [{"key": []}]
    return schema


async def _pulse() -> None:
    """A coroutine that ends at once, to measure the response of a loop."""


Parts = dict[str, Phrase | None]


async def _look(context: Context) -> tuple[GatewayStatus, HealthState, Parts]:
    """(status, current problems, the parts that the gateway needs to be ready: None = in order)."""

    async def look() -> tuple[GatewayStatus, HealthState]:
        return context.look()

    status, condition = await in_ingest(context, look)
    parts = {
        "live": None if status.ready else Phrase("ready.starting"),
        "database": await _probe(partial(context.sql.queries.order, "")),
        "journal": _error_phrase(status.intake.failing)
        or await _probe(partial(context.journal.last, context.settings.partition)),
        **{name: _task(status, name) for name in VITAL if name in status.tasks},
    }
    return status, condition, parts


def _ready(status: GatewayStatus, parts: Parts) -> bool:
    return status.ready and not status.broken and not any(parts.values())


async def _disabled(context: Context) -> Parts:
    """Endpoints that are disabled until a person enables them."""
    try:
        found = await asyncio.to_thread(context.sql.deliveries.disabled)
    except StoreError:
        return {}
    return {name: Phrase("ready.endpoint_disabled", {"reason": Reason(reason)}) for name, reason in found.items()}


async def _probe(call: Any) -> Phrase | None:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await asyncio.to_thread(call)
    except TimeoutError:
        return Phrase("ready.slow")
    except StoreError as error:
        return _error_phrase(error)
    return None


def _task(status: GatewayStatus, name: str) -> Phrase | None:
    task = status.tasks.get(name)
    return None if task is None or task.up else _error_phrase(task.error)


def _task_failure(status: GatewayStatus, name: str) -> Phrase | None:
    """A task that failed by an error of its own. For connection errors the source has a better text."""
    task = status.tasks.get(name)
    return None if task is None or isinstance(task.error, SourceError) else _task(status, name)


def _error_phrase(error: BaseException | None) -> Phrase | None:
    """Text for an error, None without one. The error's own message is left out: it may name files and addresses, and
    anyone may read this answer."""
    if error is None:
        return None
    key = next((key for kind, key in ERROR_TEXTS if isinstance(error, kind)), "ready.why.other")
    fields: Mapping[str, object] = {}
    if isinstance(error, StoreUnavailable) and error.key.startswith(("postgres.", "database.")):
        key = "ready.why.source"  # a server, not a file
    if isinstance(error, StoreFull) and error.key in FULL:
        key, fields = FULL[error.key], error.fields
    return Phrase("ready.down", {"why": Phrase(key, fields)})


def _phrase(trouble: Trouble | None) -> Phrase | None:
    return trouble.phrase if trouble is not None else None


def _status_text(phrase: Phrase | None, lang: Lang) -> str:
    return phrase.text(lang) if phrase is not None else OK
