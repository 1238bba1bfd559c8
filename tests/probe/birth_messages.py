"""Birth messages and telemetry of ecosystems that describe themselves, after their documents."""

from collections.abc import Mapping

HOME_ASSISTANT: Mapping[str, object] = {
    "homeassistant/sensor/heatpump-7/flow/config": {
        "name": "Flow temperature", "stat_t": "~/state", "~": "hp/heatpump-7", "unit_of_meas": "°C",
        "dev_cla": "temperature", "stat_cla": "measurement", "val_tpl": "{{ value_json.t_flow }}",
        "avty_t": "~/online", "pl_avail": "up", "pl_not_avail": "down", "dev": {"ids": ["heatpump-7"]},
    },
    "homeassistant/device/heatpump-7/config": {
        "device": {"identifiers": "heatpump-7"}, "state_topic": "hp/heatpump-7/state",
        "components": {
            "e": {"platform": "sensor", "name": "Heat", "unit_of_measurement": "kWh", "state_class": "total_increasing",
                  "value_template": "{{ value_json['heat']['sum'] | float }}"},
            "m": {"platform": "sensor", "name": "Mode", "device_class": "enum", "options": ["heat", "cool", "idle"],
                  "value_template": "{{ value_json.mode }}"},
        },
    },
    "hp/heatpump-7/state": {"t_flow": 38.5, "heat": {"sum": 1204.25}, "mode": "heat"},
    "hp/heatpump-7/online": "up",
}  # fmt: skip
ZIGBEE: Mapping[str, object] = {
    "zigbee2mqtt/bridge/state": {"state": "online"},
    "zigbee2mqtt/bridge/devices": [
        {"friendly_name": "Coordinator", "type": "Coordinator", "definition": None},
        {"friendly_name": "boiler_plug", "definition": {"model": "SP 240", "exposes": [
            {"type": "switch", "features": [{"type": "binary", "property": "state", "value_on": "ON",
                                             "value_off": "OFF", "access": 7}]},
            {"type": "numeric", "property": "power", "unit": "W", "access": 5},
            {"type": "numeric", "property": "energy", "unit": "kWh", "access": 1},
            {"type": "numeric", "property": "voltage", "unit": "V", "value_min": 0, "value_max": 300, "access": 5},
            {"type": "composite", "property": "limits", "features": [
                {"type": "numeric", "property": "high", "unit": "A", "access": 3}]},
            {"type": "enum", "property": "effect", "values": ["blink"], "access": 2},
        ]}},
        {"friendly_name": "cellar", "definition": {"model": "T1", "exposes": [
            {"type": "numeric", "property": "temperature", "unit": "°C", "access": 1},
            {"type": "binary", "property": "water_leak", "value_on": True, "value_off": False, "access": 1},
        ]}},
    ],
    "zigbee2mqtt/boiler_plug": {"state": "ON", "power": 1210, "energy": 88.2, "voltage": 229.5, "limits": {"high": 16}},
    "zigbee2mqtt/cellar": {"temperature": 14.25, "water_leak": False},
    "zigbee2mqtt/cellar/availability": {"state": "online"},
}  # fmt: skip
TASMOTA: Mapping[str, object] = {
    "tasmota/discovery/A0B1C2D3E4F5/config": {
        "dn": "Pump", "t": "pump_17", "ft": "%topic%/%prefix%/", "tp": ["cmnd", "stat", "tele"], "onln": "Online",
        "ofln": "Offline", "md": "Plug S", "ver": 1,
    },
    "tasmota/discovery/A0B1C2D3E4F5/sensors": {
        "sn": {"Time": "2026-06-01T10:00:00", "ENERGY": {"Total": 1.5, "Power": 0, "Voltage": 231}}, "ver": 1,
    },
    "pump_17/tele/SENSOR": {"Time": "2026-06-01T10:05:00", "ENERGY": {"Total": 1.75, "Power": 310, "Voltage": 230}},
    "pump_17/tele/LWT": "Online",
}  # fmt: skip
SHELLY: Mapping[str, object] = {
    "shellies/announce": {"id": "shellyem-B9E0F2", "model": "SHEM", "mac": "B9E0F2", "ip": "192.0.2.7"},
    "shellies/shellyem-B9E0F2/online": "true",
    "shellies/shellyem-B9E0F2/emeter/0/power": "412.7",
    "shellies/shellyem-B9E0F2/emeter/0/total": "10230.5",
    "shellies/shellyem-B9E0F2/relay/0": "on",
    "shellies/shellyem-B9E0F2/relay/0/energy": "600",
    "shellyplus1pm-a8032ab1/online": "true",
    "shellyplus1pm-a8032ab1/status/switch:0": {"id": 0, "output": True, "apower": 9.5, "aenergy": {"total": 120.25},
                                              "temperature": {"tC": 41.5, "tF": 106.7}},
}  # fmt: skip
HOMIE: Mapping[str, object] = {
    "homie/press-2/$homie": "4.0", "homie/press-2/$state": "ready", "homie/press-2/$nodes": "oil,door",
    "homie/press-2/oil/$properties": "level,temp", "homie/press-2/oil/level/$datatype": "integer",
    "homie/press-2/oil/level/$unit": "%", "homie/press-2/oil/level/$format": "0:100",
    "homie/press-2/oil/temp/$unit": "°F", "homie/press-2/oil/temp/$datatype": "float",
    "homie/press-2/door/lock/$datatype": "enum", "homie/press-2/door/lock/$format": "open,closed",
    "homie/press-2/door/alarm/$datatype": "boolean",
    "homie/press-2/oil/level": "71", "homie/press-2/oil/temp": "122", "homie/press-2/door/lock": "closed",
    "homie/press-2/door/alarm": "false",
}  # fmt: skip
ALL: Mapping[str, Mapping[str, object]] = {
    "homeassistant": HOME_ASSISTANT, "zigbee2mqtt": ZIGBEE, "tasmota": TASMOTA, "shelly": SHELLY, "homie": HOMIE,
}  # fmt: skip
EXPECTED: Mapping[str, Mapping[str, Mapping[str, tuple[object, str]]]] = {
    "homeassistant": {"heatpump-7": {"flow_temperature": (38.5, "degC"), "heat": (1204.25, "kWh"),
                                     "mode": ("heat", "")}},
    "zigbee2mqtt": {
        "boiler_plug": {"state": ("ON", ""), "power": (1.21, "kW"), "energy": (88.2, "kWh"), "voltage": (229.5, "V"),
                        "high": (16, "A")},
        "cellar": {"temperature": (14.25, "degC"), "water_leak": ("off", "")},
    },
    "tasmota": {"pump_17": {"energy_total": (1.75, "kWh"), "energy_power": (0.31, "kW"), "energy_voltage": (230, "V")}},
    "shelly": {
        "shellyem-B9E0F2": {"emeter_0_power": (0.4127, "kW"), "emeter_0_total": (10.2305, "kWh"),
                            "relay_0": ("on", ""), "relay_0_energy": (0.01, "kWh")},
        "shellyplus1pm-a8032ab1": {"output": ("on", ""), "apower": (0.0095, "kW"), "aenergy_total": (0.12025, "kWh"),
                                   "temperature_temp_c": (41.5, "degC")},
    },
    "homie": {"press-2": {"oil_level": (71, "pct"), "oil_temp": (50, "degC"), "door_lock": ("closed", ""),
                          "door_alarm": ("off", "")}},
}  # fmt: skip
"""Ecosystem -> device -> point -> (value as stored, its unit)."""
