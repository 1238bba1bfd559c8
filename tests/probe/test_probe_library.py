"""Where a profile of the library has what was seen, it is proposed, with the units of the message in the route."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from probe_kit import checked, proposal, seen_of

from gateway.clock import SystemClock
from gateway.settings.profiles import LoadedProfile
from gateway.starter import library, sample_of
from gateway.try_out import try_message


@pytest.fixture(scope="module")
def known() -> Mapping[str, LoadedProfile]:
    return library(devices=True)


@pytest.mark.parametrize("name", ["charger_dc", "gas_meter", "vehicle_gb32960"])
def test_a_profile_that_fits_is_proposed(name: str, known: Mapping[str, LoadedProfile], tmp_path: Path) -> None:
    sample = sample_of(known[name])
    found = proposal(seen_of([("site/AB-17/telemetry", sample)]), known)
    (model,) = found.models
    assert model.library
    assert known[model.library].profile.kind == known[name].profile.kind
    project = checked(found, tmp_path)
    (tried,) = try_message(project, SystemClock(), "site/AB-17/telemetry", json.dumps(sample).encode())
    assert {row.point.name for row in tried.rows} >= set(model.names)
    assert {row.device.profile for row in tried.rows} == {model.library}


def test_units_of_the_message_are_converted(known: Mapping[str, LoadedProfile], tmp_path: Path) -> None:
    """The library declares kW: a message in W has its unit in the route."""
    sample = {key: value for key, value in sample_of(known["charger_dc"]).items() if key != "power"}
    found = proposal(seen_of([("site/AB-17/telemetry", sample | {"power_w": 48100})]), known)
    assert found.models[0].library == "charger_dc"
    assert "power: {path: power_w" in found.files["gateway.yaml"]
    project = checked(found, tmp_path)
    body = json.dumps(sample | {"power_w": 48100}).encode()
    (tried,) = try_message(project, SystemClock(), "site/AB-17/telemetry", body)
    assert next(row.value for row in tried.rows if row.point.name == "power") == pytest.approx(48.1)


def test_other_messages_get_a_profile_of_their_own(known: Mapping[str, LoadedProfile]) -> None:
    found = proposal(seen_of([("site/AB-17/telemetry", {"spin": 3, "wobble": 2.5, "voltage": 230})]), known)
    assert [model.library for model in found.models] == [""]
