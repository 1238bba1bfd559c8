"""The texts of state points: what devices brought, what they were refused, and making room again."""

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
    """A text that nobody named, and the device that brought it first ("" = not known)."""

    text: str
    device: str


class RefusedView(ResponseModel):
    """What a device was refused since it was last cleared, the newest text cut to 64 characters. `why`: `device` or
    `full` (brought too many; all together did), `long`."""

    device: str
    count: int
    newest: str
    why: str
    at: Instant


class TableView(ResponseModel):
    """Of one state point of a profile, for all its components: `named` texts come from the profile, code tables, rules
    and mappings and are never refused; `learned` and `refused` are what devices brought besides."""

    profile: str
    point: str
    named: int
    learned: list[LearnedView]
    refused: list[RefusedView]


class TablesView(ResponseModel):
    """Points that learned or refused something, by name."""

    items: list[TableView]


class ClearIn(RequestModel):
    """`device` "" = of all devices."""

    profile: Name
    point: Name
    device: Annotated[str, Field(max_length=120)] = ""


class ClearedView(ResponseModel):
    """How many texts count no more. They keep their codes: what is stored keeps its meaning."""

    cleared: int


@router.get("/state-texts")
async def list_state_texts(context: Gateway, _: Operator) -> TablesView:
    """Texts that devices brought and nobody named."""
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
    """Room again for what devices bring."""
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
