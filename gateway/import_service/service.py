"""Imports inside the gateway: chunks become parcels with whole devices, between two marks in the journal."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np
import structlog

from gateway.domain.device import Point, Profile
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.errors import CommandError, Conflict
from gateway.domain.record import Fact, ImportMark, Parcel, Record
from gateway.import_service.deduplicate import DeduplicatedPart, outcome
from gateway.import_service.points import points_of
from gateway.import_service.session import HARD, TARGET, ImportSession, steady
from gateway.import_service.wire import Begin, Begun, Chunk, End, ImportScope, Lookup, Result, Taken
from gateway.ports import Blocking, Clock, Directory, Emit, SeriesStore
from gateway.registry import shorter
from gateway.store import AuditedAct, Queries, SecurityAudit

log = structlog.get_logger()
IDLE: Final = 10 * MINUTE
"""Time after which an abandoned import is ended, so that its held orders do not wait for ever."""
KEPT: Final = 100  # finished imports that can still be asked for
END_WAIT: Final = 30.0  # seconds an `end` waits for the rules before it says "ask again"
LAG: Final = 256  # journal records the consumers may be behind before an import waits
READ: Final = 5_000


class ConsumerProgress(Protocol):
    """Progress of rules, desk and store. On the event loop."""

    def head(self) -> int:
        """The newest record of the journal."""

    def behind(self) -> int:
        """Number of journal records that the slower of engine and store has not processed."""

    def judged(self, seq: int) -> bool:
        """True if the engine has stepped record `seq` and its requests for history up to there are answered."""

    def passed(self, seq: int) -> bool:
        """True if engine, desk and store have processed record `seq`, with all re-evaluations it caused."""

    def check(self) -> None:
        """Raises the error that stopped a consumer, if there is one."""


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """`retention` µs: older readings are not imported. `max_body` bytes of a request."""

    retention: int
    max_body: int


@dataclass(frozen=True, slots=True)
class ImportPorts:
    """Ports that imports use. `limits` and `profiles` (by id) are those in force."""

    clock: Clock
    directory: Directory
    points: Callable[[], Sequence[Point]]
    profiles: Callable[[], Mapping[str, Profile]]
    limits: Callable[[], ImportLimits]
    emit: Emit
    fact: Callable[[Fact], Awaitable[int]]
    facts_kept: Callable[[int, int], Sequence[Record]]
    """(after, most) -> fact records of the journal, in order. Blocking."""
    progress: ConsumerProgress
    store: SeriesStore
    series_thread: Blocking
    queries: Queries
    audit: SecurityAudit
    desk_thread: Blocking


class Imports:
    """All imports of this gateway. On the event loop."""

    def __init__(self, ports: ImportPorts) -> None:
        self._ports = ports
        self._sessions: dict[str, ImportSession] = {}

    # --- what the importer asks
    def lookup(self, wanted: Lookup) -> ImportScope:
        """The devices in service among `wanted`, and the points of their profiles."""
        directory, profiles = self._ports.directory, self._ports.profiles()
        devices = {code: device.profile for code in wanted.devices if (device := directory.device(code)) is not None}
        points = {
            name: points_of(directory.points(name).values(), profiles.get(name))
            for name in dict.fromkeys(devices.values())
        }
        return ImportScope(devices, points, self._ports.clock.now() - self._ports.limits().retention)

    async def begin(self, wanted: Begin, key: str = "", address: str = "") -> Begun:
        """Begin an import; its first mark is in the journal when this returns. `key` and `address` of the caller go
        to the audit; without them the name that the importer sends. Raises StoreError."""
        session = ImportSession(secrets.token_hex(8), wanted.file, wanted.actor, self._ports.clock.now())
        await self._ports.fact(ImportMark(session.id, session.file, done=False, actor=session.actor))
        self._sessions[session.id] = session
        self._forget_old()
        session.key, session.address = key or wanted.actor, address
        await self._note(session, "import.begin", session.id)
        log.info("import begins", id=session.id, file=session.file, actor=session.actor)
        return Begun(session.id, self._ports.limits().max_body)

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
                session.add(chunk, self._ports.directory)
                session.next += 1
            while session.buffered >= TARGET and (await self._flush(session, whole=False)):
                pass
            return Taken(session.next)

    async def end(self, number: str, wanted: End) -> Result:
        """Journal the rest and the last mark; wait until rules, desk and store have passed it and late re-evaluations
        are done. A repeated call changes nothing.

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
                if not await self._passed(session.ended, END_WAIT):
                    return Result(done=False)
                session.result = await self._result(session)
                await self._note(session, "import.end", f"{session.id}, imported: {session.counts['imported']}")
                log.info("import ends", id=session.id, file=session.file, imported=session.counts["imported"])
            return session.result

    # --- inside
    async def _note(self, session: ImportSession, act: str, detail: str) -> None:
        ports = self._ports
        entry = AuditedAct(ports.clock.now(), session.key, session.address, act, session.file, detail)
        await ports.desk_thread(lambda: ports.audit.add(entry))

    def _session(self, number: str) -> ImportSession:
        session = self._sessions.get(number)
        if session is None:
            raise CommandError(404, "unknown-import", f"there is no import {number}")
        return session

    async def _flush(self, session: ImportSession, *, whole: bool) -> bool:
        """Journal complete parts. False when there was none."""
        part = session.cut(whole=whole)
        if part is None:
            return False
        await self._keep_up()
        ports, now = self._ports, self._ports.clock.now()
        floor = np.full(len(part.at), now - ports.limits().retention, np.int64)
        for point, moment in shorter(ports.profiles().values(), ports.points(), now).items():
            mine = part.point == point
            floor[mine] = np.maximum(floor[mine], moment)
        made: DeduplicatedPart = await ports.series_thread(
            lambda: outcome(part, ports.store, session.newest, now, floor)
        )
        if len(made.batch):
            await ports.emit(Parcel("import", made.batch, messages=made.batch.frames))
        session.done(part, made)
        return True

    async def _close(self, session: ImportSession) -> None:
        while await self._flush(session, whole=True):
            pass
        progress = self._ports.progress
        # what is judged again because of it belongs to the import: its orders, too, come with the mark
        await self._until(partial(progress.judged, progress.head()), END_WAIT)
        session.ended = await self._ports.fact(ImportMark(session.id, session.file, done=True, actor=session.actor))

    async def _keep_up(self) -> None:
        """Back-pressure: wait while rules or store lag by too many records."""
        while self._ports.progress.behind() > LAG:
            self._ports.progress.check()
            await asyncio.sleep(0.02)

    async def _passed(self, seq: int, patience: float) -> bool:
        return await self._until(partial(self._ports.progress.passed, seq), patience)

    async def _until(self, done: Callable[[], bool], patience: float) -> bool:
        """Wait for `done`, at most `patience` seconds; True if it happened."""
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while not done():
            self._ports.progress.check()
            if loop.time() > until:
                return False
            await asyncio.sleep(0.02)
        return True

    async def _result(self, session: ImportSession) -> Result:
        from gateway.import_service.summary import raised_by

        ports = self._ports
        alarms, orders = await ports.desk_thread(
            lambda: raised_by(ports.queries, session.devices, session.first, session.opened)
        )
        return Result(done=True, devices=len(session.devices), alarms=alarms, orders=orders, **session.counts)

    # --- imports that were left alone
    def recover(self) -> None:
        """Find imports that were under way when the process ended: they can be continued from chunk 0. Blocking."""
        after = 0
        open_marks: dict[str, Record] = {}
        while records := self._ports.facts_kept(after, READ):
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
        """End abandoned imports, until cancelled."""
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


__all__ = ["HARD", "TARGET", "ImportLimits", "ImportPorts", "Imports"]


def _over(session: ImportSession) -> Conflict:
    fields = {"id": session.id, "chunks": session.next}
    return Conflict("import-over", ("begin_import",), key="api.import_over", fields=fields)


def _out_of_order(session: ImportSession, got: int) -> Conflict:
    fields = {"id": session.id, "expected": session.next, "got": got}
    return Conflict(
        "chunk-out-of-order", ("send_chunk",), key="api.chunk_out_of_order", fields=fields, expected=session.next
    )
