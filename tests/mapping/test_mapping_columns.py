"""The array path and the scalar path are the same function."""

import math
from typing import Any

import numpy as np
import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_kit import NOW, Registry, config, said

from gateway.domain.device import AsSent, Plausible, Point, PointKind
from gateway.domain.errors import DecodeError
from protocols.mapping.column import Column
from protocols.mapping.config import PointMap, TimeMap
from protocols.mapping.mapper import Mapper
from protocols.mapping.timestamp import TimestampReader

NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 1, -50, 3, 1.0]),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "nil", "idle", "on", "NaN", "+Inf", " 12.5 ", "1e400", "1_0", "٣", "0x1F", "-50", "x" * 200, "9" * 30]
    ),
    st.text(max_size=8),
    st.integers(-1000, 1000).map(str),
)
RAWS = st.one_of(NUMBERS, TEXTS, st.booleans(), st.none(), st.just([1]), st.just({"a": 1}))
COLUMNS = st.one_of(st.lists(NUMBERS, min_size=1), st.lists(TEXTS, min_size=1), st.lists(RAWS, min_size=1))
MAPS = st.fixed_dictionaries(
    {"path": st.just("x")},
    optional={
        "scale": st.sampled_from([1.0, 0.1, -2.5, 1e300]), "offset": st.sampled_from([0.0, -50.0, 1e-9]),
        "unit": st.sampled_from(["degC", "degF", "K"]),
        "missing": st.sampled_from([(-50,), (-50, "nil", ""), (3, 1.0)]),
        "bit": st.integers(0, 63), "map": st.sampled_from([{"on": 1, "idle": 0}, {0: 5, 1: 7}]),
    },
)  # fmt: skip
GAUGE = Point(1, "p", "x", unit="degC", plausible=Plausible(-40, 120))
STATE = Point(2, "p", "x", kind=PointKind.STATE, values=("idle", "charging", "3"))


def column(config: dict[str, Any], point: Point) -> tuple[Column, Registry]:
    directory = Registry({}, [GAUGE, STATE], most_states=7, per_device=2)
    sent = AsSent(values=point.values[:2])
    return Column(PointMap.model_validate(config), point, directory.state_code, sent), directory


@given(MAPS, COLUMNS, st.sampled_from([GAUGE, STATE]))
@settings(max_examples=examples(100), deadline=None)
def test_many_is_one_of_each(how: dict[str, Any], raws: list[Any], point: Point) -> None:
    array, _ = column(how, point)
    scalar, _ = column(how, point)
    devices = np.arange(len(raws), dtype=np.int32) % 2 + 1
    with np.errstate(over="ignore", invalid="ignore"):
        values, quality = array.many(tuple(raws), devices)
        again, _ = array.many(tuple(raws), devices)
    expected = [scalar.one(raw, device) for raw, device in zip(raws, devices.tolist(), strict=True)]
    assert [(v if q in {1, 2} else None, q) for v, q in zip(values.tolist(), quality.tolist(), strict=True)] == [
        (v if q in {1, 2} else None, q) for v, q in expected
    ]
    assert np.isnan(values[(quality == 0) | (quality == 255)]).all()
    assert np.isfinite(values[(quality == 1) | (quality == 2)]).all()
    there = ~np.isnan(values)  # a text that one device may not bring is known once another has brought it
    assert np.array_equal(values[there], again[there])


TIMES = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.integers(0, 2**42), st.floats(allow_nan=False), st.booleans(), st.none(),
    st.sampled_from(["1774408726002", "soon", "1.5", ""]),
)  # fmt: skip


@given(
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.one_of(
        st.lists(st.integers(0, 2**42), min_size=1),
        st.lists(st.floats(0, 2e9), min_size=1),
        st.lists(TIMES, min_size=1),
    ),
)
@settings(deadline=None)
def test_times_of_a_column_are_times_of_each(unit: str, raws: list[Any]) -> None:
    moments = TimestampReader(TimeMap(path="ts", unit=unit))
    many = moments.many(tuple(raws))
    if many is not None:
        assert many.tolist() == [moments.one(raw) for raw in raws]


