"""Payloads that are no plain JSON, values that are part of a text, units and times that stand beside a value."""

import base64
import json
import math
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_kit import NOW, Registry, Said, config, registry, run_map, said
from pydantic import ValidationError

from gateway.domain.device import Point, PointKind
from gateway.domain.errors import DecodeError
from gateway.domain.text import localize
from protocols.mapping.config import RouteConfig
from protocols.mapping.line_protocol import parse_lines
from protocols.mapping.mapper import Mapped, Mapper
from protocols.mapping.payload import payload_reader
from protocols.mapping.struct_layout import parse_field_type

FOLDERS = [parent / "shared" / "vectors" / "push" for parent in Path(__file__).parents]
PUSHES = next((folder / "http_push_samples.jsonl" for folder in FOLDERS if folder.exists()), None)
S = 1_000_000
Row = tuple[str, int, int, float | None]
METER = Registry(
    {"m1": "meter", "m2": "meter"},
    [
        Point(1, "meter", "volume", unit="m3"),
        Point(2, "meter", "temp", unit="degC"),
        Point(3, "meter", "leak", kind=PointKind.STATE, values=("ok", "leaking")),
        Point(4, "meter", "power", unit="kW"),
        Point(5, "meter", "power", 1, unit="kW"),
        Point(6, "meter", "power", 2, unit="kW"),
        Point(7, "meter", "energy", unit="kWh"),
    ],
)


def mapped(route: Mapping[str, Any], *payloads: Any, topic: str = "x/m1", known: Registry = METER) -> Mapped:
    whole = {"filter": "x/{device}", "device": "{device}", **route}
    return run_map(Mapper("s", config([whole]), known), *(said(topic, one) for one in payloads))


def rows(found: Mapped, known: Registry = METER) -> list[Row]:
    """(point, at µs, quality: 0 bad, 2 good, value); a bad value is None."""
    batch = found.batch
    return [
        (known.name_of(int(point)), int(at), int(quality), None if math.isnan(value) else round(float(value), 6))
        for point, at, quality, value in zip(batch.point, batch.at, batch.quality, batch.value, strict=True)
    ]


def values(found: Mapped, known: Registry = METER) -> dict[str, float | None]:
    return {name: value for name, _, _, value in rows(found, known)}


def reasons(found: Mapped) -> list[tuple[str, str]]:
    return [(raw.reason, raw.detail) for raw in found.rejected]


# ---- bytes --------------------------------------------------------------------------------------------------------
FIELDS = {"volume": {"at": 2, "type": "u32"}, "temp": {"at": 6, "type": "i16"}, "leak": {"at": 8, "type": "u8.1"}}
READ = {"volume": {"path": "volume", "scale": 0.001}, "temp": {"path": "temp", "scale": 0.01},
        "leak": {"path": "leak", "map": {0: "ok", 1: "leaking"}}}  # fmt: skip


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("encoding", ["raw", "hex", "base64"])
def test_bytes_are_fields(order: str, encoding: str) -> None:
    raw = struct.pack(">HIhB" if order == "big" else "<HIhB", 7, 123_456, -512, 0b10)
    sent = {"raw": raw, "hex": raw.hex().encode(), "base64": base64.b64encode(raw)}[encoding]
    layout = {"format": "binary", "encoding": encoding, "order": order, "fields": FIELDS}
    found = mapped({"payload": layout, "points": READ}, sent)
    assert values(found) == {"volume": 123.456, "temp": -5.12, "leak": 1}


def test_bytes_in_a_text_of_json() -> None:
    raw = struct.pack(">HIhB", 7, 123_456, 2151, 0)
    unpack = [{"path": "uplink.data", "encoding": "base64", "fields": FIELDS}]
    points = {name: point | {"path": f"uplink.data.{point['path']}"} for name, point in READ.items()}
    body = {"uplink": {"data": base64.b64encode(raw).decode(), "port": 2}}
    found = mapped({"unpack": unpack, "points": points}, body)
    assert values(found) == {"volume": 123.456, "temp": 21.51, "leak": 0}
    assert [one.place for one in found.unused] == ["uplink.port"]


def test_json_in_a_text_of_json() -> None:
    route = {"unpack": [{"path": "body[0].msg", "encoding": "json"}], "points": {"volume": {"path": "body[0].msg.v"}}}
    assert values(mapped(route, {"body": [{"msg": '{"v": 3.5}'}]})) == {"volume": 3.5}
    assert reasons(mapped(route, {"body": [{"msg": "{v"}]}))[0][0] == "bad_json"
    assert reasons(mapped(route, {"body": [{"msg": 3}]})) == [("bad_payload", "body[0].msg is no text")]
    assert reasons(mapped(route, {"body": []}))[0][0] == "no_points"


