"""Registers bound to the points of one device: words in, (value, quality) out. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from gateway.domain.device import Point, PointKind, PointSpec, Profile
from gateway.domain.errors import ConfigError, DecodeError, Problem
from gateway.domain.linear import Linear
from gateway.domain.linear import conversion as to_point
from gateway.domain.no_data_texts import is_no_data
from gateway.domain.reading import Quality
from gateway.domain.units import UnitError, parse_unit
from gateway.section_problems import problems
from protocols.modbus.profile import Missing, ModbusMap, Register, RegisterPlace, is_pattern, scaling
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.words import Format, Type, decode, pattern

BAD = (math.nan, Quality.BAD)
LOWEST_POWER, HIGHEST_POWER = -10, 10
"""The powers of ten that a register may name: the range of `sunssf`."""
_LARGEST = 65535
_INTEGERS = (Type.U16, Type.I16, Type.U32, Type.I32, Type.U64, Type.I64)


@dataclass(frozen=True, slots=True)
class RegisterField:
    """One part of a value: `offset` registers from the start of the span; `missing` raw numbers and texts, `patterns`
    unsigned numbers compared with the bytes."""

    offset: int
    form: Format
    weight: float
    missing: frozenset[float | str]
    patterns: frozenset[int]

    def raw(self, words: Sequence[int]) -> float | str | None:
        """The weighted raw value of this part of a span; None = no data. Raises DecodeError."""
        own = words[self.offset : self.offset + self.form.registers]
        raw = decode(self.form, own)
        if raw in self.missing or (self.patterns and pattern(self.form, own) in self.patterns):
            return None
        if isinstance(raw, str):
            return raw
        return raw * self.weight if math.isfinite(raw) else None


@dataclass(frozen=True, slots=True)
class RegisterExponent:
    """The power of ten that stands in a register of the span: `offset` from its start, `plus` is added to it; `powers`
    lead from the raw value to the unit of the point, by power of ten from LOWEST_POWER on."""

    offset: int
    form: Format
    plus: int
    powers: tuple[Linear, ...]

    def linear(self, words: Sequence[int]) -> Linear | None:
        """None when the power is out of -10 to 10, as the "not implemented" 0x8000 of SunSpec."""
        raw = decode(self.form, words[self.offset : self.offset + self.form.registers])
        place = int(raw) + self.plus - LOWEST_POWER
        return self.powers[place] if 0 <= place < len(self.powers) else None


@dataclass(frozen=True, slots=True)
class BoundRegister:
    """A point of a device and the registers or bits that hold it: [address, address + count) of `table`, read in one
    request, and the spans of `apart` (address, count), which only scale it and are read by others of the same cycle;
    a word of a table of bits is 0 or 1.

    `linear` leads to the unit of the point, in its stead `exponent` where the device gives the power of ten; `states`
    raw -> text for state points, `flags` (bit, text) in their order of weight; `factors` are multiplied with the value;
    `low`, `high` are the plausible bounds (infinite = none); `unit` is added to the unit id of the device; `group` is
    the poll group, "" = none.
    """

    point: int
    name: str
    component: int
    kind: PointKind
    table: RegisterTable
    address: int
    count: int
    fields: tuple[RegisterField, ...]
    linear: Linear
    states: Mapping[int | str, str]
    low: float = -math.inf
    high: float = math.inf
    exponent: RegisterExponent | None = None
    unit: int = 0
    apart: tuple[tuple[int, int], ...] = ()
    factors: tuple[RegisterField, ...] = ()
    flags: tuple[tuple[int, str], ...] = ()
    group: str = ""

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """(address, count) of all that is read for it; `value` takes their words in this order."""
        return (self.address, self.count), *self.apart

    def value(self, words: Sequence[int]) -> float | str | None:
        """The words of the spans -> a number in the point's unit, the text of a state, or None = missing.

        A number without a text in `states` is the text `raw:<n>`. Raises DecodeError.
        """
        expected = sum(count for _, count in self.spans)
        if len(words) != expected:
            raise DecodeError("words", f"{self.name}: {len(words)} registers, expected {expected}")
        total: float = 0
        for field in self.fields:
            raw = field.raw(words)
            if raw is None:
                return None
            if isinstance(raw, str):
                return self.states.get(raw, None if is_no_data(raw) else raw)
            total += raw
        if self.kind is PointKind.STATE:
            return self._state(int(total))
        for factor in self.factors:
            raw = factor.raw(words)
            if raw is None or isinstance(raw, str):
                return None
            total *= raw
        linear = self.linear if self.exponent is None else self.exponent.linear(words)
        return None if linear is None else linear.value(total)

    def _state(self, number: int) -> str:
        if self.flags and number:
            return next((text for bit, text in self.flags if number >> bit & 1), f"raw:{number}")
        return self.states.get(number, f"raw:{number}")

    def judge(self, words: Sequence[int], code: Callable[[int, str], int | None]) -> tuple[float, Quality]:
        """`value` as a row of a batch. `code` is Directory.state_code. Missing is bad, implausible is uncertain."""
        value = self.value(words)
        if value is None:
            return BAD
        if isinstance(value, str):
            known = code(self.point, value)
            return BAD if known is None else (float(known), Quality.GOOD)
        if not math.isfinite(value):
            return BAD
        return value, Quality.GOOD if self.low <= value <= self.high else Quality.UNCERTAIN


def bind(
    register_map: ModbusMap, points: Mapping[tuple[str, int], Point], components: int
) -> tuple[BoundRegister, ...]:
    """The registers of a device with `components` components, in the order of the map, component by component.

    `points` is Directory.points(profile). Raises ConfigError with every register that fits no point or no unit.
    """
    bound: list[BoundRegister] = []
    wrong: list[Problem] = []
    file = next((point.profile for point in points.values()), "")
    names = {name for name, _ in points}
    for name, register in register_map.points.items():
        if name not in names:
            wrong.append(_unknown(file, name, names))
        for number in range(components + 1):
            point = points.get((name, number))
            if point is None:
                continue
            found = _misfits(file, register_map, register, point, number)
            wrong += found
            if not found:
                bound.append(_bind(register_map, register, point, number))
    if wrong:
        raise ConfigError(wrong)
    return tuple(bound)


def _bind(register_map: ModbusMap, register: Register, point: Point, component: int) -> BoundRegister:
    states: dict[int | str, str] = {text: text for text in point.values if is_no_data(text)}
    states.update(register.map or {})
    if register.flags is not None:
        states[0] = register.no_flag
    (first, last), *apart = register_map.spans(register, component)
    offsets = _offsets([(first, last), *apart])
    conversion = to_point(register.unit, point.unit)
    return BoundRegister(
        point=point.id,
        name=point.name,
        component=component,
        kind=point.kind,
        table=register_map.table_of(register),
        address=first,
        count=last - first + 1,
        fields=_fields(register_map.places(register, component), offsets),
        linear=scaling(register, *conversion),
        states=states,
        low=-math.inf if point.plausible.min is None else point.plausible.min,
        high=math.inf if point.plausible.max is None else point.plausible.max,
        exponent=_exponent(register_map, register, component, offsets, conversion),
        unit=register_map.unit_offset(register, component),
        apart=tuple((low, high - low + 1) for low, high in apart),
        factors=_fields(register_map.factor_places(register, component), offsets),
        flags=tuple((register.flags or {}).items()),
        group=register.group or "",
    )


def _offsets(spans: Sequence[tuple[int, int]]) -> Mapping[int, int]:
    """Address -> its place among the words of all spans, one after the other."""
    found: dict[int, int] = {}
    before = 0
    for low, high in spans:
        for address in range(low, high + 1):
            found.setdefault(address, before + address - low)
        before += high - low + 1
    return found


def _fields(places: Sequence[RegisterPlace], offsets: Mapping[int, int]) -> tuple[RegisterField, ...]:
    return tuple(
        RegisterField(offsets[address], form, weight, *_sentinels(form, missing))
        for address, form, weight, missing in places
    )


def _exponent(
    register_map: ModbusMap,
    register: Register,
    component: int,
    offsets: Mapping[int, int],
    conversion: tuple[float, float],
) -> RegisterExponent | None:
    place = register_map.exponent_place(register, component)
    if place is None or register.scale_from is None:
        return None
    powers = tuple(scaling(register, *conversion, power) for power in range(LOWEST_POWER, HIGHEST_POWER + 1))
    address, form = place
    return RegisterExponent(offsets[address], form, register.scale_from.offset, powers)


def _sentinels(form: Format, missing: Sequence[Missing]) -> tuple[frozenset[float | str], frozenset[int]]:
    """Numbers are compared with the value and, in integer registers, with the bytes (a signed register that holds
    0xFFFFFFFF reads -1); `0x..` text only with the bytes; other text only with text."""
    values: set[float | str] = set()
    patterns: set[int] = set()
    for one in missing:
        if isinstance(one, str) and is_pattern(one):
            patterns.add(int(one, 16))
            continue
        values.add(one)
        if isinstance(one, int) and form.type in _INTEGERS:
            patterns.add(one)
    return frozenset(values), frozenset(patterns)


def load(
    section: Mapping[str, object], profile: Profile, file: str, declared: Mapping[str, str] | None = None
) -> ModbusMap:
    """The parsed `modbus:` section of a profile file, checked against the profile.

    A register without `missing` or `unit` takes that of its point; `declared` are the units of the points as the file
    writes them, where that is not the canonical one. Raises ConfigError with everything wrong at once.
    """
    try:
        register_map = ModbusMap.model_validate(section)
    except ValidationError as error:
        raise ConfigError(problems(error, ModbusMap, file, "modbus")) from error
    wrong: list[Problem] = []
    points: dict[str, Register] = {}
    for name, register in register_map.points.items():
        spec = profile.point(name)
        if spec is None:
            wrong.append(_unknown(file, name, {p.name for p in profile.points}))
            continue
        if spec.each and profile.components > 1 and not (register_map.stride or register_map.unit_stride):
            wrong.append(Problem(file, f"modbus.points.{name}", "modbus.stride", {"name": name}))
        numbers = range(1, max(profile.components, 1) + 1) if spec.each else (0,)
        misfits = (_misfits(file, register_map, register, spec, number) for number in numbers)
        wrong += next((found for found in misfits if found), [])
        inherited: dict[str, object] = {}
        if not register.missing and not register.parts and not register_map.table_of(register).of_bits:
            inherited["missing"] = spec.missing
        if register.unit is None and spec.kind is not PointKind.STATE and declared and name in declared:
            inherited["unit"] = declared[name]
        points[name] = register.model_copy(update=inherited)
    if wrong:
        raise ConfigError(wrong)
    return register_map.model_copy(update={"points": points})


def _unknown(file: str, name: str, known: Iterable[str]) -> Problem:
    fields = {"name": name, "known": ", ".join(sorted(known))}
    return Problem(file, f"modbus.points.{name}", "modbus.unknown_point", fields)


def _misfits(
    file: str, register_map: ModbusMap, register: Register, point: Point | PointSpec, component: int
) -> list[Problem]:
    """What keeps a register from being this point of this component."""
    found: list[tuple[str, dict[str, object]]] = []
    name = point.name
    if point.kind is PointKind.STATE:
        if register.map is None and register.flags is None and register.type is not Type.ASCII:
            found.append(("modbus.state_map", {"name": name}))
        if {"unit", "scale", "scale_from", "times", "offset"} & register.model_fields_set:
            found.append(("modbus.state_scale", {"name": name}))
    else:
        if register.map is not None:
            found.append(("modbus.not_state", {"name": name, "what": "map"}))
        if register.flags is not None:
            found.append(("modbus.not_state", {"name": name, "what": "flags"}))
        if register.type is Type.ASCII:
            found.append(("modbus.not_state", {"name": name, "what": "type: ascii"}))
        found += _unit_misfits(register.unit, point.unit)
    found += _place_misfits(register_map, name, register, component)
    return [Problem(file, f"modbus.points.{name}", key, fields) for key, fields in found]


def _unit_misfits(register: str | None, point: str) -> list[tuple[str, dict[str, object]]]:
    if not register:
        return []
    try:
        source = parse_unit(register)
    except UnitError as error:
        return [(error.key, {**error.fields})]
    if source.dimension != parse_unit(point).dimension:
        return [("modbus.unit_other", {"unit": register, "point": point or "1"})]
    return []


def _place_misfits(
    register_map: ModbusMap, name: str, register: Register, component: int
) -> list[tuple[str, dict[str, object]]]:
    found: list[tuple[str, dict[str, object]]] = []
    table = register_map.table_of(register)
    if table.of_bits and register.not_of_bits:
        found.append(("modbus.of_bits", {"table": table.value, "what": ", ".join(register.not_of_bits)}))
    limit = "max_bits" if table.of_bits else "max_registers"
    most = register_map.max_bits if table.of_bits else register_map.max_registers
    for first, last in register_map.spans(register, component):
        if first < 0 or last > _LARGEST:
            found.append(("modbus.address", {"name": name, "address": first if first < 0 else last}))
        if last - first + 1 > most:
            found.append(("modbus.span", {"name": name, "count": last - first + 1, "limit": limit, "max": most}))
        for low, high in register_map.forbid:
            if first <= high and low <= last:
                span = {"name": name, "first": first, "last": last, "low": low, "high": high}
                found.append(("modbus.forbidden", span))
    return found
