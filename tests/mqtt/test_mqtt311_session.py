"""MQTT 3.1.1 without a socket. Packets are written by hand from the standard's tables."""

import mqtt5
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.errors import SourceRejected, SourceUnavailable
from protocols.mqtt.mqtt311_session import Mqtt311Session
from protocols.mqtt.session import ConnectOptions, DamagedPublish, Phase, PlainPublish
from protocols.mqtt.subscriptions import Subscriptions

HELLO = ConnectOptions("gw-01", "user", "secret", 30, 3600, 500, 1000)
FILTERS = Subscriptions((mqtt5.TopicFilter("a/+"), mqtt5.TopicFilter("b")))
ACCEPTED, RESUMED = b"\x20\x02\x00\x00", b"\x20\x02\x01\x00"
GRANTED = b"\x90\x04\x00\x01\x01\x01"


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def packet(head: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        length += bytes([size % 128 | (0x80 if size > 127 else 0)])
        size //= 128
        if not size:
            return bytes([head]) + length + body


def published(payload: bytes, number: int = 0, *, qos: int = 1, flags: int = 0, topic: str | bytes = "a/1") -> bytes:
    return packet(0x30 | qos << 1 | flags, text(topic) + (number.to_bytes(2, "big") if qos else b"") + payload)


def ready(accepted: bytes = ACCEPTED) -> Mqtt311Session:
    session = Mqtt311Session(HELLO, FILTERS)
    session.connect()
    assert session.receive(accepted) == []
    session.outgoing()
    session.receive(GRANTED)
    assert session.phase is Phase.READY
    return session


def test_connect_keeps_the_session() -> None:
    body = text("MQTT") + bytes([4, 0xC0]) + (30).to_bytes(2, "big") + text("gw-01") + text("user") + text("secret")
    assert Mqtt311Session(HELLO, FILTERS).connect() == packet(0x10, body)


def test_subscribes_after_connack_and_is_ready_after_suback() -> None:
    session = Mqtt311Session(HELLO, FILTERS)
    session.connect()
    session.receive(RESUMED)
    assert session.outgoing() == packet(0x82, b"\x00\x01" + text("a/+") + b"\x01" + text("b") + b"\x01")
    assert (session.resumed, session.phase) == (True, Phase.SUBSCRIBING)
    session.receive(b"\x90\x04\x00\x01\x01\x00")
    assert (session.phase, session.degraded, session.failure) == (Phase.READY, ("b",), None)


def test_follows_other_filters_and_gives_up_the_old_ones() -> None:
    session = ready()
    session.use(Subscriptions((mqtt5.TopicFilter("b"), mqtt5.TopicFilter("c"))))
    assert session.outgoing() == packet(0x82, b"\x00\x02" + text("c") + b"\x01") + packet(
        0xA2, b"\x00\x03" + text("a/+")
    )
    assert session.in_force is FILTERS
    session.receive(b"\x90\x03\x00\x02\x01" + b"\xb0\x02\x00\x03")
    assert session.in_force.patterns == ["b", "c"]


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"\x20\x02\x00\x01", SourceRejected, "version is not supported"),
        (b"\x20\x02\x00\x02", SourceRejected, "client_id is not accepted"),
        (b"\x20\x02\x00\x03", SourceUnavailable, "server unavailable"),
        (b"\x20\x02\x00\x04", SourceRejected, "bad user name or password"),
        (b"\x20\x02\x00\x05", SourceRejected, "not authorized"),
        (b"\x20\x02\x00\x09", SourceRejected, "9"),
        (b"\xd0\x00", SourceUnavailable, "unexpected packet of type 13"),
        (b"\x00\x00", SourceUnavailable, "unexpected packet of type 0"),
        (b"\x20\xff\xff\xff\xff\x01", SourceUnavailable, "malformed"),
        (ACCEPTED + b"\x90\x03\x00\x01\x01", SourceUnavailable, "another SUBSCRIBE"),
        (ACCEPTED + b"\x90\x04\x00\x01\x01\x80", SourceRejected, "b"),
        (ACCEPTED + packet(0x90, bytes(2000)), SourceUnavailable, "2003 bytes"),
        (ACCEPTED + b"\x50\x02\x00\x01", SourceUnavailable, "unexpected packet of type 5"),
    ],
)
def test_refusals(data: bytes, kind: type, says: str) -> None:
    session = Mqtt311Session(HELLO, FILTERS)
    session.connect()
    session.receive(data)
    assert type(session.failure) is kind
    assert says in str(session.failure)
    assert session.refused_version == (data == b"\x20\x02\x00\x01")


