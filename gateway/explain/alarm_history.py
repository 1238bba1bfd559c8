"""Complete history of one alarm: readings, decisions, and acts on its order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from gateway.backtest.installation import Installation
from gateway.domain.alarm import Change, Evidence, Level, Thing
from gateway.domain.counter import CounterState, advance
from gateway.domain.device import Device, Point, PointKind
from gateway.domain.duration import MINUTE, format_duration
from gateway.domain.errors import CommandError, StoreError
from gateway.domain.reading import Batch
from gateway.domain.text import Lang, catalogue, localize
from gateway.domain.workorder import Alarm, AlarmState, WorkOrder
from gateway.store import AlarmFilter
from gateway.store.queries import DeliveryFilter
from rules.compiled import Rule
from rules.engine.lookback import UNPROMISED
from rules.format import compile_source

RECENT = 500
MARGIN = 30  # intervals of a point shown before and after an episode
SEEN = 3  # readings per change in the timeline
ENDS = frozenset({Change.CLEARED, Change.WITHDRAWN})
_END = {AlarmState.WITHDRAWN: "withdrawn"} | dict.fromkeys(set(AlarmState) - {AlarmState.WITHDRAWN}, "cleared")
SHORTEST, LONGEST = 10 * MINUTE, 400 * MINUTE  # µs shown before and after an episode


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event at `at` µs; `key` of the catalogue."""

    at: int
    key: str
    fields: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Track:
    """Stored readings of one point: `at` µs and `value`s in its canonical unit, NaN = bad."""

    point: Point
    rows: Batch


@dataclass(frozen=True, slots=True)
class AlarmHistory:
    """`rule` is the revision that raised the alarm, or the newest one (`exact` False), None = the journal has none."""

    alarm: Alarm
    device: Device | None
    rule: Rule | None
    exact: bool
    order: WorkOrder | None
    entries: Sequence[HistoryEntry]
    tracks: Sequence[Track]
    flaw: str = ""  # why there are no stored readings


def alarm_history(installation: Installation, alarm_id: str) -> AlarmHistory:
    """History of the alarm with this id. Raises CommandError for an unknown id."""
    queries = installation.queries
    alarm = queries.alarm(alarm_id)
    if alarm is None:
        raise CommandError(404, "unknown_alarm", unknown(installation, alarm_id))
    numbers = queries.order_numbers([alarm.order])
    order = queries.order(numbers[alarm.order]) if alarm.order in numbers else None
    fact = installation.revision(alarm.rule, alarm.revision)
    rule = compile_source(fact.source) if fact is not None else None
    device = installation.device(alarm.device)
    entries = list(_entries(installation, alarm, order))
    end = alarm.cleared_at if alarm.cleared_at is not None else max(alarm.last_seen, alarm.updated_at)
    thing, tracks, flaw = Thing(alarm.device, alarm.component, alarm.group), list[Track](), ""
    try:
        tracks = tracks_of(installation, thing, alarm.evidence, rule, alarm.raised_at, end)
    except StoreError as error:  # decisions and their evidence are shown without stored readings too
        flaw = str(error)
    entries = sorted([*entries, *(one for track in tracks for one in _glitches(track))], key=lambda one: one.at)
    exact = fact is not None and fact.revision == alarm.revision
    return AlarmHistory(alarm, device, rule, exact, order, entries, tracks, flaw)


MOST_ALARMS = 20  # alarms of one order that are shown


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """`listed` alarms are in the order; the first of them as `histories`. Both are empty when a person reported the
    fault."""

    order: WorkOrder
    listed: int
    histories: Sequence[AlarmHistory]


def order_history(installation: Installation, no: str) -> OrderHistory | None:
    """The order with number `no` and the histories of its alarms; None when there is no such order."""
    order = installation.queries.order(no)
    if order is None:
        return None
    alarms = installation.queries.alarms_of(no)
    return OrderHistory(order, len(alarms), [alarm_history(installation, one.id) for one in alarms[:MOST_ALARMS]])


def zone_of(installation: Installation, history: AlarmHistory) -> ZoneInfo:
    """Time zone of the alarm's site, else of the installation."""
    code = history.device.site if history.device is not None else history.alarm.group
    zone = next((site.timezone for site in installation.known.sites if site.code == code), "")
    return ZoneInfo(zone or installation.settings.timezone)


def unknown(installation: Installation, alarm_id: str) -> str:
    """Error for an unknown id."""
    known = [alarm.id for alarm in installation.queries.alarms(AlarmFilter(), RECENT).items]
    near = get_close_matches(alarm_id, known, 3, 0.6) or known[:3]
    key = "explain.unknown" if near else "explain.none"
    return localize(key, installation.lang, id=alarm_id, near=", ".join(near))


def tracks_of(
    installation: Installation, thing: Thing, evidence: Evidence, rule: Rule | None, start: int, end: int
) -> list[Track]:
    """The stored readings around an episode, of the points that decided it; none for a group."""
    device = installation.device(thing.device)
    if device is None:
        return []
    seen = {reading.point for reading in evidence.readings}
    names = seen | set(rule.points if rule is not None else ())
    points = [
        one
        for one in installation.known.points
        if one.profile == device.profile and one.name in names and one.component in {0, thing.component}
    ]
    if not points:
        return []
    every = max((point.every for point in points), default=0) or UNPROMISED // MARGIN
    margin = min(max(MARGIN * every, SHORTEST), max(LONGEST, 4 * every))
    ids = [point.id for point in points]
    with installation.history() as (history, _):
        rows = history.rows(max(0, start - margin), end + margin, [device.id], ids)
    return [Track(point, rows.select(rows.point == point.id)) for point in points if (rows.point == point.id).any()]


