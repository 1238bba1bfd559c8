"""Limits that a device has in place of its profile's: intake judges each device as if all had its limits."""

from pathlib import Path

import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_parts import T0, Names

from gateway.domain.device import Device, Plausible, Point, PointKind, PointSpec, Profile
from gateway.domain.plausible.device_limits import device_limits, limit_name, limited, widest
from gateway.domain.plausible.plausibility import Plausibility
from gateway.domain.reading import Quality, Reading, batch_of
from gateway.settings.inventory import Inventory, load_inventory

S = 1_000_000
USUAL = {
    1: Point(1, "p", "power", 1, plausible=Plausible(0.0, 60.0, 9.0)),
    2: Point(2, "p", "power", 2, plausible=Plausible(0.0, 60.0, 9.0)),
    3: Point(3, "p", "level"),
    40: Point(40, "p", "free", plausible=Plausible(max=50.0)),
}
DEVICES = (
    Device(1, "A", "p", "k", components=2),
    Device(2, "B", "p", "k", components=2, attrs={"plausible.power.max": 90.0, "plausible.2.power.max": 70.0}),
    Device(3, "C", "p", "k", components=2, attrs={"plausible.level.max_step": 20.0, "plausible.power.min": 10.0}),
    Device(4, "D", "p", "k", components=2, attrs={"plausible.level.stuck_after": 3 * S, "plausible.level.max": 80}),
)
BY_PROFILE = {"p": {(one.name, one.component): one for one in USUAL.values()}}
OWN = device_limits(DEVICES, BY_PROFILE)
SEEN = {one.id: one for one in widest(BY_PROFILE, OWN)["p"].values()}
"""Points as sources see them."""


def judge(points: dict[int, Point], own: dict[int, Point]) -> Plausibility:
    names = Names()
    names.known, names.limits = points, own
    return Plausibility(names)


def sent(device: int, point: int, at: int, value: float, seen: dict[int, Point]) -> Reading:
    """The reading as a source converts it: doubtful outside of the bounds that it knows."""
    limits = seen[point].plausible
    inside = (limits.min is None or value >= limits.min) and (limits.max is None or value <= limits.max)
    return Reading(device, point, at, value, Quality.GOOD if inside else Quality.UNCERTAIN, received=T0)


VALUES = [-5.0, 0.0, 5.0, 15.0, 55.0, 60.0, 65.0, 75.0, 85.0, 95.0]
ROW = st.tuples(st.integers(1, 4), st.sampled_from(sorted(USUAL)), st.integers(0, 12), st.sampled_from(VALUES))


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.lists(ROW, min_size=1, max_size=20), min_size=1, max_size=4))
def test_each_device_is_judged_as_if_all_had_its_limits(batches: list[list[tuple[int, int, int, float]]]) -> None:
    whole = judge(dict(USUAL), OWN)
    points = {
        device.id: {key: OWN.get((device.id << 32) | key, point) for key, point in USUAL.items()} for device in DEVICES
    }
    alone = {device: judge(known, {}) for device, known in points.items()}
    for rows in batches:
        judged = whole.judge(batch_of([[sent(d, p, T0 + at * S, value, SEEN) for d, p, at, value in rows]]))
        whole.keep(judged)
        for device, one in alone.items():
            mine = [row for row in rows if row[0] == device]
            expected = one.judge(
                batch_of([[sent(d, p, T0 + at * S, value, points[device]) for d, p, at, value in mine]])
            )
            one.keep(expected)
            found = judged.batch.select(judged.batch.device == device)
            for column in ("at", "value", "quality", "flags"):
                assert getattr(found, column).tolist() == getattr(expected.batch, column).tolist()
            assert [m for m in judged.marks if m.device == device] == list(expected.marks)


def test_a_device_of_another_size() -> None:
    assert [OWN[(2 << 32) | point].plausible.max for point in (1, 2)] == [90, 70]
    assert (SEEN[1].plausible.min, SEEN[1].plausible.max, SEEN[40]) == (0, 90, USUAL[40])
    assert SEEN[3].plausible == Plausible(), "most devices have no bound: sources have none"
    rows = [Reading(device, point, T0, 65.0) for device in (1, 2, 3) for point in (1, 2)]
    judged = judge(dict(USUAL), OWN).judge(batch_of([rows]))
    assert judged.hits is not None
    assert judged.hits.tolist() == [True, True, False, False, True, True]


