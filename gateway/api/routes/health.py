"""Is it alive, is it ready, what does it count?"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from gateway.api.context import Context, Gateway, in_ingest
from gateway.domain.duration import SECOND, format_duration
from gateway.domain.errors import SourceError, SourceRejected, StoreError, StoreFull, StoreUnavailable
from gateway.domain.text import say

router = APIRouter(tags=["health"])
brief = APIRouter(tags=["health"])
"""For a listener that other machines reach: whether, never what."""
PULSE_SECONDS = 5.0
PROBE_SECONDS = 2.0
MOST_NAMED = 10
"""Broken rules that are named."""
VITAL = ("rules.judge", "rules.commit", "series", "ticker")
"""Tasks without which nothing is judged or stored. A source or an endpoint that is down makes no gateway unready."""
WHY = (
    (StoreFull, "no room on the disk, or in the bounds of the configuration"),
    (StoreUnavailable, "the disk fails, or another process holds the file"),
    (SourceRejected, "refused by the other side"),
    (SourceError, "the other side does not answer"),
)


@router.get("/healthz")
@brief.get("/healthz")
async def healthz(context: Gateway) -> JSONResponse:
    """The process works: restart it when it does not. The loop that devices are read on must answer within 5 s."""
    try:
        async with asyncio.timeout(PULSE_SECONDS):
            await in_ingest(context, _pulse)
    except TimeoutError:
        return JSONResponse({"status": "stuck"}, 503)
    return JSONResponse({"status": "alive"})


@router.get("/readyz")
async def readyz(context: Gateway) -> JSONResponse:
    """200 when it is live and its stores work, else 503; what is wrong in `parts`.

    A broken rule, rule files that could not be reloaded, or a clock that is behind the journal, are said there and
    make nothing unready: the revision before and all other rules are judged, readings are stored and judged.
    """
    ready, parts = await _parts(context)
    parts["rules"], parts["clock"] = _rules(context), _clock(context)
    sources = {name: _task(context, f"source.{name}") for name in context.sources}
    return JSONResponse({"ready": ready, "parts": parts, "sources": sources}, 200 if ready else 503)


@brief.get("/readyz")
async def brief_readyz(context: Gateway) -> JSONResponse:
    """200 or 503."""
    ready, _ = await _parts(context)
    return JSONResponse({"ready": ready}, 200 if ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus text format."""
    content = await request.app.state.metrics.render()
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> dict[str, Any]:
    """What this API takes and gives."""
    schema: dict[str, Any] = request.app.openapi()
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "fg_…"}}
    schema["security"] = [{"key": []}]
    return schema


async def _pulse() -> None:
    """Something to wait for."""


async def _parts(context: Context) -> tuple[bool, dict[str, str]]:
    parts = {
        "live": "ok" if context.ready else "starting or stopping",
        "database": await _probe(partial(context.queries.order, "")),
        "journal": _why(context.ticker.failing or context.intake.failing)
        or await _probe(partial(context.journal.last, 0)),
        **{name: _task(context, name) for name in VITAL if name in context.supervisor.health},
    }
    vital = all(part == "ok" for part in parts.values())
    return context.ready and not context.supervisor.fatal.is_set() and vital, parts


async def _probe(call: Any) -> str:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await asyncio.to_thread(call)
    except TimeoutError:
        return "slow"
    except StoreError as error:
        return _why(error)
    return "ok"


def _task(context: Context, name: str) -> str:
    health = context.supervisor.health.get(name)
    return "ok" if health is None or health.up else _why(health.error)


def _why(error: BaseException | None) -> str:
    """ "" without an error. Never its own words: they name files and addresses, and this is answered to everyone."""
    if error is None:
        return ""
    kind = next((words for kind, words in WHY if isinstance(error, kind)), "an error, see the log")
    return f"down: {kind}"


def _clock(context: Context) -> str:
    tick, behind = context.ticker.last, context.intake.watermark.newest - context.clock.now()
    if not tick.suspect or behind <= 0:
        return "ok"
    return say("api.clock.behind", context.settings.language, behind=format_duration(-(-behind // SECOND) * SECOND))


def _rules(context: Context) -> str:
    broken = sorted(context.engine.broken)
    more = f" and {len(broken) - MOST_NAMED} more" if len(broken) > MOST_NAMED else ""
    said = [f"broken: {', '.join(broken[:MOST_NAMED])}{more}"] if broken else []
    if problems := context.reload.last.problems:
        place = f"{Path(problems[0].file).name}:{problems[0].line}"
        said.append(f"the files have {len(problems)} problem(s), first {place}; the rules before stay in force")
    return "; ".join(said) or "ok"
