"""Ticks: the engine time. One per second, more often while a timer is due; at most one waits."""

import asyncio
import heapq
from typing import Final

import structlog

from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.errors import StoreError
from gateway.domain.record import Down, RecordKind, Tick
from gateway.intake.intake import Intake
from gateway.ports import Append

log = structlog.get_logger()

HORIZON: Final = 10 * MINUTE
"""Timers further away than this need no tick of their own."""
QUIET: Final = 30
"""Ordinary intervals per tick while nothing comes and no timer is due: each tick makes three stores flush."""
EMPTY: Final = 3
"""Ticks without other records after which ticks become rare: consumers have updated their cursors by then."""


class Cadence:
    """Time of the next tick, µs. Pure. `now` is the gateway's clock, `steady` a monotonic one.

    Ordinary ticks come every `every`; requested ones not before they are due, rounded up to a multiple of `spacing`, so
    that timers close together share a tick and any number of requests stays bounded.
    """

    def __init__(self, every: int, spacing: int) -> None:
        self._every, self._spacing = every, spacing
        self._requested: list[int] = []
        self._requested_slots: set[int] = set()
        self._reached = 0
        self._last: int | None = None
        self._skipped = 0

    def request(self, due: int, now: int) -> bool:
        """Request a tick at `due` µs; True when it is now the earliest requested one."""
        slot = -(-due // self._spacing) * self._spacing
        if due <= self._reached or due - now > HORIZON or slot in self._requested_slots:
            return False
        self._requested_slots.add(slot)
        heapq.heappush(self._requested, slot)
        return self._requested[0] == slot

    def wait(self, now: int, steady: int) -> int:
        """µs until the next tick; never longer than `every`, also after a step of the clock."""
        if self._last is None:
            return 0
        left = self._last + self._every - steady
        if self._requested:
            left = min(left, max(self._requested[0] - now, self._last + self._spacing - steady))
        return min(max(left, 0), self._every)

    def is_due(self, now: int) -> bool:
        """True when a timer is due, or the last tick was long ago, though no record came."""
        return self._skipped + 1 >= QUIET or (bool(self._requested) and self._requested[0] <= now)

    def skip(self, steady: int) -> None:
        """Leave out a due tick that is not needed."""
        self._last, self._skipped = steady, self._skipped + 1

    def ticked(self, at: int, steady: int) -> None:
        """A tick moved engine time to `at`. Requests from before a step back are dropped; the engine repeats them."""
        self._skipped = 0
        if at < self._reached:
            self._requested.clear()
            self._requested_slots.clear()
        self._last, self._reached = steady, at
        while self._requested and self._requested[0] <= at:
            self._requested_slots.discard(heapq.heappop(self._requested))


class Ticker:
    """Appends ticks until cancelled; few while no records come. `missed` counts ticks that the journal did not take."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._cadence = Cadence(intake.config.tick, intake.config.tick_spacing)
        self._sooner = asyncio.Event()
        self.failing: StoreError | None = None
        """Why the last tick failed; None = it did not."""
        self.missed = 0
        self.last = Tick(0)
        self._head = self._empty = 0

    async def start(self) -> None:
        """Journal the time the gateway was down (unless the journal is empty), then tick once. Called before any
        source starts."""
        intake = self._intake
        head = intake.journal.last(intake.partition)
        tick = intake.journal.last(intake.partition, RecordKind.TICK)
        downs: tuple[Down, ...] = ()
        if head is not None:
            last = tick.body.at if tick is not None and isinstance(tick.body, Tick) else head.at
            downs = (Down(last, max(last, intake.clock.now())),)
        await self._tick(downs)

    async def run(self) -> None:
        """Append ticks until cancelled. When the journal refuses a tick, the next one tries again."""
        while True:
            self._sooner.clear()
            wait = self._cadence.wait(self._intake.clock.now(), self._intake.steady())
            if wait > 0:
                try:
                    async with asyncio.timeout(wait / SECOND):
                        await self._sooner.wait()
                    continue  # an earlier tick was requested
                except TimeoutError:
                    pass
            try:
                await self.tick_if_needed()
            except StoreError as error:
                self._missed(error)

    async def tick_if_needed(self) -> bool:
        """Append the due tick, or skip it while no records come; True if one was appended. Raises StoreError."""
        if not await self._needed():
            self._cadence.skip(self._intake.steady())
            return False
        await self._tick()
        self._recovered()
        return True

    async def _needed(self) -> bool:
        """False while no records come, the clock is in order and no timer is due."""
        intake = self._intake
        await intake.keep_time()
        quiet = self._empty >= EMPTY and intake.journal.head(intake.partition) == self._head
        return not quiet or self.last.suspect or self.failing is not None or self._cadence.is_due(intake.clock.now())

    def _recovered(self) -> None:
        if self.failing is not None:
            log.info("ticks go on", missed=self.missed)
        self.failing = None

    def _missed(self, error: StoreError) -> None:
        self.missed += 1
        self._cadence.ticked(self._intake.clock.now(), self._intake.steady())
        if self.failing is None:
            log.error("the journal takes no tick: timers stand still", error=error)
        self.failing = error

    async def _tick(self, before: tuple[Down, ...] = ()) -> None:
        intake = self._intake
        await intake.keep_time()
        suspect = intake.watermark.observe(intake.clock.now())
        tick = Tick(intake.watermark.newest, suspect)
        nothing = intake.journal.head(intake.partition) == self._head
        (*_, record) = await intake.append(Append((*before, tick)))
        self._head, self._empty = record.seq, self._empty + 1 if nothing else 0
        self._cadence.ticked(tick.at, intake.steady())
        self.last = tick

    def tick_at(self, due_at: int) -> None:
        """Append a tick when the timer is due at `due_at` (µs), not up to a second later. On the event loop."""
        if self._cadence.request(due_at, self._intake.clock.now()):
            self._sooner.set()
