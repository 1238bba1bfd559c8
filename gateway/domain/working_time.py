"""Working time: hours of the week, holidays and a time zone, and durations that count only these. Pure; times are µs.

An instant counts while the clock on the wall of the zone shows a time inside an interval. So an hour that clocks skip
does not count, and one that they repeat counts twice. An interval belongs to the day on which it starts: that of
`22:00-06:00` on a Friday ends on Saturday.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND, from_us
from gateway.domain.workdays import NO_CALENDAR, WorkCalendar

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKDAY, WEEKEND, HOLIDAY, DAILY = "workday", "weekend", "holiday", "daily"
DAY_WORDS = (WORKDAY, WEEKEND, HOLIDAY, *WEEKDAYS, DAILY)
LOOK_AHEAD = 3 * 366 * DAY
"""How far a due-time is looked for."""
_EPOCH = date(1970, 1, 1)
_REACH = 16 * HOUR  # no zone is further from UTC
_CACHED = 2048  # days per hours

Minutes = tuple[int, int]
"""An interval in minutes after midnight; it may end on the next day, then it ends after 1440."""
Span = tuple[int, int]
"""From and until, µs; the end is not part of it."""


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Intervals by the word for the days that have them; an empty list is a day without work.

    What is written for the date counts first. Then: on a holiday `holiday`; on a weekend day worked instead `workday`,
    else its own day; on others their own day (`mon`), else `workday` or `weekend`. Last of all, `daily`; on a holiday
    only if `holiday` is not written.
    """

    name: str
    zone: ZoneInfo
    days: Mapping[str, Sequence[Minutes]]
    calendar: WorkCalendar = NO_CALENDAR
    dates: Mapping[date, Sequence[Minutes]] = field(default_factory=dict)

    @property
    def continuous(self) -> bool:
        """True if every instant counts."""
        return not self.dates and list(self.days) == [DAILY] and tuple(self.days[DAILY]) == ((0, 1440),)

    def word(self, day: date) -> str:
        """The word whose intervals the day has; "" = none is written for it."""
        own = WEEKDAYS[day.weekday()]
        if self.calendar.is_holiday(day):
            words: tuple[str, ...] = (HOLIDAY,)
        elif day.weekday() not in self.calendar.weekend:
            words = (own, WORKDAY)
        else:
            words = (WORKDAY, own) if self.calendar.is_workday(day) else (own, WEEKEND)
        return next((word for word in (*words, DAILY) if word in self.days), "")

    def on(self, day: date) -> Sequence[Minutes]:
        """The intervals that start on this day."""
        if day in self.dates:
            return self.dates[day]
        return self.days.get(self.word(day), ())

    def unknown_years(self, frm: int, to: int) -> tuple[int, ...]:
        """Years between two times that the calendar does not cover, though holidays or workdays matter."""
        if self.calendar is NO_CALENDAR or list(self.days) == [DAILY]:
            return ()
        years = range(self._local(frm).year, self._local(to).year + 1)
        return tuple(year for year in years if not self.calendar.covers(year))

    def _local(self, at: int) -> date:
        return from_us(at).astimezone(self.zone).date()


ALWAYS = WorkingHours("always", ZoneInfo("UTC"), {DAILY: ((0, 1440),)})


class WorkingTime:
    """Counts by `hours`; what it found of a day is kept."""

    def __init__(self, hours: WorkingHours) -> None:
        self.hours = hours
        self._continuous = hours.continuous
        self._of_day = lru_cache(maxsize=_CACHED)(self._find)

    def spans(self, frm: int, to: int) -> list[Span]:
        """The time between two instants that counts: in order, none touches another."""
        if to <= frm:
            return []
        if self._continuous:
            return [(frm, to)]
        first, last = self._date(frm) - timedelta(days=2), self._date(to) + timedelta(days=1)
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        found = sorted(
            (max(begin, frm), min(end, to))
            for day in days
            for begin, end in self._of_day(day)
            if begin < to and end > frm
        )
        merged: list[Span] = []
        for begin, end in found:
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged

    def consumed(self, frm: int, to: int) -> int:
        """µs that count between two instants; 0 when the second is not later."""
        return sum(end - begin for begin, end in self.spans(frm, to))

    def due(self, start: int, target: int) -> int | None:
        """The earliest instant at which `target` µs have been counted since `start`; None = not within
        `LOOK_AHEAD`."""
        if target <= 0:
            return start
        if self._continuous:
            return start + target
        rest, begin, block = target, start, 2 * DAY
        while begin < start + LOOK_AHEAD:
            until = min(begin + block, start + LOOK_AHEAD)
            for first, last in self.spans(begin, until):
                if last - first >= rest:
                    return first + rest
                rest -= last - first
            begin, block = until, min(2 * block, 64 * DAY)
        return None

    def usual_day(self) -> int:
        """µs of work on an ordinary workday; 0 when it has none."""
        spans = self.hours.days.get(WORKDAY) or self.hours.days.get(DAILY) or self.hours.days.get(WEEKDAYS[0]) or ()
        return sum(end - begin for begin, end in spans) * MINUTE

    def _date(self, at: int) -> date:
        return from_us(at).astimezone(self.hours.zone).date()

    def _offset(self, at: int) -> int:
        offset = from_us(at).astimezone(self.hours.zone).utcoffset()
        return 0 if offset is None else offset // timedelta(microseconds=1)

    def _find(self, day: date) -> tuple[Span, ...]:
        """What counts of the intervals that start on `day`."""
        intervals = self.hours.on(day)
        if not intervals:
            return ()
        midnight = (day - _EPOCH).days * DAY
        found = [
            (max(midnight + a * MINUTE - offset, begin), min(midnight + b * MINUTE - offset, end))
            for begin, end, offset in self._offsets(midnight - _REACH, midnight + 2 * DAY + _REACH)
            for a, b in intervals
        ]
        return tuple(sorted(span for span in found if span[0] < span[1]))

    def _offsets(self, begin: int, end: int) -> list[tuple[int, int, int]]:
        """(from, until, offset from UTC) between two instants: more than one where clocks are set."""
        found, offset = [], self._offset(begin)
        if offset == self._offset(end):
            return [(begin, end, offset)]
        at = begin
        while at < end:
            later = min(at + HOUR, end)
            if self._offset(later) != offset:
                low, high = at, later
                while high - low > SECOND:
                    middle = (low + high) // 2 // SECOND * SECOND
                    low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
                found.append((begin, high, offset))
                begin, offset = high, self._offset(high)
            at = later
        return [*found, (begin, end, offset)]
