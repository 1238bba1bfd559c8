"""Journal -> a store beside the one that is read. When it is away or slow, nobody waits for it.

It is opened in its own thread, and tried again until it can be. The journal keeps its records for it until it is three
quarters full (`gateway.app.housekeeping`); what is gone after that is counted, and copied from the first (`fill`).
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import structlog

from gateway.consumers.fill import Fill, FirstStore
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
        first: FirstStore | None = None,
    ) -> None:
        self.name, self.blocking = name, blocking
        self._open, self._journal, self._partition = open_, journal, partition
        self._kept, self._refuse, self._first = kept, refuse, first
        self.store: SeriesStore | None = None
        self._consumer: SeriesConsumer | None = None
        self._fill: Fill | None = None
        self.missed = 0
        """Records that the journal gave up before they were stored here, since the start."""

    @property
    def progress(self) -> Progress:
        """Nothing while it was never opened."""
        return self._consumer.progress if self._consumer is not None else Progress(0, NOTHING, NOTHING)

    @property
    def filled(self) -> float:
        """Share of the history of the first store that is here, 1 = all."""
        return self._fill.share if self._fill is not None else 0.0

    async def run(self) -> None:
        """Until cancelled. Raises StoreError when the store does."""
        if self._consumer is None:
            await self._opened()
        filling = None if self._fill is None else asyncio.create_task(self._fill.run(self._refuse))
        try:
            await self._follow()
        finally:
            if filling is not None:
                filling.cancel()
                await asyncio.gather(filling, return_exceptions=True)

    async def _opened(self) -> None:
        self.store = store = await self.blocking(self._open)
        if self._first is not None:
            self._fill = Fill(
                self.name,
                self._first,
                store,
                self.blocking,
                self._partition,
                reached=lambda: self.progress.cursor,
            )
        self._consumer = SeriesConsumer(
            self._journal, store, self._in_turn, self._partition, kept=self._kept, refuse=self._refuse
        )

    async def _in_turn(self, call: Callable[[], Any]) -> Any:
        if self._fill is None:
            return await self.blocking(call)
        async with self._fill.turn:
            return await self.blocking(call)

    async def _follow(self) -> None:
        assert self._consumer is not None
        while True:
            try:
                await self._consumer.run()
            except StoreError as error:
                if error.key != GONE:
                    raise
                floor = int(str(error.fields["floor"]))
                if self._fill is not None and self._consumer.progress.cursor:
                    await self._fill.again()
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
