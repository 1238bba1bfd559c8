"""The `modbus:` section of a profile file: where each point lies in the registers of a device model.

modbus:
  table: holding          # or input, coil, discrete
  order: ABCD             # of every point without its own
  base: 0                 # address = base + (component - 1) * stride + at; -40001 for manuals that count from 40001
  unit_stride: 0          # unit id = that of the device + (component - 1) * unit_stride + unit_offset of the register
  max_registers: 60       # per request
  max_bits: 2000          # per request, of coils and discrete inputs
  max_gap: 8              # unused ones read along at most; left out: 24, while they cost less than a request
  forbid: [[40, 44]]      # never read, not even along, in no table
  style: block            # or single: one request per point
  groups: {fast: 5s, counters: {every: 15m, aligned: true}, billing: {at: ["00:00", "08:00"]}, plate: 1d}
  points:
    volume_total: {group: counters, at: 10, type: u32, order: CDAB, scale: 0.001, unit: m3, missing: ["0xFFFFFFFF"]}
    total_split: {unit: m3, parts: [{at: 8, type: f32, scale: 100}, {at: 10, type: f32}]}
    valve: {at: 18, bits: [0, 1], map: {0: open, 1: closed, 2: moving, 3: fault}}
    alarm: {table: discrete, at: 3, map: {0: none, 1: gas}}
    power: {at: 14, type: i16, unit: W, missing: ["0x8000"], scale_from: {at: 15}}   # SunSpec W and W_SF
    voltage: {at: 20, scale: 0.1, times: [{at: 141}]}     # behind a transformer whose ratio stands in 141
    error: {at: 30, type: u32, flags: {24: over_current, 0: hot}, no_flag: none}     # the first one that is set
    serial: {at: 40, type: ascii, length: 8, characters: low}
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from gateway.domain.linear import Linear
from gateway.section import Section, wrong
from protocols.modbus.poll_group import PollGroups
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.words import ByteOrder, Characters, Format, Type

FLAG_TYPES = (Type.U16, Type.U32, Type.U64)
_BIT = Format(Type.U16)
"""A bit as links return it: 0 or 1."""
_NOT_OF_BITS = (
    "type", "order", "length", "bit", "bits", "missing", "scale_from", "times", "flags", "no_flag", "characters"
)  # fmt: skip


def is_pattern(text: str) -> bool:
    """`0xFFFF` means the bytes, not the number."""
    return text.lower().startswith("0x")


def _missing(value: Any) -> Any:
    """Numbers and texts stay; the digits of a pattern are checked."""
    if isinstance(value, str) and is_pattern(value):
        try:
            int(value, 16)
        except ValueError:
            raise wrong("modbus.missing", value=value) from None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong("modbus.missing", value=value)
    return value


Missing = Annotated[int | float | str, Field(union_mode="smart"), BeforeValidator(_missing)]
"""A raw value that means "no data": a number (compared as read and as bytes), a pattern `0xFFFF`, or a text (ascii)."""

Scale = Annotated[float, Field(allow_inf_nan=False)]

UnitOffset = Annotated[int, Field(ge=-255, le=255)]
"""What is added to the unit id of the device."""


def _scale(value: float) -> float:
    if value == 0:
        raise wrong("modbus.scale")
    return value


def _format(
    kind: Type,
    order: ByteOrder,
    length: int,
    bits: tuple[int, int] | None,
    characters: Characters = Characters.BOTH,
) -> Format:
    try:
        return Format(kind, order, length, bits, characters)
    except ValueError as error:
        raise wrong("modbus.format", reason=str(error)) from None


def _numeric(missing: tuple[Missing, ...]) -> None:
    """A text can only be missing where a text is read."""
    for one in missing:
        if isinstance(one, str) and not is_pattern(one):
            raise wrong("modbus.missing", value=one)


class RegisterPart(Section):
    """One summand of a value that a device spreads over several places, 1234 * 100 + 87.89, or a factor of `times`."""

    at: int
    type: Type = Type.U16
    order: ByteOrder | None = None
    length: int = 0
    bits: tuple[int, int] | None = None
    scale: Scale = 1.0
    missing: tuple[Missing, ...] = ()
    shared: bool = False

    _check_scale = field_validator("scale")(_scale)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.form(ByteOrder.ABCD)
        if self.type is Type.ASCII:
            raise wrong("modbus.parts", what="type: ascii")
        _numeric(self.missing)
        return self

    def form(self, order: ByteOrder) -> Format:
        """The format, with the map's `order` where it names none."""
        return _format(self.type, self.order or order, self.length, self.bits)


