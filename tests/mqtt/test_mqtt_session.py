"""The protocol without a socket."""

from typing import Any

import mqtt5
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import SourceRejected, SourceUnavailable
from protocols.mqtt.keepalive import Keepalive, KeepaliveAction
from protocols.mqtt.mqtt5_session import Mqtt5Session
from protocols.mqtt.session import ConnectOptions, DamagedPublish, Phase, acks
from protocols.mqtt.subscriptions import Subscriptions

HELLO = ConnectOptions("gw-01", "user", "secret", 30, 3600, 500, 1 << 20)
FILTERS = Subscriptions((mqtt5.TopicFilter("a/+", max_qos=mqtt5.QoS.AT_LEAST_ONCE), mqtt5.TopicFilter("b")))
QOS1 = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
LONG = st.sampled_from([b"", b"x" * 20, b"y" * 200, b"z" * 20_000])


def session() -> Mqtt5Session:
    return Mqtt5Session(HELLO, FILTERS)


def ready(*, resumed: bool = False) -> Mqtt5Session:
    s = session()
    assert s.receive(mqtt5.ConnAckPacket(session_present=resumed).write()) == []
    s.outgoing()
    s.receive(mqtt5.SubAckPacket(1, [QOS1, QOS1]).write())
    assert s.phase is Phase.READY
    return s


def test_connect_says_who_we_are_and_keeps_the_session() -> None:
    packet, _ = mqtt5.read(memoryview(session().connect()))
    assert isinstance(packet, mqtt5.ConnectPacket)
    assert (packet.client_id, packet.username, packet.password) == ("gw-01", "user", b"secret")
    assert (packet.clean_start, packet.session_expiry_interval, packet.receive_max) == (False, 3600, 500)
    assert (packet.keep_alive, packet.max_packet_size) == (30, 1 << 20)


def test_subscribes_after_connack_and_is_ready_after_suback() -> None:
    s = session()
    s.receive(mqtt5.ConnAckPacket(session_present=True, server_keep_alive=10).write())
    requested, _ = mqtt5.read(memoryview(s.outgoing()))
    assert isinstance(requested, mqtt5.SubscribePacket)
    assert [f.pattern for f in requested.topic_filters] == ["a/+", "b"]
    assert (s.resumed, s.keepalive, s.phase) == (True, 10, Phase.SUBSCRIBING)
    s.receive(mqtt5.SubAckPacket(1, [QOS1, mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE]).write())
    assert (s.phase, s.degraded, s.failure) == (Phase.READY, ("b",), None)
    assert s.outgoing() == b""


def refusal(code: Any, **more: Any) -> bytes:
    return mqtt5.ConnAckPacket(reason_code=code, **more).write()


C, D, S = mqtt5.ConnAckReasonCode, mqtt5.DisconnectReasonCode, mqtt5.SubAckReasonCode


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (refusal(C.BAD_USER_NAME_OR_PASSWORD), SourceRejected, "bad user name or password"),
        (refusal(C.NOT_AUTHORIZED, reason_str="no such client"), SourceRejected, "no such client"),
        (refusal(C.SERVER_BUSY), SourceUnavailable, "server busy"),
        (b"\x20\x02\x00\x01", SourceRejected, "does not speak MQTT 5"),
        (mqtt5.ConnAckPacket(wildcard_subscription_available=False).write(), SourceRejected, "wildcard"),
        (mqtt5.PingRespPacket().write(), SourceUnavailable, "unexpected PingRespPacket while connecting"),
        (b"\x00\x00", SourceUnavailable, "malformed"),
        (b"\x20\xff\xff\xff\xff\x01", SourceUnavailable, "malformed"),
        (b"\x30\xff\xff\xff\x7f", SourceUnavailable, "bytes, at most"),
    ],
)
def test_refusals(data: bytes, kind: type, text: str) -> None:
    s = session()
    s.receive(data)
    assert type(s.failure) is kind
    assert text in str(s.failure)
    assert s.phase is Phase.CLOSED
    assert "secret" not in str(s.failure)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ([QOS1, S.NOT_AUTHORIZED], SourceRejected),
        ([S.QUOTA_EXCEEDED, QOS1], SourceUnavailable),
        ([QOS1], SourceUnavailable),
    ],
)
def test_refused_subscriptions(codes: list[Any], kind: type) -> None:
    s = session()
    s.receive(mqtt5.ConnAckPacket().write() + mqtt5.SubAckPacket(1, codes).write())
    assert type(s.failure) is kind


