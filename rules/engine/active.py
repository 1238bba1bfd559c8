"""`active`: the hours in which a rule raises, by the wall clock of the thing's zone (RULES section 5).

An interval belongs to the local day on which it starts, so `22:00-06:00` on Friday ends on Saturday morning. Intervals
are half-open and made of instants: a day of 23 or 25 hours moves nothing.
"""

from bisect import bisect_right
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.domain.duration import DAY, from_us
from rules.compiled import Active
from rules.engine.calendar import wall_time, zone_of
from rules.engine.space import LONG_AGO, NEVER

AROUND = 16  # days to either side: more than a week, so that every opening and closing near a moment is in sight


def instant(zone: str, day: date, minute: int) -> int:
    """µs of minute `minute` (may be 24 h or more) of a local day, by the rules of `wall_time`."""
    return wall_time(day, minute, zone_of(zone) or ZoneInfo("UTC"))


@lru_cache(maxsize=4096)
def _spans(zone: str, active: Active, week: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(starts, ends) of the intervals around the middle of UTC day `7 * week`; neighbours that touch are one."""
    middle = from_us(7 * week * DAY).date()
    starts: list[int] = []
    ends: list[int] = []
    for offset in range(-AROUND, AROUND + 8):
        day = middle + timedelta(days=offset)
        if active.days and day.weekday() not in active.days:
            continue
        last = active.end if active.end > active.begin else active.end + 1440
        start, end = instant(zone, day, active.begin), instant(zone, day, last)
        if ends and start <= ends[-1]:
            ends[-1] = max(end, ends[-1])
        elif start < end:
            starts.append(start)
            ends.append(end)
    return tuple(starts), tuple(ends)


class Schedule:
    """The openings and closings of one `active`; times µs, zones by name."""

    def __init__(self, active: Active) -> None:
        self.active = active
        self.always = active.begin == active.end and len(set(active.days)) in {0, 7}

    def _around(self, zone: str, at: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return _spans(zone, self.active, at // (7 * DAY))

    def inside(self, zone: str, at: int) -> bool:
        """May it raise at `at`?"""
        return self.always or self.closing(zone, at) > at

    def closing(self, zone: str, at: int) -> int:
        """The end of the interval that holds `at`; `at` itself when none does."""
        if self.always:
            return NEVER
        starts, ends = self._around(zone, at)
        index = bisect_right(starts, at) - 1
        return max(ends[index], at) if index >= 0 else at

    def opening(self, zone: str, at: int) -> int:
        """The newest opening at or before `at`."""
        if self.always:
            return LONG_AGO
        starts, _ = self._around(zone, at)
        return starts[bisect_right(starts, at) - 1]

    def next_opening(self, zone: str, at: int) -> int:
        """The first opening after `at`."""
        if self.always:
            return NEVER
        starts, _ = self._around(zone, at)
        return starts[bisect_right(starts, at)]