class ScaleRegister(Section):
    """The register that holds the power of ten of a value, as `sunssf` of SunSpec (SunSpec Information Model
    Specification, scale factors): value = raw * 10 ** (this + `offset`) * scale. One request reads it and the value.

    `bits` picks a field; `shared`: one place for all components; `apart`: it never changes, so another request of the
    same cycle may read it.
    """

    at: int
    type: Type = Type.I16
    order: ByteOrder | None = None
    bits: tuple[int, int] | None = None
    offset: Annotated[int, Field(ge=-20, le=20)] = 0
    shared: bool = False
    apart: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.type not in (Type.I16, Type.U16):
            raise wrong("modbus.scale_type", value=self.type.value)
        self.form(ByteOrder.ABCD)
        return self

    def form(self, order: ByteOrder) -> Format:
        """The format, with the map's `order` where it names none."""
        return _format(self.type, self.order or order, 0, self.bits)


class Register(Section):
    """One point: `at` (or `parts`), how to read it, what it means. `unit` is the register's; none = the point's."""

    at: int | None = None
    parts: tuple[RegisterPart, ...] = ()
    type: Type = Type.U16
    order: ByteOrder | None = None
    length: int = 0
    bit: int | None = None
    bits: tuple[int, int] | None = None
    scale: Scale = 1.0
    scale_from: ScaleRegister | None = None
    times: tuple[RegisterPart, ...] = ()
    offset: Scale = 0.0
    unit: str | None = None
    missing: tuple[Missing, ...] = ()
    table: RegisterTable | None = None
    unit_offset: UnitOffset = 0
    map: Mapping[int | str, str] | None = None
    flags: Mapping[Annotated[int, Field(ge=0, le=63)], str] | None = None
    no_flag: str = "none"
    characters: Characters = Characters.BOTH
    group: str | None = None

    _check_scale = field_validator("scale")(_scale)

    @field_validator("map", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        """Keys that a reader of YAML left as text become numbers again, texts of ascii stay."""
        if not isinstance(value, Mapping):
            return value
        return {_number(key): text for key, text in value.items()}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.at is None) == (not self.parts):
            raise wrong("modbus.place")
        if self.bit is not None and self.bits is not None:
            raise wrong("modbus.bit_bits")
        if self.parts:
            for what in ("type", "order", "length", "bit", "bits", "missing", "flags", "characters"):
                if what in self.model_fields_set:
                    raise wrong("modbus.parts", what=what)
        else:
            self.form(ByteOrder.ABCD)
        if self.type is not Type.ASCII:
            _numeric(self.missing)
        if self.map is not None and self.type is not Type.ASCII:
            for key in self.map:
                if isinstance(key, str):
                    raise wrong("modbus.map_key", value=key)
        self._check_flags()
        return self

    def _check_flags(self) -> None:
        if self.flags is None:
            if "no_flag" in self.model_fields_set:
                raise wrong("modbus.flags", what="no_flag without flags")
            return
        for what in ("map", "bit"):
            if what in self.model_fields_set:
                raise wrong("modbus.flags", what=what)
        form = self.form(ByteOrder.ABCD)
        if form.type not in FLAG_TYPES:
            raise wrong("modbus.flags", what=f"type: {form.type}")
        width = 16 * form.registers if form.bits is None else form.bits[1] - form.bits[0] + 1
        if not self.flags or max(self.flags) >= width:
            raise wrong("modbus.flag", value=max(self.flags, default=None), last=width - 1)

    def form(self, order: ByteOrder) -> Format:
        """The format, with the map's `order` where it names none."""
        bits = (self.bit, self.bit) if self.bit is not None else self.bits
        return _format(self.type, self.order or order, self.length, bits, self.characters)

    @property
    def not_of_bits(self) -> tuple[str, ...]:
        """The keys written here that mean nothing in a table of bits."""
        written = self.model_fields_set.union(*(part.model_fields_set for part in self.parts))
        return tuple(key for key in _NOT_OF_BITS if key in written)


def _number(key: Any) -> Any:
    if not isinstance(key, str):
        return key
    try:
        return int(key, 0)
    except ValueError:
        return key


RegisterPlace = tuple[int, Format, float, tuple[Missing, ...]]
"""(address, format, weight, missing) of one number in the registers."""


