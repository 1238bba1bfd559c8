"""Consumers: cursors, bounded lead of the engine, snapshots, failed transactions tried again."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.consumers import RulesConsumer, SeriesConsumer, Snapshots
from gateway.consumers.snapshots import Pace
from gateway.domain.alarm import AlarmPlan, Change, Level, Thing, Transition
from gateway.domain.engine_status import EngineStatus
from gateway.domain.errors import StoreUnavailable
from gateway.domain.history_request import HistoryJob, HistoryRequest
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import Fact, ImportMark, Record, Tick
from gateway.domain.series import Written


class HandClock:
    def __init__(self) -> None:
        self.time = 1_000_000_000_000_000

    def now(self) -> int:
        return self.time


class MemoryLog:
    """Ten lines of journal."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.more = asyncio.Event()

    def add(self, *bodies: Any) -> None:
        for body in bodies:
            self.records.append(Record(len(self.records) + 1, 0, body))
        self.more.set()

    def head(self, partition: int) -> int:
        return len(self.records)

    async def wait(self, partition: int, after: int) -> Sequence[Record]:
        while len(self.records) <= after:
            self.more.clear()
            await self.more.wait()
        return self.records[after:]


class CountingJudge:
    """Every batch row raises once."""

    def __init__(self) -> None:
        self.seq = 0
        self.explode_at = 0

    def step(self, record: Record) -> Sequence[Transition]:
        assert record.seq == self.seq + 1, "in order, none twice"
        if record.seq == self.explode_at:
            raise ZeroDivisionError
        self.seq = record.seq
        rows = len(record.body) if isinstance(record.body, Batch) else 0
        return [
            Transition(0, record.seq, n, Change.RAISED, "r", "1", "t", Thing(1), Level.MAJOR, 0, 0, AlarmPlan("a", "b"))
            for n in range(rows)
        ]

    def snapshot(self) -> bytes:
        return str(self.seq).encode()

    def status(self) -> EngineStatus:
        return EngineStatus(self.seq, next_due=77)

    def warmup_job(self, wanted: HistoryRequest) -> HistoryJob:
        raise KeyError(wanted.rule)


class MemoryDesk:
    def __init__(self) -> None:
        self.transitions: list[Transition] = []
        self.facts: list[tuple[int, Fact]] = []
        self.at = 0
        self.sizes: list[int] = []
        self.fail = 0

    def cursor(self) -> int:
        return self.at

    def apply(
        self, transitions: Sequence[Transition], cursor: int, facts: Sequence[tuple[int, Fact]], now: int
    ) -> object:
        if self.fail:
            self.fail -= 1
            raise StoreUnavailable("locked")
        fresh = [t for t in transitions if t.seq > self.at]
        self.transitions += fresh
        self.facts += facts
        self.sizes.append(len(fresh))
        self.at = cursor
        return len(fresh)

    def tick(self, now: int) -> object:
        return None


async def inline(call: Callable[[], Any]) -> Any:
    await asyncio.sleep(0)
    return call()


def rows(count: int) -> Batch:
    return batch_of([[Reading(1, 1, n, 1.0) for n in range(count)]])


def consumer(
    log: MemoryLog, judge: CountingJudge, desk: MemoryDesk, folder: Path, clock: HandClock, start: int = 0
) -> RulesConsumer:
    return RulesConsumer(
        log,
        judge,
        desk,
        Snapshots(folder, 0),
        clock,  # type: ignore[arg-type]
        rules_thread=inline,
        desk_thread=inline,
        partition=0,
        start=start,
        on_commit=lambda *_: None,
        on_due=lambda _: None,
    )


async def settle(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0)


async def test_transitions_and_facts_reach_the_desk_with_the_cursor(tmp_path: Path) -> None:
    log, judge, desk, clock = MemoryLog(), CountingJudge(), MemoryDesk(), HandClock()
    both = consumer(log, judge, desk, tmp_path, clock)
    mark = ImportMark("i", "f", done=True)
    log.add(Tick(1), rows(3), mark)
    tasks = [asyncio.create_task(both.judge()), asyncio.create_task(both.commit())]
    await settle(lambda: desk.at == 3)
    assert [t.id for t in desk.transitions] == ["0-2-0", "0-2-1", "0-2-2"]
    assert desk.facts == [(3, mark)]
    for task in tasks:
        task.cancel()
    await both.drain(3)
    assert next(Snapshots(tmp_path, 0).valid(3)) == (3, b"3")


