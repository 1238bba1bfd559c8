"""paho-mqtt as a codec of MQTT 3.1.1 (OASIS, 2014): packets in, callbacks and bytes out, no socket and no thread.

paho reads and writes through the object that its `_create_socket` returns. Here that object is two buffers in memory:
event loop, TLS, WebSocket and back-pressure are those of MQTT 5. This is the only file that uses paho.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from protocols.mqtt.publication import Publication
from protocols.mqtt.session import ConnectOptions

_NOWHERE = "memory"  # paho wants a host name


@dataclass(frozen=True, slots=True)
class PahoEvents:
    """`connected(session present, code)`: CONNACK, code 0 to 5 of section 3.2.2.3 as MQTT 5 reason code.
    `granted(packet id, codes)`: SUBACK. `given_up(packet id)`: UNSUBACK.
    `published(topic, payload, packet id, QoS, flags)`: PUBLISH; flags as in its first byte."""

    connected: Callable[[bool, int], None]
    granted: Callable[[int, list[int]], None]
    given_up: Callable[[int], None]
    published: Callable[[str, bytes, int, int, int], None]


class _Buffers:
    """A socket of paho's: `fed` is read by paho, `written` is what it wrote."""

    def __init__(self) -> None:
        self.fed = b""
        self.written: list[bytes] = []
        self._at = 0

    def feed(self, packet: bytes) -> None:
        self.fed, self._at = packet, 0

    def recv(self, buffer_size: int) -> bytes:
        at = self._at
        if at >= len(self.fed):
            raise BlockingIOError
        self._at = at + buffer_size
        return self.fed[at : at + buffer_size]

    def send(self, buffer: bytes | bytearray) -> int:
        self.written.append(bytes(buffer))
        return len(buffer)

    def close(self) -> None:
        """There is nothing to close."""

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""


class PahoClient(Client):
    """One connection. `manual_ack`: paho acknowledges nothing by itself."""

    def __init__(self, options: ConnectOptions, events: PahoEvents) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            clean_session=options.clean,
            protocol=MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._buffers, self._options, self._events = _Buffers(), options, events
        self.on_connect = self._got_connack
        self.on_subscribe = self._got_suback
        self.on_unsubscribe = self._got_unsuback
        self.on_message = self._got_publish
        if options.username is not None:
            self.username_pw_set(options.username, options.password)
        if (will := options.will) is not None:
            self.will_set(will.topic, will.payload, min(will.qos, 1), will.retain)

    def begin(self) -> bytes:
        """CONNECT with `clean_session` 0."""
        self.connect(_NOWHERE, keepalive=self._options.keepalive)
        return self.written()

    def take(self, packet: bytes) -> bool:
        """Read one whole packet, of a kind that paho does not answer; callbacks run meanwhile. False: malformed."""
        self._buffers.feed(packet)
        return self.loop_read() == 0

    def written(self) -> bytes:
        """What paho has to send since the last call. In a callback it only queues, so `loop_write` is called here."""
        if self.want_write():
            self.loop_write()
        data = b"".join(self._buffers.written)
        self._buffers.written.clear()
        return data

    def send_subscribe(self, filters: Sequence[tuple[str, int]]) -> int:
        """SUBSCRIBE to (filter, QoS) -> packet id. ValueError for a filter that paho refuses."""
        return self._id(self.subscribe(list(filters)))

    def send_unsubscribe(self, filters: Sequence[str]) -> int:
        """UNSUBSCRIBE -> packet id."""
        return self._id(self.unsubscribe(list(filters)))

    def send_publish(self, publication: Publication) -> int:
        """PUBLISH -> packet id. ValueError for a topic or a length that MQTT does not allow."""
        return self.publish(publication.topic, publication.payload, min(publication.qos, 1), publication.retain).mid

    @staticmethod
    def _id(result: tuple[int, int | None]) -> int:
        code, packet = result
        if packet is None:
            raise ValueError(f"paho: error {code}")
        return packet

    def _create_socket(self) -> Any:
        return self._buffers

    def _got_connack(
        self, _client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._events.connected(flags.session_present, code.value)

    def _got_suback(
        self, _client: Client, _data: Any, packet: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._events.granted(packet, [code.value for code in codes])

    def _got_unsuback(
        self, _client: Client, _data: Any, packet: int, _codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._events.given_up(packet)

    def _got_publish(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        flags = message.dup << 3 | message.retain
        self._events.published(message.topic, bytes(message.payload), message.mid, message.qos, flags)
