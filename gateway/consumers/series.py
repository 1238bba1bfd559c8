"""Journal -> series store, off the acknowledgement path: about one transaction a second."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.domain.record import Record
from gateway.domain.series import RefusedReading, Written
from gateway.ports import Blocking, PartitionedLog, SeriesStore

MOST_ROWS = 200_000  # one transaction; bounds memory while catching up

NOTHING = Written(0, 0, 0)
Refuse = Callable[[Sequence[RefusedReading]], Awaitable[object]]
"""Takes what a store will never take: a dead letter."""


async def _forget(_: Sequence[RefusedReading]) -> None:
    """For a store that takes everything."""


@dataclass(frozen=True, slots=True)
class Progress:
    """State at one moment: stored up to `cursor`. `written` counts readings since the start of the process,
    `replayed` those of them that were journaled before it, or written for the second time. `secured`: the journal
    may delete records up to it."""

    cursor: int = 0
    written: Written = NOTHING
    replayed: Written = NOTHING
    secured: int = 0


class SeriesConsumer:
    """Writes every batch record once. It is created before anything is journaled: what the journal holds then is
    replayed.

    `kept` returns the definitions and facts of the journal, for stores that write names; `refuse` takes rows that the
    store refused.
    """

    def __init__(
        self,
        journal: PartitionedLog,
        store: SeriesStore,
        blocking: Blocking,
        partition: int,
        flush: int = SECOND,
        *,
        kept: Callable[[], Iterable[Record]] = tuple,
        refuse: Refuse = _forget,
    ) -> None:
        self._journal, self._store, self._blocking = journal, store, blocking
        self._partition, self._flush = partition, flush
        self._kept, self._refuse, self._learned = kept, refuse, False
        self._began = journal.head(partition)
        self._at = self._least = 0  # where it reads on; never before `_least`
        self.progress = Progress()

    @property
    def cursor(self) -> int:
        """The last sequence number stored."""
        return self.progress.cursor

    @property
    def written(self) -> Written:
        """Readings written since the start, replayed ones included."""
        return self.progress.written

    def skip(self, upto: int) -> int:
        """The journal has the records up to `upto` no more; how many of them were to be stored."""
        missed = max(0, upto - self._at) if self._at else 0
        self._at = self._least = max(self._least, upto)
        self.progress = replace(self.progress, cursor=max(self.cursor, upto), secured=max(self.progress.secured, upto))
        return missed

    async def run(self) -> None:
        """Write until cancelled. Raises StoreError when the store does (the supervisor restarts the task).

        After a restart it continues behind the last record it counted; the store skips what a failed write kept.
        """
        await self._blocking(self._begin)
        while True:
            records = await self._journal.wait(self._partition, self._at)
            if sum(_rows(record) for record in records) < MOST_ROWS and not self._behind(records):
                await asyncio.sleep(self._flush / SECOND)
                records = await self._journal.wait(self._partition, self._at)
            await self.write(_first_rows(records))

    def _begin(self) -> None:
        """In the store's thread."""
        if not self._learned:
            self._store.learn(self._kept)
            self._learned = True
        found, before = self._store.cursor(self._partition), self.progress
        self._at = max(self._least, min(self._at or found, found))
        secured = max(before.secured, self._store.secured(self._partition))
        self.progress = replace(before, cursor=before.cursor or self._at, secured=secured)

    def _behind(self, records: Sequence[Record]) -> bool:
        """True if the journal has more than one read returns: then no waiting for further records."""
        return records[-1].seq < self._journal.head(self._partition)

    async def write(self, records: Sequence[Record]) -> None:
        """Write rows and cursor in one transaction; in two when replay ends among `records`, so that they are
        counted separately."""
        old = sum(record.seq <= self._replay for record in records)
        for part in (records[:old], records[old:]):
            if part and (letters := await self._blocking(lambda part=part: self._write(part))):  # type: ignore[misc]
                await self._refuse(letters)

    @property
    def _replay(self) -> int:
        """Up to here it is written for the second time."""
        return max(self._began, self.progress.cursor)

    def _write(self, records: Sequence[Record]) -> Sequence[RefusedReading]:
        """In the store's thread, and counted there: a caller that was cancelled meanwhile must not lose the count."""
        result, last, before = self._store.write(self._partition, records), records[-1].seq, self.progress
        self._at = max(self._least, min(last, self._store.cursor(self._partition)))
        self.progress = Progress(
            max(before.cursor, last),
            before.written.plus(result),
            before.replayed.plus(result) if last <= self._replay else before.replayed,
            max(before.secured, self._store.secured(self._partition)),
        )
        return result.letters

    async def drain(self, upto: int) -> None:
        """Write all there is up to `upto` (shutdown)."""
        while self._at < upto:
            await self.write(_first_rows(await self._journal.wait(self._partition, self._at)))


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
