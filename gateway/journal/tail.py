"""The newest records in memory, for live consumers: they need no decode and no read."""

import asyncio
import time
from collections.abc import Callable, Sequence
from threading import Lock

from gateway.domain.reading import Batch
from gateway.domain.record import Record

Waiter = asyncio.Future[None]
KEEP = 10.0
"""Seconds. A consumer that is further behind (with an unavailable store) reads the file, so memory grows with the
rate of messages only, not with the time."""
_OBJECT = 1024  # bytes of a record's Python objects and array heads, measured
_COMPACT = 64


def footprint(record: Record, size: int) -> int:
    """Approximate bytes of memory; `size` is that of the body on disk. A small batch is mostly objects."""
    body = record.body
    if not isinstance(body, Batch):
        return _OBJECT + 4 * size
    columns = (body.device, body.point, body.at, body.value, body.quality, body.flags, body.frame, body.received)
    return _OBJECT + sum(column.nbytes for column in columns)


class JournalTail:
    """Records (first, head] of the last seconds, bounded by bytes, and the waiters for the next. For any thread.

    `head` is the newest record on disk; publishing happens after the commit only.
    """

    def __init__(self, head: int, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock, self._clock = Lock(), clock
        self._records: list[Record] = []
        self._sizes: list[int] = []
        self._times: list[float] = []
        self._skip = 0  # records before this index are gone; the lists are compacted now and then
        self._bytes, self._max_bytes = 0, max_bytes
        self._waiters: set[Waiter] = set()
        self._end: Exception | None = None
        self.head = head

    @property
    def bytes(self) -> int:
        """Approximate memory of the kept records."""
        return self._bytes

    def publish(self, records: Sequence[Record], sizes: Sequence[int]) -> list[Waiter]:
        """Add committed records, `sizes` on disk; returns the waiters to wake, each in its own loop."""
        memory = [footprint(record, size) for record, size in zip(records, sizes, strict=True)]
        with self._lock:
            now = self._clock()
            self._records.extend(records)
            self._sizes.extend(memory)
            self._times.extend([now] * len(records))
            self._bytes += sum(memory)
            self._shrink(now - KEEP)
            if records:
                self.head = records[-1].seq
            return self._take_waiters()

    def _shrink(self, before: float) -> None:
        while self._skip < len(self._records) and (self._bytes > self._max_bytes or self._times[self._skip] < before):
            self._bytes -= self._sizes[self._skip]
            self._skip += 1
        if self._skip >= _COMPACT:
            for kept in (self._records, self._sizes, self._times):
                del kept[: self._skip]
            self._skip = 0

    def _take_waiters(self) -> list[Waiter]:
        waiters, self._waiters = list(self._waiters), set()
        return waiters

    def end(self, error: Exception) -> list[Waiter]:
        """End the tail: waiters and later calls get `error`."""
        with self._lock:
            self._end = self._end or error
            return self._take_waiters()

    def after(self, seq: int, limit: int, loop: asyncio.AbstractEventLoop) -> Sequence[Record] | Waiter | None:
        """Records after `seq`; or a future to await when there are none yet; or None: they are only in the file."""
        with self._lock:
            if self._end is not None:
                raise self._end.with_traceback(None)
            if seq >= self.head:
                waiter: Waiter = loop.create_future()
                self._waiters.add(waiter)
                return waiter
            if self._skip == len(self._records) or seq + 1 < self._records[self._skip].seq:
                return None
            start = self._skip + seq + 1 - self._records[self._skip].seq
            return self._records[start : start + limit]

    def remove_waiter(self, waiter: Waiter) -> None:
        """`waiter` no longer waits."""
        with self._lock:
            self._waiters.discard(waiter)
