"""The shapes of the events that leave the house, as types: their JSON Schemas are made from these (`schemas.py`).

`events.py` writes the same shapes by hand, on the hot path; a test holds every event that is sent against the schema.
Times are RFC 3339 text in UTC with milliseconds. Receivers ignore what they do not know: fields may be added.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.domain.workorder import AlarmState, OrderState, Role

_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
Time = Annotated[str, Meta(pattern=_TIME, description="RFC 3339 in UTC, with milliseconds")]
LevelWord = Literal["notice", "minor", "major", "critical"]


class Shape(Struct, rename="camel"):
    """An object of an event."""


class Text(Shape):
    """A text in both languages."""

    en: str
    zh: str


class Site(Shape):
    """Where it is."""

    code: str
    name: str


class Device(Shape):
    """What it is about. `component` 0 = the device itself; `name` and `kind` of devices that are still known."""

    id: int
    code: str
    component: int
    name: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET


class Person(Shape):
    """Who did it: `system` is the gateway itself."""

    id: str
    role: Role
    name: str


class Reading(Shape):
    """What a rule read. `value`: a number in `unit`, the text of a state, null = unknown; `quality` 0 good, 1
    uncertain, 2 bad."""

    point: str
    value: float | str | None
    unit: str
    at: Time
    received: Time
    quality: int


class Signal(Shape):
    """A signal of the rule over a window; `made`: how the rule defines it."""

    name: str
    value: float | None
    unit: str
    start: Time | None
    end: Time | None
    coverage: float
    made: str


class Threshold(Shape):
    """A number that the condition compared with. `origin`: `rule`, `default`, `attr device temp_trip`."""

    value: float
    unit: str
    origin: str


class Member(Shape):
    """A member of a group that voted (`since` when) or was counted (null)."""

    device: str
    component: int
    since: Time | None
    readings: list[Reading]


class Evidence(Shape):
    """Why. `sentence` is for people; the rest is what the rule saw. `others`: members that are not named. `shortened`:
    the event was too big, and lists were cut."""

    sentence: Text
    condition: str
    readings: list[Reading]
    signals: list[Signal]
    thresholds: list[Threshold]
    members: list[Member]
    others: int
    shortened: bool | UnsetType = UNSET


class Alarm(Shape):
    """One episode of one condition on one thing."""

    id: str
    key: str
    rule: str
    revision: str
    state: AlarmState
    title: Text
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
    evidence: Evidence


class PlacedAlarm(Alarm):
    """With its place; `group` of a rule for groups, whose `device` is null."""

    device: Device | None
    site: Site | None
    group: str | UnsetType = UNSET


class Resolution(Shape):
    """What was found and done; "" until the order is resolved."""

    fault: str
    cause: str
    remedy: str


class Links(Shape):
    """`self`: the page of the order; `callback`: where acts on it are sent."""

    self: str | UnsetType = UNSET
    callback: str | UnsetType = UNSET


class WorkOrder(Shape, kw_only=True):
    """The order after the change: a snapshot, so that one event is enough. `version` rises with every change."""

    no: str
    version: int
    state: OrderState
    priority: str
    level: LevelWord
    type: str
    source: str
    fault_code: str
    title: Text
    why: str
    why_zh: str
    skill: str
    sla: str
    device: Device | None
    site: Site | None
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
    hold_reason: str
    close_reason: str
    resolution: Resolution
    alarm: Alarm | None
    links: Links


class OrderData(Shape):
    """`changed`: names of the fields that this event is about; `note`: what was said with it."""

    work_order: WorkOrder
    changed: list[str]
    actor: Person
    note: str | UnsetType = UNSET


class AlarmData(Shape):
    """One alarm."""

    alarm: PlacedAlarm


class TestData(Shape):
    """A test that a person sent: nothing has to be done."""

    endpoint: str
    actor: Person
    note: Text
