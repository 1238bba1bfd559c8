"""Messages of births and wills -> which device is there or gone. Pure."""

from dataclasses import dataclass
from typing import Protocol

from gateway.domain.errors import DecodeError
from protocols.mapping.document import parse_bare, parse_document
from protocols.mapping.path import Missed, parse_path, scalar_text
from protocols.mapping.place import Joined
from protocols.mapping.timestamp import TimestampReader
from protocols.mapping.topic import parse_pattern, parse_template
from protocols.mqtt.presence_config import ONLINE, PresenceTopic


class PresenceMessage(Protocol):
    """What is read of a PUBLISH."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class PresenceWord:
    """`online` None: the message holds neither word. `at` µs: of the message itself, None = it has no time. `holds` µs
    (None = as in the limits of the device)."""

    code: str
    online: bool | None
    at: int | None
    holds: int | None


class PresenceWords:
    """A presence topic, compiled."""

    def __init__(self, config: PresenceTopic) -> None:
        self._pattern = parse_pattern(config.topic)
        self._device = parse_template(config.device)
        self._path = None if config.path is None else parse_path(config.path)
        self._online = {scalar_text(word) for word in config.online}
        self._offline = {scalar_text(word) for word in config.offline}
        self._fixed = None if config.state is None else config.state == ONLINE
        self._moments = None if config.time is None else TimestampReader(config.time)
        self._time = None if config.time is None else Joined(tuple(map(parse_path, config.time.paths)))
        self._holds = config.timeout

    def read(self, message: PresenceMessage) -> PresenceWord | None:
        """None: another topic."""
        captured = self._pattern.match(message.topic)
        if captured is None:
            return None
        code = self._device.fill(captured)
        try:
            online = self._fixed if self._fixed is not None else self._word(message.payload)
            at = self._moment(message.payload)
        except (DecodeError, *Missed):
            online, at = None, None
        return PresenceWord(code, online, at, self._holds)

    def _word(self, payload: bytes) -> bool | None:
        root = parse_bare(payload) if self._path is None else parse_document(payload)
        text = scalar_text(root if self._path is None else self._path.reach(root, root))
        return True if text in self._online else False if text in self._offline else None

    def _moment(self, payload: bytes) -> int | None:
        if self._time is None or self._moments is None:
            return None
        root = parse_document(payload)
        return self._moments.one(self._time.reach(root, root))
