"""An MQTT 5 client session without I/O (OASIS MQTT 5.0): bytes in, messages and bytes out."""

import mqtt5

from gateway.domain.errors import SourceError, SourceRejected, SourceUnavailable
from gateway.domain.language_values import Phrase
from protocols.mqtt.publication import Publication, PublishAnswer
from protocols.mqtt.session import (
    BrokerGrants,
    ConnectOptions,
    DamagedPublish,
    Message,
    Phase,
    frame_size,
    protocol_error,
    refused,
    salvage,
)
from protocols.mqtt.subscriptions import Subscriptions

# Reason codes that another try will not change. The codec's codes are not hashable: their numbers are kept.
_REFUSED = frozenset(
    int(code)
    for code in (
        mqtt5.ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
        mqtt5.ConnAckReasonCode.CLIENT_ID_NOT_VALID,
        mqtt5.ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD,
        mqtt5.ConnAckReasonCode.NOT_AUTHORIZED,
        mqtt5.ConnAckReasonCode.BANNED,
        mqtt5.ConnAckReasonCode.BAD_AUTHENTICATION_METHOD,
    )
)
_NOT_GRANTED = frozenset(
    int(code)
    for code in (
        mqtt5.SubAckReasonCode.NOT_AUTHORIZED,
        mqtt5.SubAckReasonCode.TOPIC_FILTER_INVALID,
        mqtt5.SubAckReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
        mqtt5.SubAckReasonCode.SUBSCRIPTION_IDS_NOT_SUPPORTED,
        mqtt5.SubAckReasonCode.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
    )
)
_SENT_AWAY = frozenset(
    int(code)
    for code in (
        mqtt5.DisconnectReasonCode.NOT_AUTHORIZED,
        mqtt5.DisconnectReasonCode.ADMINISTRATIVE_ACTION,
        mqtt5.DisconnectReasonCode.TOPIC_FILTER_INVALID,
    )
)
_TAKEN_OVER = int(mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER)
_MQTT3_REFUSAL = b"\x20\x02\x00"  # a CONNACK of MQTT 3.1.1: two bytes, no properties


