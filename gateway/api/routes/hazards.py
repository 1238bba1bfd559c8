"""Hazards found on inspections, and the stops of rounds."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, status
from pydantic import Field

from gateway.api.access import Principal, Reader, Worker
from gateway.api.context import Context, Gateway, in_desk
from gateway.api.routes.alarms import PlaceView, TitleView, place_view
from gateway.api.routes.orders import OrderNo, find_order
from gateway.api.values import (
    CommandId,
    Cursor,
    Instant,
    LevelWord,
    Limit,
    Line,
    PageView,
    RequestModel,
    ResponseModel,
    Text,
    level_word,
    pack,
    refused,
    unpack,
)
from gateway.desk.hazards.commands import HazardCommands
from gateway.desk.plans.commands import PlanCommands
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.alarm import Level
from gateway.domain.hazard import FoundHazard, Hazard, HazardState
from gateway.domain.maintenance import PlanStop, StopState

router = APIRouter(prefix="/v1", tags=["plans"])
HazardNo = Annotated[str, Path(max_length=80)]
Key = Annotated[CommandId | None, Header(alias="Idempotency-Key")]


class HazardView(ResponseModel):
    """One hazard. `inspection`, `rectification`, `recheck` are numbers of orders (`recheck` "" = none yet); `passed`:
    result of the newest recheck, null = none yet."""

    no: str
    state: HazardState
    code: str
    level: LevelWord
    title: TitleView
    note: str
    place: PlaceView
    inspection: str
    rectification: str
    recheck: str
    rechecks: int
    passed: bool | None
    result_note: str
    found_at: Instant
    found_by: str
    ended_at: Instant | None
    ended_by: str
    reason: str


class HazardIn(RequestModel):
    """A hazard as the inspector found it. `device`: its code, if it is not that of the order; `skill`, `sla` are for
    the rectification."""

    code: Annotated[Line, Field(min_length=1)]
    title: Annotated[Line, Field(min_length=1)]
    title_zh: Line = ""
    level: LevelWord = "major"
    device: Line = ""
    note: Text = ""
    skill: Line = ""
    sla: Line = ""
    command_id: CommandId | None = None


class RecheckIn(RequestModel):
    """Result of a recheck; `note` is needed when it failed."""

    passed: bool
    note: Text = ""
    command_id: CommandId | None = None


class WithdrawIn(RequestModel):
    """The reason why it was no hazard."""

    reason: Text
    command_id: CommandId | None = None


class StopView(ResponseModel):
    """One device of a round."""

    place: PlaceView
    number: int
    state: StopState
    note: str
    by: str
    at: Instant | None


class StopIn(RequestModel):
    """The device by its code; `skipped` needs a reason in `note`."""

    device: Annotated[Line, Field(min_length=1)]
    state: StopState
    note: Text = ""
    command_id: CommandId | None = None


@router.get("/hazards")
async def list_hazards(
    context: Gateway,
    principal: Reader,
    state: Annotated[list[HazardState], Query(max_length=4)] = [],  # noqa: B006
    open: Annotated[bool | None, Query()] = None,  # noqa: A002 - its name outside
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[HazardView]:
    """Newest first. `open`: not cleared and not withdrawn."""
    after = None
    if cursor:
        at, _, no = unpack(cursor).partition(" ")
        if not at.isdigit():
            raise refused(422, "cursor")
        after = (int(at), no)
    rows = await asyncio.to_thread(context.sql.plans.hazards, limit + 1, after, principal.key.sites, tuple(state), open)
    page = rows[:limit]
    last = page[-1][0] if len(rows) > limit else None
    items = [_hazard(context, one, numbers) for one, numbers in page]
    return PageView(items=items, next=pack(f"{last.found_at} {last.no}") if last else "")


@router.get("/hazards/{no}")
async def read_hazard(context: Gateway, principal: Reader, no: HazardNo) -> HazardView:
    """One hazard."""
    return await _read(context, principal, no)


@router.post("/work-orders/{no}/hazards", status_code=status.HTTP_201_CREATED)
async def record_hazard(
    context: Gateway, principal: Worker, no: OrderNo, body: HazardIn, idempotency_key: Key = None
) -> HazardView:
    """Record a hazard on an inspection; its rectification order opens at once."""
    await find_order(context, principal, no)
    device = 0
    if body.device:
        found = context.registry.device(body.device)
        if found is None or not principal.sees(found):
            raise refused(404, "unknown_device", code=body.device)
        device = found.id
    one = FoundHazard(
        no,
        principal.actor,
        _command_id(body.command_id, idempotency_key),
        body.code,
        body.title,
        body.title_zh or body.title,
        Level[body.level.upper()],
        device,
        body.note,
        body.skill,
        body.sla,
    )
    made = await _execute(context, lambda part: partial(part.record, found=one))
    return await _read(context, principal, made.no)


@router.post("/hazards/{no}/result")
async def recheck_result(
    context: Gateway, principal: Worker, no: HazardNo, body: RecheckIn, idempotency_key: Key = None
) -> HazardView:
    """Result of the open recheck; it takes effect when the recheck order is resolved."""
    await _read(context, principal, no)
    key, actor = _command_id(body.command_id, idempotency_key), principal.actor
    await _execute(context, lambda p: lambda work: p.result(work, no, body.passed, body.note, actor, key))
    return await _read(context, principal, no)


@router.post("/hazards/{no}/withdraw")
async def withdraw_hazard(
    context: Gateway, principal: Worker, no: HazardNo, body: WithdrawIn, idempotency_key: Key = None
) -> HazardView:
    """End a hazard that was none, and its open orders; supervisors only."""
    await _read(context, principal, no)
    key, actor = _command_id(body.command_id, idempotency_key), principal.actor
    await _execute(context, lambda p: lambda work: p.withdraw(work, no, body.reason, actor, key))
    return await _read(context, principal, no)


@router.get("/work-orders/{no}/stops")
async def list_stops(context: Gateway, principal: Reader, no: OrderNo) -> list[StopView]:
    """The devices of a round, in order; empty for other orders."""
    order = await find_order(context, principal, no)
    found = await asyncio.to_thread(context.sql.plans.stops, order.id)
    return [_stop(context, one) for one in found]


@router.post("/work-orders/{no}/stops")
async def record_stop(
    context: Gateway, principal: Worker, no: OrderNo, body: StopIn, idempotency_key: Key = None
) -> StopView:
    """Record one device of a round."""
    await find_order(context, principal, no)
    device = context.registry.device(body.device)
    if device is None or not principal.sees(device):
        raise refused(404, "unknown_device", code=body.device)
    key, now = _command_id(body.command_id, idempotency_key), context.clock.now()

    def in_transaction() -> PlanStop:
        part = PlanCommands(context.desk.writer, context.settings.tenant)
        call = partial(
            part.stop,
            no=no,
            device=device.id,
            state=body.state,
            note=body.note,
            actor=principal.actor,
            command_id=key,
        )
        return context.desk.execute(now, call)

    found = await in_desk(context, in_transaction)
    context.relay.notify()
    return _stop(context, found)


async def _execute(context: Context, make: Callable[[HazardCommands], Callable[[UnitOfWork], Hazard]]) -> Hazard:
    now = context.clock.now()

    def in_transaction() -> Hazard:
        return context.desk.execute(now, make(HazardCommands(context.desk.writer, context.settings.tenant)))

    found = await in_desk(context, in_transaction)
    context.relay.notify()
    return found


async def _read(context: Context, principal: Principal, no: str) -> HazardView:
    found = await asyncio.to_thread(context.sql.plans.hazard, no, principal.key.sites)
    if found is None:
        raise refused(404, "unknown_hazard", no=no)
    return _hazard(context, *found)


def _hazard(context: Context, one: Hazard, numbers: tuple[str, str, str]) -> HazardView:
    inspection, rectification, recheck = numbers
    return HazardView(
        no=one.no,
        state=one.state,
        code=one.code,
        level=level_word(one.level),
        title=TitleView(en=one.title_en, zh=one.title_zh),
        note=one.note,
        place=place_view(context, one.device, 0, ""),
        inspection=inspection,
        rectification=rectification,
        recheck=recheck,
        rechecks=one.rechecks,
        passed=one.passed,
        result_note=one.result_note,
        found_at=one.found_at,
        found_by=one.found_by,
        ended_at=one.ended_at,
        ended_by=one.ended_by,
        reason=one.reason,
    )


def _stop(context: Context, one: PlanStop) -> StopView:
    return StopView(
        place=place_view(context, one.device, 0, ""),
        number=one.place,
        state=one.state,
        note=one.note,
        by=one.by,
        at=one.at,
    )


def _command_id(given: str | None, header: str | None) -> str:
    if not (found := given or header):
        raise refused(422, "command_id")
    return found
