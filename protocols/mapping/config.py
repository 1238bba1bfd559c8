"""The routes of a source whose messages are mapped by configuration: which readings stand where in a message."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, field_validator, model_validator

from gateway.section import Bytes, Section, wrong
from protocols.mapping.config_problem import submodel
from protocols.mapping.path import Each, parse_each, parse_ignored
from protocols.mapping.payload_config import PayloadConfig, PlainPayload, SamplesConfig, UnpackConfig, payload_model
from protocols.mapping.point_config import ComponentOf, JsonPath, PointMap, Scalar, TimeMap, UnitAt
from protocols.mapping.topic import TopicPattern, parse_pattern, parse_template


def _ignored(text: str) -> str:
    parse_ignored(text)
    return text


class DeviceAt(Section):
    """The device's code stands in the message."""

    path: JsonPath


def _device(value: object) -> object:
    if isinstance(value, str):
        parse_template(value)
        return value
    if isinstance(value, dict):
        return submodel(DeviceAt, value)
    if isinstance(value, DeviceAt):
        return value
    raise wrong("route.device", got=value)


class When(Section):
    """The route holds for messages whose `path` equals one of the values, or exists, or does not."""

    path: JsonPath
    equals: Scalar | tuple[Scalar, ...] | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.equals is None) == (self.exists is None) or self.equals == ():
            raise wrong("route.when")
        return self


def _when(value: object) -> object:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (submodel(When, value) if isinstance(value, dict) else value,)


class RouteConfig(Section):
    """One kind of message: which topics, whose it is, when it was, what it holds.

    All conditions of `when` must hold. In this order a payload becomes what paths point into: `payload`, `unpack`,
    `inner`, then `each` or `samples`.
    """

    filter: str
    device: Annotated[str | DeviceAt, BeforeValidator(_device)]
    points: dict[str, PointMap]
    profiles: tuple[str, ...] = ()
    time: TimeMap | None = None
    payload: Annotated[PayloadConfig, BeforeValidator(payload_model)] = PlainPayload(format="json")
    unpack: tuple[UnpackConfig, ...] = ()
    when: Annotated[tuple[When, ...], BeforeValidator(_when)] = ()
    inner: JsonPath | None = None
    each: str | None = None
    samples: SamplesConfig | None = None
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
        every = self.elements
        if every is not None and (both := set(known) & set(every.names)):
            raise wrong("route.each_key", got=", ".join(sorted(both)))
        known += () if self.each is None else parse_each(self.each, indexed=True).names
        if not self.points:
            raise wrong("route.points")
        beside = [key for key, point in self.points.items() if not point.placed]
        if beside and not any(p.placed and parse_template(p.point or k).names for k, p in self.points.items()):
            raise wrong("route.no_path", got=", ".join(beside))
        for text, names in self._used():
            for name in names:
                if name not in known:
                    raise wrong("route.capture", got=text, level=name, known=", ".join(known) or "-")
        return self

    @model_validator(mode="after")
    def _together(self) -> Self:
        points = self.points.items()
        if self.is_text:
            bad = [key for key in ("when", "each", "inner", "time", "unpack", "samples") if getattr(self, key)]
            bad += [f"points.{key}" for key, p in points if p.path is not None and p.path.strip() != "."]
            bad += [f"points.{key}.time" for key, p in points if p.time is not None]
            bad += [f"points.{key}.unit" for key, p in points if isinstance(p.unit, UnitAt)]
            bad += ["device.path"] if isinstance(self.device, DeviceAt) else []
            components = [(key, p.component) for key, p in points]
            bad += [f"points.{key}.component.path" for key, c in components if isinstance(c, ComponentOf) and c.path]
            if bad:
                raise wrong("route.text_mix", got=", ".join(bad))
        if self.payload.format == "none" and (read := [key for key, point in points if point.path is not None]):
            raise wrong("route.payload_none", got=", ".join(f"points.{key}.path" for key in read))
        if self.samples is not None:
            if self.time is None or self.time.absent != "reject" or self.each is not None:
                raise wrong("route.samples")
            if own := [key for key, point in points if point.time is not None]:
                raise wrong("route.samples_time", got=", ".join(own))
        return self

    @property
    def elements(self) -> Each | None:
        """`each` parsed; the places in its lists are among its names when something is named by them."""
        if self.each is None:
            return None
        topic = parse_pattern(self.filter).names
        used = {name for _, names in self._used() for name in names if name not in topic}
        return parse_each(self.each, indexed=any(name.startswith("index") for name in used))

    def _used(self) -> list[tuple[str, tuple[str, ...]]]:
        """(text, the captures in it) of every template and component."""
        used = [(text, parse_template(text).names) for text in self.templates()]
        components = [point.component for point in self.points.values()]
        return used + [(c.capture, (c.capture,)) for c in components if isinstance(c, ComponentOf) and c.capture]

    def templates(self) -> list[str]:
        """Every text that may use captures."""
        names = [p.point or key for key, p in self.points.items() if p.placed or p.point is not None]
        return names + ([self.device] if isinstance(self.device, str) else [])

    @property
    def is_text(self) -> bool:
        """The payload is one bare value, not JSON. (In a route with `each`, an element is.)"""
        bare = any(point.path is not None and point.path.strip() == "." for point in self.points.values())
        return self.each is None and self.payload.format == "json" and bare


class RoutesSection(Section):
    """The keys that all sources with routes share."""

    max_payload: Bytes = 64 * 1024
    unmatched: Literal["dead_letter", "ignore"] = "dead_letter"
    routes: tuple[RouteConfig, ...]

    @property
    def routed(self) -> bool:
        """Its messages have somewhere to go."""
        return bool(self.routes)

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.routed:
            raise wrong("route.no_routes")
        settled: list[tuple[int, TopicPattern]] = []
        for index, route in enumerate(self.routes):
            pattern = parse_pattern(route.filter)
            first = next((number for number, taken in settled if taken.covers(pattern)), None)
            if first is not None:
                raise wrong("route.unreachable", got=index + 1, first=first + 1)
            if not route.when and not route.profiles:
                settled.append((index, pattern))
        return self
