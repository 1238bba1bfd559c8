"""Messages as seen in about twenty ecosystems: what the mapping makes of them."""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mqtt_kit import NOW, Registry, Said, config

from gateway.domain.device import Point, PointKind
from protocols.mqtt.mapper import Mapper

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "mqtt" / "mqtt_samples.jsonl"
pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason="the sample vectors are not on this machine")

STATES = {"state", "status", "fault_code", "geofence", "online", "event", "fault"}
SCALAR = {"points": {"any": {"path": ".", "point": "{field}", "missing": ["nil", ""]}}, "retained": "use"}


def flat(**points: Any) -> dict[str, Any]:
    return {"points": {name: {"path": path} if isinstance(path, str) else path for name, path in points.items()}}


MS = {"time": {"path": "ts", "unit": "ms"}}
ROUTES: Mapping[str, Mapping[str, Any]] = {
    "tcu-pile-yc": {
        "filter": "tcu/pile/{gun}/data", "device": "tcu/{gun}", "when": {"path": "type", "equals": "yc"}, **MS,
        **flat(outputVoltage="data.outputVoltage", soc="data.soc",
               batteryMaxTemp={"path": "data.batteryMaxTemp", "missing": [-50]}),
    },
    "tcu-pile-stop-complete": {
        "filter": "tcu/pile/{gun}/event", "device": "tcu/{gun}", "when": {"path": "type", "equals": "stop_complete"},
        **MS, **flat(event="type", stopReason="data.stopReason"),
    },
    "tcu-meter-offline": {
        "filter": "tcu/meter/{gun}/event", "device": "tcu/{gun}", "when": {"path": "event", "exists": True}, **MS,
        "retained": "use",
        **flat(online={"path": "event", "map": {"meter_offline": "offline", "meter_online": "online"}}),
    },
    "tcu-fault-record-2": {
        "filter": "tcu/save/{gun}/event", "device": "tcu/{gun}", "retained": "use",
        "time": {"path": "data.occurTime", "unit": "%Y%m%d%H%M%S", "zone": "Asia/Shanghai"},
        **flat(fault_code="data.pointKey"),
    },
    "emqx-gbt32960-alarm": {
        "filter": "gbt32960/{vin}/upstream/info", "device": "{vin}",
        "time": {"path": "Data.Time", "unit": "parts", "zone": "Asia/Shanghai"},
        **flat(alarm_level="Data.Infos[Type=Alarm].MaxAlarmLevel",
               general_flags="Data.Infos[Type=Alarm].GeneralAlarmFlag"),
    },
    "emqx-gbt32960-location": {
        "filter": "gbt32960/{vin}/upstream/info", "device": "{vin}",
        "time": {"path": "Data.Time", "unit": "parts", "zone": "Asia/Shanghai"},
        **flat(lat={"path": "Data.Infos[Type=Location].Latitude", "scale": 1e-6},
               lon={"path": "Data.Infos[Type=Location].Longitude", "scale": 1e-6}),
    },
    "emqx-ocpp-status": {
        "filter": "ocpp/cp/{id}", "device": "{id}", "when": {"path": "Action", "equals": "StatusNotification"},
        "time": {"path": "Payload.timestamp", "unit": "iso"},
        **flat(status={"path": "Payload.status", "component": {"path": "Payload.connectorId"}},
               fault_code={"path": "Payload.errorCode", "component": {"path": "Payload.connectorId"}}),
    },
    "tb-flat": {"filter": "v1/devices/me/telemetry", "device": "static", **flat(temperature="temperature")},
    "tb-ts": {
        "filter": "v1/devices/me/telemetry", "device": "static", **MS,
        **flat(doubleKey="values.doubleKey", longKey="values.longKey", someNumber="values.jsonKey.someNumber"),
    },
    "teslamate-state": {"filter": "teslamate/cars/{car}/{field}", "device": "car:{car}", **SCALAR},
    "teslamate-battery_level": {"filter": "teslamate/cars/{car}/{field}", "device": "car:{car}", **SCALAR},
    "teslamate-charge_energy_added": {"filter": "teslamate/cars/{car}/{field}", "device": "car:{car}", **SCALAR},
    "teslamate-odometer": {"filter": "teslamate/cars/{car}/{field}", "device": "car:{car}", **SCALAR},
    "teslamate-tpms_soft_warning_fl": {"filter": "teslamate/cars/{car}/{field}", "device": "car:{car}", **SCALAR},
    "teslamate-geofence": {"filter": "teslamate/cars/{car}/{field}", "device": "car:{car}", **SCALAR},
    "ovms-12v-alert": {
        "filter": "ovms/{user}/{car}/metric/v/b/{field*}", "device": "{car}",
        "points": {"any": {"path": ".", "point": "v_b_{field}", "map": {"yes": 1, "no": 0}}},
    },
    "evcc-lp1-charging": {"filter": "evcc/loadpoints/{lp}/{field}", "device": "evcc/loadpoints/{lp}", **SCALAR},
    "evcc-lp1-chargedEnergy": {"filter": "evcc/loadpoints/{lp}/{field}", "device": "evcc/loadpoints/{lp}", **SCALAR},
    "evcc-lp1-vehicleSoc": {"filter": "evcc/loadpoints/{lp}/{field}", "device": "evcc/loadpoints/{lp}", **SCALAR},
    "evcc-nan": {"filter": "evcc/site/{field*}", "device": "static", **SCALAR},
    "evcc-empty": {"filter": "evcc/loadpoints/{lp}/{field}", "device": "evcc/loadpoints/{lp}", **SCALAR},
    "mbmd-power-l1": {"filter": "mbmd/{meter}/{field*}", "device": "{meter}", **SCALAR},
    "tasmota-energy": {
        "filter": "tele/{device}/SENSOR", "device": "{device}",
        "time": {"path": "Time", "unit": "iso", "zone": "Europe/Paris"},
        **flat(**{"ENERGY.Total": "ENERGY.Total", "ENERGY.Power": "ENERGY.Power", "TIC.HCHP": "TIC.HCHP"}),
    },
    "shelly-notify": {
        "filter": "{name}/events/rpc", "device": {"path": "src"}, "when": {"path": "method", "equals": "NotifyStatus"},
        "time": {"path": "params.ts", "unit": "s"},
        **flat(**{"switch:3.aenergy.total": 'params["switch:3"].aenergy.total',
                  "switch:3.apower": 'params["switch:3"].apower'}),
    },
    "shelly-em-rpc": {"filter": "{device}/status/em1:0", "device": "{device}", **flat(act_power="act_power")},
    "z2m-climate": {
        "filter": "zigbee2mqtt/{device}", "device": "{device}",
        **flat(battery="battery", voltage={"path": "voltage", "unit": "mV"}),
    },
    "edgelogger": {
        "filter": "device/power/up/{any}", "device": {"path": "device_id"}, "each": "batch[*]",
        "time": {"path": "timestamp", "unit": "%Y%m%d%H%M%S%f", "zone": "Asia/Shanghai"},
        **flat(**{"energy.active.forward": "metrics.energy.active.value.forward"}),
    },
    "openwb-bool": {"filter": "openWB/lp/{lp}/{field}", "device": "static", **SCALAR},
    "charge-node": {
        "filter": "fleet/chargenode/{device}", "device": "{device}", **MS, **flat(voltage="voltage", energy="energy"),
    },
    "emqx-rule-republish": {
        "filter": "ingest/charger", "device": {"path": "$.clientid"}, "inner": "payload",
        "time": {"path": "$.timestamp", "unit": "ms"}, **flat(voltage="voltage", soc="soc"),
    },
}  # fmt: skip
CANNOT = {
    "lora-gas-raw": "base64 of a struct inside JSON: a binary codec, not a mapping",
    "homie-meta": "metadata is not telemetry: a filter of the value's depth does not match it",
    "teslamate-active-route-none": "an error object instead of values: no point of the route is in it",
}


