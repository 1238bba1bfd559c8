"""Work orders: list, read, report a fault, act."""

import asyncio
import re
from functools import partial
from typing import Annotated, Any, Literal

import orjson
import structlog
from fastapi import APIRouter, Header, Path, Query, Response, status
from pydantic import Field

from gateway.api.access import Permission, Principal, Reader, Reporter, Worker
from gateway.api.context import Context, Gateway, in_desk
from gateway.api.routes.alarms import AlarmView, alarm_view, device_id, pump
from gateway.api.routes.clocks import ClockReasons, clocks_of, reasons_of
from gateway.api.routes.order_codes import OrderCodeView, code_view
from gateway.api.routes.order_views import OrderView, order_view, viewed
from gateway.api.values import (
    MAX_INT,
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
    When,
    level_of,
    refused,
)
from gateway.desk import lifecycle
from gateway.desk.order_codes import CodeKind
from gateway.domain.alarm import Level
from gateway.domain.duration import MINUTE
from gateway.domain.notice import NoticeState
from gateway.domain.workorder import Act, Command, FaultReport, OrderState, Role, WorkOrder
from gateway.store.queries import OrderFilter

log = structlog.get_logger()
router = APIRouter(prefix="/v1/work-orders", tags=["work orders"])
AHEAD = 5 * MINUTE  # how far a person's clock may be ahead
OrderNo = Annotated[str, Path(max_length=60)]
Key = Annotated[CommandId | None, Header(alias="Idempotency-Key")]
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


class AuditView(ResponseModel):
    """One act on the order. `sequence` is the order's version after it; `occurred_at`: when it happened in the
    field."""

    sequence: int
    type: str
    actor: str
    role: str
    before: str
    after: str
    data: dict[str, Any]
    at: Instant
    occurred_at: Instant


class NoticeView(ResponseModel):
    """One message to one customer, without the phone number."""

    customer: str
    template: str
    n: int
    language: str
    state: NoticeState
    reason: str
    created_at: Instant
    updated_at: Instant


class OrderDetail(OrderView):
    """An order with alarms, audit and notices. `acts`: what the caller may do now. `known_fault`: what the firm's list
    of codes has about the order's fault, null = nothing."""

    alarms: list[AlarmView]
    audit: list[AuditView]
    notices: list[NoticeView]
    acts: list[Act]
    known_fault: OrderCodeView | None


class ReportIn(RequestModel):
    """A fault reported by a person. It joins the open order of the same device, component and fault, or creates one."""

    command_id: CommandId | None = None
    device: Line
    component: Annotated[int, Field(ge=0, le=1000)] = 0
    fault: Annotated[Line, Field(min_length=1)]
    title: Annotated[Line, Field(min_length=1)]
    title_zh: Line = ""
    type: Line = "repair"
    level: LevelWord = "minor"
    source: Literal["customer", "api", "oa"] = "api"
    note: Text = ""
    skill: Line = ""
    urgency: Literal["low", "normal", "urgent"] = "normal"


class CommandIn(RequestModel):
    """One act. `occurred_at`: when it happened in the field, if it is reported later; of a resolve, when the work
    was done: plans count from it. `reading`: the counter at which maintenance was done, in its canonical unit
    (resolve, close): the next one is due from there; without it, from its newest reading. `into`: the open order that
    a merge joins."""

    command_id: CommandId | None = None
    act: Act
    expected_version: Annotated[int, Field(ge=0, le=MAX_INT)] | None = None
    occurred_at: When | None = None
    assignee: Line = ""
    reason: Text = ""
    fault: Text = ""
    cause: Text = ""
    remedy: Text = ""
    note: Text = ""
    reading: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    urgency: Literal["", "low", "normal", "urgent"] = ""
    into: Annotated[str, Field(max_length=60)] = ""