def test_messages_carry_what_the_receipts_need() -> None:
    found = ready(RESUMED).receive(
        published(b"x", qos=0) + published(b"y", 7, flags=8) + published(b"z", 8, flags=1) + b"\xd0\x00"
    )
    assert found == [
        PlainPublish("a/1", b"x", None, duplicate=False, retain=False, qos=0),
        PlainPublish("a/1", b"y", 7, duplicate=True, retain=False, qos=1),
        PlainPublish("a/1", b"z", 8, duplicate=False, retain=True, qos=1),
    ]


def test_qos_2_waits_for_us_like_any_other_and_pubrel_is_answered() -> None:
    session = ready(RESUMED)
    (message,) = session.receive(published(b"1", 9, qos=2))
    assert (message.packet_id, message.qos) == (9, 2)
    assert session.outgoing() == b"", "no PUBREC before it is on disk"
    session.receive(b"\x62\x02\x00\x09")
    assert session.outgoing() == b"\x70\x02\x00\x09"


@pytest.mark.parametrize(
    "broken",
    [
        published(b"{}", 3, topic=b"a/\xff"),
        published(b"{}", 3, topic=b""),
        published(b"", 3, topic=b"a/\xc3"),
    ],
)
def test_a_damaged_publish_is_kept_and_the_connection_too(broken: bytes) -> None:
    session = ready()
    damaged, good = session.receive(broken + published(b"good", 4))
    assert isinstance(damaged, DamagedPublish)
    assert damaged.packet_id == 3
    assert good.payload == b"good"
    assert session.failure is None


@pytest.mark.parametrize("broken", [b"\x32\x02\x00\x09", b"\x36\x05\x00\x01a\x00\x01", b"\x32\x01\x00"])
def test_a_publish_that_names_nothing_ends_the_connection(broken: bytes) -> None:
    session = ready()
    assert session.receive(broken) == []
    assert isinstance(session.failure, SourceUnavailable)


@pytest.mark.parametrize("chunk", [100_000, 4096, 999])
def test_a_message_that_is_too_long_is_put_aside_and_what_follows_is_read(chunk: int) -> None:
    session = ready()
    data = published(b"x" * 300_000, 5) + published(b"good", 6)
    found = [message for at in range(0, len(data), chunk) for message in session.receive(data[at : at + chunk])]
    assert session.failure is None
    assert [message.packet_id for message in found] == [5, 6]
    assert isinstance(found[0], DamagedPublish)
    assert "300011 bytes" in found[0].damaged
    assert len(found[0].payload) < 100_000


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 2)), max_size=8),
    st.lists(st.integers(1, 30), max_size=20),
)
def test_pieces_of_any_size_give_the_same_messages(bodies: list[tuple[bytes, int]], sizes: list[int]) -> None:
    data = b"".join(published(body, number + 1, qos=qos) for number, (body, qos) in enumerate(bodies))
    session, found = ready(), []
    for size in sizes:
        found += session.receive(data[:size])
        data = data[size:]
    found += session.receive(data)
    assert [(m.payload, m.qos) for m in found] == bodies


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_end_in_messages_or_a_failure(data: bytes) -> None:
    session = ready()
    for message in session.receive(data):
        assert isinstance(message.topic, str)
    if session.failure is None:
        assert session.phase is Phase.READY
