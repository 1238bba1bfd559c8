"""B5: `{"Device A": [..], "Device B": [..]}` stored A and dropped B without a count; whatever no route read was gone.
B6: a fault of a connector that does not exist (0, 3, "two", null, absent) vanished, without a line or a count."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_kit import NOW, Registry, Said, config, said
from pydantic import ValidationError

from gateway.domain.device import Point, PointKind
from gateway.ports import LastIds, RegistryContents
from gateway.registry.registry_diff import DeclaredInventory, difference
from gateway.settings.profiles import load_profile
from protocols.mapping.mapper import Mapped, Mapper
from protocols.mapping.path import parse_ignored, parse_path
from protocols.mapping.unused_fields import FieldUse, Ignored, UnreadPlaces
from protocols.mapping.unused_log import OTHERS, PLACES, Unused, UnusedLog

STATE = PointKind.STATE
POINTS = [
    Point(1, "p", "power"), Point(2, "p", "energy"), Point(3, "p", "status", kind=STATE),
    Point(4, "p", "fault", 1, kind=STATE), Point(5, "p", "fault", 2, kind=STATE), Point(6, "p", "fault", 3, kind=STATE),
    Point(7, "q", "fault", 0, kind=STATE), Point(8, "q", "fault", 1, kind=STATE),
]  # fmt: skip
ONE = {"filter": "x/{device}", "device": "{device}", "points": {"power": {"path": "p"}, "energy": {"path": "d.e"}}}


def read(route: Mapping[str, Any], *bodies: Any, topic: str = "x/d1") -> tuple[Mapped, list[tuple[str, str, int]]]:
    directory = Registry({"d1": "p", "d2": "p", "station": "q"}, POINTS)
    mapper = Mapper("src", config([route]), directory)
    sent = [said(topic, body) for body in bodies]
    mapped = mapper.map(sent, np.arange(NOW, NOW + len(sent), dtype=np.int64))
    assert mapped.batch.frames + len(mapped.rejected) + mapped.ignored == len(sent)
    return mapped, sorted((one.reason, one.place, one.count) for one in mapped.unused)


def test_what_no_path_reads_is_counted_by_place() -> None:
    bodies = [
        {"p": 1, "d": {"e": 2}},
        {"p": 1, "d": {"e": 2, "f": 3}, "seq": 4},
        {"p": 1, "seq": 5, "list": [1, {"a": 2}]},
        {"p": 1, "d": [1]},
        {"p": 1, "odd.key": {}},
    ]
    mapped, unused = read(ONE, *bodies)
    assert mapped.batch.frames == 5
    assert unused == [
        ("unread", '["odd.key"]', 1),
        ("unread", "d", 1),
        ("unread", "d.f", 1),
        ("unread", "list", 1),
        ("unread", "seq", 1),
        ("unread", "seq", 1),
    ]
    example = next(one for one in mapped.unused if one.place == "d.f")
    assert (example.topic, json.loads(example.payload), example.received) == ("x/d1", bodies[1], NOW + 1)


def test_what_is_ignored_on_purpose_is_not_counted() -> None:
    body = {"p": 1, "d": {"e": 2, "f": 3}, "seq": 4, "meta": {"a": 1, "b": {"c": 2}}}
    assert read(ONE | {"ignore": ["seq", "meta.a", "d.*", "meta.b.*"]}, body)[1] == []
    assert read(ONE | {"ignore": ["*"]}, body)[1] == [("unread", "d.f", 1)]
    assert read(ONE | {"ignore": ["seq", "meta"]}, body)[1] == [("unread", "d.f", 1)]
    mapped, _ = read(ONE | {"ignore": ["seq"]}, {"seq": 1}, {"seq": 1, "other": 2}, {"p": 1})
    assert (mapped.ignored, [raw.reason for raw in mapped.rejected]) == (1, ["no_points"])


def test_objects_of_a_list_that_no_path_asks_for_are_counted() -> None:
    route = {"filter": "x/{device}", "device": "{device}", "points": {"power": {"path": "infos[Type=A].p"}}}
    infos = [{"Type": "A", "p": 1, "q": 2}, {"Type": "B", "p": 3}]
    assert read(route, {"infos": infos})[1] == [("unread", "infos[0].q", 1), ("unread", "infos[1]", 1)]


def test_keys_of_an_object_are_devices() -> None:
    route = {
        "filter": "all",
        "device": "{key}",
        "each": "*[*]",
        "time": {"path": "t", "unit": "ms"},
        "points": {"power": {"path": "p"}},
        "ignore": ["sent"],
    }
    body = {
        "d1": [{"t": 1, "p": 5}, {"t": 2, "p": 6, "x": 0}],
        "d2": [{"t": 1, "p": 7}],
        "d9": [{"t": 1, "p": 8}],
        "note": "hello",
        "sent": 12,
    }
    mapped, unused = read(route, body, {"note": 1}, {"sent": 1}, topic="all")
    assert [(r.device, r.value) for r in mapped.batch.readings()] == [(100, 5.0), (100, 6.0), (101, 7.0)]
    assert unused == [("unknown_device", "d9[0]", 1), ("unread", "note", 1), ("unread", "x", 1)]
    assert (mapped.ignored, [raw.reason for raw in mapped.rejected]) == (1, ["no_points"])


def test_keys_of_an_object_are_points_and_connectors() -> None:
    by_name = {
        "filter": "x/{device}",
        "device": "{device}",
        "each": "*",
        "time": {"path": "$.ts", "unit": "ms"},
        "points": {"any": {"path": ".", "point": "{key}"}, "kW": {"point": "power"}},
        "ignore": ["ts"],
    }
    mapped, unused = read(by_name, {"ts": 1, "kW": 2, "energy": 3, "wifi": -60})
    assert [(r.point, r.at, r.value) for r in mapped.batch.readings()] == [(1, 1000, 2.0), (2, 1000, 3.0)]
    assert unused == [("no_points", "wifi", 1)]
    by_gun = {
        "filter": "x/{device}",
        "device": "{device}",
        "each": "guns.*",
        "points": {"fault": {"path": "f", "component": "{key}"}},
        "ignore": ["$.model"],
    }
    mapped, unused = read(by_gun, {"guns": {"1": {"f": "E1"}, "2": {"f": "E2"}, "3": {"f": "E3"}}, "model": "T"})
    assert [r.point for r in mapped.batch.readings()] == [4, 5]
    assert unused == [("no_component", "guns.3", 1)]


def test_a_document_in_a_document_and_around_it() -> None:
    route = {
        "filter": "in",
        "device": {"path": "$.id"},
        "inner": "payload",
        "points": {"power": {"path": "p"}},
        "ignore": ["$.qos"],
    }
    body = {"id": "d1", "payload": '{"p": 1, "soc": 2}', "qos": 1, "node": "n"}
    assert read(route, body, topic="in")[1] == [("unread", "node", 1), ("unread", "soc", 1)]


AT = {"path": "errorCode", "component": {"path": "connectorId"}}
FAULT = {
    "filter": "x/{device}", "device": "{device}",
    "points": {"fault": AT, "status": {"path": "status"}},
}  # fmt: skip


@pytest.mark.parametrize("connector", [0, 3, "two", None, 1.5, -1, ...])
def test_a_fault_of_a_connector_that_does_not_exist_is_counted(connector: object) -> None:
    body = {"errorCode": "GroundFailure", "status": "Faulted"}
    if connector is not ...:
        body["connectorId"] = connector  # type: ignore[assignment]
    mapped, unused = read(FAULT, body)
    assert mapped.batch.frames == 1  # the status is good
    assert ("no_component", "errorCode", 1) in unused
    kept = next(one for one in mapped.unused if one.reason == "no_component")
    assert (json.loads(kept.payload), "fault" in kept.detail) == (body, True)
    assert [(raw.reason, json.loads(raw.payload)) for raw in mapped.partial] == [("no_component", body)]
    alone = FAULT | {"points": {"fault": AT}}
    mapped, _ = read(alone, body)
    assert [(raw.reason, json.loads(raw.payload)) for raw in mapped.rejected] == [("no_component", body)]


def test_connector_0_is_the_device_where_the_profile_says_so() -> None:
    mapped, unused = read(FAULT | {"points": {"fault": AT}}, {"errorCode": "E", "connectorId": 0}, topic="x/station")
    assert ([r.point for r in mapped.batch.readings()], unused) == ([7], [])


def test_a_name_that_no_point_has_is_counted_or_ignored() -> None:
    route = {"filter": "x/{device}/{field}", "device": "{device}", "points": {"any": {"path": ".", "point": "{field}"}}}
    mapped, _ = read(route, 5, topic="x/d1/geofence")
    assert [(raw.reason, raw.detail) for raw in mapped.rejected] == [("no_points", "p: geofence")]
    mapped, _ = read(route | {"ignore": ["geofence"]}, 5, topic="x/d1/geofence")
    assert (mapped.ignored, mapped.rejected) == (1, ())
    route = {"filter": "x/{device}", "device": "{device}", "points": {"power": {"path": "p"}, "speed": {"path": "v"}}}
    assert read(route, {"p": 1, "v": 2})[1] == [("no_point", "v", 1)]
    assert read(route | {"ignore": ["speed", "v"]}, {"p": 1, "v": 2})[1] == []


def test_the_ledger_is_bounded_and_says_what_is_new() -> None:
    def unused(place: str, reason: str = "unread") -> Unused:
        return Unused(0, reason, place, "", 2, "t", b"{}", NOW)

    ledger = UnusedLog()
    assert [one.place for one in ledger.add([unused("a"), unused("b"), unused("a", "no_point")])] == ["a", "a"]
    assert ledger.add(unused(f"k{n}") for n in range(1000)) == []
    entries = dict(ledger.entries())
    assert len(entries) == PLACES + 2
    assert entries[0, "unread", OTHERS].count == 2 * (1002 - PLACES)
    assert ledger.totals == {(0, "unread"): 2004, (0, "no_point"): 2}


KEYS = st.sampled_from(["a", "b", "c", "x.y"])
DOCUMENTS = st.recursive(
    st.integers(), lambda below: st.one_of(st.dictionaries(KEYS, below, max_size=4), st.lists(below, max_size=3))
)


def _leaves(node: Any) -> int:
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    return 1 if inside is None else max(1, sum(map(_leaves, inside)))


@given(st.lists(DOCUMENTS, min_size=1, max_size=5), st.sets(st.sampled_from(["a", "a.b", "b", "c.a.b", "a[0].b"])))
@settings(deadline=None)
def test_a_remembered_answer_is_the_answer(documents: list[Any], used: set[str]) -> None:
    def unread() -> UnreadPlaces:
        return UnreadPlaces(0, [FieldUse(parse_path(path)) for path in sorted(used)], [])

    one = unread()
    for document in documents * 2:
        found, fresh = one.of(document), unread().of(document)
        assert (found and found.places) == (fresh and fresh.places)
        everything = UnreadPlaces(0, [], [Ignored(*parse_ignored("*"))])
        assert everything.of(document) is None


def test_a_flood_of_made_up_keys_fills_no_memory() -> None:
    directory = Registry({"d1": "p"}, POINTS)
    mapper = Mapper("src", config([ONE]), directory)
    for n in range(600):
        mapped = mapper.map([Said("x/d1", b'{"p": 1, "k%d": 2}' % n)], np.array([NOW]))
        assert [one.place for one in mapped.unused] == [f"k{n}"]
    unread = mapper.bindings.known["x/d1"].candidates[0].fixed.columns.unread
    assert len(unread._plans) <= 256


STATION = """\
id: station
kind: charger
source: written for this test
components: 2
points:
  fault: {kind: state, each: true, on_device: station_fault, values: [NoError]}
  station_fault: {kind: state, values: [NoError]}
