"""Times of day in a zone, and the schedule that follows them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND, from_us, to_us
from protocols.modbus.day_times import DayTimes
from protocols.modbus.poll_group import PollGroup, PollGroups
from protocols.modbus.schedule import Finish, PollSchedule

YEAR = to_us(datetime(2026, 1, 1, tzinfo=UTC))
zones = st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"])


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


@given(zones, st.integers(0, 366 * DAY), st.sets(st.integers(0, 1439), min_size=1, max_size=6))
def test_the_next_time_is_the_first_that_the_clock_shows(zone: str, since: int, minutes: set[int]) -> None:
    """Against a clock that is looked at every minute."""
    moment = YEAR + since // MINUTE * MINUTE
    times = DayTimes(tuple(sorted(minute * MINUTE for minute in minutes)), zone)
    found = times.after(moment)
    assert moment < found <= moment + 25 * HOUR
    local = from_us(found).astimezone(ZoneInfo(zone))
    shown = local.hour * 60 + local.minute
    shift = local.replace(tzinfo=None) - from_us(found - 3 * HOUR).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert shown in minutes or shift.total_seconds() != 3 * 3600, "only a change of the offset moves a time"


@given(zones, st.integers(0, 366 * DAY), st.sampled_from([1, 5, 15, 30, 60, 480]))
def test_every_quarter_of_an_hour_is_every_quarter_of_an_hour(zone: str, since: int, minutes: int) -> None:
    times = DayTimes.every(minutes * MINUTE, zone)
    first = times.after(YEAR + since)
    second = times.after(first)
    assert 0 < second - first <= minutes * MINUTE + HOUR
    if minutes <= 30:
        assert second - first <= minutes * MINUTE
    assert times.period == minutes * MINUTE


def test_the_days_on_which_the_clock_changes() -> None:
    half_past_two = DayTimes((150 * MINUTE,), "Europe/Berlin")
    assert half_past_two.after(at("2026-03-28T12:00:00+01:00")) == at("2026-03-29T03:30:00+02:00")
    autumn = at("2026-10-25T02:30:00+02:00")
    assert half_past_two.after(at("2026-10-24T12:00:00+02:00")) == autumn
    assert half_past_two.after(autumn) == at("2026-10-26T02:30:00+01:00"), "once, though the hour comes twice"
    hourly = DayTimes.every(HOUR, "Europe/Berlin")
    assert hourly.after(at("2026-10-25T02:00:00+02:00")) == at("2026-10-25T02:00:00+01:00")


def test_a_time_that_is_left_out_comes_once() -> None:
    times, found = DayTimes.every(2 * HOUR, "Europe/Berlin"), [at("2026-03-28T22:30Z")]
    for _ in range(4):
        found.append(times.after(found[-1]))
    assert found[1:] == [at(f"2026-03-{day}Z") for day in ("28T23:00", "29T01:00", "29T02:00", "29T04:00")]


def test_a_group_is_written_short_or_long() -> None:
    groups = TypeAdapter(PollGroups).validate_python(
        {"fast": "5s", "quarter": {"every": "15m", "aligned": True}, "billing": {"at": ["08:00", "00:00"]}}
    )
    assert groups["fast"].rhythm("UTC") == 5 * SECOND
    assert groups["quarter"].rhythm("UTC") == DayTimes.every(15 * MINUTE, "UTC")
    assert groups["billing"].rhythm("Asia/Shanghai") == DayTimes((0, 8 * HOUR), "Asia/Shanghai")


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ({}, "modbus.group_when"),
        ({"every": "5s", "at": ["00:00"]}, "modbus.group_when"),
        ({"at": ["24:00"]}, "modbus.time"),
        ({"at": ["8:00"]}, "modbus.time"),
        ({"at": [800]}, "modbus.time"),
        ({"every": "7m", "aligned": True}, "modbus.aligned"),
        ({"every": "30s", "aligned": True}, "modbus.aligned"),
        ({"at": ["00:00"], "aligned": True}, "modbus.aligned"),
        ({"every": "2d"}, "modbus.range"),
    ],
)
def test_mistakes_of_a_group(group: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        PollGroup.model_validate(group)
    assert [one["type"] for one in wrong.value.errors()] == [key]


@given(
    st.lists(st.tuples(st.integers(-2 * DAY, 2 * DAY), st.integers(1, 5 * HOUR)), max_size=8),
    st.sets(st.integers(0, 1439), min_size=1, max_size=4),
)
def test_times_of_day_whatever_the_clock_does(steps: list[tuple[int, int]], minutes: set[int]) -> None:
    """The clock is set while the schedule waits: the next due time is the next one on the wall, or now."""
    times = DayTimes(tuple(sorted(minute * MINUTE for minute in minutes)), "Asia/Shanghai")
    schedule: PollSchedule[str] = PollSchedule()
    now, offset = 0, YEAR
    schedule.add("a", times, now)
    assert schedule.next() is None, "the wall clock is not known"
    schedule.synchronize(now, now + offset)
    for step, passes in [(0, 1), *steps]:
        before, offset = offset, offset + step
        now += passes
        schedule.synchronize(now, now + offset)
        item = schedule.next()
        assert item is not None
        following = times.after(now + offset) - offset
        assert item[0] <= max(now, following) + SECOND, (
            "no time of day is left out for longer than it takes to come again"
        )
        assert item[0] <= now or abs(item[0] - following) <= SECOND or abs(offset - before) <= SECOND
        if item[0] <= now:
            schedule.finish("a", item[0], now, now + 1)
            now += 1


def test_times_of_day_that_pass_during_a_turn_are_counted() -> None:
    schedule: PollSchedule[str] = PollSchedule()
    schedule.synchronize(0, YEAR)
    schedule.add("a", DayTimes.every(HOUR, "UTC"), 0)
    item = schedule.next()
    assert item == (HOUR, "a")
    assert schedule.finish("a", HOUR, HOUR, HOUR + SECOND) == Finish(True, 0)
    assert schedule.next() == (2 * HOUR, "a")
    assert schedule.finish("a", 2 * HOUR, 2 * HOUR, 4 * HOUR + SECOND) == Finish(False, 2)
    assert schedule.next() == (5 * HOUR, "a")


def test_long_periods_begin_soon_and_are_spread_afterwards() -> None:
    schedule: PollSchedule[int] = PollSchedule()
    for key in range(100):
        schedule.add(key, DAY, 0)
    second = []
    for _ in range(100):
        item = schedule.next()
        assert item is not None
        due, key = item
        assert due <= MINUTE
        schedule.finish(key, due, due, due)
        following = schedule.next()
        assert following is not None
    while (item := schedule.next()) is not None:
        second.append(item[0])
        schedule.remove(item[1])
    hours = {due // HOUR for due in second}
    assert len(hours) == 24
    assert max(second) <= DAY + MINUTE


def test_a_retry_comes_before_the_next_turn_and_never_after_it() -> None:
    schedule: PollSchedule[str] = PollSchedule()
    schedule.add("a", HOUR, 0)
    due, _ = schedule.next() or (0, "")
    schedule.finish("a", due, due, due + 1, retry=due + 10 * SECOND)
    assert schedule.next() == (due + 10 * SECOND, "a")
    schedule.finish("a", due + 10 * SECOND, due + 10 * SECOND, due + 11 * SECOND, retry=due + DAY)
    assert (schedule.next() or (0, ""))[0] <= due + HOUR + 11 * SECOND
