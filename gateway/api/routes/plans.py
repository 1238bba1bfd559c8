"""Maintenance plans: numbers, things with their next dates, cycles, forecast, coverage; skip and postpone."""

import asyncio
import csv
import io
from datetime import date
from functools import partial
from itertools import islice
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Path, Query, Response

from gateway.api.access import Principal, Reader, Worker
from gateway.api.context import Context, Gateway, in_desk
from gateway.api.routes.alarms import PlaceView, TitleView, place_view
from gateway.api.values import (
    CommandId,
    Cursor,
    Instant,
    Limit,
    Line,
    PageView,
    RequestModel,
    ResponseModel,
    Text,
    When,
    pack,
    refused,
    unpack,
)
from gateway.desk.plans import MaintenancePlan
from gateway.desk.plans.commands import PlanAct, PlanCommands
from gateway.desk.plans.dates import dates_after, start_of
from gateway.domain.duration import DAY
from gateway.domain.maintenance import CycleState, PlanCycle, PlannedThing
from gateway.store.plan_queries import PlanCounts, PlanCoverage

router = APIRouter(prefix="/v1/plans", tags=["plans"])
PlanId = Annotated[str, Path(max_length=60)]
Key = Annotated[CommandId | None, Header(alias="Idempotency-Key")]
MOST_DATES = 24  # of one thing in a forecast


class PlanView(ResponseModel):
    """A plan and its numbers. `kind`: it has `dates` of its own (`rrule`, `basis`), or a `rule`. `things`: devices or
    routes that it covers, `undated` of them have no next date; `open`: cycles to be done, `overdue` of them past their
    date."""

    id: str
    title: TitleView
    why: TitleView
    kind: Literal["dates", "rule"]
    rrule: str
    basis: str
    rule: str
    lead_seconds: int
    order_type: str
    checklist: str
    parts: dict[str, float]
    things: int
    undated: int
    open: int
    overdue: int
    next_due: Instant | None


class PlannedThingView(ResponseModel):
    """A device, or a route, and its next date. `due_at` null: its date depends on the open order, or the device has no
    first day (`undated`). `moved_from`: the date that was postponed to `due_at`."""

    place: PlaceView
    due_at: Instant | None
    opens_at: Instant | None
    done_at: Instant | None
    moved_from: Instant | None
    undated: bool


class CycleView(ResponseModel):
    """One date of one thing. `order`: the number of the order that does it, "" = none."""

    place: PlaceView
    state: CycleState
    due_at: Instant
    opened_at: Instant
    done_at: Instant | None
    order: str
    by: str
    note: str


class ForecastView(ResponseModel):
    """Dates to come of one thing, from the next one on."""

    place: PlaceView
    dates: list[Instant]


class CoverageView(ResponseModel):
    """Dates of one area or site in the period. `share`: done of those that were due by now, 0 to 1; null = none was."""

    of: str
    things: int
    due: int
    done: int
    late: int
    open: int
    overdue: int
    missed: int
    skipped: int
    share: float | None


class ThingIn(RequestModel):
    """A device by its code, or a route."""

    device: Line = ""
    route: Line = ""
    reason: Text
    command_id: CommandId | None = None


class PostponeIn(ThingIn):
    """`until`: the new time of the next date."""

    until: When


@router.get("")
async def list_plans(context: Gateway, principal: Reader) -> list[PlanView]:
    """All plans by id, with their numbers."""
    now = context.clock.now()
    counts = await asyncio.to_thread(context.sql.plans.counts, now, principal.key.sites)
    plans = context.settings.desk.plans.by_id
    return [_plan(plans[name], counts.get(name, PlanCounts())) for name in sorted(plans)]


@router.get("/{plan}/things")
async def list_things(
    context: Gateway, principal: Reader, plan: PlanId, limit: Limit = 50, cursor: Cursor = ""
) -> PageView[PlannedThingView]:
    """What a plan of dates covers, with the next dates, by device."""
    found, after = await _things(context, principal, plan, limit, cursor)
    return PageView(items=[_thing(context, one) for one in found], next=after)


