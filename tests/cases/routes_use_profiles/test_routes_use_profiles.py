"""B1: a point that was named by the topic ignored its profile: 1500 W were stored as 1500 kW, quality good, and 255 as
a state of charge. B3: `{field*}` gave `grid/power`, which no point may be called, and no part of a level could be had.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mqtt_kit import NOW, Registry, Said, config

from gateway.domain.device import AsSent, Plausible, Point, PointKind
from gateway.ports import LastIds, RegistryContents
from gateway.registry.registry_diff import DeclaredInventory, difference
from gateway.settings.profiles import load_profile
from protocols.mapping.mapper import Mapped, Mapper

PROFILE = """\
id: wallbox
kind: charger
source: written for this test
components: 2
points:
  power: {unit: W, plausible: {min: 0, max: 22000}}
  energy: {kind: counter, unit: Wh}
  soc: {unit: pct, missing: [255]}
  grid_power: {unit: W}
  current: {unit: mA, each: true, missing: [-1]}
  status: {kind: state, values: [available, charging], missing: [gone]}
"""


class House:
    """A real profile file, its points, one device, and a route."""

    def __init__(self, folder: Path, profile: str = PROFILE) -> None:
        (folder / "p.yaml").write_text(profile, "utf-8")
        loaded, problems = load_profile(folder / "p.yaml")
        assert loaded is not None
        assert problems == []

        points = difference(
            RegistryContents((), (), (), ()), DeclaredInventory(profiles=(loaded.profile,)), 0, LastIds()
        ).rows.points
        self.directory = Registry({"wb1": loaded.profile.id}, points)
        self.words: Mapping[str, AsSent] = loaded.as_sent()

    def mapper(self, *routes: Mapping[str, Any]) -> Mapper:
        return Mapper("src", config(routes), self.directory, lambda _: self.words)

    def rows(self, mapped: Mapped) -> list[tuple[str, float | None, int]]:
        return [
            (self.directory.name_of(r.point), r.value if r.quality else None, int(r.quality))
            for r in mapped.batch.readings()
        ]

    def read(
        self, routes: list[Mapping[str, Any]], *messages: tuple[str, bytes]
    ) -> list[tuple[str, float | None, int]]:
        sent = [Said(topic, payload) for topic, payload in messages]
        received = np.arange(NOW, NOW + len(sent), dtype=np.int64)
        mapped = self.mapper(*routes).map(sent, received)
        assert [(raw.reason, raw.detail) for raw in mapped.rejected] == []
        return self.rows(mapped)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


BY_TOPIC = {
    "filter": "wb/{device}/{field}",
    "device": "{device}",
    "points": {"any": {"path": ".", "point": "{field}"}},
}


def test_what_the_profile_says_holds_for_a_point_that_the_topic_names(house: House) -> None:
    messages = {"power": b"1500", "energy": b"12345", "soc": b"255", "status": b"gone"}
    assert house.read([BY_TOPIC], *[(f"wb/wb1/{name}", text) for name, text in messages.items()]) == [
        ("power", 1.5, 2),
        ("energy", 12.345, 2),
        ("soc", None, 0),
        ("status", None, 0),
    ]
    assert house.read([BY_TOPIC], ("wb/wb1/power", b"23000"), ("wb/wb1/status", b"1")) == [
        ("power", 23.0, 1),
        ("status", 1.0, 2),
    ]


@pytest.mark.parametrize(
    ("route", "topic", "payload"),
    [
        (BY_TOPIC | {"points": {"any": {"path": ".", "point": "{field}", "component": 1}}}, "wb/wb1/current", b"-1"),
        (
            {
                "filter": "wb/{device}",
                "device": "{device}",
                "each": "data[*]",
                "points": {"current": {"path": "i", "component": {"path": "gun"}}},
            },
            "wb/wb1",
            b'{"data": [{"gun": 1, "i": -1}]}',
        ),
        (
            {
                "filter": "wb/{device}/{field}/{gun}",
                "device": "{device}",
                "points": {"any": {"path": "v", "point": "{field}", "component": "{gun}"}},
            },
            "wb/wb1/current/1",
            b'{"v": -1}',
        ),
        (
            {"filter": "wb/{device}", "device": "{device}", "points": {"current": {"path": "i", "component": 1}}},
            "wb/wb1",
            b'{"i": -1}',
        ),
    ],
)
def test_however_the_point_is_named(house: House, route: dict[str, Any], topic: str, payload: bytes) -> None:
    assert house.read([route], (topic, payload)) == [("current.1", None, 0)]
    assert house.read([route], (topic, payload.replace(b"-1", b"32000"))) == [("current.1", 32.0, 2)]


def test_settings_of_one_point_stand_beside_a_route_for_all(house: House) -> None:
    route = BY_TOPIC | {
        "points": {
            "any": {"path": ".", "point": "{field}", "missing": ["nil"]},
            "chargePower": {"point": "power", "unit": "kW"},
            "energy": {"unit": "kWh"},
            "soc": {"scale": 0.1, "missing": [2550]},
            "mode": {"point": "status", "map": {"A": "available", "C": "charging"}},
            "amps/1": {"point": "current", "component": 1, "unit": "A"},
        },
    }
    messages = {"chargePower": b"7.4", "power": b"7400", "energy": b"5", "soc": b"2550", "mode": b"C", "status": b"nil"}
    assert house.read([route], *[(f"wb/wb1/{name}", text) for name, text in messages.items()]) == [
        ("power", 7.4, 2),
        ("power", 7.4, 2),
        ("energy", 5.0, 2),
        ("soc", None, 0),
        ("status", 1.0, 2),
        ("status", None, 0),
    ]
    deep = route | {"filter": "wb/{device}/{field*}"}
    assert house.read([deep], ("wb/wb1/amps/1", b"16")) == [("current.1", 16.0, 2)]


def test_profiles_that_differ_each_keep_their_unit(tmp_path: Path) -> None:
    points = [Point(1, "a", "energy", unit="kWh"), Point(2, "b", "energy", unit="kWh")]
    words = {"a": {"energy": AsSent("Wh", (0,))}, "b": {"energy": AsSent("MJ", (-1.0,))}}
    directory = Registry({"a1": "a", "b1": "b"}, points)
    route = {"filter": "x/{device}", "device": "{device}", "points": {"energy": {"path": "e"}}}
    sent = [Said(f"x/{device}", b'{"e": %d}' % value) for device, value in (("a1", 3600), ("b1", 36), ("a1", 0))]
    mapped = Mapper("src", config([route]), directory, words.__getitem__).map(sent, np.full(3, NOW, np.int64))
    assert [(r.value if r.quality else None) for r in mapped.batch.readings()] == [3.6, 10.0, None]


def test_a_name_of_several_levels_becomes_a_name_that_a_point_can_have(house: House) -> None:
    route = BY_TOPIC | {"filter": "evcc/{device}/{field*}"}
    assert house.read([route], ("evcc/wb1/grid/power", b"1500"), ("evcc/wb1/power", b"1")) == [
        ("grid_power", 1.5, 2),
        ("power", 0.001, 2),
    ]


def test_a_part_of_a_level_is_captured(house: House) -> None:
    route = {
        "filter": "site/wallbox_{box}/gun-{gun}.{field}",
        "device": "wb{box}",
        "points": {"any": {"path": ".", "point": "{field}", "component": "{gun}"}},
    }
    assert house.read([route], ("site/wallbox_1/gun-2.current", b"500")) == [("current.2", 0.5, 2)]
    other = house.mapper(route).map([Said("site/wallbox_/gun-2.current", b"500")], np.array([NOW]))
    assert [raw.reason for raw in other.rejected] == ["unmatched"]


def test_the_range_is_that_of_the_point_in_its_own_unit() -> None:
    directory = Registry({"d": "p"}, [Point(1, "p", "t", unit="degC", plausible=Plausible(-40, 120))])
    route = BY_TOPIC | {"filter": "x/{device}/{field}"}
    mapper = Mapper("src", config([route]), directory, lambda _: {"t": AsSent("degF")})
    mapped = mapper.map([Said("x/d/t", b"212"), Said("x/d/t", b"300")], np.full(2, NOW, np.int64))
    assert [(r.value, int(r.quality)) for r in mapped.batch.readings()] == [
        (pytest.approx(100.0), 2),
        (pytest.approx(148.888888), 1),
    ]


def test_a_state_has_no_unit_whatever_is_sent() -> None:
    directory = Registry({"d": "p"}, [Point(1, "p", "s", kind=PointKind.STATE, values=("off", "on"))])
    mapper = Mapper(
        "src",
        config([BY_TOPIC | {"filter": "x/{device}/{field}"}]),
        directory,
        lambda _: {"s": AsSent(values=("off", "on"))},
    )
    assert [r.value for r in mapper.map([Said("x/d/s", b"1")], np.array([NOW])).batch.readings()] == [1.0]
