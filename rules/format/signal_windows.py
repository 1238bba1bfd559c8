"""The windows of `let`: `over: 10m`, `per: day(from: 08:00)`, `per: month(from: 26)`, `per: night(01:00-05:00)`."""

import re
from difflib import get_close_matches

from gateway.domain.duration import SECOND
from rules.compiled import Calendar, Over, Period, Window
from rules.expr.tokens import full_width
from rules.format.mapping_reader import MappingReader

_PLAIN = ("15min", "hour", "day", "week", "month", "quarter", "year")
_MONTH = re.compile(r"month\(\s*from:\s*([0-9]{1,2})\s*\)")
_GAS_DAY = re.compile(r"day\(\s*from:\s*([0-9]{1,2}):([0-9]{2})\s*\)")
_FROM = re.compile(r"([a-z]+)\W*from\W*([0-9]{1,2})(?::([0-9]{2}))?\W*", re.IGNORECASE)
_BETWEEN = re.compile(r"night\W*([0-9]{1,2})(?:[:：]([0-9]{2}))?\W+([0-9]{1,2})(?:[:：]([0-9]{2}))?\W*", re.IGNORECASE)
_MEANT = {
    "15m": "15min", "15 min": "15min", "15minutes": "15min", "15分钟": "15min", "quarter_hour": "15min", "1h": "hour",
    "hourly": "hour", "小时": "hour", "每小时": "hour", "daily": "day", "1d": "day", "24h": "day",
    "天": "day", "日": "day",
    "每天": "day", "每日": "day", "weekly": "week", "7d": "week", "周": "week", "每周": "week", "monthly": "month",
    "月": "month", "每月": "month", "1 month": "month", "quarterly": "quarter", "3 months": "quarter", "季": "quarter",
    "季度": "quarter", "每季度": "quarter", "yearly": "year", "annual": "year", "1 year": "year", "年": "year",
    "每年": "year", "night": "night(01:00-05:00)", "夜间": "night(01:00-05:00)", "气日": "day(from: 08:00)",
    "gas_day": "day(from: 08:00)", "gasday": "day(from: 08:00)",
}  # fmt: skip
_NIGHT = re.compile(r"night\(\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*\)")
_DAY = 24 * 60  # minutes


def window(fields: MappingReader) -> Window | None:
    """`over` or `per`, one of them; None after its problem was noted."""
    if fields.has("over") and fields.has("per"):
        fields.wrong("per", "rules.let.window_twice")
        return None
    if fields.has("over"):
        return length(fields)
    if not fields.has("per"):
        fields.wrong_mapping("rules.let.window")
        return None
    return _calendar(fields)


def length(fields: MappingReader) -> Over | None:
    """`over`."""
    fields.require("over: 10m")
    found = fields.duration("over", 0, least=SECOND)
    return Over(found) if found else None


def _calendar(fields: MappingReader) -> Calendar | None:
    text = fields.shown("per")
    if found := full_width(text):
        fields.wrong("per", "rules.yaml.full_width", character=found[0], write=found[1])
        return None
    if match := _NIGHT.fullmatch(text):
        (begin, end) = (60 * int(match[i]) + int(match[i + 1]) for i in (1, 3))
        minutes = int(match[2]) < 60 and int(match[4]) < 60
        if minutes and begin < _DAY and end <= _DAY and begin != end % _DAY:
            return Calendar(Period.NIGHT, begin=begin, end=end % _DAY)
    elif match := _GAS_DAY.fullmatch(text):
        minute = 60 * int(match[1]) + int(match[2])
        if int(match[2]) < 60 and minute < _DAY:
            return Calendar(Period.DAY, begin=minute)
    elif (match := _MONTH.fullmatch(text)) and 1 <= int(match[1]) <= 31:
        return Calendar(Period.MONTH, int(match[1]))
    elif text in _PLAIN:
        return Calendar(Period(text))
    near = meant(text)
    fields.wrong("per", "rules.let.per_near" if near else "rules.let.per", value=text, write=near)
    return None


def meant(text: str) -> str:
    """The calendar window a person probably meant by `text`, "" when nothing is near."""
    low = text.casefold()
    if low in _MEANT:
        return _MEANT[low]
    if (match := _FROM.fullmatch(text)) is not None:
        word, number = match[1].casefold(), int(match[2])
        if word == "month" and 1 <= number <= 31:
            return f"month(from: {number})"
        if word == "day" and number < 24 and int(match[3] or 0) < 60:
            return f"day(from: {number:02d}:{match[3] or '00'})"
        return word if word in _PLAIN and word not in {"month", "day"} else ""
    if (match := _BETWEEN.fullmatch(text)) is not None:
        begin, end = (f"{int(match[k]):02d}:{match[k + 1] or '00'}" for k in (1, 3))
        sound = int(match[1]) < 24 and int(match[3]) <= 23 and int(match[2] or 0) < 60 and int(match[4] or 0) < 60
        return f"night({begin}-{end})" if sound and begin != end else ""
    return next(iter(get_close_matches(low, _PLAIN, 1, 0.6)), "")
