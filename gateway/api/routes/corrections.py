"""Corrections of readings: a person writes another value, marks a reading bad, or scales a time; the originals stay."""

import asyncio
import math
import uuid
from functools import partial
from typing import Annotated, Literal

import numpy as np
import structlog
from fastapi import APIRouter, Header, Path, Query, Response, status
from msgspec.structs import replace
from pydantic import Field

from gateway.api.access import Corrector, Principal, Reader
from gateway.api.context import Context, Gateway, in_desk, in_series
from gateway.api.routes.alarms import device_id, pump
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
    finite,
    pack,
    refused,
    unpack,
    unpack_number,
)
from gateway.domain.correction import MOST_ROWS, Correction, CorrectionKind
from gateway.domain.device import Device, Point, PointKind
from gateway.domain.reading import Batch, Quality, encode_batch
from gateway.domain.series import Series
from gateway.domain.units import UnitError, parse_unit
from gateway.store.corrections import ChangeFilter

router = APIRouter(prefix="/v1/corrections", tags=["readings"])
log = structlog.get_logger()
Key = Annotated[CommandId | None, Header(alias="Idempotency-Key")]
ChangeId = Annotated[str, Path(max_length=130)]
Reason = Annotated[Line, Field(min_length=1)]
SHOWN = 100
"""Changed readings in the answer to a correction."""


class CorrectionIn(RequestModel):
    """Of a point of a device: the reading at `at`, or all of [start, end). One of `value` (with `at`; a number in
    `unit`, by default the point's, or a state's text), `bad`, or `factor` and `offset` (new = old * factor + offset).
    `dry_run` shows what would change. With the same `command_id` a repeat changes nothing."""

    device: Line
    point: Line
    component: Annotated[int, Field(ge=0, le=1000)] = 0
    at: When | None = None
    start: When | None = None
    end: When | None = None
    value: float | Line | None = None
    bad: bool = False
    factor: float | None = None
    offset: float | None = None
    unit: Line = ""
    reason: Reason
    dry_run: bool = False
    command_id: CommandId | None = None


class UndoIn(RequestModel):
    """Take it back: the originals are written again."""

    reason: Reason


class ChangedReadingView(ResponseModel):
    """A reading before and after. A value is a number, a state's text, or null (no data)."""

    at: Instant
    before: float | str | None
    before_quality: str
    after: float | str | None
    after_quality: str


class CorrectionView(ResponseModel):
    """Of readings of [start, end). `value`, `offset` in `unit`. `readings`: how many. `exchange`: id of the exchange of
    a meter whose factor it applies, "" = none. `undone_at` null = in force."""

    id: str
    device: str
    point: str
    component: int
    unit: str
    start: Instant
    end: Instant
    kind: Literal["value", "bad", "scale"]
    value: float | str | None
    factor: float
    offset: float
    readings: int
    reason: str
    actor: str
    at: Instant
    exchange: str
    undone_at: Instant | None
    undone_by: str
    undone_reason: str


class CorrectionDetail(CorrectionView):
    """A correction with its readings, oldest first, in pages. `judged`: how many of them are young enough
    (`clock.accept_late`) for the rules to judge them again; older ones are stored, and used by rules that look back."""

    judged: int
    changes: list[ChangedReadingView]
    next: str = ""


@router.post("", status_code=status.HTTP_201_CREATED)
async def correct(
    context: Gateway, principal: Corrector, body: CorrectionIn, response: Response, idempotency_key: Key = None
) -> CorrectionDetail:
    """201 corrected; 200 for a dry run, or when this `command_id` was carried out before."""
    device = find(context, principal, body.device)
    point = point_of(context, device, body.point, body.component)
    key = body.command_id or idempotency_key or new_id()
    if (known := await asyncio.to_thread(context.sql.corrections.correction, key)) is not None:
        response.status_code = status.HTTP_200_OK
        return _detail(context, known, "")
    wanted = _wanted(context, principal, body, device, point, key)
    made = await with_originals(context, wanted)
    if made is None:
        raise refused(404, "unknown_reading", point=body.point)
    if body.dry_run:
        response.status_code = status.HTTP_200_OK
        return _detail(context, made, "")
    subject, detail = label(device, point), f"{made.id} {made.kind.value} {made.rows}: {made.reason}"
    entry = principal.audited(made.at, "reading.correct", subject, detail)
    stored = await in_desk(context, partial(context.sql.corrections.correct, made, entry))
    await pump(context)
    log.info("readings corrected", device=device.code, point=point.name, readings=made.rows, actor=made.actor)
    return _detail(context, stored, "")


