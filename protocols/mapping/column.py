"""One point of a route, bound to a registered point: raw JSON values -> canonical values with a quality.

`Column.one` defines what a value means; `Column.many` is the same over arrays (a property test compares them).
"""

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gateway.domain.device import AsSent, Point, PointKind
from gateway.domain.no_data_texts import is_no_data
from gateway.domain.reading import F64, I32, U8, Quality
from gateway.domain.units import UnitError, parse_unit
from protocols.mapping.number import parse_number
from protocols.mapping.path import scalar_text
from protocols.mapping.place import Measured
from protocols.mapping.point_config import PointMap, UnitAt
from protocols.mapping.text_part import text_part

BAD, UNCERTAIN, GOOD = int(Quality.BAD), int(Quality.UNCERTAIN), int(Quality.GOOD)
DROPPED = 255  # instead of a quality: no row, the text was refused
LONGEST_STATE = 120
_REMEMBERED = 4096
_NOTHING = (math.nan, BAD)
_PLAIN = AsSent()

StateCode = Callable[[int, str, int], int | None]
"""Directory.state_code: (point, text, device)."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a route's point cannot fill a profile's point. `key` is a text of the catalogue."""

    key: str
    fields: dict[str, object]


def misfit(config: PointMap, point: Point) -> Misfit | None:
    """Why unit or map of the message do not suit the point; None when they do."""
    fields: dict[str, object] = {"point": point.name, "profile": point.profile}
    if point.kind is PointKind.STATE:
        return None
    for value in (*config.map.values(), config.default):
        if isinstance(value, str):
            return Misfit("route.bind_map", fields | {"got": value})
    units = [*config.unit.map.values()] if isinstance(config.unit, UnitAt) else [config.unit]
    for unit in units:
        if unit is not None and parse_unit(unit).dimension != parse_unit(point.unit).dimension:
            return Misfit("route.bind_unit", fields | {"got": unit, "unit": point.unit or "1"})
    return None


class MessageUnits:
    """Units as messages write them -> factor and shift to the canonical unit. Everything remembered is bounded."""

    def __init__(self, config: UnitAt, canonical: str, absent: str) -> None:
        self._map = {scalar_text(key): unit for key, unit in config.map.items()}
        self._dimension = parse_unit(canonical).dimension
        self._absent = parse_unit(absent)
        self._known: dict[str, tuple[float, float] | None] = {}

    def of(self, text: str | None) -> tuple[float, float] | None:
        """None for an unknown unit, and for one of another dimension than the point's."""
        if text is None or not text.strip():
            return float(self._absent.factor), float(self._absent.offset)
        if text not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = self._parsed(self._map.get(text.strip(), text.strip()))
        return self._known[text]

    def _parsed(self, text: str) -> tuple[float, float] | None:
        try:
            unit = parse_unit(text)
        except UnitError:
            return None
        return (float(unit.factor), float(unit.offset)) if unit.dimension == self._dimension else None


