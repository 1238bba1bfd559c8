"""A calendar file: which days of a year are off, and which weekend days make up for them. All problems at once.

config/calendars/cn.yaml
    name: {en: mainland China, zh: 中国大陆}
    weekend: [sat, sun]
    years:
      2026:
        source: notice of the State Council of 2025-11-04
        holidays: [{name: {en: New Year, zh: 元旦}, from: 2026-01-01, until: 2026-01-03}]
        workdays: [2026-01-04]
      2027: {status: statutory, holidays: [{name: {en: New Year, zh: 元旦}, from: 2027-01-01}]}   # no notice yet
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from gateway.domain.errors import Problem
from gateway.domain.workdays import WEEKEND, WorkCalendar
from rules.format.active_hours import DAYS
from rules.format.mapping_reader import MappingReader
from rules.format.yaml_tree import Notes, Tree, YamlMapping, read, show, text_of

_YEAR = ("status", "source", "holidays", "workdays")
_HOLIDAY = ("name", "from", "until")
_LONGEST = 31  # days of one holiday
_EXAMPLE = "{name: {en: New Year, zh: 元旦}, from: 2026-01-01, until: 2026-01-03}"


@dataclass(slots=True)
class _Found:
    years: list[int] = field(default_factory=list)
    provisional: list[int] = field(default_factory=list)
    holidays: set[date] = field(default_factory=set)
    workdays: set[date] = field(default_factory=set)


def work_calendar(text: str, file: str, name: str) -> tuple[WorkCalendar | None, tuple[Problem, ...]]:
    """The calendar of one file; None when it has problems."""
    notes = Notes(file)
    tree = read(text, notes)
    if not isinstance(tree, YamlMapping):
        if tree is not None:
            notes.add(tree.line, "", "rules.value.mapping", value=show(tree), write="years: {2026: {holidays: [..]}}")
        return None, tuple(notes.problems)
    top = MappingReader(tree, "", notes, ("name", "weekend", "years"))
    weekend = _weekend(top)
    top.require("years: {2026: {holidays: [..]}}")
    found = _Found()
    if years := top.inside("years", None, "years: {2026: {holidays: [..]}}"):
        for word, fields in years.named_tables(_YEAR, f"{{holidays: [{_EXAMPLE}]}}"):
            if word.isascii() and word.isdigit() and 1970 <= int(word) <= 2100:
                _year(fields, int(word), found)
            else:
                years.wrong(word, "rules.calendar.year", value=word, write="2026")
    if twice := sorted(found.holidays & found.workdays):
        top.wrong("years", "rules.calendar.both", value=twice[0].isoformat())
    made = WorkCalendar(
        name,
        tuple(sorted(found.years)),
        tuple(sorted(found.holidays)),
        tuple(sorted(found.workdays)),
        tuple(sorted(found.provisional)),
        weekend,
    )
    return (None if notes.problems else made), tuple(notes.problems)


def _weekend(top: MappingReader) -> tuple[int, ...]:
    words = top.names("weekend")
    if not words:
        return WEEKEND
    for word in words:
        if word not in DAYS:
            top.wrong(
                "weekend", "rules.value.choice", value=word, options=" | ".join(DAYS), write="weekend: [sat, sun]"
            )
            return WEEKEND
    return tuple(sorted(DAYS.index(word) for word in words))


def _year(fields: MappingReader, year: int, found: _Found) -> None:
    found.years.append(year)
    if fields.choice("status", ("official", "statutory"), "official") == "statutory":
        found.provisional.append(year)
    fields.text("source")
    fields.require(f"holidays: [{_EXAMPLE}]")
    for holiday in fields.tables("holidays", _HOLIDAY, _EXAMPLE, "holidays: [..]"):
        found.holidays.update(_holiday(holiday, year))
    for path, line, item in fields.items("workdays", "workdays: [..]"):
        day = _date(item, path, line, fields.notes, year)
        found.workdays.update(() if day is None else (day,))


def _holiday(fields: MappingReader, year: int) -> Iterator[date]:
    fields.require(f"from: {year}-01-01")
    ends = [
        _date(tree, fields.at(key), fields.line(key), fields.notes, year)
        for key in ("from", "until")
        if (tree := fields.get(key)) is not None
    ]
    if not ends or ends[0] is None or ends[-1] is None:
        return
    length = (ends[-1] - ends[0]).days + 1
    if not 1 <= length <= _LONGEST:
        fields.wrong("until", "rules.calendar.until", value=ends[-1].isoformat(), first=ends[0].isoformat())
        return
    yield from (ends[0] + timedelta(days=k) for k in range(length))


def _date(tree: Tree, path: str, line: int, notes: Notes, year: int) -> date | None:
    """A day of the year, or of the months around it: New Year may begin in December."""
    try:
        day = date.fromisoformat(text_of(tree))
    except ValueError:
        day = None
    if day is None or not date(year - 1, 12, 1) <= day <= date(year + 1, 1, 31):
        notes.add(line, path, "rules.calendar.date", value=show(tree), year=year, write=f"{year}-01-01")
        return None
    return day
