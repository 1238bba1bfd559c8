"""The calendar of workdays and holidays: the shipped one, its file, and what is wrong with a file."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from gateway.domain.workdays import NO_CALENDAR, WorkCalendar
from rules.format import work_calendar

SHIPPED = Path(__file__).parents[2] / "config" / "calendars" / "cn.yaml"


def shipped() -> WorkCalendar:
    found, problems = work_calendar(SHIPPED.read_text("utf-8"), "cn.yaml", "cn")
    assert found is not None
    assert problems == ()
    return found


def test_china_2026_with_its_make_up_workdays() -> None:
    calendar = shipped()
    off = [day for day in calendar.holidays if day.year == 2026]
    assert len(off) == 3 + 9 + 3 + 5 + 3 + 3 + 7
    assert [f"{day:%m-%d}" for day in calendar.workdays] == ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"]
    assert all(day.weekday() >= 5 for day in calendar.workdays), "only weekend days are worked instead"
    days = [date(2026, 1, 1) + timedelta(days=k) for k in range(365)]
    assert sum(map(calendar.is_workday, days)) == 248
    assert calendar.covers(2026)
    assert 2026 not in calendar.provisional


def test_china_2027_by_the_regulation_alone() -> None:
    calendar = shipped()
    off = [f"{day:%m-%d}" for day in calendar.holidays if day.year == 2027]
    assert off == [
        "01-01",
        "02-05",
        "02-06",
        "02-07",
        "02-08",
        "04-05",
        "05-01",
        "05-02",
        "06-09",
        "09-15",
        "10-01",
        "10-02",
        "10-03",
    ]
    assert calendar.provisional == (2027,)
    assert calendar.open_years(date(2026, 9, 30)) == ((), ())
    assert calendar.open_years(date(2026, 11, 30)) == ((), (2027,))
    assert calendar.open_years(date(2027, 10, 1)) == ((2028,), (2027,))
    assert calendar.open_years(None) == ((), (2027,))


@pytest.mark.parametrize("calendar", [NO_CALENDAR, shipped()])
def test_an_unknown_year_is_monday_to_friday(calendar: WorkCalendar) -> None:
    days = [date(2031, 1, 1) + timedelta(days=k) for k in range(365)]
    assert [calendar.is_workday(day) for day in days] == [day.weekday() < 5 for day in days]
    assert not any(map(calendar.is_holiday, days))


def test_a_weekend_of_its_own() -> None:
    found, _ = work_calendar("weekend: [fri]\nyears: {2026: {holidays: []}}", "f", "x")
    assert found is not None
    assert [found.is_workday(date(2026, 1, day)) for day in (2, 3, 4)] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", [("", "value.mapping")]),
        ("{}", [("", "key.missing")]),
        ("yeers: {}", [("yeers", "key.near"), ("", "key.missing")]),
        ("years: {26: {holidays: []}}", [("years.26", "calendar.year")]),
        ("years: {2026: 3}", [("years.2026", "value.mapping")]),
        ("years: {2026: {}}", [("years.2026", "key.missing")]),
        ("years: {2026: {holidays: 3}}", [("years.2026.holidays", "value.list")]),
        ("years: {2026: {holidays: [3]}}", [("years.2026.holidays[0]", "value.mapping")]),
        ("years: {2026: {holidays: [{from: 2026-02-30}]}}", [("years.2026.holidays[0].from", "calendar.date")]),
        ("years: {2026: {holidays: [{until: 2026-02-03}]}}", [("years.2026.holidays[0]", "key.missing")]),
        ("years: {2026: {holidays: [{from: 2025-02-03}]}}", [("years.2026.holidays[0].from", "calendar.date")]),
        (
            "years: {2026: {holidays: [{from: 2026-02-03, until: 2026-02-01}]}}",
            [("years.2026.holidays[0].until", "calendar.until")],
        ),
        ("years: {2026: {holidays: [], workdays: [x]}}", [("years.2026.workdays[0]", "calendar.date")]),
        ("years: {2026: {holidays: [{from: 2026-01-04}], workdays: [2026-01-04]}}", [("years", "calendar.both")]),
        ("years: {2026: {holidays: [], status: done}}", [("years.2026.status", "value.choice")]),
        ("weekend: [weekend]\nyears: {2026: {holidays: []}}", [("weekend", "value.choice")]),
    ],
)
def test_what_is_wrong_with_a_file(text: str, expected: list[tuple[str, str]]) -> None:
    found, problems = work_calendar(text, "x.yaml", "x")
    assert found is None
    assert [(one.path, one.key.removeprefix("rules.")) for one in problems] == expected
    for one in problems:
        assert one.render("en") != one.render("zh")
