"""`mqtt:` of a command in a profile: the message that carries it, and the message that answers it.

commands:
  set_limit:
    title: {en: Set the current limit, zh: 设置限流值}
    parameters: {limit: {unit: A, min: 6, max: 32}}
    mqtt:
      topic: chargers/{device}/cmd
      payload: {id: "{command_id}", op: limit, amps: "{limit}"}
      response:
        topic: chargers/{device}/ack
        correlation: id                     # a field of the answer; correlation_data: true uses that of MQTT 5
        success: {path: result, values: [ok]}
        message: text
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from gateway.domain.device_command.definition import CommandDefinition, ParameterType, Value
from gateway.domain.device_command.exchange import OutgoingCommand
from gateway.domain.errors import ConfigError, DecodeError, Problem
from gateway.section import Section, wrong
from gateway.section_problems import problems
from protocols.mapping.document import parse_bare, parse_document
from protocols.mapping.path import Missed, Path, parse_path, scalar_text
from protocols.mapping.point_config import JsonPath, Scalar
from protocols.mapping.topic import TopicPattern, parse_pattern
from protocols.mqtt.publish_config import names_of

_HOLE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WILD: Final = re.compile(r"[+#\0]")
_ALWAYS: Final = ("command_id", "time_ms", "time_s", "component")
MOST_PAYLOAD: Final = 4096


class SuccessWords(Section):
    """`values` at `path` mean that the device did it; without `path` the payload itself is the word. `progress`: that
    it is still at it, so another answer follows."""

    path: JsonPath | None = None
    values: tuple[Scalar, ...] = Field(min_length=1, max_length=16)
    progress: tuple[Scalar, ...] = Field(default=(), max_length=16)


class CommandResponse(Section):
    """The answer. `topic` like the filter of a route: a name in braces that the command has (`{device}`) must be the
    same in the answer. `correlation`: where the answer repeats `{command_id}`. Without `success` every answer is a
    success. `message`: the device's own words."""

    topic: str = Field(min_length=1, max_length=512)
    correlation: JsonPath | None = None
    correlation_data: bool = False
    success: SuccessWords | None = None
    message: JsonPath | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        pattern = parse_pattern(self.topic)
        if pattern.group or pattern.rest:
            raise wrong("mqtt.command_topic", got=self.topic)
        if self.correlation is None and not self.correlation_data:
            raise wrong("mqtt.command_correlation")
        bare = self.success is not None and self.success.path is None
        if bare and (self.correlation is not None or self.message is not None):
            raise wrong("mqtt.command_bare")
        return self


class MqttCommand(Section):
    """The section. Names in braces: `{device}`, `{site}`, `{component}`, columns of the device list; in the payload the
    parameters, `{command_id}`, `{time_ms}` and `{time_s}`, too. A text that is one name alone keeps the type of its
    value. QoS 0 is never kept by the broker for a device that is away, nor repeated by it."""

    topic: str = Field(min_length=1, max_length=512)
    payload: Any
    qos: Literal[0, 1] = 0
    response: CommandResponse | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if _WILD.search(self.topic) or {"{", "}"} & set(_HOLE.sub("", self.topic)) or self.topic.startswith("$"):
            raise wrong("mqtt.command_topic", got=self.topic)
        if not isinstance(self.payload, str | dict | list):
            raise wrong("mqtt.command_payload")
        return self


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A command ready to be published, and the topic of its answer where that has no other names ("" otherwise)."""

    topic: str
    payload: bytes
    response_topic: str


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """The answer to one command as the message holds it. `ok` None: the device is still at it."""

    ok: bool | None
    text: str


class MqttForm:
    """A compiled section."""

    def __init__(self, config: MqttCommand) -> None:
        self.config = config
        self.qos = config.qos
        self.response: TopicPattern | None = None if config.response is None else parse_pattern(config.response.topic)
        found = config.response
        self._correlation = _path(None if found is None else found.correlation)
        self._message = _path(None if found is None else found.message)
        words = None if found is None else found.success
        self._success = _path(None if words is None else words.path)
        self._good = frozenset(scalar_text(one) for one in (() if words is None else words.values))
        self._progress = frozenset(scalar_text(one) for one in (() if words is None else words.progress))
        self._bare = words is not None and words.path is None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MqttForm) and other.config == self.config

    def __hash__(self) -> int:
        return hash(self.config.topic)

    @property
    def needs_mqtt5(self) -> bool:
        """Its answer can be recognised by the correlation data of MQTT 5 alone."""
        return self.config.response is not None and self._correlation is None

    def message(self, command: OutgoingCommand) -> CommandMessage | None:
        """None when the device lacks a name that stands in braces, or a wildcard would get into the topic."""
        known: dict[str, Value] = {**names_of(command.device), "component": command.component}
        topics = [self.config.topic]
        if self.response is not None and self.config.response is not None and set(self.response.names) <= known.keys():
            topics.append(self.config.response.topic)
        if not set(_HOLE.findall(self.config.topic)) <= known.keys():
            return None
        filled = [_HOLE.sub(lambda hole: _shown(known[hole[1]]), topic) for topic in topics]
        given = {**known, **command.values, "command_id": command.id}
        given |= {"time_ms": command.at // 1000, "time_s": command.at // 1_000_000}
        if any(_WILD.search(topic) for topic in filled) or not set(_holes(self.config.payload)) <= given.keys():
            return None
        return CommandMessage(filled[0], _payload(self.config.payload, given), filled[1] if filled[1:] else "")

    def is_from(self, topic: str, command: OutgoingCommand) -> bool:
        """Whether a message of this topic can be the answer of the command's device and component."""
        captured = None if self.response is None else self.response.match(topic)
        if captured is None:
            return False
        known = {**names_of(command.device), "component": str(command.component)}
        return all(text == known[name] for name, text in captured.items() if name in known)

    def read(self, payload: bytes, command_id: str, correlation: bytes | None) -> AnswerWords | None:
        """What the answer to `command_id` holds; None: it is the answer to something else, or none at all."""
        by_data = self.config.response is not None and self.config.response.correlation_data and correlation is not None
        if by_data and correlation != command_id.encode():
            return None
        try:
            root = parse_bare(payload) if self._bare else parse_document(payload)
        except DecodeError:
            return AnswerWords(ok=False, text="command.unreadable") if by_data else None
        if not by_data and (self._correlation is None or _text(self._correlation, root) != command_id):
            return None
        own_words = _text(self._message, root) or ""
        if not self._good:
            return AnswerWords(ok=True, text=own_words)
        word = scalar_text(root) if self._bare else _text(self._success, root)
        ok = True if word in self._good else None if word in self._progress else False
        return AnswerWords(ok, own_words or (word or ""))


