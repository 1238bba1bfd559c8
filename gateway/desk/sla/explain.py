"""Why something is due then: the time that was counted, the pauses, the days off, what is still to come. Pure; the
lines are phrases in both languages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from gateway.desk.hold_reasons import HoldReasons
from gateway.desk.sla.clocks import DONE, consumed_at, is_breach, paused, reached, resumed, started
from gateway.desk.sla.policy import BREACH, Milestone, SlaPolicy
from gateway.domain.duration import HOUR, MINUTE, SECOND, from_us
from gateway.domain.language_values import Phrase
from gateway.domain.sla import ClockKind, ClockState, SlaClock
from gateway.domain.text import Lang, TextKey, localize
from gateway.domain.working_time import Span, WorkingTime

Reasons = tuple[Phrase, ...]
_MOST = 12  # intervals that are named at each end of a long list


@dataclass(frozen=True, slots=True)
class Spent:
    """A duration of working time in words: hours and minutes, never days, since a day of work is shorter."""

    us: int

    def text(self, lang: Lang) -> str:
        """`12 h 5 min`, `12 小时 5 分钟`."""
        rest, parts = abs(self.us), []
        for name, size in (("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
            count, rest = divmod(rest, size)
            if count and (name != "second" or self.us < HOUR):
                parts.append(localize(f"span.{name}", lang, n=count))
        return " ".join(parts) or localize("span.second", lang, n=0)

    def __str__(self) -> str:
        return self.text("en")


def clock_word(kind: ClockKind) -> TextKey:
    """The clock as people call it."""
    return TextKey(f"word.clock.{kind.value}")


def note_of(clock: SlaClock, milestone: Milestone, due: int, zone: ZoneInfo, lang: Lang) -> str:
    """The sentence of a milestone for events, audit and notices."""
    fields = {"clock": clock_word(clock.kind), "at": _wall(due, zone), "target": Spent(clock.target)}
    key = "sla.note.due" if is_breach(milestone) else "sla.note.milestone"
    return localize(key, lang, name=milestone.name, spent=Spent(milestone.after), **fields)


def explain(
    clock: SlaClock, policy: SlaPolicy | None, now: int, zone: ZoneInfo, holds: HoldReasons | None = None
) -> Reasons:
    """Why `clock` stands as it does at `now`. Times are of the zone of its hours, or of `zone`; `holds` names the
    reasons of pauses."""
    return tuple(_Explanation(clock, policy, now, zone, holds or HoldReasons()).lines())


class _Explanation:
    def __init__(self, clock: SlaClock, policy: SlaPolicy | None, now: int, zone: ZoneInfo, holds: HoldReasons) -> None:
        self.holds = holds
        self.clock, self.policy, self.now = clock, policy, now
        self.time = None if policy is None else policy.time
        counted = self.time is not None and not self.time.hours.continuous
        self.zone = self.time.hours.zone if self.time is not None and counted else zone

    def lines(self) -> Iterator[Phrase]:
        clock = self.clock
        yield self._target()
        for one in clock.stretches:
            if one.pause:
                key = "sla.why.done" if one.pause == DONE else "sla.why.paused"
                yield self._span(key, one.since, one.until, reason=self.holds.name_of(one.pause))
            else:
                yield from self._counted(one.since, one.until, one.counted)
        end = self.now
        if clock.running_since is not None and self.time is not None:
            yield from self._counted(clock.running_since, self.now, self.time.consumed(clock.running_since, self.now))
            if clock.due_at is not None and clock.due_at > self.now:
                end = clock.due_at
                yield from self._ahead(self.time, self.now, clock.due_at)
        elif clock.paused_since is not None:
            yield Phrase(
                "sla.why.paused_now", {"since": self._at(clock.paused_since), "reason": self.holds.name_of(clock.pause)}
            )
        yield from self._days(clock.started_at, end)
        yield self._result()

    def _target(self) -> Phrase:
        fields = {"clock": clock_word(self.clock.kind), "target": Spent(self.clock.target), "policy": self.clock.policy}
        if self.time is None:
            return Phrase("sla.why.gone", fields)
        if self.time.hours.continuous:
            return Phrase("sla.why.target_always", {**fields, "start": self._at(self.clock.started_at)})
        hours = {"hours": self.time.hours.name, "zone": self.zone.key, "start": self._at(self.clock.started_at)}
        return Phrase("sla.why.target", {**fields, **hours})

    def _result(self) -> Phrase:
        clock, spent = self.clock, consumed_at(self.clock, self.policy, self.now)
        fields: dict[str, object] = {"spent": Spent(spent), "target": Spent(clock.target)}
        match clock.state:
            case ClockState.RUNNING if clock.due_at is None:
                return Phrase("sla.why.never", fields)
            case ClockState.RUNNING:
                overdue = clock.due_at is not None and clock.due_at <= self.now
                left = {"left": Spent(clock.target - spent), "due": self._at(clock.due_at or 0)}
                return Phrase("sla.why.overdue" if overdue else "sla.why.due", {**fields, **left})
            case ClockState.PAUSED:
                return Phrase("sla.why.stands", {**fields, "left": Spent(max(clock.target - spent, 0))})
            case ClockState.ENDED:
                return Phrase("sla.why.ended", {**fields, "at": self._at(clock.ended_at or 0)})
            case _:
                late = {"at": self._at(clock.met_at or 0), "due": self._at(clock.breached_at or 0)}
                return Phrase("sla.why.met" if clock.state is ClockState.MET else "sla.why.late", {**fields, **late})

    def _counted(self, since: int, until: int, counted: int) -> Iterator[Phrase]:
        if until <= since:
            return
        spans = [] if self.time is None else self.time.spans(since, until)
        if sum(end - begin for begin, end in spans) != counted:  # by hours that have changed since
            yield self._span("sla.why.counted_then", since, until, spent=Spent(counted))
        elif not spans:
            yield self._span("sla.why.nothing", since, until)
        else:
            yield from self._listed("sla.why.counted", spans)

    def _ahead(self, time: WorkingTime, since: int, until: int) -> Iterator[Phrase]:
        yield from self._listed("sla.why.ahead", time.spans(since, until))

    def _listed(self, key: str, spans: Sequence[Span]) -> Iterator[Phrase]:
        shown = spans if len(spans) <= 2 * _MOST else (*spans[:_MOST], *spans[-_MOST:])
        for number, (begin, end) in enumerate(shown):
            if number == _MOST and len(shown) < len(spans):
                hidden = spans[_MOST:-_MOST]
                spent = sum(last - first for first, last in hidden)
                yield self._span("sla.why.more", hidden[0][0], hidden[-1][1], n=len(hidden), spent=Spent(spent))
            yield self._span(key, begin, end, spent=Spent(end - begin))

    def _days(self, frm: int, to: int) -> Iterator[Phrase]:
        """Days off, weekend days that are worked, and years without a list."""
        if self.time is None or self.time.hours.continuous:
            return
        hours, day, last = self.time.hours, self._date(frm), self._date(to)
        calendar, off = hours.calendar, list[date]()
        while day <= last:
            if calendar.is_holiday(day) and not hours.on(day):
                off.append(day)
            elif calendar.is_workday(day) and day.weekday() in calendar.weekend:
                yield Phrase("sla.why.worked", {"day": _day(day), "calendar": calendar.name})
            day += timedelta(days=1)
        first = 0
        for index, one in enumerate(off):
            if index + 1 == len(off) or off[index + 1] - one > timedelta(days=1):
                fields = {"first": _day(off[first]), "last": _day(one), "calendar": calendar.name}
                yield Phrase("sla.why.holiday" if index == first else "sla.why.holidays", fields)
                first = index + 1
        for year in hours.unknown_years(frm, to):
            yield Phrase("sla.why.year", {"calendar": calendar.name, "year": str(year)})
        for year in calendar.provisional:
            if self._date(frm).year <= year <= last.year:
                yield Phrase("sla.why.provisional", {"calendar": calendar.name, "year": str(year)})

    def _span(self, key: str, since: int, until: int, **fields: object) -> Phrase:
        same_day = self._date(since) == self._date(until)
        ends = f"{from_us(until).astimezone(self.zone):%H:%M}" if same_day else self._at(until)
        return Phrase(key, {"since": self._at(since), "until": ends, **fields})

    def _at(self, at: int) -> str:
        return _wall(at, self.zone)

    def _date(self, at: int) -> date:
        return from_us(at).astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class SimulatedMilestone:
    """What would fire: `at` µs, None = never (no hours, or too far ahead)."""

    at: int | None
    kind: ClockKind
    milestone: Milestone

    @property
    def breach(self) -> bool:
        """True for the target itself."""
        return is_breach(self.milestone)


def simulate(
    policy: SlaPolicy, start: int, holds: Sequence[tuple[int, int, str]], zone: ZoneInfo
) -> tuple[list[SimulatedMilestone], dict[ClockKind, Reasons]]:
    """Milestones of an order made at `start` that is on hold at these times (from, until, reason) and never done; and
    the reasons for each clock. The same functions as for real orders. Holds are in order."""
    found, reasons = list[SimulatedMilestone](), dict[ClockKind, Reasons]()
    for kind in policy.targets:
        clock, fired = started(policy, kind, "", "", start), dict[str, int]()
        for since, until, reason in holds:
            fired |= {one.name: due for due, one in reached(clock, policy, since, fired)}
            clock = replace(clock, breached_at=fired.get(BREACH))
            clock = resumed(paused(clock, policy, since, reason), policy, until, fired)
        for one in policy.milestones[kind]:
            reckoned = policy.time.due(clock.running_since or start, one.after - clock.consumed)
            found.append(SimulatedMilestone(fired.get(one.name, reckoned), kind, one))
        reasons[kind] = explain(clock, policy, clock.running_since or start, zone)
    far = 1 << 62
    return sorted(found, key=lambda one: (far if one.at is None else one.at, one.kind, one.milestone.after)), reasons


def _wall(at: int, zone: ZoneInfo) -> str:
    return f"{from_us(at).astimezone(zone):%Y-%m-%d %H:%M}"


def _day(day: date) -> str:
    return day.isoformat()
