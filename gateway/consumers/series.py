"""Journal -> series store, off the acknowledgement path: about one transaction a second."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import Record
from gateway.ports import PartitionedLog, SeriesStore, Written

Blocking = Callable[[Callable[[], Any]], Awaitable[Any]]
MOST_ROWS = 200_000  # one transaction; bounds memory while catching up


class SeriesConsumer:
    """Writes every batch record once; `written` counts readings since the start."""

    def __init__(
        self, journal: PartitionedLog, store: SeriesStore, blocking: Blocking, partition: int = 0, flush: int = SECOND
    ) -> None:
        self._journal, self._store, self._blocking = journal, store, blocking
        self._partition, self._flush = partition, flush
        self.cursor = 0
        self.written = Written(0, 0, 0)

    async def run(self) -> None:
        """Until cancelled. Raises StoreError when the store does (the supervisor starts it again)."""
        self.cursor = await self._blocking(lambda: self._store.cursor(self._partition))
        while True:
            records = await self._journal.wait(self._partition, self.cursor)
            if sum(_rows(record) for record in records) < MOST_ROWS:
                await asyncio.sleep(self._flush / SECOND)
                records = await self._journal.wait(self._partition, self.cursor)
            await self.write(_first_rows(records))

    async def write(self, records: Sequence[Record]) -> None:
        """One transaction: rows and cursor."""
        result: Written = await self._blocking(lambda: self._store.write(self._partition, records))
        before = self.written
        self.written = Written(
            before.stored + result.stored,
            before.duplicate + result.duplicate,
            before.expired + result.expired,
            before.conflict + result.conflict,
        )
        self.cursor = records[-1].seq

    async def drain(self, upto: int) -> None:
        """Write all there is up to `upto` (shutdown)."""
        while self.cursor < upto:
            await self.write(_first_rows(await self._journal.wait(self._partition, self.cursor)))


def _rows(record: Record) -> int:
    return len(record.body) if isinstance(record.body, Batch) else 0


def _first_rows(records: Sequence[Record]) -> list[Record]:
    chosen: list[Record] = []
    count = 0
    for record in records:
        chosen.append(record)
        count += _rows(record)
        if count >= MOST_ROWS:
            break
    return chosen
