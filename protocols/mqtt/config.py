"""`sources.NAME` with `type: mqtt`: one broker, one persistent session, its routes."""

import re
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path as FilePath
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from gateway.domain.duration import DAY, HOUR, MINUTE, MS, SECOND, format_duration
from gateway.section import Bytes, Duration, Section, SourceCommands, read_secret, wrong
from protocols.mapping.config import RoutesSection
from protocols.mapping.topic import TopicPattern, covers, overlap, parse_pattern
from protocols.mqtt.presence_config import MqttRouteConfig, PresenceConfig, PresenceTopic
from protocols.mqtt.publish_config import PublishConfig, StatusConfig
from protocols.mqtt.sparkplug.sparkplug_config import SparkplugConfig

_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""By scheme, where the address names none."""
_HEADER = re.compile(r"[A-Za-z0-9-]+")


class Reconnect(Section):
    """Full-jitter backoff: a random wait up to min, 2 min, 4 min … max; a minute of connection starts it over."""

    min: Duration = SECOND
    max: Duration = MINUTE

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not 0 <= self.min <= self.max:
            raise wrong("mqtt.backoff", low=format_duration(self.min), high=format_duration(self.max))
        return self


def _clash(one: TopicPattern, other: TopicPattern) -> bool:
    """Whether a message could come by both, and copies that other members of a group get would count twice."""
    inside = covers(one.subscription, other.subscription) or covers(other.subscription, one.subscription)
    return bool(one.group or other.group) and not inside and overlap(one.filter, other.filter)


def _version(value: object) -> object:
    return str(value) if value in (5, 5.0) else value  # YAML reads `protocol: 5` as a number


class MqttConfig(RoutesSection):
    """A broker of MQTT 5 or 3.1.1. `receive_maximum` bounds what the broker may have on the way without our
    acknowledgement; MQTT 3.1.1 has no field for it, nor for `session_expiry` and `max_packet`.
    """

    type: Literal["mqtt"]
    url: str
    protocol: Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(_version)] = "auto"
    client_id: str = Field(min_length=1, max_length=200)
    username: str | None = None
    password: SecretStr | None = None
    password_file: FilePath | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    session_expiry: Duration = 7 * DAY
    keepalive: Duration = 30 * SECOND
    receive_maximum: int = Field(default=10_000, ge=1, le=65_535)
    linger: Duration = 20 * MS
    linger_messages: int = Field(default=2_000, ge=1, le=20_000)
    max_packet: Bytes = 1024 * 1024
    max_unjournaled: Bytes = 32 * 1024 * 1024
    reconnect: Reconnect = Reconnect()
    silent_after: Duration = 10 * MINUTE
    presence: PresenceConfig | None = None
    commands: SourceCommands | None = None
    status: StatusConfig | None = None
    publish: tuple[PublishConfig, ...] = ()
    sparkplug: SparkplugConfig | None = None
    routes: tuple[MqttRouteConfig, ...] = ()

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise wrong("mqtt.url", got=value) from None
        path = parts.path.strip("/") if parts.scheme in ("mqtt", "mqtts") else ""
        extra = path or parts.query or parts.fragment or parts.username or parts.password
        if parts.scheme not in _PORTS or not parts.hostname or extra or port == 0:
            # a password or token inside a wrong address must not reach a log
            raise wrong("mqtt.url", got=value.rpartition("@")[2].partition("?")[0])
        return value

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, text in value.items():
            own = name.lower() in ("host", "upgrade", "connection") or name.lower().startswith("sec-websocket-")
            if own or not _HEADER.fullmatch(name) or not text.get_secret_value().isprintable():
                raise wrong("mqtt.header", got=name)
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
        if self.headers and not self.over_websocket:
            raise wrong("mqtt.headers_only")
        if not self.encrypted:
            for key in ("ca_file", "cert_file", "key_file"):
                if getattr(self, key) is not None:
                    raise wrong("mqtt.tls_only", got=key)
        if (self.cert_file is None) != (self.key_file is None):
            raise wrong("mqtt.cert_pair")
        return self

    @model_validator(mode="after")
    def _presence(self) -> Self:
        timed = any(route.presence_timeout for route in self.routes)
        if self.presence is not None and not (self.presence.ends or timed or self.sparkplug):
            raise wrong("mqtt.presence_nothing")
        if self.presence_in_force is None and any(route.presence_timeout is not None for route in self.routes):
            raise wrong("mqtt.presence_of_nothing")
        return self

    @model_validator(mode="after")
    def _wills(self) -> Self:
        if self.status is not None and self.sparkplug is not None and self.sparkplug.host_id is not None:
            raise wrong("mqtt.two_wills")
        return self

    @model_validator(mode="after")
    def _shared(self) -> Self:
        texts = [route.filter for route in self.routes] + [one.topic for one in self.presence_topics]
        texts += [] if self.sparkplug is None else self.sparkplug.captured_filters
        for one, other in combinations(map(parse_pattern, texts), 2):
            if _clash(one, other):
                raise wrong("mqtt.share_overlap", got=other.subscription, other=one.subscription)
        return self

    @property
    def routed(self) -> bool:
        """Sparkplug needs no routes."""
        return bool(self.routes) or self.sparkplug is not None

    @property
    def presence_in_force(self) -> PresenceConfig | None:
        """Births and deaths of Sparkplug are presence without being asked for."""
        return PresenceConfig() if self.presence is None and self.sparkplug is not None else self.presence

    @property
    def presence_topics(self) -> tuple[PresenceTopic, ...]:
        """Topics of births and wills."""
        return () if self.presence is None else self.presence.topics

    @property
    def encrypted(self) -> bool:
        """mqtts:// or wss://"""
        return urlsplit(self.url).scheme in ("mqtts", "wss")

    @property
    def over_websocket(self) -> bool:
        """ws:// or wss://"""
        return urlsplit(self.url).scheme in ("ws", "wss")

    @property
    def address(self) -> tuple[str, int]:
        """(host, port)."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]

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