@router.get("/{plan}/forecast")
async def forecast(
    context: Gateway,
    principal: Reader,
    plan: PlanId,
    until: Annotated[When, Query()],
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[ForecastView]:
    """Dates up to `until`, at most 24 of each thing. Basis `completed`: as if the work were done on its day."""
    known = _known(context, plan)
    found, after = await _things(context, principal, plan, limit, cursor)
    return PageView(items=[_forecast(context, known, one, until) for one in found], next=after)


@router.get("/{plan}/cycles")
async def list_cycles(
    context: Gateway,
    principal: Reader,
    plan: PlanId,
    state: Annotated[list[CycleState], Query(max_length=6)] = [],  # noqa: B006
    device: Annotated[Line, Query()] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[CycleView]:
    """Dates that were reached, newest first."""
    _known(context, plan)
    of = None
    if device:
        found = context.registry.device(device)
        of = -1 if found is None else found.id
    after = None
    if cursor:
        due, number, group = [*unpack(cursor).split(" ", 2), "", ""][:3]
        if not (due.isdigit() and number.isdigit()):
            raise refused(422, "cursor")
        after = (int(due), int(number), group)
    rows = await asyncio.to_thread(
        context.sql.plans.cycles, plan, limit + 1, after, principal.key.sites, tuple(state), of
    )
    page = rows[:limit]
    last = page[-1][0] if len(rows) > limit else None
    following = pack(f"{last.due_at} {last.device} {last.group}") if last else ""
    return PageView(items=[_cycle(context, one, no) for one, no in page], next=following)


@router.get("/{plan}/coverage", response_model=list[CoverageView])
async def coverage(
    context: Gateway,
    principal: Reader,
    plan: PlanId,
    since: Annotated[When | None, Query()] = None,
    until: Annotated[When | None, Query()] = None,
    by: Annotated[Literal["area", "site"], Query()] = "area",
    format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002 - its name outside
) -> list[CoverageView] | Response:
    """How much of what was planned was done, by area or site; the last 365 days, unless the period is given."""
    _known(context, plan)
    now = context.clock.now()
    end = now if until is None else until
    begin = end - 365 * DAY if since is None else since
    found = await asyncio.to_thread(context.sql.plans.coverage, plan, begin, end, now, by, principal.key.sites)
    views = [_coverage(one) for one in found]
    return _csv(views) if format == "csv" else views


@router.post("/{plan}/skip")
async def skip(
    context: Gateway, principal: Worker, plan: PlanId, body: ThingIn, idempotency_key: Key = None
) -> PlannedThingView:
    """Leave out the next date of a thing, with a reason."""
    act = _act(context, principal, plan, body, idempotency_key)
    now = context.clock.now()

    def in_transaction() -> PlannedThing:
        part = PlanCommands(context.desk.writer, context.settings.tenant)
        return context.desk.execute(now, partial(part.skip, act=act))

    return _thing(context, await in_desk(context, in_transaction))


@router.post("/{plan}/postpone")
async def postpone(
    context: Gateway, principal: Worker, plan: PlanId, body: PostponeIn, idempotency_key: Key = None
) -> PlannedThingView:
    """Move the next date of a thing to a later time, with a reason."""
    act = _act(context, principal, plan, body, idempotency_key)
    now = context.clock.now()

    def in_transaction() -> PlannedThing:
        part = PlanCommands(context.desk.writer, context.settings.tenant)
        return context.desk.execute(now, partial(part.postpone, act=act, until=body.until))

    return _thing(context, await in_desk(context, in_transaction))


def _known(context: Context, plan: str) -> MaintenancePlan:
    found = context.settings.desk.plans.by_id.get(plan)
    if found is None:
        raise refused(404, "unknown_plan", plan=plan)
    return found


def _act(context: Context, principal: Principal, plan: str, body: ThingIn, header: str | None) -> PlanAct:
    _known(context, plan)
    device, key = 0, body.command_id or header
    if not key:
        raise refused(422, "command_id")
    if bool(body.device) == bool(body.route):
        raise refused(422, "device_or_route")
    if body.device:
        found = context.registry.device(body.device)
        if found is None or not principal.sees(found):
            raise refused(404, "unknown_device", code=body.device)
        device = found.id
    elif not principal.sees(None, body.route):
        raise refused(404, "unknown_device", code=body.route)
    return PlanAct(plan, device, body.route, body.reason, principal.actor, key)


async def _things(
    context: Context, principal: Principal, plan: str, limit: int, cursor: str
) -> tuple[list[PlannedThing], str]:
    _known(context, plan)
    after = None
    if cursor:
        number, _, group = unpack(cursor).partition(" ")
        if not number.isdigit():
            raise refused(422, "cursor")
        after = (int(number), group)
    rows = await asyncio.to_thread(context.sql.plans.things, plan, limit + 1, after, principal.key.sites)
    page = rows[:limit]
    return page, pack(f"{page[-1].device} {page[-1].group}") if len(rows) > limit else ""


def _plan(plan: MaintenancePlan, counts: PlanCounts) -> PlanView:
    return PlanView(
        id=plan.id,
        title=TitleView(en=plan.title_en, zh=plan.title_zh),
        why=TitleView(en=plan.why_en, zh=plan.why_zh or plan.why_en),
        kind="rule" if plan.dates is None else "dates",
        rrule=plan.dates.rule if plan.dates else "",
        basis=plan.dates.basis.value if plan.dates else "",
        rule=plan.rule,
        lead_seconds=plan.lead // 1_000_000,
        order_type=plan.order.type,
        checklist=plan.checklist,
        parts=dict(plan.parts),
        things=counts.things,
        undated=counts.undated,
        open=counts.open,
        overdue=counts.overdue,
        next_due=counts.next_due,
    )


def _thing(context: Context, thing: PlannedThing) -> PlannedThingView:
    plan = context.settings.desk.plans.by_id.get(thing.plan)
    first = start_of(plan.dates, thing.start) if plan and plan.dates else None
    return PlannedThingView(
        place=place_view(context, thing.device, 0, thing.group),
        due_at=thing.due_at,
        opens_at=thing.opens_at,
        done_at=thing.done_at,
        moved_from=thing.moved_from,
        undated=thing.due_at is None and first is None,
    )


def _cycle(context: Context, cycle: PlanCycle, no: str) -> CycleView:
    return CycleView(
        place=place_view(context, cycle.device, 0, cycle.group),
        state=cycle.state,
        due_at=cycle.due_at,
        opened_at=cycle.opened_at,
        done_at=cycle.done_at,
        order=no,
        by=cycle.by,
        note=cycle.note,
    )


def _forecast(context: Context, plan: MaintenancePlan, thing: PlannedThing, until: int) -> ForecastView:
    dates: list[int] = []
    start: date | None = start_of(plan.dates, thing.start) if plan.dates else None
    if plan.dates and start and thing.due_at is not None and thing.due_at <= until:
        following = dates_after(plan.dates, start, ZoneInfo(thing.zone), thing.due_at)
        dates = [thing.due_at, *(one for one in islice(following, MOST_DATES - 1) if one <= until)]
    return ForecastView(place=place_view(context, thing.device, 0, thing.group), dates=dates)


def _coverage(one: PlanCoverage) -> CoverageView:
    reached = one.done + one.overdue + one.missed
    return CoverageView(
        of=one.of,
        things=one.things,
        due=one.due,
        done=one.done,
        late=one.late,
        open=one.open,
        overdue=one.overdue,
        missed=one.missed,
        skipped=one.skipped,
        share=round(one.done / reached, 4) if reached else None,
    )


def _csv(rows: list[CoverageView]) -> Response:
    """A table that spreadsheets open in UTF-8; a name that begins like a formula is text."""
    names, out = list(CoverageView.model_fields), io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in names])
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8")


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula stays text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
