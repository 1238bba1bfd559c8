"""`check` and `doctor` about the plan: links that cannot keep up, limits that are too narrow, what devices taught."""

from collections.abc import Mapping
from typing import Any

import pytest
from modbus_kit import FakeDirectory, WallClock

from gateway.adapter_ports import CheckedProject, ConfigFindings
from gateway.doctor.running_gateway import of_sources
from gateway.domain.device import Device, PointSpec, Profile
from gateway.domain.errors import Problem
from protocols.modbus.adapter import ADAPTER
from protocols.modbus.config import ModbusConfig
from protocols.modbus.planned import PlannedRequest, load
from protocols.modbus.poll_group import PollGroup
from protocols.modbus.registers import load as load_map
from protocols.modbus.source import ModbusSource

PROFILE = Profile("p", "meter", (PointSpec("power"), PointSpec("total"), PointSpec("current", each=True)), components=2)
SECTION: dict[str, Any] = {
    "stride": 100,
    "groups": {"slow": "15m", "billing": {"at": ["00:00"]}},
    "points": {
        "power": {"at": 0, "type": "f64"},
        "total": {"at": 30, "type": "u32", "group": "slow"},
        "current": {"at": 10, "group": "billing"},
    },
}
PROFILE_GROUPS = {"slow": PollGroup.model_validate({"every": "1m"})}
FLEET = {f"D{n}": Device(n, f"D{n}", "p", "meter", components=2) for n in range(1, 31)}


def _config(every: str = "10s", link: Mapping[str, Any] | None = None, **caps: Any) -> ModbusConfig:
    return ModbusConfig.model_validate(
        {
            "type": "modbus",
            "every": every,
            "links": {"bus": {"tcp": "x:1"} | dict(link or {})},
            "devices": [{"device": code, "link": "bus", "unit": one.id} | caps for code, one in FLEET.items()],
        }
    )


def _check(config: ModbusConfig, section: Mapping[str, Any] = SECTION) -> ConfigFindings:
    def cell(device: str, column: str, key: str, fields: Mapping[str, object]) -> Problem:
        return Problem("devices.csv", f"{device}.{column}", key, fields)

    project = CheckedProject("gateway.yaml", {"p": PROFILE}, FLEET, {"p": "p.yaml"}, {"p": section}, cell)
    return ADAPTER.check_with({"meters": config}, project)


def _plan(config: ModbusConfig) -> tuple[PlannedRequest, ...]:
    maps = {"p": load_map(SECTION, PROFILE, "p.yaml")}
    return ModbusSource("s", config, FakeDirectory([PROFILE], FLEET.values()), maps, WallClock()).plan()


def test_a_link_that_cannot_keep_up_is_a_warning() -> None:
    assert not _check(_config("1s")).warnings
    (warning,) = _check(_config("1s", {"baud": 9600, "turnaround": "20ms"})).warnings
    assert (warning.key, warning.path) == ("modbus.overload", "sources.meters.links.bus")
    assert "120 requests" in warning.render("en")
    assert "bus" in warning.render("zh")
    assert not _check(_config("3s", {"baud": 9600, "turnaround": "20ms"})).warnings


def test_a_group_that_no_profile_has_is_a_warning() -> None:
    groups = _config().model_copy(update={"groups": PROFILE_GROUPS | {"slwo": PROFILE_GROUPS["slow"]}})
    (warning,) = _check(groups).warnings
    assert (warning.key, warning.path) == ("modbus.unused_group", "sources.meters.groups.slwo")
    assert {one.when for one in _plan(groups) if one.group == "slow"} == {"1m"}


def test_limits_of_a_device_that_a_value_does_not_fit_into() -> None:
    found = _check(_config(max_registers=3))
    assert {(one.key, one.path) for one in found.problems} >= {("modbus.span", "sources.meters.devices[0]")}
    assert not _check(_config(max_registers=4)).problems


def test_devices_may_take_less_than_their_profile() -> None:
    requests = {(one.device, one.group): one for one in _plan(_config()) if one.device == "D1"}
    assert [(key[1], one.address, one.count, one.points, one.when) for key, one in requests.items()][:2] == [
        ("", 0, 4, ("power",), "10s"),
        ("slow", 30, 2, ("total",), "15m"),
    ]
    assert max(one.count for one in _plan(_config(max_registers=4))) == 4
    wide = [one for one in _plan(_config()) if one.group == "billing" and one.device == "D1"]
    assert [(one.address, one.count, one.points) for one in wide] == [(10, 1, ("current#1",)), (110, 1, ("current#2",))]


def test_the_load_of_a_link_is_the_sum_of_its_plan() -> None:
    requests = _plan(_config("1s", {"turnaround": "10ms"}))
    found = load(requests)["bus"]
    assert (found.requests, found.once) == (120, 1_200_000)
    assert found.share == pytest.approx(30 * (0.01 / 1 + 0.01 / 900 + 2 * 0.01 / 86400))


def test_the_doctor_reads_what_polls_came_to() -> None:
    metrics = """\
fieldgate_modbus_due_total{source="meters",state="answered"} 900.0
fieldgate_modbus_due_total{source="meters",state="overrun"} 100.0
fieldgate_modbus_due_total{source="other",state="overrun"} 900.0
fieldgate_modbus_overruns_total{link="bus \\"a\\"",source="meters"} 100.0
fieldgate_modbus_overruns_total{link="quiet",source="meters"} 0.0
fieldgate_modbus_learned{kind="caps",source="meters"} 2.0
fieldgate_modbus_learned{kind="holes",source="meters"} 1.0
fieldgate_up 1.0
"""
    overruns, learned = (one.text("en") for one in _findings(metrics))
    assert "100 of 1000 polls" in overruns
    assert "quiet" not in overruns
    assert "2 smaller limits, 0 places where requests are cut, 1 registers" in learned
    assert all("meters" in one.text("zh") for one in _findings(metrics))
    assert not _findings(
        metrics.replace('state="overrun"} 100.0', 'state="overrun"} 1.0').split("fieldgate_modbus_l")[0]
    )


def _findings(metrics: str) -> list[Any]:
    return list(of_sources(metrics, {"meters": _config()}))
