"""`active: {daily: 22:00-06:00, days: [fri, workday, holiday], months: [11-3]}`: the hours in which a rule raises."""

import re

from gateway.domain.workdays import WorkCalendar
from rules.compiled import Active
from rules.format.mapping_reader import MappingReader
from rules.format.yaml_tree import number_of, show

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORDS = (*DAYS, "workday", "holiday")
_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)
_NEARLY = re.compile(r"\s*(\d{1,2})(?:[:：.点](\d{2})?)?\s*(?:-|–|—|~|～|到|至|to)\s*(\d{1,2})(?:[:：.点](\d{2})?)?\s*")
_MONTHS = re.compile(r"(\d{1,2})\s*-\s*(\d{1,2})", re.ASCII)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MINUTES = 24 * 60
_MEANT = {
    "workdays": "workday", "workingday": "workday", "weekday": "workday", "weekdays": "workday",
    "business_day": "workday", "工作日": "workday", "上班日": "workday", "holidays": "holiday",
    "public_holiday": "holiday", "节假日": "holiday",
    "节日": "holiday", "假日": "holiday", "法定节假日": "holiday", "weekend": "sat, sun", "weekends": "sat, sun",
    "周末": "sat, sun", "星期天": "sun", "周天": "sun",
    **{f"{prefix}{word}": day for prefix in ("周", "星期") for word, day in zip("一二三四五六日", DAYS, strict=True)},
}  # fmt: skip


def active(rule: MappingReader, calendar: WorkCalendar) -> Active | None:
    """The key `active` of a rule; None when there is none."""
    fields = rule.inside("active", ("daily", "days", "months"), "active: {daily: 22:00-06:00, days: [mon, fri]}")
    if fields is None:
        return None
    if not fields.table.entries:
        rule.wrong("active", "rules.active.empty", write="active: {daily: 22:00-06:00}")
    words = _days(fields)
    days = tuple(sorted(DAYS.index(word) for word in words if word in DAYS))
    if len(days) == len(DAYS):
        return Active(_spans(fields), (), _months(fields))
    workday, holiday = "workday" in words, "holiday" in words
    return Active(_spans(fields), days, _months(fields), workday, holiday, calendar if workday or holiday else None)


def _spans(fields: MappingReader) -> tuple[tuple[int, int], ...]:
    """Minutes of the day, in order; the whole day by default."""
    found: list[tuple[int, int]] = []
    for _, item in fields.several("daily"):
        match = _SPAN.fullmatch(show(item))
        begin, end = (int(match[k]) * 60 + int(match[k + 1]) for k in (1, 3)) if match else (-1, -1)
        sound = match and int(match[2]) < 60 and int(match[4]) < 60 and 0 <= begin < _MINUTES and end <= _MINUTES
        if not sound or begin == end:
            fields.wrong("daily", "rules.active.daily", value=show(item), write=f"daily: {_nearly(show(item))}")
        elif (begin, end % _MINUTES) in found:
            fields.wrong("daily", "rules.value.twice", value=show(item))
        else:
            found.append((begin, end % _MINUTES))
    return tuple(sorted(found)) or ((0, 0),)


def _nearly(text: str) -> str:
    """`22点到6点`, `22-6` -> 22:00-06:00."""
    match = _NEARLY.fullmatch(text)
    hours = (int(match[1]), int(match[3])) if match else (24, 24)
    minutes = (int(match[2] or 0), int(match[4] or 0)) if match else (0, 0)
    if max(hours) > 23 or max(minutes) > 59 or (hours[0], minutes[0]) == (hours[1], minutes[1]):
        return "22:00-06:00"
    return "-".join(f"{hour:02d}:{minute:02d}" for hour, minute in zip(hours, minutes, strict=True))


def _days(fields: MappingReader) -> tuple[str, ...]:
    found: list[str] = []
    for name in fields.names("days"):
        low = name.strip().lower()
        word = low[:3] if low in _LONG else low
        if word not in WORDS:
            near = _MEANT.get(low) or next((day for day in DAYS if low.startswith(day)), "fri")
            known = " | ".join(WORDS)
            fields.wrong("days", "rules.value.choice", value=name, options=known, write=f"days: [{near}]")
        elif word in found:
            fields.wrong("days", "rules.value.twice", value=name)
        else:
            found.append(word)
    return tuple(found)


def _months(fields: MappingReader) -> tuple[tuple[int, int], ...]:
    """(first, last): `11-3` is from November to March."""
    found: list[tuple[int, int]] = []
    for _, item in fields.several("months"):
        text = show(item)
        match = _MONTHS.fullmatch(text)
        number = number_of(item)
        one = number if isinstance(number, int) else 0
        pair = (int(match[1]), int(match[2])) if match else (one, one)
        if not all(1 <= month <= 12 for month in pair):
            fields.wrong("months", "rules.active.months", value=text, write=f"months: [{_month(text)}]")
        elif pair in found:
            fields.wrong("months", "rules.value.twice", value=text)
        else:
            found.append(pair)
    return tuple(sorted(found))


def _month(text: str) -> str:
    """`11月-3月`, `nov-mar` -> 11-3."""
    low = text.lower()
    names = [
        str(1 + _MONTH_NAMES.index(word[:3])) for word in re.findall(r"[a-z]{3,9}", low) if word[:3] in _MONTH_NAMES
    ]
    numbers = [one for one in re.findall(r"\d+", low) if 1 <= int(one) <= 12] or names
    return "-".join(numbers[:2]) or "11-3"
