"""Times of day in a zone, as moments: pure. For polls at fixed times of the clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from gateway.domain.duration import DAY, US, from_us, to_us

_DAYS = 3
"""Days to look at for the next time; a day of a zone has 23 to 25 hours."""


@dataclass(frozen=True)
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

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def after(self, moment: int) -> int:
        """The first one later than `moment`; both µs since 1970."""
        local = from_us(moment).astimezone(self._zone)
        midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001 - the zone is put on below
        for day in range(-1, _DAYS):
            for later in sorted(self._moments(midnight + timedelta(days=day))):
                if later > moment:
                    return later
        raise AssertionError("a time of day within three days")

    def _moments(self, midnight: datetime) -> set[int]:
        folds = (0, 1) if self.repeated else (0,)
        naive = (midnight + timedelta(microseconds=time * US) for time in self.times)
        return {to_us(one.replace(tzinfo=self._zone, fold=fold)) for one in naive for fold in folds}

    @property
    def period(self) -> int:
        """µs from one to the next, on the average."""
        return DAY // len(self.times)
