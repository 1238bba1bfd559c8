"""From received messages to acknowledged ones: linger, parcel, emit, PUBACK in the order of receipt.

One `Acknowledger` belongs to one connection, so an acknowledgement can never reach another one.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import mqtt5
import numpy as np
import structlog
from xxhash import xxh3_64_intdigest

from gateway.domain.errors import SourceUnavailable, StoreError
from gateway.domain.reading import I64
from gateway.domain.record import Parcel, Receipts
from gateway.domain.text import localize
from gateway.ports import Clock, Emit, ReceiptLedger
from protocols.mapping.mapper import Mapped
from protocols.mapping.unused_log import log_unused
from protocols.mqtt.companion import Companions
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.session import Message, acks
from protocols.mqtt.sparkplug.mapper import SourceMapper
from protocols.mqtt.stats import MqttStats
from protocols.mqtt.subscriptions import Subscriptions
from protocols.mqtt.transport import MqttConnection

_PARCELS = 64  # on the way to the journal at once
_SEEDS = 50_000  # topics whose seed is remembered
_LONGEST = 512

log = structlog.get_logger()


class Digests(dict[str, int]):
    """Topic -> seed, remembered; `of` = xxh3-64 of a payload seeded with xxh3-64 of its topic: stable over restarts."""

    def __missing__(self, topic: str) -> int:
        seed = xxh3_64_intdigest(topic.encode("utf-8", "surrogatepass"))
        if len(topic) <= _LONGEST:
            if len(self) >= _SEEDS:
                self.clear()
            self[topic] = seed
        return seed

    def of(self, message: Message) -> int:
        """u64."""
        return xxh3_64_intdigest(message.payload, self[message.topic])


@dataclass(slots=True)
class SourceContext:
    """What all connections of a source share. Another `mapper` maps from the next parcel on."""

    name: str
    config: MqttConfig
    mapper: SourceMapper
    ledger: ReceiptLedger
    clock: Clock
    emit: Emit
    stats: MqttStats
    digests: Digests
    subscriptions: Subscriptions
    companions: Companions = field(default_factory=lambda: Companions(()))

    @property
    def session(self) -> str:
        """The stable name under which receipts are kept."""
        return f"{self.name}/{self.config.client_id}"


@dataclass(slots=True, eq=False)
class _InFlight:
    parcel: Parcel
    mapped: Mapped
    acks: bytes
    acknowledged: int
    count: int
    size: int
    done: bool = False


class Acknowledger:
    """`take` is called with what each read brought; the rest happens by itself until `drain`."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self.connection: MqttConnection | None = None
        self.broken: BaseException | None = None
        """What an emit raised besides a store's trouble: the source must fail with it."""
        self._subscriptions = context.subscriptions
        self._leaving = False
        self._loop = asyncio.get_running_loop()
        self._messages: list[Message] = []
        self._received: list[int] = []
        self._in_flight: deque[_InFlight] = deque()
        self._tasks: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._linger = context.config.linger / 1_000_000
        self._most = context.config.linger_messages
        self._full = context.config.max_unjournaled
        self._most_waiting = max(2 * context.config.receive_maximum, 2 * self._most)

    # ---- in ---------------------------------------------------------------------------------------------------
    def take(self, messages: list[Message]) -> None:
        """Messages of one read, in order."""
        if self.connection is not None and self.connection.session.in_force is not self._subscriptions:
            while self._messages:  # they came by the subscriptions of before
                self._send(*self._next())
            self._subscriptions = self.connection.session.in_force
        stats = self._context.stats
        stats.received += len(messages)
        stats.waiting += len(messages)
        stats.bytes_waiting += _size(messages)
        self._messages += messages
        self._received += [self._context.clock.now()] * len(messages)
        while len(self._messages) >= self._most and self._flush():
            pass
        self._later()

    def _later(self) -> None:
        if self._messages and self._timer is None:
            self._timer = self._loop.call_later(self._linger, self._lingered)
        self._slow_reading()

    def _lingered(self) -> None:
        self._timer = None
        self._flush()

    def _slow_reading(self) -> None:
        """Back-pressure by messages, bytes and parcels that are not on disk."""
        if self.connection is None or self._leaving:  # nothing more is read: what comes would be cut off
            return
        stats = self._context.stats
        waiting = max(
            stats.waiting / self._most_waiting, stats.bytes_waiting / self._full, len(self._in_flight) / _PARCELS
        )
        if waiting >= 1 and not self.connection.paused:
            stats.pauses += 1
            self.connection.pause(True)
        elif waiting <= 0.5 and self.connection.paused:
            self.connection.pause(False)

    # ---- out --------------------------------------------------------------------------------------------------
    def _flush(self) -> bool:
        """Send what waits as parcels; False when there is no room for another one now."""
        if len(self._in_flight) >= _PARCELS:
            return False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._messages:
            self._send(*self._next())
        return True

    def _next(self) -> tuple[list[Message], I64]:
        most = self._most
        messages, received = self._messages[:most], np.array(self._received[:most], np.int64)
        del self._messages[:most]
        del self._received[:most]
        return messages, received

    def _send(self, messages: list[Message], received: I64) -> None:
        context = self._context
        resumed = self.connection is not None and self.connection.session.resumed
        repeats = self._copies(messages).union(self._repeats(messages) if resumed else ())
        unrouted = (self._unrouted(messages) | context.companions.take(messages, repeats)).difference(repeats)
        fresh: Sequence[Message] = messages
        places: Sequence[int] = range(len(messages))
        if repeats or unrouted:
            keep = np.ones(len(messages), np.bool_)
            keep[list(repeats | unrouted)] = False
            places = np.flatnonzero(keep).tolist()
            fresh, received = [messages[i] for i in places], received[keep]
        mapped = context.mapper.map(fresh, received)
        context.companions.saw(mapped, places)
        if unrouted:
            mapped = replace(mapped, ignored=mapped.ignored + len(unrouted))
        if len(context.mapper.misfits) > context.stats.misfits:
            self._report()
        receipts, answer = self._receipts(messages, resumed=resumed)
        parcel = Parcel(
            context.name,
            mapped.batch,
            mapped.rejected,
            partial=mapped.partial,
            messages=len(messages) - mapped.ignored,
            duplicates=len(repeats),
            receipts=receipts,
        )
        sent = _InFlight(
            parcel, mapped, answer, 0 if receipts is None else len(receipts.packets), len(messages), _size(messages)
        )
        self._in_flight.append(sent)
        if parcel.messages:
            task = asyncio.ensure_future(context.emit(parcel))
            self._tasks.add(task)
            task.add_done_callback(partial(self._stored, sent))
        else:  # all ignored: nothing to keep, yet their acknowledgement waits for its turn
            sent.done = True
            self._settle()

    def _receipts(self, messages: list[Message], *, resumed: bool) -> tuple[Receipts | None, bytes]:
        """Receipts, by which a redelivery is recognised, and acknowledgements, of messages of QoS 1 and 2."""
        numbers = [message.packet_id for message in messages]
        if None in numbers:  # QoS 0 among them
            messages = [message for message, number in zip(messages, numbers, strict=True) if number is not None]
        packets = [number for number in numbers if number is not None]
        if not packets:
            return None, b""
        pairs = zip(messages, packets, strict=True) if resumed else ()
        second = {number for message, number in pairs if int(message.qos) == 2}
        seeds = self._context.digests
        digests = [xxh3_64_intdigest(message.payload, seeds[message.topic]) for message in messages]
        return Receipts(self._context.session, packets, digests), acks(packets, second)

    def _report(self) -> None:
        found = list(self._context.mapper.misfits)
        for wrong in found[self._context.stats.misfits :]:
            log.error("route does not fit", source=self._context.name, problem=localize(wrong.key, **wrong.fields))
        self._context.stats.misfits = len(found)

    def _copies(self, messages: list[Message]) -> set[int]:
        """Indices of messages that came by another subscription, too, and count there."""
        wanted = self._subscriptions
        if not wanted.numbers:
            return set()
        return {
            index
            for index, message in enumerate(messages)
            if isinstance(message, mqtt5.PublishPacket)
            and wanted.is_copy(message.topic, message.subscription_ids or ())
        }

    def _unrouted(self, messages: list[Message]) -> set[int]:
        """Indices of messages for no route: they came by a filter wider than those of the routes."""
        wanted = self._subscriptions
        return (
            {i for i, message in enumerate(messages) if not wanted.is_wanted(message.topic)}
            if wanted.replaced
            else set()
        )

    def _repeats(self, messages: list[Message]) -> list[int]:
        """Indices of redelivered messages that the journal has: their acknowledgement got lost, nothing else."""
        context = self._context
        return [
            index
            for index, message in enumerate(messages)
            if message.duplicate
            and (packet := message.packet_id) is not None
            and context.ledger.claim(context.session, packet, context.digests.of(message))
        ]

    def _stored(self, sent: _InFlight, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        error = StoreError("cancelled") if task.cancelled() else task.exception()
        if error is None:
            sent.done = True
            self._settle()
        else:
            if not isinstance(error, StoreError):
                self.broken = self.broken or error
            self._abandon(sent, error)
            self._settle()  # those behind it may be on disk: accounted for, not acknowledged
        self._later()

    def _abandon(self, sent: _InFlight, error: BaseException) -> None:
        """Acknowledge nothing more on this connection: the broker delivers again what it has no acknowledgement for."""
        self._in_flight.remove(sent)
        stats = self._context.stats
        stats.waiting -= sent.count
        stats.bytes_waiting -= sent.size
        stats.returned += sent.acknowledged
        stats.lost += sent.count - sent.acknowledged
        if self.connection is not None:
            self.connection.abort(SourceUnavailable(f"the journal did not take a parcel: {error}"))

    def _settle(self) -> None:
        """PUBACK finished parcels, oldest first; a later one waits for an earlier one."""
        stats, answers = self._context.stats, []
        while self._in_flight and self._in_flight[0].done:
            sent = self._in_flight.popleft()
            answers.append(sent.acks)
            stats.waiting -= sent.count
            stats.bytes_waiting -= sent.size
            for first in stats.journal(sent.mapped, sent.parcel.duplicates):
                log_unused(self._context.name, first)
        if self.connection is not None:
            self.connection.write(b"".join(answers))

    async def drain(self) -> None:
        """After the connection: journal all that was received and wait for it, so that redeliveries are recognised."""
        self._leaving = True
        while self._tasks or (self.broken is None and self._messages):
            if self.broken is not None or not self._messages or not self._flush():
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)  # their callbacks settle the accounts
        self.cancel()

    def cancel(self) -> None:
        """Stop waiting for the journal; what it did not take stays with the broker."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        stats, left = self._context.stats, self._messages
        kept = sum(message.packet_id is not None for message in left)
        stats.returned += kept
        stats.lost += len(left) - kept
        stats.waiting -= len(left)
        stats.bytes_waiting -= _size(left)
        self._messages, self._received = [], []


def _size(messages: list[Message]) -> int:
    return sum([len(message.payload) for message in messages])
