"""Exchanges of meters: a counter goes on with another meter, and the increase across it is counted."""

import asyncio
from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Response, status
from pydantic import Field

from gateway.api.access import MeterChanger, Principal, Reader
from gateway.api.context import Context, Gateway, in_desk, in_series
from gateway.api.routes.alarms import device_id, pump
from gateway.api.routes.corrections import (
    ChangeId,
    Key,
    Reason,
    UndoIn,
    batch_of_series,
    canonical,
    label,
    new_id,
    page_after,
    point_of,
    with_originals,
)
from gateway.api.routes.devices import find
from gateway.api.values import (
    CommandId,
    Cursor,
    Instant,
    Limit,
    Line,
    PageView,
    RequestModel,
    ResponseModel,
    When,
    pack,
    refused,
)
from gateway.domain.correction import MOST_ROWS, Correction, CorrectionKind, MeterExchange, factor_before, factor_ends
from gateway.domain.counter import RESENT
from gateway.domain.device import Device, Point, PointKind
from gateway.domain.reading import Batch, Reading
from gateway.store.corrections import ChangeFilter

router = APIRouter(prefix="/v1/meter-exchanges", tags=["readings"])
log = structlog.get_logger()


class MeterExchangeIn(RequestModel):
    """The meter of a counter was exchanged at `at`; a reading at this moment is the old meter's. `old_final`: the last
    value of the old one (null = not read: what it counted after its last reading is lost); `new_start`: the first of
    the new one; both in `unit`, by default the point's. `factor`: values of the new meter are multiplied by it."""

    device: Line
    point: Line
    component: Annotated[int, Field(ge=0, le=1000)] = 0
    at: When
    old_final: float | None = None
    new_start: float = 0.0
    factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    unit: Line = ""
    reason: Reason = "meter exchanged"
    dry_run: bool = False
    command_id: CommandId | None = None


class MeterExchangeView(ResponseModel):
    """`old_final`, `new_start` in `unit`, `new_start` with the factor. `undone_at` null = in force."""

    id: str
    device: str
    point: str
    component: int
    unit: str
    at: Instant
    old_final: float | None
    new_start: float
    factor: float
    reason: str
    actor: str
    known_at: Instant
    undone_at: Instant | None
    undone_by: str
    undone_reason: str


class NewExchangeView(MeterExchangeView):
    """`last`: the old meter's last reading (null = none), of `last_at`; `counted` between it and the exchange;
    `scaled`: how many readings of the new meter came before this was known, and are multiplied now."""

    last: float | None
    last_at: Instant | None
    counted: float
    scaled: int


@router.post("", status_code=status.HTTP_201_CREATED)
async def exchange_meter(
    context: Gateway, principal: MeterChanger, body: MeterExchangeIn, response: Response, idempotency_key: Key = None
) -> NewExchangeView:
    """201 exchanged; 200 for a dry run, or when this `command_id` was carried out before. The rules judge again what
    they had decided since `at`."""
    device = find(context, principal, body.device)
    point = point_of(context, device, body.point, body.component)
    if point.kind is not PointKind.COUNTER:
        raise refused(422, "no_counter", point=point.name)
    now = context.clock.now()
    if body.at > now:
        raise refused(422, "exchange_future")
    key = body.command_id or idempotency_key or new_id()
    known = await asyncio.to_thread(context.sql.corrections.exchange, key)
    made = known or _made(body, principal, device, point, key, now)
    last = await _last(context, made)
    if known is not None:
        response.status_code = status.HTTP_200_OK
        return _new_view(context, known, last, 0)
    if made.final is not None and last is not None and made.final < last.value * (1 - RESENT):
        raise refused(422, "final_below_last", final=made.final, last=last.value, unit=point.unit)
    scaled = await _scaled(context, made)
    if body.dry_run:
        response.status_code = status.HTTP_200_OK
        return _new_view(context, made, last, scaled.rows if scaled else 0)
    entry = principal.audited(now, "meter.exchange", label(device, point), f"{made.id}: {made.reason}")
    stored = await in_desk(context, partial(context.sql.corrections.exchange_meter, made, scaled, entry))
    await pump(context)
    log.info("meter exchanged", device=device.code, point=point.name, actor=made.actor)
    return _new_view(context, stored, last, scaled.rows if scaled else 0)


