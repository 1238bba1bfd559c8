"""What a sample message seems to be: its time, connector, device and points. A guess that a person corrects. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.device import PointKind
from gateway.domain.units import UnitError, parse_unit

DEPTH = 4
MOST = 40
"""Points of a message that are proposed."""
_TIMES = frozenset({"ts", "timestamp", "time", "at", "date", "datetime", "t", "reported_at", "event_time", "时间"})
_PARTS = frozenset({"connector", "connector_id", "gun", "gun_no", "port", "plug", "plug_id", "枪号"})
_CODES = frozenset(
    {"device", "device_id", "id", "sn", "serial", "serial_no", "imei", "vin", "code", "client_id", "设备编号"}
)
_WORDS: Mapping[str, tuple[str, str]] = {
    # a word of the key -> (name of the point, unit)
    "temp": ("temp", "degC"), "temperature": ("temp", "degC"), "温度": ("temp", "degC"),
    "voltage": ("voltage", "V"), "volt": ("voltage", "V"), "u": ("voltage", "V"), "电压": ("voltage", "V"),
    "current": ("current", "A"), "amp": ("current", "A"), "amps": ("current", "A"), "i": ("current", "A"),
    "power": ("power", "kW"), "p": ("power", "kW"), "energy": ("energy", "kWh"), "soc": ("soc", "pct"),
    "humidity": ("humidity", "pct"), "pressure": ("pressure", "kPa"), "flow": ("flow", "m3/h"),
    "volume": ("volume", "m3"), "speed": ("speed", "km/h"), "odometer": ("odometer", "km"), "odo": ("odometer", "km"),
    "mileage": ("odometer", "km"), "frequency": ("frequency", "Hz"), "freq": ("frequency", "Hz"),
    "battery": ("battery", ""), "lat": ("lat", "deg"), "latitude": ("lat", "deg"), "lon": ("lon", "deg"),
    "lng": ("lon", "deg"), "longitude": ("lon", "deg"), "ign": ("ignition", ""), "status": ("status", ""),
    "state": ("status", ""), "fault": ("fault_code", ""), "error": ("fault_code", ""),
}  # fmt: skip
_UNITS: Mapping[str, str] = {
    "w": "W", "kw": "kW", "mw": "MW", "wh": "Wh", "kwh": "kWh", "mwh": "MWh", "v": "V", "mv": "mV", "a": "A",
    "ma": "mA", "c": "degC", "degc": "degC", "celsius": "degC", "f": "degF", "kpa": "kPa", "pa": "Pa", "mpa": "MPa",
    "bar": "bar", "mbar": "mbar", "m3": "m3", "l": "L", "hz": "Hz", "km": "km", "kmh": "km/h", "pct": "pct",
    "percent": "pct",
}  # fmt: skip
_COUNTERS = frozenset({"energy", "volume", "odometer", "total"})
_SPLIT = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^0-9A-Za-z\u4e00-\u9fff]+")
_NAME = re.compile(r"[^a-z0-9]+")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Guess:
    """One place that seems to be a point: its `path` in a route, the `value` seen."""

    name: str
    path: str
    kind: PointKind
    unit: str
    value: float | str | bool


@dataclass(frozen=True, slots=True)
class Sample:
    """`time`: (path, unit of a route); `component`: (path, what to add); `device`: the path of a code."""

    points: tuple[Guess, ...]
    time: tuple[str, str] | None = None
    component: tuple[str, int] | None = None
    device: str = ""


def look(document: object) -> Sample:
    """A message as JSON. Lists are left to the person who writes the route."""
    points: dict[str, Guess] = {}
    time = component = None
    device = ""
    for path, key, value in _leaves(document):
        word = _NAME.sub("_", "_".join(_words(key))).strip("_") or key
        if time is None and word in _TIMES and (unit := _moment(value)):
            time = (path, unit)
        elif component is None and word in _PARTS and isinstance(value, int) and 0 <= value <= 64:
            component = (path, 0 if value else 1)
        elif not device and word in _CODES and isinstance(value, str | int):
            device = path
        elif value is not None and len(points) < MOST:
            guess = _guess(path, key, value)
            while guess.name in points:
                guess = Guess(f"{guess.name}_2", guess.path, guess.kind, guess.unit, guess.value)
            points[guess.name] = guess
    return Sample(tuple(points.values()), time, component, device)


def _leaves(node: object, path: str = "", key: str = "", depth: int = 0) -> Iterator[tuple[str, str, object]]:
    if isinstance(node, dict):
        for name, value in node.items() if depth < DEPTH else ():
            step = name if _PLAIN.fullmatch(name) else f'["{name}"]'
            joined = f"{path}{'' if step.startswith('[') or not path else '.'}{step}"
            yield from _leaves(value, joined, name, depth + 1)
    elif not isinstance(node, list) and '"' not in key:
        yield path or ".", key or "value", node


def _words(key: str) -> list[str]:
    return [part.lower() for part in _SPLIT.split(key) if part]


def _guess(path: str, key: str, value: object) -> Guess:
    words = _words(key)
    known = [_WORDS[word] for word in words if word in _WORDS]
    unit = next((_UNITS[word] for word in reversed(words[1:]) if word in _UNITS), "")
    name = _NAME.sub("_", "_".join(words)).strip("_")
    if len(words) - bool(unit) == 1 and known:
        name = known[0][0]
    elif unit and name.endswith(f"_{words[-1]}"):
        name = name.removesuffix(f"_{words[-1]}")
    if not re.match(r"[a-z]", name):
        name = f"p_{name}".strip("_")
    if isinstance(value, bool | str):
        return Guess(name[:60], path, PointKind.STATE, "", value)
    unit = unit or (known[0][1] if known else "")
    try:
        parse_unit(unit)
    except UnitError:
        unit = ""
    counted = bool(unit) and not _COUNTERS.isdisjoint({*words, *(one for one, _ in known)})
    number = float(value) if isinstance(value, int | float) else 0.0
    return Guess(name[:60], path, PointKind.COUNTER if counted else PointKind.GAUGE, unit, number)


def _moment(value: object) -> str:
    """The unit of a time in a route; "" when it is none."""
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return ""
        return "iso"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    for unit, low in (("ns", 1e17), ("us", 1e14), ("ms", 1e11), ("s", 1e8)):
        if value >= low:
            return unit
    return ""
