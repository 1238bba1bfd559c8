"""Sparkplug messages of the simulator -> readings: births, aliases, gaps, deaths; one node never disturbs another."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_kit import NOW, config
from pydantic import ValidationError
from sparkplug_kit import CONFIG, METER, Bench, model

from gateway.domain.duration import DAY
from gateway.domain.reading import Quality
from protocols.mqtt.presence_sign import PresenceSign
from protocols.mqtt.sparkplug.node import Births, NodeName, NodeSessions
from protocols.mqtt.sparkplug.sparkplug_config import MetricPattern, SparkplugConfig
from protocols.mqtt.subscriptions import overlapping
from simulators.sparkplug_node import NodeModel, SentMetric, encode, encode_metric

N1, N2 = NodeName("g", "n1"), NodeName("g", "n2")
BIRTH = [("Meter_Energy", 12.5), ("power", 1.5), ("status", 1.0), ("temp.1", -7.0)]


def born(bench: Bench, node: NodeModel | None = None) -> NodeModel:
    node = node or model()
    bench.take(*node.births())
    return node


# ---- what is read -------------------------------------------------------------------------------------------------
def test_births_are_readings_and_data_have_aliases_alone() -> None:
    bench, node = Bench(), model()
    found = bench.take(*node.births())
    wanted = [("n1", "cpu", 40.0), *(("m1", *one) for one in BIRTH), *(("m2", *one) for one in BIRTH)]
    assert bench.values(found) == wanted
    assert (found.batch.frames, found.rejected, found.unused, found.partial) == (3, (), (), ())
    power = SentMetric("Power", "Float", 2000.0, at=NOW // 1000 - 5000)
    found = bench.take(node.data("m2", power, SentMetric("Gun2/Temp", "Int16", 3)), node.data("", METER[0]))
    assert b"Power" not in node.data("m2", power)[1]
    assert bench.values(found) == [("m2", "power", 2.0), ("m2", "temp.2", 3.0)]
    assert found.batch.at[0] == NOW - 5_000_000
    assert [(raw.reason, raw.detail) for raw in found.rejected] == [("no_points", "gateway: Meter_Energy")]


def test_null_quality_and_history() -> None:
    bench = Bench()
    node = born(bench)
    found = bench.take(
        node.data("m1", SentMetric("Power", "Float", None)),
        node.data("m1", SentMetric("Power", "Float", 1.0, properties={"Quality": 0})),
        node.data("m1", SentMetric("Power", "Float", 2.0, properties={"Quality": 500})),
        node.data("m1", SentMetric("Power", "Float", 3.0, properties={"Quality": 192})),
        node.data("m1", SentMetric("Power", "Float", 4.0, at=NOW // 1000 - 9_000_000, historical=True)),
    )
    assert found.batch.quality.tolist() == [Quality.BAD, Quality.BAD, Quality.UNCERTAIN, Quality.GOOD, Quality.GOOD]
    assert found.batch.at[-1] == NOW - 9_000_000_000
    assert (found.bad, found.uncertain, found.batch.frames) == (2, 1, 5)


def test_what_is_no_value_is_named_as_unused() -> None:
    kinds = {"Table": "DataSet", "Motor": "Template", "Firmware": "File"}
    metrics = [METER[0], *(SentMetric(name, kind, b"\x08\x01") for name, kind in kinds.items())]
    metrics += [SentMetric(name, "Int8", 1) for name in ("Unknown", "Gun3/Temp")]
    bench = Bench()
    found = bench.take(*NodeModel("g", "n1", {"m1": metrics}).births())
    assert bench.values(found) == [("m1", "Meter_Energy", 12.5)]
    unused = [(one.reason, one.place, one.detail) for one in found.unused]
    assert unused == [
        ("unread", "Table", "DataSet"),
        ("unread", "Motor", "Template"),
        ("unread", "Firmware", "File"),
        ("no_point", "Unknown", "meter: Unknown"),
        ("no_component", "Gun3/Temp", "temp#3 (1-2)"),
    ]
    assert [raw.reason for raw in found.partial] == ["no_component"]


def test_arrays_are_elements() -> None:
    metrics = [SentMetric("Cells", "UInt16Array", b"\x01\x00\x02\x00")]
    bench = Bench()
    found = bench.take(*NodeModel("g", "n1", {"m1": metrics}).births())
    assert bench.values(found) == [("m1", "cell.1", 1.0), ("m1", "cell.2", 2.0)]


def test_the_unit_of_the_birth_counts_where_nothing_else_is_said() -> None:
    """And holds for the data; a unit of another dimension is none."""
    energy = SentMetric("Meter/Energy", "Double", 2500.0, properties={"engUnit": "Wh"})
    odd = SentMetric("Gun1/Temp", "Int16", 20, properties={"engUnit": "kWh"})
    power = SentMetric("Power", "Float", 900.0, properties={"engUnit": "kW"})
    bench = Bench()
    node = NodeModel("g", "n1", {"m1": [energy, odd, power]})
    found = bench.take(*node.births(), node.data("m1", replace(energy, value=3000.0, properties={})))
    assert bench.values(found) == [
        ("m1", "Meter_Energy", 2.5), ("m1", "temp.1", 20.0), ("m1", "power", 0.9), ("m1", "Meter_Energy", 3.0),
    ]  # fmt: skip


def test_profiles_have_words_of_their_own() -> None:
    own = CONFIG | {"profiles": {"meter": {"Power": {"point": "power", "unit": "kW"}}}, "device": "m{device}"}
    bench = Bench(own)
    found = bench.take(*NodeModel("g", "n1", {"1": METER}).births())
    assert ("m1", "power", 1500.0) in bench.values(found)


def test_a_type_that_the_birth_did_not_have_is_no_reading_and_a_reason_to_ask() -> None:
    bench = Bench()
    node = born(bench)
    topic, _ = node.data("m1", METER[0])
    alias = node._alias["m1", "Power"]
    text = encode([b"\x10" + bytes([alias]) + b"\x7a\x01x"], NOW // 1000, 4)
    found = bench.take((topic, text))
    assert [(raw.reason, raw.detail) for raw in found.rejected] == [
        ("bad_payload", "Power: field 15 in a metric of type FLOAT")
    ]
    assert bench.later(0) == [(N1, "unknown_alias")]


def test_an_alias_that_was_given_twice_means_nothing() -> None:
    twice = [encode_metric(METER[0], 5, birth=True), encode_metric(METER[1], 5, birth=True)]
    bench = Bench()
    born(bench)
    bench.take(("spBv1.0/g/DBIRTH/n1/m1", encode(twice, NOW // 1000, 3)))
    found = bench.take(("spBv1.0/g/DDATA/n1/m1", encode([encode_metric(METER[0], 5, birth=False)], 1, 4)))
    assert [(raw.reason, raw.detail) for raw in found.rejected] == [("no_birth", "alias 5")]


def test_what_is_older_than_the_store_keeps() -> None:
    bench = Bench(retention=30 * DAY)
    node = born(bench)
    old = SentMetric("Power", "Float", 1.0, at=NOW // 1000 - 31 * 86_400_000)
    found = bench.take(node.data("m1", old, METER[2]))
    assert bench.values(found) == [("m1", "status", 1.0)]
    assert [raw.reason for raw in found.partial] == ["older_than_retention"]


def test_dead_letters() -> None:
    bench = Bench()
    topic = "spBv1.0/g/DDATA/n1/m1"
    found = bench.take(
        (topic, b"\xff"),
        ("spBv1.0/g/DBIRTH/n1/stranger", encode([], 1, 0)),
        (topic, bytes(100_001)),
        ("spBv1.0/g/NCMD/n1", b"\xff"),
        ("spBv1.0/g/DDATA/n1", b"\xff"),
        ("spBv1.0/STATE/h", b"{}"),
    )
    assert [raw.reason for raw in found.rejected] == ["bad_payload", "unknown_device", "too_large"]
    assert found.rejected_at == (0, 1, 2)
    assert (found.ignored, found.batch.frames) == (3, 0)
    assert len(found.rejected[2].payload) == 1024


def test_replays_are_of_no_known_time() -> None:
    bench = Bench()
    assert bench.take(*model().births(), retain=True).ignored == 3
    assert bench.nodes.born == 0


def test_other_groups_are_left_to_the_routes() -> None:
    bench = Bench(CONFIG | {"groups": ["g"]})
    assert bench.receiver.takes("spBv1.0/g/NDATA/n1")
    assert not bench.receiver.takes("spBv1.0/h/NDATA/n1")
    assert not bench.receiver.takes("g/NDATA/n1")


def test_nodes_that_are_not_read_are_no_dead_letters() -> None:
    bench = Bench(CONFIG | {"node": None})
    found = bench.take(*model().births())
    assert (found.rejected, found.ignored, found.batch.frames) == ((), 1, 2)


# ---- sessions -----------------------------------------------------------------------------------------------------
def test_data_before_a_birth_ask_for_one_once() -> None:
    bench, node = Bench(), model()
    node.births()
    found = bench.take(node.data("m1", METER[1]), node.data("m1", METER[1]))
    assert [raw.reason for raw in found.rejected] == ["no_birth", "no_birth"]
    assert bench.later(0) == [(N1, "no_birth")]
    assert bench.later(9) == []
    assert bench.later(1) == [(N1, "no_birth")]  # no answer: asked again
    assert bench.later(19) == []
    assert bench.later(1) == [(N1, "no_birth")]  # and later and later
    born(bench)
    assert bench.later(10_000) == []
    assert bench.nodes.counts.rebirths == 3


def test_names_need_no_birth() -> None:
    bench = Bench()
    node = NodeModel("g", "n1", {"m1": METER}, aliases=None)
    node.births()
    assert bench.values(bench.take(node.data("m1", METER[1]))) == [("m1", "power", 1.5)]
    assert bench.later(0) == [(N1, "no_birth")]


def test_a_gap_is_waited_for_and_then_asked_about_once() -> None:
    bench = Bench()
    node = born(bench)
    lost = [node.data("m1", METER[1]) for _ in range(3)]
    found = bench.take(node.data("m1", METER[1]))
    assert bench.values(found) == [("m1", "power", 1.5)]  # what came is used all the same
    assert bench.later(1.9) == []
    bench.take(node.data("m1", METER[1]))
    assert bench.later(0.1) == [(N1, "gap")]
    bench.take(node.data("m1", METER[1]))
    assert bench.later(5) == []
    assert bench.nodes.counts.gaps == 1
    assert len(lost) == 3


def test_messages_that_overtake_each_other_are_no_gap() -> None:
    bench = Bench()
    node = born(bench)
    first, second, third = (node.data("m1", METER[1]) for _ in range(3))
    bench.take(second, third)
    bench.later(1)
    bench.take(first)
    bench.take(node.data("m1", METER[1]))
    assert bench.later(100) == []
    assert bench.nodes.counts.gaps == 0


def test_sequence_numbers_wrap() -> None:
    bench = Bench()
    node = born(bench)
    for _ in range(600):
        bench.take(node.data("m1", METER[1]))
    assert bench.later(100) == []


def test_a_restart_of_one_node_leaves_the_others_alone() -> None:
    bench = Bench(CONFIG | {"device": "{device}"})
    one, other = born(bench, model("n1", ["m1"])), born(bench, model("n2", ["m2"]))
    death = one.will()
    again = one.restarted()
    births = again.births()
    bench.take(death)
    assert {(sign.device, sign.online) for sign in bench.receiver.signs} == {(100, False), (102, False)}
    found = bench.take(one.data("m1", METER[1]), other.data("m2", METER[1]))
    assert bench.values(found) == [("m2", "power", 1.5)]
    bench.take(*births, death)  # the will of the old session comes late
    found = bench.take(again.data("m1", METER[1]), other.data("m2", METER[1]))
    assert bench.values(found) == [("m1", "power", 1.5), ("m2", "power", 1.5)]
    assert bench.nodes.counts.stale_deaths == 1
    assert bench.nodes.born == 2


def test_aliases_mean_nothing_after_the_connection_was_lost() -> None:
    """The node may have restarted meanwhile, and its sequence numbers fit by chance."""
    bench = Bench()
    node = born(bench)
    bench.nodes.disconnected()
    bench.nodes.connected(bench.now)
    assert bench.later(0) == [(N1, "connected")]
    found = bench.take(node.data("m1", METER[1]))
    assert [raw.reason for raw in found.rejected] == ["no_birth"]
    bench.take(*node.births())
    assert not [sign for sign in bench.receiver.signs if not sign.online], "a rebirth: the devices were never gone"
    assert bench.values(bench.take(node.data("m1", METER[1]))) == [("m1", "power", 1.5)]


def test_devices_die_alone_and_with_their_node() -> None:
    bench = Bench()
    node = born(bench)
    bench.take(node.device_death("m1"))
    assert bench.receiver.signs == [PresenceSign(0, 100, online=False), PresenceSign(0, 102, online=True)]
    found = bench.take(node.data("m1", METER[1]))
    assert [raw.reason for raw in found.rejected] == ["no_birth"]
    assert bench.later(0) == [(N1, "unknown_alias")]
    bench.take(node.device_birth("m1"))
    assert bench.values(bench.take(node.data("m1", METER[1]))) == [("m1", "power", 1.5)]
    bench.take(node.will())
    gone = {sign.device for sign in bench.receiver.signs if not sign.online}
    assert gone == {100, 101, 102}


def test_another_session_without_a_death_ends_the_devices_of_before() -> None:
    bench = Bench()
    node = born(bench)
    node.devices = {"m1": METER}
    bench.take(node.restarted().births()[0])
    assert {sign.device for sign in bench.receiver.signs if not sign.online} == {100, 101}


def test_strangers_are_not_asked() -> None:
    bench = Bench()
    stranger = NodeModel("g", "x", {"y": METER})
    stranger.births()
    bench.take(stranger.data("y", METER[0]))
    assert bench.nodes.ours == set()
    assert bench.later(100) == []
    assert bench.nodes.counts.rebirths == 0


def test_a_new_device_of_the_list_is_read_at_once() -> None:
    bench = Bench()
    node = NodeModel("g", "n1", {"m9": METER})
    assert [raw.reason for raw in bench.take(*node.births()).rejected] == ["unknown_device"]
    assert bench.later(0) == []
    bench.directory.add("m9", "meter")
    bench.take(node.data("m9", METER[1]))
    assert bench.later(0) == [(N1, "unknown_alias")]
    bench.take(*node.births())
    assert bench.values(bench.take(node.data("m9", METER[1]))) == [("m9", "power", 1.5)]


def test_births_that_do_not_help_are_asked_for_later_and_later() -> None:
    """A type that nobody knows: asking as fast as data come would be a storm of births."""
    bench, asked, start = Bench(), list[float](), NOW
    node = NodeModel("g", "n1", {"m1": METER})
    for _ in range(3_000):
        alias_of_nothing = encode([encode_metric(METER[0], 99, birth=False)], NOW // 1000, None)
        bench.take((node.topic("DDATA", "m1"), alias_of_nothing))
        if bench.later(0.1):
            asked.append((bench.now - start) / 1e6)
            bench.take(*node.births())
    assert len(asked) <= 6
    assert all(later - sooner >= 9.9 for sooner, later in pairwise(asked))
    assert bench.later(10_000) == [(N1, "unknown_alias")]
    bench.take(*node.births())
    bench.later(5_000)
    node.data("m1", METER[1])
    bench.take(node.data("m1", METER[1]))
    assert bench.later(2) == [(N1, "gap")], "after a long peace at once"


def test_the_death_of_a_session_long_ago_does_not_cancel_a_request() -> None:
    bench = Bench()
    node = born(bench)
    bench.nodes.disconnected()
    bench.nodes.connected(bench.now)
    bench.take(node.will())
    assert bench.later(0) == [(N1, "connected")]


def _messages(node: NodeModel, device: str, act: int) -> list[tuple[str, bytes]]:
    if act == 0:
        return node.births()
    if act == 1:
        return [node.will()]
    if act == 2:
        return [node.data(device, METER[1])]
    if act == 3:
        return [node.data("", SentMetric("cpu", "UInt8", 3))]
    return [node.device_death(device)] if act == 4 else [(node.topic("DDATA", device), b"\xff\xff")]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["n1", "n2"]), st.integers(0, 5)), max_size=40), st.integers(1, 7))
def test_nodes_do_not_disturb_each_other(steps: list[tuple[str, int]], cut: int) -> None:
    """The readings of a node are the same whether another one is there or not, and however messages are bundled."""

    def run(only: str | None) -> list[tuple[str, str, float]]:
        nodes = {"n1": model("n1", ["m1"]), "n2": model("n2", ["m2"])}
        bench, messages = Bench(), list[tuple[str, bytes]]()
        for name, act in steps:
            made = _messages(nodes[name], "m1" if name == "n1" else "m2", act)
            messages += [] if only not in (None, name) else made
        found = list[tuple[str, str, float]]()
        for start in range(0, len(messages), cut):
            found += bench.values(bench.take(*messages[start : start + cut]))
        return found

    together = run(None)
    for name, codes in (("n1", {"n1", "m1"}), ("n2", {"n2", "m2"})):
        assert [one for one in together if one[0] in codes] == run(name)


@given(st.lists(st.tuples(st.sampled_from(["NBIRTH", "NDATA", "DDATA", "DBIRTH", "NDEATH"]), st.binary(max_size=60))))
def test_noise_ends_nothing_and_is_all_accounted_for(noise: list[tuple[str, bytes]]) -> None:
    bench = Bench()
    node = born(bench)
    sent = [(node.topic(kind, "m2" if kind[0] == "D" else ""), payload) for kind, payload in noise]
    found = bench.take(*sent)
    assert found.batch.frames + len(found.rejected) + found.ignored == len(noise)
    assert len(found.accepted_at) == found.batch.frames
    bench.later(1000)
    bench.take(*node.births())
    assert bench.values(bench.take(node.data("m1", METER[1]))) == [("m1", "power", 1.5)]


def test_a_flood_of_names_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.mqtt.sparkplug.node.MOST_NODES", 5)
    nodes = NodeSessions(1, 1)
    nodes.node_birth(N1, 0, 0, Births())
    for number in range(100):
        nodes.follows(NodeName("g", f"x{number}"), 0, number)
    assert len(list(nodes)) <= 5
    assert N1 in list(nodes)
    assert len(nodes.requests(1000, 99)) <= 5


# ---- configuration ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"groups": ["a/b"]}, "mqtt.sparkplug_id"),
        ({"host_id": "STATE"}, "mqtt.sparkplug_id"),
        ({"device": "{nod}-{device}"}, "route.capture"),
        ({"device": "{node}"}, "mqtt.sparkplug_code"),
        ({"node": "{group}"}, "mqtt.sparkplug_code"),
        ({"points": {"a": {"path": "x"}}}, "mqtt.sparkplug_point"),
        ({"points": {"a": {"unit": {"path": "x"}}}}, "mqtt.sparkplug_point"),
        ({"points": {"a{n}": {"component": "{m}"}}}, "route.capture"),
        ({"points": {"a{n}/{n}": {}}}, "route.filter_twice"),
        ({"reorder": "1h"}, "mqtt.range"),
    ],
)
def test_what_is_refused(more: Mapping[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        SparkplugConfig.model_validate(more)
    assert key in str(error.value.errors())


def test_two_sources_of_one_group_share_topics() -> None:
    one, other = (config([], sparkplug={"groups": groups}) for groups in (["g"], ["h"]))
    assert overlapping(one, config([], sparkplug={})) is not None
    assert overlapping(one, other) is None


def test_one_connection_has_one_will() -> None:
    with pytest.raises(ValidationError) as error:
        config([], sparkplug={"host_id": "h"}, status={"topic": "x"})
    assert "mqtt.two_wills" in str(error.value.errors())
    assert config([], sparkplug={}).routes == ()


def test_names_with_captures() -> None:
    pattern = MetricPattern("Gun{gun}/+{rest*}")
    assert pattern.match("Gun2/+a/b") == {"gun": "2", "rest": "a/b"}
    assert pattern.match("Gun2/x") is None