@pytest.mark.parametrize(
    ("unit", "zone", "raw", "expected"),
    [
        ("ms", None, 1774408726002, 1774408726002000),
        ("ms", None, "1774408726002", 1774408726002000),
        ("s", None, 1675935540.54, 1675935540540000),
        ("ns", None, 1_774_408_726_002_000_999, 1774408726002000),
        ("iso", None, "2024-08-03T16:16:55Z", 1722701815000000),
        ("iso", "Europe/Paris", "2021-10-26T17:28:45", 1635262125000000),
        ("iso", "Europe/Paris", "2021-10-26T17:28:45+00:00", 1635269325000000),
        ("%Y%m%d%H%M%S%f", "Asia/Shanghai", "20250619145824881", 1750316304881000),
        ("%Y%m%d%H%M%S", "Asia/Shanghai", 20260324141349, 1774332829000000),
        ("parts", "Asia/Shanghai", {"Year": 16, "Month": 10, "Day": 1, "Hour": 22, "Minute": 59}, 1475333940000000),
    ],
)
def test_times_as_devices_write_them(unit: str, zone: str | None, raw: Any, expected: int) -> None:
    assert TimestampReader(TimeMap(path="ts", unit=unit, zone=zone)).one(raw) == expected


@pytest.mark.parametrize(
    ("unit", "raw"),
    [
        ("ms", "soon"),
        ("ms", None),
        ("ms", True),
        ("ms", {}),
        ("ms", 2**63),
        ("s", 1e300),
        ("s", "nan"),
        ("us", "1e999"),
        ("iso", "yesterday"),
        ("iso", 5),
        ("%Y", "20a6"),
        ("parts", {"Year": "x"}),
        ("parts", {"Month": 13}),
        ("parts", 3),
        ("iso", "2024-13-01T00:00:00"),
        ("ms", "1" * 500),
        ("s", -(10**13)),
    ],
)
def test_times_that_are_none(unit: str, raw: Any) -> None:
    with pytest.raises(DecodeError, match="bad_time"):
        TimestampReader(TimeMap(path="ts", unit=unit)).one(raw)


# ---- whole messages ---------------------------------------------------------------------------------------------
class LongWay(Mapper):
    """The same mapper without its hot path."""

    def _sort(self, messages: Any, work: Any) -> None:
        for message in messages:
            entry = self.bindings.entry(message.topic)
            entry.hot, entry.cases, entry.bare = None, {}, None
        super()._sort(messages, work)


