"""Recurring jobs: however the clock is set they run once, late, and go on; started twice they run once."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scheduler import EverySeconds, Scheduler

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@given(st.integers(-30 * 365 * 86_400, 30 * 365 * 86_400), st.sampled_from([5, 10, 600]))
def test_the_next_run_is_always_ahead_and_never_further_than_one_interval(off: int, seconds: int) -> None:
    following = EverySeconds(seconds).get_next_fire_time(NOW + timedelta(seconds=off), NOW)
    assert NOW < following <= NOW + timedelta(seconds=seconds)


@given(st.integers(1, 600))
def test_runs_keep_their_rhythm(late: int) -> None:
    """A run that was due `late` ms ago: the next is due one interval after it was due."""
    was = NOW - timedelta(milliseconds=late)
    assert EverySeconds(5).get_next_fire_time(was, NOW) == was + timedelta(seconds=5)


def test_the_hour_that_a_time_zone_repeats_or_skips_is_like_any_other() -> None:
    for day in (datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC), datetime(2026, 10, 25, 0, 59, 58, tzinfo=UTC)):
        here = day.astimezone(ZoneInfo("Europe/Berlin"))
        following = EverySeconds(5).get_next_fire_time(here, here + timedelta(seconds=1))
        assert following.astimezone(UTC) - day == timedelta(seconds=5)


class Clock(datetime):
    """`datetime` of the scheduler's modules: the true time, set off."""

    off = timedelta(0)

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + cls.off


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    import apscheduler.schedulers.base

    import gateway.scheduler

    monkeypatch.setattr(Clock, "off", timedelta(0))
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Clock)
    monkeypatch.setattr(gateway.scheduler, "datetime", Clock)
    return Clock


@pytest.mark.parametrize("off", [timedelta(days=9_600), timedelta(hours=-1), timedelta(days=-30)], ids=str)
async def test_after_a_step_each_job_runs_once_and_goes_on(clock: type[Clock], off: timedelta) -> None:
    runs, scheduler = 0, Scheduler()
    ran = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        ran.set()

    scheduler.every(0.4, "work", work)
    scheduler.start()
    try:
        async with asyncio.timeout(10):
            await ran.wait()
            ran.clear()
            before, clock.off = runs, off
            scheduler.again()
            await ran.wait()  # a step back left the next run an hour away
            assert runs == before + 1
            for _ in range(2):
                ran.clear()
                await ran.wait()
        assert runs == before + 3, "one at a time, at its pace"
    finally:
        scheduler.stop()


async def test_started_twice_it_runs_once() -> None:
    runs: list[str] = []
    scheduler = Scheduler()

    async def work() -> None:
        runs.append("new")

    async def old() -> None:
        runs.append("old")

    for one in (old, work):  # set up twice, as by a second start
        scheduler.every(0.2, "work", one)
        scheduler.start()
    await asyncio.sleep(0.5)
    scheduler.stop()
    scheduler.stop()
    assert 1 <= len(runs) <= 3
    assert set(runs) == {"new"}
