"""Times of day in a zone, as moments: pure. For polls at fixed times of the clock."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.domain.duration import DAY, from_us, to_us

_DAYS = 3
"""Days to look at for the next time; a day of a zone has 23 to 25 hours."""


@dataclass(frozen=True, slots=True)
class DayTimes:
    """`times` µs since midnight, in order, of every day in `zone` (IANA name).

    A time that the change to summer time leaves out comes an hour later. An hour that comes twice has its times once,
    the first one; with `repeated` both (every 15 minutes is every 15 minutes).
    """

    times: tuple[int, ...]
    zone: str
    repeated: bool = False

    @classmethod
    def every(cls, period: int, zone: str) -> "DayTimes":
        """All multiples of `period` µs since midnight; it divides a day."""
        return cls(tuple(range(0, DAY, period)), zone, repeated=True)

    def after(self, moment: int) -> int:
        """The first one later than `moment`; both µs since 1970."""
        today = from_us(moment).astimezone(ZoneInfo(self.zone)).date()
        for day in range(-1, _DAYS):
            found = _moments(self.times, self.zone, self.repeated, today + timedelta(days=day))
            if (place := bisect_right(found, moment)) < len(found):
                return found[place]
        raise AssertionError("a time of day within three days")

    @property
    def period(self) -> int:
        """µs from one to the next, on the average."""
        return DAY // len(self.times)


@lru_cache(maxsize=512)  # many devices have the same times
def _moments(times: tuple[int, ...], zone: str, repeated: bool, day: date) -> tuple[int, ...]:
    """The times of one day, in order, µs since 1970."""
    where, midnight = ZoneInfo(zone), datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the zone is put on below
    zoned = [(midnight + timedelta(microseconds=time)).replace(tzinfo=where) for time in times]
    found = {to_us(one) for one in zoned}
    if repeated:  # of a time that is left out, the second fold would be an hour before it
        found |= {max(to_us(one), to_us(one.replace(fold=1))) for one in zoned}
    return tuple(sorted(found))
