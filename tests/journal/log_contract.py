"""What every PartitionedLog must do. An adapter's test subclasses LogContract and says how to open one."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.domain.device import Site
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import Body, Record, RecordKind, SiteSet, Tick, encode_body
from gateway.journal import JournalConfig
from gateway.ports import Append

T0 = 1_790_000_000_000_000


def config(**changes: str) -> JournalConfig:
    """A journal that does not linger, and does not mind the disk; other values written as in a file."""
    return JournalConfig.model_validate({"linger": "0ms", "free_space_floor": "0B", "ballast": "0B", **changes})


FAST = config()


def readings(first: int, count: int = 3) -> Batch:
    """A batch whose devices are first, first + 1, …; each its own frame."""
    return batch_of([[Reading(first + n, 7, T0 + n, n / 2, received=T0 + n)] for n in range(count)])


def block(first: int, rows: int) -> Batch:
    """A big batch: one frame of `rows` rows."""
    n = np.arange(rows)
    return Batch(
        np.full(rows, first, np.int32),
        n.astype(np.int32),
        T0 + n,
        n / 7,
        np.full(rows, 2, np.uint8),
        np.zeros(rows, np.uint8),
        np.zeros(rows, np.int32),
        np.array([T0], np.int64),
    )


def plain(records: Any) -> list[tuple[int, int, int, bytes]]:
    """Records as comparable values: seq, at, kind, encoded body."""
    return [(r.seq, r.at, r.kind, encode_body(r.body)) for r in records]


async def collect(log: Any, upto: int, after: int = 0) -> list[Record]:
    """A live consumer: everything up to `upto`."""
    out: list[Record] = []
    while after < upto:
        found = await asyncio.wait_for(log.wait(0, after), 10)
        out += found
        after = found[-1].seq
    return out


class LogContract(ABC):
    """The port's promises, one test each."""

    @abstractmethod
    def open(self, folder: Path) -> Any:
        """A log of partition 0 that keeps its data in `folder`, with `close()`."""

    async def test_an_empty_log(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        assert log.head(0) == 0
        assert list(log.read(0, 0, 10)) == []
        assert log.last(0) is None
        assert await log.append(0, Append(()), T0) == ()
        assert log.head(0) == 0
        log.close()

    async def test_what_is_appended_is_read_back(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        bodies: tuple[Body, ...] = (SiteSet(Site("S1")), readings(1), Tick(T0))
        records = await log.append(0, Append(bodies), T0 + 5)
        assert [r.seq for r in records] == [1, 2, 3]
        assert all(record.body is body for record, body in zip(records, bodies, strict=True))
        assert plain(log.read(0, 0, 10)) == plain(records)
        assert plain(log.read(0, 1, 1)) == plain(records[1:2])
        assert list(log.read(0, 3, 10)) == []
        log.close()

    async def test_the_newest_of_a_kind(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        await log.append(0, Append((Tick(T0), Tick(T0 + 1), readings(1), SiteSet(Site("S1")))), T0)
        assert [log.last(0, kind).seq for kind in (RecordKind.TICK, RecordKind.BATCH, RecordKind.FACT)] == [2, 3, 4]
        assert log.last(0).seq == 4
        assert log.last(0, RecordKind.RAW) is None
        log.close()

    async def test_appends_made_together_get_dense_numbers_in_order(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        sizes = [1, 3, 2, 5, 1, 1, 4] * 10
        appends = [Append(tuple(Tick(n * 100 + m) for m in range(size))) for n, size in enumerate(sizes)]
        results = await asyncio.gather(*(log.append(0, append, T0) for append in appends))
        assert [r.seq for records in results for r in records] == list(range(1, sum(sizes) + 1))
        assert plain(log.read(0, 0, 1000)) == plain([r for records in results for r in records])
        log.close()

    async def test_every_consumer_sees_everything_once(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        early = [asyncio.create_task(collect(log, 60)) for _ in range(3)]
        await asyncio.sleep(0)
        for n in range(30):
            await log.append(0, Append((readings(n), Tick(T0 + n))), T0 + n)
        late = await collect(log, 60)
        from_the_middle = await collect(log, 60, after=41)
        expected = plain(log.read(0, 0, 100))
        assert len(expected) == 60
        assert [plain(await task) for task in early] == [expected] * 3
        assert plain(late) == expected
        assert plain(from_the_middle) == expected[41:]
        log.close()

    async def test_a_consumer_that_gives_up_disturbs_nobody(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        quitter = asyncio.create_task(log.wait(0, 0))
        stayer = asyncio.create_task(log.wait(0, 0))
        await asyncio.sleep(0)
        quitter.cancel()
        await log.append(0, Append((Tick(T0),)), T0)
        assert [r.seq for r in await asyncio.wait_for(stayer, 10)] == [1]
        log.close()

    async def test_numbers_go_on_after_a_restart(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        before = await log.append(0, Append((Tick(1), readings(4))), T0)
        log.close()
        log = self.open(tmp_path)
        assert log.head(0) == 2
        assert plain(log.read(0, 0, 10)) == plain(before)
        assert plain(await collect(log, 2)) == plain(before)
        assert [r.seq for r in await log.append(0, Append((Tick(2),)), T0)] == [3]
        log.close()

    async def test_another_partition_is_refused(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        calls: list[Callable[[], object]] = [lambda: log.head(3), lambda: log.read(3, 0, 1), lambda: log.lease(3, "a")]
        for call in calls:
            with pytest.raises(StoreError):
                call()
        with pytest.raises(StoreError):
            await log.append(3, Append((Tick(1),)), T0)
        with pytest.raises(StoreError):
            await log.wait(3, 0)
        log.close()

    async def test_epochs_rise_for_ever(self, tmp_path: Path) -> None:
        epochs: list[int] = []
        for owner in ("a", "b"):
            log = self.open(tmp_path)
            epochs += [log.lease(0, owner), log.lease(0, owner)]
            log.close()
        assert epochs == sorted(set(epochs))

    async def test_while_one_holds_it_no_other_can(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        log.lease(0, "first")
        with pytest.raises(StoreUnavailable):
            self.open(tmp_path).lease(0, "second")
        log.close()
        other = self.open(tmp_path)
        assert other.lease(0, "second") > 1
        other.close()

    async def test_a_closed_log_says_so(self, tmp_path: Path) -> None:
        log = self.open(tmp_path)
        waiting = asyncio.create_task(log.wait(0, 0))
        await asyncio.sleep(0)
        queued = asyncio.create_task(log.append(0, Append((Tick(1),)), T0))
        await asyncio.sleep(0)
        await asyncio.to_thread(log.close)
        assert [r.seq for r in await queued] == [1], "what was queued is committed"
        try:
            assert [r.seq for r in await waiting] == [1]
        except StoreUnavailable:
            pass
        with pytest.raises(StoreUnavailable):
            await log.append(0, Append((Tick(1),)), T0)
        with pytest.raises(StoreUnavailable):
            await log.wait(0, 1)