@router.get("")
async def list_exchanges(
    context: Gateway,
    principal: Reader,
    device: Annotated[Line | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[MeterExchangeView]:
    """By the time of the exchange, newest first. A key that is bound to sites may receive pages with fewer items."""
    wanted = ChangeFilter(device_id(context, device), before=page_after(cursor))
    rows = await asyncio.to_thread(context.sql.corrections.exchanges, wanted, limit + 1)
    more = pack(f"{rows[limit - 1].at} {rows[limit - 1].id}") if len(rows) > limit else ""
    seen = [one for one in rows[:limit] if principal.sees(context.registry.device_by_id(one.device))]
    return PageView(items=[_view(context, one) for one in seen], next=more)


@router.post("/{exchange_id}/undo")
async def undo_exchange(
    context: Gateway, principal: MeterChanger, exchange_id: ChangeId, body: UndoIn
) -> MeterExchangeView:
    """There was no such exchange: the rules judge again without it. A repeat changes nothing."""
    found = await asyncio.to_thread(context.sql.corrections.exchange, exchange_id)
    device = None if found is None else context.registry.device_by_id(found.device)
    if found is None or not principal.sees(device):
        raise refused(404, "unknown_exchange", id=exchange_id)
    now = context.clock.now()
    entry = principal.audited(now, "meter.undo", device.code if device else "", f"{found.id}: {body.reason}")
    stored = [] if found.undone_at is not None else await _since(context, found, now)
    undo = partial(context.sql.corrections.undo_exchange, found.id, principal.key.name, body.reason, now, entry, stored)
    undone = await in_desk(context, undo)
    await pump(context)
    return _view(context, undone or found)


def _made(
    body: MeterExchangeIn, principal: Principal, device: Device, point: Point, key: str, now: int
) -> MeterExchange:
    return MeterExchange(
        key,
        device.id,
        point.id,
        body.at,
        canonical(point, body.unit, body.new_start) * body.factor,
        None if body.old_final is None else canonical(point, body.unit, body.old_final),
        body.factor,
        body.reason,
        principal.key.name,
        now,
    )


async def _last(context: Context, made: MeterExchange) -> Reading | None:
    """The newest known reading of the old meter."""
    found = await in_series(context, lambda: context.series_store.before(made.at + 1, [made.device]))
    known = [one for one in found.readings() if one.point == made.point and one.value == one.value]
    return max(known, key=lambda one: one.at, default=None)


async def _scaled(context: Context, made: MeterExchange) -> Correction | None:
    """The correction of the readings that the new meter has sent already; None = none, or they have its factor. They
    came with the factor of the meter before."""
    others = await _others(context, made)
    factor, end = made.factor / factor_before(made, others), factor_ends(made, others, made.known_at)
    if factor == 1 or end <= made.at + 1:
        return None
    wanted = Correction(
        f"{made.id}.factor",
        made.device,
        made.point,
        made.at + 1,
        end,
        CorrectionKind.SCALE,
        made.reason,
        made.actor,
        made.known_at,
        0,
        factor=factor,
        exchange=made.id,
    )
    return await with_originals(context, wanted)


async def _since(context: Context, found: MeterExchange, now: int) -> list[Batch]:
    """All stored readings of the new meter, in batches, when they have another factor than the meter before."""
    others = await _others(context, found)
    if found.factor == factor_before(found, others):
        return []
    start, end, batches = found.at + 1, factor_ends(found, others, now), list[Batch]()
    while True:
        call = partial(context.series_store.range, found.device, found.point, start, end, MOST_ROWS)
        series = await in_series(context, call)
        if len(series.at):
            batches.append(batch_of_series(series, found.device, found.point))
        if len(series.at) < MOST_ROWS:
            return batches
        start = int(series.at[-1]) + 1


async def _others(context: Context, made: MeterExchange) -> list[MeterExchange]:
    """Other exchanges of the same counter."""
    found = await asyncio.to_thread(context.sql.corrections.exchanges, ChangeFilter(made.device, made.point))
    return [one for one in found if one.id != made.id]


def _view(context: Context, one: MeterExchange) -> MeterExchangeView:
    device, point = context.registry.device_by_id(one.device), context.registry.point_by_id(one.point)
    return MeterExchangeView(
        id=one.id,
        device=device.code if device else "",
        point=point.name if point else "",
        component=point.component if point else 0,
        unit=point.unit if point else "",
        at=one.at,
        old_final=one.final,
        new_start=one.start,
        factor=one.factor,
        reason=one.reason,
        actor=one.actor,
        known_at=one.known_at,
        undone_at=one.undone_at,
        undone_by=one.undone_by,
        undone_reason=one.undone_why,
    )


def _new_view(context: Context, one: MeterExchange, last: Reading | None, scaled: int) -> NewExchangeView:
    counted = 0.0 if one.final is None or last is None else max(0.0, one.final - last.value)
    return NewExchangeView(
        **dict(_view(context, one)),
        last=last.value if last else None,
        last_at=last.at if last else None,
        counted=counted,
        scaled=scaled,
    )
