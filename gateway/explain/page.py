"""History of an alarm as text."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from gateway.domain.alarm import Evidence, MemberSeen, ReadingSeen
from gateway.domain.device import Point, PointKind
from gateway.domain.duration import MINUTE, MS, SECOND, format_duration
from gateway.domain.language_values import duration_text
from gateway.domain.reading import Quality
from gateway.domain.text import Lang, localize
from gateway.explain.alarm_history import AlarmHistory, OrderHistory, Track
from rules.compiled import Levels

BEFORE, AFTER = 6, 4
"""Stored readings shown before and after the raise."""


def page(history: AlarmHistory, zone: ZoneInfo, lang: Lang) -> Iterator[str]:
    """Lines of the page."""
    alarm, plan = history.alarm, history.alarm.plan
    title = plan.title_zh if lang == "zh" else plan.title_en
    yield localize("explain.head", lang, id=alarm.id, title=title)
    yield localize("explain.rule", lang, rule=alarm.rule, revision=alarm.revision)
    if not history.exact:
        yield "  " + localize("explain.revision_gone" if history.rule is not None else "explain.rule_gone", lang)
    yield localize(
        "explain.thing", lang, thing=thing_of(history), site=history.device.site or "-" if history.device else "-"
    )
    yield localize(
        "explain.state",
        lang,
        state=localize(f"explain.state.{alarm.state.value}", lang),
        count=alarm.count,
        level=localize(f"word.level.{alarm.level.word}", lang),
        peak=localize(f"word.level.{alarm.peak.word}", lang),
    )
    yield from (f"  {line}" for line in _marks(history, zone, lang))
    if why := plan.why_in(lang):
        yield localize("explain.why", lang, why=why)
    yield ""
    yield from _evidence(alarm.evidence, zone, lang)
    if history.rule is not None:
        yield from _timing(history, lang)
    yield ""
    yield localize("explain.timeline", lang)
    for moment in history.entries:
        yield f"  {local(moment.at, zone)}  {localize(moment.key, lang, **moment.fields)}"
    if history.flaw:
        yield ""
        yield localize("explain.no_readings", lang, flaw=history.flaw)
    for track in history.tracks:
        yield ""
        yield from _track(track, alarm.raised_at, alarm.cleared_at, zone, lang)


def order_page(found: OrderHistory, zones: Sequence[ZoneInfo], lang: Lang) -> Iterator[str]:
    """The head of an order, then the page of every alarm in it, each in the time zone of its site."""
    order = found.order
    title = order.title_zh if lang == "zh" else order.title_en
    state = localize(f"word.state.{order.state.value}", lang)
    yield localize("explain.order", lang, no=order.no, title=title, state=state, count=found.listed)
    if not found.histories:
        yield localize("explain.order_alone", lang, source=order.source)
    for history, zone in zip(found.histories, zones, strict=True):
        yield ""
        yield from page(history, zone, lang)
    if found.listed > len(found.histories):
        yield localize("explain.order_more", lang, count=found.listed - len(found.histories))


def thing_of(history: AlarmHistory) -> str:
    """`CH-1/2 name`, or the group."""
    alarm, device = history.alarm, history.device
    if alarm.group:
        return alarm.group
    code = device.code if device else str(alarm.device)
    return " ".join(
        [f"{code}/{alarm.component}" if alarm.component else code, *alarm.identity, *([device.name] if device else [])]
    ).strip()


def _marks(history: AlarmHistory, zone: ZoneInfo, lang: Lang) -> Iterator[str]:
    alarm = history.alarm
    for name, true in (
        ("shadow", not alarm.live), ("late", alarm.late), ("imported", alarm.imported), ("suspect", alarm.suspect),
        ("unstable", alarm.unstable), ("stale", alarm.stale), ("muted", alarm.muted),
    ):  # fmt: skip
        if true:
            yield localize(f"explain.mark.{name}", lang)
    if alarm.limited:
        yield localize("explain.mark.limited", lang, limit=alarm.limited)
    if alarm.held_until:
        yield localize("explain.mark.held", lang, until=local(alarm.held_until, zone))
    if alarm.parent:
        yield localize("explain.mark.parent", lang, parent=alarm.parent)


def _evidence(evidence: Evidence, zone: ZoneInfo, lang: Lang) -> Iterator[str]:
    if sentence := evidence.sentence_in(lang):
        yield localize("explain.sentence", lang, sentence=sentence)
    yield localize("explain.condition", lang, condition=evidence.condition or "-")
    if evidence.readings:
        yield localize("explain.readings", lang)
        yield from (f"  {_seen(one, zone, lang)}" for one in evidence.readings)
    yield from _members(evidence, zone, lang)
    if evidence.signals:
        yield localize("explain.signals", lang)
    for signal in evidence.signals:
        value = localize("explain.unknown_value", lang) if signal.value is None else number(signal.value, signal.unit)
        window = f"{local(signal.start, zone)} .. {local(signal.end, zone)}" if signal.end else "-"
        found = {"name": signal.name, "value": value, "window": window, "coverage": f"{signal.coverage:.0%}"}
        yield "  " + (
            localize("explain.made", lang, made=signal.made, **found)
            if signal.made
            else localize("explain.signal", lang, **found)
        )
    if evidence.thresholds:
        yield localize("explain.thresholds", lang)
    for one in evidence.thresholds:
        yield "  " + localize(
            "explain.threshold", lang, value=number(one.value, one.unit), origin=_origin(one.origin, lang)
        )


def _members(evidence: Evidence, zone: ZoneInfo, lang: Lang) -> Iterator[str]:
    """Members of a group that voted, with the time, and members counted in an aggregate, with their readings."""
    voted = [one for one in evidence.members if one.since]
    counted = [one for one in evidence.members if not one.since]
    if voted:
        yield localize("explain.members", lang)
    for one in voted:
        read = _read(one, lang)
        readings = localize("explain.member_readings", lang, readings=read) if read else ""
        yield "  " + localize(
            "explain.member", lang, member=_member(one), since=local(one.since, zone), readings=readings
        )
    if counted:
        yield localize("explain.counted", lang)
    for one in counted:
        yield "  " + localize("explain.counted_member", lang, member=_member(one), readings=_read(one, lang) or "-")
    if evidence.others:
        yield "  " + localize("explain.others", lang, count=evidence.others)


def _member(one: MemberSeen) -> str:
    return f"{one.device}#{one.component}" if one.component else one.device


def _read(one: MemberSeen, lang: Lang) -> str:
    return localize("explain.join", lang).join(f"{seen.point} = {_value(seen, lang)}" for seen in one.readings)


def _value(one: ReadingSeen, lang: Lang) -> str:
    if isinstance(one.value, float | int):
        return number(float(one.value), one.unit)
    return one.value if isinstance(one.value, str) else localize("explain.unknown_value", lang)


def _seen(one: ReadingSeen, zone: ZoneInfo, lang: Lang) -> str:
    late = delay(one.received - one.at)
    return localize(
        "explain.reading",
        lang,
        point=one.point,
        value=_value(one, lang),
        at=local(one.at, zone),
        late=late,
        received=local(one.received, zone),
        quality=localize(f"word.quality.{Quality(one.quality).name.lower()}", lang),
    )


def _origin(origin: str, lang: Lang) -> str:
    """`rule`, `attr device temp_trip`, `default`."""
    words = origin.split(" ", 2)
    if words[0] == "attr" and len(words) == 3:
        return localize("explain.origin.attr", lang, owner=localize(f"explain.owner.{words[1]}", lang), name=words[2])
    if words[0] in {"rule", "default"}:
        return localize(f"explain.origin.{words[0]}", lang)
    return origin


def _timing(history: AlarmHistory, lang: Lang) -> Iterator[str]:
    hold, clear_hold = holds(history)
    if hold or clear_hold:
        yield localize(
            "explain.holds", lang, hold=_duration_text(hold, lang), clear_hold=_duration_text(clear_hold, lang)
        )


def _duration_text(us: int, lang: Lang) -> str:
    return duration_text(format_duration(us), lang)


def holds(history: AlarmHistory) -> tuple[int, int]:
    """`hold.for` and `clear_hold` µs of the alarm's level, or of the rule without levels."""
    condition = history.rule.condition if history.rule is not None else None
    if not isinstance(condition, Levels):
        return 0, 0
    level = next((one for one in condition.levels if one.level == history.alarm.level), condition.levels[0])
    return level.hold.for_, level.clear_hold