@router.get("")
async def list_corrections(
    context: Gateway,
    principal: Reader,
    device: Annotated[Line | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[CorrectionView]:
    """Newest first. A key that is bound to sites may receive pages with fewer items: continue with `next`."""
    wanted = ChangeFilter(device_id(context, device), before=page_after(cursor))
    rows = await asyncio.to_thread(context.sql.corrections.corrections, wanted, limit + 1)
    more = pack(f"{rows[limit - 1].at} {rows[limit - 1].id}") if len(rows) > limit else ""
    seen = [one for one in rows[:limit] if principal.sees(context.registry.device_by_id(one.device))]
    return PageView(items=[_view(context, one) for one in seen], next=more)


@router.get("/{correction_id}")
async def read_correction(
    context: Gateway, principal: Reader, correction_id: ChangeId, cursor: Cursor = ""
) -> CorrectionDetail:
    """One with the readings before and after."""
    found = await asyncio.to_thread(context.sql.corrections.correction, correction_id)
    if found is None or not principal.sees(context.registry.device_by_id(found.device)):
        raise refused(404, "unknown_correction", id=correction_id)
    return _detail(context, found, cursor)


@router.post("/{correction_id}/undo")
async def undo_correction(
    context: Gateway, principal: Corrector, correction_id: ChangeId, body: UndoIn
) -> CorrectionDetail:
    """Write the originals again. A repeat changes nothing; 409 when a later correction stands on its readings."""
    found = await asyncio.to_thread(context.sql.corrections.correction, correction_id)
    device = None if found is None else context.registry.device_by_id(found.device)
    if found is None or not principal.sees(device):
        raise refused(404, "unknown_correction", id=correction_id)
    now = context.clock.now()
    entry = principal.audited(now, "reading.undo", device.code if device else "", f"{found.id}: {body.reason}")
    undo = partial(context.sql.corrections.undo, found.id, principal.key.name, body.reason, now, entry)
    undone = await in_desk(context, undo)
    await pump(context)
    return _detail(context, undone or found, "")


# --- shared with the exchange of meters
def new_id() -> str:
    """16 digits, for a person to type."""
    return f"{uuid.uuid4().int % 10**16:016}"


def point_of(context: Context, device: Device, name: str, component: int) -> Point:
    """Raises CommandError 404."""
    known = context.registry.points(device.profile).get((name, component))
    if known is None or component > device.components:
        raise refused(404, "unknown_point", code=device.code)
    return known


def label(device: Device, point: Point) -> str:
    """`GM-1 volume`, `CH-1#2 energy`."""
    part = f"#{point.component}" if point.component else ""
    return f"{device.code}{part} {point.name}"


def canonical(point: Point, unit: str, value: float) -> float:
    """`value` in `unit` ("" = the point's) as the point stores it. Raises CommandError 422."""
    if not math.isfinite(value):
        raise refused(422, "number")
    if not unit:
        return value
    try:
        written, own = parse_unit(unit), parse_unit(point.unit)
    except UnitError:
        raise refused(422, "unit", unit=unit, own=point.unit or "1") from None
    if written.dimension != own.dimension:
        raise refused(422, "unit", unit=unit, own=point.unit or "1")
    return written.canonical(value)


def page_after(cursor: str) -> tuple[int, str] | None:
    """(µs, id) of the last row of the page before."""
    if not cursor:
        return None
    at, _, key = unpack(cursor).partition(" ")
    if not at.isdigit() or len(at) > 18:
        raise refused(422, "cursor")
    return int(at), key


async def with_originals(context: Context, wanted: Correction) -> Correction | None:
    """The correction with the readings that it changes; None = there are none. Raises CommandError 422."""
    call = partial(context.series_store.range, wanted.device, wanted.point, wanted.start, wanted.end, MOST_ROWS + 1)
    series = await in_series(context, call)
    if len(series.at) > MOST_ROWS:
        raise refused(422, "history", most=MOST_ROWS)
    if not len(series.at):
        return None
    batch = batch_of_series(series, wanted.device, wanted.point)
    return replace(wanted, rows=len(batch), originals=encode_batch(batch))


def batch_of_series(series: Series, device: int, point: int) -> Batch:
    """Stored readings of one point, each as its own frame."""
    rows = len(series.at)
    return Batch(
        np.full(rows, device, np.int32),
        np.full(rows, point, np.int32),
        series.at.astype(np.int64),
        series.value.astype(np.float64),
        series.quality.astype(np.uint8),
        series.flags.astype(np.uint8),
        np.arange(rows, dtype=np.int32),
        series.received.astype(np.int64),
    )


def _wanted(
    context: Context, principal: Principal, body: CorrectionIn, device: Device, point: Point, key: str
) -> Correction:
    scaled = body.factor is not None or body.offset is not None
    if sum((body.value is not None, body.bad, scaled)) != 1:
        raise refused(422, "one_correction")
    moment, span = body.at is not None, (body.start is not None and body.end is not None)
    if moment == span or (body.value is not None and not moment):
        raise refused(422, "one_time")
    start = body.at if body.at is not None else body.start or 0
    end = start + 1 if body.at is not None else body.end or 0
    if start >= end:
        raise refused(422, "range")
    kind = CorrectionKind.SCALE if scaled else CorrectionKind.BAD if body.bad else CorrectionKind.VALUE
    if scaled and point.kind is PointKind.STATE:
        raise refused(422, "state_scaled", point=point.name)
    factor = 1.0 if body.factor is None else body.factor
    if not math.isfinite(factor) or factor == 0:
        raise refused(422, "number")
    offset = 0.0
    if body.offset:
        offset = canonical(point, body.unit, body.offset) - canonical(point, body.unit, 0.0)  # 0 degF is no 0 degC
    value = None if body.value is None else _value(point, body.unit, body.value)
    now, actor = context.clock.now(), principal.key.name
    return Correction(key, device.id, point.id, start, end, kind, body.reason, actor, now, 0, value, factor, offset)


def _value(point: Point, unit: str, value: float | str) -> float:
    if point.kind is PointKind.STATE:
        if not isinstance(value, str) or value not in point.values:
            raise refused(422, "state_value", point=point.name, known=", ".join(point.values[:20]))
        return float(point.values.index(value))
    if isinstance(value, str):
        raise refused(422, "number")
    return canonical(point, unit, value)


def _view(context: Context, one: Correction) -> CorrectionView:
    device, point = context.registry.device_by_id(one.device), context.registry.point_by_id(one.point)
    return CorrectionView(
        id=one.id,
        device=device.code if device else "",
        point=point.name if point else "",
        component=point.component if point else 0,
        unit=point.unit if point else "",
        start=one.start,
        end=one.end,
        kind=one.kind.value,
        value=shown(point, one.value),
        factor=one.factor,
        offset=one.offset,
        readings=one.rows,
        reason=one.reason,
        actor=one.actor,
        at=one.at,
        exchange=one.exchange,
        undone_at=one.undone_at,
        undone_by=one.undone_by,
        undone_reason=one.undone_why,
    )


def shown(point: Point | None, value: float | None) -> float | str | None:
    """A value as the API shows it: the text of a state, null for no data."""
    known = finite(value)
    if point is not None and known is not None and point.kind is PointKind.STATE and 0 <= known < len(point.values):
        return point.values[int(known)]
    return known


def _detail(context: Context, one: Correction, cursor: str) -> CorrectionDetail:
    first = unpack_number(cursor) if cursor else 0
    before, after = one.before(), one.after()
    point = context.registry.point_by_id(one.point)
    rows = range(first, min(first + SHOWN, len(before)))
    changes = [
        ChangedReadingView(
            at=int(before.at[k]),
            before=shown(point, float(before.value[k])),
            before_quality=Quality(int(before.quality[k])).name.lower(),
            after=shown(point, float(after.value[k])),
            after_quality=Quality(int(after.quality[k])).name.lower(),
        )
        for k in rows
    ]
    judged = int((before.at >= one.at - context.settings.accept_late).sum()) if context.settings.accept_late else 0
    more = pack(str(first + SHOWN)) if first + SHOWN < len(before) else ""
    return CorrectionDetail(**dict(_view(context, one)), judged=judged, changes=changes, next=more)
