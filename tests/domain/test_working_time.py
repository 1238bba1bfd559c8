"""Working time against a slow reference that asks every minute, and the year 2026 of China by hand."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.duration import DAY, HOUR, MINUTE, from_us, to_us
from gateway.domain.workdays import NO_CALENDAR, WorkCalendar
from gateway.domain.working_time import ALWAYS, DAY_WORDS, LOOK_AHEAD, Minutes, WorkingHours, WorkingTime
from rules.format import work_calendar

ROOT = Path(__file__).parents[2]
CHINA, _ = work_calendar((ROOT / "config/calendars/cn.yaml").read_text("utf-8"), "cn.yaml", "cn")
SHANGHAI = ZoneInfo("Asia/Shanghai")
assert CHINA is not None
OFFICE = WorkingTime(
    WorkingHours("office", SHANGHAI, {"workday": ((510, 720), (810, 1080)), "sat": ((540, 720),)}, CHINA)
)  # 08:30-12:00, 13:30-18:00; Saturdays 09:00-12:00


def at(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=zone))


def wall(us: int | None, zone: ZoneInfo = SHANGHAI) -> str:
    assert us is not None
    return f"{from_us(us).astimezone(zone):%Y-%m-%d %H:%M}"


def slow(hours: WorkingHours, frm: int, to: int) -> int:
    """Minutes between two whole minutes in which the wall clock shows a time inside an interval."""
    count = 0
    for minute in range(frm // MINUTE, to // MINUTE):
        local = from_us(minute * MINUTE).astimezone(hours.zone)
        shown, day = local.hour * 60 + local.minute, local.date()
        today = any(a <= shown < b for a, b in hours.on(day))
        count += today or any(a <= shown + 1440 < b for a, b in hours.on(day - timedelta(days=1)))
    return count * MINUTE


@st.composite
def _interval(draw: st.DrawFn) -> Minutes:
    begin = draw(st.integers(0, 1439))
    return begin, draw(st.integers(begin + 1, begin + 1440))


_LISTS = st.lists(_interval(), max_size=3).map(tuple)
SETS = {  # a zone, and a local day near which its clocks are set
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/Sao_Paulo": (date(2018, 11, 4), date(2018, 2, 17)),  # at midnight
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),  # by half an hour
    "Pacific/Apia": (date(2011, 12, 30), date(2011, 9, 24)),  # a day that never was
    "Asia/Shanghai": (date(2026, 2, 14), date(2026, 10, 9)),
}


@st.composite
def _cases(draw: st.DrawFn) -> tuple[WorkingHours, int, int]:
    zone = draw(st.sampled_from(sorted(SETS)))
    day = draw(st.sampled_from(SETS[zone]))
    days = draw(st.dictionaries(st.sampled_from(DAY_WORDS), _LISTS, min_size=1, max_size=4))
    dates = draw(st.dictionaries(st.sampled_from([day, day + timedelta(days=1)]), _LISTS, max_size=1))
    calendar = draw(st.sampled_from([NO_CALENDAR, CHINA]))
    assert isinstance(calendar, WorkCalendar)
    start = at(day.isoformat(), ZoneInfo("UTC")) + draw(st.integers(-2 * 1440, 1440)) * MINUTE
    return WorkingHours("x", ZoneInfo(zone), days, calendar, dates), start, draw(st.integers(0, 4 * 1440)) * MINUTE


@settings(max_examples=150)
@given(_cases())
def test_counts_as_the_slow_reference(case: tuple[WorkingHours, int, int]) -> None:
    hours, start, length = case
    fast = WorkingTime(hours)
    counted = fast.consumed(start, start + length)
    assert counted == slow(hours, start, start + length)
    spans = fast.spans(start, start + length)
    assert all(a < b for a, b in spans)
    assert all(b < c for (_, b), (c, _) in pairwise(spans))


@settings(max_examples=100)
@given(_cases(), st.integers(1, 30 * HOUR))
def test_due_is_the_first_instant_with_the_target_counted(case: tuple[WorkingHours, int, int], target: int) -> None:
    hours, start, length = case
    fast = WorkingTime(hours)
    due = fast.due(start, target)
    if due is None:
        assert fast.consumed(start, start + LOOK_AHEAD) < target
        return
    assert fast.consumed(start, due) == target
    assert fast.consumed(start, due - 1) == target - 1  # the last µs counted
    middle = start + length  # in two parts the same
    if middle < due:
        assert fast.due(middle, target - fast.consumed(start, middle)) == due


def test_several_intervals_a_day_holidays_and_weekend_days_that_are_worked() -> None:
    """2026: 14 February is a Saturday that is worked, 15 to 23 are the Spring Festival, 28 is worked again."""
    assert wall(OFFICE.due(at("2026-02-13T16:00"), 4 * HOUR)) == "2026-02-14 10:30"  # over a night
    assert (
        wall(OFFICE.due(at("2026-02-14T11:00"), 2 * HOUR)) == "2026-02-14 14:30"
    )  # over lunch, the hours of a workday
    assert wall(OFFICE.due(at("2026-02-14T17:00"), 2 * HOUR)) == "2026-02-24 09:30"  # over the festival
    assert (
        wall(OFFICE.due(at("2026-02-16T03:00"), 8 * HOUR)) == "2026-02-24 18:00"
    )  # the end of a day, not the next one
    assert (
        wall(OFFICE.due(at("2026-03-06T17:30"), 2 * HOUR)) == "2026-03-07 10:30"
    )  # an ordinary Saturday has its own hours
    assert OFFICE.consumed(at("2026-02-09T00:00"), at("2026-03-02T00:00")) == (11 * 8) * HOUR  # 9-13, 14, 24-27, 28
    assert OFFICE.usual_day() == 8 * HOUR


def test_overnight_shifts_belong_to_the_day_they_start_on() -> None:
    night = WorkingTime(WorkingHours("night", SHANGHAI, {"workday": ((1320, 1800),)}, CHINA))  # 22:00-06:00
    assert wall(night.due(at("2026-11-27T23:00"), 6 * HOUR)) == "2026-11-28 05:00"  # of Friday, on a Saturday
    assert (
        wall(night.due(at("2026-11-27T23:00"), 8 * HOUR)) == "2026-11-30 23:00"
    )  # nothing on Saturday and Sunday night


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [("2026-03-28T20:00", 12, "2026-03-29 09:00"), ("2026-10-24T20:00", 12, "2026-10-25 07:00")],
)
def test_an_hour_that_clocks_skip_or_repeat(start: str, hours: int, due: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    round_the_clock = WorkingTime(WorkingHours("all", berlin, {"daily": ((0, 1440),)}))
    shift = WorkingTime(WorkingHours("night", berlin, {"daily": ((1200, 1920),)}))  # 20:00-08:00
    assert wall(round_the_clock.due(at(start, berlin), hours * HOUR), berlin) == due
    worked = shift.consumed(at(start, berlin), at(start, berlin) + DAY // 2 + 2 * HOUR)
    assert worked == (11 if due.endswith("09:00") else 13) * HOUR


def test_hours_that_never_come_end_the_search() -> None:
    never = WorkingTime(WorkingHours("never", SHANGHAI, {"workday": ()}, CHINA))
    assert never.due(at("2026-11-27T23:00"), MINUTE) is None
    assert WorkingTime(ALWAYS).due(5, 7) == 12


def test_a_year_without_a_list_counts_its_weekdays_and_is_named() -> None:
    start = at("2028-01-31T16:00")
    assert wall(OFFICE.due(start, 4 * HOUR)) == "2028-02-01 10:30"
    assert OFFICE.hours.unknown_years(at("2026-12-31T00:00"), start) == (2028,)
    assert ALWAYS.unknown_years(0, start) == ()
