"""Journal -> a store beside the one that is read. When it is away or slow, nobody waits for it.

It is opened in its own thread, and tried again until it can be. The journal keeps its records for it until half of the
journal is full (`gateway.app.housekeeping`); what is gone after that is counted, and missing in this store alone.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import structlog

from gateway.consumers.series import NOTHING, Progress, Refuse, SeriesConsumer
from gateway.domain.errors import StoreError
from gateway.domain.record import Record
from gateway.ports import Blocking, PartitionedLog, SeriesStore

log = structlog.get_logger()
GONE: Final = "journal.gone"
DRAIN: Final = 3.0
"""Seconds it may take at a stop; the rest comes at the next start."""


class StoreBeside:
    """`open_` raises StoreError while the store cannot be opened."""

    def __init__(
        self,
        name: str,
        open_: Callable[[], SeriesStore],
        journal: PartitionedLog,
        blocking: Blocking,
        partition: int,
        *,
        kept: Callable[[], Iterable[Record]],
        refuse: Refuse,
    ) -> None:
        self.name, self.blocking = name, blocking
        self._open, self._journal, self._partition = open_, journal, partition
        self._kept, self._refuse = kept, refuse
        self.store: SeriesStore | None = None
        self._consumer: SeriesConsumer | None = None
        self.missed = 0
        """Records that the journal gave up before they were stored here, since the start."""

    @property
    def progress(self) -> Progress:
        """Nothing while it was never opened."""
        return self._consumer.progress if self._consumer is not None else Progress(0, NOTHING, NOTHING)

    async def run(self) -> None:
        """Until cancelled. Raises StoreError when the store does."""
        if self._consumer is None:
            self.store = await self.blocking(self._open)
            self._consumer = SeriesConsumer(
                self._journal, self.store, self.blocking, self._partition, kept=self._kept, refuse=self._refuse
            )
        while True:
            try:
                await self._consumer.run()
            except StoreError as error:
                if error.key != GONE:
                    raise
                floor = int(str(error.fields["floor"]))
                if missed := self._consumer.skip(floor):
                    self.missed += missed
                    log.error("a store misses records that the journal has given up", store=self.name, count=missed)

    async def drain(self, upto: int) -> None:
        """Write the remaining records, for a limited time. Raises no error of the store."""
        if self._consumer is None:
            return
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(DRAIN):
                await self._consumer.drain(upto)

    async def close(self) -> None:
        """After `run` has ended."""
        if self.store is not None:
            with suppress(StoreError):
                await self.blocking(self.store.close)
