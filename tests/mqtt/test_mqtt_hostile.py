"""Whatever a device sends: nothing crashes, the stream goes on, every message is accounted for."""

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_kit import SIMPLE, config, registry, run_map, said

from gateway.domain.errors import DecodeError
from protocols.mapping.document import check_keys, parse_bare, parse_document
from protocols.mapping.mapper import Mapper
from protocols.mqtt.session import DamagedPublish

T = "charger/c1/telemetry"
FREE = {**SIMPLE, "time": None}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b'{"temp":NaN}', "bad_json"),
        (b'{"temp":Infinity}', "bad_json"),
        (b'{"temp":1e309}', "bad_json"),
        (b'{"temp":"\xff"}', "bad_json"),
        (b'\xef\xbb\xbf{"temp":1', "bad_json"),
        (b"[" * 2000 + b"]" * 2000, "bad_json"),
        (b'{"x":' * 40 + b"1" + b"}" * 40, "bad_json"),
        (b"\x00", "bad_json"),
        (b'{"temp":1,"temp":2}', "duplicate_key"),
        (b'{"temp" :1, "u":2,\n"u" : 3}', "duplicate_key"),
        (b'{"temp":1,"x":{"a":1,"a":2}}', "duplicate_key"),
        (b'{"temp":"\\"","u":1,"u":2}', "duplicate_key"),
        (b'{"temp":1,"\\u0074emp":2}', "duplicate_key"),
        (b"null", "no_points"),
        (b"5", "no_points"),
        (b"[1]", "no_points"),
        (b'"temp"', "no_points"),
        (b"{}", "no_points"),
        (b'{"Temp":1}', "no_points"),
        (b'{"temp":' + b" " * 70_000 + b"1}", "too_large"),
    ],
)
def test_dead_letters(payload: bytes, reason: str) -> None:
    mapped = run_map(Mapper("src", config([FREE]), registry()), said(T, payload), said(T, {"temp": 5}))
    assert [(raw.reason, raw.address, raw.source) for raw in mapped.rejected] == [(reason, T, "src")]
    assert mapped.rejected[0].payload == (payload[:1024] if reason == "too_large" else payload)
    assert mapped.batch.value.tolist() == [5.0]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"temp":5,"note":"say \\"hi\\": now"}',
        b'{ "temp" :\t5 }',
        b'{"temp":5,"note":"a\\\\","x":[{"q":"\\""}]}',
        b'{"temp":5,"":1}',
    ],
)
def test_odd_but_honest_documents_pass(payload: bytes) -> None:
    mapped = run_map(Mapper("src", config([FREE]), registry()), said(T, payload))
    assert mapped.batch.value.tolist() == [5.0]


def test_unmatched_topics_are_dead_letters_or_ignored() -> None:
    for setting, expected in (("dead_letter", (0, ["unmatched"])), ("ignore", (1, []))):
        mapped = run_map(Mapper("src", config([SIMPLE], unmatched=setting), registry()), said("other/c1", b"{}"))
        assert (mapped.ignored, [raw.reason for raw in mapped.rejected]) == expected


def test_a_damaged_packet_is_a_dead_letter() -> None:
    mapper = Mapper("src", config([SIMPLE]), registry())
    damaged = DamagedPublish(T, b"\x00{}", 3, False, False, "not utf-8")
    mapped = mapper.map([damaged], np.array([1], np.int64))
    assert [(raw.reason, raw.detail) for raw in mapped.rejected] == [("bad_packet", "not utf-8")]


