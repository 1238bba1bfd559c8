"""The writer thread: collects appends, commits them together, then delivers the results."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Final, TypeVar

from gateway.domain.byte_size import format_size
from gateway.domain.errors import InvariantBroken, StoreError, StoreFull, StoreUnavailable
from gateway.domain.reading import Batch
from gateway.domain.record import Record, RecordKind, encode_body, kind_of
from gateway.journal.journal_file import EncodedAppend, JournalFile
from gateway.journal.retention import ROW_BYTES
from gateway.journal.schema import ident_of
from gateway.journal.tail import JournalTail
from gateway.ports import Append

T = TypeVar("T")
GROUP_ROWS: Final = 200_000
"""A group with this many readings is committed at once."""
REFUSABLE: Final = (RecordKind.BATCH, RecordKind.RAW)
_INT64: Final = 2**63
US: Final = 1_000_000

Answer = asyncio.Future[tuple[Record, ...]]


@dataclass(slots=True)
class PendingAppend:
    """One append that waits for its commit. `result` is set in the writer thread and delivered in the caller's loop."""

    append: Append
    at: int
    loop: asyncio.AbstractEventLoop
    answer: Answer
    entry: EncodedAppend | None = None
    result: tuple[Record, ...] | Exception = ()

    def weight(self) -> int:
        """Approximate number of readings."""
        return sum(len(body) if isinstance(body, Batch) else 1 for body in self.append.bodies)


@dataclass(slots=True)
class Job:
    """Other work on the file, between commits."""

    work: Callable[[], Any]
    done: Future[Any] = field(default_factory=Future)

    def run(self) -> None:
        """Do it. The caller gets every error; only an expected one leaves the writer running."""
        try:
            self.done.set_result(self.work())
        except StoreError as error:
            self.done.set_exception(error)
        except BaseException as error:
            self.done.set_exception(error)
            raise


@dataclass(slots=True)
class WriterCounts:
    """Since the start of the process. Latencies are µs."""

    kinds: Counter[RecordKind] = field(default_factory=Counter)
    bytes: int = 0
    latency_last: int = 0
    latency_max: int = 0


def encode(append: Append, at: int) -> EncodedAppend:
    """The rows of one append. Raises ValueError, OverflowError or TypeError when a body cannot be kept."""
    if not -_INT64 <= at < _INT64:
        raise ValueError(f"append at {at}: not a time")
    rows = tuple((int(kind_of(body)), ident_of(body), encode_body(body)) for body in append.bodies)
    if any(ident is not None and not -_INT64 <= ident < _INT64 for _, ident, _ in rows):
        raise ValueError("a definition's id has more than 62 bits")
    size = sum(len(body) + ROW_BYTES for _, _, body in rows) + sum(10 * len(r.packets) for r in append.receipts)
    return EncodedAppend(rows, at, append.receipts, any(kind in REFUSABLE for kind, _, _ in rows), size)