async def test_a_fact_reaches_the_desk_with_more_transitions_before_it_than_one_transaction_holds(
    tmp_path: Path,
) -> None:
    log, desk = MemoryLog(), MemoryDesk()
    both = consumer(log, CountingJudge(), desk, tmp_path, HandClock())
    mark = ImportMark("i", "f", done=True)
    log.add(*(rows(90) for _ in range(10)), mark, *(rows(90) for _ in range(10)))
    tasks = [asyncio.create_task(both.judge()), asyncio.create_task(both.commit())]
    await settle(lambda: desk.at == 21)
    assert sum(desk.sizes) == 1800
    assert desk.facts == [(11, mark)]
    for task in tasks:
        task.cancel()


async def test_a_stop_in_the_middle_of_a_step_loses_no_transition(tmp_path: Path) -> None:
    log, judge, desk = MemoryLog(), CountingJudge(), MemoryDesk()
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(call: Callable[[], Any]) -> Any:
        """As a thread does: once begun, it ends, whoever waits for it or not."""

        async def run() -> Any:
            result = call()
            entered.set()
            await go_on.wait()
            return result

        return await asyncio.shield(asyncio.ensure_future(run()))

    both = consumer(log, judge, desk, tmp_path, HandClock())
    both._rules_thread = slow
    log.add(rows(3))
    judging, committing = asyncio.create_task(both.judge()), asyncio.create_task(both.commit())
    await entered.wait()
    judging.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(judging, return_exceptions=True)
    committing.cancel()
    await asyncio.gather(committing, return_exceptions=True)
    log.add(rows(1))
    await both.drain(2)
    assert [t.id for t in desk.transitions] == ["0-1-0", "0-1-1", "0-1-2", "0-2-0"]
    assert both.judged == 2


async def test_a_failed_transaction_is_tried_again_and_loses_nothing(tmp_path: Path) -> None:
    log, desk = MemoryLog(), MemoryDesk()
    both = consumer(log, CountingJudge(), desk, tmp_path, HandClock())
    log.add(rows(2))
    desk.fail = 2
    judging = asyncio.create_task(both.judge())
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await both.commit()
    committing = asyncio.create_task(both.commit())
    await settle(lambda: len(desk.transitions) == 2)
    judging.cancel()
    committing.cancel()


async def test_the_engine_does_not_run_far_ahead_of_the_desk(tmp_path: Path) -> None:
    log, judge, desk = MemoryLog(), CountingJudge(), MemoryDesk()
    both = consumer(log, judge, desk, tmp_path, HandClock())
    judging = asyncio.create_task(both.judge())
    for _ in range(50):
        log.add(rows(1))
        for _ in range(10):
            await asyncio.sleep(0)
    assert judge.seq < 15
    judging.cancel()


def test_snapshots_the_desk_has_not_reached_are_not_valid(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, 0)
    for seq in (5, 9, 12, 20):
        snapshots.save(seq, b"state %d" % seq)
    assert snapshots.oldest() == 9, "the newest three are kept"
    assert [seq for seq, _ in snapshots.valid(13)] == [12, 9]
    newest = next(iter(sorted(tmp_path.glob("*000012.snapshot"))))
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    assert [seq for seq, _ in snapshots.valid(13)] == [9], "a damaged one is passed over"
    assert list(Snapshots(tmp_path, 1).valid(99)) == []


class FakeStore:
    """Has what it was given, at once and for good."""

    at = 0

    def cursor(self, partition: int) -> int:
        return self.at

    secured = cursor

    def learn(self, kept: object) -> None:
        pass


async def test_series_writes_once_and_counts() -> None:
    log = MemoryLog()
    written: list[int] = []

    class Store(FakeStore):
        at = 1

        def write(self, partition: int, records: Sequence[Record]) -> Written:
            self.at = records[-1].seq
            written.extend(record.seq for record in records)
            return Written(len(records), 0, 0)

    log.add(Tick(1), rows(2), Tick(2), rows(1))
    series = SeriesConsumer(log, Store(), inline, flush=0, partition=0)  # type: ignore[arg-type]
    task = asyncio.create_task(series.run())
    await settle(lambda: series.cursor == 4)
    log.add(rows(3))
    await settle(lambda: series.cursor == 5)
    assert written == [2, 3, 4, 5]
    assert series.written.stored == 4
    task.cancel()


