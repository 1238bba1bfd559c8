"""Of the points in the real messages at least 80 % are proposed right: their place, and their unit where the message or
its ecosystem names one. Each sample alone, as the first message of a new site."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from probe_kit import VECTORS, checked, proposal, samples, seen_of

from gateway.clock import SystemClock
from gateway.domain.device import PointKind
from gateway.domain.units import parse_unit
from gateway.probe.values import FoundPoint
from gateway.try_out import try_message

pytestmark = pytest.mark.skipif(VECTORS is None, reason="the sample vectors are not on this machine")
Expected = Mapping[str, tuple[object, str]]
"""Place in the message, or what the topic calls the value -> (value, the unit that is named, "" = none)."""
FAULTS = ("FaultChargeableDeviceNum", "FaultDriveMotorNum", "FaultEngineNum", "FaultOthersNum")
POINTS: Mapping[str, Expected] = {
    "tcu-pile-yc": {f"data.{name}": (value, "") for name, value in (
        ("outputVoltage", 0), ("outputCurrent", 0), ("soc", 0), ("batteryMinTemp", -50), ("batteryMaxTemp", -50),
        ("cellMaxVoltage", 0), ("cellMinVoltage", 0))},
    "tcu-pile-stop-complete": {"type": ("stop_complete", "")} | {f"data.{name}": (value, "") for name, value in (
        ("stopReason", 1), ("stopSuccessFlag", 0), ("bmsStopReason", 0), ("bmsChargeFaultReason", 0),
        ("bmsStopErrorReason", 0), ("stopSoc", 20), ("cellMinVoltage", 0), ("cellMaxVoltage", 39),
        ("batteryMinTemp", -50), ("batteryMaxTemp", -50))},
    "tcu-meter-offline": {"event": ("meter_offline", ""), "data.reason": ("serial_recv_timeout", "")},
    "tcu-fault-record-2": {"data.pointKey": ("standby_0022", ""), "data.faultType": (1, ""),
                           "data.faultMessage": ("急停故障", ""), "data.rawValue": (34, "")},
    "emqx-gbt32960-alarm": {f"Data.Infos[Type=Alarm].{name}": (value, "") for name, value in (
        ("MaxAlarmLevel", 2), ("GeneralAlarmFlag", 0), *zip(FAULTS, (1, 2, 1, 1), strict=True))},
    "emqx-gbt32960-location": {"Data.Infos[Type=Location].Latitude": (0.0001, "deg"),
                               "Data.Infos[Type=Location].Longitude": (0.00001, "deg"),
                               "Data.Infos[Type=Location].Status": (0, "")},
    "emqx-ocpp-status": {"Payload.status": ("Faulted", ""), "Payload.errorCode": ("GroundFailure", ""),
                         "Payload.vendorErrorCode": ("E12", "")},
    "tb-flat": {"temperature": (42, "")},
    "tb-ts": {"values.doubleKey": (42, ""), "values.longKey": (73, ""), "values.booleanKey": ("on", ""),
              "values.stringKey": ("value1", ""), "values.jsonKey.someNumber": (42, "")},
    # the values of this meter are bytes, whose meaning no message names
    "lora-gas-raw": {"fCnt": (742, ""), "rxInfo[0].rssi": (-65, "dBm"), "rxInfo[0].loRaSNR": (6, "dB"),
                     "data.serial": (12676, ""), "data.volume": (0.854, "m3"), "data.temperature": (27.87, "degC")},
    "teslamate-state": {"state": ("charging", "")},
    "teslamate-battery_level": {"battery_level": (88, "pct")},
    "teslamate-charge_energy_added": {"charge_energy_added": (5.06, "kWh")},
    "teslamate-odometer": {"odometer": (1653, "km")},
    "teslamate-tpms_soft_warning_fl": {"tpms_soft_warning_fl": ("on", "")},
    "teslamate-geofence": {"geofence": ("🏡 Home", "")},
    "ovms-12v-alert": {"v/b/12v/voltage/alert": ("yes", "")},
    "evcc-lp1-charging": {"charging": ("on", "")},
    "evcc-lp1-chargedEnergy": {"chargedEnergy": (5600, "Wh")},
    "evcc-lp1-vehicleSoc": {"vehicleSoc": (64, "pct")},
    "evcc-nan": {"grid/power": (math.nan, "W")},
    "mbmd-power-l1": {"Power/L1": (230.115, "W")},
    "tasmota-energy": {f"ENERGY.{name}": (value, unit) for name, value, unit in (
        ("Total", 9098.245, "kWh"), ("Yesterday", 6822.685, "kWh"), ("Today", 2275.56, "kWh"), ("Period", 9, ""),
        ("Power", 170, "W"), ("Current", 1, "A"), ("Load", 6, ""))}
    | {f"TIC.{name}": (value, unit) for name, value, unit in (
        ("OPTARIF", "HC..", ""), ("ISOUSC", 15, "A"), ("HCHC", 920750, "Wh"), ("HCHP", 2275560, "Wh"),
        ("PTEC", "HP..", ""), ("IINST", 1, "A"), ("IMAX", 2, "A"), ("PAPP", 170, "VA"), ("HHPHC", "A", ""))}
    | {"ESP32.Temperature": (36.1, "degC")},
    "shelly-notify": {'params["switch:3"].aenergy.total': (0, "Wh")},
    "shelly-em-rpc": {"voltage": (117.6, "V"), "current": (16.714, "A"), "act_power": (-1899.8, "W"),
                      "aprt_power": (1974.5, "VA"), "pf": (0.82, ""), "freq": (60, "Hz")},
    "z2m-climate": {"battery": (91, "pct"), "voltage": (2985, "mV"), "temperature": (23.5, "degC"),
                    "humidity": (46.08, "pct"), "pressure": (915.5, "hPa"), "linkquality": (10, "")},
    "edgelogger": {f"metrics.voltage.value.phase_{phase}": (0, "V") for phase in "abc"}
    | {"metrics.energy.active.value.forward": (3274.53, "kWh"), "metrics.energy.active.value.reverse": (0, "kWh")},
    "openwb-bool": {"boolChargeStat": ("on", "")},
    "charge-node": {"status": ("charging", ""), "voltage": (415.2, ""), "current": (125.8, ""), "power": (52.2, ""),
                    "energy": (28.5, ""), "remainingTime": (45, ""), "temperature": (35.4, ""),
                    "connectorType": ("CCS2", ""), "maxPower": (150, "")},
    "emqx-rule-republish": {"voltage": (750.2, ""), "soc": (64, "")},
}  # fmt: skip
NO_POINTS = {"teslamate-active-route-none", "evcc-empty", "homie-meta"}
DEVICES = {
    "emqx-gbt32960-alarm": "1G1BL52P7TR115520", "emqx-ocpp-status": "CP001", "lora-gas-raw": "02aaaa0200003184",
    "ovms-12v-alert": "CAR1", "mbmd-power-l1": "sdm1-1", "tasmota-energy": "tasmota",
    "shelly-notify": "shellypro4pm-30c6f784e78c", "shelly-em-rpc": "shellyemg3", "z2m-climate": "weather_sensor",
    "edgelogger": "AHU34", "charge-node": "PN-001", "emqx-rule-republish": "c_emqx",
}  # fmt: skip
SAMPLES = {one["id"]: one for one in samples()}


def test_every_sample_is_expected() -> None:
    assert set(SAMPLES) == set(POINTS) | NO_POINTS


def judged(sample: Mapping[str, Any], folder: Path) -> list[str]:
    """Places that are proposed right: the project that was proposed reads the expected value there."""
    seen = seen_of([(sample["topic"], sample["payload"])], retained=bool(sample.get("retain")))
    found = proposal(seen)
    project = checked(found, folder, "series: {retention: 20000d}")  # the oldest sample is of 2016
    (tried,) = try_message(project, SystemClock(), sample["topic"], sample["payload"].encode())
    assert tried.message is not None
    at = [one for one in tried.rows if "ts_ms" in sample["expect"] and one.at != sample["expect"]["ts_ms"] * 1000]
    assert not at, "the time of the message"
    if sample["id"] in DEVICES:
        assert {row.device.code for row in tried.rows} == {DEVICES[sample["id"]]}
    points = {
        point.field or point.path: point
        for model in found.models
        for route in model.routes
        if route.filter == tried.message.filter
        for point in route.points
    }
    rows = {row.point.name: row for row in tried.rows}
    right = []
    for place, (value, unit) in POINTS[sample["id"]].items():
        point = points.get(place)
        row = rows.get(point.name) if point is not None else None
        if point is not None and row is not None and is_right(point, row.value, value, unit):
            right.append(place)
    return right


def is_right(point: FoundPoint, got: object, value: object, unit: str) -> bool:
    """The value as sent is what was stored, and the unit is the one that is named."""
    if isinstance(value, str):
        return point.kind is PointKind.STATE and got == value
    if point.kind is PointKind.STATE or (unit and parse_unit(point.unit) != parse_unit(unit)):
        return False
    if isinstance(value, float) and math.isnan(value):
        return got is None
    return got == pytest.approx(parse_unit(point.unit).canonical(value))  # type: ignore[arg-type]


def test_four_of_five_points_are_proposed_right(tmp_path: Path) -> None:
    right, wrong = 0, []
    for name, expected in POINTS.items():
        found = judged(SAMPLES[name], tmp_path / name)
        right += len(found)
        wrong += [f"{name} {place}" for place in expected if place not in found]
    total = sum(map(len, POINTS.values()))
    assert total >= 100
    assert right / total >= 0.8, (right, total, wrong)
    print(f"{right} of {total} = {right / total:.1%}; wrong: {wrong}")