"""


def test_a_profile_says_which_point_takes_connector_0(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(STATION, "utf-8")
    loaded, problems = load_profile(tmp_path / "p.yaml")
    assert loaded is not None
    assert problems == []
    directory = Registry(
        {"d1": "station"},
        difference(
            RegistryContents((), (), (), ()), DeclaredInventory(profiles=(loaded.profile,)), 0, LastIds()
        ).rows.points,
    )
    words = loaded.as_sent()
    mapper = Mapper("src", config([FAULT | {"points": {"fault": AT}}]), directory, lambda _: words)
    sent = [said("x/d1", {"errorCode": "E", "connectorId": n}) for n in (0, 2, 3)]
    mapped = mapper.map(sent, np.full(3, NOW, np.int64))
    assert [directory.name_of(r.point) for r in mapped.batch.readings()] == ["station_fault", "fault.2"]
    assert [raw.reason for raw in mapped.rejected] == ["no_component"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("on_device: station_fault", "on_device: nothing"), "config.profile.on_device"),
        (("each: true, ", ""), "config.profile.only_each"),
        (
            ("station_fault: {kind: state, values: [NoError]}", "station_fault: {unit: kW}"),
            "config.profile.on_device_other",
        ),
    ],
)
def test_what_takes_connector_0_must_be_able_to(tmp_path: Path, change: tuple[str, str], key: str) -> None:
    (tmp_path / "p.yaml").write_text(STATION.replace(*change), "utf-8")
    assert [problem.key for problem in load_profile(tmp_path / "p.yaml")[1]] == [key]


def test_asking_whether_an_object_exists_uses_nothing_of_it() -> None:
    route = {
        "filter": "x/{device}",
        "device": "{device}",
        "when": {"path": "v", "exists": True},
        "points": {"power": {"path": "v.p"}},
    }
    assert read(route, {"v": {"p": 1, "q": 2}})[1] == [("unread", "v.q", 1)]
    alone = route | {"points": {"power": {"path": "p"}}}
    assert read(alone, {"v": {"q": 2}, "p": 1})[1] == [("unread", "v.q", 1)]
    assert read(alone, {"v": True, "p": 1})[1] == []


def test_made_up_keys_and_names_fill_no_memory() -> None:
    by_key = {"filter": "x/{n}", "device": "d1", "each": "*", "points": {"any": {"path": ".", "point": "{key}"}}}
    told = {"filter": "y", "device": {"path": "d"}, "each": "*", "points": {"power": {"path": "p"}}}
    mapper = Mapper("src", config([by_key, told]), Registry({"d1": "p"}, POINTS))
    for start in range(0, 12_000, 500):
        body = {f"k{n}": 1 for n in range(start, start + 500)} | {"power": 5}
        at_keys = {key: {"d": "d1", "p": 1} for key in body}
        mapped = mapper.map([said("x/a", body), said("y", at_keys)], np.full(2, NOW, np.int64))
        assert len(mapped.batch) == 1 + 501
    bindings = mapper.bindings
    below = [len(one.below) for topic in ("x/a", "y") for one in bindings.known[topic].candidates]
    assert max(below) <= 4_096
    assert len(bindings._missed) <= 4_096
    assert len(bindings._known_columns) <= 2


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["d1", "d2", "E1", "NaN", "", "1", "power"])
)
NAMES = st.sampled_from(["d1", "d2", "power", "energy", "fault", "1", "2", "p", "x.y", "", "zz"])
BODIES = st.recursive(
    LEAVES, lambda below: st.one_of(st.dictionaries(NAMES, below, max_size=4), st.lists(below, max_size=3))
)
PLACES_READ = st.sampled_from([".", "p", "power", "p.power", "p[0]", "p[power=1].energy", '["x.y"]', "$.p", "$.energy"])
COMPONENTS = st.sampled_from([0, 1, 3, {"path": "p"}, {"path": "$.p", "add": 1}, "{key}", "{n}"])
ENTRIES = st.fixed_dictionaries(
    {"path": PLACES_READ},
    optional={"point": st.sampled_from(["fault", "status", "{key}", "{n}", "{key}_x"]), "component": COMPONENTS},
)
ROUTES = st.fixed_dictionaries(
    {"filter": st.sampled_from(["x/{n}", "x/a{n}", "x/{n*}"]),
     "device": st.sampled_from(["d1", "{n}", "{key}", {"path": "p"}, {"path": "$.p"}]),
     "points": st.dictionaries(st.sampled_from(["power", "energy", "fault"]), ENTRIES, min_size=1, max_size=3)},
    optional={
        "each": st.sampled_from(["*", "[*]", "p[*]", "p.*", "*[*]", "*.*", "*.p"]), "inner": st.just("p"),
        "ignore": st.lists(st.sampled_from(["p", "power", "*", "p.*", "$.energy", "$.*", "zz"]), max_size=2),
        "when": st.sampled_from([{"path": "p", "exists": True}, {"path": "p", "equals": ["d1", 1]}]),
        "time": st.sampled_from([{"path": "p", "unit": "s"}, {"path": "$.p", "unit": "iso", "absent": "receive"}]),
    },
)  # fmt: skip


@given(ROUTES, st.lists(st.one_of(BODIES, BODIES.map(lambda body: {"p": json.dumps(body)})), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_whatever_the_route_and_the_message_each_message_is_accounted_for(
    route: dict[str, Any], bodies: list[Any]
) -> None:
    try:
        settings = config([route])
    except ValidationError:
        return
    mapper = Mapper("src", settings, Registry({"d1": "p", "d2": "p", "1": "q"}, POINTS, most_states=100))
    sent = [said(f"x/{name}", body) for body in bodies for name in ("d1", "a1")]
    received = np.arange(NOW, NOW + len(sent), dtype=np.int64)
    first = mapper.map(sent, received)
    assert first.batch.frames + len(first.rejected) + first.ignored == len(sent)
    again = mapper.map(sent, received)  # everything is remembered now
    assert [(raw.reason, raw.address) for raw in again.rejected] == [
        (raw.reason, raw.address) for raw in first.rejected
    ]
    assert (again.ignored, len(again.batch)) == (first.ignored, len(first.batch))
    assert sorted((one.place, one.reason, one.count) for one in again.unused) == sorted(
        (one.place, one.reason, one.count) for one in first.unused
    )