def load(section: Mapping[str, Any], definition: CommandDefinition) -> MqttForm:
    """As `CommandForm.load`. Columns of the device list are not known here: another name in braces may be one."""
    try:
        config = MqttCommand.model_validate(section)
    except ValidationError as error:
        raise ConfigError(problems(error, MqttCommand, "", "")) from error
    texts = {one.name for one in definition.parameters if one.type is ParameterType.TEXT and not one.values}
    open_texts = sorted(texts & set(_holes(config.payload))) if isinstance(config.payload, str) else []
    if open_texts:  # it could end the text around it
        raise ConfigError([Problem("", "payload", "mqtt.command_open_text", {"name": open_texts[0]})])
    unused = [one.name for one in definition.parameters if one.name not in set(_holes(config.payload))]
    if unused:
        raise ConfigError([Problem("", "payload", "mqtt.command_unused", {"name": unused[0]})])
    found = config.response
    if found is not None and found.correlation is not None and "command_id" not in set(_holes(config.payload)):
        raise ConfigError([Problem("", "payload", "mqtt.command_no_id", {})])
    return MqttForm(config)


def _path(text: str | None) -> Path | None:
    return None if text is None else parse_path(text)


def _text(path: Path | None, root: Any) -> str | None:
    try:
        return None if path is None else scalar_text(path.reach(root, root))
    except Missed:
        return None


def _holes(payload: Any) -> Iterator[str]:
    """Names in braces of a payload, in keys and values."""
    if isinstance(payload, str):
        yield from _HOLE.findall(payload)
    elif isinstance(payload, dict):
        for key, value in payload.items():
            yield from _HOLE.findall(str(key))
            yield from _holes(value)
    elif isinstance(payload, list):
        for value in payload:
            yield from _holes(value)


def _payload(payload: Any, given: Mapping[str, Value]) -> bytes:
    if isinstance(payload, str):
        return _HOLE.sub(lambda hole: _shown(given[hole[1]]), payload).encode()
    return json.dumps(_filled(payload, given), ensure_ascii=False, separators=(",", ":")).encode()


def _filled(payload: Any, given: Mapping[str, Value]) -> Any:
    if isinstance(payload, str):
        alone = _HOLE.fullmatch(payload)
        return given[alone[1]] if alone else _HOLE.sub(lambda hole: _shown(given[hole[1]]), payload)
    if isinstance(payload, dict):
        return {
            _HOLE.sub(lambda hole: _shown(given[hole[1]]), str(key)): _filled(v, given) for key, v in payload.items()
        }
    return [_filled(one, given) for one in payload] if isinstance(payload, list) else payload


def _shown(value: Value) -> str:
    return scalar_text(value) or ""