@router.get("")
async def list_orders(
    context: Gateway,
    principal: Reader,
    open: Annotated[bool | None, Query()] = None,  # noqa: A002 - its name outside
    state: Annotated[list[OrderState], Query(max_length=8)] = [],  # noqa: B006
    device: Annotated[Line | None, Query()] = None,
    site: Annotated[Line, Query()] = "",
    fault: Annotated[Line, Query()] = "",
    type: Annotated[Line, Query()] = "",  # noqa: A002
    assignee: Annotated[Line | None, Query()] = None,
    level: LevelWord | None = None,
    since: Annotated[When | None, Query()] = None,
    until: Annotated[When | None, Query()] = None,
    updated_after: Annotated[When | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[OrderView]:
    """Newest first. `level` means this level and higher. A key that is bound to sites may receive pages with fewer
    items: continue with `next`."""
    want = OrderFilter(
        open,
        tuple(state),
        device_id(context, device),
        site,
        fault,
        type,
        assignee,
        level_of(level),
        since,
        until,
        updated_after,
    )
    page = await asyncio.to_thread(context.sql.queries.orders, want, limit, cursor)
    seen = [order for order in page.items if _visible(context, principal, order)]
    clocks = await clocks_of(context, seen)
    return PageView(items=[order_view(context, order, clocks) for order in seen], next=page.next)


@router.get("/{no}")
async def read_order(context: Gateway, principal: Reader, no: OrderNo, response: Response) -> OrderDetail:
    """An order with its alarms, audit and notices."""
    order = await find_order(context, principal, no)
    queries = context.sql.queries

    def work() -> tuple[Any, Any, Any]:
        return queries.alarms_of(no), queries.audit(no), queries.notices(no)

    alarms, audit, notices = await asyncio.to_thread(work)
    known = context.settings.desk.codes.find(CodeKind.FAULT, order.fault)
    response.headers["etag"] = f'"{order.version}"'
    return OrderDetail(
        **dict(await viewed(context, order)),
        alarms=[alarm_view(context, alarm, {order.id: order.no}) for alarm in alarms],
        audit=[
            AuditView(
                sequence=a.seq,
                type=a.type,
                actor=a.actor,
                role=a.role,
                before=a.before,
                after=a.after,
                data=orjson.loads(a.data or "{}"),
                at=a.at,
                occurred_at=a.occurred_at or a.at,
            )
            for a in audit
        ],
        notices=[
            NoticeView(
                customer=n.recipient,
                template=n.template,
                n=n.n,
                language=n.language,
                state=n.state,
                reason=n.reason,
                created_at=n.created_at,
                updated_at=n.updated_at,
            )
            for n in notices
        ],
        acts=list(lifecycle.legal(order, principal.actor)) if principal.may(Permission.ACT) else [],
        known_fault=code_view(known) if known else None,
    )


@router.get("/{no}/clocks")
async def read_clocks(context: Gateway, principal: Reader, no: OrderNo) -> list[ClockReasons]:
    """The SLA clocks of an order with their milestones, and why something is due then."""
    return await reasons_of(context, await find_order(context, principal, no))


@router.post("", status_code=status.HTTP_201_CREATED)
async def report(
    context: Gateway, principal: Reporter, body: ReportIn, response: Response, idempotency_key: Key = None
) -> OrderView:
    """201 with a new order, 200 with the order it joined."""
    device = context.registry.device(body.device)
    if device is None or not principal.sees(device):
        raise refused(404, "unknown_device", code=body.device)
    if body.component > device.components:
        raise refused(422, "unknown_component", code=body.device, most=device.components)
    types = sorted({"repair", *context.settings.order_types})
    if body.type not in types:
        raise refused(422, "unknown_type", types=", ".join(types))
    fault = FaultReport(
        device.id,
        body.fault,
        body.title,
        body.title_zh or body.title,
        principal.actor,
        _command_id(body.command_id, idempotency_key),
        body.component,
        "",
        body.type,
        Level[body.level.upper()],
        "oa" if principal.key.role is Role.INTEGRATOR else body.source,
        body.note,
        body.skill,
        urgency=body.urgency,
    )
    order = await in_desk(context, partial(context.desk.report, fault, context.clock.now()))
    context.relay.notify()
    response.headers["etag"] = f'"{order.version}"'
    response.headers["location"] = f"/v1/work-orders/{order.no}"
    if order.version > 1:
        response.status_code = status.HTTP_200_OK
    log.info("order reported", no=order.no, actor=principal.key.name)
    return await viewed(context, order)


@router.post("/{no}/commands")
async def act(
    context: Gateway,
    principal: Worker,
    no: OrderNo,
    body: CommandIn,
    response: Response,
    idempotency_key: Key = None,
    if_match: Annotated[str | None, Header(max_length=40)] = None,
) -> OrderView:
    """The order after the act; 409 when the act is not allowed now or the version is stale, 422 when something is
    missing."""
    now = context.clock.now()
    if body.occurred_at is not None and body.occurred_at > now + AHEAD:
        raise refused(422, "future")
    await find_order(context, principal, no)
    if body.into:
        await find_order(context, principal, body.into)
    command = Command(
        no,
        body.act,
        principal.actor,
        _command_id(body.command_id, idempotency_key),
        body.expected_version if if_match is None else _version(if_match),
        body.occurred_at or 0,
        body.assignee,
        body.reason,
        body.fault,
        body.cause,
        body.remedy,
        body.note,
        body.reading,
        body.urgency,
        body.into,
    )
    order = await carry_out(context, command, now)
    response.headers["etag"] = f'"{order.version}"'
    return await viewed(context, order)


async def carry_out(context: Context, command: Command, now: int) -> WorkOrder:
    """Carry out a command. Deliveries are sent, and the rules receive facts about work done and closed orders."""
    order = await in_desk(context, partial(context.desk.command, command, now))
    context.relay.notify()
    if command.act in {Act.RESOLVE, Act.CLOSE}:
        await pump(context)
    return order


def _command_id(given: str | None, header: str | None) -> str:
    if not (found := given or header):
        raise refused(422, "command_id")
    return found


def _version(etag: str) -> int:
    match = _ETAG.fullmatch(etag.strip())
    if match is None:
        raise refused(422, "if_match")
    return int(match[1])


async def find_order(context: Context, principal: Principal, no: str) -> WorkOrder:
    """The order that the caller may see. Raises CommandError 404."""
    order = await asyncio.to_thread(context.sql.queries.order, no)
    if order is None or not _visible(context, principal, order):
        raise refused(404, "unknown_order")
    return order


def _visible(context: Context, principal: Principal, order: WorkOrder) -> bool:
    return principal.sees(context.registry.device_by_id(order.device), order.group)