class Mqtt5Session:
    """A `Session`. `held`: the filters that the broker may keep for us, kept up to date; a resumed session unsubscribes
    from those that are not wanted.
    """

    version = "5"

    def __init__(self, options: ConnectOptions, wanted: Subscriptions, held: set[str] | None = None) -> None:
        self.phase = Phase.CONNECTING
        self.failure: SourceError | None = None
        self.resumed = self.taken_over = self.refused_version = False
        self.keepalive = options.keepalive
        self.degraded: tuple[str, ...] = ()
        self.grants: BrokerGrants | None = None
        self._options = options
        self._wanted = self.in_force = wanted
        self._subscribed_to: dict[str, tuple[mqtt5.TopicFilter, int | None]] = {}
        self._held = set[str]() if held is None else held
        self._subscribing: dict[int, tuple[str, ...]] = {}
        self._unsubscribing: dict[int, tuple[str, ...]] = {}
        self._packets = 0
        self._rest = bytearray()
        self._need = 0
        self._out: list[bytes] = []
        self._answers: list[PublishAnswer] = []

    # ---- out --------------------------------------------------------------------------------------------------
    def connect(self) -> bytes:
        """The first packet."""
        options = self._options
        return mqtt5.ConnectPacket(
            options.client_id,
            username=options.username,
            password=None if options.password is None else options.password.encode(),
            clean_start=options.clean,
            keep_alive=options.keepalive,
            session_expiry_interval=options.session_expiry,
            receive_max=options.receive_maximum,
            max_packet_size=options.max_packet,
            will=None if options.will is None else _will(options.will),
        ).write()

    def outgoing(self) -> bytes:
        """Bytes that the session itself has to send; empty when none."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def use(self, wanted: Subscriptions) -> None:
        """Subscribe to these instead: the difference is requested in `outgoing`, the connection stays."""
        self._wanted = wanted
        if self.phase is Phase.READY:
            self._update_subscriptions()

    def publish(self, publication: Publication) -> int | None:
        """The message is in `outgoing`, in phase READY; its packet id, None with QoS 0."""
        packet_id = self._packet() if publication.qos and (self.grants is None or self.grants.qos) else None
        packet = mqtt5.PublishPacket(
            publication.topic,
            publication.payload,
            qos=mqtt5.QoS.AT_MOST_ONCE if packet_id is None else mqtt5.QoS.AT_LEAST_ONCE,
            retain=publication.retain,
            packet_id=packet_id,
            message_expiry_interval=publication.expiry or None,
            response_topic=publication.response_topic or None,
            correlation_data=publication.correlation or None,
        )
        self._out.append(packet.write())
        return packet_id

    def answers(self) -> list[PublishAnswer]:
        """PUBACKs since the last call."""
        found, self._answers = self._answers, []
        return found

    # ---- in ---------------------------------------------------------------------------------------------------
    def receive(self, data: bytes) -> list[Message]:
        """Bytes as they came -> the PUBLISHes that are complete now, in order. Look at `failure` afterwards."""
        messages: list[Message] = []
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return messages
            data = bytes(self._rest)
            self._rest.clear()
        read, publish, add = mqtt5.read, mqtt5.PublishPacket, messages.append
        view = memoryview(data)
        position, end = 0, len(data)
        while position < end and self.failure is None:
            packet: mqtt5.Packet | DamagedPublish
            try:
                packet, size = read(view[position:])
            except BaseException as error:
                # the codec panics (a BaseException of its own) on text that is not UTF-8
                if not isinstance(error, IndexError | ValueError) and type(error).__name__ != "PanicException":
                    raise
                left = bytes(view[position : position + 5])
                whole = frame_size(left)
                if whole is None or position + whole > end:
                    self._keep(view[position:], whole)
                    break
                if left.startswith(_MQTT3_REFUSAL) and self.phase is Phase.CONNECTING:
                    self.refused_version = True
                    self._fail(SourceRejected.of("source.not_mqtt5"))
                    break
                found = salvage(bytes(view[position : position + whole]), str(error)) if whole else None
                if found is None:
                    self._fail(protocol_error(f"malformed packet: {error}"))
                    break
                packet, size = found, whole
            position += size
            if type(packet) is publish or type(packet) is DamagedPublish:
                add(packet)
            else:
                self._control(packet)
        return messages

    def _keep(self, view: memoryview, whole: int | None) -> None:
        if whole is not None and whole > self._options.max_packet:
            self._fail(protocol_error(f"a packet of {whole} bytes, at most {self._options.max_packet} were agreed"))
            return
        self._rest += view
        self._need = whole or len(view) + 1

    def _fail(self, failure: SourceError) -> None:
        self.failure = self.failure or failure
        self.phase = Phase.CLOSED

    def _control(self, packet: object) -> None:
        if isinstance(packet, mqtt5.ConnAckPacket) and self.phase is Phase.CONNECTING:
            self._connected(packet)
        elif isinstance(packet, mqtt5.SubAckPacket) and packet.packet_id in self._subscribing:
            self._subscribed(packet)
        elif isinstance(packet, mqtt5.UnsubAckPacket) and packet.packet_id in self._unsubscribing:
            self._held.difference_update({*self._unsubscribing.pop(packet.packet_id)} - self._subscribed_to.keys())
            self._check_answered()
        elif isinstance(packet, mqtt5.PingRespPacket) and self.phase is not Phase.CONNECTING:
            return  # that bytes came is all the keep-alive needs to know
        elif isinstance(packet, mqtt5.PubAckPacket) and self.phase is not Phase.CONNECTING:
            failed = int(packet.reason_code) >= 0x80
            self._answers.append(PublishAnswer(packet.packet_id, packet.reason_code.name.lower() if failed else ""))
        elif isinstance(packet, mqtt5.PubRelPacket) and self.phase is not Phase.CONNECTING:
            self._out.append(mqtt5.PubCompPacket(packet.packet_id).write())
        elif isinstance(packet, mqtt5.DisconnectPacket):
            code, fields = int(packet.reason_code), refused(packet.reason_code.name, packet.reason_str)
            self.taken_over = code == _TAKEN_OVER
            self._fail((SourceRejected if code in _SENT_AWAY else SourceUnavailable).of("source.sent_away", **fields))
        else:
            self._fail(protocol_error(f"unexpected {type(packet).__name__} while {self.phase.value}"))

    def _connected(self, packet: mqtt5.ConnAckPacket) -> None:
        if int(packet.reason_code) != 0:
            self.refused_version = packet.reason_code == mqtt5.ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION
            fields = refused(packet.reason_code.name, packet.reason_str)
            kind = SourceRejected if int(packet.reason_code) in _REFUSED else SourceUnavailable
            self._fail(kind.of("source.refused", **fields))
            return
        if not packet.wildcard_subscription_available and any({"+", "#"} & set(p) for p in self._wanted.patterns):
            self._fail(SourceRejected.of("source.no_wildcards"))
            return
        if not packet.subscription_id_available and self._wanted.numbers:
            clash = ", ".join(self._wanted.numbers)
            self._fail(SourceRejected.of("source.no_identifiers", more=Phrase("source.more", {"why": clash})))
            return
        self.grants = BrokerGrants(
            packet.receive_max,
            packet.session_expiry_interval,
            int(packet.max_qos),
            packet.wildcard_subscription_available,
            packet.subscription_id_available,
            packet.max_packet_size,
        )
        self.resumed = packet.session_present
        if packet.server_keep_alive is not None:
            self.keepalive = packet.server_keep_alive
        if not self.resumed:
            self._held.clear()
        self.phase = Phase.SUBSCRIBING if self._wanted.filters else Phase.READY
        self._update_subscriptions()

    def _update_subscriptions(self) -> None:
        """Subscribe to what is new, then unsubscribe from what is not wanted: no message falls in between."""
        numbers = self._wanted.numbers
        wanted = {one.pattern: (one, numbers.get(one.pattern)) for one in self._wanted.filters}
        new = [one for pattern, (one, number) in wanted.items() if self._subscribed_to.get(pattern) != (one, number)]
        plain = [one for one in new if one.pattern not in numbers]
        alone = [([one], numbers[one.pattern]) for one in new if one.pattern in numbers]
        for filters, number in [*([(plain, None)] if plain else []), *alone]:  # one identifier per SUBSCRIBE
            packet = self._packet()
            self._subscribing[packet] = tuple(one.pattern for one in filters)
            self._out.append(mqtt5.SubscribePacket(packet, filters, subscription_id=number).write())
        if gone := tuple(sorted(self._held.difference(self._wanted.patterns))):
            packet = self._packet()
            self._unsubscribing[packet] = gone
            self._out.append(mqtt5.UnsubscribePacket(packet, list(gone)).write())
        self._subscribed_to = wanted
        self._held.update(wanted)
        self._check_answered()

    def _check_answered(self) -> None:
        """Once the broker has answered every request, messages belong to the wanted subscriptions."""
        if not self._subscribing and not self._unsubscribing:
            self.in_force = self._wanted

    def _packet(self) -> int:
        self._packets = self._packets % 0xFFFF + 1
        return self._packets

    def _subscribed(self, packet: mqtt5.SubAckPacket) -> None:
        patterns = self._subscribing.pop(packet.packet_id)
        if len(packet.reason_codes) != len(patterns):
            self._fail(protocol_error("a SUBACK that answers another SUBSCRIBE"))
            return
        codes = list(zip(patterns, packet.reason_codes, strict=True))
        failed = [(pattern, code) for pattern, code in codes if int(code) >= 0x80]
        if failed:
            fields = refused(
                failed[0][1].name, "; ".join([pattern for pattern, _ in failed] + [packet.reason_str or ""])
            )
            hard = any(int(code) in _NOT_GRANTED for _, code in failed)
            self._fail((SourceRejected if hard else SourceUnavailable).of("source.refused_filters", **fields))
            return
        poor = {pattern for pattern, code in codes if int(code) == 0} | ({*self.degraded} - {*patterns})
        self.degraded = tuple(pattern for pattern in self._wanted.patterns if pattern in poor)
        if not self._subscribing and self.phase is Phase.SUBSCRIBING:
            self.phase = Phase.READY
            self._update_subscriptions()  # what became wanted meanwhile
        self._check_answered()


def _will(will: Publication) -> mqtt5.Will:
    qos = mqtt5.QoS.AT_LEAST_ONCE if will.qos else mqtt5.QoS.AT_MOST_ONCE
    return mqtt5.Will(will.topic, payload=will.payload, qos=qos, retain=will.retain)
