"""Imports inside the gateway: chunks become parcels with whole devices in them, between two marks in the journal."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
import structlog

from gateway.domain.device import Profile
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.errors import CommandError, Conflict, InvariantBroken
from gateway.domain.record import ImportMark, Parcel, Record, RecordKind
from gateway.import_service.deduplicate import DeduplicatedPart, outcome
from gateway.import_service.points import points_of
from gateway.import_service.session import HARD, TARGET, ImportSession, steady
from gateway.import_service.wire import Begin, Begun, Chunk, End, ImportScope, Lookup, Result, Taken
from gateway.registry import shorter
from gateway.store import Deed

log = structlog.get_logger()
IDLE: Final = 10 * MINUTE
"""An import nobody goes on with is ended after this: its held orders must not wait for ever."""
KEPT: Final = 100  # finished imports that can still be asked for
PATIENCE: Final = 30.0  # seconds an `end` waits for the rules before it says "ask again"
LAG: Final = 256  # journal records the consumers may be behind before an import waits
READ: Final = 5_000


class Host(Protocol):
    """What an import needs of the gateway."""

    clock: Any
    intake: Any
    journal: Any
    registry: Any
    series: Any
    series_store: Any
    rules: Any
    reruns: Any
    queries: Any
    threads: Any
    audit: Any
    supervisor: Any

    @property
    def settings(self) -> Any:
        """The configuration."""


class Imports:
    """All imports of this gateway. On the event loop."""

    def __init__(self, host: Host, profiles: Mapping[str, Profile]) -> None:
        self._host, self.profiles = host, profiles
        self._sessions: dict[str, ImportSession] = {}

    # --- what the importer asks
    def lookup(self, wanted: Lookup) -> ImportScope:
        """Devices in service among the asked ones, and the points of their profiles."""
        registry = self._host.registry
        devices = {code: device.profile for code in wanted.devices if (device := registry.device(code)) is not None}
        profiles = {
            name: points_of(registry.points(name).values(), self.profiles.get(name))
            for name in dict.fromkeys(devices.values())
        }
        return ImportScope(devices, profiles, self._host.clock.now() - self._host.settings.series.retention)

    async def begin(self, wanted: Begin, key: str = "", address: str = "") -> Begun:
        """The first mark is in the journal when this returns. `key` and `address` of the caller, for the audit: without
        them it is whom the importer names. Raises StoreError."""
        session = ImportSession(secrets.token_hex(8), wanted.file, wanted.actor, self._host.clock.now())
        await self._host.intake.fact(ImportMark(session.id, session.file, done=False, actor=session.actor))
        self._sessions[session.id] = session
        self._forget_old()
        session.key, session.address = key or wanted.actor, address
        await self._note(session, "import.begin", session.id)
        log.info("import begins", id=session.id, file=session.file, actor=session.actor)
        return Begun(session.id, self._host.settings.api.max_body)

    async def rows(self, number: str, chunk: Chunk) -> Taken:
        """Take a chunk. Raises CommandError: 404 unknown import, 409 another chunk is expected (or it is over), 422
        columns that do not fit together. Raises StoreError: send the same chunk again."""
        session = self._session(number)
        async with session.lock:
            session.touched = steady()
            if session.ended:
                raise _over(session)
            if chunk.number > session.next:
                raise _out_of_order(session, chunk.number)
            if chunk.number == session.next:
                session.add(chunk, self._host.registry)
                session.next += 1
            while session.buffered >= TARGET and (await self._flush(session, whole=False)):
                pass
            return Taken(session.next)

    async def end(self, number: str, wanted: End) -> Result:
        """Journal the rest and the last mark; wait until rules, desk and store have passed it, and the past is judged
        again where the import made that necessary. Repeats are harmless.

        Raises CommandError: 404 unknown import, 409 chunks are missing (send them). Raises StoreError.
        """
        session = self._session(number)
        async with session.lock:
            session.touched = steady()
            if wanted.chunks != session.next:
                if session.ended:
                    raise _over(session)
                raise _out_of_order(session, wanted.chunks)
            if not session.ended:
                await self._close(session)
            if session.result is None:
                if not await self._passed(session.ended, PATIENCE):
                    return Result(done=False)
                session.result = await self._result(session)
                await self._note(session, "import.end", f"{session.id}, imported: {session.counts['imported']}")
                log.info("import ends", id=session.id, file=session.file, imported=session.counts["imported"])
            return session.result

    # --- inside
    async def _note(self, session: ImportSession, act: str, detail: str) -> None:
        host = self._host
        deed = Deed(host.clock.now(), session.key, session.address, act, session.file, detail)
        await host.threads.runner("desk")(lambda: host.audit.add(deed))

    def _session(self, number: str) -> ImportSession:
        session = self._sessions.get(number)
        if session is None:
            raise CommandError(404, "unknown-import", f"there is no import {number}")
        return session

    async def _flush(self, session: ImportSession, *, whole: bool) -> bool:
        """Journal what is complete. False when nothing was."""
        part = session.cut(whole=whole)
        if part is None:
            return False
        await self._keep_up()
        now = self._host.clock.now()
        floor = np.full(len(part.at), now - self._host.settings.series.retention, np.int64)
        for point, moment in shorter(self.profiles.values(), self._host.registry.known().points, now).items():
            mine = part.point == point
            floor[mine] = np.maximum(floor[mine], moment)
        series: Callable[[Callable[[], Any]], Awaitable[Any]] = self._host.threads.runner("series")
        made: DeduplicatedPart = await series(
            lambda: outcome(part, self._host.series_store, session.newest, now, floor)
        )
        if len(made.batch):
            await self._host.intake.emit(Parcel("import", made.batch, messages=made.batch.frames))
        session.done(part, made)
        return True

    async def _close(self, session: ImportSession) -> None:
        while await self._flush(session, whole=True):
            pass
        # what is judged again because of it belongs to the import: its orders, too, come with the mark
        await self._until(partial(self._judged, self._host.journal.head(self._host.settings.partition)), PATIENCE)
        session.ended = await self._host.intake.fact(
            ImportMark(session.id, session.file, done=True, actor=session.actor)
        )

    async def _keep_up(self) -> None:
        """The back-pressure: rules and store may lag by so many records."""
        host = self._host
        while host.journal.head(host.settings.partition) - min(host.rules.judged, host.series.cursor) > LAG:
            self._alive()
            await asyncio.sleep(0.02)

    def _judged(self, seq: int) -> bool:
        """Have the rules judged record `seq`, and is answered what was asked for until then?"""
        judged: bool = self._host.rules.judged >= seq and self._host.reruns.settled(seq)
        return judged

    def _over(self, seq: int) -> bool:
        """Have rules, desk and store all of record `seq` behind them, with what it made them look at again?"""
        host = self._host
        committed: bool = host.rules.committed >= max(seq, host.reruns.upto)
        settled: bool = host.series.cursor >= seq and host.reruns.settled(seq)
        return committed and settled

    async def _passed(self, seq: int, patience: float) -> bool:
        return await self._until(partial(self._over, seq), patience)

    async def _until(self, done: Callable[[], bool], patience: float) -> bool:
        """Wait for `done`, at most `patience` seconds: did it come?"""
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while not done():
            self._alive()
            if loop.time() > until:
                return False
            await asyncio.sleep(0.02)
        return True

    def _alive(self) -> None:
        if self._host.supervisor.fatal.is_set():
            raise self._host.supervisor.broken or InvariantBroken("the engine stopped")

    async def _result(self, session: ImportSession) -> Result:
        from gateway.import_service.summary import raised_by

        desk = self._host.threads.runner("desk")
        alarms, orders = await desk(
            lambda: raised_by(self._host.queries, session.devices, session.first, session.opened)
        )
        return Result(done=True, devices=len(session.devices), alarms=alarms, orders=orders, **session.counts)

    # --- imports that were left alone
    def recover(self) -> None:
        """Find imports that were under way when the process ended: they can be continued from chunk 0. Blocking."""
        after = 0
        open_marks: dict[str, Record] = {}
        while records := self._host.journal.kept(RecordKind.FACT, after, READ):
            for record in records:
                if isinstance(record.body, ImportMark):
                    open_marks.pop(record.body.id, None)
                    if not record.body.done:
                        open_marks[record.body.id] = record
            after = records[-1].seq
        for record in open_marks.values():
            mark = record.body
            assert isinstance(mark, ImportMark), "only marks were collected"
            session = ImportSession(mark.id, mark.file, mark.actor, record.at)
            self._sessions[mark.id] = session

    async def run(self) -> None:
        """End what nobody goes on with, until cancelled."""
        while True:
            await asyncio.sleep(IDLE / SECOND / 20)
            await self.reap(steady() - IDLE)

    async def reap(self, before: int) -> int:
        """End imports that were last touched before `before` (see `ImportSession.touched`); returns how many."""
        idle = [s for s in self._sessions.values() if not s.ended and s.touched < before and not s.lock.locked()]
        for session in idle:
            async with session.lock:
                log.warning("import abandoned: ended", id=session.id, file=session.file, chunks=session.next)
                await self._close(session)
        return len(idle)

    def _forget_old(self) -> None:
        over = [s.id for s in self._sessions.values() if s.ended]
        for number in over[:-KEPT]:
            del self._sessions[number]


__all__ = ["HARD", "TARGET", "Host", "Imports"]


def _over(session: ImportSession) -> Conflict:
    fields = {"id": session.id, "chunks": session.next}
    return Conflict("import-over", ("begin_import",), key="api.import_over", fields=fields)


def _out_of_order(session: ImportSession, got: int) -> Conflict:
    fields = {"id": session.id, "expected": session.next, "got": got}
    return Conflict(
        "chunk-out-of-order", ("send_chunk",), key="api.chunk_out_of_order", fields=fields, expected=session.next
    )
