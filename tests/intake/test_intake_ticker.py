"""Ticks: their rhythm, down records, suspect clocks; they go on whatever intake does."""

import asyncio
import itertools
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from intake_parts import T0, Rig, parcel

from gateway.domain.errors import StoreUnavailable
from gateway.domain.record import Down, RecordKind, Tick
from gateway.intake import Ticker
from gateway.intake.ticker import EMPTY, HORIZON, Cadence

SECOND = 1_000_000
SPACING = 50_000


@given(
    st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(0, 3 * SECOND)), max_size=20),
    st.integers(0, SECOND - 1),
)
def test_every_timer_gets_its_tick_and_ticks_keep_their_distance(asks: list[tuple[int, int]], start: int) -> None:
    """Asks are (when it is asked, how far ahead it is due). Time moves from tick to tick and from ask to ask."""
    cadence, now, ticks = Cadence(SECOND, SPACING), T0 + start, [T0 + start]
    cadence.ticked(now, now)
    pending = sorted((T0 + start + when, ahead) for when, ahead in asks)
    dues = []
    while pending or now < T0 + start + 9 * SECOND:
        next_tick = now + cadence.wait(now, now)
        if pending and pending[0][0] <= next_tick:
            now = max(now, pending[0][0])
            dues.append(now + pending[0][1])
            cadence.request(dues[-1], now)
            pending.pop(0)
            continue
        now = next_tick
        cadence.ticked(now, now)
        ticks.append(now)
    gaps = [b - a for a, b in itertools.pairwise(ticks)]
    assert all(SPACING <= gap <= SECOND for gap in gaps)
    for due in dues:
        first = next(tick for tick in ticks if tick >= due)
        assert first - due <= 2 * SPACING, "soon after it is due, never before"
    assert len(ticks) <= 2 + 10 + len({-(-due // SPACING) for due in dues}), "no more than asked for"


def test_far_timers_and_repeats_take_no_memory() -> None:
    cadence = Cadence(SECOND, SPACING)
    cadence.ticked(T0, T0)
    assert not cadence.request(T0 + HORIZON + 1, T0)
    assert not cadence.request(T0 - 1, T0)
    assert cadence.request(T0 + 10, T0)
    assert not cadence.request(T0 + 20, T0), "the same slot"
    assert not cadence.request(T0 + SECOND, T0), "not the first"
    assert cadence.wait(T0, T0) == SPACING


def test_a_clock_set_back_or_ahead_does_not_stop_the_ticks() -> None:
    cadence = Cadence(SECOND, SPACING)
    cadence.ticked(T0, T0)
    assert cadence.wait(T0 - 3600 * SECOND, T0) == SECOND
    assert cadence.wait(T0 + 3600 * SECOND, T0) == SECOND
    assert cadence.request(T0 + SECOND // 2, T0)
    assert cadence.wait(T0 + 3600 * SECOND, T0) == SPACING, "what is asked for is due by now"


def test_after_a_step_back_timers_are_asked_for_by_the_new_time() -> None:
    cadence = Cadence(SECOND, SPACING)
    cadence.ticked(T0 + 3600 * SECOND, T0)
    assert not cadence.request(T0 + SECOND // 2, T0), "long past"
    assert cadence.request(T0 + 3601 * SECOND, T0 + 3600 * SECOND)
    cadence.ticked(T0, T0 + SECOND)
    assert cadence.request(T0 + SECOND // 2, T0)
    assert cadence.wait(T0, T0 + SECOND) == SECOND // 2


async def _ticks(rig: Rig, count: int) -> list[Tick]:
    """Wait until the journal holds that many ticks (bounded)."""
    after = 0
    found: list[Tick] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            records = await rig.journal.wait(0, after)
            after = records[-1].seq
            found += [r.body for r in records if isinstance(r.body, Tick)]
    return found


async def test_start_says_how_long_the_gateway_was_away(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await Ticker(rig.intake).start()
    assert rig.bodies() == [Tick(T0)], "a new journal was never down"
    rig.clock.at = T0 + 5
    await rig.intake.emit(parcel(1))
    rig.close()
    rig = Rig(tmp_path)
    rig.clock.at = T0 + 60 * SECOND
    await Ticker(rig.intake).start()
    assert rig.bodies()[-2:] == [Down(T0, T0 + 60 * SECOND), Tick(T0 + 60 * SECOND)]
    rig.close()


async def test_a_journal_without_a_tick_counts_from_its_newest_record(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.intake.emit(parcel(1))
    rig.clock.at = T0 + 7
    await Ticker(rig.intake).start()
    assert rig.bodies()[-2] == Down(T0, T0 + 7)
    rig.close()


async def test_a_clock_behind_the_journal_makes_suspect_ticks_that_stand_still(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await Ticker(rig.intake).start()
    rig.close()
    rig = Rig(tmp_path, tick="50ms")
    rig.clock.at = T0 - 3600 * SECOND
    ticker = Ticker(rig.intake)
    await ticker.start()
    assert rig.bodies()[-2:] == [Down(T0, T0), Tick(T0, suspect=True)]
    running = asyncio.create_task(ticker.run())
    assert (await _ticks(rig, 4))[1:] == [Tick(T0, suspect=True)] * 3, "time stands still, ticks do not stop"
    rig.clock.at = T0 + SECOND
    async with asyncio.timeout(10):
        while ticker.last.suspect:
            await asyncio.sleep(0.01)
    assert ticker.last == Tick(T0 + SECOND)
    running.cancel()
    await asyncio.wait([running])
    rig.close()


class WallClock:
    """The real one."""

    def now(self) -> int:
        return time.time_ns() // 1000


async def test_a_nudge_brings_a_tick_before_the_next_second(tmp_path: Path) -> None:
    rig = Rig(tmp_path, tick="60s")
    rig.intake.clock = WallClock()
    ticker = Ticker(rig.intake)
    await ticker.start()
    running = asyncio.create_task(ticker.run())
    await asyncio.sleep(0)
    due = rig.intake.clock.now() + 120_000
    ticker.tick_at(due)
    (first, second) = await _ticks(rig, 2)
    assert first.at < due <= second.at < due + 30 * SECOND, "at or after the due time, long before the ordinary tick"
    running.cancel()
    await asyncio.wait([running])
    rig.close()


async def test_ticks_go_on_while_intake_waits_for_room(tmp_path: Path) -> None:
    rig = Rig(tmp_path, tick="50ms", full_wait="60s")
    rig.intake.clock = WallClock()
    refuse = asyncio.Event()
    whole = rig.journal.append

    async def full(partition: int, entry: object, at: int) -> object:
        from gateway.domain.errors import StoreFull
        from gateway.domain.reading import Batch

        if any(isinstance(body, Batch) for body in entry.bodies):  # type: ignore[attr-defined]
            refuse.set()
            raise StoreFull("no room for batches")
        return await whole(partition, entry, at)  # type: ignore[arg-type]

    rig.journal.append = full  # type: ignore[method-assign, assignment]
    blocked = asyncio.create_task(rig.intake.emit(parcel(1)))
    await refuse.wait()
    ticker = Ticker(rig.intake)
    await ticker.start()
    running = asyncio.create_task(ticker.run())
    ticks = await _ticks(rig, 4)
    assert [t.at for t in ticks] == sorted({t.at for t in ticks})
    assert not blocked.done()
    for task in (running, blocked):
        task.cancel()
    await asyncio.wait([running, blocked])
    rig.intake._task.cancel()  # type: ignore[union-attr]
    await rig.intake.drain()
    rig.close()


async def test_a_journal_that_takes_no_tick_is_asked_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path, tick="50ms")
    rig.intake.clock = WallClock()
    ticker = Ticker(rig.intake)
    await ticker.start()
    whole, failures = rig.journal.append, 3

    async def failing(*args: object) -> object:
        nonlocal failures
        if failures:
            failures -= 1
            raise StoreUnavailable("out of order")
        return await whole(*args)  # type: ignore[arg-type]

    rig.journal.append = failing  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(ticker.run())
    await _ticks(rig, 2)
    assert ticker.missed == 3
    running.cancel()
    await asyncio.wait([running])
    assert rig.journal.last(0, RecordKind.TICK) is not None
    rig.close()


async def test_while_nothing_comes_there_are_few_ticks(tmp_path: Path) -> None:
    """C10: about one flush a second of the journal, of the database and of the series store with nothing to keep."""
    rig, clock = Rig(tmp_path, tick="1s"), 0
    rig.intake.steady = lambda: clock
    ticker = Ticker(rig.intake)
    await ticker.start()

    async def seconds(count: int) -> int:
        """Ticks in so many seconds, as `run` makes them."""
        nonlocal clock
        made = 0
        for _ in range(count):
            clock, rig.clock.at = clock + SECOND, rig.clock.at + SECOND
            made += await ticker.tick_if_needed()
        return made

    assert await seconds(EMPTY) == EMPTY - 1, "with that of the start: consumers bring their cursors up"
    assert await seconds(90) == 3
    await rig.intake.emit(parcel(1))
    assert await seconds(4) == 1 + EMPTY, "again at once"
    assert await seconds(60) == 2
    ticker.tick_at(rig.clock.at + SECOND)
    assert await seconds(1) == 1, "a timer is due"
    assert await seconds(29) == 0
    assert await seconds(1) == 1
    rig.clock.at -= 3600 * SECOND
    assert await seconds(1) == 1, "a step of the clock is in the journal at once"
    assert [type(body).__name__ for body in rig.bodies()[-2:]] == ["ClockStep", "Tick"]
    rig.close()