def _track(track: Track, raised: int, cleared: int | None, zone: ZoneInfo, lang: Lang) -> Iterator[str]:
    rows, point = track.rows, track.point
    yield localize("explain.around", lang, point=_name(point), count=len(rows))
    middle = int(np.searchsorted(rows.at, raised, "right"))
    begin, end = max(0, middle - BEFORE), min(len(rows), middle + AFTER)
    if begin:
        yield "  …"
    for k in range(begin, end):
        received = int(rows.received[rows.frame[k]])
        quality = localize(f"word.quality.{Quality(int(rows.quality[k])).name.lower()}", lang)
        value = text_value(point, float(rows.value[k]), lang)
        mark = " <- " + localize("explain.mark.here", lang) if k == middle - 1 else ""
        came = delay(received - int(rows.at[k]))
        yield f"  {local(int(rows.at[k]), zone)}  {value}  {quality}  +{came}{mark}"
    if end < len(rows):
        yield "  …"
    if cleared is not None:
        last = int(np.searchsorted(rows.at, cleared, "right")) - 1
        if last >= end:
            value = text_value(point, float(rows.value[last]), lang)
            yield f"  {local(int(rows.at[last]), zone)}  {value} <- " + localize("explain.mark.end", lang)


def _name(point: Point) -> str:
    return f"{point.name}[{point.component}]" if point.component else point.name


def text_value(point: Point, value: float, lang: Lang) -> str:
    """A number with its unit, the text of a state, or the word for unknown."""
    if value != value:
        return localize("explain.unknown_value", lang)
    if point.kind is PointKind.STATE and 0 <= value < len(point.values):
        return point.values[int(value)]
    return number(value, point.unit)


def number(value: float, unit: str) -> str:
    """`86.5 degC`."""
    return f"{value:.6g} {unit}".strip()


def delay(us: int) -> str:
    """Time from event to receipt: in ms, beyond a minute in s."""
    step = MS if us < MINUTE else SECOND
    return format_duration(max(0, us) // step * step)


def local(us: int, zone: ZoneInfo) -> str:
    """Local time, with milliseconds when there are any."""
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(zone)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (f".{us // 1000 % 1000:03d}" if us % 1_000_000 else "")
