"""Which filters the broker is asked for."""

from itertools import product

import mqtt5
from hypothesis import given
from hypothesis import strategies as st
from mqtt_kit import SIMPLE, config

from gateway.domain.errors import SourceRejected
from protocols.mqtt.session import ConnectOptions, MqttSession, Phase
from protocols.mqtt.subscriptions import covers, overlap, subscriptions

TOPICS = ["/".join(parts) for n in (1, 2, 3, 4) for parts in product(("a", "b", "$x"), repeat=n)]
LEVEL = st.sampled_from(["a", "b", "$x", "+"])
FILTER = st.builds(
    lambda levels, rest: "/".join([*levels, *rest]),
    st.lists(LEVEL, min_size=1, max_size=3),
    st.sampled_from([[], ["#"]]),
)
POINTS = {"a": {"path": "x"}}
QOS1 = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE


def matches(pattern: str, topic: str) -> bool:
    """As the standard says it (MQTT 5, section 4.7), level by level."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in {"+", "#"}:
        return False
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))


@given(FILTER, FILTER)
def test_inside_and_overlapping_are_what_the_topics_say(one: str, other: str) -> None:
    mine, theirs = ({t for t in TOPICS if matches(f, t)} for f in (one, other))
    assert overlap(one, other) == bool(mine & theirs)
    if covers(one, other):
        assert theirs <= mine
    elif theirs <= mine and "+" not in other and "#" not in other:
        raise AssertionError("a filter without wildcards is inside, and is not said to be")


def route(pattern: str, retained: str = "ignore") -> dict[str, object]:
    return {"filter": pattern, "device": "d", "points": POINTS, "retained": retained}


def test_what_lies_inside_another_filter_is_not_asked_for() -> None:
    requested = subscriptions(config([route("a/{x}/t", "use"), route("a/{x*}"), route("b/c")]))
    assert requested.patterns == ["a/#", "b/c"]
    assert requested.inside == {"a/+/t"}
    assert [int(f.retain_handling) for f in requested.filters] == [1, 2]  # the inner route wants retained messages
    assert requested.numbers == {}


def test_filters_that_overlap_in_part_are_told_apart() -> None:
    requested = subscriptions(config([route("a/{x}/t"), route("a/b/{y}"), route("c")]))
    assert set(requested.numbers) == {"a/+/t", "a/b/+"}
    again = subscriptions(config([route("a/b/{y}"), route("a/{x}/t")]))
    assert again.numbers == requested.numbers  # an edit elsewhere changes no number
    one, other = requested.numbers["a/+/t"], requested.numbers["a/b/+"]
    assert not requested.is_copy("a/b/t", [one])
    assert requested.is_copy("a/b/t", [other])
    assert not requested.is_copy("a/b/t", [other, one])  # a broker that delivers once names both
    assert not requested.is_copy("a/b/u", [other])
    assert not requested.is_copy("a/b/t", [])  # from before there were numbers
    assert not requested.is_copy("a/b/t", [one + other])


def test_a_broker_that_cannot_tell_copies_is_refused_and_told_why() -> None:
    hello = ConnectOptions("gw", None, None, 30, 60, 10, 1 << 20)
    session = MqttSession(hello, subscriptions(config([route("a/{x}/t"), route("a/b/{y}")])))
    session.receive(mqtt5.ConnAckPacket(subscription_id_available=False).write())
    assert isinstance(session.failure, SourceRejected)
    assert "a/+/t" in str(session.failure)
    assert "a/b/+" in str(session.failure)


def test_what_is_not_wanted_any_more_goes_after_what_is_wanted_came() -> None:
    held = {"old/#"}
    hello = ConnectOptions("gw", None, None, 30, 60, 10, 1 << 20)
    session = MqttSession(hello, subscriptions(config([SIMPLE])), held)
    session.receive(mqtt5.ConnAckPacket(session_present=True).write())
    sent = session.outgoing()
    first, size = mqtt5.read(memoryview(sent))
    second, _ = mqtt5.read(memoryview(sent)[size:])
    assert isinstance(first, mqtt5.SubscribePacket)
    assert isinstance(second, mqtt5.UnsubscribePacket)
    assert second.patterns == ["old/#"]
    session.receive(mqtt5.SubAckPacket(first.packet_id, [QOS1]).write())
    assert (session.phase, held) == (Phase.READY, {"old/#", "charger/+/telemetry"})
    session.receive(mqtt5.UnsubAckPacket(second.packet_id, [mqtt5.UnsubAckReasonCode.NO_SUBSCRIPTION_EXISTED]).write())
    assert (session.failure, held) == (None, {"charger/+/telemetry"})


def test_a_new_session_has_nothing_to_give_up() -> None:
    session = MqttSession(
        ConnectOptions("gw", None, None, 30, 60, 10, 1 << 20), subscriptions(config([SIMPLE])), {"old/#"}
    )
    session.receive(mqtt5.ConnAckPacket(session_present=False).write())
    sent = session.outgoing()
    assert mqtt5.read(memoryview(sent))[1] == len(sent)  # the SUBSCRIBE is all
