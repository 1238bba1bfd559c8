"""A store beside the first: away, slow, behind the journal; nobody waits for it."""

import asyncio
from collections.abc import Sequence

from consumers.test_consumers import FakeStore, MemoryLog, inline, rows, settle

from gateway.app.housekeeping import held_back
from gateway.consumers import StoreBeside
from gateway.domain.errors import StoreError, StoreUnavailable
from gateway.domain.record import Record
from gateway.domain.series import RefusedReading, Written
from gateway.journal.stats import JournalStats


class Store(FakeStore):
    """Down while `down`; keeps what it got."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.down = at, False
        self.seqs: list[int] = []

    def write(self, partition: int, records: Sequence[Record]) -> Written:
        if self.down:
            raise StoreUnavailable("away")
        self.at = records[-1].seq
        self.seqs += [record.seq for record in records]
        letters = tuple(RefusedReading("1 2", b"x", "no") for record in records if record.seq == 3)
        return Written(1, 0, 0, refused=len(letters), letters=letters)


class Trimmed(MemoryLog):
    """Has given up the records up to `floor`."""

    floor = 0

    async def wait(self, partition: int, after: int) -> Sequence[Record]:
        if after < self.floor:
            raise StoreError.of("journal.gone", floor=self.floor, after=after)
        return await super().wait(partition, after)


async def run_until(beside: StoreBeside, seq: int) -> None:
    task = asyncio.create_task(beside.run())
    await settle(lambda: beside.progress.cursor >= seq or task.done())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def beside(log: MemoryLog, store: Store, refused: list[RefusedReading]) -> StoreBeside:
    async def refuse(letters: Sequence[RefusedReading]) -> None:
        refused.extend(letters)

    def open_() -> Store:
        if store.down:
            raise StoreUnavailable("away")
        return store

    return StoreBeside("two", open_, log, inline, 0, kept=tuple, refuse=refuse)  # type: ignore[arg-type]


async def test_it_is_opened_when_it_can_be_and_gets_everything() -> None:
    log, store, refused = Trimmed(), Store(), list[RefusedReading]()
    log.add(rows(1), rows(1), rows(1))
    store.down = True
    one = beside(log, store, refused)
    await run_until(one, 1)
    assert (one.store, one.progress.secured) == (None, 0), "the journal keeps all of it"
    await one.drain(3)
    store.down = False
    await run_until(one, 3)
    assert (store.seqs, one.progress.secured, one.missed) == ([1, 2, 3], 3, 0)
    assert [one.payload for one in refused] == [b"x"]


async def test_what_the_journal_gave_up_is_counted_and_passed_over() -> None:
    log, store = Trimmed(), Store(at=2)
    log.add(*[rows(1) for _ in range(9)])
    log.floor = 6
    one = beside(log, store, [])
    await run_until(one, 9)
    assert (store.seqs, one.missed, one.progress.cursor) == ([7, 8, 9], 4, 9)


async def test_a_new_store_begins_with_what_the_journal_has() -> None:
    log, store = Trimmed(), Store()
    log.add(*[rows(1) for _ in range(9)])
    log.floor = 6
    one = beside(log, store, [])
    await run_until(one, 9)
    assert (store.seqs, one.missed) == ([7, 8, 9], 0)


async def test_rows_whose_acknowledgement_was_lost_are_written_again_and_counted_as_replayed() -> None:
    log, store = Trimmed(), Store()
    log.add(*[rows(1) for _ in range(4)])
    one = beside(log, store, [])
    await run_until(one, 4)
    store.at = 2  # it was started anew, and its cursor went back
    log.add(rows(1))
    await run_until(one, 5)
    assert store.seqs == [1, 2, 3, 4, 3, 4, 5]
    assert one.progress.written.stored - one.progress.replayed.stored == 1, "a write has a count of one here"


def stats(*, used: int, head: int = 800) -> JournalStats:
    known = dict.fromkeys(JournalStats.__dataclass_fields__, 0)
    return JournalStats(**{**known, "head": head, "used_bytes": used, "limit": 100})  # type: ignore[arg-type]


def test_the_journal_waits_for_it_until_it_is_nearly_full() -> None:
    assert held_back(stats(used=74), 10) == 10
    assert held_back(stats(used=75), 10) == 800, "it deletes what it needs, no more"
