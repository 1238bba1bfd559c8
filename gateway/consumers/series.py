"""Journal -> series store, off the acknowledgement path: about one transaction a second."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import Record
from gateway.domain.series import Written
from gateway.ports import Blocking, PartitionedLog, SeriesStore

MOST_ROWS = 200_000  # one transaction; bounds memory while catching up

NOTHING = Written(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Progress:
    """State at one moment: stored up to `cursor`. `written` counts readings since the start of the process,
    `replayed` those of them that were journaled before it."""

    cursor: int = 0
    written: Written = NOTHING
    replayed: Written = NOTHING


class SeriesConsumer:
    """Writes every batch record once. It is created before anything is journaled: what the journal holds then is
    replayed."""

    def __init__(
        self, journal: PartitionedLog, store: SeriesStore, blocking: Blocking, partition: int, flush: int = SECOND
    ) -> None:
        self._journal, self._store, self._blocking = journal, store, blocking
        self._partition, self._flush = partition, flush
        self._began = journal.head(partition)
        self.progress = Progress()

    @property
    def cursor(self) -> int:
        """The last sequence number stored."""
        return self.progress.cursor

    @property
    def written(self) -> Written:
        """Readings written since the start, replayed ones included."""
        return self.progress.written

    async def run(self) -> None:
        """Write until cancelled. Raises StoreError when the store does (the supervisor restarts the task).

        After a restart it continues behind the last record it counted; the store skips what a failed write kept.
        """
        cursor = await self._blocking(lambda: self._store.cursor(self._partition))
        self.progress = replace(self.progress, cursor=self.cursor or cursor)
        while True:
            records = await self._journal.wait(self._partition, self.cursor)
            if sum(_rows(record) for record in records) < MOST_ROWS and not self._behind(records):
                await asyncio.sleep(self._flush / SECOND)
                records = await self._journal.wait(self._partition, self.cursor)
            await self.write(_first_rows(records))

    def _behind(self, records: Sequence[Record]) -> bool:
        """True if the journal has more than one read returns: then no waiting for further records."""
        return records[-1].seq < self._journal.head(self._partition)

    async def write(self, records: Sequence[Record]) -> None:
        """Write rows and cursor in one transaction; in two when replay ends among `records`, so that they are
        counted separately."""
        old = sum(record.seq <= self._began for record in records)
        for part in (records[:old], records[old:]):
            if part:
                await self._blocking(lambda part=part: self._write(part))  # type: ignore[misc]

    def _write(self, records: Sequence[Record]) -> None:
        """Runs, and counts, in the store's thread: a caller that was cancelled meanwhile must not lose the count."""
        result, last, before = self._store.write(self._partition, records), records[-1].seq, self.progress
        self.progress = Progress(
            max(before.cursor, last),
            before.written.plus(result),
            before.replayed.plus(result) if last <= self._began else before.replayed,
        )

    async def drain(self, upto: int) -> None:
        """Write everything up to `upto` (shutdown)."""
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
