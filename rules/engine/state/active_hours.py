"""`active`: the hours in which a rule raises, by the wall clock of the thing's zone (RULES section 5).

An interval belongs to the local day on which it starts, so `22:00-06:00` on Friday ends on Saturday morning. Intervals
are half-open and made of instants: a day of 23 or 25 hours moves nothing.
"""

from bisect import bisect_right
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.domain.duration import from_us
from rules.compiled import Active
from rules.engine.state.calendar import wall_time, zone_of
from rules.engine.state.thing_table import LONG_AGO, NEVER

_DAY = 24 * 60  # minutes
_WEEK = frozenset(range(7))


def instant(zone: str, day: date, minute: int) -> int:
    """µs of minute `minute` (may be 24 h or more) of a local day, by the rules of `wall_time`."""
    return wall_time(day, minute, zone_of(zone) or ZoneInfo("UTC"))


def starts_on(active: Active, day: date) -> bool:
    """True if the hours of `active` begin on this local date."""
    if active.months and not any(_between(day.month, first, last) for first, last in active.months):
        return False
    if not active.days and not active.workday and not active.holiday:
        return True
    if day.weekday() in active.days:
        return True
    calendar = active.calendar
    if calendar is None:
        return False
    return (active.workday and calendar.is_workday(day)) or (active.holiday and calendar.is_holiday(day))


def _between(month: int, first: int, last: int) -> bool:
    """Of `11-3` also December and January."""
    return first <= month <= last if first <= last else month >= first or month <= last


@lru_cache(maxsize=1024)
def _intervals(zone: str, active: Active, year: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(starts, ends) of the intervals that start in `year` and the years beside it; those that touch are one. What
    holds from the first day on is without a beginning (LONG_AGO), what holds to the last without an end (NEVER).
    """
    day, last = date(year - 1, 1, 1), date(year + 1, 12, 31)
    found: list[tuple[int, int]] = []
    while day <= last:
        if starts_on(active, day):
            for begin, end in active.spans:
                after = end if end > begin else end + _DAY
                found.append((instant(zone, day, begin), instant(zone, day, after)))
        day += timedelta(days=1)
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(found):
        if ends and start <= ends[-1]:
            ends[-1] = max(end, ends[-1])
        elif start < end:
            starts.append(start)
            ends.append(end)
    if starts and starts[0] < instant(zone, date(year - 1, 1, 2), 0):
        starts[0] = LONG_AGO
    if ends and ends[-1] >= instant(zone, date(year + 2, 1, 1), 0):
        ends[-1] = NEVER
    return tuple(starts), tuple(ends)


def _always(active: Active) -> bool:
    """True if it is in force at every moment."""
    if active.months and {m for m in range(1, 13) if any(_between(m, *one) for one in active.months)} != {
        *range(1, 13)
    }:
        return False
    whole_weeks = {*active.days} >= _WEEK or not (active.days or active.workday or active.holiday)
    if not whole_weeks and not (active.workday and active.holiday and {*active.days} >= {5, 6}):
        return False
    covered = max((end for begin, end in active.spans if end <= begin), default=0)  # from the day before
    for begin, end in sorted(active.spans):
        if begin > covered:
            return False
        covered = max(covered, end if end > begin else end + _DAY)
    return covered >= _DAY


class ActiveHours:
    """The openings and closings of one `active`; times µs, zones by name."""

    def __init__(self, active: Active) -> None:
        self.active = active
        self.always = _always(active)

    def _around(self, zone: str, at: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return _intervals(zone, self.active, from_us(at).year)

    def inside(self, zone: str, at: int) -> bool:
        """True if it may raise at `at`."""
        return self.always or self.closing(zone, at) > at

    def closing(self, zone: str, at: int) -> int:
        """The end of the interval that holds `at`, NEVER after the end of next year; `at` itself when none does."""
        if self.always:
            return NEVER
        starts, ends = self._around(zone, at)
        index = bisect_right(starts, at) - 1
        return max(ends[index], at) if index >= 0 else at

    def opening(self, zone: str, at: int) -> int:
        """The newest opening at or before `at`; LONG_AGO when there was none since the beginning of last year."""
        if self.always:
            return LONG_AGO
        starts, _ = self._around(zone, at)
        index = bisect_right(starts, at) - 1
        return starts[index] if index >= 0 else LONG_AGO

    def next_opening(self, zone: str, at: int) -> int:
        """The first opening after `at`; NEVER when there is none until the end of next year."""
        if self.always:
            return NEVER
        starts, _ = self._around(zone, at)
        index = bisect_right(starts, at)
        return starts[index] if index < len(starts) else NEVER
