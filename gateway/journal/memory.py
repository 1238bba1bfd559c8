"""The newest records in memory, for live consumers: they need no decode and no read."""

import asyncio
from collections.abc import Sequence
from threading import Lock

from gateway.domain.record import Record

Waiter = asyncio.Future[None]


class Recent:
    """Records (first, head], bounded by bytes, and whoever waits for the next. Safe between threads.

    `head` is the newest record on disk; publishing happens after the commit only.
    """

    def __init__(self, head: int, max_bytes: int) -> None:
        self._lock = Lock()
        self._records: list[Record] = []
        self._sizes: list[int] = []
        self._skip = 0  # records before this index are gone; the lists are compacted now and then
        self._bytes, self._max_bytes = 0, max_bytes
        self._waiters: set[Waiter] = set()
        self._end: Exception | None = None
        self.head = head

    @property
    def bytes(self) -> int:
        """Size of what is kept, as it is on disk."""
        return self._bytes

    def publish(self, records: Sequence[Record], sizes: Sequence[int]) -> list[Waiter]:
        """Add committed records; returns who must be woken, each in its own loop."""
        with self._lock:
            self._records.extend(records)
            self._sizes.extend(sizes)
            self._bytes += sum(sizes)
            self._shrink()
            if records:
                self.head = records[-1].seq
            return self._leave()

    def _shrink(self) -> None:
        while self._bytes > self._max_bytes and self._skip < len(self._records):
            self._bytes -= self._sizes[self._skip]
            self._skip += 1
        if self._skip > 64 and self._skip * 2 > len(self._records):
            del self._records[: self._skip], self._sizes[: self._skip]
            self._skip = 0

    def _leave(self) -> list[Waiter]:
        waiters, self._waiters = list(self._waiters), set()
        return waiters

    def end(self, error: Exception) -> list[Waiter]:
        """No more records: whoever waits, or asks later, gets `error`."""
        with self._lock:
            self._end = self._end or error
            return self._leave()

    def after(self, seq: int, limit: int, loop: asyncio.AbstractEventLoop) -> Sequence[Record] | Waiter | None:
        """Records after `seq`; or what to await when there are none yet; or None: they are only in the file."""
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

    def forget(self, waiter: Waiter) -> None:
        """`waiter` no longer waits."""
        with self._lock:
            self._waiters.discard(waiter)
