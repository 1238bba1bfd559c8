"""Calendar windows by local dates: half-open, never multiples of 24 h (RULES section 4, S25, S26)."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.domain.duration import HOUR, from_us, to_us
from rules.compiled import Calendar, Period


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo | None:
    """The IANA zone `name`, or None when there is no such zone."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _midnight(day: date, zone: ZoneInfo) -> int:
    # A midnight that the clock skips is the moment of the change; one that comes twice is the first.
    return to_us(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))


def _month_start(year: int, month: int, start: int) -> date:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(start, monthrange(year, month)[1]))


@lru_cache(maxsize=65536)
def _by_date(zone: ZoneInfo, calendar: Calendar, day: date) -> tuple[int, int, int]:
    if calendar.period is Period.DAY:
        first, after = day, day + timedelta(days=1)
    elif calendar.period is Period.WEEK:
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    else:
        first = _month_start(day.year, day.month, calendar.start)
        if day < first:
            first = _month_start(day.year, day.month - 1, calendar.start)
            after = _month_start(day.year, day.month, calendar.start)
        else:
            after = _month_start(day.year, day.month + 1, calendar.start)
    return _midnight(first, zone), _midnight(after, zone), (after - first).days


def window(zone: ZoneInfo, calendar: Calendar, at: int) -> tuple[int, int, float]:
    """(start, end, days): the window that holds `at`, µs, and its length in local days."""
    local = from_us(at).astimezone(zone)
    if calendar.period is Period.HOUR:
        offset = (local.utcoffset() or timedelta()) // timedelta(microseconds=1)
        start = (at + offset) // HOUR * HOUR - offset
        return start, start + HOUR, 1 / 24
    return _by_date(zone, calendar, local.date())
