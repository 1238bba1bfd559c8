"""`commands:` of a profile file -> `CommandDefinition`. How a command is sent is left to the adapters of sources."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from gateway.adapters import SOURCES
from gateway.domain.device import PointKind, PointSpec
from gateway.domain.device_command.definition import (
    CommandDefinition,
    CommandParameter,
    ParameterType,
    ReadBack,
    Value,
    checked,
)
from gateway.domain.duration import DAY, HOUR, MINUTE, MS, SECOND
from gateway.domain.errors import CommandError
from gateway.domain.units import DIMENSIONLESS, Unit, UnitError, parse_unit
from gateway.section import Duration, Section, wrong
from gateway.settings.title import TitleModel
from gateway.settings.yaml_document import Document, Place

_MOST_TEXT = 200
_NUMBERS = (ParameterType.NUMBER, ParameterType.INTEGER)
Number = Annotated[float, Field(allow_inf_nan=False)]
Given = Annotated[bool | int | float | str, Field(union_mode="smart")]


class ParameterModel(Section):
    """One parameter of a command. Numbers need `min` and `max`, or `values`; texts need `values` or `max_length`."""

    type: ParameterType = ParameterType.NUMBER
    title: TitleModel = TitleModel()
    unit: str = ""
    min: Number | None = None
    max: Number | None = None
    values: tuple[Given, ...] = Field(default=(), max_length=64)
    max_length: int = Field(default=0, ge=0, le=_MOST_TEXT)
    default: Given | None = None

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.type in _NUMBERS:
            if not self.values and (self.min is None or self.max is None):
                raise wrong("config.command.limits")
            if self.min is not None and self.max is not None and self.min > self.max:
                raise wrong("config.command.min_max", min=f"{self.min:g}", max=f"{self.max:g}")
        elif self.type is ParameterType.TEXT and not (self.values or self.max_length):
            raise wrong("config.command.text_limits")
        for key in ("unit", "min", "max"):
            if self.type not in _NUMBERS and key in self.model_fields_set:
                raise wrong("config.command.only_number", name=key)
        if self.type is not ParameterType.TEXT and self.max_length:
            raise wrong("config.command.only_text")
        return self


class ReadBackModel(Section):
    """`point` must show `equals`, or the parameter `parameter`, `within` this time; `tolerance` in the unit of the
    point as the file writes it."""

    point: str
    equals: Given | None = None
    parameter: str = ""
    tolerance: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    within: Annotated[Duration, Field(ge=SECOND, le=HOUR)] = 30 * SECOND

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.equals is None) == (not self.parameter):
            raise wrong("config.command.expected")
        return self


class PlainCommand(Section):
    """One command without the sections of adapters."""

    title: TitleModel
    each: bool = False
    approval: Literal["supervisor", "admin"] | None = None
    """Role of the second person who must approve it; left out: nobody."""
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)], ParameterModel] = Field(
        default={}, max_length=16
    )
    timeout: Annotated[Duration, Field(ge=100 * MS, le=10 * MINUTE)] = 10 * SECOND
    approve_within: Annotated[Duration, Field(ge=MINUTE, le=7 * DAY)] = HOUR
    read_back: ReadBackModel | None = None

    @model_validator(mode="after")
    def _sent_somehow(self) -> Self:
        if not self.sections():
            raise wrong("config.command.no_sending", known=", ".join(ADAPTERS))
        return self

    def sections(self) -> dict[str, Mapping[str, Any]]:
        """Adapter -> its raw section."""
        return {name: found for name in ADAPTERS if (found := getattr(self, name, None)) is not None}


ADAPTERS = tuple(name for name, one in SOURCES.items() if one.command_form is not None)
"""Adapters that can send commands: `mqtt`, `modbus`."""
CommandModel: type[PlainCommand] = create_model(
    "CommandModel", __base__=PlainCommand, **dict.fromkeys(ADAPTERS, (dict[str, Any] | None, None))
)  # type: ignore[call-overload]
"""A whole command of a profile file."""


def definitions(
    document: Document,
    commands: Mapping[str, PlainCommand],
    points: Mapping[str, PointSpec],
    declared: Mapping[str, str],
) -> dict[str, CommandDefinition]:
    """The commands by name; what is wrong goes into the document. `declared`: units of points as written."""
    found: dict[str, CommandDefinition] = {}
    for name, one in commands.items():
        place: Place = ("commands", name)
        parameters = tuple(
            _parameter(document, (*place, "parameters", key), key, p) for key, p in one.parameters.items()
        )
        definition = CommandDefinition(
            name=name,
            title_en=one.title.en or one.title.zh,
            title_zh=one.title.zh or one.title.en,
            parameters=parameters,
            each=one.each,
            approval=one.approval or "",
            timeout=one.timeout,
            approve_within=one.approve_within,
            read_back=_read_back(document, place, one, points, declared),
        )
        if not definition.title_en:
            document.add((*place, "title"), "config.command.title")
        found[name] = definition
    return found


def _parameter(document: Document, place: Place, name: str, model: ParameterModel) -> CommandParameter:
    if model.unit:
        _unit(document, (*place, "unit"), model.unit)
    parameter = CommandParameter(
        name,
        model.type,
        model.unit,
        model.min,
        model.max,
        model.values,
        model.max_length,
        model.default,
        model.title.en or model.title.zh,
        model.title.zh or model.title.en,
    )
    alone = CommandDefinition("", "", "", (parameter,))
    for value in (*model.values, *(() if model.default is None else (model.default,))):
        try:
            checked(alone, {name: value})
        except CommandError as error:
            document.add((*place, "values"), str(error.extra["key"]), **_fields(error))
    return parameter


def _fields(error: CommandError) -> dict[str, Any]:
    fields = error.extra["fields"]
    assert isinstance(fields, dict)
    return fields


def _read_back(
    document: Document,
    command: Place,
    model: PlainCommand,
    points: Mapping[str, PointSpec],
    declared: Mapping[str, str],
) -> ReadBack | None:
    wanted = model.read_back
    if wanted is None:
        return None
    place = (*command, "read_back")
    spec, parameter = points.get(wanted.point), model.parameters.get(wanted.parameter)
    if spec is None:
        document.add((*place, "point"), "config.command.point", value=wanted.point, known=", ".join(points))
        return None
    if spec.each and not model.each:
        document.add((*place, "point"), "config.command.point_each", value=wanted.point)
    if wanted.parameter and parameter is None:
        known = ", ".join(model.parameters) or "-"
        document.add((*place, "parameter"), "config.command.parameter", value=wanted.parameter, known=known)
        return None
    if (expected := wanted.equals) is not None:
        texts = [expected]
    else:
        texts = [] if parameter is None else list(parameter.values)
    is_state = spec.kind is PointKind.STATE
    numeric = parameter.type in _NUMBERS if parameter is not None else isinstance(expected, int | float)
    if is_state == (numeric and not isinstance(expected, bool)):
        document.add(place, "config.command.kind", value=wanted.point)
        return None
    if is_state:
        for text in texts:
            if str(text) not in spec.values:
                fields = {"value": str(text), "point": wanted.point, "known": ", ".join(spec.values) or "-"}
                document.add(place, "config.command.state", **fields)
        return ReadBack(wanted.point, wanted.within, _text(expected), wanted.parameter)
    return _number(document, place, wanted, declared.get(wanted.point, ""), "" if parameter is None else parameter.unit)


def _text(value: Value | None) -> Value | None:
    return None if value is None else str(value)


def _number(document: Document, place: Place, wanted: ReadBackModel, declared: str, given: str) -> ReadBack | None:
    """A number is expected in the canonical unit of its point; it is given in the unit of the parameter, or of the
    point."""
    shown = _unit(None, place, declared)
    unit = _unit(None, place, given) if wanted.parameter and given else shown
    if unit.dimension != shown.dimension:
        document.add(place, "config.command.unit", unit=given, point=declared or "1")
        return None
    tolerance = wanted.tolerance * abs(shown.factor)
    return ReadBack(wanted.point, wanted.within, wanted.equals, wanted.parameter, unit.factor, unit.offset, tolerance)


def _unit(document: Document | None, place: Place, text: str) -> Unit:
    try:
        return parse_unit(text)
    except UnitError as error:
        if document is not None:
            document.add(place, error.key, **error.fields)
        return DIMENSIONLESS
