"""Texts of state points: those learned from devices, those refused, and making room for new ones."""

from typing import Annotated

import structlog
from fastapi import APIRouter
from pydantic import Field

from gateway.api.access import Operator, Repairer
from gateway.api.context import Context, Gateway, in_desk
from gateway.api.values import Instant, RequestModel, ResponseModel, refused
from gateway.domain.device import PointKind
from gateway.domain.refused_text import RefusedText

router = APIRouter(prefix="/v1", tags=["journal"])
log = structlog.get_logger()
Name = Annotated[str, Field(min_length=1, max_length=120)]


class LearnedView(ResponseModel):
    """A text that no configuration names, and the device that sent it first ("" = unknown)."""

    text: str
    device: str


class RefusedView(ResponseModel):
    """Texts of a device that were refused since the last clearing, the newest one cut to 64 characters. `why`:
    `device` (this device sent too many), `full` (all devices together did), or `long`."""

    device: str
    count: int
    newest: str
    why: str
    at: Instant


class TableView(ResponseModel):
    """Texts of one state point of a profile, for all its components. `named` texts come from the profile, code
    tables, rules and mappings and are never refused; `learned` and `refused` are the other texts of devices."""

    profile: str
    point: str
    named: int
    learned: list[LearnedView]
    refused: list[RefusedView]


class TablesView(ResponseModel):
    """Points with learned or refused texts, by name."""

    items: list[TableView]


class ClearIn(RequestModel):
    """`device`: "" = all devices."""

    profile: Name
    point: Name
    device: Annotated[str, Field(max_length=120)] = ""


class ClearedView(ResponseModel):
    """Number of texts that no longer count. They keep their codes, so stored readings keep their meaning."""

    cleared: int


@router.get("/state-texts")
async def list_state_texts(context: Gateway, _: Operator) -> TablesView:
    """Texts that devices sent and no configuration names."""
    refusals: dict[tuple[str, str], list[RefusedText]] = {}
    for one in context.registry.refused():
        refusals.setdefault((one.profile, one.point), []).append(one)
    found: dict[tuple[str, str], TableView] = {}
    for point in context.registry.contents().points:  # by id: of a point that began anew the newest counts
        if point.kind is not PointKind.STATE:
            continue
        key = (point.profile, point.name)
        learned = [
            LearnedView(text=text, device=_code(context, device))
            for text, device in zip(point.values, point.brought, strict=False)
            if device
        ]
        found[key] = TableView(
            profile=point.profile,
            point=point.name,
            named=len(point.values) - len(learned),
            learned=learned,
            refused=[_refused(context, one) for one in refusals.get(key, ())],
        )
    return TablesView(items=[found[key] for key in sorted(found) if found[key].learned or found[key].refused])


@router.post("/state-texts/clear")
async def clear_state_texts(context: Gateway, principal: Repairer, body: ClearIn) -> ClearedView:
    """Make room for new texts."""
    device = None
    if body.device:
        known = next((d for d in context.registry.contents().devices if d.code == body.device), None)
        if known is None:
            raise refused(404, "unknown_device", code=body.device)
        device = known.id

    def work() -> int:
        count = context.registry.clear_texts(body.profile, body.point, device)
        detail = f"{body.device or 'all devices'}, {count}"
        context.sql.audit.add(
            principal.audited(context.clock.now(), "texts.clear", f"{body.profile}.{body.point}", detail)
        )
        return count

    try:
        count = await in_desk(context, work)
    except KeyError:
        raise refused(404, "unknown_state", profile=body.profile, point=body.point) from None
    log.info(
        "state texts cleared",
        point=f"{body.profile}.{body.point}",
        device=body.device,
        count=count,
        actor=principal.key.name,
    )
    return ClearedView(cleared=count)


def _code(context: Context, device: int) -> str:
    found = context.registry.device_by_id(device)
    return "" if found is None else found.code


def _refused(context: Context, one: RefusedText) -> RefusedView:
    return RefusedView(device=_code(context, one.device), count=one.count, newest=one.text, why=one.why, at=one.at)
