"""Probable meaning of a sample message: its time, connector, device and points. The user corrects it. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.domain.device import PointKind
from gateway.domain.units import UnitError, parse_unit
from gateway.starter.sample_lists import CODES, PARTS, TIMES, SampleList, named, objects, rows
from rules.expr.tokens import KEYWORDS

DEPTH = 4
LONGEST = 64
"""Characters of a state or a code."""
OUTSIDE = "all"
"""Suffix for the name of a point that the elements have, too."""
RESERVED = KEYWORDS | {"unknown"}
MOST = 40
"""Largest number of proposed points."""
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
Leaf = tuple[str, str, object, int]
"""(path, key, value, connector)."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ProposedPoint:
    """Place that is probably a point: its `path` in a route and its `value`. `component`: its connector, 0 = the device
    itself. `unit_named`: the unit is from the message, not the usual one of its kind."""

    name: str
    path: str
    kind: PointKind
    unit: str
    value: float | str | bool
    component: int = 0
    unit_named: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """`time`: (path, unit of a route); `component`: (path, number to add); `device`: the path of a code, `{key}` = the
    key of an element. `each`: elements that a route iterates; `first` is the path to the first of them, `codes` the
    codes of their devices; `plain_keys` are keys beside keys that are codes. `most`: the highest connector at
    `component`."""

    points: tuple[ProposedPoint, ...]
    time: tuple[str, str] | None = None
    component: tuple[str, int] | None = None
    device: str = ""
    each: str = ""
    first: tuple[str | int, ...] = ()
    codes: tuple[str, ...] = ()
    plain_keys: tuple[str, ...] = ()
    most: int = 0

    @property
    def components(self) -> int:
        """Number of connectors in the sample, 0 = none."""
        return max((self.most, *(one.component for one in self.points)))


def read_sample(document: object, device: str = "") -> Sample:
    """Read a message as JSON. `device`: its code, if known; if the code is a key, its siblings are codes too."""
    many = rows(document, device, _word)
    if many is None:
        return _sample_of(_leaves(document))
    outside = _sample_of(_outside(document, many))
    found = _sample_of(_leaves(many.merged))
    code = "{key}" if many.key else found.device or outside.device
    values = [row.get(found.device) for row in many.rows] if found.device and not many.key else []
    codes = tuple(dict.fromkeys(str(value) for value in values if _code(value))) or outside.codes
    names = {one.name for one in found.points}
    outer_points = (
        ()
        if found.device or found.time or many.key
        else tuple(replace(one, name=f"{one.name}_{OUTSIDE}") if one.name in names else one for one in outside.points)
    )
    add = found.component[1] if found.component is not None else 0
    numbers = [row.get(found.component[0]) for row in many.rows] if found.component is not None else []
    most = max((found.most, *(number + add for number in numbers if type(number) is int and number <= MOST)))
    return Sample(
        (*found.points, *outer_points),
        found.time or outside.time,
        found.component,
        code,
        many.each,
        many.first,
        many.codes or codes,
        many.plain_keys,
        most,
    )


def _sample_of(leaves: Iterable[Leaf]) -> Sample:
    points: dict[tuple[str, int], ProposedPoint] = {}
    kinds: dict[str, tuple[PointKind, bool]] = {}  # a point has one kind, and is one of connectors or of the device
    time = component = None
    device, most = "", 0
    codes: tuple[str, ...] = ()
    for path, key, value, number in leaves:
        word = _word(key)
        if time is None and not number and word in TIMES and (unit := _moment(value)):
            time = (path, unit)
        elif component is None and not number and word in PARTS and type(value) is int and 0 <= value <= MOST:
            component, most = (path, 0 if value else 1), value or 1
        elif not device and not number and word in CODES and _code(value):
            device, codes = path, (str(value),)
        elif value is not None and len(points) < MOST and not (number and word in PARTS) and not _long(value):
            proposed = replace(_propose(path, key, value), component=number)
            kind = (proposed.kind, number > 0)
            while (proposed.name, number) in points or kinds.get(proposed.name, kind) != kind:
                proposed = replace(proposed, name=f"{proposed.name}_2")
            points[proposed.name, number], kinds[proposed.name] = proposed, kind
    return Sample(tuple(points.values()), time, component, device, codes=codes, most=most)


def _code(value: object) -> bool:
    """True if the value can be the code of a device."""
    return isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= LONGEST


