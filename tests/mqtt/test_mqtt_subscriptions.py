"""Which filters the broker is asked for."""

from itertools import combinations, product

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_kit import SIMPLE, config
from pydantic import ValidationError

from gateway.domain.errors import SourceRejected
from protocols.mapping.topic import covers, overlap
from protocols.mqtt.adapter import ADAPTER
from protocols.mqtt.mqtt5_session import Mqtt5Session
from protocols.mqtt.session import ConnectOptions, Phase
from protocols.mqtt.subscriptions import subscriptions

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
    session = Mqtt5Session(hello, subscriptions(config([route("a/{x}/t"), route("a/b/{y}")])))
    session.receive(mqtt5.ConnAckPacket(subscription_id_available=False).write())
    assert isinstance(session.failure, SourceRejected)
    assert "a/+/t" in str(session.failure)
    assert "a/b/+" in str(session.failure)


def test_what_is_not_wanted_any_more_goes_after_what_is_wanted_came() -> None:
    held = {"old/#"}
    hello = ConnectOptions("gw", None, None, 30, 60, 10, 1 << 20)
    session = Mqtt5Session(hello, subscriptions(config([SIMPLE])), held)
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
    session = Mqtt5Session(
        ConnectOptions("gw", None, None, 30, 60, 10, 1 << 20), subscriptions(config([SIMPLE])), {"old/#"}
    )
    session.receive(mqtt5.ConnAckPacket(session_present=False).write())
    sent = session.outgoing()
    assert mqtt5.read(memoryview(sent))[1] == len(sent)  # the SUBSCRIBE is all


def test_overlapping_filters_become_one_where_there_are_no_identifiers() -> None:
    asked = subscriptions(config([route("a/{x}/t"), route("a/b/{y}"), route("c")]), identifiers=False)
    assert asked.patterns == ["a/+/+", "c"]
    assert asked.numbers == {}
    assert [asked.is_wanted(topic) for topic in ("a/x/t", "a/b/y", "c", "a/x/y")] == [True, True, True, False]
    alone = subscriptions(config([route("a/{x}"), route("b/{y}")]), identifiers=False)
    assert alone == subscriptions(config([route("a/{x}"), route("b/{y}")]))


@given(st.lists(FILTER, min_size=1, max_size=4))
def test_merged_filters_cover_what_they_replace_and_do_not_overlap(patterns: list[str]) -> None:
    routes = [route("/".join(_hole(level, n) for n, level in enumerate(p.split("/"))), "use") for p in {*patterns}]
    try:
        asked = subscriptions(config(routes), identifiers=False)
    except ValidationError:
        return  # one of them takes all of another
    assert not any(overlap(a, b) for a, b in combinations(asked.patterns, 2))
    for topic in TOPICS:
        wanted = any(matches(p, topic) for p in patterns)
        assert not wanted or any(matches(p, topic) for p in asked.patterns)
        assert not any(matches(p, topic) for p in asked.patterns) or asked.is_wanted(topic) == wanted


def _hole(level: str, number: int) -> str:
    return {"+": f"{{n{number}}}", "#": f"{{n{number}*}}"}.get(level, level)


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ("$share/g/a/{x*}", "$share/g/a/{y}/t", True),
        ("$share/g/a/{x}", "b/{y}", True),
        ("$share/g/a/{x}", "a/{y}", False),
        ("$share/g/a/{x}/t", "$share/g/a/b/{y}", False),
        ("$share/g/a/{x}", "$share/h/a/{y}", False),
    ],
)
def test_shared_filters_must_not_overlap_others(one: str, other: str, fits: bool) -> None:
    routes = [route(other) | {"when": {"path": "x", "exists": True}}, route(one)]
    if fits:
        assert subscriptions(config(routes)).filters
    else:
        with pytest.raises(ValidationError, match="is shared"):
            config(routes)


def test_check_warns_of_shared_and_of_wider_filters() -> None:
    made = {"one": config([route("$share/g/s/{x}"), route("a/{x}/t"), route("a/b/{y}")])}
    found = {problem.key: str(problem.fields) for problem in ADAPTER.check(made, "gateway.yaml").warnings}
    assert "$share/g/s/+" in found["config.warn.shared"]
    assert "a/+/+" in found["config.warn.wider"]
    five = {"one": config([route("a/{x}/t"), route("a/b/{y}")], protocol=5)}
    assert "config.warn.wider" not in {problem.key for problem in ADAPTER.check(five, "gateway.yaml").warnings}
