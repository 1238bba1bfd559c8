"""Messages as seen in about twenty ecosystems, through real routes and profiles (`vectors/`): each becomes what its
source says it means, or is counted with a reason; nothing of it disappears."""

import copy
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.adapter_ports import MessageTrial
from gateway.clock import SystemClock
from gateway.settings.project import Project, inspect_project
from gateway.try_out import TryResult, try_message

HERE = Path(__file__).parent / "vectors"
FOLDERS = [parent / "shared" / "vectors" / "mqtt" for parent in Path(__file__).parents]
VECTORS = next((folder / "mqtt_samples.jsonl" for folder in FOLDERS if folder.exists()), None)
pytestmark = pytest.mark.skipif(VECTORS is None, reason="the sample vectors are not on this machine")
SAMPLES = (
    {} if VECTORS is None else {one["id"]: one for one in map(json.loads, VECTORS.read_text("utf-8").splitlines())}
)

GBT = [
    f"Data.Infos[0].Fault{what}"
    for kind in ("ChargeableDevice", "DriveMotor", "Engine", "Others")
    for what in ([f"{kind}Num"] if kind in ("ChargeableDevice", "DriveMotor") else [f"{kind}List", f"{kind}Num"])
]
STOP = ("stopSuccessFlag", "bmsStopReason", "bmsChargeFaultReason", "bmsStopErrorReason", "cellMinVoltage",
        "cellMaxVoltage", "batteryMinTemp", "batteryMaxTemp", "faults")  # fmt: skip
EXPECTED: Mapping[str, tuple[str, Mapping[str, float | str | None], list[str]]] = {
    # -50 is the offset of a raw 0: no battery
    "tcu-pile-yc": ("pile", {"voltage#1": 0, "current#1": 0, "soc#1": 0, "battery_low#1": None, "battery_high#1": None},
                    ["data.cellMaxVoltage", "data.cellMinVoltage"]),
    "tcu-pile-stop-complete": ("pile", {"event#1": "stop_complete", "stop_reason#1": 1, "stop_soc#1": 20},
                               [f"data.{name}" for name in STOP]),
    "tcu-meter-offline": ("pile", {"meter#1": "offline"}, ["data"]),
    "tcu-fault-record-2": ("pile", {"fault_code#1": "standby_0022"},
                           ["data.faultType", "data.faultSource", "data.rawValue"]),
    "emqx-gbt32960-alarm": ("1G1BL52P7TR115520", {"alarm_level": 2, "general_flags": 0, "battery_fault": "007B",
                                                   "motor_fault_1": "007B", "motor_fault_2": "00DF"}, GBT),
    "emqx-gbt32960-location": ("1G1BL52P7TR115520", {"lat": 0.0001, "lon": 0.00001, "position": "valid"}, []),
    "emqx-ocpp-status": ("CP001", {"status#1": "Faulted", "fault_code#1": "GroundFailure", "vendor_code#1": "E12"}, []),
    "tb-flat": ("thing", {"temperature": 42}, []),
    "tb-ts": ("thing", {"double_key": 42, "long_key": 73, "some_number": 42},
              ["values.stringKey", "values.booleanKey", "values.jsonKey.someArray", "values.jsonKey.someNestedObject"]),
    "lora-gas-raw": ("02aaaa0200003184",
                     {"frame_count": 742, "serial": 12676, "volume": 0.854, "temperature": 27.87}, []),
    "teslamate-state": ("car:1", {"state": "charging"}, []),
    "teslamate-battery_level": ("car:1", {"battery_level": 88}, []),
    "teslamate-charge_energy_added": ("car:1", {"charge_energy_added": 5.06}, []),
    "teslamate-odometer": ("car:1", {"odometer": 1653}, []),
    "teslamate-tpms_soft_warning_fl": ("car:1", {"tpms_soft_warning_fl": "low"}, []),
    "ovms-12v-alert": ("CAR1", {"v_b_12v_voltage_alert": "on"}, []),
    "evcc-lp1-charging": ("loadpoint-1", {"charging": "yes"}, []),
    "evcc-lp1-chargedEnergy": ("loadpoint-1", {"energy": 5.6}, []),  # the message says Wh
    "evcc-lp1-vehicleSoc": ("loadpoint-1", {"soc": 64}, []),
    "evcc-nan": ("site", {"grid_power": None}, []),
    "evcc-empty": ("loadpoint-1", {"soc": None}, []),
    "mbmd-power-l1": ("sdm1-1", {"Power_L1": 0.230115}, []),  # W, stored as kW
    "tasmota-energy": ("tasmota", {"energy": 9098.245, "power": 0.17, "off_peak": 2275.56, "temperature": 36.1}, []),
    "shelly-notify": ("shellypro4pm-30c6f784e78c", {"energy#4": 0}, []),  # apower is absent: missing is not zero
    "shelly-em-rpc": ("shellyemg3", {"voltage": 117.6, "current": 16.714, "power": -1.8998}, []),
    "z2m-climate": ("weather_sensor",
                    {"battery": 91, "cell": 2.985, "temperature": 23.5, "humidity": 46.08, "pressure": 91.55}, []),
    "edgelogger": ("AHU34", {"energy": 3274.53, "voltage_a": 0},
                   ["metrics.voltage.value.phase_b", "metrics.voltage.value.phase_c",
                    "metrics.energy.active.value.reverse"]),
    "openwb-bool": ("loadpoint-1", {"charging": "yes"}, []),
    "charge-node": ("PN-001", {"status": "charging", "voltage": 415.2, "current": 125.8, "power": 52.2, "energy": 28.5,
                               "temperature": 35.4}, ["remainingTime"]),
    "emqx-rule-republish": ("c_emqx", {"voltage": 750.2, "soc": 64}, []),
}  # fmt: skip
NO_READINGS = {"teslamate-active-route-none": "no_points", "homie-meta": "unmatched", "teslamate-geofence": "ignored"}


