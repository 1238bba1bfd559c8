"""Profiles: canonical units, problems in words, the vocabulary of rules."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.device import CounterModel, Plausible, PointKind, PointSpec, Profile
from gateway.domain.units import parse_unit
from gateway.settings.profiles import LoadedProfile, load_profile, load_profiles, vocabulary
from gateway.settings.quantity import parse_quantity

HEAD = "kind: charger\npoints:\n"


def profile(folder: Path, points: str, head: str = HEAD) -> LoadedProfile:
    path = folder / "p.yaml"
    path.write_text(head + points, "utf-8")
    loaded, problems = load_profile(path)
    assert problems == [], [p.render() for p in problems]
    assert loaded is not None
    return loaded


def wrong(folder: Path, points: str, head: str = HEAD) -> list[tuple[int, str, str]]:
    path = folder / "p.yaml"
    path.write_text(head + points, "utf-8")
    loaded, problems = load_profile(path)
    assert loaded is None
    for problem in problems:
        assert problem.render("en")
        assert problem.render("zh")
    return [(p.line, p.path, p.key) for p in problems]


def test_a_point_declared_in_wh_is_stored_in_kwh_numbers_and_all(tmp_path: Path) -> None:
    loaded = profile(
        tmp_path,
        "  energy: {kind: counter, unit: Wh, every: 1m, counter: {rollover: 1000000, resolution: 10, reset: restart}}\n"
        "  power: {unit: W, plausible: {min: -5, max: 7.5 kW, max_rate: 100, stuck_after: 1h, relearn: 5}}\n"
        "  temp: {unit: degF, plausible: {min: 32, max: 100 degC, max_rate: 9}}\n"
        "  flow: {unit: m3/day, plausible: {max: 24}}\n",
    )
    energy, power, temp, flow = loaded.profile.points
    assert (energy.unit, energy.every) == ("kWh", 60_000_000)
    assert energy.counter == CounterModel(rollover=1000.0, reset="restart", resolution=0.01)
    assert power.plausible == Plausible(min=-0.005, max=7.5, max_rate=0.1, stuck_after=3_600_000_000, relearn=5)
    assert temp.unit == "degC"
    assert temp.plausible.min == pytest.approx(0)
    assert temp.plausible.max == 100
    assert temp.plausible.max_rate == pytest.approx(5)
    assert flow.unit == "m3/h"
    assert flow.plausible.max == pytest.approx(1)
    assert loaded.declared == {"energy": "Wh", "power": "W", "temp": "degF", "flow": "m3/day"}


def test_defaults_and_the_file_name_as_id(tmp_path: Path) -> None:
    loaded = profile(tmp_path, "  a: {}\n  s: {kind: state, values: ['off', on], missing: [255, nil], each: true}\n")
    assert loaded.profile.id == "p"
    assert loaded.profile.points == (
        PointSpec("a"),
        PointSpec("s", kind=PointKind.STATE, values=("off", "on"), missing=(255, "nil"), each=True),
    )
    assert not loaded.sections


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ("  a: {unit: kw}\n", (3, "points.a.unit", "unit.near")),
        ("  a: {kind: state, unit: V}\n", (3, "points.a.unit", "config.profile.not_for_state")),
        ("  a: {values: [x]}\n", (3, "points.a.values", "config.profile.only_state")),
        ("  a: {kind: state, values: [x, x]}\n", (3, "points.a.values", "config.profile.value_twice")),
        ("  a: {counter: {rollover: 9}}\n", (3, "points.a.counter", "config.profile.only_counter")),
        ("  a: {plausible: {min: 3, max: 2}}\n", (3, "points.a.plausible.min", "config.profile.min_max")),
        ("  a: {unit: V, plausible: {min: 3 A}}\n", (3, "points.a.plausible.min", "config.profile.number")),
        ("  a: {plausible: {max: .nan}}\n", (3, "points.a.plausible.max", "config.profile.number")),
        ("  and: {}\n", (3, "points.and", "config.profile.reserved")),
        ("  a: {unti: V}\n", (3, "points.a.unti", "config.key.near")),
        ("  a: {kind: gage}\n", (3, "points.a.kind", "config.type.choice_near")),
        ("  a: {every: 10}\n", (3, "points.a.every", "config.type.duration")),
        ("  a: {kind: counter, counter: {reset: maybe}}\n", (3, "points.a.counter.reset", "config.type.choice")),
        ("  a: {plausible: {max_rate: 0}}\n", (3, "points.a.plausible.max_rate", "config.type.greater_than")),
        (
            "  a: {plausible: {max_rate: 1, relearn: 0}}\n",
            (3, "points.a.plausible.relearn", "config.type.greater_than_equal"),
        ),
        ("  a: {plausible: {max: 1, relearn: 4}}\n", (3, "points.a.plausible.relearn", "config.profile.only_max_rate")),
        (
            "  a: {kind: counter, plausible: {stuck_after: 1h}}\n",
            (3, "points.a.plausible.stuck_after", "config.profile.counter_stands"),
        ),
        (
            "  a: {kind: counter, counter: {rollover: 1, resolution: 1}}\n",
            (3, "points.a.counter.resolution", "config.profile.resolution"),
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, points: str, found: tuple[int, str, str]) -> None:
    assert wrong(tmp_path, points) == [found]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    found = wrong(tmp_path, "  a: {unit: kw}\n  b: {values: [x]}\n  c: {counter: {}}\n")
    assert [line for line, _, _ in found] == [3, 4, 5]
    found = wrong(tmp_path, "  a: {unti: V}\n  b: {every: 1}\n", "kid: charger\npoints:\n")
    assert {key for _, _, key in found} == {"config.key.near", "config.type.duration", "config.type.missing"}


def test_a_folder_names_doubles_and_its_own_absence(tmp_path: Path) -> None:
    assert [p.key for p in load_profiles(tmp_path / "none")[1]] == ["config.folder.missing"]
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("id: same\n" + HEAD + "  x: {}\n", "utf-8")
    loaded, problems = load_profiles(tmp_path)
    assert list(loaded) == ["same"]
    assert [(Path(p.file).name, p.key) for p in problems] == [("b.yaml", "config.profile.twice")]


def test_vocabulary_joins_profiles_of_a_kind() -> None:
    status = PointSpec("status", kind=PointKind.STATE, values=("a", "b"))
    one = Profile("one", "charger", (status, PointSpec("temp", unit="degC")))
    two = Profile("two", "charger", (replace(status, values=("b", "c")), PointSpec("power", unit="kW")))
    three = Profile("three", "meter", (PointSpec("temp", unit="kPa"),))
    words, problems = vocabulary([one, two, three])
    assert problems == []
    assert {kind: list(points) for kind, points in words.items()} == {
        "charger": ["status", "temp", "power"],
        "meter": ["temp"],
    }
    assert words["charger"]["status"].values == ("a", "b", "c")


def test_vocabulary_refuses_two_meanings_in_one_kind() -> None:
    one = Profile("one", "charger", (PointSpec("temp", unit="degC"), PointSpec("e", kind=PointKind.COUNTER)))
    two = Profile("two", "charger", (PointSpec("temp", unit="kW", each=True), PointSpec("e")))
    _, problems = vocabulary([one, two], {"two": "two.yaml"})
    assert [(p.file, p.path, p.key) for p in problems] == [
        ("two.yaml", "points.temp.unit", "config.profile.disagree"),
        ("two.yaml", "points.temp.each", "config.profile.disagree"),
        ("two.yaml", "points.e.kind", "config.profile.disagree"),
    ]
    assert "degC" in problems[0].render("en")


@given(st.floats(-1e6, 1e6).map(lambda x: round(x, 6)), st.sampled_from(["degC", "Wh", "m3/day", "℃", "%"]))
def test_quantities_read_back(number: float, unit: str) -> None:
    for text in (f"{number!r} {unit}", f"{number!r}{unit}"):
        quantity = parse_quantity(text)
        assert quantity is not None
        assert quantity.canonical == pytest.approx(parse_unit(unit).canonical(number))


@pytest.mark.parametrize("text", ["", "abc", "12 号楼", "1-2", "95 furlong", "--3", "1 2"])
def test_what_is_no_quantity(text: str) -> None:
    assert parse_quantity(text) is None
