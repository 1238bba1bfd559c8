"""`modbus:` of a command in a profile: the registers or coils that it writes, one after the other.

commands:
  set_limit:
    title: {en: Set the current limit, zh: 设置限流值}
    parameters: {limit: {unit: A, min: 6, max: 32}}
    modbus: {at: 40, type: u16, scale: 0.1, parameter: limit}
  close_valve:
    title: {en: Close the valve, zh: 关阀}
    modbus:
      writes:
      - {at: 100, value: 1}                       # release
      - {table: coil, at: 3, value: true, read_back: false}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from gateway.domain.device_command.definition import CommandDefinition, CommandParameter, ParameterType, Value, Values
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.linear import Linear
from gateway.domain.units import UnitError, parse_unit
from gateway.section import Section, wrong
from gateway.section_problems import problems
from protocols.modbus.profile import ModbusMap, Scale
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.register_write import RegisterWrite
from protocols.modbus.words import ByteOrder, Format, Type, encode

_ON, _OFF = 0xFF00, 0x0000
_LARGEST = 65535


class ModbusWrite(Section):
    """One write. `value` or `parameter`; `map`: texts and flags as numbers; `unit` is that of the register, without it
    the parameter is written in its own. `function`: `single` is 5 and 6, `multiple` 15 and 16; `auto` takes `single`
    for one coil or register. `read_back`: the same place is read before and after, and must hold what was written."""

    table: Literal["holding", "coil"] = "holding"
    at: int
    type: Type = Type.U16
    order: ByteOrder | None = None
    length: int = Field(default=0, ge=0, le=123)
    scale: Scale = 1.0
    offset: Scale = 0.0
    unit: str = ""
    value: Annotated[bool | int | float | str | None, Field(union_mode="smart")] = None
    parameter: str = ""
    map: dict[str, int] = Field(default={}, max_length=64)
    function: Literal["auto", "single", "multiple"] = "auto"
    unit_offset: int = Field(default=0, ge=-255, le=255)
    read_back: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.value is None) == (not self.parameter):
            raise wrong("modbus.command_value_or_parameter")
        if self.scale == 0:
            raise wrong("modbus.scale")
        try:
            form = self.form(ByteOrder.ABCD)
        except ValueError as error:
            raise wrong("modbus.format", reason=str(error)) from None
        if self.function == "single" and form.registers > 1:
            raise wrong("modbus.command_single", count=form.registers)
        return self

    def form(self, order: ByteOrder) -> Format:
        """The format, with the map's `order` where it names none."""
        return Format(Type.U16 if self.table == "coil" else self.type, self.order or order, self.length)


class ModbusCommand(Section):
    """The section: `writes` in order, or the keys of a single one. What fails ends the rest."""

    writes: tuple[ModbusWrite, ...] = Field(min_length=1, max_length=8)

    @model_validator(mode="before")
    @classmethod
    def _of_one(cls, value: object) -> object:
        return {"writes": [value]} if isinstance(value, Mapping) and "writes" not in value else value


@dataclass(frozen=True, slots=True)
class BoundWrite:
    """A write of a profile with the places of its map. `factor`, `shift`: from the unit of the parameter to
    that of the register."""

    config: ModbusWrite
    base: int
    stride: int
    unit_stride: int
    order: ByteOrder
    factor: float = 1.0
    shift: float = 0.0

    def unit(self, component: int) -> int:
        """What is added to the unit id of the device."""
        return self.config.unit_offset + max(component - 1, 0) * self.unit_stride

    def request(self, component: int, values: Values) -> RegisterWrite:
        """Raises ValueError when the value does not fit."""
        config = self.config
        address = self.base + max(component - 1, 0) * self.stride + config.at
        if not 0 <= address <= _LARGEST:
            raise ValueError(f"there is no address {address}")
        given = config.value if config.value is not None else values[config.parameter]
        raw = self._raw(given)
        multiple = config.function == "multiple"
        if config.table == "coil":
            if raw not in (0, 1):
                raise ValueError(f"{raw} is no state of a coil")
            return RegisterWrite(RegisterTable.COIL, 15 if multiple else 5, address, (int(raw),))
        words = encode(config.form(self.order), raw)
        multiple = multiple or len(words) > 1
        return RegisterWrite(RegisterTable.HOLDING, 16 if multiple else 6, address, words)

    def _raw(self, given: Value) -> int | float | str:
        """The register's number; whole where the register holds whole numbers."""
        config = self.config
        if isinstance(given, str) and config.type is Type.ASCII and not config.map:
            return given
        shown = str(given).lower() if isinstance(given, bool) else str(given)
        if config.map:
            if shown not in config.map:
                raise ValueError(f"{shown} is not in the map")
            return config.map[shown]
        if isinstance(given, str):
            raise ValueError(f"{given!r} is not a number; write a map")  # noqa: TRY004 - the documented error
        raw = Linear.of(config.scale, config.offset).raw(float(given) * self.factor + self.shift)
        return raw if config.type in (Type.F32, Type.F64) and config.table == "holding" else round(raw)


