"""CloudEvents 1.0 structured bodies of alarms and orders (reference: workorders 5.4).

The bytes made here are the bytes that are signed and sent, for ever. At most 20 KB: evidence gives way first.
Times are RFC 3339 with milliseconds. An id has no dot (Standard Webhooks joins id, time and body with dots).
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson

from gateway.desk.keys import Origin, event_id
from gateway.desk.policy import DeskPolicy
from gateway.desk.sla.clocks import ClockNumbers
from gateway.domain.alarm import Evidence, ReadingSeen
from gateway.domain.duration import SECOND, iso
from gateway.domain.language_values import InBothLanguages
from gateway.domain.notice import OutboxEvent
from gateway.domain.text import localize
from gateway.domain.workorder import Actor, Alarm, Place, WorkOrder

PREFIX = "com.fieldgate."
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
MAX_BODY = 20_000
_FEW = 5  # readings that stay when a body is too big
_LONG = 300  # characters of its sentence that stay then
_LISTS = ("readings", "signals", "thresholds", "members")


def _unnamed(evidence: dict[str, Any], named: int) -> int:
    """Number of members that are not in a shortened list."""
    others: int = evidence["others"]
    return others + max(0, len(evidence["members"]) - named)


def order_event(
    policy: DeskPolicy,
    order: WorkOrder,
    kind: str,
    origin: Origin,
    *,
    alarm: Alarm | None,
    place: Place | None,
    changed: tuple[str, ...],
    actor: Actor,
    note: str,
    now: int,
    clocks: Iterable[ClockNumbers] = (),
    escalation: dict[str, Any] | None = None,
) -> OutboxEvent:
    """`com.fieldgate.workorder.<kind>` with a snapshot of the order. `origin` makes the id stable over replays."""
    shown = {**_order(policy, order, alarm, place), "clocks": [_clock(one) for one in clocks]}
    data: dict[str, Any] = {"workOrder": shown, "changed": changed}
    if escalation is not None:
        data["escalation"] = escalation
    data["actor"] = {"id": actor.id, "role": actor.role.value, "name": actor.name}
    if note:
        data["note"] = note[:2000]
    source = _source(policy, order.tenant)
    identity = event_id(origin, source, kind, order.id, order.version)
    return _event(source, order.tenant, f"workorder.{kind}", order.no, order.version, data, identity, now)


def alarm_event(
    policy: DeskPolicy, alarm: Alarm, kind: str, origin: Origin, place: Place | None, now: int
) -> OutboxEvent:
    """`com.fieldgate.alarm.<kind>` about one episode."""
    data = {"alarm": {**_alarm(alarm), **_where(alarm.device, alarm.component, alarm.group, place)}}
    source = _source(policy, alarm.tenant)
    identity = event_id(origin, source, kind, alarm.id, alarm.version)
    return _event(source, alarm.tenant, f"alarm.{kind}", alarm.id, alarm.version, data, identity, now)


def endpoint_test(policy: DeskPolicy, tenant: str, endpoint: str, actor: Actor, now: int) -> OutboxEvent:
    """`com.fieldgate.endpoint.test`: test event that a person sends to check an endpoint. It concerns no order."""
    note = {lang: localize("desk.endpoint_test", lang) for lang in ("en", "zh")}
    person = {"id": actor.id, "role": actor.role.value, "name": actor.name}
    data = {"endpoint": endpoint, "actor": person, "note": note}
    source, subject = _source(policy, tenant), f"endpoint-{endpoint}"
    identity = event_id(Origin(f"test-{endpoint}", now), source, actor.id)
    return _event(source, tenant, "endpoint.test", subject, 1, data, identity, now)


def _source(policy: DeskPolicy, tenant: str) -> str:
    return f"urn:fieldgate:{policy.installation}:tenant:{tenant}"


def _event(
    source: str, tenant: str, kind: str, subject: str, seq: int, data: dict[str, Any], identity: str, now: int
) -> OutboxEvent:
    envelope = {
        "specversion": "1.0",
        "id": identity,
        "source": source,
        "type": PREFIX + kind,
        "subject": subject,
        "time": _iso(now),
        "datacontenttype": "application/json",
        "dataschema": f"urn:fieldgate:schema:{kind.split('.', 1)[0]}:1",
        "sequence": f"{seq:08d}",
        "partitionkey": subject,
        "data": data,
    }
    return OutboxEvent(identity, tenant, "event", PREFIX + kind, subject, seq, _bounded(envelope), CONTENT_TYPE, now)


def _bounded(envelope: dict[str, Any]) -> bytes:
    body = orjson.dumps(envelope)
    if len(body) <= MAX_BODY:
        return body
    data = envelope["data"]
    if "endpoint" in data:
        return body
    alarm = data["alarm"] if "alarm" in data else data["workOrder"]["alarm"]
    evidence = alarm["evidence"]
    for smaller in (
        {**evidence, **{name: evidence[name][:_FEW] for name in _LISTS}, "others": _unnamed(evidence, _FEW)},
        {
            **evidence,
            "condition": evidence["condition"][:200],
            **{name: [] for name in _LISTS},
            "others": _unnamed(evidence, 0),
            "sentence": _cut(evidence["sentence"]),
        },
    ):
        alarm["evidence"] = {**smaller, "shortened": True}
        body = orjson.dumps(envelope)
        if len(body) <= MAX_BODY:
            break
    return body


def _cut(sentence: dict[str, str]) -> dict[str, str]:
    return {lang: text if len(text) <= _LONG else text[: _LONG - 1] + "…" for lang, text in sentence.items()}


def _order(policy: DeskPolicy, order: WorkOrder, alarm: Alarm | None, place: Place | None) -> dict[str, Any]:
    links = {
        name: url.replace("{no}", order.no)
        for name, url in (("self", policy.page), ("callback", policy.callback))
        if url
    }
    return {
        "no": order.no,
        "version": order.version,
        "state": order.state.value,
        "priority": order.priority,
        "priorityReason": {"en": order.priority_reason, "zh": order.priority_reason_zh or order.priority_reason},
        "urgency": order.urgency,
        "level": order.level.word,
        "type": order.type,
        "source": order.source,
        "faultCode": order.fault,
        "title": {"en": order.title_en, "zh": order.title_zh},
        "why": order.why,
        "whyZh": order.why_zh,
        "skill": order.skill,
        "sla": order.sla,
        **_where(order.device, order.component, order.group, place),
        "assignee": order.assignee,
        "count": order.count,
        "causes": order.causes,
        "firstSeen": _iso(order.first_seen),
        "lastSeen": _iso(order.last_seen),
        "createdAt": _iso(order.created_at),
        "updatedAt": _iso(order.updated_at),
        "conditionClearedAt": _maybe(order.condition_cleared_at),
        "closedAt": _maybe(order.closed_at),
        "reopenCount": order.reopen_count,
        "relatedTo": order.related_to,
        "mergedInto": order.merged_into,
        "holdReason": order.hold_reason,
        "holdReasonName": _both(policy.hold_reasons.name_of(order.hold_reason)),
        "closeReason": order.close_reason,
        "resolution": {"fault": order.fault_found, "cause": order.cause, "remedy": order.remedy},
        "alarm": _alarm(alarm) if alarm else None,
        "links": links,
    }


def _both(text: InBothLanguages) -> dict[str, str]:
    return {"en": text.english, "zh": text.chinese}


def _clock(numbers: ClockNumbers) -> dict[str, Any]:
    clock = numbers.clock
    return {
        "kind": clock.kind,
        "policy": clock.policy,
        "state": numbers.state,
        "targetMs": numbers.target_ms,
        "consumedMs": numbers.consumed_ms,
        "remainingMs": numbers.remaining_ms,
        "startedAt": _iso(clock.started_at),
        "runningSince": _maybe(clock.running_since),
        "pausedSince": _maybe(clock.paused_since),
        "pause": clock.pause,
        "dueAt": _maybe(clock.due_at),
        "metAt": _maybe(clock.met_at),
        "breachedAt": _maybe(clock.breached_at),
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "key": alarm.key,
        "rule": alarm.rule,
        "revision": alarm.revision,
        "state": alarm.state.value,
        "title": {"en": alarm.plan.title_en, "zh": alarm.plan.title_zh},
        "level": alarm.level.word,
        "peak": alarm.peak.word,
        "count": alarm.count,
        "identity": alarm.identity,
        "raisedAt": _iso(alarm.raised_at),
        "decidedAt": _iso(alarm.decided_at),
        "receivedAt": _maybe(alarm.received_at or None),
        "clearedAt": _maybe(alarm.cleared_at),
        "lastSeen": _iso(alarm.last_seen),
        "reason": alarm.reason,
        "late": alarm.late,
        "imported": alarm.imported,
        "suspect": alarm.suspect,
        "unstable": alarm.unstable,
        "muted": alarm.muted,
        "limited": alarm.limited,
        "heldUntil": _maybe(alarm.held_until or None),
        "parent": alarm.parent,
        "evidence": _evidence(alarm.evidence),
    }


def _where(device: int, component: int, group: str, place: Place | None) -> dict[str, Any]:
    if group:
        site = {"code": place.site, "name": place.site_name} if place else None
        return {"group": group, "device": None, "site": site}
    if not device:  # the parent of a storm over many devices
        return {"device": None, "site": None}
    if place is None:
        return {"device": {"id": device, "code": "", "component": component}, "site": None}
    what = {"id": device, "code": place.code, "name": place.name, "kind": place.kind, "component": component}
    return {"device": what, "site": {"code": place.site, "name": place.site_name} if place.site else None}


def _readings(readings: Iterable[ReadingSeen]) -> list[dict[str, Any]]:
    return [
        {
            "point": r.point,
            "value": r.value,
            "unit": r.unit,
            "at": _iso(r.at),
            "received": _iso(r.received),
            "quality": r.quality,
        }
        for r in readings
    ]


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "sentence": {"en": evidence.sentence_en, "zh": evidence.sentence_zh},
        "condition": evidence.condition,
        "readings": _readings(evidence.readings),
        "signals": [
            {
                "name": s.name,
                "value": s.value,
                "unit": s.unit,
                "start": _iso(s.start) if s.end else None,
                "end": _iso(s.end) if s.end else None,
                "coverage": s.coverage,
                "made": s.made,
            }
            for s in evidence.signals
        ],
        "thresholds": [{"value": t.value, "unit": t.unit, "origin": t.origin} for t in evidence.thresholds],
        "members": [
            {
                "device": m.device,
                "component": m.component,
                "since": _maybe(m.since or None),
                "readings": _readings(m.readings),
            }
            for m in evidence.members
        ],
        "others": evidence.others,
    }


def _iso(us: int) -> str:
    """As `duration.iso`; one event names few seconds many times."""
    return f"{_second(us // SECOND)}{us % SECOND // 1000:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return iso(seconds * SECOND)[:-4]


def _maybe(us: int | None) -> str | None:
    return None if us is None else _iso(us)
