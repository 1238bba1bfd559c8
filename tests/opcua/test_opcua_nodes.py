"""Values of nodes to values of points, without a server; and values as rows of a batch."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_kit import FakeDirectory
from opcua_kit import DEVICES, PROFILE, SECTION

from gateway.domain.device import Device, PointKind, PointSpec, Profile
from gateway.domain.duration import SECOND
from gateway.domain.errors import ConfigError, DecodeError
from gateway.domain.reading import Quality
from protocols.opcua.frames import DeviceFrame, LatestRows, Moment, frames_of, gap, to_batch
from protocols.opcua.nodes import BoundNode, SentValue, bind
from protocols.opcua.profile import load

DIRECTORY = FakeDirectory([PROFILE], DEVICES)
ROOT = "ns=2;s=P1"
NOW = 1_800_000_000 * SECOND
GOOD = 0
UNCERTAIN = 0x4090_0000  # UncertainLastUsableValue
BAD = 0x8005_0000  # BadCommunicationError


def node(name: str = "power", profile: Profile = PROFILE, **more: Any) -> BoundNode:
    section = {"points": {name: {**SECTION["points"].get(name, {"node": "{root}.X"}), **more}}}
    directory = DIRECTORY if profile is PROFILE else FakeDirectory([profile])
    device = Device(1, "P-1", profile.id, "pump")
    return bind(load(section, profile, "p.yaml"), directory.points(profile.id), device, ROOT)[0]


def code(point: int, text: str, device: int) -> int | None:
    return DIRECTORY.state_code(point, text)


@pytest.mark.parametrize(
    ("found", "sent", "value"),
    [
        (node(), 1500.0, 1.5),
        (node(), 1500, 1.5),
        (node(), True, 0.001),
        (node(), "1500", 1.5),
        (node(), None, None),
        (node(), math.nan, None),
        (node(), "unavailable", None),
        (node(missing=(-1, "n/a")), -1, None),
        (node(missing=(-1, "n/a")), "n/a", None),
        (node(scale=0.1, offset=5), 1000, 0.105),
        (node("state"), 1, "running"),
        (node("state"), True, "running"),
        (node("state"), 1.0, "running"),
        (node("state"), 7, "raw:7"),
        (node("state", map={"on": "running"}), "on", "running"),
        (node("state", map={"on": "running"}), " tripped ", "tripped"),
        (node("door"), 0b1000, "open"),
        (node("door"), 0b0111, "closed"),
        (node("current"), [1, 2.5, 3], 2.5),
    ],
)
def test_a_value(found: BoundNode, sent: object, value: float | str | None) -> None:
    got = found.value(sent)
    assert got == pytest.approx(value) if isinstance(value, float) else got == value


@pytest.mark.parametrize(
    ("found", "sent", "why"),
    [
        (node(), "full", "number"),
        (node(), [1.0], "type"),
        (node(), b"\1", "type"),
        (node("state"), 0.5, "state"),
        (node("door"), 1.5, "bit"),
        (node("current"), 1.0, "no_array"),
        (node("current"), [1.0], "index"),
    ],
)
def test_a_value_that_is_none(found: BoundNode, sent: object, why: str) -> None:
    with pytest.raises(DecodeError) as caught:
        found.row(SentValue(sent), NOW, code)
    assert caught.value.reason == why


def test_the_severity_of_a_status_code_is_the_quality() -> None:
    rows = [node().row(SentValue(1000.0, status), NOW, code) for status in (GOOD, UNCERTAIN, BAD)]
    assert [quality for _, quality in rows] == [Quality.GOOD, Quality.UNCERTAIN, Quality.BAD]
    assert math.isnan(rows[2][0])
    assert SentValue(1.0, 0x0000_0480).overflow
    assert not SentValue(1.0, 0x0000_0080).overflow


def test_an_old_value_is_uncertain_where_asked() -> None:
    old = SentValue(1000.0, source=NOW - 61 * SECOND)
    assert node(stale_after="60s").row(old, NOW, code)[1] is Quality.UNCERTAIN
    assert node().row(old, NOW, code)[1] is Quality.GOOD


def rows_of(frames: list[DeviceFrame]) -> list[tuple[int, float, int]]:
    return [(one.at, one.value, int(one.quality)) for one in to_batch(frames).readings()]


def test_a_confirmed_value_counts_as_of_now() -> None:
    """A door that was opened yesterday is open now; what changed a moment ago has one row."""
    latest, found = LatestRows(), node("energy")
    yesterday, fresh = SentValue(5.0, source=NOW - 86_400 * SECOND), SentValue(6.0, source=NOW + SECOND)
    first, _ = frames_of([(found, yesterday, True)], Moment(NOW, NOW), latest, code, "s")
    assert [at for at, *_ in rows_of(first)] == [NOW - 86_400 * SECOND, NOW]
    again, _ = frames_of([(found, yesterday, True)], Moment(NOW, NOW), latest, code, "s")
    assert not again, "nothing new"
    later, _ = frames_of([(found, fresh, True)], Moment(NOW + SECOND, NOW + SECOND), latest, code, "s")
    assert rows_of(later) == [(NOW + SECOND, 6.0, Quality.GOOD)]
    changed, _ = frames_of([(found, yesterday, False)], Moment(NOW, NOW), latest, code, "s")
    assert [at for at, *_ in rows_of(changed)] == [NOW - 86_400 * SECOND], "a change has its own time"


def test_a_gap_is_after_all_that_came() -> None:
    latest, found = LatestRows(), node("energy")
    frames_of([(found, SentValue(5.0, source=NOW + 9), False)], Moment(NOW, NOW), latest, code, "s")
    ((at, value, quality),) = rows_of(gap([found], NOW, NOW, latest))
    assert (at, quality, math.isnan(value)) == (NOW + 10, Quality.BAD, True)


def test_a_component_has_its_own_node() -> None:
    profile = Profile("pile", "charger", (PointSpec("power", unit="kW", each=True),), components=2)
    found = load({"points": {"power": {"node": "{root}.Gun{component}.P"}}}, profile, "p.yaml")
    device = Device(1, "C-1", "pile", "charger", components=2)
    nodes = bind(found, FakeDirectory([profile]).points("pile"), device, "ns=3;s=C1")
    assert [one.node for one in nodes] == ["ns=3;s=C1.Gun1.P", "ns=3;s=C1.Gun2.P"]
    assert [one.place for one in nodes] == ["C-1 power #1", "C-1 power #2"]


@pytest.mark.parametrize(
    ("points", "key"),
    [
        ({"powr": {"node": "i=1"}}, "opcua.unknown_point"),
        ({"power": {"node": "s"}}, "opcua.node"),
        ({"power": {"node": "{rot}.P"}}, "opcua.placeholder"),
        ({"power": {"node": "i=1", "path": "Meter"}}, "opcua.path"),
        ({"power": {"node": "i=1", "scale": 0}}, "opcua.scale"),
        ({"power": {"node": "i=1", "unit": "bar"}}, "opcua.unit_other"),
        ({"power": {"node": "i=1", "map": {1: "on"}}}, "opcua.not_state"),
        ({"state": {"node": "i=1", "unit": "W"}}, "opcua.state_scale"),
        ({"power": {"nod": "i=1"}}, "section.unknown_key"),
    ],
)
def test_mistakes_of_a_profile(points: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"points": points}, PROFILE, "p.yaml")
    found = next(one for one in caught.value.problems if one.key == key)
    assert found.path.startswith("opcua.points.")
    assert found.render("zh") != found.render("en")


def test_a_device_without_a_root_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        bind(load(SECTION, PROFILE, "p.yaml"), DIRECTORY.points("press"), DEVICES[0], "")
    assert {one.key for one in caught.value.problems} == {"opcua.no_root"}


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=8)
SENT = st.builds(
    SentValue,
    PLAIN | st.lists(PLAIN, max_size=4),
    st.integers(0, 0xFFFF_FFFF),
    st.none() | st.integers(0, 2**60),
    st.none() | st.integers(0, 2**60),
    st.sampled_from(["", "ExtensionObject"]),
)
NODES = [node(name) for name in SECTION["points"]]
assert {one.kind for one in NODES} >= {PointKind.STATE, PointKind.GAUGE}


@given(st.lists(st.tuples(st.sampled_from(NODES), SENT, st.booleans()), max_size=12))
def test_whatever_a_server_sends_becomes_rows_or_dead_letters(sent: list[tuple[BoundNode, SentValue, bool]]) -> None:
    """Every value that is no repetition is a row; bad rows are NaN; each value of a wrong kind leaves one letter."""
    frames, letters = frames_of(sent, Moment(NOW, NOW), LatestRows(), code, "s")
    batch = to_batch(frames)
    assert batch.frames <= len({one.device for one, *_ in sent})
    assert [math.isnan(value) for value in batch.value.tolist()] == [q == Quality.BAD for q in batch.quality.tolist()]
    wanted = 0
    for one, value, _ in sent:
        try:
            one.row(value, NOW, code)
        except DecodeError:
            wanted += 1
    assert len(letters) == wanted
    assert len(batch) >= sum(not confirmed for *_, confirmed in sent)
