"""The simulated fleet: same seed, same values; acts happen when they should."""

from pathlib import Path

import pytest

from simulators.fleet import SimulatedFleet
from simulators.scenario import Scenario, ScenarioEvent, load

DEMO = Path(__file__).parents[2] / "simulators" / "scenarios" / "demo.yaml"


def strip(messages: list[tuple[str, dict[str, object]]]) -> list[tuple[str, dict[str, object]]]:
    return [(topic, {k: v for k, v in payload.items() if k != "ts"}) for topic, payload in messages]


def test_the_same_seed_gives_the_same_values() -> None:
    scenario = load(DEMO)
    runs = []
    for _ in range(2):
        fleet = SimulatedFleet(scenario, 7)
        runs.append([strip(fleet.charger("CD-HZ-0001", s)) for s in range(5)])
    assert runs[0] == runs[1]
    assert runs[0] != [strip(SimulatedFleet(scenario, 8).charger("CD-HZ-0001", s)) for s in range(5)]


def test_acts() -> None:
    acts = (
        ScenarioEvent(1, "overheat", "C1", 1, to=91.0),
        ScenarioEvent(2, "fault_code", "C1", 1, code="E07"),
        ScenarioEvent(3, "burst", "C1", 1, times=20),
        ScenarioEvent(4, "silence", "C1"),
        ScenarioEvent(5, "cool", "C1"),
        ScenarioEvent(6, "speak", "C1"),
        ScenarioEvent(7, "pressure", "P1", to=1.1),
        ScenarioEvent(10, "steady", "P1"),
    )
    fleet = SimulatedFleet(Scenario(("C1",), 2, ("V1",), ("P1", "P2"), 1.0, acts), 1)
    list(fleet.acts(1.0))
    first, second = (payload for _, payload in fleet.charger("C1", 1.0))
    assert float(str(first["temp"])) > 90
    assert float(str(second["temp"])) < 40
    burst = list(fleet.acts(3.0))
    assert len(burst) == 20
    assert {payload["fault"] for _, payload in burst} == {"E07"}
    assert {payload["connector"] for _, payload in burst} == {1}
    assert len({payload["ts"] for _, payload in burst}) == 20, "a device's clock never says one time twice"
    list(fleet.acts(4.0))
    assert fleet.silent == {"C1"}
    list(fleet.acts(9.0))
    assert fleet.silent == set()
    assert float(str(fleet.charger("C1", 9.5)[0][1]["temp"])) < 40
    topic, low = fleet.sensor("P1", 9.0)
    assert topic == "pressure/P1/status"
    assert 1.0 < float(str(low["p"])) < 1.2
    assert 1.9 < float(str(fleet.sensor("P2", 9.0)[1]["p"])) < 2.1
    list(fleet.acts(10.0))
    assert 1.9 < float(str(fleet.sensor("P1", 10.0)[1]["p"])) < 2.1
    assert fleet.vehicle("V1", 9.0)[0] == "vehicle/V1/status"


@pytest.mark.parametrize(
    "text", ["acts: [{at: 1, act: explode, device: x}]", "acts: [{at: 1, act: cool, device: x, hot: 1}]"]
)
def test_a_wrong_scenario_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"acts\[0\]"):
        load(tmp_path / "s.yaml")
