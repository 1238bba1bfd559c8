"""The embedded journal: a file of blobs on SQLite, one writer thread, group commit."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from gateway.domain.errors import StoreError
from gateway.domain.record import Record, RecordKind
from gateway.journal.config import JournalConfig
from gateway.journal.journal_file import JournalFile
from gateway.journal.open_and_salvage import open_file
from gateway.journal.reader import JournalReader
from gateway.journal.receipts import InMemoryReceipts
from gateway.journal.reserved_space import ReservedSpace
from gateway.journal.schema import identity
from gateway.journal.stats import JournalStats
from gateway.journal.tail import JournalTail
from gateway.journal.writer_thread import PendingAppend, Writer
from gateway.lock import FileLock
from gateway.ports import Append

WAIT_RECORDS: Final = 512
"""The most records one `wait` returns."""


class SqliteJournal:
    """The ports PartitionedLog and ReceiptLedger on one file; one partition, one writing process.

    Opening takes an exclusive lock, unless given one (which is its own then), and checks the newest part of the file.
    `consumed` is the highest sequence number any consumer has taken so far: a journal that ends below it is the wrong
    one. Nothing is deleted before `release`.
    Raises StoreUnavailable while another process has the file, StoreError when it is damaged, foreign or behind
    (`recover`: see gateway.journal.open_and_salvage).
    """

    def __init__(
        self,
        path: Path,
        config: JournalConfig | None = None,
        *,
        partition: int,
        recover: bool = False,
        consumed: int = 0,
        lock: FileLock | None = None,
    ) -> None:
        config = config or JournalConfig()
        self._path = path
        self._lock = lock or FileLock(path)
        try:
            reserved_space = ReservedSpace(path, config.ballast, config.free_space_floor)
            db, state = open_file(path, partition, recover=recover, consumed=consumed)
            self.identity = identity(db)
            """Random number that identifies this file."""
            self._ledger = InMemoryReceipts(config.receipts)
            self._file = JournalFile(path, config, db, state, self._ledger, reserved_space)
            self._reader = JournalReader(path, partition)
        except BaseException:
            self._lock.release()
            raise
        self._recent = JournalTail(state.head, config.memory)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="journal-read")
        self._writer = Writer(self._file, self._recent, config.linger, path)
        self._closed = False

    async def append(self, partition: int, entry: Append, at: int) -> tuple[Record, ...]:
        """Implements PartitionedLog. An append that is cancelled while it waits may be kept."""
        self._reader.check_partition(partition)
        if not entry.bodies and not any(len(item.packets) for item in entry.receipts):
            return ()
        loop = asyncio.get_running_loop()
        call = PendingAppend(entry, at, loop, loop.create_future())
        self._writer.submit(call)
        return await call.answer

    def read(self, partition: int, after: int, limit: int) -> Sequence[Record]:
        """Implements PartitionedLog; from the file, any thread."""
        return self._reader.read(partition, after, limit)

    async def wait(self, partition: int, after: int) -> Sequence[Record]:
        """Implements PartitionedLog; at most 512 records. Any number of consumers. Raises StoreUnavailable when it
        is closed."""
        self._reader.check_partition(partition)
        loop = asyncio.get_running_loop()
        while True:
            found = self._recent.after(after, WAIT_RECORDS, loop)
            if found is None:
                return await loop.run_in_executor(self._pool, self.read, partition, after, WAIT_RECORDS)
            if not isinstance(found, asyncio.Future):
                return found
            try:
                await found
            finally:
                self._recent.remove_waiter(found)

    def head(self, partition: int) -> int:
        """Implements PartitionedLog."""
        self._reader.check_partition(partition)
        return self._recent.head

    def lease(self, partition: int, owner: str) -> int:
        """Implements PartitionedLog: this process holds the file, so the epoch rises. Blocks for one commit."""
        self._reader.check_partition(partition)
        now = round(time.time() * 1_000_000)
        return self._writer.call(lambda: self._file.lease(partition, owner, now))

    def release(self, partition: int, seq: int) -> None:
        """Every consumer and the newest snapshot have passed `seq`: retention may delete up to it. Never goes back.

        Raises StoreError when `seq` is not in the journal yet: then a cursor belongs to another journal.
        """
        self._reader.check_partition(partition)
        if seq > self._recent.head:
            raise StoreError.of("journal.behind", path=self._path, head=self._recent.head, consumed=seq)
        self._file.released = max(self._file.released, seq)

    def claim(self, session: str, packet: int, digest: int) -> bool:
        """Implements ReceiptLedger."""
        return self._ledger.claim(session, packet, digest)

    def last(self, partition: int, kind: RecordKind | None = None) -> Record | None:
        """The newest record of a kind (of any kind when None); None when there is none. Blocking."""
        return self._reader.last(partition, kind)

    def kept(self, kind: RecordKind, after: int, limit: int) -> Sequence[Record]:
        """Records of one kind after `after`, in order, also below what retention kept whole. Blocking."""
        return self._reader.kept(kind, after, limit)

    def dead_letters(self, limit: int, before_seq: int | None = None, tenant: str = "") -> list[Record]:
        """Dead letters that still have their content, newest first, below `before_seq`, of one tenant when it is named.
        Blocking."""
        return self._reader.dead_letters(limit, before_seq, tenant)

    def check(self) -> list[str]:
        """Read the whole file; returns its damage as texts, [] = none. Blocking, takes a while."""
        return self._reader.check()

    def lost(self) -> list[tuple[int, int]]:
        """Ranges of numbers that a recovery declared lost. Blocking."""
        return self._reader.lost()

    def stats(self) -> JournalStats:
        """Counts and sizes since the start."""
        file, counts = self._file, self._writer.counts
        return JournalStats(
            head=self._recent.head,
            floor=file.state.floor,
            released=file.released,
            commits=file.counters.commits,
            records=dict(counts.kinds),
            bytes=counts.bytes,
            fsyncs=file.counters.fsyncs,
            latency_last=counts.latency_last,
            latency_max=counts.latency_max,
            file_bytes=file.file_bytes,
            used_bytes=file.used_bytes,
            limit=file.limit,
            memory_bytes=self._recent.bytes,
            deleted=file.counters.deleted,
            expired=file.counters.expired,
            refused=file.counters.refused,
            failed=file.counters.failed,
            waiting=self._writer.waiting,
            ballast=file.reserved_space.present,
        )

    def close(self) -> None:
        """Commit what is queued, end all waits, close the file, release the lock. Blocks; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self._reader.close()  # before the file: only who closes last, and may write, tidies the log away
        self._pool.shutdown()
        self._writer.stop()
        self._lock.release()
