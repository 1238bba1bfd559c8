"""`presence` of an MQTT source: what makes a device online and offline."""

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.domain.duration import DAY, MINUTE, SECOND, format_duration
from gateway.section import Duration, Section, wrong
from protocols.mapping.config import RouteConfig
from protocols.mapping.point_config import JsonPath, NameTemplate, Scalar, TimeMap
from protocols.mapping.topic import parse_pattern, parse_template

ONLINE: Final = "online"
OFFLINE: Final = "offline"
FLAPPING: Final = "flapping"
_LONGEST: Final = 31 * DAY


def _several(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


Words = Annotated[tuple[Scalar, ...], BeforeValidator(_several)]


class PresenceTopic(Section):
    """Topics of births and wills, and the words in them. Without `path` the payload is the word; with `state` every
    message of the topic means that. `time`: its moment: an older one than the last changes nothing. `timeout`:
    how long a birth holds, of topics that bring one at intervals.
    """

    topic: str
    device: NameTemplate = "{device}"
    path: JsonPath | None = None
    online: Words = (ONLINE,)
    offline: Words = (OFFLINE,)
    state: Literal["online", "offline"] | None = None
    time: TimeMap | None = None
    timeout: Duration | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        pattern = parse_pattern(self.topic)
        if pattern.group:
            raise wrong("mqtt.presence_shared", got=self.topic)
        for name in parse_template(self.device).names:
            if name not in pattern.names:
                raise wrong("route.capture", got=self.device, level=name, known=", ".join(pattern.names) or "-")
        if not self.online or not self.offline or set(map(repr, self.online)) & set(map(repr, self.offline)):
            raise wrong("mqtt.presence_words")
        if self.state is not None and {"path", "online", "offline"} & self.model_fields_set:
            raise wrong("mqtt.presence_state", got=self.topic)
        if self.time is not None and self.time.unit not in {"s", "ms", "us", "ns"} and self.time.zone is None:
            raise wrong("mqtt.presence_zone", got=self.topic)
        _in_range("timeout", self.timeout or 0)
        return self


class PresenceOfProfile(Section):
    """What differs for the devices of one profile."""

    timeout: Duration | None = None
    debounce: Duration | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.timeout is None and self.debounce is None:
            raise wrong("mqtt.presence_profile_nothing")
        _in_range("timeout", self.timeout or 0)
        _in_range("debounce", self.debounce or 0, DAY)
        return self


class FlapConfig(Section):
    """More than this and a device is neither: `changes` within `span` make it flapping, until `quiet` (as long as
    `span`, if left out) without one."""

    changes: int = Field(default=6, ge=3, le=100)
    span: Duration = 10 * MINUTE
    quiet: Duration | None = None

    @model_validator(mode="after")
    def _range(self) -> Self:
        _in_range("span", self.span, DAY, low=SECOND)
        if self.quiet is not None:
            _in_range("quiet", self.quiet, DAY, low=SECOND)
        return self


class PresenceConfig(Section):
    """`point` is the state point of the profiles; `counter` a counter of the profile, if it has it: the number of the
    state. `timeout` of silence makes a device offline (0s = silence never does); a state is published once it lasted
    `debounce`; `profiles`: what differs for theirs.
    """

    topics: tuple[PresenceTopic, ...] = ()
    timeout: Duration = 0
    debounce: Duration = 10 * SECOND
    profiles: dict[str, PresenceOfProfile] = Field(default_factory=dict)
    flap: FlapConfig | None = None
    point: str = "presence"
    counter: str = "presence_changes"

    @model_validator(mode="after")
    def _range(self) -> Self:
        _in_range("timeout", self.timeout)
        _in_range("debounce", self.debounce, DAY)
        return self

    @property
    def ends(self) -> bool:
        """Something of it can make a device offline."""
        limits = [self.timeout, *(one.timeout for one in self.profiles.values())]
        return bool(self.topics) or any(limits)


class MqttRouteConfig(RouteConfig):
    """A route of an MQTT source. `presence_timeout`: its messages come at least this often while the device is there;
    0s: they are no sign of life."""

    presence_timeout: Duration | None = None

    @model_validator(mode="after")
    def _presence(self) -> Self:
        _in_range("presence_timeout", self.presence_timeout or 0)
        return self


def _in_range(key: str, value: int, most: int = _LONGEST, low: int = 0) -> None:
    if not low <= value <= most:
        text = f"{key} {format_duration(value)}"
        raise wrong("mqtt.range", got=text, low=format_duration(low), high=format_duration(most))
