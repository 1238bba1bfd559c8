"""An MQTT 3.1.1 client session without I/O (OASIS MQTT 3.1.1): bytes in, messages and bytes out.

paho is the codec (`paho_client.py`). Three things it must not do are done here. QoS 2 messages are handed to it as
QoS 1, because it would send PUBREC before anything is on disk. PUBREL is answered here. And a PUBLISH that is
damaged, or longer than `max_packet`, becomes a `DamagedPublish` and not the end of the connection, after which it would
come again.
"""

from gateway.domain.errors import SourceError, SourceRejected, SourceUnavailable
from protocols.mqtt.paho_client import PahoClient, PahoEvents
from protocols.mqtt.publication import Publication, PublishAnswer
from protocols.mqtt.session import (
    BrokerGrants,
    ConnectOptions,
    Message,
    Phase,
    PlainPublish,
    frame_size,
    protocol_error,
    refused,
    salvage,
)
from protocols.mqtt.subscriptions import Subscriptions

_CONNACK, _PUBLISH, _PUBACK, _PUBREL, _SUBACK, _UNSUBACK, _PINGRESP = (
    2,
    3,
    4,
    6,
    9,
    11,
    13,
)  # packet types, section 2.2.1
_PUBCOMP = 0x70020000
_CODES = {
    1: "unsupported_protocol_version", 2: "client_id_not_valid", 3: "server_unavailable",
    4: "bad_user_name_or_password", 5: "not_authorized",
}  # fmt: skip
"""Return codes of CONNACK (section 3.2.2.3) -> names of MQTT 5."""
_PASSING = 3
_HEAD = 4 + 2 + 65_535 + 2 + 1024
"""Bytes that hold the longest topic, the packet id and some of the payload."""


