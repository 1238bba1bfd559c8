"""What the versions of MQTT have in common: the port `Session`, the values around it, and the shape of a packet."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import mqtt5
import numpy as np

from gateway.domain.errors import SourceError, SourceUnavailable
from gateway.domain.language_values import Phrase
from gateway.domain.text import catalogue
from protocols.mqtt.publication import Publication, PublishAnswer
from protocols.mqtt.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Fields of CONNECT, as far as the version has them. `keepalive`, `session_expiry`: s; `max_packet`: bytes.
    `clean`: a session of its own, forgotten at the end. `will`: what the broker publishes when the connection is lost.
    """

    client_id: str
    username: str | None
    password: str | None
    keepalive: int
    session_expiry: int
    receive_maximum: int
    max_packet: int
    clean: bool = False
    will: Publication | None = None


@dataclass(frozen=True, slots=True)
class BrokerGrants:
    """What a broker of MQTT 5 grants: `receive_maximum` messages on the way, `session_expiry` s (None = as asked for),
    `qos` at most, wildcards, identifiers of subscriptions, the longest packet in bytes (None = any)."""

    receive_maximum: int
    session_expiry: int | None
    qos: int
    wildcards: bool
    identifiers: bool
    max_packet: int | None


@dataclass(slots=True)
class DamagedPublish:
    """A PUBLISH that the codec refuses although its frame is whole. Kept, so that it can be put aside and acknowledged:

    a connection closed over it would get it again, for ever.
    """

    topic: str
    payload: bytes
    packet_id: int | None
    duplicate: bool
    retain: bool
    damaged: str

    @property
    def qos(self) -> int:
        """0 or 1."""
        return int(self.packet_id is not None)


@dataclass(slots=True)
class PlainPublish:
    """A PUBLISH of MQTT 3.1.1 (section 3.3). `packet_id` None at QoS 0."""

    topic: str
    payload: bytes
    packet_id: int | None
    duplicate: bool
    retain: bool
    qos: int


Message = mqtt5.PublishPacket | PlainPublish | DamagedPublish


class Phase(Enum):
    """Life of one connection."""

    CONNECTING = "connecting"
    SUBSCRIBING = "subscribing"
    READY = "ready"
    CLOSED = "closed"


class Session(Protocol):
    """The protocol of one connection without I/O; the caller owns the socket and the clock. After `failure` is set
    nothing more is read. Nothing is acknowledged here: the caller sends `acks` when the messages are on disk.
    """

    version: str
    """`5` or `3.1.1`."""
    phase: Phase
    failure: SourceError | None
    resumed: bool
    """The broker kept our session: what it could not deliver before comes again."""
    taken_over: bool
    """The broker gave the session to another client of our name."""
    refused_version: bool
    """The broker answered that it does not speak this version."""
    keepalive: int
    """s; the broker's value when CONNACK has one."""
    degraded: tuple[str, ...]
    """Filters that were granted QoS 0 only: their messages are not acknowledged."""
    grants: BrokerGrants | None
    """From CONNACK; None in MQTT 3.1.1."""
    in_force: Subscriptions
    """The subscriptions by which a message that comes now is distinguished from its copies."""

    def connect(self) -> bytes:
        """The first packet."""
        ...

    def outgoing(self) -> bytes:
        """Bytes the session itself has to send now; empty when none."""
        ...

    def receive(self, data: bytes) -> list[Message]:
        """Bytes as they came -> the PUBLISHes that are complete now, in order. Look at `failure` afterwards."""
        ...

    def use(self, wanted: Subscriptions) -> None:
        """Subscribe to these instead: the difference is requested in `outgoing`, the connection stays."""
        ...

    def publish(self, publication: Publication) -> int | None:
        """The message is in `outgoing`, in phase READY; its packet id, None with QoS 0."""
        ...

    def answers(self) -> list[PublishAnswer]:
        """PUBACKs since the last call."""
        ...


PING = b"\xc0\x00"
"""PINGREQ of both versions."""
GOODBYE = b"\xe0\x00"
"""DISCONNECT of both versions. The broker keeps the session until it expires."""


def acks(packets: Sequence[int], exactly_once: Collection[int] = ()) -> bytes:
    """PUBACK (success) for each packet id, in order; PUBREC for those in `exactly_once`. Both versions.

    QoS 2 is never requested, but a session that other software began may still hold such messages.
    """
    words = np.array(packets, np.uint32) | np.uint32(0x40020000)
    if exactly_once:
        words[np.isin(packets, list(exactly_once))] += np.uint32(0x10000000)
    return words.astype(">u4").tobytes()


def refused(code: str, text: str | None = None) -> dict[str, object]:
    """Fields of a text: the reason code `code` (its name in MQTT 5) in words, and the broker's own text, for the log
    alone."""
    name = code.lower()
    known = f"source.code.{name}" in catalogue()
    words = Phrase(f"source.code.{name}") if known else name.replace("_", " ")
    return {"code": words, "more": Phrase("source.said", {"text": text.strip("; ")[:200]}) if text else ""}


def protocol_error(what: str) -> SourceUnavailable:
    return SourceUnavailable.of("source.protocol", more=Phrase("source.more", {"why": what}))


def frame_size(head: bytes) -> int | None:
    """Bytes of the packet that starts with `head` (5 bytes are enough); None = too few bytes, 0 = malformed length."""
    size, shift = 0, 0
    for index in range(1, 5):
        if index >= len(head):
            return None
        size |= (head[index] & 0x7F) << shift
        shift += 7
        if head[index] < 0x80:
            return 1 + index + size
    return 0


def salvage(frame: bytes, why: str) -> DamagedPublish | None:
    """A whole PUBLISH frame that the codec refused, taken apart by hand; None when it is beyond that."""
    head = frame[0]
    qos = head >> 1 & 3
    if head & 0xF0 != 0x30 or qos > 1:
        return None
    start = 2
    while frame[start - 1] >= 0x80:
        start += 1
    body = frame[start:]
    length = int.from_bytes(body[:2], "big")
    after = 2 + length + 2 * qos
    if len(body) < after:
        return None
    packet_id = int.from_bytes(body[after - 2 : after], "big") if qos else None
    if packet_id == 0:
        return None
    topic = body[2 : 2 + length].decode("utf-8", "replace")
    return DamagedPublish(topic, body[after:], packet_id, bool(head & 8), bool(head & 1), why[:200])