def test_nothing_is_looked_up_where_no_device_has_limits() -> None:
    names = Names()
    names.known = dict(USUAL)
    found = Plausibility(names)
    batch = batch_of([[Reading(1, 3, T0, 1.0)]])
    assert found._limits.rows(batch) is batch.point
    names.limits, names.version = OWN, 2
    assert found._limits.rows(batch) is not batch.point, "taken up with the next version"


def test_what_is_no_limit() -> None:
    assert limit_name("plausible.2.power.max") == (2, "power", "max")
    assert [limit_name(one) for one in ("plausible.power", "plausible.power.most", "power.max")] == [None] * 3
    usual = Plausible(max=3.0)
    assert limited(usual, "power", 1, {"plausible.2.power.max": 5.0, "plausible.power.max": "wide"}) is usual
    state = {"p": {("on", 0): Point(1, "p", "on", kind=PointKind.STATE)}}
    assert device_limits([Device(1, "A", "p", "k", attrs={"plausible.on.max": 1.0})], state) == {}


# ---- the list of devices
PROFILE = Profile(
    "dc",
    "charger",
    (
        PointSpec("power", unit="kW", each=True, plausible=Plausible(0, 60)),
        PointSpec("energy", kind=PointKind.COUNTER, unit="kWh"),
        PointSpec("temp", unit="degC"),
        PointSpec("status", kind=PointKind.STATE),
    ),
    components=2,
)


def load(folder: Path, head: str, cells: str) -> Inventory:
    path = folder / "devices.csv"
    path.write_text(f"code,profile,{head}\nA,dc,{cells}\n", "utf-8")
    found = load_inventory(None, None, path, {"dc": PROFILE}, "UTC")
    for problem in found.problems:
        assert problem.render("en")
        assert problem.render("zh")
    return found


def test_columns_of_the_list(tmp_path: Path) -> None:
    limits = ("power.max", "2.power.max (W)", "temp.max", "temp.max_step", "temp.stuck_after")
    head = ",".join([*(f"plausible.{one}" for one in limits), "colour"])
    found = load(tmp_path, head, "180 kW,240000,95 degC,9 degF,30m,red")
    assert not found.problems
    assert not found.warnings
    assert found.devices["A"].attrs == {
        "colour": "red",
        "plausible.power.max": 180,
        "plausible.2.power.max": 240,
        "plausible.temp.max": 95,
        "plausible.temp.max_step": pytest.approx(5),
        "plausible.temp.stuck_after": 30 * 60 * S,
    }
    assert load(tmp_path, "plausible.power.max", "").devices["A"].attrs == {}


@pytest.mark.parametrize(
    ("head", "cell", "key"),
    [
        ("plausible.power.most", "1 kW", "limit_name"),
        ("plausible.volts.max", "1 V", "limit_point"),
        ("plausible.status.max", "1", "limit_point"),
        ("plausible.1.temp.max", "1 degC", "limit_of_device"),
        ("plausible.3.power.max", "1 kW", "limit_component"),
        ("plausible.energy.spike", "1 kWh", "limit_counter"),
        ("plausible.temp.stuck_after", "long", "limit_duration"),
        ("plausible.power.max", "180", "limit_value"),
        ("plausible.power.max", "180 V", "limit_value"),
        ("plausible.power.max (A)", "180", "limit_value"),
        ("plausible.power.max_step", "-1 kW", "limit_positive"),
        ("plausible.power.min", "60 kW", "limit_order"),
        ("plausible.2.power.max", "-1 kW", "limit_order"),
    ],
)
def test_mistakes_in_the_list(tmp_path: Path, head: str, cell: str, key: str) -> None:
    found = load(tmp_path, head, cell)
    assert [problem.key for problem in found.problems] == [f"config.csv.{key}"]
    assert found.problems[0].line == (1 if key == "limit_name" else 2)
