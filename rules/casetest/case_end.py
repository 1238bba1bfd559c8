"""End of a case without `until`: the last reading or event, plus the longest timer after it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from gateway.domain.device import Attr, Device
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND, from_us
from rules.casetest.case_input import CaseInput, CycleWork
from rules.compiled import Active, Calendar, CalendarSpan, Over, Rate, Rule, Slot, Swing
from rules.compiled.age_limits import oldest
from rules.engine.state.calendar import later, wall_time, window, zone_of
from rules.engine.state.fleet import quantity

ZONE = "UTC"
"""Time zone without a site."""


@dataclass(frozen=True, slots=True)
class DeviceDates:
    """Dates of a device of a case (`rules.compiled.condition.CaseDates`)."""

    inputs: CaseInput
    device: Device
    zone: ZoneInfo

    @property
    def registered(self) -> int:
        """Time of registration, µs."""
        return self.device.registered

    def dates(self, attribute: str) -> Iterator[date]:
        """All values of the attribute as dates, including those set by events."""
        for value in _values(self.inputs, self.device, attribute):
            try:
                yield date.fromisoformat(str(value)[:10])
            except ValueError:
                continue

    def done(self) -> Iterator[int]:
        """Times at which the work of a cycle was done, µs, from events."""
        for event in self.inputs.events:
            if isinstance(event.value, CycleWork) and event.device == self.device.id:
                yield event.value.done or event.at

    def later(self, at: int | date, span: CalendarSpan) -> date:
        """The day `span` after a day, or after the day of a moment in µs."""
        return later(at if isinstance(at, date) else from_us(at).astimezone(self.zone).date(), span)

    def moment(self, day: date, minute: int) -> int:
        """Time of a minute of a day, µs."""
        return wall_time(day, minute, self.zone)


def until(inputs: CaseInput) -> int:
    """End of the case, µs; a whole number of seconds after the start."""
    last = max([inputs.start, *(one.received for one in inputs.values), *(one.at for one in inputs.events)])
    rules = (inputs.rule, *inputs.others)
    late = max(rule.lateness for rule in rules)
    ends = [last + late + max(length(rule) for rule in rules)]
    for device in inputs.devices.values():
        ends += [last + late + length(rule) + oldest(rule, partial(_numbers, inputs, device)) for rule in rules]
        site = inputs.sites.get(device.site)
        zone = zone_of(site.timezone if site is not None and site.timezone else ZONE)
        if zone is None:
            continue
        for rule in rules:
            ends += [window(zone, one, last)[1] + 3 * _every(inputs, rule) + SECOND + late for one in _calendars(rule)]
        known = DeviceDates(inputs, device, zone)
        ends += [end for rule in rules for end in rule.condition.case_ends(known)]
    return inputs.start - (inputs.start - max(ends)) // SECOND * SECOND  # the tick at or after it


def length(rule: Rule) -> int:
    """Longest time a rule can wait after the last reading, µs."""
    settle = rule.inhibit.settle if rule.inhibit else 0
    quiet = rule.flap.quiet if rule.flap else 0
    return max([0, *_timers(rule)]) + settle + quiet + (_opening(rule.active) if rule.active else 0)


def _opening(active: Active) -> int:
    """Upper bound, µs, of the time until `active` is in force again."""
    if active.months or active.holiday:
        return 366 * DAY
    return (10 if active.workday else 7 if active.days else 1) * DAY + (HOUR if active.spans != ((0, 0),) else MINUTE)


def _timers(rule: Rule) -> Iterator[int]:
    yield rule.clear_after
    yield from (max(quorum.within, quorum.began_within) for quorum in rule.quorums)
    yield from (window.length for one in rule.signals if isinstance(window := getattr(one, "window", None), Over))
    yield from (one.over for one in rule.signals if isinstance(one, Rate | Swing))
    yield rule.condition.longest_timer()


def _numbers(inputs: CaseInput, device: Device, slot: Slot) -> Iterator[float]:
    """Values of an attribute in the case, in the unit of the slot."""
    yield slot.default
    yield from (quantity(value, slot.unit) for value in _values(inputs, device, slot.name))


def _calendars(rule: Rule) -> list[Calendar]:
    windows = [getattr(signal, "window", None) for signal in rule.signals]
    return [window for window in dict.fromkeys(windows) if isinstance(window, Calendar)]


def _every(inputs: CaseInput, rule: Rule) -> int:
    return max((point.every for point in inputs.points.values() if point.name in rule.points), default=0)


def _values(inputs: CaseInput, device: Device, name: str) -> list[Attr]:
    """All values of an attribute in the case: of the device, its site, its customer, and from events."""
    site, customer = inputs.sites.get(device.site), inputs.customers.get(device.customer)
    holders: list[Mapping[str, Attr]] = [one.attrs for one in (device, site, customer) if one is not None]
    found: list[Attr] = [attrs[name] for attrs in holders if name in attrs]
    for event in inputs.events:
        tables = [event.value] if event.what == "set" else []
        if event.what in {"site", "customer"} and isinstance(event.value, Mapping):
            tables = list(event.value.values())
        attrs = [table["attrs"] for table in tables if isinstance(table, Mapping) and "attrs" in table]
        found += [one[name] for one in attrs if isinstance(one, Mapping) and name in one]
    return found
