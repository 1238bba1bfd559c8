"""What the key of a value suggests: the name of a point, its unit, whether it counts. Guesses, marked as such. Pure."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from gateway.domain.units import UnitError, parse_unit
from rules.expr.tokens import KEYWORDS

LONGEST_NAME = 60
RESERVED = KEYWORDS | {"unknown"}
WRAPPERS = frozenset(
    {"data", "payload", "value", "values", "val", "params", "param", "body", "metrics", "metric", "message", "msg",
     "object", "fields", "content", "attributes", "properties", "reported", "state_info", "infos", "service_data",
     "decoded_payload", "decoded", "uplink_message", "services", "items", "batch", "result", "telemetry"}
)  # fmt: skip
"""Keys around values that add nothing to their names."""
DEVICE_WORDS = (
    "device_id", "dev_id", "dev_eui", "deveui", "device_code", "device_no", "device_sn", "meter_id", "meter_no",
    "pile_no", "pile_code", "pile_id", "charge_point_id", "imei", "vin", "sn", "serial", "serial_no", "serial_number",
    "mac", "client_id", "clientid", "thing_id", "node_id", "unit_id", "src", "device", "device_name", "vehicle_id",
    "phone", "设备编号", "表号", "桩号", "id", "code",
)  # fmt: skip
"""Keys of a device's code, the most likely first."""
PART_WORDS = frozenset(
    {"connector", "connector_id", "gun", "gun_no", "gun_id", "port", "plug", "plug_id", "outlet", "channel", "relay",
     "evse", "evse_id", "枪号"}
)  # fmt: skip
NOT_READ = frozenset(
    {"seq", "sequence", "msg_id", "message_id", "unique_id", "message_type_id", "request_id", "transaction_id",
     "mid", "mqtt_id", "packet_id", "uuid", "guid", "token", "sign", "signature", "version", "ver", "fw", "firmware",
     "sw_version", "fw_version", "hw_version", "ip", "ip_address", "mac_address", "ssid", "bssid", "hostname", "url",
     "topic", "description", "manufacturer", "vendor", "crc", "qos", "peername", "peerhost", "username", "node",
     "encrypt", "cmd", "temp_unit", "pressure_unit", "speed_unit", "unit", "data_type", "application_id",
     "application_name", "tenant_id", "tenant_name", "device_profile_id", "device_profile_name", "event_id", "dst",
     "method"}
)  # fmt: skip
"""Keys that no rule reads: numbers of messages, names of programs."""
_LETTERS = frozenset({"w", "v", "a", "c", "f", "l", "m", "h", "s", "t"})
_UNITS: Mapping[str, str] = {
    "w": "W", "watt": "W", "watts": "W", "kw": "kW", "mw": "MW", "va": "VA", "kva": "kVA", "var": "var",
    "kvar": "kvar", "wh": "Wh", "kwh": "kWh", "mwh": "MWh", "kvarh": "kvarh", "v": "V", "volts": "V", "mv": "mV",
    "kv": "kV", "a": "A", "amps": "A", "ma": "mA", "ah": "Ah", "mah": "mAh", "c": "degC", "degc": "degC",
    "celsius": "degC", "f": "degF", "fahrenheit": "degF", "kelvin": "K", "kpa": "kPa", "pa": "Pa", "hpa": "hPa",
    "mpa": "MPa", "bar": "bar", "mbar": "mbar", "psi": "psi", "m3": "m3", "nm3": "Nm3", "sm3": "Sm3", "m3h": "m3/h",
    "l": "L", "ml": "mL", "hz": "Hz", "khz": "kHz", "km": "km", "mm": "mm", "cm": "cm", "kmh": "km/h", "kph": "km/h",
    "mph": "mph", "pct": "pct", "percent": "pct", "percentage": "pct", "ppm": "ppm", "ppb": "ppb", "lux": "lux",
    "lx": "lux", "dbm": "dBm", "db": "dB", "rpm": "rpm", "ohm": "ohm", "kg": "kg", "cny": "CNY", "yuan": "CNY",
    "lel": "LEL",
}  # fmt: skip
_MEASURES: Mapping[str, str] = {
    "temp": "t", "temperature": "t", "温度": "t", "t": "t", "voltage": "v", "volt": "v", "u": "v", "电压": "v",
    "current": "a", "i": "a", "电流": "a", "power": "w", "p": "w", "功率": "w", "energy": "e", "电量": "e",
    "volume": "l", "flow": "l", "water": "l", "gas": "l",
}  # fmt: skip
_LETTER_OF = {"w": "w", "v": "v", "a": "a", "c": "t", "f": "t", "l": "l"}
_USUAL: Mapping[str, str] = {
    "temp": "degC", "temperature": "degC", "温度": "degC", "voltage": "V", "volt": "V", "电压": "V", "current": "A",
    "电流": "A", "soc": "pct", "humidity": "pct", "湿度": "pct", "frequency": "Hz", "freq": "Hz", "lat": "deg",
    "latitude": "deg", "lon": "deg", "lng": "deg", "longitude": "deg", "odometer": "km", "mileage": "km", "co2": "ppm",
    "illuminance": "lux", "snr": "dB", "heading": "deg",
}  # fmt: skip
_COUNTED = frozenset(
    {"energy", "volume", "odometer", "mileage", "total", "import", "export", "forward", "reverse", "consumption",
     "kwh", "wh", "mwh", "total_energy", "电量", "累计", "aenergy", "counter", "pulses", "pulse", "cumulative",
     "produced", "consumed", "delivered", "returned", "returnedtotal", "reading"}
)  # fmt: skip
_NOT_COUNTED = frozenset(
    {"today", "yesterday", "remaining", "capacity", "session", "month", "limit", "max", "min", "target", "added",
     "price", "last", "day", "avg", "setpoint", "rated", "charged", "usable", "power", "flow", "rate"}
)  # fmt: skip
_DIMENSIONS = frozenset(parse_unit(unit).dimension for unit in ("kWh", "m3", "km", "Nm3", "Sm3", "kvarh"))
_SPLIT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^0-9A-Za-z\u4e00-\u9fff]+")
_WHOLE = {"SoC": "soc", "SOC": "soc", "kWh": "kwh", "kW": "kw", "mV": "mv", "mA": "ma", "VIN": "vin",
          "devEUI": "dev_eui", "devEui": "dev_eui", "tC": "temp_c", "tF": "temp_f", "dBm": "dbm"}  # fmt: skip
