"""Signed callbacks of OA systems, each carried out once (reference: workorders 5.5).

The inbox row is on disk before anything is done. A repeated callback gets the first answer and changes nothing. A
callback about an unknown order stays in the inbox as parked and is tried again when it is repeated, and at each start.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
import structlog
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from gateway.api import problems
from gateway.api.context import Context, Gateway, in_desk
from gateway.api.request_counts import RequestCounts
from gateway.api.routes.alarms import pump
from gateway.api.values import MAX_INT, CommandId, Line, Text, When, refused
from gateway.desk.hold_reasons import OTHER
from gateway.domain.error_reasons import reason
from gateway.domain.errors import CommandError, StoreError
from gateway.domain.workorder import Act, Actor, Command, Role
from gateway.store.keys_and_callbacks import Inbound

router = APIRouter(prefix="/v1/callbacks", tags=["callbacks"])
ANSWER_WITHIN = 0.9  # seconds
MOST_WAITING = 10_000
_JOURNALED_ACTS = frozenset({Act.CLOSE, Act.RESOLVE})  # rules may depend on these
log = structlog.get_logger()


class CallbackIn(BaseModel):
    """Body that an OA system sends; additional keys are ignored. `actor` is the person at the OA system."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    command_id: CommandId | None = Field(None, validation_alias=AliasChoices("command_id", "commandId"))
    order: Annotated[Line, Field(min_length=1)]
    action: Literal["accept", "reject", "start", "hold", "resume", "resolve", "close", "cancel", "comment", "assign"]
    expected_version: Annotated[int, Field(ge=0, le=MAX_INT)] | None = Field(
        None, validation_alias=AliasChoices("expected_version", "expectedVersion")
    )
    actor: Line = ""
    occurred_at: When | None = Field(None, validation_alias=AliasChoices("occurred_at", "occurredAt"))
    assignee: Line = ""
    reason: Text = ""
    fault: Text = ""
    cause: Text = ""
    remedy: Text = ""
    note: Text = ""
    reading: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """`fresh`: carried out by this request; `act`: what was done, None = nothing."""

    status: int
    body: dict[str, Any]
    fresh: bool = False
    act: Act | None = None


@router.post(
    "/{endpoint}",
    openapi_extra={
        "requestBody": {"content": {"application/json": {"schema": CallbackIn.model_json_schema()}}, "required": True}
    },
)
async def callback(request: Request, context: Gateway, endpoint: Annotated[str, Path(max_length=60)]) -> JSONResponse:
    """Callback of an OA system, signed over the raw bytes (Standard Webhooks) with the endpoint's secret. Repeats
    are recognised by `webhook-id`."""
    body, requests = await request.body(), request.app.state.requests
    external_id = await _verified(context, requests, endpoint, request, body)
    work = asyncio.create_task(_settle(context, endpoint, external_id, body))
    pending: set[asyncio.Task[Any]] = request.app.state.pending
    pending.add(work)
    work.add_done_callback(pending.discard)
    done, _ = await asyncio.wait({work}, timeout=ANSWER_WITHIN)
    if not done:
        work.add_done_callback(_logged)
        return problems.answer(
            problems.of_command(refused(503, "busy"), problems.language(request.headers)),
            {"retry-after": problems.RETRY_AFTER},
        )
    return _response(work.result())


async def resume(context: Context) -> None:
    """Carry out, at start, callbacks that a crash left between the inbox and the desk."""

    def work() -> list[CallbackResult]:
        return [_carry_out(context, row, context.clock.now()) for row in context.sql.inbox.waiting(MOST_WAITING)]

    answers = await in_desk(context, work)
    if any(answer.act in _JOURNALED_ACTS for answer in answers):
        await pump(context)
    if any(answer.fresh for answer in answers):
        log.info("callbacks resumed", count=sum(answer.fresh for answer in answers))
        context.relay.notify()


