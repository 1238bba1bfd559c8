"""Types of the events that are sent: their JSON Schemas are made from these (`event_schemas.py`).

`events.py` writes the same shapes by hand, on the hot path; a test holds every event that is sent against the schema.
Times are RFC 3339 text in UTC with milliseconds. Receivers ignore unknown fields: fields may be added.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.domain.sla import ClockKind, ClockState
from gateway.domain.workorder import AlarmState, OrderState, Role

_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
Time = Annotated[str, Meta(pattern=_TIME, description="RFC 3339 in UTC, with milliseconds")]
LevelWord = Literal["notice", "minor", "major", "critical"]


class EventObject(Struct, rename="camel"):
    """An object of an event."""


class EventText(EventObject):
    """A text in both languages."""

    en: str
    zh: str


class EventSite(EventObject):
    """The site."""

    code: str
    name: str


class EventDevice(EventObject):
    """The device. `component` 0 = the device itself; `name` and `kind` only for known devices."""

    id: int
    code: str
    component: int
    name: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET


class Person(EventObject):
    """The actor: `system` is the gateway itself."""

    id: str
    role: Role
    name: str


class EventReading(EventObject):
    """A reading that the rule evaluated. `value`: a number in `unit`, the text of a state, null = unknown; `quality`
    0 good, 1 uncertain, 2 bad."""

    point: str
    value: float | str | None
    unit: str
    at: Time
    received: Time
    quality: int


class Signal(EventObject):
    """A signal of the rule over a window; `made`: how the rule defines it."""

    name: str
    value: float | None
    unit: str
    start: Time | None
    end: Time | None
    coverage: float
    made: str


class Threshold(EventObject):
    """A number that the condition compared with. `origin`: `rule`, `default`, `attr device temp_trip`."""

    value: float
    unit: str
    origin: str


class EventMember(EventObject):
    """A member of a group that voted (`since` when) or was counted (null)."""

    device: str
    component: int
    since: Time | None
    readings: list[EventReading]


class EventEvidence(EventObject):
    """The evidence. `sentence` is for people; the rest has the details. `others`: number of members that are not
    named. `shortened`: the event was too large, and lists were cut."""

    sentence: EventText
    condition: str
    readings: list[EventReading]
    signals: list[Signal]
    thresholds: list[Threshold]
    members: list[EventMember]
    others: int
    shortened: bool | UnsetType = UNSET


class EventAlarm(EventObject):
    """One episode of one condition on one thing."""

    id: str
    key: str
    rule: str
    revision: str
    state: AlarmState
    title: EventText
    level: LevelWord
    peak: LevelWord
    count: int
    identity: list[str]
    raised_at: Time
    decided_at: Time
    received_at: Time | None
    cleared_at: Time | None
    last_seen: Time
    reason: str
    late: bool
    imported: bool
    suspect: bool
    unstable: bool
    muted: bool
    limited: str
    held_until: Time | None
    parent: str
    evidence: EventEvidence


class PlacedAlarm(EventAlarm):
    """With its place; `group` of a rule for groups, whose `device` is null."""

    device: EventDevice | None
    site: EventSite | None
    group: str | UnsetType = UNSET


class Resolution(EventObject):
    """Fault, cause and remedy as reported; "" until the order is resolved."""

    fault: str
    cause: str
    remedy: str


class EventClock(EventObject):
    """A clock of the order, in milliseconds of working time. `remainingMs` is negative when it is overdue by that much;
    `dueAt` is null while it is paused; `late` = met after the target."""

    kind: ClockKind
    policy: str
    state: ClockState
    target_ms: int
    consumed_ms: int
    remaining_ms: int
    started_at: Time
    running_since: Time | None
    paused_since: Time | None
    pause: str
    due_at: Time | None
    met_at: Time | None
    breached_at: Time | None


class Escalation(EventObject):
    """The milestone that was reached: `due` is the target itself, others are named as the policy writes them; `to`:
    the audience that gets a notice ("" = none)."""

    clock: ClockKind
    milestone: str
    due_at: Time
    to: str
    text: EventText


class Links(EventObject):
    """`self`: the page of the order; `callback`: where acts on it are sent."""

    self: str | UnsetType = UNSET
    callback: str | UnsetType = UNSET


class EventWorkOrder(EventObject, kw_only=True):
    """The order after the change: a snapshot, so that one event is enough. `version` rises with every change."""

    no: str
    version: int
    state: OrderState
    priority: str
    priority_reason: EventText
    urgency: str
    level: LevelWord
    type: str
    source: str
    fault_code: str
    title: EventText
    why: str
    why_zh: str
    skill: str
    sla: str
    device: EventDevice | None
    site: EventSite | None
    group: str | UnsetType = UNSET
    assignee: str
    count: int
    causes: list[str]
    first_seen: Time
    last_seen: Time
    created_at: Time
    updated_at: Time
    condition_cleared_at: Time | None
    closed_at: Time | None
    reopen_count: int
    related_to: str
    merged_into: str
    hold_reason: str
    hold_reason_name: EventText
    close_reason: str
    resolution: Resolution
    clocks: list[EventClock]
    alarm: EventAlarm | None
    links: Links


class OrderData(EventObject):
    """`changed`: names of the fields that this event is about; `note`: the note given with it; `escalation` of
    `escalated` and `sla_breached`."""

    work_order: EventWorkOrder
    changed: list[str]
    actor: Person
    note: str | UnsetType = UNSET
    escalation: Escalation | UnsetType = UNSET


class AlarmData(EventObject):
    """One alarm."""

    alarm: PlacedAlarm


class TestData(EventObject):
    """A test that a person sent: nothing has to be done."""

    endpoint: str
    actor: Person
    note: EventText
