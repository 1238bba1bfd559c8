"""How one value of a message becomes a reading: where it stands, when it was, what it is in the point's unit."""

import math
import re
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from gateway.domain.units import UnitError, parse_unit
from gateway.section import Section, wrong
from protocols.mapping.config_problem import submodel
from protocols.mapping.path import parse_path
from protocols.mapping.topic import parse_template

Scalar = bool | int | float | str
EPOCH_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": -1_000}


def _path(text: str) -> str:
    parse_path(text)
    return text


def _template(text: str) -> str:
    parse_template(text)
    return text


def _unit(text: str) -> str:
    try:
        parse_unit(text)
    except UnitError as error:
        raise wrong(error.key, **error.fields) from None
    return text


JsonPath = Annotated[str, AfterValidator(_path)]
NameTemplate = Annotated[str, AfterValidator(_template)]


class ComponentOf(Section):
    """The component's number stands in the message (`path`) or in the topic (`capture`).

    `add: 1` turns guns counted from 0 into components counted from 1.
    """

    path: JsonPath | None = None
    capture: str | None = None
    add: int = 0

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.path is None) == (self.capture is None):
            raise wrong("route.component_of")
        return self


def _component(value: object) -> object:
    if isinstance(value, ComponentOf) or (type(value) is int and value >= 0):
        return value
    if isinstance(value, dict):
        return submodel(ComponentOf, value)
    if isinstance(value, str):
        template = parse_template(value)
        if template.names and template.text == f"{{{template.names[0]}}}":
            return ComponentOf(capture=template.names[0])
    raise wrong("route.component", got=value)


def _paths(value: object) -> object:
    given = value if isinstance(value, list | tuple) else (value,)
    if not 1 <= len(given) <= 4 or not all(isinstance(one, str) for one in given):
        raise wrong("route.time_paths", got=value)
    return tuple(_path(one) for one in given) if len(given) > 1 else _path(given[0])


class TimeMap(Section):
    """Event time. `unit`: s ms us ns (numbers), iso, parts ({Year: 16, Month: 10, …}), or a strptime pattern.

    `path` may be several: their texts are joined by a blank (a date and a time). `zone` is that of times without one.
    `absent`: what to do when the place is not there: reject the message, or use the receive time.
    """

    path: Annotated[str | tuple[str, ...], BeforeValidator(_paths)]
    unit: str
    zone: str | None = None
    absent: Literal["reject", "receive"] = "reject"

    @property
    def paths(self) -> tuple[str, ...]:
        """One, or those that are joined."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.paths) > 1 and self.unit != "iso" and "%" not in self.unit:
            raise wrong("route.time_joined", got=self.unit)
        if self.unit in EPOCH_UNITS:
            if self.zone is not None:
                raise wrong("route.zone_unused", got=self.unit)
        elif self.unit not in {"iso", "parts"} and "%" not in self.unit:
            raise wrong("route.time_unit", got=self.unit)
        try:
            ZoneInfo(self.zone or "UTC")
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise wrong("route.zone", got=self.zone) from None
        return self


class UnitAt(Section):
    """The unit stands in the message; `map`: what the message writes -> a unit. Absent: that of the profile."""

    path: JsonPath
    map: dict[Scalar, Annotated[str, AfterValidator(_unit)]] = Field(default_factory=dict)


class SplitText(Section):
    """The text is a list: `by` is between its parts, `at` counts them from 0, from the end when negative."""

    by: str = Field(min_length=1, max_length=8)
    at: int = Field(ge=-64, le=63)


def _regex(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise wrong("route.regex", got=text, at=(error.pos or 0) + 1) from None
    if groups != 1:
        raise wrong("route.regex_groups", got=text, count=groups)
    return text


def _unit_at(value: object) -> object:
    return submodel(UnitAt, value) if isinstance(value, dict) else value


class PointMap(Section):
    """Where one point stands in the message, and how it becomes the point's canonical value.

    In this order: `split`, `regex`, `decimal` (of a text), `missing` (raw numbers and texts that mean no data), `bit`,
    `map` (`default`: of what is not in it), `scale`, `offset`, `unit`. What is left out of `missing` and `unit` is
    that of the profile. `value`: a constant instead of a place. Without either: what differs for one name that a
    template gives. `time`: where the moment of this point stands, when it is not that of the message.
    """

    path: JsonPath | None = None
    value: Scalar | None = None
    point: NameTemplate | None = None
    component: Annotated[int | ComponentOf, BeforeValidator(_component)] = 0
    time: TimeMap | None = None
    split: SplitText | None = None
    regex: Annotated[str, Field(max_length=200), AfterValidator(_regex)] | None = None
    decimal: Literal[".", ","] = "."
    unit: Annotated[str | UnitAt, BeforeValidator(_unit_at)] | None = None
    scale: float = 1.0
    offset: float = 0.0
    map: dict[Scalar, Scalar] = Field(default_factory=dict)
    default: Scalar | None = None
    missing: tuple[Scalar, ...] | None = None
    bit: int | None = Field(default=None, ge=0, le=63)

    @property
    def placed(self) -> bool:
        """It has a place or a value of its own."""
        return self.path is not None or self.value is not None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.path is not None and self.value is not None:
            raise wrong("route.value_and_path")
        if self.value is not None and (bad := {"time", "split", "regex", "decimal"} & self.model_fields_set):
            raise wrong("route.value_alone", got=", ".join(sorted(bad)))
        if self.default is not None and not self.map:
            raise wrong("route.default_alone")
        if isinstance(self.unit, str):
            _unit(self.unit)
        return self

    @field_validator("scale")
    @classmethod
    def _scale(cls, value: float) -> float:
        if value == 0 or not math.isfinite(value):
            raise wrong("route.scale", got=value)
        return value

    @field_validator("offset")
    @classmethod
    def _offset(cls, value: float) -> float:
        if not math.isfinite(value):
            raise wrong("mqtt.range", got=value, low="-1e308", high="1e308")
        return value
