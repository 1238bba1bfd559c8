"""`emit`: returns when the parcel is on disk. Parcels that arrive while a commit runs become one batch record."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Protocol

import numpy as np
import structlog
from msgspec import structs
from numpy.typing import NDArray

from gateway.domain.clocks import Timekeeper, clamp, mark_suspect, received_by
from gateway.domain.duration import SECOND, iso
from gateway.domain.errors import InvariantBroken, StoreError, StoreFull, StoreUnavailable
from gateway.domain.plausible import Plausibility, PlausibilityResult, PointLookup
from gateway.domain.reading import Batch, concat
from gateway.domain.record import (
    Body,
    ClockStep,
    Define,
    DeviceDefined,
    Fact,
    Parcel,
    PointDefined,
    Raw,
    Record,
    RecordKind,
    Tick,
)
from gateway.intake.balance import Balance, JournaledReadings
from gateway.intake.config import IntakeConfig
from gateway.intake.plausible_file import repeat
from gateway.intake.source_counts import SourceCounts, check_parcel
from gateway.intake.standing_changes import StandingChanges, with_readings
from gateway.ports import Append, Clock, Directory, PartitionedLog

log = structlog.get_logger()
GROUP_ROWS: Final = 65_536
"""Most readings of a batch record, unless one parcel alone has more."""
FULL_RETRY: Final = 0.25
"""Seconds between two tries while the journal is full."""


class Log(PartitionedLog, Protocol):
    """The journal, as intake uses it."""

    def last(self, partition: int, kind: RecordKind | None = None) -> Record | None:
        """The newest record of a kind (of any kind when None); None when there is none."""


class Points(Directory, PointLookup, Protocol):
    """The registry, as intake uses it."""


@dataclass(slots=True)
class _Waiting:
    parcel: Parcel
    done: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class _Group:
    """Several parcels as one append."""

    append: Append
    defines: Sequence[Define]
    rows: int
    clamped: Sequence[int]  # per parcel
    suspect: bool
    implausible: Sequence[int]  # per parcel
    judged: PlausibilityResult


class Intake:
    """Intake of one partition. All calls on one event loop, except where noted.

    `steady` is a monotonic clock in µs (None = `clock` is monotonic too). `on_step` is called with every step of
    `clock` once it is journaled; `steps` counts them, `last_step` is the newest and `stepped` µs when it was seen.
    """

    def __init__(
        self,
        journal: Log,
        directory: Points,
        clock: Clock,
        config: IntakeConfig | None = None,
        *,
        partition: int,
        steady: Callable[[], int] | None = None,
        tenant: str = "",
        on_step: Callable[[ClockStep], None] = lambda _: None,
    ) -> None:
        self.config = config or IntakeConfig()
        self.journal, self.clock, self.partition = journal, clock, partition
        self.steady = steady or clock.now
        self._directory, self._tenant = directory, tenant
        self.plausibility, self.standing = Plausibility(directory), StandingChanges()
        self._time = Timekeeper(_newest(journal, partition), self.config.ahead_limit, self.config.patience)
        self.watermark = self._time.mark
        self._on_step = on_step
        self.last_step: ClockStep | None = None
        self.stepped = 0
        self.steps = Counter[str](dict.fromkeys(("forward", "back", "waits"), 0))
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._ending = False
        self.failing: StoreError | None = None
        """Why the last append of a parcel failed; None = it did not."""
        self._last_start = float("-inf")
        self._counts: dict[str, SourceCounts] = {}
        self.journaled_readings = JournaledReadings()

    async def emit(self, parcel: Parcel) -> None:
        """Implements the port Emit. Raises StoreFull when there was no room for `full_wait`, StoreUnavailable when
        the journal cannot be written: then acknowledge nothing. A cancelled call may have been journaled."""
        check_parcel(parcel)
        loop = asyncio.get_running_loop()
        item = _Waiting(parcel, loop.create_future())
        self._counts.setdefault(parcel.source, SourceCounts()).arrive(parcel)
        self._waiting.append(item)
        if self._task is None:
            self._task = loop.create_task(self._flush(), name="intake")
        await item.done

    async def _flush(self) -> None:
        """Append what waits, group after group; ends when nothing waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                left = self._last_start + self.config.linger / SECOND - loop.time()
                if left > 0:
                    await asyncio.sleep(left)
                self._last_start = loop.time()
                await self._flush_group(self._take())
        finally:
            self._task = None

    def _take(self) -> list[_Waiting]:
        rows, count = 0, 0
        for item in self._waiting:
            rows += len(item.parcel.batch)
            if count and rows > GROUP_ROWS:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        if self._waiting:
            self._last_start = float("-inf")  # the rest need not linger
        return taken

    async def _flush_group(self, items: Sequence[_Waiting]) -> None:
        parcels = [item.parcel for item in items]
        try:
            await self.keep_time()
            group = self._merge(parcels)
            records = await self._append_with_retry(group.append)
            self._directory.journaled(group.defines)
            self._keep(parcels, group, records)
        except BaseException as error:
            # Every emit of the group gets the error; a cancelled flush (shutdown) leaves them unacknowledged.
            for item in items:
                self._counts[item.parcel.source].refuse(item.parcel)
                if not item.done.done():
                    item.done.set_exception(error) if isinstance(error, Exception) else item.done.cancel()
            if not isinstance(error, Exception):
                raise
        else:
            for item in items:
                if not item.done.done():
                    item.done.set_result(None)

    def _merge(self, parcels: Sequence[Parcel]) -> _Group:
        now = self.clock.now()
        suspect = self.watermark.observe(now)
        batch = received_by(concat([parcel.batch for parcel in parcels]), now)
        batch, wrong = clamp(batch, self.config.ahead_limit)
        batch = self.standing.apply(batch)
        judged = self.plausibility.judge(batch)
        batch = self.standing.put_back(judged.batch) if judged.again else judged.batch
        if suspect and len(batch):
            batch = mark_suspect(batch)
        ends = list(accumulate(len(parcel.batch) for parcel in parcels))
        clamped, implausible = _per_parcel(wrong, ends), _per_parcel(judged.hits, ends)
        defines = tuple(self._directory.pending(batch)) if len(batch) else ()
        bodies: list[Body] = [*defines]
        if len(batch):
            bodies.append(batch)
        bodies += [self._bounded(raw) for parcel in parcels for raw in (*parcel.rejected, *parcel.partial)]
        receipts = tuple(parcel.receipts for parcel in parcels if parcel.receipts is not None)
        return _Group(Append(tuple(bodies), receipts), defines, len(batch), clamped, suspect, implausible, judged)

    def _bounded(self, raw: Raw) -> Raw:
        size, most = len(raw.payload), self.config.raw_payload
        if size <= most:
            return structs.replace(raw, tenant=self._tenant)
        detail = f"{raw.detail}; " if raw.detail else ""
        detail = f"{detail}{most} of {size} bytes kept"
        return structs.replace(raw, payload=raw.payload[:most], detail=detail, tenant=self._tenant)

    async def _append_with_retry(self, append: Append) -> tuple[Record, ...]:
        """Retry while the disk is full; nothing is acknowledged meanwhile, so sources wait (back-pressure)."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.config.full_wait / SECOND
        while True:
            try:
                records = await self.journal.append(self.partition, append, self.clock.now())
                self.failing = None
                return records
            except (StoreFull, StoreUnavailable) as error:
                if error.closed:
                    raise
                self.failing = error
                if self._ending or loop.time() + FULL_RETRY > until:
                    raise
            await asyncio.sleep(FULL_RETRY)

    def _keep(self, parcels: Sequence[Parcel], group: _Group, records: Sequence[Record]) -> None:
        kept = sum(len(record.body) for record in records if isinstance(record.body, Batch))
        if kept != group.rows or len(records) != len(group.append.bodies):
            raise InvariantBroken(f"intake appended {group.rows} readings, the journal kept {kept}")
        for record in records:
            if isinstance(record.body, Batch):
                self.journaled_readings.add(record.seq, len(record.body))
        self.plausibility.keep(group.judged)
        if group.judged.again:
            self._count_own("spikes", group.judged.again)
        for parcel, clamped, implausible in zip(parcels, group.clamped, group.implausible, strict=True):
            self._counts[parcel.source].keep(
                parcel, rows=len(parcel.batch), clamped=clamped, suspect=group.suspect, implausible=implausible
            )
        for source in {parcel.source for parcel in parcels}:
            self._counts[source].snapshot().check()

    async def keep_time(self) -> None:
        """Check the clock; a step of it is journaled before any later record. Raises StoreError."""
        found = self._time.check(self.clock.now(), self.steady())
        if not found:
            return
        try:
            await self._append_with_retry(Append(found))
        except StoreError:
            self._time.undo()
            raise
        step = found[-1]
        assert isinstance(step, ClockStep), "a step comes last"
        kind = "waits" if step.waits else "back" if step.goes_back else "forward"
        self.steps[kind] += 1
        log.warning(
            "the clock was set",
            before=iso(step.frm),
            now=iso(step.to),
            timers="wait until it has caught up" if step.waits else "go on at the new time",
        )
        if step.goes_back:
            self.plausibility.reset()
        self.last_step, self.stepped = step, self.clock.now()
        self._on_step(step)

    def clock_is_trusted(self) -> bool:
        """True when retention may delete by this clock. See `Timekeeper`."""
        return self._time.trusted(self.steady())

    async def drain(self) -> None:
        """Returns when no parcel waits; parcels that the journal does not take are given back. Called at the end,
        after the sources have stopped."""
        self._ending = True
        while self._task is not None:
            await asyncio.wait([self._task])

    async def fact(self, fact: Fact, actor: str = "") -> int:
        """Journal a fact; returns its sequence number. `actor` is put into facts that name one and have none yet.

        Raises StoreFull, StoreUnavailable.
        """
        return (await self.facts([fact], actor))[0]

    async def facts(self, facts: Sequence[Fact], actor: str = "") -> list[int]:
        """Journal facts together, in order; returns their sequence numbers. Corrected readings follow their fact as a
        batch; corrections and exchanges of meters apply to all readings that come later."""
        signed = [
            structs.replace(fact, actor=actor) if actor and getattr(fact, "actor", None) == "" else fact
            for fact in facts
        ]
        records = await self.append(Append(tuple(with_readings(signed, self._directory.pending))))
        self._directory.journaled([one.body for one in records if isinstance(one.body, DeviceDefined | PointDefined)])
        for record in records:
            repeat(self.plausibility, record)
            if isinstance(record.body, Batch):
                self.journaled_readings.add(record.seq, len(record.body))
                self._count_own("corrections", len(record.body))
        self.standing.take(facts)
        return [one.seq for one in records if not isinstance(one.body, Batch | DeviceDefined | PointDefined)]

    def _count_own(self, source: str, rows: int) -> None:
        """Count readings that the gateway itself wrote: they are in the balance as those of a source."""
        self._counts.setdefault(source, SourceCounts()).own(rows)

    async def append(self, append: Append) -> tuple[Record, ...]:
        """Journal small records at once, before the parcels that wait: facts and ticks never queue behind readings."""
        await self.keep_time()
        now = self.clock.now()
        self.watermark.observe(now)
        return await self.journal.append(self.partition, append, now)

    async def dead_letters(self, raws: Sequence[Raw]) -> None:
        """Journal dead letters of a consumer, for rows it could not use. They do not count as messages of a source."""
        await self.append(Append(tuple(self._bounded(raw) for raw in raws)))

    def sources(self) -> list[str]:
        """Names of the sources that emitted something."""
        return sorted(self._counts)

    def balance(self, source: str = "") -> Balance:
        """Balance of one source, or of all; checked."""
        chosen = [self._counts[source]] if source in self._counts else [] if source else self._counts.values()
        total = sum((counts.snapshot() for counts in chosen), Balance())
        total.check()
        return total


def _per_parcel(rows: NDArray[np.bool_] | None, ends: Sequence[int]) -> list[int]:
    """Marked rows per parcel; `ends` are the rows at which the parcels end."""
    if rows is None:
        return [0] * len(ends)
    return [int(rows[a:b].sum()) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _newest(journal: Log, partition: int) -> int:
    """The newest time in the journal: ticks never go back, records after the last tick may be newer. 0 = empty."""
    head, tick = journal.last(partition), journal.last(partition, RecordKind.TICK)
    at = head.at if head else 0
    return max(at, tick.body.at) if tick and isinstance(tick.body, Tick) else at
