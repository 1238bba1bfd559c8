"""Pushed messages -> parcels; a request is answered when its message is in the journal."""

import asyncio
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qs

import msgspec
import numpy as np
import structlog
from xxhash import xxh3_64_intdigest

from gateway.domain.duration import SECOND
from gateway.domain.errors import StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricSample
from gateway.domain.record import Parcel, Receipts
from gateway.domain.text import Lang
from gateway.ports import Clock, Directory, Emit, ReceiptLedger
from protocols.http.authenticate import Authenticate
from protocols.http.config import HttpConfig, OneNetAuth
from protocols.http.listener import PREFIX, Listener, listeners
from protocols.http.message import PushAnswer, PushedMessage, PushRequest, problem
from protocols.mapping.binding import SentBy, sent_canonically
from protocols.mapping.mapper import Mapped, Mapper
from protocols.mapping.message_stats import MessageStats
from protocols.mapping.unused_log import UnusedEntry, UnusedLog, log_unused

KEY = "idempotency-key"
LONGEST_KEY = 255
_SESSIONS = 16
_PARCELS = 8
"""Parcels that may wait for the journal at one time."""
_ACCEPTED = msgspec.json.encode({"status": "accepted"})
_DUPLICATE = msgspec.json.encode({"status": "duplicate"})
log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Push:
    """A request that waits for the journal. `receipt`: of its idempotency key, None = it has none."""

    message: PushedMessage
    language: Lang
    received: int
    answer: "asyncio.Future[PushAnswer]"
    receipt: tuple[str, int, int] | None = None


