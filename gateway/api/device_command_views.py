"""Commands to devices as the API shows and takes them."""

from typing import Annotated

from pydantic import Field

from gateway.api.access import Principal
from gateway.api.context import Context
from gateway.api.values import CommandId, Instant, Line, RequestModel, ResponseModel, Text
from gateway.domain.device_command import lifecycle
from gateway.domain.device_command.allowed import AllowedCommand
from gateway.domain.device_command.command import CommandRecord, CommandState, DeviceCommand, Outcome, Verification
from gateway.domain.device_command.definition import CommandParameter, ParameterType, Value
from gateway.domain.duration import SECOND
from gateway.domain.text import Lang, catalogue, localize

Parameter = Annotated[bool | int | float | Line, Field(union_mode="smart")]


class ParameterView(ResponseModel):
    """A parameter: a number lies between `min` and `max` in `unit`; `values` are the only ones taken, if there are any;
    a text has at most `max_length` characters (0 = see `values`)."""

    name: str
    title_en: str
    title_zh: str
    type: ParameterType
    unit: str
    min: float | None
    max: float | None
    values: tuple[Value, ...]
    max_length: int
    default: Value | None


class AllowedView(ResponseModel):
    """A command that may be sent to the device. `each`: it goes to a component; `approval`: role of the second person
    who must approve it ("" = nobody); `read_back`: point that verifies it ("" = none); `timeout` s."""

    name: str
    title_en: str
    title_zh: str
    source: str
    each: bool
    approval: str
    timeout: float
    read_back: str
    per_minute: int
    parameters: list[ParameterView]


class AllowedListView(ResponseModel):
    """What may be sent to one device, by name."""

    items: list[AllowedView]


class DeviceCommandView(ResponseModel):
    """One command. `expires_at`: until then it must be approved, and then sent; `answer`: the device's own words;
    `acts`: what the caller may do now."""

    id: str
    device: str
    component: int
    name: str
    title_en: str
    title_zh: str
    parameters: dict[str, Value]
    note: str
    source: str
    state: CommandState
    verification: Verification
    open: bool
    approval: str
    requester: str
    approver: str
    reason: str
    answer: str
    outcome: str
    version: int
    created_at: Instant
    updated_at: Instant
    expires_at: Instant
    sent_at: Instant | None
    ended_at: Instant | None
    acts: list[str]


class CommandRecordView(ResponseModel):
    """One line of the audit, never changed. `before`, `after`: states; `data`: what belongs to the event, such as
    parameters, the value of the point before and after."""

    sequence: int
    type: str
    actor: str
    role: str
    before: str
    after: str
    data: dict[str, Value]
    at: Instant


class DeviceCommandDetail(DeviceCommandView):
    """A command with its audit."""

    audit: list[CommandRecordView]


class DeviceCommandIn(RequestModel):
    """A command. `component`: 0 = the device itself. `parameters` in the units of `allowed`."""

    command_id: CommandId | None = None
    command: Annotated[Line, Field(min_length=1)]
    component: Annotated[int, Field(ge=0, le=1000)] = 0
    parameters: Annotated[dict[Annotated[str, Field(max_length=60)], Parameter], Field(max_length=16)] = Field(
        default={}
    )
    note: Text = ""


class ApprovalIn(RequestModel):
    """`note`: for the audit."""

    note: Text = ""


class RefusalIn(RequestModel):
    """Why it is not sent."""

    reason: Annotated[Text, Field(min_length=1)]


class SettlementIn(RequestModel):
    """What a person found at the device, and how."""

    outcome: Outcome
    reason: Annotated[Text, Field(min_length=1)]


def allowed_view(one: AllowedCommand) -> AllowedView:
    """A command that is allowed for a device."""
    definition = one.definition
    return AllowedView(
        name=definition.name,
        title_en=definition.title_en,
        title_zh=definition.title_zh,
        source=one.source,
        each=definition.each,
        approval=definition.approval,
        timeout=definition.timeout / SECOND,
        read_back="" if definition.read_back is None else definition.read_back.point,
        per_minute=one.per_minute,
        parameters=[_parameter(parameter) for parameter in definition.parameters],
    )


def command_view(context: Context, principal: Principal, command: DeviceCommand, lang: Lang) -> DeviceCommandView:
    """`command` as `principal` sees it."""
    device = context.registry.device_by_id(command.device)
    allowed = None if device is None else context.commands.allowed(device).get(command.name)
    return DeviceCommandView(
        id=command.id,
        device="" if device is None else device.code,
        component=command.component,
        name=command.name,
        title_en=command.name if allowed is None else allowed.definition.title_en,
        title_zh=command.name if allowed is None else allowed.definition.title_zh,
        parameters=command.parameters,
        note=command.note,
        source=command.source,
        state=command.state,
        verification=command.verification,
        open=command.open,
        approval=command.approval,
        requester=command.requester,
        approver=command.approver,
        reason=_words(command.reason, lang),
        answer=_words(command.answer, lang),
        outcome=command.outcome,
        version=command.version,
        created_at=command.created_at,
        updated_at=command.updated_at,
        expires_at=command.expires_at,
        sent_at=command.sent_at or None,
        ended_at=command.ended_at or None,
        acts=list(lifecycle.possible(command, principal.actor)),
    )


def _words(text: str, lang: Lang) -> str:
    """What the gateway itself wrote is kept as a key of the catalogue."""
    return localize(text, lang) if text.startswith("command.") and text in catalogue() else text


def record_view(one: CommandRecord, lang: Lang) -> CommandRecordView:
    """A line of the audit."""
    return CommandRecordView(
        sequence=one.seq,
        type=one.type,
        actor=one.actor,
        role=one.role,
        before=one.before,
        after=one.after,
        data={name: _words(value, lang) if isinstance(value, str) else value for name, value in one.data.items()},
        at=one.at,
    )


def _parameter(one: CommandParameter) -> ParameterView:
    return ParameterView(
        name=one.name,
        title_en=one.title_en or one.name,
        title_zh=one.title_zh or one.name,
        type=one.type,
        unit=one.unit,
        min=one.min,
        max=one.max,
        values=one.values,
        max_length=one.max_length,
        default=one.default,
    )