POINTS = [
    Point(1, "p", "a", unit="degC", plausible=Plausible(-40, 120)), Point(2, "p", "b"), Point(3, "p", "c"),
    Point(4, "p", "s", kind=PointKind.STATE, values=("idle", "charging")), Point(5, "p", "b", 1), Point(6, "p", "b", 2),
]  # fmt: skip
FLAT = {
    "filter": "flat/{device}", "device": "{device}", "time": {"path": "ts", "unit": "ms", "absent": "receive"},
    "points": {"a": {"path": "a", "missing": [-50]}, "b": {"path": "b", "scale": 0.1}, "s": {"path": "s"}},
}  # fmt: skip
DEEP = {
    "filter": "deep/{device}", "device": "{device}", "time": {"path": "h.ts", "unit": "ms"},
    "points": {"a": {"path": "d.a"}, "b": {"path": "d.x.b"}, "c": {"path": "c"}},
}  # fmt: skip
SWITCH = [
    {
        "filter": "case/{device}",
        "device": "{device}",
        "when": {"path": "t", "equals": ["x", 1]},
        "points": {"a": {"path": "v"}},
    },
    {
        "filter": "case/{device}",
        "device": "{device}",
        "when": {"path": "t", "equals": ["1", "y"]},
        "points": {"b": {"path": "v"}},
    },
    {
        "filter": "case/{device}",
        "device": "{device}",
        "when": {"path": "w", "exists": True},
        "points": {"c": {"path": "w"}},
    },
]
BODY = st.dictionaries(
    st.sampled_from(["ts", "a", "b", "c", "s", "extra"]),
    st.one_of(RAWS, st.integers(0, 2**40), st.dictionaries(st.sampled_from(["a", "ts", "x"]), RAWS, max_size=3)),
    max_size=6,
)
NESTED = st.fixed_dictionaries(
    {"h": st.fixed_dictionaries({"ts": st.integers(0, 2**40)})},
    optional={"d": st.fixed_dictionaries({}, optional={"a": RAWS, "x": st.fixed_dictionaries({"b": RAWS})}), "c": RAWS},
)
SPLIT = [
    {
        "filter": "gun/{device}",
        "device": "{device}",
        "points": {"b": {"path": "v", "component": {"path": "g"}}, "a": {"path": "v"}},
    },
    {"filter": "all", "device": {"path": "id"}, "points": {"b": {"path": "v"}, "c": {"path": "w"}}},
]
BARE = [
    {
        "filter": "bare/{device}/{field}",
        "device": "{device}",
        "points": {
            "any": {"path": ".", "point": "{field}", "missing": ["nil"]},
            "twice": {"point": "b", "scale": 2},
            "other": {"path": ".", "point": "c"},
        },
    }
]
TOLD = st.sampled_from([1, "1", 1.0, True, 2, "x", None, [], 0, "d1", "d2", -1])
CASE = st.fixed_dictionaries(
    {}, optional={"t": st.sampled_from(["x", "y", 1, "1", True, None, [], "z"]), "v": RAWS, "w": RAWS}
)
MESSAGE = st.one_of(
    st.tuples(
        st.sampled_from(["gun/d1", "all"]),
        st.fixed_dictionaries({}, optional={"g": TOLD, "id": TOLD, "v": RAWS, "w": RAWS}),
    ),
    st.tuples(st.sampled_from(["case/d1", "case/d2"]), CASE),
    st.tuples(
        st.sampled_from(["bare/d1/a", "bare/d1/twice", "bare/d2/s", "bare/d1/nothing", "bare/no/a"]),
        st.sampled_from([b"", b"12.5", b" 7 ", b"nil", b"true", b"null", b'"x"', b"\xff", b"idle", b"NaN", b"9" * 400]),
    ),
    st.tuples(st.sampled_from(["flat/d1", "flat/d2", "flat/no", "else/d1"]), BODY),
    st.tuples(st.sampled_from(["deep/d1", "deep/d2"]), NESTED),
    st.tuples(
        st.just("flat/d1"), st.sampled_from([b"", b"[]", b'{"a":1,"a":2}', b'{"a" : 1, "b":2}', b"\xff", b"nul"])
    ),
)


@given(st.lists(MESSAGE, max_size=30))
@settings(max_examples=examples(50), deadline=None)
def test_hot_path_and_long_way_give_the_same(messages: list[tuple[str, Any]]) -> None:
    sent = [said(topic, body) for topic, body in messages]
    received = np.arange(NOW, NOW + len(sent), dtype=np.int64)
    outcomes = []
    for kind in (Mapper, LongWay):
        directory = Registry({"d1": "p", "d2": "p", "1": "p"}, POINTS, most_states=10_000)
        mapper = kind("src", config([FLAT, DEEP, *SWITCH, *SPLIT, *BARE]), directory)
        mapped = mapper.map(sent, received)
        texts = directory.states[4]
        rows = [
            (
                m,
                r.device,
                r.point,
                r.at,
                texts[int(r.value)] if r.point == 4 and r.quality else str(r.value),
                int(r.quality),
            )
            for m, r in zip(mapped.batch.frame.tolist(), mapped.batch.readings(), strict=True)
        ]
        outcomes.append(
            (
                rows,
                mapped.rejected,
                mapped.ignored,
                mapped.bad,
                mapped.uncertain,
                mapped.batch.received.tolist(),
                sorted((u.route, u.reason, u.place, u.count) for u in mapped.unused),
            )
        )
        assert mapped.batch.frames + len(mapped.rejected) + mapped.ignored == len(sent)
        assert not mapped.batch.frames or set(mapped.batch.frame.tolist()) == set(range(mapped.batch.frames))
        assert all(math.isnan(r.value) == (r.quality == 0) for r in mapped.batch.readings())
    assert sorted(outcomes[0][0]) == sorted(outcomes[1][0])
    assert [row[0] for row in outcomes[0][0]] == [row[0] for row in outcomes[1][0]]
    assert outcomes[0][1:] == outcomes[1][1:]
