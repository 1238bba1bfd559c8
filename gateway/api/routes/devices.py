"""Devices, their latest readings, their series."""

import asyncio
import heapq
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query

from gateway.api.access import Principal, Reader
from gateway.api.context import Context, Gateway, in_ingest, in_series
from gateway.api.values import (
    Cursor,
    Every,
    Instant,
    Limit,
    Line,
    PageView,
    ResponseModel,
    When,
    finite,
    pack,
    refused,
    unpack,
    unpack_number,
)
from gateway.domain.attribute_mask import NO_MASK
from gateway.domain.correction import originals
from gateway.domain.device import Attr, Device, Life, Point, PointKind
from gateway.domain.duration import DAY, SECOND
from gateway.domain.plausible import Abnormal, AbnormalCount
from gateway.domain.reading import Flag, Quality, Reading
from gateway.domain.series import Buckets, Series
from gateway.domain.workorder import Role

router = APIRouter(prefix="/v1/devices", tags=["devices"])
MAX_ROWS = 10_000
Component = Annotated[int, Query(ge=0, le=1000, description="0 = the device itself")]


class DeviceView(ResponseModel):
    """One device."""

    code: str
    name: str
    kind: str
    profile: str
    site: str
    customer: str
    components: int
    life: Life
    registered_at: Instant
    attrs: dict[str, Attr]
    tags: tuple[str, ...]


class LatestView(ResponseModel):
    """The newest reading of a point. `value` is a number in `unit`, a state's text, or null (no data). `age` in s."""

    point: str
    component: int
    kind: PointKind
    unit: str
    value: float | str | None
    quality: str
    flags: list[str]
    at: Instant
    received_at: Instant
    age: float


class AbnormalPointView(ResponseModel):
    """Readings of one point that were marked as abnormal for one reason: how many, and when the newest of them was."""

    point: str
    component: int
    reason: str
    count: int
    last_at: Instant


class DeviceLimitsView(ResponseModel):
    """Limits of `plausible` of one point of this device, where they are not the profile's, in `unit`; rates are per
    second, `stuck_after` in s; null = no such limit."""

    point: str
    component: int
    unit: str
    min: float | None
    max: float | None
    max_rate: float | None
    max_fall: float | None
    max_step: float | None
    spike: float | None
    stuck_after: float | None


class DeviceDetail(DeviceView):
    """A device with its newest readings. `glitches`: point -> number of falls of its counter that later readings
    disproved (docs/rules.md). `abnormal`: counts of marked readings, largest first; `limits`: its own limits of
    `plausible` (both: docs/abnormal-readings.md)."""

    latest: list[LatestView]
    glitches: dict[str, int]
    abnormal: list[AbnormalPointView]
    limits: list[DeviceLimitsView]


class OriginalView(ResponseModel):
    """A corrected reading as it was received; `correction`: id of the newest correction of it."""

    value: float | str | None
    quality: str
    correction: str


class ReadingView(ResponseModel):
    """One reading of a series. `original`: what was received, where a person corrected it."""

    at: Instant
    value: float | str | None
    quality: str
    flags: list[str]
    received_at: Instant
    original: OriginalView | None = None


class BucketView(ResponseModel):
    """An aggregate over [start, start + every); a bucket without readings is absent, never zero."""

    start: Instant
    count: int
    mean: float | None
    min: float | None
    max: float | None
    first: float | None
    last: float | None


class SeriesView(ResponseModel):
    """Either `readings` (and `next`) or, with `every`, `buckets`."""

    device: str
    point: str
    component: int
    kind: PointKind
    unit: str
    start: Instant
    end: Instant
    readings: list[ReadingView] | None = None
    buckets: list[BucketView] | None = None
    next: str = ""


def find(context: Context, principal: Principal, code: str) -> Device:
    """The device, also a retired one, if the caller may see it. Raises CommandError 404."""
    device = context.registry.device(code)
    if device is None:
        device = next((d for d in context.registry.contents().devices if d.code == code), None)
    if device is None or not principal.sees(device):
        raise refused(404, "unknown_device", code=code)
    return device


