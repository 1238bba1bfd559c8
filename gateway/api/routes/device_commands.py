"""Commands to devices: what is allowed, request, approve, refuse, settle, list, read."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Path, Query, Request, Response, status

from gateway.api.access import Approver, Commander, Principal, Reader
from gateway.api.context import Context, Gateway, in_desk
from gateway.api.device_command_views import (
    AllowedListView,
    ApprovalIn,
    DeviceCommandDetail,
    DeviceCommandIn,
    DeviceCommandView,
    RefusalIn,
    SettlementIn,
    allowed_view,
    command_view,
    record_view,
)
from gateway.api.problems import language
from gateway.api.routes.devices import find
from gateway.api.values import (
    CommandId,
    Cursor,
    Limit,
    PageView,
    pack,
    refused,
    unpack,
)
from gateway.device_commands import RequestedCommand
from gateway.domain.device_command.command import CommandState, DeviceCommand
from gateway.domain.device_command.definition import refusal
from gateway.domain.text import Lang

log = structlog.get_logger()
router = APIRouter(prefix="/v1", tags=["device commands"])
Code = Annotated[str, Path(max_length=120)]
CommandPath = Annotated[str, Path(max_length=60, description="id of the command")]
Key = Annotated[CommandId | None, Header(alias="Idempotency-Key")]


@router.get("/devices/{code:path}/commands/allowed")
async def list_allowed(context: Gateway, principal: Reader, code: Code) -> AllowedListView:
    """Commands that the configuration allows for the device."""
    allowed = context.commands.allowed(find(context, principal, code))
    return AllowedListView(items=[allowed_view(one) for _, one in sorted(allowed.items())])


@router.post("/devices/{code:path}/commands", status_code=status.HTTP_201_CREATED)
async def request_command(
    context: Gateway,
    principal: Commander,
    request: Request,
    code: Code,
    body: DeviceCommandIn,
    response: Response,
    idempotency_key: Key = None,
) -> DeviceCommandView:
    """201 with a new command, which is sent at once or waits for approval; 200 with the command that this id or
    `Idempotency-Key` made before. 404 when the configuration does not allow it, 422 for its parameters, 429 when the
    device got too many."""
    device = find(context, principal, code)
    if context.registry.device(code) is None:
        raise refusal(404, "device_gone")
    key = body.command_id or idempotency_key
    if not key:
        raise refused(422, "command_id")
    wanted = RequestedCommand(device, body.command, body.parameters, key, body.component, body.note)
    now = context.clock.now()
    command, new = await in_desk(context, lambda: context.commands.requests.request(wanted, principal.actor, now))
    if new:
        log.info("device command requested", id=command.id, name=command.name, device=code, actor=principal.key.name)
        context.commands.notify()
    else:
        response.status_code = status.HTTP_200_OK
    response.headers["location"] = f"/v1/device-commands/{command.id}"
    return command_view(context, principal, command, language(request.headers))


@router.get("/devices/{code:path}/commands")
async def list_commands_of_device(
    context: Gateway,
    principal: Reader,
    request: Request,
    code: Code,
    state: Annotated[list[CommandState], Query(max_length=12)] = [],  # noqa: B006
    open: Annotated[bool | None, Query()] = None,  # noqa: A002 - its name outside
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[DeviceCommandView]:
    """Commands of one device, newest first."""
    device = find(context, principal, code)
    return await _page(context, principal, language(request.headers), (state, open, limit, cursor), device.id)


@router.get("/device-commands")
async def list_commands(
    context: Gateway,
    principal: Reader,
    request: Request,
    state: Annotated[list[CommandState], Query(max_length=12)] = [],  # noqa: B006
    open: Annotated[bool | None, Query()] = None,  # noqa: A002 - its name outside
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[DeviceCommandView]:
    """Newest first. `open`: those that wait for a person, for the device, or for their read-back. A key that is bound
    to sites may receive pages with fewer items: continue with `next`."""
    return await _page(context, principal, language(request.headers), (state, open, limit, cursor), None)


@router.get("/device-commands/{command}")
async def read_command(
    context: Gateway, principal: Reader, request: Request, command: CommandPath
) -> DeviceCommandDetail:
    """A command with its audit."""
    found = await _find(context, principal, command)
    audit = await asyncio.to_thread(context.sql.device_commands.audit, command)
    lang = language(request.headers)
    view = command_view(context, principal, found, lang)
    return DeviceCommandDetail(**dict(view), audit=[record_view(one, lang) for one in audit])


@router.post("/device-commands/{command}/approve")
async def approve_command(
    context: Gateway, principal: Approver, request: Request, command: CommandPath, body: ApprovalIn
) -> DeviceCommandView:
    """The second person agrees; it is sent at once. 403 for the person who requested it, 409 when it no longer waits
    for approval."""
    requests, now = context.commands.requests, context.clock.now()
    return await _act(
        context, principal, request, command, lambda: requests.approve(command, principal.actor, now, body.note)
    )


@router.post("/device-commands/{command}/refuse")
async def refuse_command(
    context: Gateway, principal: Commander, request: Request, command: CommandPath, body: RefusalIn
) -> DeviceCommandView:
    """It is never sent. Who requested it may take it back this way; otherwise the role must be one that approves."""
    requests, now = context.commands.requests, context.clock.now()
    return await _act(
        context, principal, request, command, lambda: requests.refuse(command, principal.actor, now, body.reason)
    )


@router.post("/device-commands/{command}/settle")
async def settle_command(
    context: Gateway, principal: Commander, request: Request, command: CommandPath, body: SettlementIn
) -> DeviceCommandView:
    """A person records whether the device carried it out, where the gateway does not know."""
    requests, now = context.commands.requests, context.clock.now()
    return await _act(
        context,
        principal,
        request,
        command,
        lambda: requests.settle(command, principal.actor, now, body.outcome, body.reason),
    )


async def _act(
    context: Context, principal: Principal, request: Request, command: str, act: Callable[[], DeviceCommand]
) -> DeviceCommandView:
    await _find(context, principal, command)
    found = await in_desk(context, act)
    log.info("device command decided", id=found.id, state=found.state.value, actor=principal.key.name)
    context.commands.notify()
    return command_view(context, principal, found, language(request.headers))


async def _find(context: Context, principal: Principal, command: str) -> DeviceCommand:
    found = await asyncio.to_thread(context.sql.device_commands.get, command)
    if found is None or not principal.sees(context.registry.device_by_id(found.device)):
        raise refusal(404, "unknown_command", id=command)
    return found


async def _page(
    context: Context,
    principal: Principal,
    lang: Lang,
    wanted: tuple[list[CommandState], bool | None, int, str],
    device: int | None,
) -> PageView[DeviceCommandView]:
    states, is_open, limit, cursor = wanted
    before = _below(cursor) if cursor else None
    found = await asyncio.to_thread(
        context.sql.device_commands.listed, limit + 1, before, device, tuple(states), is_open
    )
    page, more = found[:limit], len(found) > limit
    seen = [one for one in page if principal.sees(context.registry.device_by_id(one.device))]
    after = pack(f"{page[-1].created_at} {page[-1].id}") if more else ""
    return PageView(items=[command_view(context, principal, one, lang) for one in seen], next=after)


def _below(cursor: str) -> tuple[int, str]:
    at, _, last = unpack(cursor).partition(" ")
    if not (at.isascii() and at.isdigit() and len(at) < 19 and last):
        raise refused(422, "cursor")
    return int(at), last