@pytest.mark.parametrize(
    ("code", "kind", "taken"),
    [
        (D.SESSION_TAKEN_OVER, SourceUnavailable, True),
        (D.NOT_AUTHORIZED, SourceRejected, False),
        (D.SERVER_SHUTTING_DOWN, SourceUnavailable, False),
    ],
)
def test_disconnect_by_the_broker(code: Any, kind: type, taken: bool) -> None:
    s = ready()
    before = mqtt5.PublishPacket("b", b"1").write()
    assert len(s.receive(before + mqtt5.DisconnectPacket(reason_code=code).write())) == 1
    assert type(s.failure) is kind
    assert s.taken_over is taken


def packet_bytes(topic: str, payload: bytes, packet: int | None) -> bytes:
    qos = mqtt5.QoS.AT_MOST_ONCE if packet is None else mqtt5.QoS.AT_LEAST_ONCE
    return mqtt5.PublishPacket(topic, payload, qos=qos, packet_id=packet).write()


PUBLISH = st.tuples(st.sampled_from(["b", "a/ü"]), LONG, st.one_of(st.none(), st.integers(1, 65535)))


@given(st.lists(PUBLISH, max_size=8), st.lists(st.integers(1, 3000), max_size=60))
@settings(deadline=None)
def test_any_split_of_the_stream_gives_the_same_messages(published: list[Any], cuts: list[int]) -> None:
    s = ready()
    stream = b"".join(packet_bytes(*p) for p in published)
    got, start = [], 0
    for cut in [*cuts, len(stream)]:
        got += s.receive(stream[start : start + cut])
        start += cut
    assert [(m.topic, m.payload, m.packet_id) for m in got] == published
    assert s.failure is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the codec panics, and says so
@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=8))
@settings(deadline=None)
def test_any_bytes_end_in_messages_or_a_failure(noise: bytes, cuts: list[int]) -> None:
    s = ready()
    start = 0
    for cut in [*cuts, len(noise)]:
        if s.failure is None:
            for message in s.receive(noise[start : start + cut]):
                assert isinstance(message.payload, bytes)
        start += cut


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the codec panics, and says so
def test_a_publish_with_a_broken_topic_is_put_aside_and_the_next_one_read() -> None:
    s = ready()
    body = b"\x00\x02\xff\xfe" + b"\x00\x07" + b"\x00" + b'{"a":1}'
    broken = bytes([0x3A, len(body)]) + body
    first, second = s.receive(broken + packet_bytes("b", b"2", 8))
    assert isinstance(first, DamagedPublish)
    assert (first.topic, first.packet_id, first.duplicate, first.payload) == ("\ufffd\ufffd", 7, True, b'\x00{"a":1}')
    assert (second.topic, second.payload) == ("b", b"2")
    assert s.failure is None


def test_acks_are_pubacks_in_order() -> None:
    data = acks([7, 65535, 1])
    expected = b"".join(mqtt5.PubAckPacket(p).write() for p in (7, 65535, 1))
    assert data == expected
    assert acks([7, 8], {8}) == mqtt5.PubAckPacket(7).write() + mqtt5.PubRecPacket(8).write()


def test_what_an_older_session_left_at_qos_2_is_completed() -> None:
    s = ready(resumed=True)
    (message,) = s.receive(mqtt5.PublishPacket("b", b"1", qos=mqtt5.QoS.EXACTLY_ONCE, packet_id=9).write())
    assert message.packet_id == 9
    s.receive(mqtt5.PubRelPacket(9).write())
    assert s.outgoing() == mqtt5.PubCompPacket(9).write()