@router.get("")
async def list_devices(
    context: Gateway,
    principal: Reader,
    kind: Annotated[Line | None, Query()] = None,
    site: Annotated[Line | None, Query()] = None,
    life: Annotated[Life | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[DeviceView]:
    """Devices by code."""
    after = unpack(cursor)

    def work() -> list[Device]:
        wanted = (
            d
            for d in context.registry.contents().devices
            if d.code > after
            and kind in (None, d.kind)
            and site in (None, d.site)
            and life in (None, d.life)
            and principal.sees(d)
        )
        return heapq.nsmallest(limit + 1, wanted, key=lambda d: d.code)

    found = await asyncio.to_thread(work)
    more = pack(found[limit - 1].code) if len(found) > limit else ""
    return PageView(items=[_view(context, principal, device) for device in found[:limit]], next=more)


@router.get("/{code:path}/series")
async def read_series(
    context: Gateway,
    principal: Reader,
    code: str,
    point: Annotated[Line, Query()],
    component: Component = 0,
    start: Annotated[When | None, Query()] = None,
    end: Annotated[When | None, Query()] = None,
    every: Annotated[Every | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 1000,
    cursor: Cursor = "",
) -> SeriesView:
    """Readings of [start, end), by default the last day; with `every`, aggregates of them."""
    device = find(context, principal, code)
    known = context.registry.points(device.profile).get((point, component))
    if known is None:
        raise refused(404, "unknown_point", code=code)
    until = context.clock.now() if end is None else end
    since = max(until - DAY, 0) if start is None else start
    first = unpack_number(cursor) if cursor else since
    if since >= until:
        raise refused(422, "range")
    view = SeriesView(
        device=code, point=point, component=component, kind=known.kind, unit=known.unit, start=since, end=until
    )
    if every is not None:
        if (until - since + every - 1) // every > MAX_ROWS:
            raise refused(422, "buckets", most=MAX_ROWS)
        buckets = await in_series(
            context, lambda: context.series_store.aggregate(device.id, known.id, since, until, every)
        )
        return view.model_copy(update={"buckets": _buckets(buckets)})
    series = await in_series(context, lambda: context.series_store.range(device.id, known.id, first, until, limit + 1))
    more = pack(str(int(series.at[limit]))) if len(series.at) > limit else ""
    before = await _originals(context, device.id, known, series)
    return view.model_copy(update={"readings": _readings(series, known, limit, before), "next": more})


async def _originals(context: Context, device: int, point: Point, series: Series) -> dict[int, OriginalView]:
    """µs -> the original of a corrected reading."""
    at = series.at[(series.flags & Flag.CORRECTED) != 0].tolist()
    if not at:
        return {}
    standing = context.sql.corrections.of_readings
    found = originals(await asyncio.to_thread(standing, device, point.id, at[0], at[-1] + 1))
    return {
        moment: OriginalView(
            value=_value(point, one.value), quality=Quality(one.quality).name.lower(), correction=one.correction
        )
        for (_, _, moment), one in found.items()
    }


@router.get("/{code:path}")
async def read_device(context: Gateway, principal: Reader, code: str) -> DeviceDetail:
    """One device with the newest reading of each of its points."""
    device, now = find(context, principal, code), context.clock.now()
    readings = await in_series(context, lambda: context.series_store.latest(device.id))
    named = [(context.registry.point_by_id(reading.point), reading) for reading in readings]
    latest = [_latest(point, reading, now) for point, reading in named if point is not None]
    latest.sort(key=lambda view: (view.component, view.point))
    return DeviceDetail(
        **dict(_view(context, principal, device)),
        latest=latest,
        glitches=dict(context.engine().glitches.of(device.id)),
        abnormal=await _abnormal(context, device.id),
        limits=_limits(context, device.id),
    )


def _limits(context: Context, device: int) -> list[DeviceLimitsView]:
    own = [point for key, point in context.registry.device_limits().items() if key >> 32 == device]
    return [
        DeviceLimitsView(
            point=point.name,
            component=point.component,
            unit=point.unit,
            min=point.plausible.min,
            max=point.plausible.max,
            max_rate=point.plausible.max_rate,
            max_fall=point.plausible.max_fall,
            max_step=point.plausible.max_step,
            spike=point.plausible.spike,
            stuck_after=point.plausible.stuck_after / SECOND or None,
        )
        for point in sorted(own, key=lambda one: (one.component, one.name))
    ]


async def _abnormal(context: Context, device: int) -> list[AbnormalPointView]:
    async def look() -> list[AbnormalCount]:
        return context.abnormal.of(device)

    counts = sorted(await in_ingest(context, look), key=lambda one: (-one.count, one.point, one.reason))
    named = [(context.registry.point_by_id(one.point), one) for one in counts]
    return [
        AbnormalPointView(
            point=point.name,
            component=point.component,
            reason=Abnormal(one.reason).word,
            count=one.count,
            last_at=one.at,
        )
        for point, one in named
        if point is not None
    ]


def _view(context: Context, principal: Principal, device: Device) -> DeviceView:
    mask = NO_MASK if principal.key.role is Role.ADMIN else context.settings.mask
    return DeviceView(
        code=device.code,
        name=mask.text(device.name, device.attrs),
        kind=device.kind,
        profile=device.profile,
        site=device.site,
        customer=device.customer,
        components=device.components,
        life=device.life,
        registered_at=device.registered,
        attrs=mask.attrs(device.attrs),
        tags=device.tags,
    )


def _latest(point: Point, reading: Reading, now: int) -> LatestView:
    return LatestView(
        point=point.name,
        component=point.component,
        kind=point.kind,
        unit=point.unit,
        value=_value(point, reading.value),
        quality=Quality(reading.quality).name.lower(),
        flags=_flags(reading.flags),
        at=reading.at,
        received_at=reading.received,
        age=(now - reading.at) / SECOND,
    )


def _value(point: Point, value: float) -> float | str | None:
    known = finite(value)
    if known is not None and point.kind is PointKind.STATE and 0 <= known < len(point.values):
        return point.values[int(known)]
    return known


def _flags(flags: int) -> list[str]:
    return [flag.name.lower() for flag in Flag(flags) if flag.name]


def _readings(series: Series, point: Point, limit: int, before: Mapping[int, OriginalView]) -> list[ReadingView]:
    columns = (series.at, series.value, series.quality, series.flags, series.received)
    return [
        ReadingView(
            at=at,
            value=_value(point, value),
            quality=Quality(quality).name.lower(),
            flags=_flags(flags),
            received_at=received,
            original=before.get(at),
        )
        for at, value, quality, flags, received in zip(*(c[:limit].tolist() for c in columns), strict=True)
    ]


def _buckets(found: Buckets) -> list[BucketView]:
    columns = (found.start, found.count, found.mean, found.min, found.max, found.first, found.last)
    return [
        BucketView(
            start=start,
            count=count,
            mean=finite(mean),
            min=finite(least),
            max=finite(most),
            first=finite(first),
            last=finite(last),
        )
        for start, count, mean, least, most, first, last in zip(*(c.tolist() for c in columns), strict=True)
    ]