def test_a_flood_of_topics_ids_and_shapes_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.mapping.binding._TOPICS", 10)
    monkeypatch.setattr("protocols.mapping.binding._TARGETS", 10)
    monkeypatch.setattr("protocols.mapping.row_shape._SHAPES", 3)
    by_path = {**FREE, "filter": "all", "device": {"path": "id"}}
    mapper = Mapper("src", config([FREE, by_path]), registry())
    for i in range(100):
        mapped = run_map(
            mapper,
            said(f"charger/x{i}/telemetry", {"temp": 1}),
            said("all", {"id": f"y{i}", "temp": 1}),
            said(T, {"u": i, f"k{i}": 1}),
            said("all", {"id": "c1", "temp": i}),
        )
        assert mapped.batch.value.tolist() == [float(i), float(i)]
        assert [raw.reason for raw in mapped.rejected] == ["unknown_device"] * 2
    assert len(mapper.bindings.known) <= 10
    assert all(len(lane._by_keys) <= 3 for lane in mapper.bindings._known_columns.values() if lane)
    assert all(
        len(candidate.targets) <= 11 for entry in mapper.bindings.known.values() for candidate in entry.candidates
    )


def test_a_dead_letter_said_often_keeps_no_history() -> None:
    mapper = Mapper("src", config([FREE]), registry())
    for _ in range(50):
        run_map(mapper, said("charger/ghost/telemetry", {"temp": 1}))
    assert mapper.bindings.known == {}, "of unknown devices there is no end"
    assert mapper.bindings._targets == 0


def test_a_topic_that_is_too_long_is_a_dead_letter() -> None:
    mapper = Mapper("src", config([FREE]), registry())
    for topic, reason in (("charger/c1/" + "x" * 600, "topic_too_long"), ("充" * 171, "topic_too_long"),
                          ("y" * 512, "unmatched")):  # fmt: skip
        (raw,) = run_map(mapper, said(topic, {"temp": 1})).rejected
        assert (raw.reason, raw.address) == (reason, topic[:512])
    assert set(mapper.bindings.known) == {"y" * 512}


def test_topics_that_are_remembered_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.mapping.binding._TOPIC_BYTES", 1000)
    mapper = Mapper("src", config([FREE]), registry())
    for i in range(100):
        run_map(mapper, said(f"{i:03}" + "x" * 97, {"temp": 1}))
        assert sum(map(len, mapper.bindings.known)) == mapper.bindings._bytes <= 1000


class Pairs(list):
    """An object as written, keys possibly twice."""


KEYS = st.sampled_from(["a", "b", 'q"', "c:", "", "é", " "])
DOCUMENT = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(['"', '":', "a", '\\"', ""])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(st.tuples(KEYS, inner), max_size=3).map(Pairs)),
    max_leaves=8,
)


def write(node: Any, space: str) -> str:
    if isinstance(node, Pairs):
        return "{" + ("," + space).join(f"{json.dumps(k)}{space}:{space}{write(v, space)}" for k, v in node) + "}"
    if isinstance(node, list):
        return "[" + ",".join(write(item, space) for item in node) + "]"
    return json.dumps(node)


def twice(node: Any) -> bool:
    if isinstance(node, Pairs):
        keys = [key for key, _ in node]
        return len(set(keys)) != len(keys) or any(twice(value) for _, value in node)
    return isinstance(node, list) and any(twice(item) for item in node)


@given(DOCUMENT, st.sampled_from(["", " ", "\n\t"]))
@settings(deadline=None)
def test_duplicate_keys_are_found_and_nothing_else(node: Any, space: str) -> None:
    payload = write(node, space).encode()
    if twice(node):
        with pytest.raises(DecodeError, match="duplicate_key"):
            parse_document(payload)
    else:
        assert parse_document(payload) == json.loads(payload)
        check_keys(payload, json.loads(payload))


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    for parse in (parse_document, parse_bare):
        with suppress(DecodeError):  # nothing else may come out
            parse(payload)


@given(st.lists(st.tuples(st.sampled_from([T, "charger/zz/telemetry", "x", ""]), st.binary(max_size=40)), max_size=8))
@settings(deadline=None)
def test_any_messages_are_accounted_for(messages: list[tuple[str, bytes]]) -> None:
    mapped = run_map(Mapper("src", config([FREE]), registry()), *[said(topic, body) for topic, body in messages])
    assert mapped.batch.frames + len(mapped.rejected) + mapped.ignored == len(messages)
