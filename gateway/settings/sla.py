"""Policies of the clocks of orders, made from `desk.hours` and `desk.sla`, with every mistake found on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.desk.config import DeskConfig, hold_reasons_of
from gateway.desk.keys import digest
from gateway.desk.notice_templates import NoticeTemplate
from gateway.desk.sla import BREACH, HoursConfig, Milestone, SlaNotice, SlaPolicies, SlaPolicy, SlaPolicyConfig
from gateway.desk.sla.config import ALWAYS, share_of, workdays_of
from gateway.domain.duration import DAY, HOUR, format_duration, parse_duration
from gateway.domain.errors import Problem
from gateway.domain.nearest import nearest
from gateway.domain.sla import ClockKind
from gateway.domain.workdays import WorkCalendar
from gateway.domain.working_time import ALWAYS as EVERY_HOUR
from gateway.domain.working_time import WorkingHours, WorkingTime
from gateway.settings.calendars import load_calendar
from gateway.settings.inventory import zones
from gateway.settings.model import Settings
from gateway.settings.yaml_document import Document, Place


@dataclass(slots=True)
class SlaFindings:
    """Policies, and what is wrong with them."""

    policies: SlaPolicies = field(default_factory=SlaPolicies)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def read_sla(
    document: Document,
    settings: Settings | None,
    zone: str,
    calendar: WorkCalendar,
    calendars: Path,
    templates: Mapping[str, NoticeTemplate],
) -> SlaFindings:
    """The policies of `settings`; none of a main file with mistakes."""
    reader = SlaReader(document, zone, calendar, calendars, templates)
    return SlaFindings() if settings is None else reader.read(settings.desk)


@dataclass(frozen=True, slots=True)
class SlaReader:
    """Reads them. `zone` and `calendar` are those of the installation, `calendars` its folder."""

    document: Document
    zone: str
    calendar: WorkCalendar
    calendars: Path
    templates: Mapping[str, NoticeTemplate]
    found: SlaFindings = field(default_factory=SlaFindings)

    def read(self, desk: DeskConfig) -> SlaFindings:
        """All policies of the desk's settings."""
        times = {name: WorkingTime(self._hours(name, one)) for name, one in desk.hours.items() if name != ALWAYS}
        if ALWAYS in desk.hours:
            self._wrong(("hours", ALWAYS), "sla.always")
        times[ALWAYS] = WorkingTime(EVERY_HOUR)
        policies = [self._policy(name, one, desk, times) for name, one in desk.sla.items()]
        self.found.policies = SlaPolicies(one for one in policies if one is not None)
        bare = [name for name, one in desk.sla.items() if not one.targets()]
        if bare:
            self.found.warnings.append(self.document.problem(("desk", "sla"), "sla.bare", names=", ".join(bare)))
        return self.found

    def _hours(self, name: str, config: HoursConfig) -> WorkingHours:
        zone, calendar, days = config.timezone or self.zone, self.calendar, config.by_word()
        if zone not in zones():
            near = nearest(zone, sorted(zones())) or "Asia/Shanghai"
            self._wrong(("hours", name, "timezone"), "config.timezone", written=zone, near=near)
            zone = self.zone
        if config.calendar:
            problems: list[Problem] = []
            calendar = load_calendar(self.calendars, config.calendar, self.document.file, problems)
            own = [one for one in problems if one.file == self.document.file]
            for one in own:
                self._wrong(("hours", name, "calendar"), one.key, **dict(one.fields))
            self.found.problems += [one for one in problems if one not in own]
        if not any(days.values()):
            self._wrong(("hours", name), "sla.no_hours", name=name)
        return WorkingHours(name, ZoneInfo(zone), days, calendar, dict(config.dates))

    def _policy(
        self, name: str, config: SlaPolicyConfig, desk: DeskConfig, times: Mapping[str, WorkingTime]
    ) -> SlaPolicy | None:
        place, before = ("sla", name), len(self.found.problems)
        if config.hours not in times:
            fields = {
                "value": config.hours,
                "known": ", ".join(times),
                "near": nearest(config.hours, list(times)) or ALWAYS,
            }
            self._wrong((*place, "hours"), "sla.hours", **fields)
            return None
        time = times[config.hours]
        targets = {kind: self._length((*place, kind.value), text, time) for kind, text in config.targets().items()}
        for index, kind in enumerate(config.types):
            if kind not in desk.order_types:
                fields = {"value": kind, "known": ", ".join(desk.order_types) or "-"}
                self._wrong((*place, "types", index), "sla.type", **fields)
        reasons = hold_reasons_of(desk)
        for index, reason in enumerate(config.pause_on):
            if reason not in reasons.names:
                near = reasons.code_of(reason) or reasons.nearest(reason)
                fields = {"value": reason, "near": near, "known": ", ".join(reasons.names)}
                self._wrong((*place, "pause_on", index), "orders.pause_on", **fields)
        milestones = self._milestones(place, config, desk, targets, time)
        if len(self.found.problems) > before:
            return None
        return SlaPolicy(
            name,
            time,
            digest(name, config.model_dump(mode="json"), _described(time.hours), sorted(targets.items())),
            targets,
            milestones,
            frozenset(one.strip().casefold() for one in config.pause_on),
            frozenset(config.priorities),
            frozenset(config.types),
        )

    def _milestones(
        self,
        place: Place,
        config: SlaPolicyConfig,
        desk: DeskConfig,
        targets: Mapping[ClockKind, int],
        time: WorkingTime,
    ) -> dict[ClockKind, tuple[Milestone, ...]]:
        found = {kind: [Milestone(BREACH, target)] for kind, target in targets.items()}
        for index, one in enumerate(config.milestones):
            here = (*place, "milestones", index)
            if one.of not in targets:
                self._wrong((*here, "of"), "sla.no_clock", clock=one.of.value, write=f"{one.of.value}: 4h")
                continue
            share = share_of(one.at)
            after = targets[one.of] * share // 100 if share else self._length((*here, "at"), one.at, time)
            if any(other.name == one.at for other in found[one.of]):
                self._wrong((*here, "at"), "sla.twice", value=one.at, clock=one.of.value)
                continue
            notice = None
            if one.notice is not None:
                notice = SlaNotice(one.notice.audience, one.notice.template)
                self._known((*here, "notice", "audience"), "config.rule.audience", notice.audience, desk.audiences)
                self._known((*here, "notice", "template"), "config.rule.template", notice.template, self.templates)
            found[one.of].append(Milestone(one.at, after, notice))
        order = {kind: sorted(milestones, key=lambda one: (one.after, one.name)) for kind, milestones in found.items()}
        return {kind: tuple(milestones) for kind, milestones in order.items()}

    def _length(self, place: Place, text: str, time: WorkingTime) -> int:
        """µs of working time. Days and weeks are no lengths where a day has fewer hours."""
        usual, days = time.usual_day(), workdays_of(text)
        if days is not None:
            if not usual:
                self._wrong(place, "sla.no_workday", value=text, hours=time.hours.name)
            return round(days * usual)
        length = parse_duration(text)
        if not time.hours.continuous and text.rstrip().endswith(("d", "w")):
            fields = {"value": text, "counted": length // HOUR, "hours": time.hours.name, "day": format_duration(usual)}
            self._wrong(place, "sla.days", **fields, write=f"{length // DAY} workdays")
        return length

    def _known(self, place: Place, key: str, value: str, known: Mapping[str, object]) -> None:
        if value not in known:
            near = nearest(value, list(known))
            fields = {"value": value, "near": near, "known": ", ".join(known) or "-", "file": "templates.yaml"}
            self._wrong(place, f"{key}_near" if near else key, **fields)

    def _wrong(self, place: Place, key: str, **fields: object) -> None:
        self.found.problems.append(self.document.problem(("desk", *place), key, **fields))


def _described(hours: WorkingHours) -> list[object]:
    """All of the hours that decides what counts, as JSON."""
    calendar = hours.calendar
    days = [sorted(calendar.years), [*map(str, calendar.holidays)], [*map(str, calendar.workdays)], [*calendar.weekend]]
    dates = {str(day): list(map(list, spans)) for day, spans in sorted(hours.dates.items())}
    return [hours.zone.key, {word: list(map(list, spans)) for word, spans in hours.days.items()}, dates, days]
