"""The stores of readings beside the one that is read: started, stopped and looked after without waiting for them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import merge
from typing import Final

import structlog

from gateway.adapters import SERIES
from gateway.app.stores import OpenStores
from gateway.app.threads import Threads
from gateway.consumers import SeriesConsumer, StoreBeside
from gateway.consumers.fill import FirstStore
from gateway.consumers.series import Refuse
from gateway.domain.errors import StoreError
from gateway.domain.record import Raw, Record, RecordKind
from gateway.domain.series import RefusedReading
from gateway.intake import Intake
from gateway.ports import Clock, SeriesStore
from gateway.settings.model import Settings
from gateway.supervisor import Supervisor

log = structlog.get_logger()
RETRY: Final = 30.0
"""Seconds between two tries, at most."""
KEPT: Final = 5_000
"""Records per read of the journal."""


def task(name: str) -> str:
    """Its name with the supervisor."""
    return f"series.{name}"


@dataclass(frozen=True, slots=True)
class StoresBeside:
    """By name. All on the event loop."""

    stores: Mapping[str, StoreBeside]

    def start(self, supervisor: Supervisor) -> None:
        """Each in a task of its own."""
        for name, store in self.stores.items():
            supervisor.start(task(name), store.run, longest=RETRY)

    async def stop(self, supervisor: Supervisor, head: int) -> None:
        """Write up what there is, for a short while."""
        if self.stores:
            await supervisor.stop(*map(task, self.stores))
        await asyncio.gather(*(store.drain(head) for store in self.stores.values()))

    async def close(self) -> None:
        """After `stop`."""
        await asyncio.gather(*(store.close() for store in self.stores.values()))

    def secured(self, most: int) -> int:
        """Newest record that all of these stores keep durably, `most` when there are none."""
        return min((store.progress.secured for store in self.stores.values()), default=most)

    async def each(self, work: Callable[[str, SeriesStore], Callable[[], bool]]) -> None:
        """`work` in the thread of each that is open, again while it returns True. One that fails is passed over."""

        async def one(name: str, beside: StoreBeside) -> None:
            try:
                while beside.store is not None and await beside.blocking(work(name, beside.store)):
                    pass
            except StoreError as error:
                log.info("a store did not take an order to delete: the next one will", store=name, error=str(error))

        await asyncio.gather(*(one(name, beside) for name, beside in self.stores.items()))


def stores_beside(
    settings: Settings, stores: OpenStores, threads: Threads, intake: Intake, clock: Clock, series: SeriesConsumer
) -> StoresBeside:
    """The further stores of the configuration; opens none. They get their history from the first, which `series`
    writes."""
    first = FirstStore(stores.series, threads.series, lambda: series.cursor)
    return StoresBeside(
        {
            name: StoreBeside(
                name,
                partial(SERIES[config.type].build, settings.data_dir, config, clock),
                stores.journal,
                threads.store(name),
                stores.partition,
                kept=partial(kept, stores),
                refuse=refuse(name, intake, clock),
                first=first,
            )
            for name, config in settings.stores.items()
            if name != stores.name
        }
    )


def refuse(name: str, intake: Intake, clock: Clock) -> Refuse:
    """Journals rows that the store `name` will never accept."""

    async def dead(letters: Sequence[RefusedReading]) -> None:
        log.warning(
            "a store refused readings: they are dead letters", store=name, count=len(letters), detail=letters[0].detail
        )
        now = clock.now()
        await intake.dead_letters(
            [Raw(task(name), one.address, "store_refused", one.payload, now, one.detail) for one in letters]
        )

    return dead


def kept(stores: OpenStores) -> list[Record]:
    """Definitions and facts of the journal, in order. Blocking."""
    found: list[list[Record]] = []
    for kind in (RecordKind.DEFINE, RecordKind.FACT):
        some: list[Record] = []
        while more := stores.journal.kept(kind, some[-1].seq if some else 0, KEPT):
            some += more
        found.append(some)
    return list(merge(*found, key=lambda record: record.seq))
