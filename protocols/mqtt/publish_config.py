"""`publish` and `status` of an MQTT source: messages that the gateway itself publishes."""

import re
from collections.abc import Mapping
from typing import Final, Self

from pydantic import Field, model_validator

from gateway.domain.device import Device
from gateway.domain.duration import DAY, SECOND, format_duration
from gateway.section import Duration, Section, wrong
from protocols.mapping.path import scalar_text

_HOLE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`{device}`, `{portal}`. The braces of JSON never look like this: its names stand in quotation marks."""
_WILD: Final = re.compile(r"[+#\0]")


class PublishConfig(Section):
    """A message that is published every `every`, as long as there is a connection: what a device needs to be asked or
    kept awake with. With `{device}` or the name of a column of the device list in topic or payload: one for each
    device in service, of these `profiles` when there are any.
    """

    topic: str = Field(min_length=1, max_length=512)
    payload: str = Field(default="", max_length=4096)
    every: Duration = 30 * SECOND
    qos: int = Field(default=0, ge=0, le=1)
    retain: bool = False
    profiles: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if _WILD.search(self.topic) or {"{", "}"} & set(_HOLE.sub("", self.topic)) or self.topic.startswith("$"):
            raise wrong("mqtt.publish_topic", got=self.topic)
        if not SECOND <= self.every <= DAY:
            raise wrong("mqtt.range", got=f"every {format_duration(self.every)}", low="1s", high="1d")
        if self.profiles and not self.names:
            raise wrong("mqtt.publish_profiles", got=self.topic)
        return self

    @property
    def names(self) -> frozenset[str]:
        """What stands in braces in topic and payload."""
        return frozenset(_HOLE.findall(self.topic)) | frozenset(_HOLE.findall(self.payload))

    def is_for(self, device: Device) -> bool:
        """Whether a message of this entry belongs to the device."""
        return bool(self.names) and (not self.profiles or device.profile in self.profiles)

    def filled(self, device: Device | None) -> tuple[str, str] | None:
        """Topic and payload for a device (None: of an entry without names); None when it lacks one of the names, or a
        wildcard would get into the topic."""
        known = {} if device is None else names_of(device)
        if not self.names <= known.keys():
            return None
        topic, payload = (_HOLE.sub(lambda hole: known[hole[1]], text) for text in (self.topic, self.payload))
        return None if _WILD.search(topic) else (topic, payload)


def names_of(device: Device) -> Mapping[str, str]:
    """What can stand in braces for a device."""
    given = {"device": device.code, "site": device.site, **device.attrs}
    texts = {name: scalar_text(value) for name, value in given.items()}
    return {name: text for name, text in texts.items() if text}


class StatusConfig(Section):
    """Birth and will of the gateway itself, retained, QoS 1."""

    topic: str = Field(min_length=1, max_length=512)
    online: str = "online"
    offline: str = "offline"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if _WILD.search(self.topic) or self.topic.startswith("$"):
            raise wrong("mqtt.publish_topic", got=self.topic)
        if self.online == self.offline:
            raise wrong("mqtt.status_words", got=self.online)
        return self
