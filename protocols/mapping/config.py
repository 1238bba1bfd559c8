"""The routes of a source whose messages are mapped by configuration: which readings stand where in a message."""

import math
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from gateway.domain.units import UnitError, parse_unit
from gateway.section import Bytes, Section, wrong
from protocols.mapping.config_problem import submodel
from protocols.mapping.path import parse_each, parse_ignored, parse_path
from protocols.mapping.topic import TopicPattern, parse_pattern, parse_template

Scalar = bool | int | float | str
EPOCH_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": -1_000}


def _path(text: str) -> str:
    parse_path(text)
    return text


def _ignored(text: str) -> str:
    parse_ignored(text)
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


class DeviceAt(Section):
    """The device's code stands in the message."""

    path: JsonPath


def _device(value: object) -> object:
    if isinstance(value, str):
        return _template(value)
    if isinstance(value, dict):
        return submodel(DeviceAt, value)
    if isinstance(value, DeviceAt):
        return value
    raise wrong("mqtt.device", got=value)


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
            raise wrong("mqtt.component_of")
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
    raise wrong("mqtt.component", got=value)


class TimeMap(Section):
    """Event time. `unit`: s ms us ns (numbers), iso, parts ({Year: 16, Month: 10, …}), or a strptime pattern.

    `zone` is that of times without one. `absent`: what to do when the place is not there: reject the message, or use
    the receive time.
    """

    path: JsonPath
    unit: str
    zone: str | None = None
    absent: Literal["reject", "receive"] = "reject"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.unit in EPOCH_UNITS:
            if self.zone is not None:
                raise wrong("mqtt.zone_unused", got=self.unit)
        elif self.unit not in {"iso", "parts"} and "%" not in self.unit:
            raise wrong("mqtt.time_unit", got=self.unit)
        try:
            ZoneInfo(self.zone or "UTC")
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise wrong("mqtt.zone", got=self.zone) from None
        return self


class PointMap(Section):
    """Where one point stands in the message, and how it becomes the point's canonical value.

    In this order: `missing` (raw numbers and texts that mean no data), `bit`, `map`, `scale`, `offset`, `unit`. What is
    left out of `missing` and `unit` the profile says. Without `path`: what differs for one name that a template gives.
    """

    path: JsonPath | None = None
    point: NameTemplate | None = None
    component: Annotated[int | ComponentOf, BeforeValidator(_component)] = 0
    unit: Annotated[str, AfterValidator(_unit)] | None = None
    scale: float = 1.0
    offset: float = 0.0
    map: dict[Scalar, Scalar] = Field(default_factory=dict)
    missing: tuple[Scalar, ...] | None = None
    bit: int | None = Field(default=None, ge=0, le=63)

    @field_validator("scale")
    @classmethod
    def _scale(cls, value: float) -> float:
        if value == 0 or not math.isfinite(value):
            raise wrong("mqtt.scale", got=value)
        return value

    @field_validator("offset")
    @classmethod
    def _offset(cls, value: float) -> float:
        if not math.isfinite(value):
            raise wrong("mqtt.range", got=value, low="-1e308", high="1e308")
        return value


class When(Section):
    """The route holds for messages whose `path` equals one of the values, or exists, or does not."""

    path: JsonPath
    equals: Scalar | tuple[Scalar, ...] | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.equals is None) == (self.exists is None) or self.equals == ():
            raise wrong("mqtt.when")
        return self


class RouteConfig(Section):
    """One kind of message: which topics, whose it is, when it was, what it holds."""

    filter: str
    device: Annotated[str | DeviceAt, BeforeValidator(_device)]
    points: dict[str, PointMap]
    profiles: tuple[str, ...] = ()
    time: TimeMap | None = None
    when: When | None = None
    inner: JsonPath | None = None
    each: str | None = None
    ignore: tuple[Annotated[str, AfterValidator(_ignored)], ...] = ()
    retained: Literal["use", "uncertain", "ignore"] = "uncertain"

    @field_validator("each")
    @classmethod
    def _each(cls, value: str | None) -> str | None:
        if value is not None:
            parse_each(value)
        return value

    @model_validator(mode="after")
    def _names(self) -> Self:
        known = parse_pattern(self.filter).names
        keys = () if self.each is None else parse_each(self.each).names
        if both := set(known) & set(keys):
            raise wrong("mqtt.each_key", got=", ".join(sorted(both)))
        known += keys
        if not self.points:
            raise wrong("mqtt.points")
        beside = [key for key, point in self.points.items() if point.path is None]
        if beside and not any(
            p.path is not None and parse_template(p.point or k).names for k, p in self.points.items()
        ):
            raise wrong("mqtt.no_path", got=", ".join(beside))
        used = [(t, parse_template(t).names) for t in self.templates()]
        used += [
            (c, (c,))
            for p in self.points.values()
            if isinstance(p.component, ComponentOf) and (c := p.component.capture)
        ]
        for text, names in used:
            for name in names:
                if name not in known:
                    raise wrong("mqtt.capture", got=text, level=name, known=", ".join(known) or "-")
        if self.is_text:
            others = {"when": self.when, "each": self.each, "inner": self.inner, "time": self.time}
            bad = [key for key, value in others.items() if value is not None]
            bad += [f"points.{key}" for key, p in self.points.items() if p.path is not None and p.path.strip() != "."]
            bad += ["device.path"] if isinstance(self.device, DeviceAt) else []
            bad += [
                f"points.{key}.component.path"
                for key, p in self.points.items()
                if isinstance(p.component, ComponentOf) and p.component.path
            ]
            if bad:
                raise wrong("mqtt.text_mix", got=", ".join(bad))
        return self

    def templates(self) -> list[str]:
        """Every text that may use captures."""
        names = [p.point or key for key, p in self.points.items() if p.path is not None or p.point is not None]
        return names + ([self.device] if isinstance(self.device, str) else [])

    @property
    def is_text(self) -> bool:
        """The payload is one bare value, not JSON. (In a route with `each`, an element is.)"""
        return self.each is None and any(
            point.path is not None and point.path.strip() == "." for point in self.points.values()
        )


class RoutesSection(Section):
    """The keys that all sources with routes share."""

    max_payload: Bytes = 64 * 1024
    unmatched: Literal["dead_letter", "ignore"] = "dead_letter"
    routes: tuple[RouteConfig, ...]

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.routes:
            raise wrong("mqtt.no_routes")
        settled: list[tuple[int, TopicPattern]] = []
        for index, route in enumerate(self.routes):
            pattern = parse_pattern(route.filter)
            first = next((number for number, taken in settled if taken.covers(pattern)), None)
            if first is not None:
                raise wrong("mqtt.unreachable", got=index + 1, first=first + 1)
            if route.when is None and not route.profiles:
                settled.append((index, pattern))
        return self
