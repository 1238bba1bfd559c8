"""Pushed messages -> parcels; a request is answered when its message is in the journal."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

import numpy as np
import structlog

from gateway.domain.duration import SECOND
from gateway.domain.errors import StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricSample, by_label
from gateway.domain.record import Parcel, Receipts
from gateway.ports import Clock, Directory, Emit, ReceiptLedger
from protocols.http.config import HttpConfig, TcecAuth
from protocols.http.listener import PREFIX, Listener, listeners
from protocols.http.message import PushAnswer, PushedMessage, PushRequest, problem
from protocols.http.replay import Receipt, TakenPushes, receipt_of
from protocols.http.sender import OpenedPush, PushOutcome, Sender
from protocols.mapping.binding import SentBy, sent_canonically
from protocols.mapping.mapper import Mapped, Mapper
from protocols.mapping.message_stats import MessageStats
from protocols.mapping.unused_log import UnusedEntry, UnusedLog, log_unused

_PARCELS = 8
"""Parcels that may wait for the journal at one time."""
_ACCEPTED = PushOutcome("accepted")
_DUPLICATE = PushOutcome("duplicate")
_BUSY = PushOutcome("busy")
_NOT_TAKEN = PushOutcome("not_taken")
_STOPPING = PushOutcome("stopping")
_DRAIN = 2.0
"""Seconds that the journal has for what is under way when the source stops."""
log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Push:
    """A request that waits for the journal. `receipt`: of its key, None = it has none; `again`: it was taken before."""

    message: PushedMessage
    opened: OpenedPush
    received: int
    answer: "asyncio.Future[PushAnswer]"
    receipt: Receipt | None = None
    again: bool = False


class HttpSource:
    """`port` 0 in the configuration takes a free one; `address` is where it listens."""

    def __init__(
        self,
        name: str,
        config: HttpConfig,
        directory: Directory,
        ledger: ReceiptLedger,
        clock: Clock,
        sender: Sender,
        *,
        sent: SentBy = sent_canonically,
        retention: int = 0,
    ) -> None:
        self.stats = MessageStats()
        self._name, self._config, self._sender = name, config, sender
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
        self._refused: Counter[str] = Counter()
        self._taken = _remembered(config)
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
        """Values of `SOURCE_METRICS` and the families of its adapter, now."""
        yield from self.stats.samples()
        yield from by_label("http_refused", *self._refused.items())

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

    def use(self, config: HttpConfig, sender: Sender, sent: SentBy | None) -> bool:
        """From now on this configuration, on the event loop of `run`; True: it has to listen anew."""
        before, self._config, self._sender = self._config, config, sender
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
        now = self._clock.now()
        if request.method in self._sender.methods:
            found = self._sender.open(request, now)
        else:
            found = problem(405, "method", request.language)
        topic = _decoded(request.path.removeprefix(PREFIX).rstrip("/"))
        answer = found if isinstance(found, PushAnswer) else self._queued(topic, found, now)
        if isinstance(answer, PushAnswer) and answer.refusal:
            if not self._refused[answer.refusal]:
                log.warning("request refused", source=self._name, reason=answer.refusal)
            self._refused[answer.refusal] += 1
        return answer

    def _queued(self, topic: str, opened: OpenedPush, now: int) -> "PushAnswer | asyncio.Future[PushAnswer]":
        message = PushedMessage(topic, opened.payload, damaged=opened.damaged)
        if self.stats.bytes_waiting + len(message.payload) > self._config.max_unjournaled:
            return opened.answer(_BUSY)
        if len(self._tasks) >= _PARCELS:
            return opened.answer(_BUSY)
        self._last = now
        receipt = receipt_of(self._name, topic, opened)
        if receipt is not None and receipt[2] in self._by_key:
            return self._by_key[receipt[2]]
        push = _Push(message, opened, now, asyncio.get_running_loop().create_future(), receipt)
        if receipt is not None:
            push.again = receipt[2] in self._taken
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
                push.answer.set_result(push.opened.answer(_NOT_TAKEN))
        if self._broken is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def _journal(self, pushes: list[_Push]) -> None:
        assert self._emit is not None
        again = [push.receipt is not None and (self._ledger.claim(*push.receipt) or push.again) for push in pushes]
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
            for push in pushes:
                if not push.answer.done():
                    push.answer.set_result(push.opened.answer(_STOPPING))
            raise
        self._settle(pushes, mapped if failure is None else None, duplicates)
        letters = {} if failure is not None else _dead_letters(mapped)
        place = 0
        for push, known in zip(pushes, again, strict=True):
            outcome = _NOT_TAKEN if failure is not None else _DUPLICATE
            if failure is None and not known:
                outcome, place = letters.get(place, _ACCEPTED), place + 1
            if failure is None and push.opened.once and push.receipt is not None:
                self._taken.add(push.receipt[2], push.received)
            if not push.answer.done():
                push.answer.set_result(push.opened.answer(outcome))

    def _parcels(self, mapped: Mapped, fresh: int, duplicates: int, receipts: list[Receipt]) -> Iterator[Parcel]:
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
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_DRAIN)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


def _decoded(path: str) -> str:
    """`%E8%A1%A8` as the character that it is; a level stays one level."""
    return "/".join(unquote(level) if "%2f" not in level.lower() else level for level in path.split("/"))


def _dead_letters(mapped: Mapped) -> dict[int, PushOutcome]:
    """By the places of their messages."""
    found = zip(mapped.rejected_at, mapped.rejected, strict=True)
    return {place: PushOutcome("dead_letter", raw.reason, raw.detail) for place, raw in found}


def _remembered(config: HttpConfig) -> TakenPushes:
    """Messages that are taken once are remembered for as long as their time is accepted."""
    return TakenPushes(2 * config.auth.tolerance if isinstance(config.auth, TcecAuth) else 0)