@pytest.fixture(scope="module")
def project() -> Project:
    report = inspect_project(HERE / "gateway.yaml", {})
    assert [problem.render() for problem in report.problems] == []
    assert report.project is not None
    return report.project


def tried(project: Project, sample: Mapping[str, Any], payload: str | None = None) -> TryResult:
    text = sample["payload"] if payload is None else payload
    (found,) = try_message(project, SystemClock(), sample["topic"], text.encode(), retain=bool(sample.get("retain")))
    return found


def message_of(found: TryResult) -> MessageTrial:
    assert found.message is not None
    return found.message


def named(found: TryResult) -> dict[str, float | str | None]:
    return {
        f"{row.point.name}#{row.point.component}" if row.point.component else row.point.name: row.value
        for row in found.rows
    }


def test_every_sample_is_expected() -> None:
    assert set(SAMPLES) == set(EXPECTED) | set(NO_READINGS)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_real_message(project: Project, name: str) -> None:
    sample, (device, values, left) = SAMPLES[name], EXPECTED[name]
    found = tried(project, sample)
    message = message_of(found)
    assert (message.rejected, message.partial, message.ignored) == ((), (), False)
    assert named(found) == {
        key: pytest.approx(value) if isinstance(value, int | float) else value for key, value in values.items()
    }
    assert {row.device.code for row in found.rows} == {device}
    assert sorted((one.reason, one.place) for one in message.unused) == sorted(("unread", place) for place in left)
    assert {int(row.flags) for row in found.rows} == {0}
    times, (at,) = sample["expect"], {row.at for row in found.rows}
    if "ts_ms" in times:
        assert at == times["ts_ms"] * 1000
    if "ts_s" in times:
        assert at == round(times["ts_s"] * 1e6)
    if "time_local" in times:
        assert at == round(dt.datetime.fromisoformat(times["time_local"]).timestamp() * 1e6)


@pytest.mark.parametrize("name", sorted(NO_READINGS))
def test_a_message_that_is_none(project: Project, name: str) -> None:
    found = tried(project, SAMPLES[name])
    assert found.rows == []
    message = message_of(found)
    reasons = ["ignored"] if message.ignored else [raw.reason for raw in message.rejected]
    assert reasons == [NO_READINGS[name]]
    assert message.ignored or message.rejected[0].payload.decode() == SAMPLES[name]["payload"]


def _objects(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the objects of a document are."""
    if isinstance(node, dict):
        yield path
    if isinstance(node, dict | list):
        for key, below in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _objects(below, (*path, key))


@pytest.mark.parametrize("name", [name for name, one in sorted(SAMPLES.items()) if one["payload"][:1] == "{"])
def test_whatever_is_added_is_counted_or_ignored_by_name(project: Project, name: str) -> None:
    sample = SAMPLES[name]
    before, document = message_of(tried(project, sample)), json.loads(sample["payload"])
    ignored = project.settings.sources["field"].routes[before.route].ignore  # type: ignore[union-attr]
    told = len({one.place for one in before.unused})
    for path in _objects(document):
        changed = copy.deepcopy(document)
        node = changed
        for key in path:
            node = node[key]
        node["zz_new"] = 1
        after = message_of(tried(project, sample, json.dumps(changed)))
        if after.rejected:  # kept whole
            continue
        within = [one.place for one in before.unused if str(path[-1:] and path[-1]) in one.place]
        if path[-1:] == ("Time",):  # a time in parts is used as a whole
            continue
        quiet = any(text.endswith("*") or (path and str(path[0]) in text) for text in ignored)
        assert len({one.place for one in after.unused}) == told + 1 or within or quiet, path
