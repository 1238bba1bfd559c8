"""Durations and instants: integers in microseconds, written by people as `500ms`, `2m10s`, `15d9h`."""

import re
from datetime import UTC, datetime, timedelta

US = 1
MS = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

_UNIT = {"us": US, "ms": MS, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|min|s|m|h|d|w)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration(text: str) -> int:
    """`2m10s` -> 130_000_000 µs. A leading `-` is allowed. Raises ValueError for anything else.

    >>> parse_duration("15d9h") // HOUR
    369
    """
    body = text.strip()
    sign = -1 if body.startswith("-") else 1
    body = body.removeprefix("-")
    position, total = 0, 0.0
    while match := _PART.match(body, position):
        total += float(match[1]) * _UNIT[match[2]]
        position = match.end()
    if position != len(body) or not body:
        raise ValueError(f"{text!r} is not a duration; write 500ms, 30s, 2m10s, 4h or 7d")
    return sign * round(total)


def format_duration(us: int) -> str:
    """130_000_000 -> `2m10s`; the shortest exact form."""
    if us == 0:
        return "0s"
    sign, rest, out = ("-" if us < 0 else ""), abs(us), ""
    for name, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MS), ("us", US)):
        count, rest = divmod(rest, size)
        out += f"{count}{name}" if count else ""
    return sign + out


def to_us(moment: datetime) -> int:
    """An aware datetime as µs since 1970 UTC. Exact: no float in between."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """µs since 1970 as an aware UTC datetime. Raises OverflowError outside years 1-9999."""
    return _EPOCH + timedelta(microseconds=us)


def iso(us: int) -> str:
    """µs since 1970 as RFC 3339 text with milliseconds: `2026-11-22T06:00:00.123Z`."""
    return from_us(us).isoformat(timespec="milliseconds").replace("+00:00", "Z")