def _glitches(track: Track) -> Iterator[HistoryEntry]:
    """Falls of a counter that were taken back, among the readings shown."""
    point = track.point
    state: CounterState | None = None
    rows = zip(track.rows.at.tolist(), track.rows.value.tolist(), strict=True)
    for at, value in rows if point.kind is PointKind.COUNTER else ():
        if value != value:
            continue
        step = None if state is None else advance(state, value, at, point.counter)
        if step is not None and step.back is not None:
            away = format_duration(at - step.back.at)
            what: dict[str, object] = {
                "point": point.name,
                "value": f"{step.back.value:.6g}",
                "unit": point.unit,
                "away": away,
            }
            yield HistoryEntry(at, "explain.at.glitch", what)
        if state is None:
            state = CounterState(value, 0.0, at)
        elif step is not None:
            state = step.state


def _entries(installation: Installation, alarm: Alarm, order: WorkOrder | None) -> Iterator[HistoryEntry]:
    yield from _changes(installation, alarm)
    lang = installation.lang
    yield HistoryEntry(alarm.decided_at, "explain.at.decided")
    yield HistoryEntry(alarm.recorded_at, "explain.at.recorded")
    for wait in installation.queries.deadlines(alarm.id):
        if wait.due_at is not None:
            yield HistoryEntry(wait.due_at, "explain.at.wait", {"reason": word("wait", wait.reason.value, lang)})
    if order is not None:
        yield from _of_order(installation, order)
    subjects = [alarm.id, *([order.id] if order else [])]
    notices = [one for subject in subjects for one in installation.queries.notices_about(subject)]
    for notice in notices:
        yield HistoryEntry(
            notice.created_at,
            "explain.at.notice",
            {
                "template": notice.template,
                "to": notice.recipient or "-",
                "state": word("notice", notice.state.value, lang),
                "reason": word("unsent", notice.reason or "-", lang),
            },
        )
    for subject in [*subjects, *(f"notice-{notice.id}" for notice in notices)]:
        for row in installation.queries.deliveries(DeliveryFilter(subject=subject), RECENT).items:
            yield HistoryEntry(
                row.updated_at,
                "explain.at.delivery",
                {
                    "endpoint": row.endpoint,
                    "type": row.type,
                    "state": word("delivery", row.state, lang),
                    "attempt": row.attempt,
                    "reason": row.reason or "-",
                },
            )


def _changes(installation: Installation, alarm: Alarm) -> Iterator[HistoryEntry]:
    """Transitions of the episode; for an episode older than the kept transitions, the data of its row."""
    lang = installation.lang
    changes = installation.queries.alarm_changes(alarm.id)
    if not changes:
        yield HistoryEntry(alarm.raised_at, "explain.change.raised", _decided(alarm.level, alarm.evidence, lang))
    for one in changes:
        fields = _decided(one.level, one.evidence, lang) | {"because": _because(one.reason, lang)}
        if one.reason:
            fields["how"] = ""  # part of the reason
        yield HistoryEntry(one.at, f"explain.change.{one.change.value}", fields)
    if alarm.cleared_at is not None and not any(one.change in ENDS for one in changes):
        yield HistoryEntry(
            alarm.cleared_at,
            f"explain.change.{_END[alarm.state]}",
            {"because": _because(alarm.reason, lang), "how": ""},
        )


def _decided(level: Level, evidence: Evidence, lang: Lang) -> dict[str, object]:
    """Level, condition and deciding readings, as the timeline shows them."""
    values = ", ".join(
        f"{one.point} {one.value}" if isinstance(one.value, str) else f"{one.point} {one.value:.6g} {one.unit}".strip()
        for one in evidence.readings[:SEEN]
        if one.value is not None
    )
    sentence = evidence.sentence_in(lang)  # it contains the values
    seen = localize("explain.seen", lang, values=values) if values and not sentence else ""
    how = localize("explain.how", lang, sentence=sentence) if sentence else ""
    level_word = localize(f"word.level.{level.word}", lang)
    return {"level": level_word, "condition": sentence or evidence.condition or "-", "seen": seen, "how": how}


def _because(reason: str, lang: Lang) -> str:
    """Reason of the end, when it was not the condition."""
    return localize("explain.because", lang, reason=localize(f"explain.reason.{reason}", lang)) if reason else ""


def word(family: str, name: str, lang: Lang) -> str:
    """Name of a state or reason in `lang`; one of a later release keeps its code."""
    key = f"word.{family}.{name}"
    return localize(key, lang) if key in catalogue() else name


def _of_order(installation: Installation, order: WorkOrder) -> Iterator[HistoryEntry]:
    lang = installation.lang
    for one in installation.queries.audit(order.no):
        yield HistoryEntry(
            one.at,
            "explain.at.order",
            {
                "no": order.no,
                "type": word("event", one.type, lang),
                "actor": word("actor", one.actor, lang),
                "before": _state(one.before, lang),
                "after": _state(one.after, lang),
            },
        )


def _state(name: str, lang: Lang) -> str:
    return localize(f"word.state.{name}", lang) if name else "-"
