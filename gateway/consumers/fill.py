"""The first store -> a store beside it: the history that the journal has no more.

A store that is new gets everything the first has; one that missed records gets it again. How far that is, is the cursor
of a partition of its own, in the same transaction as the rows: `round * ROUND + moment`, so that it goes on after a
restart. Writes from the journal wait while a piece is copied, as what is read must not be older than what is stored.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import structlog

from gateway.consumers.series import Refuse
from gateway.domain.duration import DAY, MINUTE, SECOND
from gateway.domain.errors import StoreError
from gateway.domain.reading import Batch, concat, empty_batch
from gateway.domain.record import Record
from gateway.domain.series import RefusedReading, SeriesStats, Written
from gateway.ports import Blocking

log = structlog.get_logger()
ROUND: Final = 1 << 52
"""µs; a moment is less (until 2112)."""
DONE: Final = ROUND - 1
MOST: Final = 50_000
"""Readings of a piece, about."""
FEWEST: Final = 500
"""Of a piece, after errors."""
FIRST: Final = MINUTE
WIDEST: Final = 32 * DAY
"""Time of the first piece, and of the widest."""
LOOK: Final = 0.2
"""Seconds between two looks whether the first store has caught up, and the shortest pause."""
LOOKS: Final = 10
RETRY: Final = 30.0
"""Seconds after an error."""


def partition_of(partition: int) -> int:
    """The partition whose cursor is the progress of filling."""
    return -1 - partition


class FillOrigin(Protocol):
    """The part of `SeriesStore` that is read."""

    def scan(self, start: int, end: int, devices: Sequence[int] | None = None) -> Iterator[Batch]:
        """See `SeriesStore.scan`."""

    def stats(self) -> SeriesStats:
        """See `SeriesStore.stats`."""


class Target(Protocol):
    """The part of `SeriesStore` that is written."""

    def cursor(self, partition: int) -> int:
        """See `SeriesStore.cursor`."""

    def write(self, partition: int, records: Sequence[Record]) -> Written:
        """See `SeriesStore.write`."""


@dataclass(frozen=True, slots=True)
class FirstStore:
    """The store that is read, its thread, and the record up to which it is written."""

    store: FillOrigin
    blocking: Blocking
    written: Callable[[], int]


class Fill:
    """Copies the history of `first` in order of time, a piece at a time, at most half of the time. `turn` is held
    while a piece is copied; `reached` is the record up to which the target is written from the journal."""

    def __init__(
        self,
        name: str,
        first: FirstStore,
        target: Target,
        blocking: Blocking,
        partition: int,
        *,
        reached: Callable[[], int],
        pause: Callable[[float], float] = lambda took: max(LOOK, took),
    ) -> None:
        self._name, self._first, self._target, self._blocking = name, first, target, blocking
        self._partition, self._reached, self._pause = partition_of(partition), reached, pause
        self.turn, self._wanted = asyncio.Lock(), asyncio.Event()
        self._most = MOST
        self._window, self._round, self._span = FIRST, -1, (0, 0)
        self.share = 0.0
        """Of the time that the history of the first store spans, 1 = all."""
        self.stored = 0
        """Readings that were new here, since the start."""

    async def again(self) -> None:
        """Begin from the oldest reading. On disk when it returns; raises StoreError."""

        def mark() -> None:
            number = self._target.cursor(self._partition) // ROUND + 1
            self._target.write(self._partition, [Record(number * ROUND, 0, empty_batch())])

        await self._blocking(mark)
        self.share = 0.0
        self._wanted.set()

    async def run(self, refuse: Refuse) -> None:
        """Until cancelled. Raises no StoreError: the writer of the journal's records reports that a store is away."""
        while True:
            self._wanted.clear()
            try:
                await self._all(refuse)
            except StoreError as error:
                self._most = max(FEWEST, self._most // 4)  # a slow server gets less at once
                log.info("filling a store waits", store=self._name, error=str(error))
                await asyncio.sleep(RETRY)
                continue
            await self._wanted.wait()

    async def _all(self, refuse: Refuse) -> None:
        clock = asyncio.get_running_loop().time
        while self.share < 1:
            async with self.turn:
                began = clock()
                letters = await self._piece() if await self._caught_up() else ()
            if letters:
                await refuse(letters)
            await asyncio.sleep(self._pause(clock() - began))

    async def _caught_up(self) -> bool:
        """The first store has all that this one has. Waits a little: nothing is written here meanwhile."""
        for _ in range(LOOKS):
            if self._first.written() >= self._reached():
                return True
            await asyncio.sleep(LOOK)
        return False

    async def _piece(self) -> Sequence[RefusedReading]:
        """Copy one, and count."""
        number, moment = divmod(await self._blocking(lambda: self._target.cursor(self._partition)), ROUND)
        if moment == DONE:
            self.share = 1.0
            return ()
        if number != self._round:
            stats = await self._first.blocking(self._first.store.stats)
            self._round, self._window, self._span = number, FIRST, (stats.first, stats.last + 1 if stats.rows else 0)
            log.info("a store gets the history of the first", store=self._name, count=stats.rows)
        oldest, end = self._span
        start = max(moment, oldest)
        stop = min(end, start + self._window)
        if start >= end:
            await self._write(number * ROUND + DONE, empty_batch())
            self.share = 1.0
            log.info("a store has the history of the first", store=self._name, count=self.stored)
            return ()
        rows, reached = await self._first.blocking(lambda: piece(self._first.store, start, stop, self._most))
        written = await self._write(number * ROUND + reached, rows)
        self.stored += written.stored
        self._most = min(MOST, 2 * self._most)
        self.share = min(0.999, (reached - oldest) / (end - oldest))
        self._window = min(WIDEST, 2 * self._window) if len(rows) < MOST / 4 else max(SECOND, reached - start)
        return written.letters

    async def _write(self, seq: int, rows: Batch) -> Written:
        def write() -> Written:
            return self._target.write(self._partition, [Record(seq, 0, rows)])

        written: Written = await self._blocking(write)
        return written


def piece(source: FillOrigin, start: int, stop: int, most: int = MOST) -> tuple[Batch, int]:
    """Readings from `start` on, and the moment before which they are complete: `stop`, or earlier where there are more
    than `most`."""
    found: list[Batch] = []
    count = 0
    for batch in source.scan(start, stop):
        found.append(batch)
        count += len(batch)
        if count >= most and (last := int(batch.at[-1])) > int(found[0].at[0]):
            whole = concat(found)
            return whole.select(np.flatnonzero(whole.at < last)), last
    return concat(found) if found else empty_batch(), stop
