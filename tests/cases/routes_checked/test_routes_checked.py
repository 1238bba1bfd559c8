"""B4: profiles that a route can never reach broke it by a coincidence of names, even with a fixed device. B7: `check`
was content with what can never match, and a point could not be called `import`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mqtt_kit import NOW, Registry, Said, config

from gateway.domain.device import Point, PointKind, PointSpec, Profile
from gateway.domain.errors import Problem
from gateway.settings.profiles import load_profile
from protocols.mapping.mapper import Mapper
from protocols.mapping.route_check import DeviceProfiles, RouteFindings, check, covered
from rules.compiled import Names
from rules.format import load_text

STATE = PointKind.STATE
METER = Profile("meter", "meter", (PointSpec("energy", unit="m3"), PointSpec("flow", unit="m3/h")))
OF_A_BOX = (PointSpec("energy", unit="kWh"), PointSpec("power", unit="kW"), PointSpec("status", STATE, each=True))
BOX = Profile("box", "charger", OF_A_BOX, components=2)
FLEET = DeviceProfiles(
    {"meter": METER, "box": BOX}, {"GM-1": "meter", "WB-1": "box", "WB-2": "box"}, {"box": 2, "meter": 0}
)


def look(**route: Any) -> RouteFindings:
    base = {"filter": "x/{n}/{field}", "device": "{n}", "points": {"energy": {"path": "e"}}}
    found = check(config([base | route]), FLEET, "gateway.yaml", "sources.b")
    for problem in (*found.problems, *found.warnings):
        assert problem.render("en") != problem.render("zh")
    return found


def keys(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.path.removeprefix("sources.b.routes[0]."), problem.key) for problem in problems]


NAMED = {"path": "f", "point": "{field}"}
WH = {"energy": {"path": "e", "unit": "Wh"}}


@pytest.mark.parametrize("route", [{"device": "WB-1"}, {"device": "WB-{n}"}, {"profiles": ["box"]}])
def test_profiles_out_of_reach_are_not_judged(route: dict[str, Any]) -> None:
    found = look(points=WH, **route)
    assert (found.problems, found.warnings) == ([], [])
    assert [(one.profile, one.fills, one.rest) for one in found.coverage] == [("box", ("energy",), ("power", "status"))]


@pytest.mark.parametrize("route", [{"device": "GM-1"}, {"profiles": ["box", "meter"]}])
def test_a_profile_that_the_route_names_must_suit(route: dict[str, Any]) -> None:
    assert keys(look(points=WH, **route).problems) == [("points.energy", "route.bind_unit")]


def test_where_any_device_may_come_the_others_are_worth_a_word() -> None:
    for device in ("{n}", {"path": "id"}):
        found = look(points=WH, device=device)
        assert found.problems == []
        assert keys(found.warnings) == [("points", "route.suits_others")]
        assert "profiles: [box]" in found.warnings[0].render()
    assert (
        keys(look(points={"energy": {"path": "e", "unit": "V"}}).problems) == [("points.energy", "route.bind_unit")] * 2
    )


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"device": "WB-9"}, ("device", "config.source.device_near")),
        ({"device": "something else"}, ("device", "config.source.device")),
        ({"profiles": ["bx"]}, ("profiles", "route.no_profile")),
        ({"points": {"status": {"path": "s"}}}, ("points.status", "route.bind_each")),
        ({"points": {"status": {"path": "s", "component": 3}}}, ("points.status", "route.bind_component")),
        ({"points": {"power": {"path": "s", "component": {"path": "gun"}}}}, ("points.power", "route.bind_alone")),
        ({"points": {"flow": {"path": "f"}}, "device": "WB-1"}, ("points.flow", "route.bind_point")),
        ({"points": {"x": {"path": "f", "point": "p_{field}"}}}, ("points.x", "route.bind_template")),
        ({"points": {"x": {"path": "f", "point": "p/{field}"}}}, ("points.x", "route.bind_template")),
        ({"points": {"x": NAMED, "y": {"point": "nothing"}}}, ("points.y", "route.bind_point")),
        (
            {"points": {"x": {"path": "f", "point": "{field}w"}, "y": {"point": "power"}, "flow": {"path": "g"}}},
            ("points.y", "route.beside_unused"),
        ),
        ({"points": {"x": NAMED, "power": {"unit": "V"}}}, ("points.power", "route.bind_unit")),
    ],
)
def test_what_can_never_be_is_said(route: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in keys(look(**route).problems)


def test_a_device_that_no_code_fits_gets_a_word() -> None:
    found = look(device="car:{n}")
    assert (keys(found.warnings), found.problems) == ([("device", "route.no_device_fits")], [])


def test_what_a_templated_route_can_fill() -> None:
    points = {
        "any": {"path": ".", "point": "{field}"},
        "chargePower": {"point": "power", "unit": "W"},
        "status": {"component": 1},
    }
    found = look(device="WB-{n}", points=points)
    assert found.problems == []
    assert [one.fills for one in found.coverage] == [("energy", "power", "status")]
    texts = [key for key, fields in covered(found.coverage) if fields["fills"] == "energy, power, status"]
    assert texts == ["route.covers_all"]


def test_a_route_for_some_profiles_leaves_the_others_to_the_next() -> None:
    directory = Registry({"WB-1": "box", "GM-1": "meter"}, [Point(1, "box", "energy"), Point(2, "meter", "energy")])
    base = {"filter": "x/{n}", "device": "{n}"}
    mapper = Mapper(
        "src",
        config(
            [
                {**base, "profiles": ["box"], "points": {"energy": {"path": "kwh"}}},
                {**base, "points": {"energy": {"path": "m3"}}},
                {"filter": "all", "device": {"path": "id"}, "profiles": ["box"], "points": {"energy": {"path": "e"}}},
            ]
        ),
        directory,
    )
    body = b'{"kwh": 1, "m3": 2, "e": 3, "id": "%s"}'
    said = [Said(topic, body % code) for topic, code in
            (("x/WB-1", b""), ("x/GM-1", b""), ("all", b"WB-1"), ("all", b"GM-1"))]  # fmt: skip
    mapped = mapper.map(said, np.full(4, NOW, np.int64))
    assert [(r.point, r.value) for r in mapped.batch.readings()] == [(1, 1.0), (2, 2.0), (1, 3.0)]
    assert [(raw.reason, raw.detail) for raw in mapped.rejected] == [
        ("unmatched", "the route is not for profile meter")
    ]


def test_an_object_of_a_list_is_found_by_a_key_of_a_key() -> None:
    directory = Registry({"d": "p"}, [Point(1, "p", "soc")])
    route = {"filter": "x", "device": "d", "points": {"soc": {"path": "list[kind.id=7].v"}}}
    body = b'{"list": [{"kind": 7, "v": 1}, {"kind": {"id": 8}, "v": 2}, {"kind": {"id": 7}, "v": 3}]}'
    mapped = Mapper("src", config([route]), directory).map([Said("x", body)], np.array([NOW]))
    assert [r.value for r in mapped.batch.readings()] == [3.0]


def test_only_words_of_the_rule_language_are_no_names(tmp_path: Path) -> None:
    for name, count in {"import": 0, "class": 0, "lambda": 0, "and": 1, "Not": 1, "unknown": 1}.items():
        (tmp_path / "p.yaml").write_text(f"kind: meter\npoints:\n  {name}: {{unit: kWh}}\n", "utf-8")
        assert len(load_profile(tmp_path / "p.yaml")[1]) == count, name
    rule = "- id: r\n  title: {en: t, zh: t}\n  why: w\n  watch: {kind: meter}\n  when: import > 5 kWh\n"
    text = f"format: 1\nrules:\n{rule}"
    loaded = load_text(text, "r.yaml", Names({"meter": {"import": PointSpec("import", unit="kWh")}}))
    assert [problem.render() for problem in loaded.problems] == []