class Column:
    """Converter of one point. What the route leaves out, its unit and the values that mean no data, is taken from
    the profile; without either, the message is taken to be in the point's canonical unit."""

    def __init__(self, config: PointMap, point: Point, state_code: StateCode, sent: AsSent = _PLAIN) -> None:
        self.point = point.id
        self._state = point.kind is PointKind.STATE
        self._numbered = sent.values if self._state else ()
        self._listed = frozenset(sent.values)
        self._state_code = state_code
        self._misfit = misfit(config, point) is not None
        missing = sent.missing if config.missing is None else config.missing
        self._missing_numbers = tuple(sorted({float(m) for m in missing if not isinstance(m, str)}))
        self._missing_texts = frozenset(m.strip() for m in missing if isinstance(m, str))
        self._map = {scalar_text(key): value for key, value in config.map.items()}
        self._default = config.default
        self._part = text_part(config)
        self._bit = config.bit
        written = config.unit if isinstance(config.unit, str) else "" if self._state else sent.unit
        self._units = MessageUnits(config.unit, point.unit, written) if isinstance(config.unit, UnitAt) else None
        unit = parse_unit(written)
        self._scale, self._offset = float(config.scale), float(config.offset)
        self._factor, self._shift = float(unit.factor), float(unit.offset)
        low, high = point.plausible.min, point.plausible.max
        self._low = -math.inf if low is None else low
        self._high = math.inf if high is None else high
        self._bounded = low is not None or high is not None
        # JSON has no type for both 1 and true, Python's dict has: one memory per type keeps them apart
        self._memory: dict[type, dict[Any, float]] = {str: {}, int: {}}

    # ---- one value --------------------------------------------------------------------------------------------
    def one(self, raw: Any, device: int = 0) -> tuple[float, int]:
        """(value, quality) of what `device` sent; NaN iff bad; quality DROPPED = no reading at all."""
        if self._units is not None:
            return self._measured(raw)
        return self._one(raw if self._part is None else self._part(raw), device)

    def _measured(self, raw: Measured) -> tuple[float, int]:
        """Of a message that names its unit: like a message whose unit the route names."""
        assert self._units is not None
        found = self._units.of(raw.unit)
        if found is None:
            return _NOTHING
        self._factor, self._shift = found
        return self._one(raw.value if self._part is None else self._part(raw.value), 0)

    def _one(self, raw: Any, device: int) -> tuple[float, int]:
        if self._misfit or raw is None:
            return _NOTHING
        if type(raw) is str:
            raw = raw.strip()
            if raw in self._missing_texts:
                return _NOTHING
        if self._state or self._map:
            return self._looked_up(raw, device)
        number = _number(raw)
        if number is None or float(number) in self._missing_numbers:
            return _NOTHING
        if self._bit is not None:
            number = _bit_of(number, self._bit)
            if number is None:
                return _NOTHING
        return self._scaled(float(number))

    def _looked_up(self, raw: Any, device: int) -> tuple[float, int]:
        if self._missing_numbers or self._bit is not None:
            number = _number(raw)
            if number is not None and float(number) in self._missing_numbers:
                return _NOTHING
            if self._bit is not None:
                raw = None if number is None else _bit_of(number, self._bit)
        if type(raw) is float and raw.is_integer():
            raw = int(raw)
        text = scalar_text(raw)
        if not text:
            return _NOTHING
        mapped = self._map.get(text, self._default)
        if not self._state:
            number = _number(raw if mapped is None else mapped)
            return _NOTHING if number is None else self._scaled(float(number))
        if mapped is None and type(raw) is int and 0 <= raw < len(self._numbered):
            mapped = self._numbered[raw]  # the profile's `values` are numbered like the device's codes
        name = text if mapped is None else scalar_text(mapped)
        if not name or len(name) > LONGEST_STATE:
            return _NOTHING
        if mapped is None and is_no_data(name) and name not in self._listed:
            return _NOTHING
        code = self._state_code(self.point, name, device)
        return (math.nan, DROPPED) if code is None else (float(code), GOOD)

    def _scaled(self, value: float) -> tuple[float, int]:
        if self._scale != 1.0 or self._offset:
            value = value * self._scale + self._offset
        if self._factor != 1.0 or self._shift:
            value = value * self._factor + self._shift
        if not math.isfinite(value):
            return _NOTHING
        return value, GOOD if self._low <= value <= self._high else UNCERTAIN

    # ---- many values ------------------------------------------------------------------------------------------
    def many(self, raws: Sequence[Any], devices: I32) -> tuple[F64, U8]:
        """Values and qualities of a column, the same as `one` of each; `devices` sent them."""
        if self._misfit:
            return _pack([_NOTHING] * len(raws))
        if self._units is not None:
            return _pack([self._measured(raw) for raw in raws])
        if self._part is not None:
            raws = list(map(self._part, raws))
        if self._state or self._map:
            return self._remembered(raws, devices)
        try:
            values = np.frombuffer(array("d", raws), np.float64)
            bad = np.zeros(0, np.bool_)
            for missing in self._missing_numbers:
                hit = values == missing
                bad = hit if not bad.size else bad | hit
            if self._bit is not None:
                whole = np.frombuffer(array("q", raws), np.int64)
                values = ((whole >> self._bit) & 1).astype(np.float64)
        except (TypeError, OverflowError):  # texts, nulls, objects, fractions or huge integers among them
            return _pack([self._one(raw, 0) for raw in raws])
        return self._arrays(values, bad)

    def _arrays(self, values: F64, bad: Any) -> tuple[F64, U8]:
        if self._scale != 1.0 or self._offset:
            values = values * self._scale + self._offset
        if self._factor != 1.0 or self._shift:
            values = values * self._factor + self._shift
        quality = np.full(len(values), GOOD, np.uint8)
        if self._bounded:
            quality[(values < self._low) | (values > self._high)] = UNCERTAIN
        worst = ~np.isfinite(values)
        if bad.size:
            worst |= bad
        if worst.any():
            values = np.where(worst, np.nan, values)
            quality[worst] = BAD
        return values, quality

    def _remembered(self, raws: Sequence[Any], devices: I32) -> tuple[F64, U8]:
        kinds = set(map(type, raws))
        memory = self._memory.get(next(iter(kinds))) if len(kinds) == 1 else None
        if memory is None:
            return _pack([self._one(raw, device) for raw, device in zip(raws, devices.tolist(), strict=True)])
        odd = {} if memory.keys() >= set(raws) else self._learn(raws, devices, memory)
        known = map(memory.__getitem__, raws)
        if odd:
            known = map(memory.get, raws, [math.nan] * len(raws))
        values = np.frombuffer(array("d", known), np.float64)
        quality = np.where(np.isnan(values), np.uint8(BAD), np.uint8(GOOD))
        if self._bounded and not self._state:
            quality[(values < self._low) | (values > self._high)] = UNCERTAIN
        if odd:
            values = values.copy()
            for row, (value, judged) in odd.items():
                values[row], quality[row] = value, judged
        return values, quality

    def _learn(self, raws: Sequence[Any], devices: I32, memory: dict[Any, float]) -> dict[int, tuple[float, int]]:
        """Bring `memory` up to these texts, in the order they came -> the rows that cannot be remembered."""
        odd = {}
        for row, raw in enumerate(raws):
            if raw not in memory:
                result = self._one(raw, int(devices[row]))
                if result[1] == DROPPED or len(memory) >= _REMEMBERED:
                    odd[row] = result
                else:
                    memory[raw] = result[0]
        return odd


def _pack(results: list[tuple[float, int]]) -> tuple[F64, U8]:
    values, qualities = zip(*results, strict=True)
    return np.array(values, np.float64), np.array(qualities, np.uint8)


def _number(raw: Any) -> int | float | None:
    """A finite number, or None."""
    kind = type(raw)
    if kind is int or kind is bool:
        try:
            float(raw)
        except OverflowError:
            return None
        return int(raw)
    if kind is float:
        return float(raw) if math.isfinite(raw) else None
    if kind is str:
        try:
            return parse_number(raw)
        except ValueError:
            return None
    return None


def _bit_of(number: int | float, bit: int) -> int | None:
    if isinstance(number, float):
        if not number.is_integer():
            return None
        number = int(number)
    return (number >> bit) & 1