async def _verified(context: Context, requests: RequestCounts, endpoint: str, request: Request, body: bytes) -> str:
    """Returns the webhook-id. An unknown endpoint is refused like a wrong signature, so that names cannot be
    guessed."""
    headers = {name: request.headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    try:
        return await asyncio.to_thread(context.verify_callback, endpoint, headers, body)
    except KeyError:
        await requests.refuse(context, "callback_endpoint", request.state.address)
    except ValueError as error:
        await requests.refuse(context, f"callback_{error}", request.state.address)
    except OSError as error:
        log.error("secret cannot be read", endpoint=endpoint, error=reason(error))
        raise refused(503, "store") from None
    raise refused(401, "signature")


async def _settle(context: Context, endpoint: str, external_id: str, body: bytes) -> CallbackResult:
    now = context.clock.now()

    def work() -> CallbackResult:
        row, _ = context.sql.inbox.receive(endpoint, external_id, body, now)
        if row.processed_at is not None:
            first = orjson.loads(row.result)
            return CallbackResult(first["status"], first["body"])
        return _carry_out(context, row, now)

    try:
        answer = await in_desk(context, work)
    except CommandError as error:
        return CallbackResult(error.status, problems.of_command(error, context.settings.language))
    if answer.fresh:
        context.relay.notify()
        if answer.act in _JOURNALED_ACTS:
            await pump(context)
    return answer


def _carry_out(context: Context, row: Inbound, now: int) -> CallbackResult:
    """Runs in the desk's thread. After a crash between the command and `done` it runs again; the command id makes
    that harmless."""
    try:
        command = _command(context, row)
        order = context.desk.command(command, now)
        body = {"order": order.no, "state": order.state.value, "version": order.version}
        answer = CallbackResult(200, body, fresh=True, act=command.act)
    except ValidationError as error:
        answer = CallbackResult(422, problems.invalid(error.errors(include_input=False, include_url=False), "en"))
    except CommandError as error:
        answer = CallbackResult(error.status, problems.of_command(error, context.settings.language))
        if error.status == 404:
            log.warning("callback about an unknown order is parked", endpoint=row.endpoint, inbox=row.id)
            return answer
    result = orjson.dumps({"status": answer.status, "body": answer.body}).decode()
    context.sql.inbox.done(row.id, result, now)
    return answer


def _hold_reason(context: Context, endpoint: str, posted: CallbackIn) -> tuple[str, str]:
    """Code and note of a hold: what the OA system writes by the endpoint's list, else by the code or its name, else
    `other` with the text as note."""
    config = context.settings.endpoints.get(endpoint)
    mapped = getattr(config, "hold_reasons", {}).get(posted.reason)
    reasons = context.settings.desk.hold_reasons
    code = mapped or reasons.code_of(posted.reason)
    if code is not None or not posted.reason:
        return code or "", posted.note
    return OTHER, f"{posted.reason}: {posted.note}" if posted.note else posted.reason


def _command(context: Context, row: Inbound) -> Command:
    """The command of an inbox row. Raises ValidationError."""
    posted = CallbackIn.model_validate_json(row.body)
    given, note = posted.reason, posted.note
    if posted.action == "hold":
        given, note = _hold_reason(context, row.endpoint, posted)
    person = f"{row.endpoint}/{posted.actor}" if posted.actor else row.endpoint
    command_id = f"{row.endpoint}:{posted.command_id or row.external_id}"
    return Command(
        posted.order,
        Act(posted.action),
        Actor(person, Role.INTEGRATOR, posted.actor),
        command_id,
        posted.expected_version,
        posted.occurred_at or 0,
        posted.assignee,
        given,
        posted.fault,
        posted.cause,
        posted.remedy,
        note,
        posted.reading,
    )


def _response(answer: CallbackResult) -> JSONResponse:
    if answer.status >= 400:
        return problems.answer(answer.body)
    return JSONResponse(answer.body, answer.status)


def _logged(task: asyncio.Task[CallbackResult]) -> None:
    """Log the error of a task that nobody awaits any more."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, StoreError):
        log.warning("callback waits for the desk", error=error)
    elif error is not None:
        log.error("callback failed", error=f"{type(error).__name__}: {error}")
