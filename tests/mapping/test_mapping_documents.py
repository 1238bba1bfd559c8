"""JSON as it comes: decoded as another parser would, broken where that one says so, no key dropped in silence."""

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_kit import NOW, Registry, Said, config, run_map

from gateway.domain.device import Point
from gateway.domain.errors import DecodeError
from protocols.mapping.document import BROKEN, check_keys, decode, parse_document
from protocols.mapping.mapper import Mapper

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
KEYS = st.one_of(st.sampled_from(["a", "b", "a:b", 'q"', "\\"]), TEXT)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXT,
    st.sampled_from([":", '"', 'a":"b', "{}", "\\u003a"]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(KEYS, below, max_size=3))
)


def outcome(load: Any, payload: bytes) -> tuple[str, Any]:
    try:
        return "", load(payload)
    except (*BROKEN, orjson.JSONDecodeError):
        return "broken", None


@given(JSON, st.booleans())
@settings(deadline=None)
def test_what_is_written_is_read(document: Any, plain: bool) -> None:
    payload = json.dumps(document, ensure_ascii=plain).encode()
    assert decode(payload) == document == parse_document(payload)
    assert json.dumps(decode(payload)) == json.dumps(orjson.loads(payload))  # -0.0, order, types


@given(
    JSON,
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(list(b'{}[]",:\\0-.eEntf \x00\xff\xc3\xed\x80'))), max_size=3
    ),
)
@settings(max_examples=300, deadline=None)
def test_what_is_broken_for_one_parser_is_for_the_other(document: Any, damage: list[tuple[int, int]]) -> None:
    payload = bytearray(json.dumps(document).encode())
    for place, byte in damage:
        payload[place % len(payload)] = byte
    here, there = outcome(decode, bytes(payload)), outcome(orjson.loads, bytes(payload))
    assert here[0] == there[0], bytes(payload)
    if not here[0]:
        assert here[1] == there[1] or math.isclose(
            float(here[1]), float(there[1])
        )  # beyond 64 bits: one keeps it whole


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"NaN",
        b"Infinity",
        b"-",
        b"01",
        b"1.",
        b"1e400",
        b"-1e400",
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\xff"',
        b'{"a\xff": 1}',
        b"\xef\xbb\xbf{",
        b'{"a":1}x',
        b'"\x01"',
        b"[" * 100_000,
        b"9" * 5_000,
        b"'a'",
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"nul",
        b"tru",
    ],
)
def test_broken_documents_are_told(payload: bytes) -> None:
    with pytest.raises(DecodeError, match="bad_json"):
        parse_document(payload)


PAIRS = st.lists(st.tuples(KEYS, st.one_of(SCALARS, st.just([{"x": 1}]), st.just({"y": {}}))), max_size=5)


@given(PAIRS, PAIRS)
@settings(max_examples=300, deadline=None)
def test_a_key_that_stands_twice_is_always_found(outer: list[tuple[str, Any]], inner: list[tuple[str, Any]]) -> None:
    def written(pairs: list[tuple[str, Any]]) -> str:
        return "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"

    def twice(pairs: list[tuple[str, Any]]) -> bool:
        return len({key for key, _ in pairs}) < len(pairs)

    for text, doubled in (
        (written(outer), twice(outer)),
        (
            written(outer)[:-1] + ("," if outer else "") + '"in":' + written(inner) + "}",
            twice([*outer, ("in", 0)]) or twice(inner),
        ),
    ):
        payload = text.encode()
        reasons = []
        try:
            check_keys(payload, decode(payload))
        except DecodeError as error:
            reasons.append(error.reason)
        assert reasons == ["duplicate_key"] * doubled, text


def test_numbers_of_any_size_are_numbers_or_bad() -> None:
    route = {
        "filter": "x",
        "device": {"path": "id"},
        "points": {"a": {"path": "a"}, "b": {"path": "b", "map": {"x": 1}}},
    }
    directory = Registry({"123456789012345678901234567890": "p"}, [Point(1, "p", "a"), Point(2, "p", "b")])
    mapper = Mapper("src", config([route]), directory)
    body = '{"id": 123456789012345678901234567890, "a": %s, "b": %s}'
    for number, expected in (("1" + "0" * 30, 1e30), ("1" + "0" * 400, None), (str(2**1023), 2.0**1023), ("7", 7.0)):
        mapped = run_map(mapper, Said("x", (body % (number, number)).encode()))
        assert [r.value if r.quality else None for r in mapped.batch.readings()] == [expected, expected], number
        assert int(mapped.batch.received[0]) == NOW