@pytest.mark.parametrize("encoding", ["base64", "hex"])
def test_json_in_bytes_in_a_text_of_json(encoding: str) -> None:
    """Items of a list below are picked like any other; the moment stands outside."""
    unpack = [{"path": "payload.APPdata", "encoding": encoding, "holds": "json"}]
    points = {"volume": {"path": "payload.APPdata.b[id=222].v"}}
    inside = json.dumps({"b": [{"id": "221", "v": "9"}, {"id": "222", "v": "1.5"}], "c": 27}, indent=2).encode()
    text = {"base64": base64.b64encode(inside).decode(), "hex": inside.hex()}[encoding]
    found = mapped({"unpack": unpack, "points": points}, {"payload": {"APPdata": text}})
    assert values(found) == {"volume": 1.5}
    assert [one.place for one in found.unused] == ["payload.APPdata.b[0]", "payload.APPdata.c"]
    broken = mapped({"unpack": unpack, "points": points}, {"payload": {"APPdata": text[:-8]}})
    assert reasons(broken)[0][0] == "bad_json"


@pytest.mark.skipif(PUSHES is None, reason="the sample vectors are not on this machine")
def test_a_push_of_a_transparent_product() -> None:
    """China Telecom AEP, protocol tcp: what the device sent is JSON in base64 in JSON."""
    assert PUSHES is not None
    samples = {one["id"]: one for one in map(json.loads, PUSHES.read_text("utf-8").splitlines())}
    sample = samples["ctwing-tcp-base64json"]
    wanted = sample["expect"]
    route = {
        "unpack": [{"path": "payload.APPdata", "encoding": "base64", "holds": "json"}],
        "time": {"path": "timestamp", "unit": "ms"},
        "points": {"volume": {"path": "payload.APPdata.b[id=222].v"}, "temp": {"path": "payload.APPdata.c"}},
        "ignore": ["payload.APPdata.id", "payload.APPdata.tm", "*"],
    }
    found = mapped(route, sample["body"])
    inside = wanted["appdata_json"]
    assert values(found) == {"volume": float(inside["b"][0]["v"]), "temp": inside["c"]}
    assert set(found.batch.at.tolist()) == {wanted["ts_ms"] * 1000}


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"\1\2\3", "volume: byte 2 of 3"),
        (b"zz", "hex: non-hexadecimal number found in fromhex() arg at position 0"),
    ],
)
def test_bytes_that_do_not_fit_are_dead_letters(payload: bytes, detail: str) -> None:
    form = {"format": "binary", "fields": FIELDS} | ({"encoding": "hex"} if payload == b"zz" else {})
    assert reasons(mapped({"payload": form, "points": READ}, payload)) == [("bad_payload", detail)]


def test_another_length_is_no_reading() -> None:
    form = {"format": "binary", "length": 12, "fields": FIELDS}
    assert reasons(mapped({"payload": form, "points": READ}, bytes(13))) == [("bad_payload", "13 bytes, not 12")]


