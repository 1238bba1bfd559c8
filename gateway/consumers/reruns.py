"""Stored history requested by the rule engine: read from the series store and answered by a journaled Rerun fact."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import msgspec
import structlog

from gateway.domain.errors import WorkerFailed
from gateway.domain.history_request import HistoryJob, HistoryRequest
from gateway.domain.reading import Batch, concat, encode_batch
from gateway.domain.record import Fact, Rerun
from gateway.ports import Blocking, RuleEngine, SeriesStore

log = structlog.get_logger()
MOST_ROWS = 500_000  # of one device: the record that holds them must fit the journal
MOST_OF_GROUP = 4_000_000
END = 1 << 62
MOST_IMAGE = 64 * 1024 * 1024
FEW = 50_000  # rows that are not worth a process of their own
PAUSE = 0.05  # s between two looks at how far the store has come


class WantedHistory(Protocol):
    """The rules consumer: history requested as of record `judged`. `requested` is set while there are requests."""

    judged: int
    requested: asyncio.Event

    @property
    def wanted(self) -> tuple[HistoryRequest, ...]:
        """Open requests for history, oldest first."""


class LookbackWorker(Protocol):
    """Evaluates history in another process."""

    async def feed(self, history: Batch) -> None:
        """Send readings, sorted by time over all calls. Raises WorkerFailed."""

    async def image(self) -> bytes:
        """State after the history, encoded for the engine; ends the worker. Raises WorkerFailed."""

    async def stop(self) -> None:
        """End the worker in any state."""


class StoredSeries(Protocol):
    """The series consumer."""

    @property
    def cursor(self) -> int:
        """The last record stored."""


class Reruns:
    """Answers one request at a time. A request that a crash left open is in the engine's snapshot and made again.

    Readings after `until` µs are left out: they come from a clock that was ahead.
    """

    def __init__(
        self,
        rules: WantedHistory,
        engine: RuleEngine,
        series: StoredSeries,
        store: SeriesStore,
        *,
        rules_thread: Blocking,
        series_thread: Blocking,
        journal: Callable[[Sequence[Fact]], Awaitable[list[int]]],
        worker: Callable[[bytes], Awaitable[LookbackWorker]],
        until: Callable[[], int] = lambda: END,
    ) -> None:
        self._rules, self._engine, self._series, self._store = rules, engine, series, store
        self._rules_thread, self._series_thread, self._journal = rules_thread, series_thread, journal
        self._worker, self._until = worker, until
        self._under_way: HistoryRequest | None = None
        self.upto = 0  # the record of the newest answer: before it is judged, what is wanted is old news
        self.answered = 0

    @property
    def idle(self) -> bool:
        """True if there is no open request."""
        return not self._rules.wanted and self._under_way is None and self._rules.judged >= self.upto

    def settled(self, seq: int) -> bool:
        """True if all requests made up to record `seq` are answered and the answers evaluated."""
        under_way = self._under_way
        open_ = self._rules.wanted if under_way is None else (under_way, *self._rules.wanted)
        return all(one.seq > seq for one in open_) and self._rules.judged >= self.upto

    async def run(self) -> None:
        """Answer requests until cancelled. Starts when the engine has stepped the journal, which may contain the
        answers."""
        while True:
            wanted = self._rules.wanted
            if self._rules.judged < self.upto:
                await asyncio.sleep(PAUSE)
            elif not wanted:
                self._rules.requested.clear()
                await self._rules.requested.wait()
            elif self._series.cursor < wanted[0].seq:
                await asyncio.sleep(PAUSE)  # the store does not have all of it yet
            else:
                await self._answer(wanted[0])

    async def _answer(self, wanted: HistoryRequest) -> None:
        self._under_way = wanted
        try:
            fact = await (self._look_back(wanted) if wanted.rule else self._history(wanted))
            (self.upto,) = await self._journal([fact])
        finally:
            self._under_way = None
        self.answered += 1

    async def _history(self, wanted: HistoryRequest) -> Rerun:
        found: Batch | None = await self._series_thread(partial(self._look_up, wanted))
        if found is None:
            log.warning("too much history for a second look", device=wanted.device, since=wanted.since)
        blob = encode_batch(found) if found is not None and len(found) else b""
        return Rerun(wanted.seq, wanted.device, since=wanted.since, history=blob)

    def _look_up(self, wanted: HistoryRequest) -> Batch | None:
        """Read the history, in the series thread."""
        parts, rows = [], 0
        for part in self._chunks(wanted, wanted.devices or (wanted.device,)):
            parts.append(part)
            rows += len(part)
            if rows > MOST_ROWS:
                return None
        return concat(parts)

    async def _look_back(self, wanted: HistoryRequest) -> Rerun:
        """Evaluate the history while the engine continues; it buffers the records for this rule or group until the
        answer comes."""
        nothing = Rerun(wanted.seq, rule=wanted.rule, since=wanted.since, group=wanted.group)
        try:
            job: HistoryJob = await self._rules_thread(partial(self._engine.warmup_job, wanted))
        except KeyError:
            return nothing  # deleted since
        about = {"rule": wanted.rule, "group": wanted.group, "devices": len(job.devices)}
        upto = max(self._series.cursor, wanted.seq)
        try:
            image, rows = await self._image(job, self._chunks(wanted, job.devices), bool(wanted.group))
        except WorkerFailed as failure:
            log.warning("history could not be judged", reason=str(failure), **about)
            return nothing
        if len(image) > MOST_IMAGE or (wanted.group and rows > MOST_OF_GROUP):
            log.warning("too much history for a second look", readings=rows, **about)
            return nothing
        log.info("history judged", readings=rows, **about)
        return msgspec.structs.replace(nothing, image=image, upto=upto)

    async def _image(self, job: HistoryJob, chunks: Iterator[Batch], group: bool) -> tuple[bytes, int]:
        """(image, rows): little history is evaluated in another thread, much in another process."""
        held: list[Batch] = []
        rows, worker = 0, None
        try:
            while (chunk := await self._series_thread(partial(next, chunks, None))) is not None:
                rows += len(chunk)
                held.append(chunk)
                if group and rows > MOST_OF_GROUP:
                    return b"", rows
                if worker is None and rows > FEW:
                    worker = await self._worker(job.input)
                if worker is not None:
                    for one in held:
                        await worker.feed(one)
                    held = []
            if not rows:
                return b"", 0
            if worker is not None:
                return await worker.image(), rows
            return await asyncio.to_thread(_fed, job, held), rows
        finally:
            if worker is not None:
                await worker.stop()

    def _chunks(self, wanted: HistoryRequest, devices: Sequence[int]) -> Iterator[Batch]:
        """Batches of the history; each `next` runs in the series thread."""
        if devices:
            yield self._store.before(wanted.start, devices)
            yield from self._store.scan(wanted.start, self._until(), devices)


def _fed(job: HistoryJob, history: Sequence[Batch]) -> bytes:
    for one in history:
        job.feed(one)
    return job.image()