def samples() -> dict[str, dict[str, Any]]:
    if not VECTORS.exists():
        return {}
    return {entry["id"]: entry for entry in map(json.loads, VECTORS.read_text("utf-8").splitlines())}


def mapped(
    sample: Mapping[str, Any], route: Mapping[str, Any], device: str, names: set[str]
) -> tuple[dict[str, Any], int]:
    """-> point -> value (text of a state, None when bad), and `at`."""
    kinds = {name: PointKind.STATE if name in STATES else PointKind.GAUGE for name in names}
    points = [
        Point(2 * i + c, "p", name, c, kinds[name], "V" if name == "voltage" else "")
        for i, name in enumerate(sorted(names)) for c in (0, 1)
    ]  # fmt: skip
    directory = Registry({device: "p"}, points)
    message = Said(sample["topic"], sample["payload"].encode(), sample.get("retain", False))
    result = Mapper("src", config([route]), directory).map([message], np.array([NOW], np.int64))
    assert [(raw.reason, raw.detail) for raw in result.rejected] == []
    assert result.batch.frames == 1
    found = {}
    for reading in result.batch.readings():
        point = points[reading.point]
        text = (
            directory.states[point.id][int(reading.value)]
            if point.name in STATES and reading.quality
            else reading.value
        )
        found[f"{point.name}.{point.component}" if point.component else point.name] = text if reading.quality else None
    return found, int(result.batch.at[0])


EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "tcu-pile-yc": {"outputVoltage": 0.0, "soc": 0.0, "batteryMaxTemp": None},  # -50 is the offset of a raw 0
    "tcu-pile-stop-complete": {"event": "stop_complete", "stopReason": 1.0},
    "tcu-meter-offline": {"online": "offline"},
    "tcu-fault-record-2": {"fault_code": "standby_0022"},
    "emqx-ocpp-status": {"status.1": "Faulted", "fault_code.1": "GroundFailure"},
    "emqx-gbt32960-alarm": {"alarm_level": 2.0, "general_flags": 0.0},
    "tb-ts": {"doubleKey": 42.0, "longKey": 73.0, "someNumber": 42.0},
    "emqx-gbt32960-location": {"lat": pytest.approx(0.0001), "lon": pytest.approx(0.00001)},
    "ovms-12v-alert": {"v_b_12v_voltage_alert": 1.0},
    "z2m-climate": {"battery": 91.0, "voltage": pytest.approx(2.985)},  # 2985 mV of a coin cell
    "shelly-notify": {"switch:3.aenergy.total": 0.0},  # apower is absent: no reading
    "mbmd-power-l1": {"Power_L1": 230.115},
    "evcc-nan": {"grid_power": None},
}


DEVICES = {
    "tcu-pile-stop-complete": "tcu/0", "tcu-meter-offline": "tcu/0", "tcu-fault-record-2": "tcu/0",
    "evcc-empty": "evcc/loadpoints/1",
}  # fmt: skip
"""Where the vector names no device."""


def wanted(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What the vectors themselves expect, as far as it is values."""
    expect = sample["expect"]
    fields = dict(expect.get("fields", {}))
    if "field" in expect:
        fields[expect["field"]] = expect["value"]
    return {name: float(value) if isinstance(value, bool | int | float) else value for name, value in fields.items()}


@pytest.mark.parametrize("name", list(ROUTES))
def test_a_real_message(name: str) -> None:
    sample = samples()[name]
    expected = EXPECTED.get(name) or wanted(sample)
    assert expected
    route = ROUTES[name]
    names = {key.rpartition(".")[0] if key.endswith(".1") else key for key in expected}
    names |= {key for key in route["points"] if key != "any"}
    told = sample["expect"].get("device", sample["topic"].split("/")[0])
    device = "static" if route["device"] == "static" else DEVICES.get(name, told)
    found, at = mapped(sample, route, device, names)
    assert found == expected
    times = sample["expect"]
    if "ts_ms" in times and "time" in route:
        assert at == times["ts_ms"] * 1000
    if "ts_s" in times:
        assert at == round(times["ts_s"] * 1e6)
    if "time_local" in times:
        assert at == round(dt.datetime.fromisoformat(times["time_local"]).timestamp() * 1e6)


def test_every_sample_is_mapped_or_named() -> None:
    assert set(samples()) == set(ROUTES) | set(CANNOT)


def test_what_is_no_telemetry_becomes_none() -> None:
    sample = samples()["teslamate-active-route-none"]
    route = {"filter": "teslamate/cars/{car}/active_route", "device": "car:{car}", **flat(lat="location.latitude")}
    message = Said(sample["topic"], sample["payload"].encode())
    mapper = Mapper("src", config([route]), Registry({"car:1": "p"}, [Point(1, "p", "lat")]))
    assert [raw.reason for raw in mapper.map([message], np.array([NOW], np.int64)).rejected] == ["no_points"]