class Writer:
    """Owns the file. `submit` from event loops, `call` from any thread."""

    def __init__(self, file: JournalFile, recent: JournalTail, linger: int, path: Path) -> None:
        self._file, self._recent, self._path = file, recent, path
        self._linger = linger / US
        self._changed = Condition()
        self._calls: list[PendingAppend] = []
        self._jobs: list[Job] = []
        self._weight = 0
        self._stopping = False
        self._failure: InvariantBroken | None = None
        self._last_start = float("-inf")
        self.counts = WriterCounts()
        self._thread = Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Appends not yet committed."""
        return len(self._calls)

    def submit(self, call: PendingAppend) -> None:
        """Queue an append. Raises StoreUnavailable after the end."""
        with self._changed:
            self._check_open()
            self._calls.append(call)
            self._weight += call.weight()
            if len(self._calls) == 1 or self._weight >= GROUP_ROWS:
                self._changed.notify()

    def call(self, job: Callable[[], T]) -> T:
        """Run `job` in the writer thread, between commits; blocks. Raises what it raises."""
        work: Job = Job(job)
        with self._changed:
            self._check_open()
            self._jobs.append(work)
            self._changed.notify()
        result: T = work.done.result()
        return result

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._stopping:
            raise self._closed()

    def _closed(self) -> StoreUnavailable:
        error = StoreUnavailable.of("journal.closed", path=self._path)
        error.closed = True
        return error

    def stop(self) -> None:
        """Commit what is queued, then end; blocks."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        calls: list[PendingAppend] = []
        try:
            while True:
                calls, jobs = self._gather()
                for job in jobs:
                    job.run()
                if calls:
                    self._commit(calls)
                elif not jobs:
                    break
        except InvariantBroken as error:
            self._failure = error
        finally:  # whatever happened, nobody waits for ever
            self._end(calls)

    def _end(self, calls: Sequence[PendingAppend]) -> None:
        with self._changed:
            self._stopping = True
            rest, self._calls = [*calls, *self._calls], []
            jobs, self._jobs = self._jobs, []
        error: Exception = self._failure or self._closed()
        for call in rest:
            call.result = error
        self._hand_over_results(rest, self._recent.end(error))
        for job in jobs:
            job.done.set_exception(error)
        self._file.close()

    def _gather(self) -> tuple[list[PendingAppend], list[Job]]:
        """Wait for work; let appends wait until the last commit is `linger` old. Returns nothing at the end."""
        with self._changed:
            while not (self._calls or self._jobs or self._stopping):
                self._changed.wait()
            while self._calls and not self._jobs and not self._stopping and self._weight < GROUP_ROWS:
                left = self._last_start + self._linger - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            calls, self._calls, self._weight = self._calls, [], 0
            jobs, self._jobs = self._jobs, []
            return calls, jobs

    def _commit(self, calls: list[PendingAppend]) -> None:
        self._last_start = time.monotonic()
        good: list[tuple[PendingAppend, EncodedAppend]] = []
        for call in calls:
            try:
                good.append((call, encode(call.append, call.at)))
            except (TypeError, ValueError, OverflowError) as error:
                call.result = error
        records: list[Record] = []
        sizes: list[int] = []
        try:
            firsts = self._file.write([entry for _, entry in good]) if good else []
        except StoreError as error:
            for call, _ in good:
                call.result = error
        else:
            for (call, entry), first in zip(good, firsts, strict=True):
                call.result = self._full() if first is None else self._records(call, entry, first, sizes)
                records += call.result if isinstance(call.result, tuple) else ()
            self._count(records, sizes)
        self._hand_over_results(calls, self._recent.publish(records, sizes))
        with suppress(StoreError):  # the next append meets it again, and tells its caller
            self._file.maintain()

    @staticmethod
    def _records(call: PendingAppend, entry: EncodedAppend, first: int, sizes: list[int]) -> tuple[Record, ...]:
        sizes.extend(len(body) for _, _, body in entry.rows)
        return tuple(Record(first + n, call.at, body) for n, body in enumerate(call.append.bodies, 1))

    def _full(self) -> StoreFull:
        file = self._file
        if (bound := file.disk_bound()) is not None:
            free, floor = map(format_size, bound)
            return StoreFull.of("journal.disk_floor", path=self._path, free=free, floor=floor)
        used, limit = format_size(file.used_bytes), format_size(file.limit)
        return StoreFull.of("journal.full", path=self._path, used=used, limit=limit)

    def _count(self, records: Sequence[Record], sizes: Sequence[int]) -> None:
        self.counts.kinds.update(record.kind for record in records)
        self.counts.bytes += sum(sizes)
        self.counts.latency_last = round((time.monotonic() - self._last_start) * US)
        self.counts.latency_max = max(self.counts.latency_max, self.counts.latency_last)

    @staticmethod
    def _hand_over_results(calls: Sequence[PendingAppend], waiters: Sequence[asyncio.Future[None]]) -> None:
        """Deliver results, one call per event loop: callers first, then waiters for records."""
        loops = {call.loop for call in calls} | {waiter.get_loop() for waiter in waiters}
        for loop in loops:
            of_loop = [call for call in calls if call.loop is loop]
            waiting = [waiter for waiter in waiters if waiter.get_loop() is loop]
            with suppress(RuntimeError):  # that loop is closed
                loop.call_soon_threadsafe(_hand_over, of_loop, waiting)


def _hand_over(calls: Sequence[PendingAppend], waiters: Sequence[asyncio.Future[None]]) -> None:
    for call in calls:
        if call.answer.done():  # cancelled: kept all the same, as a crash between commit and answer would leave it
            continue
        if isinstance(call.result, Exception):
            call.answer.set_exception(call.result)
        else:
            call.answer.set_result(call.result)
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
