"""Rows of a query -> parcels; how far it was read is saved when the journal has the rows."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from gateway.adapter_ports import SourceServices
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricSample, by_label
from gateway.ports import Emit
from protocols.mapping.mapper import Mapper
from protocols.mapping.message_stats import MessageStats
from protocols.mapping.read_messages import ReadMessage, emit_mapped
from protocols.mapping.unused_log import UnusedEntry, UnusedLog
from protocols.sql_query.config import SqlQueryConfig
from protocols.sql_query.database import DatabaseAway, QueryRefused, QueryRun
from protocols.sql_query.position import QueryRow, UnusableCursor
from protocols.sql_query.position_file import PositionFile, StoredProgress
from protocols.sql_query.schedule import due_around, retry_pause
from protocols.sql_query.worker import QueryWorker

if TYPE_CHECKING:
    from sqlalchemy import Engine

T = TypeVar("T")
GRACE: Final = 15.0
"""Seconds beyond `timeout` after which a call is given up: time to connect, and for the database to end it itself."""
_PIECE: Final = 1000
"""Rows of one parcel: mapping them does not hold up the event loop."""
_SAVED_EVERY: Final = 2.0
"""Seconds between two savings of the position within a run."""
_MOST_LOST: Final = 4
"""Threads that may hang at one time; with more the query is not run."""
log = structlog.get_logger()


class SqlQuerySource:
    """One query of one database. Its calls run in a thread of their own, each bounded in time."""

    def __init__(self, name: str, config: SqlQueryConfig, engine: "Engine", services: SourceServices) -> None:
        self.stats = MessageStats()
        self._name, self._config, self._engine, self._services = name, config, engine, services
        self._mapper = self._made()
        self._file = self._file_of(config)
        self._progress: StoredProgress | None = None
        self._on_disk: StoredProgress | None = None
        self._worker: QueryWorker | None = None
        self._lost = 0
        self._trouble: Phrase | None = Phrase("source.waiting")
        self._failures, self._runs, self._took = 0, 0, 0.0
        self._failed_runs = 0
        self._next = 0.0
        self._saved = 0.0

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    def samples(self) -> Iterator[MetricSample]:
        """Values of `SOURCE_METRICS` and the families of its adapter, now."""
        yield from self.stats.samples()
        yield from by_label("sql_runs", ("whole", self._runs), ("failed", self._failed_runs))
        yield MetricSample("sql_last_seconds", self._took)

    def unused(self) -> list[tuple[str, UnusedEntry]]:
        """What rows held that nobody used since the start: (the route's filter, what was counted)."""
        return self.stats.unused.by_filter([route.filter for route in self._config.routes])

    def trouble(self) -> Phrase | None:
        """The last run failed, or none was made yet."""
        return self._trouble

    def use(self, config: SqlQueryConfig, engine: "Engine", services: SourceServices) -> bool:
        """From now on this configuration, on the event loop of `run`; True: `run` must start again."""
        before, self._config, self._engine, self._services = self._config, config, engine, services
        self._mapper = self._made()
        self._file = self._file_of(config)
        self.stats.misfits, self.stats.unused = 0, UnusedLog()  # routes are counted by their place
        return before.model_dump(exclude={"routes"}) != config.model_dump(exclude={"routes"})

    def _made(self) -> Mapper:
        services = self._services
        return Mapper(self._name, self._config, services.directory, services.as_sent, services.retention)

    def _file_of(self, config: SqlQueryConfig) -> PositionFile:
        return PositionFile(self._services.sessions / f"{self._name}.json", config.cursor)

    async def run(self, emit: Emit) -> None:
        """Query and emit until cancelled. What the journal does not take is read again."""
        self._progress = self._on_disk = await asyncio.to_thread(self._file.load)
        self._failures, self._next = 0, 0.0
        try:
            while True:
                pause = self._pause()
                if pause > 0:
                    await asyncio.sleep(pause)
                else:
                    await self._round(emit)
        finally:
            self.stats.connected = False

    def _pause(self) -> float:
        """Seconds until a run may be due; the clock of the wall is looked at once a minute at least."""
        config, now = self._config, asyncio.get_running_loop().time()
        if now < self._next:
            return self._next - now
        if config.interval or self._failures:
            return 0.0
        assert self._progress is not None
        wall = self._services.clock.now()
        before, after = due_around(wall, config.at, ZoneInfo(config.zone))
        if before > self._progress.done or self._progress.done > wall:
            return 0.0
        return min(after - wall, MINUTE) / SECOND

    # ---- one run
    async def _round(self, emit: Emit) -> None:
        config, loop = self._config, asyncio.get_running_loop()
        started, wall = loop.time(), self._services.clock.now()
        run = QueryRun(self._engine, config)
        try:
            await (self._read_all(run, wall, emit) if config.cursor is None else self._read_on(run, emit))
            assert self._progress is not None
            if config.at or self._progress is not self._on_disk:
                await self._save(replace(self._progress, done=wall))
        except StoreError:
            self._failures += 1  # the journal has logged why
        except TimeoutError:
            self._give_up(run)
            self._fail(Phrase("sql.slow", {"seconds": f"{config.timeout / SECOND:g}"}), "no answer in time")
        except DatabaseAway as error:
            self._fail(Phrase("sql.away"), error)
        except QueryRefused as error:
            self._fail(Phrase(error.key, error.fields) if error.key else Phrase("sql.refused"), error)
        except UnusableCursor as error:
            phrase = Phrase(error.key, error.fields)
            self._fail(phrase, phrase)
        except OSError as error:
            self._fail(Phrase("sql.not_saved", {"error": reason(error)}), reason(error))
        else:
            if self._trouble is not None:
                log.info("query works", source=self._name)
            self._trouble, self._failures, self._took = None, 0, loop.time() - started
            self._runs += 1
        finally:
            if self._worker is not None:
                self._worker.end(run.end)
                self._worker = None
        wait = retry_pause(self._failures, config.interval) if self._failures else config.interval
        self._next = loop.time() + wait / SECOND if self._failures else started + wait / SECOND

    def _fail(self, trouble: Phrase, error: object) -> None:
        self.stats.connected = False
        self._failures += 1
        self._failed_runs += 1
        if trouble != self._trouble:
            log.warning("query failed", source=self._name, error=error)
        self._trouble = trouble

    def _give_up(self, run: QueryRun) -> None:
        """The thread hangs: another one is used, and this one ends by itself when the call returns."""
        if self._worker is not None:
            self._lost += 1
            self._worker.end(partial(self._found, run))
            self._worker = None

    def _found(self, run: QueryRun) -> None:
        run.end()
        self._lost -= 1

    async def _call(self, function: Callable[[], T]) -> T:
        if self._worker is None:
            if self._lost >= _MOST_LOST:
                raise TimeoutError
            self._worker = QueryWorker(f"sql {self._name}")
        return await self._worker.call(function, self._config.timeout / SECOND + GRACE)

    async def _read_on(self, run: QueryRun, emit: Emit) -> None:
        """From the position on, a page at a time, until a page is not full."""
        config = self._config
        assert self._progress is not None
        while True:
            position = self._progress.position
            limit = config.batch + position.count
            await self._call(partial(run.begin, position.bound, limit))
            self._works()
            page = await self._call(partial(run.rows, limit))
            await self._call(run.finish)  # no transaction is open while the journal works
            for piece in _pieces(position.fresh(page)):
                await self._journal(piece, self._services.clock.now(), emit)
                self._progress = replace(self._progress, position=self._progress.position.moved(piece, config.overlap))
                if asyncio.get_running_loop().time() - self._saved > _SAVED_EVERY:
                    await self._save(self._progress)
            if len(page) < limit:
                return

    async def _read_all(self, run: QueryRun, wall: int, emit: Emit) -> None:
        """All rows; those without a time of their own have that of the run."""
        await self._call(run.begin)
        self._works()
        while page := await self._call(partial(run.rows, self._config.batch)):
            for piece in _pieces(page):
                await self._journal(piece, wall, emit)

    def _works(self) -> None:
        """The database has answered."""
        self.stats.connected = True

    # ---- to the journal, to disk
    async def _journal(self, rows: Sequence[QueryRow], received: int, emit: Emit) -> None:
        messages = [ReadMessage(self._name, row.payload) for row in rows]
        mapped = self._mapper.map(messages, np.full(len(rows), received, np.int64))
        await emit_mapped(self._name, self._mapper, mapped, len(rows), self.stats, emit)
        await asyncio.sleep(0)  # other sources go on

    async def _save(self, progress: StoredProgress) -> None:
        """Also when the source is stopped meanwhile: what the journal has is not read again. Raises OSError."""
        self._progress = progress
        self._saved = asyncio.get_running_loop().time()
        saving = asyncio.ensure_future(asyncio.to_thread(self._file.save, progress))
        try:
            await asyncio.shield(saving)
            self._on_disk = progress
        except asyncio.CancelledError:
            await saving
            raise


def _pieces(rows: Sequence[QueryRow]) -> Iterator[Sequence[QueryRow]]:
    for place in range(0, len(rows), _PIECE):
        yield rows[place : place + _PIECE]
