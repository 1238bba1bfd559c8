"""Windows and what was observed in them (RULES.md section 4)."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from oracle.scene import HOUR, MINUTE, SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOSE = 1e-9
"""Shares are quotients of whole numbers: equal to this much is equal."""


def to_us(moment: datetime) -> int:
    """µs since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def wall(zone: str, year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """µs since 1970 of a wall time; one that the clock skips is the moment of the change."""
    local = datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone))
    naive, us = local.replace(tzinfo=None), to_us(local.astimezone(UTC))
    back = (EPOCH + timedelta(microseconds=us)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if back == naive:
        return us
    low, high = us - 3 * HOUR, us + 3 * HOUR  # skipped: the first moment whose wall time is not before it
    while high - low > 1:
        middle = (low + high) // 2
        shown = (EPOCH + timedelta(microseconds=middle)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        low, high = (low, middle) if shown >= naive else (middle, high)
    return high


@lru_cache(maxsize=4096)
def calendar_window(per: str, zone: str, t: int) -> tuple[int, int]:
    """The window [start, end) of `per` that holds `t`, of nights the next that ends after it; µs since 1970."""
    local = (EPOCH + timedelta(microseconds=t)).astimezone(ZoneInfo(zone))
    if per in {"hour", "15min"}:
        minutes = 60 if per == "hour" else 15
        first, last = t // MINUTE, t // MINUTE + 1
        while not _turns(zone, first, minutes):
            first -= 1
        while not _turns(zone, last, minutes):
            last += 1
        return first * MINUTE, last * MINUTE
    name, _, rest = per.partition("(")
    inside = rest.rstrip(")").removeprefix("from: ")
    ends = _boundaries(name, inside, zone, local)
    for start, end in ends:
        if t < end:
            return start, end
    raise AssertionError(per)


@lru_cache(maxsize=65536)
def _turns(zone: str, minute: int, minutes: int) -> bool:
    """Does the clock come to, or leap over, a full hour (a quarter) at this minute since 1970?"""
    before, now = (
        (EPOCH + timedelta(minutes=m)).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for m in (minute - 1, minute)
    )
    if now.minute % minutes == 0:
        return True
    return now > before and (now - before) > timedelta(minutes=now.minute % minutes)


def _boundaries(name: str, inside: str, zone: str, local: datetime) -> list[tuple[int, int]]:
    """Windows around a local moment, in order."""
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if name == "night":
        begin, end = (tuple(map(int, part.split(":"))) for part in inside.split("-"))
        out = []
        for k in range(-2, 3):
            first = day + timedelta(days=k)
            last = first + timedelta(days=1 if end <= begin else 0)
            out.append((_at(zone, first, *begin), _at(zone, last, *end)))
        return out
    if name == "day":
        hour, minute = map(int, inside.split(":")) if inside else (0, 0)
        marks = [_at(zone, day + timedelta(days=k), hour, minute) for k in range(-2, 4)]
    elif name == "week":
        monday = day - timedelta(days=day.weekday())
        marks = [_at(zone, monday + timedelta(days=7 * k)) for k in range(-1, 3)]
    else:
        marks = [
            _month_mark(zone, day, k, int(inside or 1), {"month": 1, "quarter": 3, "year": 12}[name])
            for k in range(-2, 4)
        ]
    return list(pairwise(marks))


def _month_mark(zone: str, day: datetime, k: int, first: int, months: int) -> int:
    """ "`from: 31` = the month's last day"."""
    number = (day.year * 12 + day.month - 1) // months * months + k * months
    year, month = divmod(number, 12)
    return wall(zone, year, month + 1, min(first, monthrange(year, month + 1)[1]))


def _at(zone: str, day: datetime, hour: int = 0, minute: int = 0) -> int:
    return wall(zone, day.year, day.month, day.day, hour, minute)


Row = tuple[int, float | str | None]
"""(at, value), None = bad or unknown."""


def observed(rows: Sequence[Row], reach: int, begin: int, end: int) -> int:
    """µs of [begin, end) in which something was known: from a good row to the next, at most `reach` (0 = for ever)."""
    total = 0
    for k, (at, value) in enumerate(rows):
        if value is None:
            continue
        last = rows[k + 1][0] if k + 1 < len(rows) else None
        until = end if last is None else last
        if reach:
            until = min(until, at + reach)
        total += max(0, min(until, end) - max(at, begin))
    return total


def grid(over: int) -> int:
    """Distance of the points of time at which a share is judged: over/60, no finer than a tick."""
    return max(over // 60, SECOND)