class Mqtt311Session:
    """A `Session`. After `failure` is set nothing more is read. `held`: as of `Mqtt5Session`."""

    version = "3.1.1"

    def __init__(self, options: ConnectOptions, wanted: Subscriptions, held: set[str] | None = None) -> None:
        self.phase = Phase.CONNECTING
        self.failure: SourceError | None = None
        self.resumed = self.taken_over = self.refused_version = False
        self.keepalive = options.keepalive
        self.degraded: tuple[str, ...] = ()
        self.grants: BrokerGrants | None = None
        self.in_force = self._wanted = wanted
        self._most = options.max_packet
        self._held = set[str]() if held is None else held
        self._subscribed_to: set[str] = set()
        self._subscribing: dict[int, tuple[str, ...]] = {}
        self._unsubscribing: dict[int, tuple[str, ...]] = {}
        self._rest = bytearray()
        self._skip = 0
        """Bytes of an overlong packet that are still to come."""
        self._second = False
        self._messages: list[Message] = []
        self._out: list[bytes] = []
        self._answers: list[PublishAnswer] = []
        self._paho = PahoClient(options, PahoEvents(self._connected, self._granted, self._given_up, self._published))

    # ---- out --------------------------------------------------------------------------------------------------
    def connect(self) -> bytes:
        """The first packet."""
        return self._paho.begin()

    def outgoing(self) -> bytes:
        """Bytes that the session itself has to send; empty when none."""
        data = b"".join(self._out) + self._paho.written()
        self._out.clear()
        return data

    def use(self, wanted: Subscriptions) -> None:
        """Subscribe to these instead: the difference is requested in `outgoing`, the connection stays."""
        self._wanted = wanted
        if self.phase is Phase.READY:
            self._update_subscriptions()

    def publish(self, publication: Publication) -> int | None:
        """The message is in `outgoing`, in phase READY; its packet id, None with QoS 0."""
        packet_id = self._paho.send_publish(publication)
        return packet_id if publication.qos else None

    def answers(self) -> list[PublishAnswer]:
        """PUBACKs since the last call. A broker of 3.1.1 cannot refuse a message: it hangs up."""
        found, self._answers = self._answers, []
        return found

    # ---- in ---------------------------------------------------------------------------------------------------
    def receive(self, data: bytes) -> list[Message]:
        """Bytes as they came -> the PUBLISHes that are complete now, in order. Look at `failure` afterwards."""
        if self._skip:
            data, self._skip = data[self._skip :], max(0, self._skip - len(data))
        self._rest += data
        rest, start = bytes(self._rest), 0
        while self.failure is None and start < len(rest):
            whole = frame_size(rest[start : start + 5])
            if whole == 0:
                self._fail(protocol_error("malformed packet: length"))
            elif whole is not None and whole > self._most:
                part = rest[start : start + whole]
                if not self._overlong(part, whole):
                    break
                start += len(part)
            elif whole is None or start + whole > len(rest):
                break
            else:
                self._packet(rest[start : start + whole])
                start += whole
        del self._rest[:start]
        messages, self._messages = self._messages, []
        return messages

    def _overlong(self, part: bytes, whole: int) -> bool:
        """`part` starts a packet longer than `max_packet`, which MQTT 3.1.1 cannot forbid. False when more of it is
        needed to read topic and packet id."""
        if part[0] >> 4 != _PUBLISH:
            self._fail(protocol_error(f"a packet of {whole} bytes"))
            return True
        if len(part) < min(whole, _HEAD):
            return False
        self._damaged(part, f"a packet of {whole} bytes, at most {self._most} are read")
        self._skip = whole - len(part)
        return True

    def _packet(self, packet: bytes) -> None:
        kind = packet[0] >> 4
        if kind == _PUBLISH:
            self._publish(packet)
        elif self.phase is Phase.CONNECTING and kind == _CONNACK and len(packet) == 4 and packet[3]:
            self._refused(packet[3])
        elif kind == (_CONNACK if self.phase is Phase.CONNECTING else _SUBACK) or kind == _UNSUBACK:
            if not self._paho.take(packet):
                self._fail(protocol_error(f"malformed packet of type {kind}"))
        elif kind == _PUBACK and len(packet) == 4 and self.phase is not Phase.CONNECTING:
            self._paho.take(packet)
            self._answers.append(PublishAnswer(int.from_bytes(packet[2:], "big")))
        elif kind == _PUBREL and len(packet) == 4:
            self._out.append((_PUBCOMP | int.from_bytes(packet[2:], "big")).to_bytes(4, "big"))
        elif kind != _PINGRESP or self.phase is Phase.CONNECTING:
            self._fail(protocol_error(f"unexpected packet of type {kind} while {self.phase.value}"))

    def _publish(self, packet: bytes) -> None:
        qos = packet[0] >> 1 & 3
        if qos == 2:
            packet = bytes([packet[0] & 0xF9 | 2]) + packet[1:]
        self._second = qos == 2
        if qos == 3 or not _is_whole(packet, qos) or not self._paho.take(packet):
            self._damaged(packet, "malformed PUBLISH")

    def _damaged(self, packet: bytes, why: str) -> None:
        found = salvage(packet, why)
        if found is None:
            self._fail(protocol_error(why))
        else:
            self._messages.append(found)

    def _published(self, topic: str, payload: bytes, packet: int, qos: int, flags: int) -> None:
        number, qos = (packet, 2 if self._second else qos) if qos else (None, 0)
        self._messages.append(PlainPublish(topic, payload, number, bool(flags & 8), bool(flags & 1), qos))

    def _fail(self, failure: SourceError) -> None:
        self.failure = self.failure or failure
        self.phase = Phase.CLOSED

    # ---- the session ------------------------------------------------------------------------------------------
    def _refused(self, code: int) -> None:
        name = _CODES.get(code, str(code))
        self.refused_version = code == 1
        kind = SourceUnavailable if code == _PASSING else SourceRejected
        self._fail(kind.of("source.refused", **refused(name)))

    def _connected(self, resumed: bool, _code: int) -> None:
        self.resumed = resumed
        if not resumed:
            self._held.clear()
        self.phase = Phase.SUBSCRIBING if self._wanted.filters else Phase.READY
        self._update_subscriptions()

    def _update_subscriptions(self) -> None:
        """Subscribe to what is new, then unsubscribe from what is not wanted: no message falls in between."""
        wanted = self._wanted.patterns
        if new := [pattern for pattern in wanted if pattern not in self._subscribed_to]:
            try:
                self._subscribing[self._paho.send_subscribe([(pattern, 1) for pattern in new])] = tuple(new)
            except ValueError as error:
                self._fail(SourceRejected.of("source.refused_filters", code=str(error), more=""))
                return
        if gone := sorted(self._held.difference(wanted)):
            self._unsubscribing[self._paho.send_unsubscribe(gone)] = tuple(gone)
        self._subscribed_to = set(wanted)
        self._held.update(wanted)
        self._check_answered()

    def _check_answered(self) -> None:
        """Once the broker has answered every request, messages belong to the wanted subscriptions."""
        if not self._subscribing and not self._unsubscribing:
            self.in_force = self._wanted

    def _granted(self, packet: int, codes: list[int]) -> None:
        patterns = self._subscribing.pop(packet, ())
        if len(codes) != len(patterns):
            self._fail(protocol_error("a SUBACK that answers another SUBSCRIBE"))
            return
        if failed := [pattern for pattern, code in zip(patterns, codes, strict=True) if code >= 0x80]:
            self._fail(SourceRejected.of("source.refused_filters", **refused("not_authorized", "; ".join(failed))))
            return
        poor = {p for p, code in zip(patterns, codes, strict=True) if code == 0} | ({*self.degraded} - {*patterns})
        self.degraded = tuple(pattern for pattern in self._wanted.patterns if pattern in poor)
        if not self._subscribing and self.phase is Phase.SUBSCRIBING:
            self.phase = Phase.READY
            self._update_subscriptions()  # what became wanted meanwhile
        self._check_answered()

    def _given_up(self, packet: int) -> None:
        self._held.difference_update({*self._unsubscribing.pop(packet, ())} - self._subscribed_to)
        self._check_answered()


def _is_whole(packet: bytes, qos: int) -> bool:
    """Whether a PUBLISH has a topic of UTF-8, a packet id where one is due, and nothing is cut off."""
    start = 2
    while packet[start - 1] >= 0x80:
        start += 1
    topic = start + 2
    end = topic + int.from_bytes(packet[start:topic], "big")
    if end == topic or len(packet) < end + (2 if qos else 0) or (qos and not any(packet[end : end + 2])):
        return False
    try:
        packet[topic:end].decode()
    except UnicodeDecodeError:
        return False
    return True