async def test_many_small_records_are_passed_without_a_pause_for_each_look() -> None:
    """A dead letter is a record: a flood of them must not hold back the readings behind it."""

    class Bounded(MemoryLog):
        async def wait(self, partition: int, after: int) -> Sequence[Record]:
            return (await super().wait(partition, after))[:512]

    class Store(FakeStore):
        def write(self, partition: int, records: Sequence[Record]) -> Written:
            self.at = records[-1].seq
            return Written(0, 0, 0)

    log = Bounded()
    log.add(*[Tick(n) for n in range(50_000)])
    series = SeriesConsumer(log, Store(), inline, flush=1_000_000, partition=0)  # type: ignore[arg-type]
    task = asyncio.create_task(series.run())
    async with asyncio.timeout(15):  # one second for each look would be 98
        while series.cursor < 49_000:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_write_whose_caller_was_cancelled_is_counted_once() -> None:
    log, pool, begun, go_on = MemoryLog(), ThreadPoolExecutor(1), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Store(FakeStore):
        def write(self, partition: int, records: Sequence[Record]) -> Written:
            loop.call_soon_threadsafe(begun.set)
            assert go_on.wait(10)
            fresh = [record for record in records if record.seq > self.at]
            self.at = max(self.at, records[-1].seq)
            return Written(sum(len(record.body) for record in fresh if isinstance(record.body, Batch)), 0, 0)

    def threaded(call: Callable[[], Any]) -> Any:
        return loop.run_in_executor(pool, call)

    series = SeriesConsumer(log, Store(), threaded, flush=0, partition=0)  # type: ignore[arg-type]
    log.add(rows(2), rows(1))
    task = asyncio.create_task(series.run())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    log.add(rows(4))
    go_on.set()
    await series.drain(3)
    assert (series.written.stored, series.cursor) == (7, 3)
    pool.shutdown()


async def test_what_was_journaled_before_the_start_is_counted_apart() -> None:
    log, sizes = MemoryLog(), list[int]()

    class Store(FakeStore):
        at = 1

        def write(self, partition: int, records: Sequence[Record]) -> Written:
            self.at = records[-1].seq
            sizes.append(len(records))
            count = sum(len(record.body) for record in records if isinstance(record.body, Batch))
            return Written(count - 1, 1, 0)

    log.add(rows(9), rows(2), rows(3))
    series = SeriesConsumer(log, Store(), inline, flush=0, partition=0)  # type: ignore[arg-type]
    log.add(Tick(1), rows(5))
    task = asyncio.create_task(series.run())
    await settle(lambda: series.cursor == 5)
    assert sizes == [2, 2], "replay ends where the process began, and so does its transaction"
    assert (series.progress.replayed, series.written) == (Written(4, 1, 0), Written(8, 2, 0))
    task.cancel()


def test_a_snapshot_is_made_when_it_is_worth_its_bytes() -> None:
    """C7: 1,000 devices under 50 rules made 1.3 MB of snapshot every ten seconds with nothing to keep."""
    pace, ticks, batch = Pace(10_000), [Record(1, 0, Tick(1))], [Record(2, 0, rows(50))]
    pace.judged(0.0, ticks, 0)
    assert not pace.due(1000.0), "time alone needs none"
    pace.judged(1000.0, batch, 0)
    assert pace.due(1000.0), "the first one"
    pace.made(1000.0, 4000)
    pace.judged(1001.0, batch, 0)
    assert not pace.due(1020.0), "1600 bytes came, a snapshot has 4000"
    assert pace.due(1300.0), "but one in five minutes"
    pace.judged(1002.0, batch, 0)
    pace.judged(1003.0, batch, 0)
    assert not pace.due(1009.0), "not more often than every ten seconds"
    assert pace.due(1010.0)
    pace.made(1010.0, 1_000_000)
    pace.judged(1011.0, ticks, 150)
    assert not pace.due(1020.0)
    pace.judged(1012.0, ticks, 7)
    assert pace.due(1020.0), "however large it is, the journal need not keep more than 10,000 bytes for it"
