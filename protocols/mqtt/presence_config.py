"""`presence` of an MQTT source: what makes a device online and offline."""

from typing import Annotated, Final, Self

from pydantic import BeforeValidator, model_validator

from gateway.domain.duration import DAY, SECOND, format_duration
from gateway.section import Duration, Section, wrong
from protocols.mapping.point_config import JsonPath, NameTemplate, Scalar
from protocols.mapping.topic import parse_pattern, parse_template

ONLINE: Final = "online"
OFFLINE: Final = "offline"


def _several(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


Words = Annotated[tuple[Scalar, ...], BeforeValidator(_several)]


class PresenceTopic(Section):
    """Topics of births and wills, and the words in them. Without `path` the payload is the word."""

    topic: str
    device: NameTemplate = "{device}"
    path: JsonPath | None = None
    online: Words = (ONLINE,)
    offline: Words = (OFFLINE,)

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
        return self


class PresenceConfig(Section):
    """`point` is the state point of the profiles; `timeout` of silence makes a device offline (0s = silence never
    does); a state is published once it lasted `debounce`.
    """

    topics: tuple[PresenceTopic, ...] = ()
    timeout: Duration = 0
    debounce: Duration = 10 * SECOND
    point: str = "presence"

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.topics and not self.timeout:
            raise wrong("mqtt.presence_nothing")
        for key, low, high in (("timeout", 0, 31 * DAY), ("debounce", 0, DAY)):
            value = getattr(self, key)
            if not low <= value <= high:
                text = f"{key} {format_duration(value)}"
                raise wrong("mqtt.range", got=text, low=format_duration(low), high=format_duration(high))
        return self