class ModbusMap(Section):
    """The section. See the head of this file."""

    table: RegisterTable = RegisterTable.HOLDING
    order: ByteOrder = ByteOrder.ABCD
    base: int = 0
    stride: Annotated[int, Field(ge=0, le=65535)] = 0
    unit_stride: UnitOffset = 0
    max_registers: Annotated[int, Field(ge=1, le=125)] = 60
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    max_gap: Annotated[int, Field(ge=0, le=1999)] | None = None
    forbid: tuple[tuple[int, int], ...] = ()
    style: Literal["block", "single"] = "block"
    groups: PollGroups = Field(default_factory=dict)
    points: Annotated[Mapping[str, Register], Field(min_length=1)]

    @field_validator("order")
    @classmethod
    def _of_every_size(cls, value: ByteOrder) -> ByteOrder:
        if value.of_64_bits:
            raise wrong("modbus.order_64", value=value.value)
        return value

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        for name, register in self.points.items():
            if register.group is not None and register.group not in self.groups:
                raise wrong("modbus.group", name=name, group=register.group, known=", ".join(sorted(self.groups)))
        return self

    @field_validator("forbid")
    @classmethod
    def _ranges(cls, value: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        for first, last in value:
            if not 0 <= first <= last:
                raise wrong("modbus.forbid", value=[first, last])
        return value

    def address(self, at: int, component: int) -> int:
        """Where `at` lies for a component (0 = the device itself), 0-based as on the wire."""
        return self.base + max(component - 1, 0) * self.stride + at

    def unit_offset(self, register: Register, component: int) -> int:
        """The unit id that answers for `register`, counted from that of the device."""
        return register.unit_offset + max(component - 1, 0) * self.unit_stride

    def table_of(self, register: Register) -> RegisterTable:
        """Where `register` lies."""
        return register.table or self.table

    def places(self, register: Register, component: int) -> list[RegisterPlace]:
        """Each part of the value; one of weight 1 when there are no parts."""
        if self.table_of(register).of_bits:
            summands = [(register.at, 1.0)] if register.at is not None else [(p.at, p.scale) for p in register.parts]
            return [(self.address(at, component), _BIT, weight, ()) for at, weight in summands]
        if register.at is not None:
            form = register.form(self.order)
            return [(self.address(register.at, component), form, 1.0, register.missing)]
        return [self._part(part, component) for part in register.parts]

    def factor_places(self, register: Register, component: int) -> list[RegisterPlace]:
        """As `places`, of the registers that the value is multiplied by."""
        return [self._part(part, component) for part in register.times]

    def _part(self, part: RegisterPart, component: int) -> RegisterPlace:
        address = self.address(part.at, 0 if part.shared else component)
        return address, part.form(self.order), part.scale, part.missing

    def exponent_place(self, register: Register, component: int) -> tuple[int, Format] | None:
        """(address, format) of the register that holds the power of ten, when there is one."""
        source = register.scale_from
        if source is None:
            return None
        return self.address(source.at, 0 if source.shared else component), source.form(self.order)

    def spans(self, register: Register, component: int) -> list[tuple[int, int]]:
        """First and last address of what requests read for `register`: first the value, whole, with its power of ten;
        then each register that only scales it, never changes, and is too far away for the same request."""
        taken = [(address, address + form.registers - 1) for address, form, *_ in self.places(register, component)]
        first, last = min(one for one, _ in taken), max(one for _, one in taken)
        scaling = [(address, form) for address, form, *_ in self.factor_places(register, component)]
        exponent, source = self.exponent_place(register, component), register.scale_from
        if exponent is not None and source is not None and source.apart:
            scaling.append(exponent)
        elif exponent is not None:
            first, last = min(first, exponent[0]), max(last, exponent[0])
        most = self.max_bits if self.table_of(register).of_bits else self.max_registers
        apart: list[tuple[int, int]] = []
        for address, form in scaling:
            low, high = min(first, address), max(last, address + form.registers - 1)
            if high - low < most and not any(a <= high and low <= b for a, b in self.forbid):
                first, last = low, high
            elif (own := (address, address + form.registers - 1)) not in apart:
                apart.append(own)
        return [(first, last), *apart]


def scaling(register: Register, unit_factor: float, unit_offset: float, exponent: int = 0) -> Linear:
    """Register scale, then the unit: value = (raw * scale * 10 ** exponent + offset) * unit_factor + unit_offset."""
    scale = register.scale * unit_factor * 10.0**exponent
    return Linear.of(scale, register.offset * unit_factor + unit_offset)