_TRANSLATED = {"温度": "temp", "电压": "voltage", "电流": "current", "功率": "power", "电量": "energy",
               "湿度": "humidity", "状态": "status", "压力": "pressure", "流量": "flow",
               "累计": "total", "枪号": "gun"}  # fmt: skip


def words_of(key: str) -> list[str]:
    """`inletTemp_C` -> inlet, temp, c."""
    if key in _WHOLE:
        return _WHOLE[key].split("_")
    for whole in ("kWh", "kW", "SoC", "mV", "mA"):
        key = key.replace(whole, f"_{whole.lower()}_")
    return [word.lower() for word in _SPLIT.split(key) if word]


def word_of(key: str) -> str:
    """`deviceId` -> device_id: one word for look-ups."""
    return "_".join(words_of(key))


def name_of(keys: Sequence[str], fallback: str = "point") -> str:
    """The name of a point for the keys on the way to it; those that only wrap are left out."""
    kept = [key for key in keys if word_of(key) not in WRAPPERS] or list(keys[-1:])
    parts: list[str] = []
    for key in kept:
        parts += [_TRANSLATED.get(word, word) for word in words_of(key)]
    plain = "_".join(one for n, one in enumerate(parts) if n == 0 or one != parts[n - 1])
    return valid_name(plain, fallback)


def valid_name(text: str, fallback: str = "point") -> str:
    """A name that a profile accepts."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    if not plain:
        plain = fallback
    if not plain[0].isalpha() or plain in RESERVED:
        plain = f"p_{plain}"
    return plain[:LONGEST_NAME].rstrip("_")


def known_unit(text: str) -> str:
    """The spelling of a unit for configuration, "" when it is none."""
    text = text.strip()
    try:
        return parse_unit(text).symbol or ("" if text in ("", "1") else text if parse_unit(text).dimension else "")
    except UnitError as error:
        return error.write if "," not in error.write and error.key == "unit.near" and _same(text, error.write) else ""


def _same(text: str, unit: str) -> bool:
    return text.casefold() == unit.casefold() or text.casefold() in ("volt", "volts", "watt", "watts", "celsius")


def unit_in_key(words: Sequence[str]) -> str:
    """The unit that the key names at its end: `power_w`, `volumeM3`; "" = none."""
    for place in range(len(words) - 1, 0, -1):
        word = words[place]
        if word not in _UNITS:
            continue
        if word not in _LETTERS or _MEASURES.get(words[place - 1]) == _LETTER_OF.get(word):
            return _UNITS[word]
    return _UNITS[words[0]] if len(words) == 1 and words[0] in _UNITS and words[0] not in _LETTERS else ""


def usual_unit(words: Sequence[str], numbers: Sequence[float], sibling_words: Iterable[str] = ()) -> str:
    """The unit that such a value nearly always has; "" where it can be one of several (power, energy)."""
    finite = [number for number in numbers if math.isfinite(number)]
    top = max(map(abs, finite), default=0.0)
    for word in reversed(words):
        if word in ("battery", "batt") and 0 <= top <= 100 and "voltage" not in words:
            return "pct"
        if word in ("rssi", "signal") and any(number < 0 for number in finite):
            return "dBm"
        if word == "pressure":
            return "hPa" if 800 <= top <= 1100 else "kPa" if 80 <= top <= 110 else ""
        if word in _USUAL:
            unit = _USUAL[word]
            if unit == "V" and top >= 1500 and ("battery" in {*sibling_words} or "battery" in words):
                return "mV"
            return unit
    return ""


def power_unit(power: float, voltage: float, current: float) -> str:
    """W or kW when power agrees with voltage times current (one to three phases); "" when it does not."""
    product = abs(voltage * current)
    if product < 1 or not math.isfinite(product):
        return ""
    share = abs(power) / product
    return "W" if 0.4 <= share <= 3.6 else "kW" if 0.0004 <= share <= 0.0036 else ""


def reconciled(words: Sequence[str], unit: str) -> str:
    """`kW` beside an energy is kWh: senders write the unit of the power for both."""
    if {"energy", "电量"} & set(words) and unit in ("W", "kW", "MW"):
        return f"{unit}h"
    return unit


def counts(words: Sequence[str], unit: str, numbers: Sequence[float], last: Sequence[str] = ()) -> bool:
    """True if the value is a total that only rises, by its words, its unit and the values seen in order. `last`: the
    words of its own key, which alone count where there is no unit."""
    if any(later < earlier for earlier, later in pairwise(numbers)):
        return False
    if set(words) & _NOT_COUNTED:
        return False
    if {"uptime", "fcnt", "counter", "pulses"} & set(words) or words[-2:] == ["f", "cnt"]:
        return True
    if not unit:
        return bool(set(last or words) & _COUNTED)
    return bool(set(words) & _COUNTED) and parse_unit(unit).dimension in _DIMENSIONS
