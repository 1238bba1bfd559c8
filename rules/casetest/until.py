"""How long a case goes on when it does not say: the last reading or event, and the longest timer after it."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from gateway.domain.device import Attr, Device
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND, from_us
from rules.casetest.scene import Scene, Work
from rules.compiled import (
    Active,
    Calendar,
    CalendarSpan,
    Due,
    Every,
    Expression,
    Over,
    Quorum,
    Rate,
    Rule,
    Sequence,
    Silence,
    Slot,
    Streak,
    Swing,
)
from rules.compiled.ages import oldest
from rules.engine.state.calendar import later, wall_time, window, zone_of
from rules.engine.state.fleet import quantity

ZONE = "UTC"
"""Of what has no site."""
_LONGEST_SILENCE = 48.0  # hours, where a limit hangs on readings and names none itself


def until(scene: Scene) -> int:
    """µs; a whole number of seconds after the start."""
    last = max([scene.start, *(told.received for told in scene.told), *(one.at for one in scene.happenings)])
    rules = (scene.rule, *scene.others)
    late = max(rule.lateness for rule in rules)
    ends = [last + late + max(length(rule) for rule in rules)]
    for device in scene.devices.values():
        ends += [last + late + length(rule) + oldest(rule, partial(_numbers, scene, device)) for rule in rules]
        site = scene.sites.get(device.site)
        zone = zone_of(site.timezone if site is not None and site.timezone else ZONE)
        if zone is None:
            continue
        for rule in rules:
            ends += [window(zone, one, last)[1] + 3 * _every(scene, rule) + SECOND + late for one in _calendars(rule)]
        for found in (rule.condition for rule in rules):
            if isinstance(found, Due):
                for day in (*_dates(scene, device, found.date), *_again(scene, device, found, zone)):
                    days = (day + timedelta(days=offset // DAY) for _, offset in found.stages)
                    ends += [wall_time(one, found.at, zone) for one in days]
            if isinstance(found, Every) and found.or_after is not None:
                ends += [at + DAY for at in _terms(scene, device, found.or_after, zone)]
    return scene.start - (scene.start - max(ends)) // SECOND * SECOND  # the tick at or after it


def length(rule: Rule) -> int:
    """The longest time that a rule may wait after the last reading, µs."""
    settle = rule.inhibit.settle if rule.inhibit else 0
    quiet = rule.flap.quiet if rule.flap else 0
    return max([0, *_timers(rule)]) + settle + quiet + (_opening(rule.active) if rule.active else 0)


def _opening(active: Active) -> int:
    """At most so long until it is in force again."""
    if active.months or active.holiday:
        return 366 * DAY
    return (10 if active.workday else 7 if active.days else 1) * DAY + (HOUR if active.spans != ((0, 0),) else MINUTE)


def _timers(rule: Rule) -> Iterator[int]:
    yield rule.clear_after
    yield from (max(quorum.within, quorum.began_within) for quorum in rule.quorums if isinstance(quorum, Quorum))
    yield from (window.length for one in rule.signals if isinstance(window := getattr(one, "window", None), Over))
    yield from (one.over for one in rule.signals if isinstance(one, Rate | Swing))
    match rule.condition:
        case Silence(longer_than=Expression(limits=limits)):
            hours = [limit.value for limit in limits if limit.value == limit.value]
            yield round(max([_LONGEST_SILENCE, *hours]) * HOUR)
        case Silence(longer_than=int() as longer):
            yield longer
        case Streak(max_span=span):
            yield span
        case Sequence(within=within):
            yield within
        case tuple() as levels:
            for level in levels:
                yield level.hold.for_
                yield level.clear_hold


def _numbers(scene: Scene, device: Device, slot: Slot) -> Iterator[float]:
    """What an attribute may be over the case, in the unit that is asked for."""
    yield slot.default
    yield from (quantity(value, slot.unit) for value in _values(scene, device, slot.name))


def _calendars(rule: Rule) -> list[Calendar]:
    windows = [getattr(signal, "window", None) for signal in rule.signals]
    return [window for window in dict.fromkeys(windows) if isinstance(window, Calendar)]


def _every(scene: Scene, rule: Rule) -> int:
    return max((point.every for point in scene.points.values() if point.name in rule.points), default=0)


def _again(scene: Scene, device: Device, found: Due, zone: ZoneInfo) -> Iterator[date]:
    """Of dates that come again the one after each date, and after each day on which the work was done."""
    if found.repeat is None:
        return
    for day in _dates(scene, device, found.date):
        yield later(day, found.repeat)
    for at in _done(scene, device):
        yield later(from_us(at).astimezone(zone).date(), found.repeat)


def _terms(scene: Scene, device: Device, after: CalendarSpan, zone: ZoneInfo) -> Iterator[int]:
    """The day on which each term ends: after the registration, and after the work."""
    for at in (device.registered, *_done(scene, device)):
        yield wall_time(later(from_us(at).astimezone(zone).date(), after), 0, zone)


def _done(scene: Scene, device: Device) -> Iterator[int]:
    """When the work of a cycle was done, as events say."""
    for event in scene.happenings:
        if isinstance(event.value, Work) and event.device == device.id:
            yield event.value.done or event.at


def _dates(scene: Scene, device: Device, name: str) -> Iterator[date]:
    """The dates an attribute has over the case."""
    for value in _values(scene, device, name):
        try:
            yield date.fromisoformat(str(value)[:10])
        except ValueError:
            continue


def _values(scene: Scene, device: Device, name: str) -> list[Attr]:
    """What an attribute is over the case: of the device, its site, its customer, and as events change it."""
    site, customer = scene.sites.get(device.site), scene.customers.get(device.customer)
    holders: list[Mapping[str, Attr]] = [one.attrs for one in (device, site, customer) if one is not None]
    found: list[Attr] = [attrs[name] for attrs in holders if name in attrs]
    for event in scene.happenings:
        tables = [event.value] if event.what == "set" else []
        if event.what in {"site", "customer"} and isinstance(event.value, Mapping):
            tables = list(event.value.values())
        attrs = [table["attrs"] for table in tables if isinstance(table, Mapping) and "attrs" in table]
        found += [one[name] for one in attrs if isinstance(one, Mapping) and name in one]
    return found