class HttpSource:
    """`port` 0 in the configuration takes a free one; `address` is where it listens."""

    def __init__(
        self,
        name: str,
        config: HttpConfig,
        directory: Directory,
        ledger: ReceiptLedger,
        clock: Clock,
        authenticate: Authenticate,
        *,
        sent: SentBy = sent_canonically,
        retention: int = 0,
    ) -> None:
        self.stats = MessageStats()
        self._name, self._config, self._authenticate = name, config, authenticate
        self._ledger, self._clock = ledger, clock
        self._made = partial(Mapper, name, directory=directory, retention=retention)
        self._sent = sent
        self._mapper = self._made(config, sent=sent)
        self._emit: Emit | None = None
        self._waiting: list[_Push] = []
        self._by_key: dict[int, asyncio.Future[PushAnswer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0
        self._listener: Listener | None = None
        self._broken: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) it listens on, while it runs."""
        host, port = self._config.address
        return host, port if self._listener is None else self._listener.port

    def samples(self) -> Iterator[MetricSample]:
        """Values of `SOURCE_METRICS`, now."""
        return self.stats.samples()

    def unused(self) -> list[tuple[str, UnusedEntry]]:
        """What messages held that nobody used since the start: (the route's filter, what was counted)."""
        return self.stats.unused.by_filter([route.filter for route in self._config.routes])

    def trouble(self) -> Phrase | None:
        """Not listening, or nothing came for `silent_after`."""
        if self._listener is None:
            return Phrase("source.waiting")
        silent = self._config.silent_after
        if silent and self._clock.now() - self._last > silent:
            return Phrase("http.silent")
        return None

    def use(self, config: HttpConfig, authenticate: Authenticate, sent: SentBy | None) -> bool:
        """From now on this configuration, on the event loop of `run`; True: it has to listen anew."""
        before, self._config, self._authenticate = self._config, config, authenticate
        self._sent = sent or self._sent
        self._mapper = self._made(config, sent=self._sent)
        self.stats.misfits, self.stats.unused = 0, UnusedLog()  # routes are counted by their place
        return (before.listen, before.tls, before.max_connections) != (
            config.listen,
            config.tls,
            config.max_connections,
        )

    async def run(self, emit: Emit) -> None:
        """Listen and emit until cancelled. Raises SourceRejected when the address cannot be listened on, and what
        `emit` raised besides a store's trouble."""
        self._emit, self._last = emit, self._clock.now()
        shared = listeners()
        self._listener = listener = await shared.join(self._name, self._config, self._take)
        self._broken, self.stats.connected = asyncio.get_running_loop().create_future(), True
        log.info("source up", source=self._name, url=self._url())
        try:
            await self._broken
        finally:
            self.stats.connected, self._listener = False, None
            await shared.leave(self._name, listener)
            await self._drain()

    def _url(self) -> str:
        host, port = self.address
        scheme = "http" if self._config.tls is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PREFIX}{self._name}"

    # ---- one request
    def _take(self, request: PushRequest) -> "PushAnswer | asyncio.Future[PushAnswer]":
        if request.method != "POST" and not (request.method == "GET" and isinstance(self._config.auth, OneNetAuth)):
            return problem(405, "method", request.language)
        refused = self._authenticate(request, self._clock.now())
        if refused is not None:
            return refused
        if request.method == "GET":  # the platform's check of the address
            msg = parse_qs(request.query)["msg"][0]
            return PushAnswer(200, msg.encode(), "text/plain; charset=utf-8")
        body = _plain(request, self._config.max_payload)
        if isinstance(body, PushAnswer):
            return body
        if self.stats.bytes_waiting + len(body) > self._config.max_unjournaled or len(self._tasks) >= _PARCELS:
            return problem(503, "busy", request.language, retry_after=1)
        topic = request.path.removeprefix(PREFIX).rstrip("/")
        return self._queued(PushedMessage(topic, body), request.headers.get(KEY, "")[:LONGEST_KEY], request.language)

    def _queued(self, message: PushedMessage, key: str, lang: Lang) -> "PushAnswer | asyncio.Future[PushAnswer]":
        now = self._last = self._clock.now()
        receipt = None
        if key:
            digest = xxh3_64_intdigest(message.payload, xxh3_64_intdigest(f"{message.topic} {key}".encode()))
            session = f"{self._name}/{KEY}/{digest % _SESSIONS}"
            receipt = (session, digest // _SESSIONS % 65536, digest)
            if digest in self._by_key:
                return self._by_key[digest]
        push = _Push(message, lang, now, asyncio.get_running_loop().create_future(), receipt)
        if receipt is not None:
            self._by_key[receipt[2]] = push.answer
        self.stats.received += 1
        self.stats.waiting += 1
        self.stats.bytes_waiting += len(message.payload)
        self._waiting.append(push)
        if len(self._waiting) >= self._config.linger_messages:
            self._flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._config.linger / SECOND, self._flush)
        return push.answer

    # ---- parcels
    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            pushes, self._waiting = self._waiting, []
            task = asyncio.ensure_future(self._journal(pushes))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, pushes))

    def _ended(self, pushes: list[_Push], task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        for push in pushes:
            if not push.answer.done():
                push.answer.set_result(problem(503, "not_taken", push.language, retry_after=1))
        if self._broken is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def _journal(self, pushes: list[_Push]) -> None:
        assert self._emit is not None
        again = [push.receipt is not None and self._ledger.claim(*push.receipt) for push in pushes]
        fresh = [push for push, known in zip(pushes, again, strict=True) if not known]
        received = np.array([push.received for push in fresh], np.int64)
        mapped = self._mapper.map([push.message for push in fresh], received)
        duplicates = len(pushes) - len(fresh)
        receipts = [push.receipt for push in pushes if push.receipt is not None]
        failure: BaseException | None = None
        try:
            await asyncio.gather(*map(self._emit, self._parcels(mapped, len(fresh), duplicates, receipts)))
        except StoreError as error:
            failure = error
        except asyncio.CancelledError:
            self._settle(pushes, None, duplicates)
            raise
        self._settle(pushes, mapped if failure is None else None, duplicates)
        answers = _answers(mapped, len(fresh)) if failure is None else {}
        place = 0
        for push, known in zip(pushes, again, strict=True):
            if failure is not None:
                answer = problem(503, "not_taken", push.language, retry_after=1)
            elif known:
                answer = PushAnswer(200, _DUPLICATE)
            else:
                answer, place = answers.get(place, PushAnswer(200, _ACCEPTED)), place + 1
            if not push.answer.done():
                push.answer.set_result(answer)

    def _parcels(
        self, mapped: Mapped, fresh: int, duplicates: int, receipts: list[tuple[str, int, int]]
    ) -> Iterator[Parcel]:
        """One for the readings; receipts of further sessions in parcels of their own behind it."""
        by_session: dict[str, tuple[list[int], list[int]]] = {}
        for session, packet, digest in receipts:
            packets, digests = by_session.setdefault(session, ([], []))
            packets.append(packet)
            digests.append(digest)
        kept = [Receipts(session, packets, digests) for session, (packets, digests) in by_session.items()]
        first, messages = kept.pop(0) if kept else None, fresh - mapped.ignored + duplicates
        if messages or first is not None:
            yield Parcel(
                self._name,
                mapped.batch,
                mapped.rejected,
                partial=mapped.partial,
                messages=messages,
                duplicates=duplicates,
                receipts=first,
            )
        empty = self._mapper.map([], np.zeros(0, np.int64)).batch
        for one in kept:
            yield Parcel(self._name, empty, receipts=one)

    def _settle(self, pushes: list[_Push], mapped: Mapped | None, duplicates: int) -> None:
        stats = self.stats
        stats.waiting -= len(pushes)
        stats.bytes_waiting -= sum(len(push.message.payload) for push in pushes)
        for push in pushes:
            if push.receipt is not None:
                self._by_key.pop(push.receipt[2], None)
        if mapped is None:
            stats.returned += len(pushes)
            return
        stats.misfits = len(self._mapper.bindings.misfits)
        for first in stats.journal(mapped, duplicates):
            log_unused(self._name, first)

    async def _drain(self) -> None:
        self._flush()
        while self._tasks:
            await asyncio.wait(self._tasks)


def _answers(mapped: Mapped, count: int) -> dict[int, PushAnswer]:
    """For the messages that became dead letters. They are kept, so the sender must not send them again: 200."""
    found = {}
    for place, raw in zip(mapped.rejected_at, mapped.rejected, strict=True):
        if place < count:
            body = {"status": "dead_letter", "reason": raw.reason, "detail": raw.detail}
            found[place] = PushAnswer(200, msgspec.json.encode(body))
    return found


def _plain(request: PushRequest, most: int) -> bytes | PushAnswer:
    """The body, unpacked when it is gzip or deflate; at most `most` bytes."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    body = request.body
    if encoding in {"gzip", "deflate"}:
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            body = unpack.decompress(body, most + 1)
        except zlib.error:
            return problem(400, "encoding", request.language, got=encoding)
        if not unpack.eof and len(body) <= most:
            return problem(400, "cut_short", request.language, got=encoding)
    elif encoding != "identity":
        return problem(415, "content_encoding", request.language)
    return problem(413, "too_large", request.language, most=most) if len(body) > most else body