def _long(value: object) -> bool:
    """True if the text is too long for a state: a remark, a document."""
    return isinstance(value, str) and len(value) > LONGEST


def _word(key: str) -> str:
    return _NAME.sub("_", "_".join(_words(key))).strip("_") or key


def _outside(document: object, many: SampleList) -> Iterator[Leaf]:
    """Values outside of the elements; when keys are codes, only the values beside them."""
    head = "$." + re.split(r"[.]?\*|\[\*", many.each)[0]
    for leaf in _leaves(document, "$") if isinstance(document, dict) else ():
        inside = leaf[0].startswith((f"{head}.", f"{head}[")) if head != "$." else leaf[0].count(".") > 1
        if not inside:
            yield leaf


def _leaves(node: object, path: str = "", key: str = "", depth: int = 0, number: int = 0) -> Iterator[Leaf]:
    if isinstance(node, dict):
        for name, value in node.items() if depth < DEPTH else ():
            if not name or set(name) & set('"[]'):  # a path cannot contain it
                continue
            step = name if _PLAIN.fullmatch(name) else f'["{name}"]'
            joined = f"{path}{'' if step.startswith('[') or not path else '.'}{step}"
            yield from _leaves(value, joined, name, depth + 1, number)
    elif elements := objects(node):
        yield from _elements(elements, path, depth, number)
    elif not isinstance(node, list):
        yield path or ".", key or "value", node, number


def _elements(elements: Sequence[Mapping[str, Any]], path: str, depth: int, number: int) -> Iterator[Leaf]:
    """Elements of a list as places of one device: by their names, else the n-th stands for connector n."""
    if (pair := named(elements)) is not None:
        name, value = pair
        for one in elements:
            names_unit = str(one[name])
            if not set(names_unit) & set('[]"='):
                unit = str(one.get("unit", ""))
                yield f"{path}[{name}={names_unit}].{value}", f"{names_unit} {unit}".strip(), one[value], number
        return
    part = next((key for key in elements[0] if _word(key) in PARTS), None)
    parts = [one.get(part) for one in elements] if part is not None else []
    if all(type(value) is int and 0 <= value < MOST for value in parts) and len(set(parts)) == len(parts) > 0:
        add = int(0 in parts)
        for one, at in zip(elements, parts, strict=True):
            yield from _leaves(one, f"{path}[{part}={at}]", "", depth, number or int(str(at)) + add)
        return
    for index, one in enumerate(elements):
        yield from _leaves(one, f"{path}[{index}]", "", depth, number or (index + 1 if len(elements) > 1 else 0))


def _words(key: str) -> list[str]:
    """`inletTemp` -> inlet, temp; a known word (`SoC`) stays whole."""
    found: list[str] = []
    for part in key.split(" "):
        found += [part.lower()] if part.lower() in _WORDS else [one.lower() for one in _SPLIT.split(part) if one]
    return found


def _propose(path: str, key: str, value: object) -> ProposedPoint:
    words = _words(key)
    known = [_WORDS[word] for word in words if word in _WORDS]
    unit = next((_UNITS[word] for word in reversed(words[1:]) if word in _UNITS), "")
    name = _NAME.sub("_", "_".join(words)).strip("_")
    if len(words) - bool(unit) == 1 and known:
        name = known[0][0]
    elif unit and name.endswith(f"_{words[-1]}"):
        name = name.removesuffix(f"_{words[-1]}")
    if not re.match(r"[a-z]", name) or name in RESERVED:
        name = f"p_{name}".strip("_")
    names_unit = bool(unit)
    if isinstance(value, str) and _NUMBER.fullmatch(value) and (names_unit or (known and known[0][1])):
        value = float(value)
    if isinstance(value, bool | str):
        return ProposedPoint(name[:60], path, PointKind.STATE, "", value)
    unit = unit or (known[0][1] if known else "")
    try:
        parse_unit(unit)
    except UnitError:
        unit, names_unit = "", False
    counted = bool(unit) and not _COUNTERS.isdisjoint({*words, *(one for one, _ in known)})
    number = float(value) if isinstance(value, int | float) else 0.0
    return ProposedPoint(
        name[:60], path, PointKind.COUNTER if counted else PointKind.GAUGE, unit, number, unit_named=names_unit
    )


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
    for unit, low in (("", 1e19), ("ns", 1e17), ("us", 1e14), ("ms", 1e11), ("s", 1e8)):
        if value >= low:
            return unit
    return ""
