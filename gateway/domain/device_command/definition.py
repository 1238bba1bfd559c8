"""A command as the profile of a device defines it, and the check of what a person asks for."""

import math
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from gateway.domain.errors import CommandError
from gateway.domain.text import TextKey, localize
from gateway.domain.workorder import Role

Value = bool | int | float | str
"""Value of a parameter."""
Values = Mapping[str, Value]


class ParameterType(StrEnum):
    """`number` takes fractions, `integer` does not; `flag` is true or false."""

    NUMBER = "number"
    INTEGER = "integer"
    TEXT = "text"
    FLAG = "flag"


class CommandParameter(Struct, frozen=True):
    """One parameter. Numbers lie between `min` and `max`, in `unit`; `values`: the only ones that are taken (empty =
    all within the limits); a text has at most `max_length` characters. `default` None = it must be given."""

    name: str
    type: ParameterType
    unit: str = ""
    min: float | None = None
    max: float | None = None
    values: tuple[Value, ...] = ()
    max_length: int = 0
    default: Value | None = None
    title_en: str = ""
    title_zh: str = ""


class ReadBack(Struct, frozen=True):
    """The state point or number that must show the effect: a reading taken after the sending, within `within` µs, that
    equals `equals` or the parameter `parameter`.

    Of a number the expected value in the unit of the point is given * `factor` + `offset`, give or take `tolerance`.
    """

    point: str
    within: int
    equals: Value | None = None
    parameter: str = ""
    factor: float = 1.0
    offset: float = 0.0
    tolerance: float = 0.0

    def expected(self, values: Values) -> Value:
        """What the point must show after a command with these parameters."""
        given = values[self.parameter] if self.parameter else self.equals
        if isinstance(given, int | float) and not isinstance(given, bool):
            return given * self.factor + self.offset
        assert given is not None
        return given


class CommandDefinition(Struct, frozen=True):
    """A command of a profile. `each`: it goes to a component, not to the device. `approval`: role that a second person
    must have ("" = nobody needs to approve). `timeout` µs for the answer, `approve_within` µs for the approval."""

    name: str
    title_en: str
    title_zh: str
    parameters: tuple[CommandParameter, ...] = ()
    each: bool = False
    approval: str = ""
    timeout: int = 10_000_000
    approve_within: int = 3_600_000_000
    read_back: ReadBack | None = None

    def approvers(self) -> frozenset[Role]:
        """Roles that may approve it."""
        return frozenset({Role.ADMIN} if self.approval == "admin" else {Role.SUPERVISOR, Role.ADMIN})


def checked(definition: CommandDefinition, given: Values) -> dict[str, Value]:
    """The parameters of one command, with defaults. Raises CommandError 422 for what is unknown, missing or outside its
    limits."""
    known = {parameter.name: parameter for parameter in definition.parameters}
    for name in given:
        if name not in known:
            raise refusal(422, "parameter_unknown", name=name, known=", ".join(known) or "-")
    found: dict[str, Value] = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if value is None:
            raise refusal(422, "parameter_missing", name=name)
        found[name] = _value(parameter, value)
    return found


def _value(parameter: CommandParameter, value: Value) -> Value:
    fits = {
        ParameterType.NUMBER: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
        ParameterType.INTEGER: isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1,
        ParameterType.TEXT: isinstance(value, str),
        ParameterType.FLAG: isinstance(value, bool),
    }[parameter.type]
    if not fits:
        kind = TextKey(f"command.type.{parameter.type.value}")
        raise refusal(422, "parameter_type", name=parameter.name, type=kind)
    if parameter.type is ParameterType.INTEGER:
        value = int(value)
    if parameter.values and value not in parameter.values:
        known = ", ".join(str(one) for one in parameter.values)
        raise refusal(422, "parameter_value", name=parameter.name, value=value, known=known)
    if isinstance(value, str):
        if not value.isprintable() or (parameter.max_length and len(value) > parameter.max_length):
            raise refusal(422, "parameter_text", name=parameter.name, most=parameter.max_length or len(value))
    elif not isinstance(value, bool) and not _low(parameter) <= value <= _high(parameter):
        limits = {"low": f"{_low(parameter):g}", "high": f"{_high(parameter):g}", "unit": parameter.unit}
        raise refusal(422, "parameter_range", name=parameter.name, value=f"{value:g}", **limits)
    return value


def _low(parameter: CommandParameter) -> float:
    return -math.inf if parameter.min is None else parameter.min


def _high(parameter: CommandParameter) -> float:
    return math.inf if parameter.max is None else parameter.max


def refusal(status: int, code: str, **fields: object) -> CommandError:
    """A refusal in the words of the catalogue: `command.<code>`."""
    key = f"command.{code}"
    return CommandError(status, code, localize(key, "en", **fields), key=key, fields=fields)