# ---- keep-alive: virtual time -------------------------------------------------------------------------------------
def test_a_silent_connection_is_pinged_then_given_up() -> None:
    beat = Keepalive(30, 0)
    assert [beat.due(t) for t in (5, 14.9)] == [KeepaliveAction.NOTHING] * 2
    assert beat.due(15) is KeepaliveAction.PING
    assert beat.due(29.9) is KeepaliveAction.NOTHING
    assert beat.due(30) is KeepaliveAction.DEAD


def test_any_byte_is_a_sign_of_life_and_sending_spares_the_ping() -> None:
    beat = Keepalive(30, 0)
    assert beat.due(15) is KeepaliveAction.PING
    beat.received(29)
    assert beat.due(30) is KeepaliveAction.PING
    beat.received(31)
    beat.sent(40)
    assert beat.due(54) is KeepaliveAction.NOTHING
    assert beat.due(55) is KeepaliveAction.PING


def test_back_pressure_neither_stops_pings_nor_counts_as_silence() -> None:
    beat = Keepalive(30, 0)
    beat.paused(True, 1)
    assert [beat.due(t) for t in (15, 30, 45, 60)] == [KeepaliveAction.PING] * 4
    beat.paused(False, 61)
    assert beat.due(74) is KeepaliveAction.NOTHING
    assert beat.due(75) is KeepaliveAction.PING
    assert beat.due(76) is KeepaliveAction.DEAD


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_message_is_there_with_its_last_byte(cut: int) -> None:
    s = ready()
    data = packet_bytes("a/b", b"x" * 20, 5)
    assert s.receive(data[:cut]) == []
    (message,) = s.receive(data[cut:])
    assert message.payload == b"x" * 20


def packets(data: bytes) -> list[Any]:
    found, view = [], memoryview(data)
    while view:
        packet, size = mqtt5.read(view)
        found.append(packet)
        view = view[size:]
    return found


A, B = FILTERS.filters


def wanting(*filters: mqtt5.TopicFilter, **numbers: int) -> Subscriptions:
    return Subscriptions(filters, numbers)


def test_other_filters_are_asked_for_by_difference() -> None:
    """C6: what did not change is not subscribed again."""
    s, third = ready(), mqtt5.TopicFilter("c")
    s.use(wanting(B, third))
    new, gone = packets(s.outgoing())
    assert [f.pattern for f in new.topic_filters] == ["c"]
    assert gone.patterns == ["a/+"]
    assert len({1, new.packet_id, gone.packet_id}) == 3
    assert s.in_force is FILTERS, "what comes now may be of the former ones"
    s.receive(mqtt5.SubAckPacket(new.packet_id, [QOS1]).write())
    s.receive(mqtt5.UnsubAckPacket(gone.packet_id, [mqtt5.UnsubAckReasonCode.SUCCESS]).write())
    assert (s.phase, s.failure, s.in_force.patterns) == (Phase.READY, None, ["b", "c"])
    s.use(wanting(B, third))
    assert s.outgoing() == b""
    s.use(wanting(B, third, c=7))
    (again,) = packets(s.outgoing())
    assert [f.pattern for f in again.topic_filters] == ["c"], "the same filter, with an identifier"
    s.receive(mqtt5.SubAckPacket(again.packet_id, [S.NOT_AUTHORIZED]).write())
    assert type(s.failure) is SourceRejected


def test_filters_that_change_before_the_first_answer() -> None:
    s = session()
    s.receive(mqtt5.ConnAckPacket().write())
    s.outgoing()
    s.use(wanting(A))
    assert s.outgoing() == b""
    s.receive(mqtt5.SubAckPacket(1, [QOS1, QOS1]).write())
    (gone,) = packets(s.outgoing())
    assert gone.patterns == ["b"]