@given(st.binary(min_size=8, max_size=8), st.sampled_from([8, 16, 24, 32, 40, 48, 56, 64]), st.booleans())
def test_whole_numbers_of_every_width(raw: bytes, bits: int, signed: bool) -> None:
    field = parse_field_type(f"{'i' if signed else 'u'}{bits}")
    assert field.read(raw[: field.size]) == int.from_bytes(raw[: bits // 8], "big", signed=signed)


@given(st.integers(0, 2**16 - 1), st.integers(0, 15), st.integers(0, 15))
def test_bits_count_from_the_lowest(word: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    field = parse_field_type(f"u16.{low}-{high}")
    assert field.read(word.to_bytes(2, "big")) == int(f"{word:016b}"[15 - high : 16 - low], 2)


def test_fields_of_other_kinds() -> None:
    read = {text: parse_field_type(text).read for text in ("bcd(3)", "str(4)", "hex(2)", "f32", "f64")}
    assert read["bcd(3)"](b"\x12\x34\x56") == 123456
    assert read["str(4)"](b"GM\0\0") == "GM"
    assert read["hex(2)"](b"\xab\x01") == "ab01"
    assert read["f32"](struct.pack(">f", 1.5)) == 1.5
    assert read["f64"](struct.pack(">d", -2.25)) == -2.25
    with pytest.raises(ValueError, match="BCD"):
        read["bcd(3)"](b"\x1a\0\0")


# ---- lines --------------------------------------------------------------------------------------------------------
CSV = {
    "payload": {"format": "csv", "delimiter": ";"},
    "each": "[*]",
    "time": {"path": ["day", "time"], "unit": "%d.%m.%Y %H:%M", "zone": "Asia/Shanghai"},
    "points": {"volume": {"path": "volume", "decimal": ","}},
}


def test_csv_with_a_date_a_time_and_a_decimal_comma() -> None:
    found = mapped(CSV, b"\xef\xbb\xbfday;time;volume;note\r\n25.03.2026;08:00;1234,5;\r\n25.03.2026;08:15;-;x\r\n")
    first = 1_774_396_800 * S
    assert rows(found) == [("volume", first, 2, 1234.5), ("volume", first + 900 * S, 0, None)]
    assert {one.place for one in found.unused} == {"note"}


def test_csv_without_a_header() -> None:
    route = CSV | {
        "payload": {"format": "csv", "columns": ["day", "time", "volume"]},
        "points": {"volume": {"path": "volume"}},
    }
    assert [value for *_, value in rows(mapped(route, b"25.03.2026,08:00,1.5"))] == [1.5]
    ((reason, detail),) = reasons(mapped(route, b"25.03.2026,08:00,1.5,9"))
    assert (reason, detail) == ("bad_payload", "CSV: 4 columns, not 3: 25.03.2026,08:00,1.5,9")
    assert reasons(mapped(route, b"\n")) == [("bad_payload", "CSV: no line of values")]


INFLUX = {
    "filter": "t/{host}",
    "device": {"path": "tags.serial"},
    "payload": "influx",
    "each": "meter[*]",
    "time": {"path": "time", "unit": "ns", "absent": "receive"},
    "points": {"volume": {"path": "fields.volume"}, "leak": {"path": "fields.state"}},
}


def test_line_protocol() -> None:
    lines = b'# x\nmeter,serial=m1 volume=12.5,state="leaking" 1767225600000000000\nmeter,serial=m2 volume=3i\n'
    found = mapped(INFLUX, lines, topic="t/a")
    assert [(int(d), row) for d, row in zip(found.batch.device, rows(found), strict=True)] == [
        (100, ("volume", 1_767_225_600 * S, 2, 12.5)),
        (100, ("leak", 1_767_225_600 * S, 2, 1)),
        (101, ("volume", NOW, 2, 3)),
    ]
    ((reason, detail),) = reasons(mapped(INFLUX, b"meter,serial=m1 volume", topic="t/a"))
    assert (reason, detail) == ("bad_payload", "line protocol, line 1: meter,serial=m1 volume")


_SIGNS = st.characters(codec="utf-8", exclude_characters="\\#", exclude_categories=["Cc", "Zl", "Zp", "Zs"])
_WORD = st.text(_SIGNS, min_size=1)
_LINES = st.tuples(_WORD, st.dictionaries(_WORD, _WORD, max_size=3), st.integers(-(2**62), 2**62), _WORD)


@given(_LINES, st.one_of(st.none(), st.integers(0, 2**62)))
def test_every_line_reads_as_it_was_written(written: tuple[str, dict[str, str], int, str], at: int | None) -> None:
    name, tags, number, text = written

    def escaped(word: str, signs: str = ",= ") -> str:
        return "".join(f"\\{sign}" if sign in signs else sign for sign in word)

    head = escaped(name, ", ") + "".join(f",{escaped(key)}={escaped(value)}" for key, value in tags.items())
    line = f'{head} n={number}i,t="{escaped(text, chr(34))}"' + ("" if at is None else f" {at}")
    (found,) = parse_lines(line, 1)
    assert (found.measurement, found.tags, found.fields, found.time) == (name, tags, {"n": number, "t": text}, at)


# ---- samples ------------------------------------------------------------------------------------------------------
SAMPLES = {"time": {"path": "start", "unit": "s"}, "points": {"power": {"path": "kW"}}}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [(1000, 1), (1900, 2), (2800, 3)]),
        ({"newest_first": True}, [(2800, 1), (1900, 2), (1000, 3)]),
        ({"time": "last"}, [(-800, 1), (100, 2), (1000, 3)]),
        ({"time": "last", "newest_first": True}, [(1000, 1), (100, 2), (-800, 3)]),
    ],
)
@pytest.mark.parametrize("step", ["15m", {"path": "every", "unit": "min"}])
def test_samples_with_a_time_step(more: dict[str, Any], expected: list[tuple[int, float]], step: Any) -> None:
    route = SAMPLES | {"samples": {"values": {"kW": "data.p"}, "step": step} | more}
    found = mapped(route, {"start": 1000, "every": 15, "data": {"p": [1, 2, 3]}})
    assert [(at // S, value) for _, at, _, value in rows(found)] == expected
    assert [one.place for one in found.unused] == ([] if isinstance(step, dict) else ["every"])


def test_lists_of_samples_must_be_of_one_length() -> None:
    points = {"power": {"path": "kW"}, "volume": {"path": "m3"}}
    route = SAMPLES | {"samples": {"values": {"kW": "p", "m3": "v"}, "step": "1m"}, "points": points}
    assert rows(mapped(route, {"start": 0, "p": [1, 2], "v": [5, None]})) == [
        ("power", 0, 2, 1), ("volume", 0, 2, 5), ("power", 60 * S, 2, 2), ("volume", 60 * S, 0, None),
    ]  # fmt: skip
    assert reasons(mapped(route, {"start": 0, "p": [1, 2], "v": [5]})) == [
        ("bad_payload", "lists of samples: p: 2, v: 1 (at most 10000)")
    ]
    assert reasons(mapped(route, {"start": 0, "p": 5}))[0] == ("bad_payload", "p is no list")
    assert reasons(mapped(route, {"start": 0}))[0][0] == "no_points"
    assert reasons(mapped(route, {"p": [1]}))[0] == ("bad_time", "nothing at start")


# ---- one value ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("point", "raw", "value"),
    [
        ({"split": {"by": ",", "at": 1}}, "22.51, 114.05", 114.05),
        ({"split": {"by": ",", "at": -1}}, "22.51,114.05,3", 3),
        ({"split": {"by": ",", "at": 4}}, "22.51,114.05", None),
        ({"regex": r"T=(-?[0-9.]+)"}, "H=1 T=-3.5 C", -3.5),
        ({"regex": r"T=(-?[0-9.]+)"}, "H=1", None),
        ({"regex": r"T=(-?[0-9.]+)"}, 7, None),
        ({"decimal": ","}, "21,5", 21.5),
        ({"decimal": ","}, 21.5, 21.5),
        ({"decimal": ","}, "1.234,5", None),
        ({"map": {"on": 1}, "default": 0}, "whatever", 0),
        ({"map": {"on": 1}, "default": 0}, "on", 1),
        ({"map": {"on": 1}, "default": 0}, None, None),
    ],
)
def test_a_part_of_a_text(point: dict[str, Any], raw: Any, value: float | None) -> None:
    assert values(mapped({"points": {"temp": {"path": "v", **point}}}, {"v": raw})) == {"temp": value}


def test_a_unit_that_the_message_names() -> None:
    route = {"points": {"energy": {"path": "v", "unit": {"path": "u", "map": {"度": "kWh"}}}}}
    sent = [("Wh", 1500, 1.5), ("kWh", 2, 2), ("度", 3, 3), (None, 4, 4), ("", 5, 5), ("V", 6, None), ("quux", 7, None)]
    found = mapped(route, *({"v": raw, "u": unit} for unit, raw, _ in sent))
    assert [value for *_, value in rows(found)] == [value for *_, value in sent]
    assert values(mapped(route, {"v": 9})) == {"energy": 9}


def test_a_unit_that_no_point_of_the_dimension_can_have() -> None:
    found = mapped({"points": {"energy": {"path": "v", "unit": {"path": "u", "map": {"x": "V"}}}}}, {"v": 1, "u": "Wh"})
    assert values(found) == {"energy": None}


def test_a_constant() -> None:
    assert values(mapped({"payload": "none", "points": {"leak": {"value": "leaking"}}}, b"\xff\0 anything")) == {
        "leak": 1
    }
    beside = {"points": {"leak": {"value": "ok"}, "volume": {"path": "v"}}}
    assert values(mapped(beside, {"v": 2})) == {"leak": 0, "volume": 2}
    assert reasons(mapped(beside, {"w": 2}))[0][0] == "no_points"


def test_a_moment_of_its_own() -> None:
    own = {"path": "vt", "unit": "s"}
    points = {"volume": {"path": "v", "time": own}, "temp": {"path": "t"}}
    route = {"time": {"path": "ts", "unit": "s"}, "points": points}
    found = mapped(
        route, {"ts": 100, "v": 1, "vt": 40, "t": 20}, {"ts": 200, "v": 2, "vt": "x", "t": 21}, {"ts": 300, "t": 22}
    )
    assert rows(found) == [
        ("volume", 40 * S, 2, 1), ("temp", 100 * S, 2, 20), ("temp", 200 * S, 2, 21), ("temp", 300 * S, 2, 22),
    ]  # fmt: skip
    assert [raw.reason for raw in found.partial] == ["bad_time"]
    assert reasons(mapped(route, {"ts": 100, "v": 1, "t": 20})) == [("bad_time", "nothing at vt")]
    lenient = route | {"points": {"volume": {"path": "v", "time": own | {"absent": "receive"}}}}
    assert rows(mapped(lenient, {"ts": 100, "v": 1})) == [("volume", 100 * S, 2, 1)]


# ---- elements -----------------------------------------------------------------------------------------------------
def test_lists_in_lists_with_their_places() -> None:
    route = {
        "filter": "x",
        "device": {"path": "^.code"},
        "each": "piles[*].guns[*]",
        "time": {"path": "$.ts", "unit": "s"},
        "points": {"power": {"path": "kw", "component": {"capture": "index2", "add": 1}}},
    }
    body = {"ts": 5, "piles": [{"code": "m1", "guns": [{"kw": 1}, {"kw": 2}]}, {"code": "m2", "guns": [{"kw": 3}]}]}
    found = mapped(route, body, topic="x")
    assert sorted(zip(found.batch.device.tolist(), rows(found), strict=True)) == [
        (100, ("power.1", 5 * S, 2, 1)),
        (100, ("power.2", 5 * S, 2, 2)),
        (101, ("power.1", 5 * S, 2, 3)),
    ]
    assert not found.unused


def test_several_conditions_choose_an_element() -> None:
    path = "samples[measurand=Power,phase=L1].value"
    route = {
        "points": {"power": {"path": path}},
        "when": [{"path": "type", "equals": "mv"}, {"path": "samples", "exists": True}],
    }
    items = [{"measurand": "Power", "phase": "L2", "value": 2}, {"measurand": "Power", "phase": "L1", "value": 1}]
    assert values(mapped(route, {"type": "mv", "samples": items})) == {"power": 1}
    assert reasons(mapped(route, {"type": "mv"})) == [("unmatched", "")]
    assert reasons(mapped(route, {"type": "x", "samples": items})) == [("unmatched", "")]


def test_a_payload_that_a_condition_cannot_read_is_for_the_next_route() -> None:
    first = {
        "filter": "x/{device}",
        "device": "{device}",
        "when": {"path": "v", "exists": True},
        "points": {"volume": {"path": "v"}},
    }
    second = {"filter": "x/{device}", "device": "{device}", "payload": {"format": "csv", "columns": ["v"]}}
    second |= {"each": "[*]", "points": {"volume": {"path": "v"}}}
    mapper = Mapper("s", config([first, second]), METER)
    assert values(run_map(mapper, said("x/m1", {"v": 1}))) == {"volume": 1}
    assert values(run_map(mapper, said("x/m1", b"7.5"))) == {"volume": 7.5}


def test_routes_by_model() -> None:
    known = Registry({"a": "old", "b": "new"}, [Point(1, "old", "u", unit="V"), Point(2, "new", "u", unit="V")])
    routes = [
        {"filter": "x/{device}", "device": "{device}", "profiles": ["old"], "points": {"u": {"path": "volt"}}},
        {
            "filter": "x/{device}",
            "device": "{device}",
            "profiles": ["new"],
            "points": {"u": {"path": "U", "scale": 0.1}},
        },
    ]
    found = run_map(Mapper("s", config(routes), known), said("x/a", {"volt": 230}), said("x/b", {"U": 2301}))
    assert [value for *_, value in rows(found, known)] == [230, 230.1]


# ---- configuration ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("route", "key"),
    [
        ({"points": {"temp": {"path": "a", "value": 1}}}, "route.value_and_path"),
        ({"points": {"temp": {"value": 1, "decimal": ","}}}, "route.value_alone"),
        ({"points": {"temp": {"path": "a", "default": 1}}}, "route.default_alone"),
        ({"points": {"temp": {"path": "a", "regex": "(a"}}}, "route.regex"),
        ({"points": {"temp": {"path": "a", "regex": "a"}}}, "route.regex_groups"),
        ({"payload": "xml", "points": {"temp": {"path": "a"}}}, "route.payload"),
        ({"payload": "none", "points": {"temp": {"path": "a"}}}, "route.payload_none"),
        ({"payload": {"format": "csv", "columns": ["a", "a"]}, "points": {"temp": {"path": "a"}}}, "route.csv_columns"),
        ({"samples": {"values": {"a": "a"}, "step": "1m"}, "points": {"temp": {"path": "a"}}}, "route.samples"),
        ({"samples": {"values": {"a": "a"}, "step": "0s"}, "points": {"temp": {"path": "a"}}}, "route.samples_step"),
        ({"unpack": [{"path": "a", "encoding": "hex"}], "points": {"temp": {"path": "a"}}}, "route.unpack_fields"),
        (
            {
                "unpack": [{"path": "a", "encoding": "hex", "holds": "json", "length": 2}],
                "points": {"temp": {"path": "a"}},
            },
            "route.unpack_json",
        ),
        ({"unpack": [{"path": ".", "encoding": "json"}], "points": {"temp": {"path": "a"}}}, "route.unpack_path"),
        ({"time": {"path": ["a", "b"], "unit": "s"}, "points": {"temp": {"path": "a"}}}, "route.time_joined"),
        ({"time": {"path": [], "unit": "s"}, "points": {"temp": {"path": "a"}}}, "route.time_paths"),
        ({"payload": {"format": "binary", "fields": {"a": {"at": 0, "type": "u9"}}}, "points": {}}, "route.field_type"),
        ({"payload": {"format": "binary", "fields": {"a": {"at": 0, "type": "u8.9"}}}}, "route.field_bits"),
    ],
)
def test_mistakes_in_a_route(route: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RouteConfig.model_validate({"filter": "x", "device": "m1", **route})
    errors = caught.value.errors()
    assert key in {error["type"] for error in errors}, errors
    for lang in ("en", "zh"):
        assert localize(
            key, lang, **{**dict.fromkeys(("got", "at", "count", "known", "most"), "?"), **errors[0].get("ctx", {})}
        )


# ---- hostile ------------------------------------------------------------------------------------------------------
_VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text()),
    lambda inner: st.dictionaries(st.sampled_from("ab"), inner) | st.lists(inner),
)
_JSON = _VALUES.map(lambda value: json.dumps(value).encode())
READERS: Sequence[Mapping[str, Any]] = [
    {"payload": {"format": "csv"}, "each": "[*]"},
    {"payload": "influx", "each": "*[*]"},
    {"payload": {"format": "binary", "fields": FIELDS}},
    {"payload": {"format": "binary", "encoding": "base64", "fields": FIELDS}},
    {"unpack": [{"path": "a.b", "encoding": "hex", "fields": FIELDS}]},
]


