"""Birth messages give exact names, units, ranges, state texts and topics of presence."""

import json
from pathlib import Path

import pytest
from birth_messages import ALL, EXPECTED, HOMIE, TASMOTA, ZIGBEE
from probe_kit import checked, proposal, seen_of

from gateway.clock import SystemClock
from gateway.domain.device import PointKind
from gateway.probe.births.home_assistant import place_of
from gateway.try_out import try_message


@pytest.mark.parametrize("name", ALL)
def test_values_and_units_of_an_ecosystem(name: str, tmp_path: Path) -> None:
    project = checked(proposal(seen_of(ALL[name].items())), tmp_path)
    found: dict[str, dict[str, tuple[object, str]]] = {}
    for topic, payload in ALL[name].items():
        sent = payload if isinstance(payload, str) else json.dumps(payload)
        for one in try_message(project, SystemClock(), topic, sent.encode()):
            for row in one.rows:
                value = round(row.value, 9) if isinstance(row.value, float) else row.value
                found.setdefault(row.device.code, {})[row.point.name] = (value, row.point.unit)
    for device, points in EXPECTED[name].items():
        assert found[device] | points == found[device]


@pytest.mark.parametrize(
    ("name", "topics"),
    [
        ("homeassistant", {"hp/{device}/online"}),
        ("zigbee2mqtt", {"zigbee2mqtt/{device}/availability"}),
        ("tasmota", {"{device}/tele/LWT"}),
        ("shelly", {"shellies/{device}/online", "{device}/online"}),
        ("homie", {"homie/{device}/$state"}),
    ],
)
def test_topics_of_presence(name: str, topics: set[str], tmp_path: Path) -> None:
    found = proposal(seen_of(ALL[name].items()))
    assert {one.topic for one in found.presence} == topics
    source = checked(found, tmp_path).settings.sources["broker"]
    assert {one.topic for one in source.presence.topics} == topics  # type: ignore[attr-defined]
    assert found.announced.get(name)


def test_ranges_and_texts(tmp_path: Path) -> None:
    """Bounds become `plausible`, in the unit of the message; listed texts the values of a state."""
    project = checked(proposal(seen_of([*ZIGBEE.items(), *HOMIE.items()])), tmp_path)
    points = {spec.name: spec for profile in project.profiles.values() for spec in profile.profile.points}
    assert (points["voltage"].plausible.min, points["voltage"].plausible.max) == (0, 300)
    assert (points["oil_level"].plausible.min, points["oil_level"].plausible.max) == (0, 100)
    assert points["door_lock"].values == ("open", "closed")
    assert points["energy"].kind is PointKind.COUNTER
    assert "effect" not in points, "it is set, never published"


def test_devices_of_one_base_with_other_points_are_other_models() -> None:
    found = proposal(seen_of(ZIGBEE.items()))
    assert [sorted(model.devices) for model in found.models] == [["boiler_plug"], ["cellar"]]


def test_announced_points_that_were_not_seen_yet(tmp_path: Path) -> None:
    births = [item for item in [*ZIGBEE.items(), *TASMOTA.items()] if "bridge" in item[0] or "discovery" in item[0]]
    found = proposal(seen_of(births))
    names = {name for model in found.models for name in model.points}
    assert {"power", "water_leak", "energy_total"} <= names
    checked(found, tmp_path)
    for code in ("boiler_plug", "cellar", "pump_17"):
        assert f"\n{code}," in found.files["devices.csv"]


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{ value_json.power }}", "power"),
        ("{{ value_json['a b'].c | float(0) }}", '["a b"].c'),
        ("{{ value_json.list[2].x }}", "list[2].x"),
        ("{{ value | int }}", "."),
        ("{{ now() }}", ""),
    ],
)
def test_places_of_templates(template: str, place: str) -> None:
    assert place_of(template) == place


def test_node_ids_of_letters_alone(tmp_path: Path) -> None:
    """`homeassistant/sensor/boiler/temp/config`: the kind is the level that is one, not the last of letters."""
    device = {"ids": ["esp_a1"], "name": "锅炉房"}
    births = {
        "homeassistant/sensor/boiler/temp/config": {
            "~": "boiler/sensor",
            "name": "出水温度",
            "stat_t": "~/temp/state",
            "unit_of_meas": "°C",
            "stat_cla": "measurement",
            "uniq_id": "b_t",
            "dev": device,
        },
        "boiler/sensor/temp/state": "60.5",
    }
    found = proposal(seen_of(births.items()))
    (model,) = found.models
    assert (list(model.devices), list(model.points), found.leftovers) == (["boiler"], ["temp"], ())
    assert (model.points["temp"].unit, model.points["temp"].title) == ("degC", "出水温度")
    checked(found, tmp_path)


def test_friendly_names_with_levels_have_their_presence(tmp_path: Path) -> None:
    exposes = [{"type": "binary", "property": "gas", "value_on": True, "value_off": False, "access": 1}]
    births = {
        "zigbee2mqtt/bridge/devices": [{"friendly_name": "gas/kitchen", "definition": {"exposes": exposes}}],
        "zigbee2mqtt/gas/kitchen": {"gas": False},
        "zigbee2mqtt/gas/kitchen/availability": {"state": "online"},
    }
    found = proposal(seen_of(births.items()))
    assert [list(model.devices) for model in found.models] == [["gas-kitchen"]]
    (one,) = checked(found, tmp_path).settings.sources["broker"].presence.topics  # type: ignore[attr-defined]
    assert (one.topic, one.device, one.path) == ("zigbee2mqtt/gas/kitchen/availability", "gas-kitchen", "state")


def test_the_begin_of_a_minute_is_no_time_of_a_reading() -> None:
    status = {"apower": 20.5, "aenergy": {"total": 100.5, "minute_ts": 1_780_000_000}}
    found = proposal(seen_of({"shellyplus1pm-a1b2/status/switch:0": status}.items()))
    (route,) = found.models[0].routes
    assert (route.time, "aenergy.minute_ts" in route.ignore) == (None, True)


def test_attributes_of_homie_are_no_dead_letters(tmp_path: Path) -> None:
    project = checked(proposal(seen_of(HOMIE.items())), tmp_path)
    topic = next(one for one in HOMIE if one.endswith("$unit"))
    (tried,) = try_message(project, SystemClock(), topic, b"x")
    assert tried.message is not None
    assert (tried.message.rejected, tried.message.ignored, tried.rows) == ((), True, [])
