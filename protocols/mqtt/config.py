"""`sources.NAME` with `type: mqtt`: one broker, one persistent session, its routes."""

import math
from ipaddress import ip_address
from pathlib import Path as FilePath
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

from gateway.domain.duration import DAY, HOUR, MINUTE, MS, SECOND, format_duration
from gateway.domain.units import UnitError, parse_unit
from gateway.section import Bytes, Duration, Section, read_secret, wrong
from protocols.mqtt.config_problem import submodel
from protocols.mqtt.path import parse_each, parse_ignored, parse_path
from protocols.mqtt.topic import TopicPattern, parse_pattern, parse_template

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


class Reconnect(Section):
    """Full-jitter backoff: a random wait up to min, 2 min, 4 min … max; a minute of connection starts it over."""

    min: Duration = SECOND
    max: Duration = MINUTE

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not 0 <= self.min <= self.max:
            raise wrong("mqtt.backoff", low=format_duration(self.min), high=format_duration(self.max))
        return self


class MqttConfig(Section):
    """An MQTT 5 broker. `receive_maximum` bounds what the broker may have on the way without our acknowledgement."""

    type: Literal["mqtt"]
    url: str
    client_id: str = Field(min_length=1, max_length=200)
    username: str | None = None
    password: SecretStr | None = None
    password_file: FilePath | None = None
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    session_expiry: Duration = 7 * DAY
    keepalive: Duration = 30 * SECOND
    receive_maximum: int = Field(default=10_000, ge=1, le=65_535)
    linger: Duration = 20 * MS
    linger_messages: int = Field(default=2_000, ge=1, le=20_000)
    max_payload: Bytes = 64 * 1024
    max_packet: Bytes = 1024 * 1024
    max_unjournaled: Bytes = 32 * 1024 * 1024
    reconnect: Reconnect = Reconnect()
    silent_after: Duration = 10 * MINUTE
    unmatched: Literal["dead_letter", "ignore"] = "dead_letter"
    routes: tuple[RouteConfig, ...]

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise wrong("mqtt.url", got=value) from None
        extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or extra or port == 0:
            # a password inside a wrong address must not reach a log
            raise wrong("mqtt.url", got=value.rpartition("@")[2])
        return value

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        bounds = {
            "session_expiry": (MINUTE, 4_000_000_000 * SECOND),
            "keepalive": (5 * SECOND, 18 * HOUR),
            "linger": (0, SECOND),
            "silent_after": (0, 31 * DAY),
        }
        for key, (low, high) in bounds.items():
            value = getattr(self, key)
            if not low <= value <= high:
                text = f"{key} {format_duration(value)}"
                raise wrong("mqtt.range", got=text, low=format_duration(low), high=format_duration(high))
        sizes = (1, self.max_payload, self.max_packet, self.max_unjournaled, 2**31)
        if list(sizes) != sorted(sizes) or self.max_packet > 2**28 - 1:
            names = ("max_payload", "max_packet", "max_unjournaled")
            text = " / ".join(f"{name} {getattr(self, name)}" for name in names)
            raise wrong("mqtt.range", got=text, low="1B <= max_payload", high="max_packet <= max_unjournaled <= 2GiB")
        return self

    @model_validator(mode="after")
    def _secrets(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise wrong("mqtt.password_twice")
        if self.username is None and (self.password is not None or self.password_file is not None):
            raise wrong("mqtt.password_alone")
        if not self.encrypted:
            for key in ("ca_file", "cert_file", "key_file"):
                if getattr(self, key) is not None:
                    raise wrong("mqtt.tls_only", got=key)
        if (self.cert_file is None) != (self.key_file is None):
            raise wrong("mqtt.cert_pair")
        return self

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

    @property
    def encrypted(self) -> bool:
        """mqtts://"""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def address(self) -> tuple[str, int]:
        """(host, port); 1883 and 8883 by default."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (8883 if self.encrypted else 1883)

    @property
    def local(self) -> bool:
        """The broker is on this machine."""
        host = self.address[0]
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def secret(self) -> str | None:
        """The password, None when none is configured. Raises OSError when its file cannot be read."""
        if self.password is None and self.password_file is None:
            return None
        return read_secret(self.password, self.password_file)