ModbusForm = tuple[BoundWrite, ...]
"""A compiled section."""


def load(section: Mapping[str, Any], definition: CommandDefinition, own: Mapping[str, Any] | None) -> ModbusForm:
    """As `CommandForm.load`. Places count as in the register map of the profile: `base`, `stride`, `unit_stride`,
    `order`. Every limit of a parameter must fit its register."""
    try:
        config = ModbusCommand.model_validate(section)
    except ValidationError as error:
        raise ConfigError(problems(error, ModbusCommand, "", "")) from error
    places = _map_of(own)
    known = {parameter.name: parameter for parameter in definition.parameters}
    found: list[Problem] = []
    bound: list[BoundWrite] = []
    for index, write in enumerate(config.writes):
        here = f"writes[{index}]" if "writes" in section else ""
        try:
            one = _bound(write, places, known)
            for values in _samples(known.get(write.parameter)):
                _allowed(write, one.request(1, values), places)
        except UnitError as error:
            found.append(Problem("", here, error.key, error.fields))
        except ValueError as error:
            found.append(Problem("", here, "modbus.command_value", {"reason": str(error)}))
        else:
            bound.append(one)
    used = {write.parameter for write in config.writes}
    found += [Problem("", "", "modbus.command_unused", {"name": name}) for name in known if name not in used]
    if found:
        raise ConfigError(found)
    return tuple(bound)


def _map_of(own: Mapping[str, Any] | None) -> ModbusMap | None:
    """The profile's map; what is wrong in it is reported where it is read."""
    try:
        return None if own is None else ModbusMap.model_validate(own)
    except ValidationError:
        return None


def _bound(write: ModbusWrite, places: ModbusMap | None, known: Mapping[str, CommandParameter]) -> BoundWrite:
    if write.parameter and write.parameter not in known:
        raise ValueError(f"there is no parameter {write.parameter}")
    factor, shift = 1.0, 0.0
    if write.unit and write.parameter:
        given, register = parse_unit(known[write.parameter].unit), parse_unit(write.unit)
        if given.dimension != register.dimension:
            raise ValueError(f"{write.unit} and {known[write.parameter].unit or '1'} are not of one kind")
        factor, shift = given.factor / register.factor, (given.offset - register.offset) / register.factor
    if places is None:
        return BoundWrite(write, 0, 0, 0, ByteOrder.ABCD, factor, shift)
    return BoundWrite(write, places.base, places.stride, places.unit_stride, places.order, factor, shift)


def _allowed(write: ModbusWrite, request: RegisterWrite, places: ModbusMap | None) -> None:
    """A read-back reads: never what the map forbids. Raises ValueError."""
    first, last = request.address, request.address + len(request.words) - 1
    for low, high in places.forbid if places is not None and write.read_back else ():
        if first <= high and low <= last:
            raise ValueError(f"{first} to {last} may not be read (forbid: {low} to {high}); write read_back: false")


def _samples(parameter: CommandParameter | None) -> list[dict[str, Value]]:
    """Values at the limits: what fits there fits in between."""
    if parameter is None:
        return [{}]
    if parameter.values:
        return [{parameter.name: value} for value in parameter.values]
    if parameter.type is ParameterType.FLAG:
        return [{parameter.name: False}, {parameter.name: True}]
    if parameter.type is ParameterType.TEXT:
        return [{parameter.name: "x" * parameter.max_length}]
    limits = (parameter.min, parameter.max)
    return [{parameter.name: value} for value in limits if value is not None]
