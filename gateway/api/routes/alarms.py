"""Alarms: list, read, unlatch."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Query

from gateway.api.access import Principal, Reader, Unlatcher
from gateway.api.context import Context, Gateway, in_desk, in_ingest
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
    When,
    finite,
    level_of,
    level_word,
    refused,
)
from gateway.domain.alarm import Change, Evidence, ReadingSeen
from gateway.domain.errors import StoreError
from gateway.domain.record import Unlatch
from gateway.domain.workorder import Actor, Alarm, AlarmState, DeadlineReason
from gateway.store.queries import AlarmFilter

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])
MOST_FACTS = 10_000
NO_DEVICE = -1  # no device has this id
log = structlog.get_logger()
AlarmId = Annotated[str, Path(max_length=60)]


class PlaceView(ResponseModel):
    """What the alarm or order is about: a component of a device (0 = the device itself), or a group."""

    device: str
    name: str
    component: int
    group: str
    site: str


class TitleView(ResponseModel):
    """A title in both languages."""

    en: str
    zh: str


class ReadingSeenView(ResponseModel):
    """A reading that the rule evaluated."""

    point: str
    value: float | str | None
    unit: str
    at: Instant
    received_at: Instant
    quality: int


class SignalSeenView(ResponseModel):
    """A computed signal over [start, end); both are null for a signal without a window, such as a count of votes.
    `made`: its definition in the rule, such as "mean: u - w, over: 7d"."""

    name: str
    value: float | None
    unit: str
    start: Instant | None
    end: Instant | None
    coverage: float
    made: str


class ThresholdSeenView(ResponseModel):
    """A number that was compared with, and its source."""

    value: float | None
    unit: str
    origin: str


class MemberSeenView(ResponseModel):
    """A member of a group that voted, with the time since when; since is null for a member of an aggregate.
    Component 0 = the device as a whole."""

    device: str
    component: int
    since: Instant | None
    readings: list[ReadingSeenView]


class EvidenceView(ResponseModel):
    """The evidence: a `sentence` in both languages ("" for alarms older than these sentences), and all details. For
    a group: `members` that voted or were counted, and the number of `others` that are not named."""

    sentence: TitleView
    condition: str
    readings: list[ReadingSeenView]
    signals: list[SignalSeenView]
    thresholds: list[ThresholdSeenView]
    members: list[MemberSeenView]
    others: int


class AlarmView(ResponseModel):
    """One episode. `work_order` is the number of the order that lists it, "" = none (yet). `unstable`: it is raised
    and cleared too often · `stale`: its data arrived too late, so it is recorded only · `muted`: outside the rule's
    hours, without order and notice · `limited`: the limit it exceeds, "" = none · `held_until`: order and notice
    wait until then · `parent`: id of the alarm it is part of."""

    id: str
    rule: str
    revision: str
    place: PlaceView
    identity: tuple[str, ...]
    state: AlarmState
    level: LevelWord
    peak: LevelWord
    title: TitleView
    why: str
    why_zh: str
    evidence: EvidenceView
    raised_at: Instant
    decided_at: Instant
    recorded_at: Instant
    last_seen_at: Instant
    updated_at: Instant
    cleared_at: Instant | None
    count: int
    version: int
    reason: str
    late: bool
    imported: bool
    suspect: bool
    live: bool
    unstable: bool
    stale: bool
    muted: bool
    limited: str
    held_until: Instant | None
    parent: str
    work_order: str


class WaitView(ResponseModel):
    """Something the alarm waits for until a time (null = for a fact)."""

    reason: DeadlineReason
    due_at: Instant | None


class AlarmChangeView(ResponseModel):
    """One transition of the episode: raised, level_up, level_down, cleared, withdrawn, merged, with its evidence."""

    change: Change
    level: LevelWord
    at: Instant
    decided_at: Instant
    reason: str
    late: bool
    count: int
    evidence: EvidenceView


class AlarmDetail(AlarmView):
    """An alarm with the reasons why its order waits, and its history, oldest decision first."""

    waits: list[WaitView]
    changes: list[AlarmChangeView]


class UnlatchIn(RequestModel):
    """Request to unlatch. With the same `command_id` a repeated request changes nothing."""

    command_id: CommandId


class UnlatchView(ResponseModel):
    """`sequence`: the journal record that passes the unlatch to the rules; null when this command was carried out
    before, or when the journal takes it later."""

    alarm: AlarmView
    sequence: int | None


def place_view(context: Context, device: int, component: int, group: str) -> PlaceView:
    """Place of an alarm or order with names, masked as in events."""
    registry = context.registry
    known = registry.device_by_id(device) if device else None
    site = known.site if known else group if group and registry.site(group) else ""
    name = context.settings.mask.text(known.name, known.attrs) if known else ""
    return PlaceView(device=known.code if known else "", name=name, component=component, group=group, site=site)


def alarm_view(context: Context, alarm: Alarm, numbers: Mapping[str, str]) -> AlarmView:
    """`alarm` as the API shows it. `numbers` maps ids of orders to their numbers."""
    return AlarmView(
        id=alarm.id,
        rule=alarm.rule,
        revision=alarm.revision,
        identity=alarm.identity,
        state=alarm.state,
        place=place_view(context, alarm.device, alarm.component, alarm.group),
        level=level_word(alarm.level),
        peak=level_word(alarm.peak),
        title=TitleView(en=alarm.plan.title_en, zh=alarm.plan.title_zh),
        why=alarm.plan.why,
        why_zh=alarm.plan.why_in("zh"),
        evidence=_evidence(alarm.evidence),
        raised_at=alarm.raised_at,
        decided_at=alarm.decided_at,
        recorded_at=alarm.recorded_at,
        last_seen_at=alarm.last_seen,
        updated_at=alarm.updated_at,
        cleared_at=alarm.cleared_at,
        count=alarm.count,
        version=alarm.version,
        reason=alarm.reason,
        late=alarm.late,
        imported=alarm.imported,
        suspect=alarm.suspect,
        live=alarm.live,
        unstable=alarm.unstable,
        stale=alarm.stale,
        muted=alarm.muted,
        limited=alarm.limited,
        held_until=alarm.held_until or None,
        parent=alarm.parent,
        work_order=numbers.get(alarm.order, ""),
    )


def _readings(readings: Iterable[ReadingSeen]) -> list[ReadingSeenView]:
    return [
        ReadingSeenView(
            point=r.point,
            value=r.value if isinstance(r.value, str) else finite(r.value),
            unit=r.unit,
            at=r.at,
            received_at=r.received,
            quality=r.quality,
        )
        for r in readings
    ]


def _evidence(evidence: Evidence) -> EvidenceView:
    return EvidenceView(
        sentence=TitleView(en=evidence.sentence_en, zh=evidence.sentence_zh),
        condition=evidence.condition,
        readings=_readings(evidence.readings),
        signals=[
            SignalSeenView(
                name=s.name,
                value=finite(s.value),
                unit=s.unit,
                start=s.start if s.end else None,
                end=s.end or None,
                coverage=s.coverage,
                made=s.made,
            )
            for s in evidence.signals
        ],
        thresholds=[
            ThresholdSeenView(value=finite(t.value), unit=t.unit, origin=t.origin) for t in evidence.thresholds
        ],
        members=[
            MemberSeenView(
                device=m.device, component=m.component, since=m.since or None, readings=_readings(m.readings)
            )
            for m in evidence.members
        ],
        others=evidence.others,
    )


def device_id(context: Context, code: str | None) -> int | None:
    """Id of the device `code` for a filter; an unknown code gives `NO_DEVICE`, which finds nothing."""
    if code is None:
        return None
    device = context.registry.device(code) or next(
        (d for d in context.registry.contents().devices if d.code == code), None
    )
    return device.id if device else NO_DEVICE


@router.get("")
async def list_alarms(
    context: Gateway,
    principal: Reader,
    raised: bool | None = None,
    device: Annotated[Line | None, Query()] = None,
    rule: Annotated[Line, Query()] = "",
    level: LevelWord | None = None,
    live: bool | None = None,
    shadow: bool | None = None,
    since: Annotated[When | None, Query()] = None,
    until: Annotated[When | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[AlarmView]:
    """Newest first. `level` means this level and higher. `shadow=true`: alarms of rules in shadow, the same as
    `live=false`. A key that is bound to sites may receive pages with fewer items: continue with `next`."""
    live = live if shadow is None else not shadow
    want = AlarmFilter(raised, device_id(context, device), rule, level_of(level), live, "", since, until)
    page = await asyncio.to_thread(context.sql.queries.alarms, want, limit, cursor)
    seen = [alarm for alarm in page.items if _visible(context, principal, alarm)]
    numbers = await asyncio.to_thread(context.sql.queries.order_numbers, [alarm.order for alarm in seen])
    return PageView(items=[alarm_view(context, alarm, numbers) for alarm in seen], next=page.next)


@router.get("/{alarm_id}")
async def read_alarm(context: Gateway, principal: Reader, alarm_id: AlarmId) -> AlarmDetail:
    """One episode with its history."""
    alarm = await _find(context, principal, alarm_id)
    numbers = await asyncio.to_thread(context.sql.queries.order_numbers, [alarm.order])
    waits = await asyncio.to_thread(context.sql.queries.deadlines, alarm.id)
    changes = await asyncio.to_thread(context.sql.queries.alarm_changes, alarm.id)
    return AlarmDetail(
        **dict(alarm_view(context, alarm, numbers)),
        waits=[WaitView(reason=w.reason, due_at=w.due_at) for w in waits],
        changes=[
            AlarmChangeView(
                change=one.change,
                level=level_word(one.level),
                at=one.at,
                decided_at=one.decided,
                reason=one.reason,
                late=one.late,
                count=one.count,
                evidence=_evidence(one.evidence),
            )
            for one in changes
        ],
    )


@router.post("/{alarm_id}/unlatch")
async def unlatch(context: Gateway, principal: Unlatcher, alarm_id: AlarmId, body: UnlatchIn) -> UnlatchView:
    """Let a latched alarm clear once its condition allows it."""
    await _find(context, principal, alarm_id)
    alarm, row = await in_desk(
        context, partial(_unlatch, context, alarm_id, principal.actor, body.command_id, context.clock.now())
    )
    context.relay.notify()
    sequence = None
    await pump(context)
    if row is not None:
        sequence = await asyncio.to_thread(context.sql.outbox.sequence, row)
    numbers = await asyncio.to_thread(context.sql.queries.order_numbers, [alarm.order])
    return UnlatchView(alarm=alarm_view(context, alarm, numbers), sequence=sequence)


async def pump(context: Context) -> None:
    """Write queued facts to the journal. If the journal does not take them now, the next pump does."""
    try:
        await in_ingest(context, context.pump)
    except StoreError as error:
        log.warning("fact waits for the journal", error=error)


def _unlatch(context: Context, alarm: str, actor: Actor, command_id: str, now: int) -> tuple[Alarm, int | None]:
    """Queue the fact. Runs in the desk's thread, which also marks journaled facts, so a fact queued here is still
    pending."""
    before = {row for row, _ in context.sql.outbox.pending(MOST_FACTS)}
    found = context.desk.unlatch(alarm, actor, command_id, now)
    queued = [
        row for row, fact in context.sql.outbox.pending(MOST_FACTS) if row not in before and isinstance(fact, Unlatch)
    ]
    return found, queued[0] if queued else None


async def _find(context: Context, principal: Principal, alarm_id: str) -> Alarm:
    alarm = await asyncio.to_thread(context.sql.queries.alarm, alarm_id)
    if alarm is None or not _visible(context, principal, alarm):
        raise refused(404, "unknown_alarm")
    return alarm


def _visible(context: Context, principal: Principal, alarm: Alarm) -> bool:
    return principal.sees(context.registry.device_by_id(alarm.device), alarm.group)
