"""Recurring work of the running gateway: deadlines, release of journal records, deletion of old rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from gateway.app.commit import Committed
from gateway.app.in_force import ProjectInForce
from gateway.app.progress import Consumers
from gateway.app.stores import OpenStores
from gateway.app.threads import Threads
from gateway.desk import CHUNK, Desk
from gateway.domain.duration import DAY
from gateway.intake import ControlPump, Intake
from gateway.intake.plausible_file import PlausibilityFile
from gateway.journal.stats import JournalStats
from gateway.ports import Clock, SeriesStore
from gateway.registry import shorter
from gateway.scheduler import Scheduler
from gateway.store import blank_dead, delete_expired

ROOM = 0.75
"""Share of the journal that may be in use before it goes on without the stores beside the first."""
HISTORY = 30 * DAY  # settled deliveries, attempts and journaled facts are kept this long in SQL


def held_back(journal: JournalStats, secured: int) -> int:
    """Up to where the journal may delete records of which the stores beside the first have those up to `secured`. When
    it is nearly full it no longer waits for them: it deletes only what it needs room for."""
    return secured if journal.used_bytes < ROOM * journal.limit else journal.head


def _expire(store: SeriesStore, before: int, moments: Mapping[int, int]) -> bool:
    store.retain(before)
    return store.expire(moments)


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Its state is in tables only: the next run catches up on a missed one."""

    clock: Clock
    in_force: ProjectInForce
    stores: OpenStores
    threads: Threads
    desk: Desk
    intake: Intake
    pump: ControlPump
    consumers: Consumers
    committed: Committed
    plausible_file: PlausibilityFile

    def schedule(self, scheduler: Scheduler) -> None:
        """Schedule all of it."""
        scheduler.every(5, "deadlines", self.deadlines)
        scheduler.every(10, "release", self.release)
        scheduler.every(60, "plausible", self.save_plausibility)
        scheduler.every(600, "house", self.delete_old)
        scheduler.every(600, "statistics", self.refresh_statistics)
        scheduler.start()

    async def deadlines(self) -> None:
        """Fire the due deadlines of orders and alarms, in pieces: commands and transitions come between them."""
        while await self._fire_deadlines() >= CHUNK:
            pass
        await self.pump.pump()  # facts that a full journal refused when they were decided

    async def _fire_deadlines(self) -> int:
        applied = await self.threads.desk(lambda: self.desk.tick(self.clock.now()))
        self.committed(applied)
        return int(applied.fired)

    async def release(self) -> None:
        """Release the journal records that every consumer has passed; save new state texts."""
        stores = self.stores
        consumers = self.consumers
        floor = min(consumers.rules.committed, consumers.series.progress.secured, stores.snapshots.oldest())
        floor = min(floor, held_back(stores.journal.stats(), consumers.beside.secured(floor)))
        if floor:
            stores.journal.release(stores.partition, floor)
        await self.threads.desk(stores.sql.database.keep)
        await self.threads.desk(stores.registry.save_texts)

    async def save_plausibility(self) -> None:
        """Save what the next readings are compared with."""
        file, seq = self.plausible_file, self.intake.journaled_readings.newest
        if seq and not file.is_saved(seq):
            encoded = file.encoded(self.intake.plausibility, seq)
            await self.threads.desk(lambda: file.save(encoded, seq))

    async def refresh_statistics(self) -> None:
        """Keep the plans of queries right while tables grow."""
        await self.threads.desk(self.stores.sql.database.refresh_statistics)

    async def delete_old(self) -> None:
        """Delete rows that are too old. While the clock may be set far ahead by mistake, nothing is deleted."""
        if not self.intake.clock_is_trusted():
            return
        now, stores, sql = self.clock.now(), self.stores, self.stores.sql
        settings, old = self.in_force.settings, now - HISTORY
        await self.threads.series(lambda: stores.series.retain(now - settings.history.retention))
        for clean in (
            sql.deliveries.purge,
            sql.outbox.purge,
            partial(delete_expired, sql.database),
            partial(blank_dead, sql.database),
        ):
            await self.threads.desk(partial(clean, old))
        # Last, and a file at a time: what is written meanwhile must not wait long.
        moments = shorter(self.in_force.profiles.values(), stores.registry.contents().points, now)
        while self.intake.clock_is_trusted() and await self.threads.series(lambda: stores.series.expire(moments)):
            pass
        await self.consumers.beside.each(
            lambda name, store: partial(_expire, store, now - settings.stores[name].retention, moments)
        )
