"""Due times: spread, never piling up; and how long a silent unit is left alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.duration import SECOND
from protocols.modbus.schedule import Finish, PollSchedule
from protocols.modbus.slave import Backoff, Slave


@given(st.integers(1, 300))
def test_devices_are_spread_over_their_period(count: int) -> None:
    schedule: PollSchedule[int] = PollSchedule()
    for key in range(count):
        schedule.add(key, SECOND, 0)
    dues = []
    while (item := schedule.next()) is not None:
        dues.append(item[0])
        schedule.remove(item[1])
    assert len(dues) == count
    assert 0 <= min(dues) <= max(dues) < SECOND
    tenths = Counter(due * 10 // SECOND for due in dues)
    assert max(tenths.values()) <= count / 10 + 3


@given(st.lists(st.integers(0, 5 * SECOND), min_size=1, max_size=50), st.integers(100_000, 3 * SECOND))
def test_due_times_stay_on_their_grid_and_none_is_queued(durations: list[int], every: int) -> None:
    schedule: PollSchedule[str] = PollSchedule()
    schedule.add("a", every, 1000)
    first = schedule.next()
    assert first is not None
    grid, now, due_times, skipped = first[0], first[0], 0, 0
    for duration in durations:
        item = schedule.next()
        assert item is not None
        due, _ = item
        assert (due - grid) % every == 0
        started = max(now, due)
        assert started - due <= every  # at most one period late: what was missed before is gone
        now = started + duration
        finish = schedule.finish("a", due, started, now)
        due_times += 1 + finish.skipped
        skipped += finish.skipped
        following = schedule.next()
        assert following is not None
        assert now < following[0] <= now + every
        assert finish.on_time == (started - due <= every // 10 and now < due + every)
        assert (following[0] - grid) // every == due_times


def test_the_one_due_first_goes_first_and_the_removed_never() -> None:
    schedule: PollSchedule[str] = PollSchedule()
    schedule.add("a", SECOND, 0)
    schedule.add("b", 10 * SECOND, 0)
    item = schedule.next()
    assert item is not None
    due, key = item
    assert key == "a"
    assert schedule.finish("a", due, due, due + 10) == Finish(True, 0)
    assert schedule.finish("a", due + SECOND, due + SECOND, due + 4 * SECOND) == Finish(False, 3)
    schedule.remove("a")
    assert "a" not in schedule
    item = schedule.next()
    assert item is not None
    assert item[1] == "b"
    schedule.add("a", SECOND, 100 * SECOND)
    schedule.remove("b")
    item = schedule.next()
    assert item is not None
    assert item[1] == "a"
    assert item[0] >= 100 * SECOND
    assert schedule.rhythm("a") == schedule.period("a") == SECOND
    assert len(schedule) == 1


@given(st.integers(1, 10_000), st.sampled_from(["hall/1", "hall/2", "院/7"]))
def test_waits_grow_to_the_bound(failures: int, who: str) -> None:
    backoff = Backoff(10 * SECOND, 300 * SECOND)
    wait = backoff.wait(failures, who)
    exact = min(10 * failures, 300) * SECOND
    assert 0.9 * exact <= wait <= 1.1 * exact
    assert wait == backoff.wait(failures, who)


def test_waits_of_many_differ() -> None:
    waits = {Backoff().wait(1, f"line/{unit}") for unit in range(100)}
    assert len(waits) > 90


def test_a_unit_falls_once_and_rises_once() -> None:
    slave = Slave("hall", 17, Backoff(10 * SECOND, 30 * SECOND))
    assert not slave.silent(0, "timeout")
    assert not slave.resting(0)
    assert slave.presence.value == "unknown"
    assert slave.silent(SECOND, "timeout")
    assert slave.presence.value == "down"
    assert slave.resting(9 * SECOND)
    assert not slave.resting(13 * SECOND)
    assert not slave.silent(13 * SECOND, "garbled")
    assert slave.resting(30 * SECOND)
    assert slave.answered(31 * SECOND)
    assert not slave.resting(31 * SECOND)
    assert not slave.answered(32 * SECOND)
    assert (slave.presence.value, slave.last_answer) == ("up", 32 * SECOND)
    assert slave.reasons == {"timeout": 2, "garbled": 1}
    assert not slave.silent(33 * SECOND, "timeout")
    assert not slave.resting(33 * SECOND), "one lost frame costs no pause"
