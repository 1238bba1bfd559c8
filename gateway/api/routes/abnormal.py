"""Abnormal readings: how many of each device and point were marked, why, and the newest of them."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.api.access import Principal, Reader
from gateway.api.context import Context, Gateway, in_ingest
from gateway.api.routes.alarms import device_id
from gateway.api.values import Instant, Limit, Line, ResponseModel, finite
from gateway.domain.plausible import Abnormal, AbnormalCount, Mark

router = APIRouter(prefix="/v1/abnormal-readings", tags=["readings"])


class AbnormalCountView(ResponseModel):
    """Readings of one point that were marked for one reason: how many since the counts began, and the newest one.
    Reasons: below_min, above_max, too_fast, step, stuck, fell, spike."""

    device: str
    point: str
    component: int
    reason: str
    count: int
    last_at: Instant
    last_value: float | None
    unit: str


class MarkView(ResponseModel):
    """One marked reading."""

    device: str
    point: str
    component: int
    at: Instant
    value: float | None
    unit: str
    reason: str


class AbnormalView(ResponseModel):
    """Counts, largest first, and the newest marks, newest first. `uncounted`: marks beyond what is counted apart."""

    counts: list[AbnormalCountView]
    recent: list[MarkView]
    uncounted: int


@router.get("")
async def read_abnormal(
    context: Gateway,
    principal: Reader,
    device: Annotated[Line | None, Query()] = None,
    limit: Limit = 100,
) -> AbnormalView:
    """Of one device, or of all that the caller may see; at most `limit` counts and marks."""
    wanted = device_id(context, device)
    counts, recent, other = await abnormal_of(context, wanted)
    seen = [one for one in counts if _visible(context, principal, one.device)]
    seen.sort(key=lambda one: (-one.count, one.device, one.point, one.reason))
    marks = [one for one in reversed(recent) if wanted in (None, one.device)]
    marks = [one for one in marks if _visible(context, principal, one.device)][:limit]
    return AbnormalView(
        counts=[count_view(context, one) for one in seen[:limit]],
        recent=[_mark(context, one) for one in marks],
        uncounted=other,
    )


async def abnormal_of(context: Context, device: int | None) -> tuple[list[AbnormalCount], list[Mark], int]:
    """(counts, newest marks of all, marks that are not counted apart)."""

    async def look() -> tuple[list[AbnormalCount], list[Mark], int]:
        counts = context.abnormal
        return counts.of(device), list(counts.recent), counts.other

    return await in_ingest(context, look)


def count_view(context: Context, one: AbnormalCount) -> AbnormalCountView:
    """A count as the API shows it."""
    device, point = context.registry.device_by_id(one.device), context.registry.point_by_id(one.point)
    return AbnormalCountView(
        device=device.code if device else "",
        point=point.name if point else "",
        component=point.component if point else 0,
        reason=Abnormal(one.reason).word,
        count=one.count,
        last_at=one.at,
        last_value=finite(one.value),
        unit=point.unit if point else "",
    )


def _mark(context: Context, one: Mark) -> MarkView:
    device, point = context.registry.device_by_id(one.device), context.registry.point_by_id(one.point)
    return MarkView(
        device=device.code if device else "",
        point=point.name if point else "",
        component=point.component if point else 0,
        at=one.at,
        value=finite(one.value),
        unit=point.unit if point else "",
        reason=Abnormal(one.reason).word,
    )


def _visible(context: Context, principal: Principal, device: int) -> bool:
    return principal.sees(context.registry.device_by_id(device))
