"""Whatever a broker carries, a probe ends with files that the check accepts."""

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from probe_kit import checked, proposal, samples, seen_of

KEYS = st.one_of(
    st.sampled_from(
        [
            "ts",
            "time",
            "value",
            "unit",
            "name",
            "type",
            "id",
            "device_id",
            "connector",
            "gun",
            "data",
            "temp",
            "power",
            "switch:1",
            "Data",
            "payload",
            "energy",
            "voltage",
            "status",
            "and",
            "on",
            "1x",
            "a b",
            "a.b",
            "温度",
            'x"y',
        ]
    ),
    st.text(max_size=6),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=12),
    st.sampled_from(["kWh", "W", "°C", "2026-06-01 10:00:00", "20260601100000", "12,5", "007", "ON", "{\"a\": 1}",
                     "${HOME}", "yes", "nil", 1774408725992, 1774408725]),
)  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
LEVELS = st.sampled_from(
    ["a", "dev1", "dev2", "CP-01", "1", "2", "data", "status", "tele", "SENSOR", "LWT", "homie",
                          "$unit", "$state", "zigbee2mqtt", "bridge", "devices", "shellies", "evcc", "site", "cars",
                          "teslamate", "homeassistant", "sensor", "config", "em1:0", "温度", "a b", "", "online", "up"]
)  # fmt: skip
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join) | st.text(min_size=1, max_size=8)
PAYLOADS = st.one_of(
    DOCUMENTS.map(lambda one: json.dumps(one, ensure_ascii=False).encode("utf-8", "replace")),
    SCALARS.map(lambda one: str(one).encode("utf-8", "replace")),
    st.binary(max_size=12),
    st.sampled_from([b"a,b\n1,2\n", b"cpu,host=a load=1,temp=2i 1700000000000000000", b"t;u\n1,5;2\n", b"online"]),
)


@settings(max_examples=15)
@given(st.lists(st.tuples(TOPICS, PAYLOADS), min_size=1, max_size=8))
def test_any_messages_end_in_files_that_the_check_accepts(messages: list[tuple[str, bytes]]) -> None:
    found = proposal(seen_of(messages))
    if found.files:
        with tempfile.TemporaryDirectory() as folder:
            checked(found, Path(folder))


@settings(max_examples=10)
@given(st.data())
def test_births_that_are_damaged_break_nothing(data: st.DataObject) -> None:
    """A real kind of topic with any document."""
    topics = [
        "zigbee2mqtt/bridge/devices",
        "tasmota/discovery/0011223344FF/config",
        "homeassistant/sensor/a/b/config",
        "tasmota/discovery/0011223344FF/sensors",
        "homeassistant/device/x/config",
        "homie/d/n/p/$format",
        "homie/5/d/$description",
        "shellies/announce",
        "shellies/x/online",
        "homie/d/$state",
    ]
    keys = st.sampled_from(
        [
            "definition",
            "exposes",
            "friendly_name",
            "property",
            "features",
            "type",
            "unit",
            "value_min",
            "values",
            "t",
            "ft",
            "tp",
            "sn",
            "onln",
            "ofln",
            "state_topic",
            "stat_t",
            "~",
            "val_tpl",
            "components",
            "device",
            "ids",
            "avty",
            "ops",
            "nodes",
            "properties",
            "datatype",
            "format",
            "access",
            "min",
            "max",
            "name",
        ]
    )
    values = st.one_of(
        SCALARS, st.sampled_from(["a/b", "~/x", "{{ value_json.a['b'] }}", "numeric", "%prefix%/%topic%/"])
    )
    document = st.recursive(
        values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=14
    )
    messages = [(topic, data.draw(document)) for topic in data.draw(st.lists(st.sampled_from(topics), min_size=1))]
    encoded = [(topic, json.dumps(one).encode("utf-8", "replace")) for topic, one in messages]
    found = proposal(seen_of([*encoded, ("a/b", {"a": {"b": 1}, "temp": 20})]))
    with tempfile.TemporaryDirectory() as folder:
        checked(found, Path(folder))


@settings(max_examples=10)
@given(st.data())
def test_real_messages_mixed_and_cut(data: st.DataObject) -> None:
    many = samples()
    if not many:
        return
    messages = []
    for one in data.draw(st.lists(st.sampled_from(many), min_size=1, max_size=12)):
        payload = one["payload"].encode()
        cut = data.draw(st.sampled_from([len(payload), len(payload), len(payload) // 2, 3]))
        messages.append((data.draw(st.sampled_from([one["topic"], many[0]["topic"]])), payload[:cut]))
    found = proposal(seen_of(messages))
    if found.files:
        with tempfile.TemporaryDirectory() as folder:
            checked(found, Path(folder))


def test_a_device_that_no_list_can_hold_is_counted() -> None:
    rows = [{"sn": name, "temp": 21.5, "hum": 40} for name in ("d1", "d2", "d3", "d/4")]
    bare = [(f"m/{name}/{key}", value) for name in ("d1", "d2", "d(4)") for key, value in (("temp", 21.5), ("hum", 40))]
    for messages, example in (([("x/data", rows)], "x/data"), (bare, "m/d(4)/temp")):
        found = proposal(seen_of(messages))
        assert [(one.reason, one.count, one.example) for one in found.leftovers] == [("code", 1, example)]
        assert {"d1", "d2"} <= set(found.models[0].devices)