@pytest.mark.parametrize("reader", READERS, ids=str)
@given(payload=st.one_of(st.binary(), st.text().map(str.encode), _JSON))
def test_no_payload_raises_anything_else(reader: Mapping[str, Any], payload: bytes) -> None:
    route = {"filter": "x/{device}", "device": "{device}", "points": {"volume": {"path": "volume"}}, **reader}
    found = run_map(Mapper("s", config([route]), registry()), Said("x/c1", payload))
    assert found.batch.frames + len(found.rejected) == 1
    read = payload_reader(RouteConfig.model_validate(route))
    assert read is not None
    with suppress(DecodeError):
        read(payload)


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (b"volume=12.5&name=%E8%A1%A8+1", [12.5]),
        (b"volume=&name=x", "bad"),
        (b"", "bad_payload"),
        (b"a", "bad_payload"),
        (b"volume=1&volume=2", "duplicate_key"),
        (b"volume=%ff", "bad_payload"),
        (b"&".join([b"a=1"] * 300), "bad_payload"),
    ],
)
def test_a_form(payload: bytes, found: list[float] | str) -> None:
    got = mapped({"payload": "form", "points": {"volume": {"path": "volume"}}, "ignore": ["name"]}, payload)
    if isinstance(found, list):
        assert got.batch.value.tolist() == found
        assert got.unused == ()
    elif found == "bad":
        assert (got.bad, got.rejected) == (1, ())
    else:
        assert [raw.reason for raw in got.rejected] == [found]
