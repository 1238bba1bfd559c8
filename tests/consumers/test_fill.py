"""A store beside the first gets its history: in pieces, once, on after a restart, never older than what is there."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from consumers.test_consumers import inline, settle

from gateway.consumers import fill
from gateway.consumers.fill import DONE, ROUND, Fill, FirstStore, partition_of, piece
from gateway.domain.duration import DAY, SECOND
from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import Record
from gateway.domain.series import RefusedReading, SeriesStats
from sinks.series.duckdb.config import DuckDbConfig
from sinks.series.duckdb.store import DuckDbStore

NOW = 1_780_000_000 * SECOND
OLD = NOW - 100 * DAY


class HandClock:
    def now(self) -> int:
        return NOW


def batch(*readings: tuple[int, float]) -> Batch:
    return batch_of([[Reading(1, 1, at, value, received=at)] for at, value in readings])


def store(folder: Path) -> DuckDbStore:
    return DuckDbStore(folder / "series", DuckDbConfig(type="duckdb"), HandClock())


def values(of: DuckDbStore) -> list[tuple[int, float]]:
    return [
        (at, value)
        for one in of.scan(0, NOW + DAY)
        for at, value in zip(one.at.tolist(), one.value.tolist(), strict=True)
    ]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[DuckDbStore, DuckDbStore]]:
    first, second = store(tmp_path / "a"), store(tmp_path / "b")
    some = [(OLD + n * SECOND, float(n)) for n in range(300)] + [(NOW - n * SECOND, float(n)) for n in range(300)]
    first.write(0, [Record(1, 0, batch(*some))])
    yield first, second
    first.close()
    second.close()


async def refuse(_: Sequence[RefusedReading]) -> None:
    raise AssertionError


def filling(
    first: DuckDbStore, second: DuckDbStore, blocking: Callable[[Callable[[], Any]], Awaitable[Any]] = inline
) -> Fill:
    source = FirstStore(first, inline, lambda: 1)
    return Fill("two", source, second, blocking, 0, reached=lambda: 1, pause=lambda _: 0.0)


async def run_until(one: Fill, done: Callable[[], bool]) -> None:
    task = asyncio.create_task(one.run(refuse))
    await settle(done)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_goes_on_after_a_stop_and_copies_all_of_it_once(
    both: tuple[DuckDbStore, DuckDbStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "MOST", 100)
    first, second = both
    one = filling(first, second)
    await run_until(one, lambda: one.stored >= 100)
    assert 0 < len(values(second)) < 600
    assert 0 < one.share < 1
    two = filling(first, second)
    await run_until(two, lambda: two.share == 1)
    assert values(second) == values(first)
    assert one.stored + two.stored == 600
    three = filling(first, second)
    await run_until(three, lambda: three.share == 1)
    assert (three.stored, second.cursor(partition_of(0)), second.cursor(0)) == (0, DONE, 0)


async def test_what_was_missed_comes_in_another_round(both: tuple[DuckDbStore, DuckDbStore]) -> None:
    first, second = both
    one = filling(first, second)
    await run_until(one, lambda: one.share == 1)
    first.write(0, [Record(2, 0, batch((OLD + 5, 7.0), (NOW - SECOND // 2, 8.0)))])
    await one.again()
    assert one.share == 0
    two = filling(first, second)
    await run_until(two, lambda: two.share == 1)
    assert (values(second), two.stored) == (values(first), 2)
    assert second.cursor(partition_of(0)) == ROUND + DONE


async def test_the_journal_replaces_what_history_said(both: tuple[DuckDbStore, DuckDbStore]) -> None:
    first, second = both
    one = filling(first, second)
    await run_until(one, lambda: one.share == 1)
    second.write(0, [Record(1, 0, batch((NOW, 55.0)))])
    assert values(second)[-1] == (NOW, 55.0)


async def test_it_waits_while_the_first_store_is_behind(
    both: tuple[DuckDbStore, DuckDbStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "LOOK", 0.0)
    first, second = both
    written = [0]
    one = Fill(
        "two", FirstStore(first, inline, lambda: written[0]), second, inline, 0, reached=lambda: 1, pause=lambda _: 0.0
    )
    task = asyncio.create_task(one.run(refuse))
    for _ in range(200):
        await asyncio.sleep(0)
    assert one.stored == 0
    written[0] = 1
    await settle(lambda: one.share == 1)
    task.cancel()
    assert one.stored == 600


async def test_a_store_that_is_away_is_tried_again(
    both: tuple[DuckDbStore, DuckDbStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "RETRY", 0.0)
    first, second = both
    calls = [0]

    async def flaky(call: Callable[[], Any]) -> Any:
        calls[0] += 1
        if calls[0] % 5 == 0:
            raise StoreUnavailable("away")
        return await inline(call)

    one = filling(first, second, flaky)
    await run_until(one, lambda: one.share == 1)
    assert values(second) == values(first)


def test_a_piece_ends_between_two_moments() -> None:
    class Two:
        def scan(self, start: int, end: int, devices: Sequence[int] | None = None) -> Iterator[Batch]:
            yield batch((1, 1.0), (2, 1.0), (2, 2.0))
            yield batch((2, 3.0), (3, 1.0))

        def stats(self) -> SeriesStats:
            raise NotImplementedError

    rows, reached = piece(Two(), 0, 10, most=3)
    assert (rows.at.tolist(), reached) == ([1], 2)
    rows, reached = piece(Two(), 0, 10, most=50)
    assert (len(rows), reached) == (5, 10)
