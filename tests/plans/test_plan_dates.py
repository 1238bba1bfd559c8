"""Dates of plans: local time decides, months have their length, two reckonings."""

from datetime import date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.plans import Basis, PlanDates
from gateway.desk.plans.dates import (
    MOST_DATES,
    NotARule,
    checked_rule,
    date_after_work,
    dates_after,
    due_by_now,
    next_date,
    start_of,
)
from gateway.domain.duration import DAY, from_us, to_us

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
RULES = (
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO,TH",
    "FREQ=MONTHLY",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;INTERVAL=3",
    "FREQ=YEARLY",
    "FREQ=MONTHLY;BYDAY=1MO",
)


def local(us: int, zone: ZoneInfo) -> datetime:
    return from_us(us).astimezone(zone).replace(tzinfo=None)


def at(text: str, zone: ZoneInfo) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=zone))


def shown(dates: PlanDates, zone: ZoneInfo, after: str, count: int) -> list[str]:
    assert isinstance(dates.start, date)
    found = islice(dates_after(dates, dates.start, zone, at(after, zone)), count)
    return [local(one, zone).isoformat(" ", "minutes") for one in found]


@pytest.mark.parametrize(
    ("rule", "start", "after", "expected"),
    [
        ("FREQ=MONTHLY;INTERVAL=3", "2026-01-05", "2026-04-05 08:00", ["2026-07-05 08:00", "2026-10-05 08:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-31", "2026-02-01", ["2026-02-28 08:00", "2026-03-31 08:00"]),
        ("FREQ=WEEKLY;BYDAY=MO,TH", "2026-11-02", "2026-11-02 08:00", ["2026-11-05 08:00", "2026-11-09 08:00"]),
        ("FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=1;COUNT=2", "2026-01-01", "2026-06-02", ["2027-06-01 08:00"]),
    ],
)
def test_known_dates(rule: str, start: str, after: str, expected: list[str]) -> None:
    assert shown(PlanDates(rule, date.fromisoformat(start)), SHANGHAI, after, 2) == expected


def test_the_wall_clock_stays_when_clocks_change() -> None:
    days = shown(PlanDates("FREQ=DAILY", date(2026, 1, 1), time(2, 30)), BERLIN, "2026-03-28 12:00", 3)
    assert days == ["2026-03-29 03:30", "2026-03-30 02:30", "2026-03-31 02:30"]
    days = shown(PlanDates("FREQ=DAILY", date(2026, 1, 1), time(2, 30)), BERLIN, "2026-10-24 12:00", 2)
    assert days == ["2026-10-25 02:30", "2026-10-26 02:30"]


@pytest.mark.parametrize(
    ("done", "rule", "expected"),
    [
        ("2026-01-31 17:00", "FREQ=MONTHLY", "2026-02-28 08:00"),
        ("2026-11-30 09:00", "FREQ=MONTHLY;INTERVAL=3", "2027-02-28 08:00"),
        ("2028-02-29 09:00", "FREQ=YEARLY", "2029-02-28 08:00"),
        ("2026-11-30 23:59", "FREQ=WEEKLY;INTERVAL=2", "2026-12-14 08:00"),
    ],
)
def test_what_counts_from_the_work_keeps_the_day_of_the_month(done: str, rule: str, expected: str) -> None:
    dates = PlanDates(rule, date(2026, 1, 1), basis=Basis.COMPLETED)
    found = date_after_work(dates, SHANGHAI, at(done, SHANGHAI))
    assert local(found, SHANGHAI).isoformat(" ", "minutes") == expected


@given(
    rule=st.sampled_from(RULES),
    start=st.dates(date(2020, 1, 1), date(2027, 1, 28)).filter(lambda day: day.day <= 28),
    hour=st.integers(0, 23),
    zone=st.sampled_from([SHANGHAI, BERLIN]),
    after=st.integers(to_us(datetime(2019, 1, 1, tzinfo=SHANGHAI)), to_us(datetime(2028, 1, 1, tzinfo=SHANGHAI))),
    basis=st.sampled_from(Basis),
)
def test_dates_are_in_order_later_than_asked_and_at_their_hour(
    rule: str, start: date, hour: int, zone: ZoneInfo, after: int, basis: Basis
) -> None:
    if basis is Basis.COMPLETED and "BY" in rule:
        rule = "FREQ=MONTHLY;INTERVAL=2"
    dates = PlanDates(rule, start, time(hour), basis)
    found = list(islice(dates_after(dates, start, zone, after), 6))
    assert len(found) == 6
    assert found == sorted(set(found))
    assert found[0] > after
    assert found[0] == next_date(dates, start, zone, after)
    assert next_date(dates, start, zone, found[0]) == found[1]
    for one in found:
        assert local(one, zone).date() >= start
        assert local(one, zone).hour in {hour, hour + 1}  # + 1: the hour that a change of clocks leaves out
    if after < to_us(datetime.combine(start, time(hour), zone)):
        first = list(islice(dates_after(dates, start, zone, 0), 1))
        assert found[0] == first[0]  # none was left out


@given(days=st.integers(0, 1200), lead=st.integers(0, 40))
def test_all_dates_that_passed_are_listed_and_the_next_is_to_come(days: int, lead: int) -> None:
    dates = PlanDates("FREQ=DAILY", date(2026, 1, 1))
    due = next_date(dates, date(2026, 1, 1), SHANGHAI, 0)
    assert due is not None
    now = due + days * DAY
    reached, following = due_by_now(dates, date(2026, 1, 1), SHANGHAI, due, now, lead * DAY)
    assert list(reached) == [due + k * DAY for k in range(min(days + lead + 1, MOST_DATES))]
    assert following == reached[-1] + DAY


@pytest.mark.parametrize(
    ("rule", "start", "basis", "key"),
    [
        ("FREQ=HOURLY", "2026-01-01", Basis.SCHEDULED, "plans.rrule.freq"),
        ("every 3 months", "2026-01-01", Basis.SCHEDULED, "plans.rrule.freq"),
        ("FREQ=MONTHLY;INTERVAL=x", "2026-01-01", Basis.SCHEDULED, "plans.rrule"),
        ("FREQ=MONTHLY;BYMONTHDAY=1", "2026-01-01", Basis.COMPLETED, "plans.rrule.completed"),
        ("FREQ=MONTHLY", "2026-01-31", Basis.SCHEDULED, "plans.rrule.short_month"),
        ("FREQ=YEARLY;UNTIL=20250101", "2026-01-01", Basis.SCHEDULED, "plans.rrule.none"),
    ],
)
def test_rules_that_would_surprise_are_refused(rule: str, start: str, basis: Basis, key: str) -> None:
    with pytest.raises(NotARule) as refused:
        checked_rule(rule, date.fromisoformat(start), basis)
    assert refused.value.args[0] == key


def test_a_start_may_be_an_attribute() -> None:
    dates = PlanDates("FREQ=YEARLY", "installed_on", basis=Basis.COMPLETED)
    assert start_of(dates, "2024-05-06") == date(2024, 5, 6)
    assert start_of(dates, "2024-05-06T10:00:00+08:00") == date(2024, 5, 6)
    assert start_of(dates, "") is None
    assert start_of(dates, "last spring") is None
    first = next_date(dates, date(2024, 5, 6), SHANGHAI, at("2026-11-30 12:00", SHANGHAI))
    assert first is not None
    assert local(first, SHANGHAI).isoformat() == "2027-05-06T08:00:00"
