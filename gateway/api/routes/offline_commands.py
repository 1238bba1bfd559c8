"""Commands that an app made without a connection, sent together."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Request
from pydantic import Field, ValidationError, WithJsonSchema

from gateway.api import problems
from gateway.api.access import Principal, Worker
from gateway.api.context import Context, Gateway, in_desk
from gateway.api.routes.alarms import pump
from gateway.api.routes.clocks import clocks_of
from gateway.api.routes.order_views import OrderView, order_view
from gateway.api.routes.orders import AHEAD, CommandIn
from gateway.api.values import CommandId, Line, RequestModel, ResponseModel, When, refused
from gateway.domain.offline_command import RefusedCommand
from gateway.domain.text import Lang
from gateway.domain.workorder import Act, Command, WorkOrder

log = structlog.get_logger()
router = APIRouter(prefix="/v1/work-orders", tags=["work orders"])
MOST = 500


class OfflineCommandIn(CommandIn):
    """One act on one order, with the time at which it happened in the field."""

    order: Annotated[Line, Field(min_length=1, max_length=60)]
    command_id: CommandId
    occurred_at: When


_ITEM = {
    "type": "object",
    "description": "Fields of `POST /v1/work-orders/{no}/commands`, and the number of the order",
    "required": ["order", "act", "command_id", "occurred_at"],
    "properties": {
        "order": {"type": "string", "maxLength": 60},
        "act": {"type": "string", "enum": [act.value for act in Act]},
        "command_id": {"type": "string"},
        "occurred_at": {"type": "string", "format": "date-time"},
        "expected_version": {"type": "integer", "minimum": 0},
    },
}


class OfflineBatchIn(RequestModel):
    """Commands in any order. One that cannot be understood is answered with 422 and stops no other."""

    commands: Annotated[list[Annotated[dict[str, Any], WithJsonSchema(_ITEM)]], Field(min_length=1, max_length=MOST)]


class OfflineResult(ResponseModel):
    """Result of the command at this place of the request: 200 carried out, now or before; 404, 409, 422 and 403 with a
    problem (RFC 9457)."""

    index: int
    command_id: str
    order: str
    status: int
    problem: dict[str, Any] | None = None


class OfflineResults(ResponseModel):
    """A result for each command, in the order of the request; `orders`: those that were named, as they are now."""

    results: list[OfflineResult]
    orders: list[OrderView]


@router.post("/commands")
async def act_on_many(context: Gateway, principal: Worker, body: OfflineBatchIn, request: Request) -> OfflineResults:
    """Carry out commands of a device that was offline, by the time at which they happened. Sent again, the batch has
    the same result: what was carried out is not done twice, what was refused stays refused."""
    now, lang = context.clock.now(), problems.language(request.headers)
    results: dict[int, OfflineResult] = {}
    commands: dict[int, Command] = {}
    for index, item in enumerate(body.commands):
        read = _read(item, principal, now, lang)
        if isinstance(read, Command):
            commands[index] = read
        else:
            results[index] = _view(index, str(item.get("command_id", ""))[:200], str(item.get("order", ""))[:60], read)
    orders = await asyncio.to_thread(_orders, context, principal, _named(commands.values()))
    for index in [index for index, one in commands.items() if not _named([one]) <= orders.keys()]:
        one = commands.pop(index)
        problem = problems.of_command(refused(404, "unknown_order"), lang)
        results[index] = _view(index, one.command_id, one.order, problem)
    done = await in_desk(context, partial(context.desk.commands, list(commands.values()), now)) if commands else []
    for index, result in zip(commands, done, strict=True):
        one = result.command
        refusal = None if result.refusal is None else _problem(result.refusal, lang)
        results[index] = _view(index, one.command_id, one.order, refusal)
    if commands:
        context.relay.notify()
    if any(one.act in {Act.RESOLVE, Act.CLOSE} for one in commands.values()):
        await pump(context)
    refusals = sum(one.problem is not None for one in results.values())
    log.info("offline commands", actor=principal.key.name, count=len(body.commands), refused=refusals)
    known = await asyncio.to_thread(_orders, context, principal, set(orders))
    clocks = await clocks_of(context, list(known.values()))
    shown = [order_view(context, known[no], clocks) for no in sorted(known)]
    return OfflineResults(results=[results[index] for index in sorted(results)], orders=shown)


def _read(item: dict[str, Any], principal: Principal, now: int, lang: Lang) -> Command | dict[str, Any]:
    """The command, or the problem with its content."""
    try:
        read = OfflineCommandIn.model_validate(item)
    except ValidationError as error:
        return problems.invalid(error.errors(), lang)
    if read.occurred_at > now + AHEAD:
        return problems.of_command(refused(422, "future"), lang)
    own = {"actor", "order"}
    shared = {
        name: getattr(read, name) for name in OfflineCommandIn.model_fields.keys() & set(Command.__struct_fields__)
    }
    return Command(read.order, actor=principal.actor, **{name: shared[name] for name in shared.keys() - own})


def _orders(context: Context, principal: Principal, numbers: set[str]) -> dict[str, WorkOrder]:
    """Number -> order, of those that the caller may see."""
    found = context.sql.queries.orders_numbered(sorted(numbers))
    device = context.registry.device_by_id
    return {order.no: order for order in found if principal.sees(device(order.device), order.group)}


def _named(commands: Iterable[Command]) -> set[str]:
    """The numbers of orders in these commands."""
    return {no for one in commands for no in (one.order, one.into) if no}


def _view(index: int, command_id: str, order: str, problem: dict[str, Any] | None) -> OfflineResult:
    status = 200 if problem is None else problem["status"]
    return OfflineResult(index=index, command_id=command_id, order=order, status=status, problem=problem)


def _problem(refusal: RefusedCommand, lang: Lang) -> dict[str, Any]:
    chinese = lang == "zh"
    extra: dict[str, Any] = {"state": refusal.state, "version": refusal.version} if refusal.state else {}
    if refusal.possible:
        extra["possible"] = [
            {"act": one.act, "text": one.text_zh if chinese else one.text_en} for one in refusal.possible
        ]
    return problems.body_of(refusal.status, refusal.code, refusal.text_zh if chinese else refusal.text_en, extra)
