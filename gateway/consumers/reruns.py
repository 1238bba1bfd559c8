"""Stored history for what the rule engine asks: looked up in the series store, answered by a journaled Rerun fact."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import structlog

from gateway.domain.reading import Batch, concat, encode_batch
from gateway.domain.record import Fact, Rerun
from gateway.domain.wanted import Wanted, Warming
from gateway.ports import Judge, SeriesStore

log = structlog.get_logger()
Blocking = Callable[[Callable[[], Any]], Awaitable[Any]]
MOST_ROWS = 500_000  # of one device or group: the record that holds them must fit the journal
MOST_IMAGE = 64 * 1024 * 1024
END = 1 << 62
PAUSE = 0.05  # s between two looks at how far the store has come


class Wants(Protocol):
    """The rules consumer: what the engine wants as of record `judged`."""

    judged: int
    wanted: tuple[Wanted, ...]


class Stored(Protocol):
    """The series consumer."""

    @property
    def cursor(self) -> int:
        """The last record stored."""


class Reruns:
    """One request after another. A request that a crash left open is in the engine's snapshot, and asked again."""

    def __init__(
        self, rules: Wants, engine: Judge, series: Stored, store: SeriesStore, *, rules_thread: Blocking,
        series_thread: Blocking, journal: Callable[[Sequence[Fact]], Awaitable[list[int]]],
    ) -> None:  # fmt: skip
        self._rules, self._engine, self._series, self._store = rules, engine, series, store
        self._rules_thread, self._series_thread, self._journal = rules_thread, series_thread, journal
        self._more = asyncio.Event()
        self._under_way: Wanted | None = None
        self.upto = 0  # the record of the newest answer: before it is judged, what is wanted is old news
        self.answered = 0

    def wake(self) -> None:
        """Something is wanted."""
        self._more.set()

    @property
    def idle(self) -> bool:
        """Nothing is wanted, and nothing under way."""
        return not self._rules.wanted and self._under_way is None and self._rules.judged >= self.upto

    def settled(self, seq: int) -> bool:
        """Is all answered, and judged again, that was asked up to record `seq`?"""
        under_way = self._under_way
        open_ = self._rules.wanted if under_way is None else (under_way, *self._rules.wanted)
        return all(one.seq > seq for one in open_) and self._rules.judged >= self.upto

    async def run(self) -> None:
        """Answer, until cancelled. Begin when the engine has judged the journal: it may hold the answers."""
        while True:
            wanted = self._rules.wanted
            if self._rules.judged < self.upto:
                await asyncio.sleep(PAUSE)
            elif not wanted:
                self._more.clear()
                await self._more.wait()
            elif self._series.cursor < wanted[0].seq:
                await asyncio.sleep(PAUSE)  # the store does not have all of it yet
            else:
                await self._answer(wanted[0])

    async def _answer(self, wanted: Wanted) -> None:
        self._under_way = wanted
        try:
            fact = await (self._history(wanted) if wanted.about else self._rule(wanted))
            (self.upto,) = await self._journal([fact])
        finally:
            self._under_way = None
        self.answered += 1

    async def _history(self, wanted: Wanted) -> Rerun:
        found: Batch | None = await self._series_thread(partial(self._look_up, wanted))
        if found is None:
            log.warning(
                "too much history for a second look", device=wanted.device, rule=wanted.rule, group=wanted.group,
                since=wanted.since,
            )  # fmt: skip
        blob = encode_batch(found) if found is not None and len(found) else b""
        return Rerun(wanted.seq, wanted.device, wanted.rule, wanted.since, blob, group=wanted.group)

    def _look_up(self, wanted: Wanted) -> Batch | None:
        """In the series thread."""
        devices = wanted.about
        parts, rows = [self._store.before(wanted.start, devices)], 0
        for part in self._store.scan(wanted.start, END, devices):
            parts.append(part)
            rows += len(part)
            if rows > MOST_ROWS:
                return None
        return concat(parts)

    async def _rule(self, wanted: Wanted) -> Rerun:
        """The engine goes on meanwhile; what it hears for this rule it keeps until the answer comes."""
        nothing = Rerun(wanted.seq, rule=wanted.rule)
        try:
            warmer: Warming = await self._rules_thread(partial(self._engine.warmer, wanted))
        except KeyError:
            return nothing  # deleted since
        rows = 0
        chunks = self._chunks(wanted, warmer.devices)
        while (chunk := await self._series_thread(partial(next, chunks, None))) is not None:
            rows += len(chunk)
            await asyncio.to_thread(warmer.feed, chunk)
        if not rows:
            return nothing
        image = await asyncio.to_thread(warmer.image)
        log.info("rule warmed up", rule=wanted.rule, devices=len(warmer.devices), readings=rows)
        return Rerun(wanted.seq, rule=wanted.rule, image=image) if len(image) <= MOST_IMAGE else nothing

    def _chunks(self, wanted: Wanted, devices: Sequence[int]) -> Iterator[Batch]:
        """In the series thread, each `next` of it."""
        if devices:
            yield self._store.before(wanted.start, devices)
            yield from self._store.scan(wanted.start, END, devices)
