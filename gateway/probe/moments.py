"""Which values are moments, in the words of a route's `time`. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

_EPOCHS = (("ns", 10**9), ("us", 10**6), ("ms", 10**3), ("s", 1))
_FIRST, _LAST = 978_307_200, 4_102_444_800
"""Seconds: 2001 to 2100. Other numbers are no moments."""
_PARTS = frozenset({"year", "month", "day"})
PATTERNS = (
    (re.compile(r"20\d{12}\d{3,6}"), "%Y%m%d%H%M%S%f"),
    (re.compile(r"20\d{12}"), "%Y%m%d%H%M%S"),
    (re.compile(r"[0-4]\d[01]\d[0-3]\d[0-2]\d[0-5]\d[0-5]\d"), "%y%m%d%H%M%S"),
    (re.compile(r"20\d\d/\d\d?/\d\d? \d\d?:\d\d:\d\d"), "%Y/%m/%d %H:%M:%S"),
    (re.compile(r"\d\d?\.\d\d?\.20\d\d \d\d?:\d\d:\d\d"), "%d.%m.%Y %H:%M:%S"),
    (re.compile(r"\d\d?/\d\d?/20\d\d \d\d?:\d\d:\d\d"), "%d/%m/%Y %H:%M:%S"),
    (re.compile(r"20\d\d年\d\d?月\d\d?日 ?\d\d?:\d\d:\d\d"), "%Y年%m月%d日 %H:%M:%S"),
)
TIME_WORDS = (
    "ts", "timestamp", "time", "event_time", "device_time", "occur_time", "sample_time", "measured_at", "reported_at",
    "datetime", "date_time", "created_at", "at", "t", "received_at", "time_stamp", "tst", "utc", "report_time",
    "collect_time", "publish_received_at", "msg_create_time", "date", "update_time", "时间", "采集时间", "上报时间",
)  # fmt: skip
"""Words of a key, the most likely first."""
_RANK = {word: rank for rank, word in enumerate(TIME_WORDS)}
_OTHERS = re.compile(
    r"(?:(?:.*_)?(?:start|started|begin|end|stop|boot|next|install|installed|expire|expires|due|reset|minute|birth)"
    r"(?:_(?:time|ts|at|date|timestamp))?)|.*_since"
)


def rank(word: str) -> int | None:
    """Place of this word among those of moments, from 0; None for others."""
    if word in _RANK:
        return _RANK[word]
    return len(_RANK) if word.endswith(("_time", "_ts", "timestamp", "_at")) else None


def is_of_reading(word: str) -> bool:
    """False for keys of moments that are not those of the values: a start, a reset, the begin of a minute."""
    return not _OTHERS.fullmatch(word)


def moment_unit(value: Any) -> str:
    """`unit` of `time` for this value: s, ms, us, ns, iso, parts or a pattern; "" when it is no moment."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, dict):
        keys = {str(key).lower() for key in value}
        whole = all(type(part) is int for key, part in value.items() if str(key).lower() in _PARTS)
        return "parts" if keys >= _PARTS and whole else ""
    if isinstance(value, int | float):
        return next((unit for unit, factor in _EPOCHS if _FIRST <= value / factor <= _LAST), "") or _compact(value)
    if not isinstance(value, str) or len(value) > 40:
        return ""
    text = value.strip()
    if text.isascii() and text.replace(".", "", 1).isdecimal():
        return _pattern(text) or (moment_unit(float(text)) if "." in text or len(text) in (10, 13, 16, 19) else "")
    return "iso" if _iso(text) else _pattern(text)


def _compact(value: float) -> str:
    return _pattern(str(value)) if isinstance(value, int) and value > 20_000_000_000_000 else ""


def _iso(text: str) -> bool:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return False
    return 2001 <= found.year < 2100 and len(text) > 10


def _pattern(text: str) -> str:
    for form, pattern in PATTERNS:
        if form.fullmatch(text):
            try:
                datetime.strptime(text, pattern)  # noqa: DTZ007 - only whether it fits
            except ValueError:
                continue
            return pattern
    return ""


def date_and_time(values: Sequence[tuple[str, Any]]) -> tuple[tuple[str, str], str] | None:
    """((path of the date, path of the time), unit) when a date and a time stand in two places."""
    dates = [(path, text) for path, text in values if isinstance(text, str) and re.fullmatch(r"20\d\d-\d\d-\d\d", text)]
    times = [(path, t) for path, t in values if isinstance(t, str) and re.fullmatch(r"\d\d:\d\d:\d\d(\.\d+)?", t)]
    if len(dates) != 1 or len(times) != 1:
        return None
    return ((dates[0][0], times[0][0]), "iso") if _iso(f"{dates[0][1]} {times[0][1]}") else None
