"""Calendar windows by local dates: half-open, never multiples of 24 h (RULES section 4, S25, S26)."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.domain.duration import DAY, HOUR, MINUTE, from_us, to_us
from rules.compiled import Calendar, CalendarSpan, Period


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo | None:
    """The IANA zone `name`, or None when there is no such zone."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def wall_time(day: date, minute: int, zone: ZoneInfo, fold: int = 0) -> int:
    """When the clocks of `zone` show `minute` of `day`, µs. One that comes twice is the first, with `fold` the second.

    One that the clock skips is the moment of the change.
    """
    wanted = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)  # wall arithmetic
    found = to_us(wanted.replace(fold=fold).astimezone(UTC))
    if from_us(found).astimezone(zone).replace(tzinfo=None) == wanted.replace(tzinfo=None):
        return found
    found, early = (to_us(wanted.replace(fold=one).astimezone(UTC)) for one in (0, 1))  # the change: in (early, found]
    new = from_us(found).astimezone(zone).utcoffset()
    while found - early > 1:
        middle = (early + found) // 2
        if from_us(middle).astimezone(zone).utcoffset() == new:
            found = middle
        else:
            early = middle
    return found


def later(day: date, span: CalendarSpan, times: int = 1) -> date:
    """The date `times` spans after `day`, always counted from `day`; where the month is too short, its last day.

    >>> later(date(2026, 1, 31), Span(1), 2)
    datetime.date(2026, 3, 31)
    """
    month = day.month + span.months * times
    return _month_start(day.year, month, day.day) + timedelta(days=span.days * times)


def fitting(first: date, day: date, span: CalendarSpan) -> int:
    """How many spans fit between two dates, one more or less."""
    if not span.months:
        return (day - first).days // span.days
    return ((day.year - first.year) * 12 + day.month - first.month) // span.months


_PARTS = {Period.HOUR: HOUR, Period.QUARTER_HOUR: 15 * MINUTE}
_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


def _month_start(year: int, month: int, start: int) -> date:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(start, monthrange(year, month)[1]))


@lru_cache(maxsize=65536)
def _by_date(zone: ZoneInfo, calendar: Calendar, day: date) -> tuple[int, int, float]:
    if calendar.period is Period.DAY:
        first, after = day, day + timedelta(days=1)
    elif calendar.period is Period.WEEK:
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    else:
        months = _MONTHS[calendar.period]
        month = (day.month - 1) // months * months + 1
        if day < _month_start(day.year, month, calendar.start):
            month -= months
        first, after = (_month_start(day.year, one, calendar.start) for one in (month, month + months))
    begin, end = (wall_time(one, calendar.begin, zone) for one in (first, after))
    return begin, end, float((after - first).days)


@lru_cache(maxsize=65536)
def _night(zone: ZoneInfo, calendar: Calendar, day: date) -> tuple[int, int, float]:
    """The night that starts on `day`; it has no length when the clock skips it."""
    begin = wall_time(day, calendar.begin, zone)
    past = day + timedelta(days=1) if calendar.end <= calendar.begin else day
    end = wall_time(past, calendar.end, zone)
    return begin, end, (end - begin) / DAY


def _offset(local: datetime) -> int:
    return (local.utcoffset() or timedelta()) // timedelta(microseconds=1)


def _part(zone: ZoneInfo, size: int, local: datetime, at: int) -> tuple[int, int, float]:
    """The hour or quarter of an hour that holds `at`: from one full one that the clock shows, or leaps over, to the
    next. Where clocks move by half an hour, one is longer or shorter.
    """
    offset = _offset(local)
    start = (at + offset) // size * size - offset
    end = start + size
    if any((_offset(from_us(one).astimezone(zone)) - offset) % size for one in (start, end)):
        first = (at + offset) // size * size // MINUTE  # minutes of the local clock since 1970
        near = [
            wall_time(date(1970, 1, 1) + timedelta(days=minute // 1440), minute % 1440, zone, fold)
            for minute in range(first - 2 * size // MINUTE, first + 3 * size // MINUTE, size // MINUTE)
            for fold in (0, 1)
        ]
        start, end = max(one for one in near if one <= at), min(one for one in near if one > at)
    return start, end, (end - start) / DAY


def window(zone: ZoneInfo, calendar: Calendar, at: int) -> tuple[int, int, float]:
    """(start, end, days): the first window that ends after `at`, µs, and its length in local days.

    It holds `at`, except between two nights, where it is the next one.
    """
    local = from_us(at).astimezone(zone)
    if calendar.period in _PARTS:
        return _part(zone, _PARTS[calendar.period], local, at)
    if calendar.period is not Period.NIGHT:
        found = _by_date(zone, calendar, local.date())
        if found[0] <= at < found[1]:
            return found
        days = -1 if at < found[0] else 1  # before its own hour; or clocks set back over midnight
        return _by_date(zone, calendar, local.date() + timedelta(days=days))
    day = local.date() - timedelta(days=1)
    while True:
        found = _night(zone, calendar, day)
        if found[1] > at and found[0] < found[1]:
            return found
        day += timedelta(days=1)
