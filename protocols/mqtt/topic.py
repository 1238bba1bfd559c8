"""Topic filters with named levels: `charger/{device}/telemetry`, `ovms/{user}/{device}/metric/{field*}`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.section import wrong

_CAPTURE = re.compile(r"\{([a-z_][a-z0-9_]*)(\*?)\}")
_HOLE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """A parsed filter. `levels`: a text, or None for a captured level; `names` of the captures in order.

    `rest`: the last capture takes one or more levels. `subscription` is what the broker is asked for.
    """

    text: str
    levels: tuple[str | None, ...]
    names: tuple[str, ...]
    rest: bool

    @property
    def subscription(self) -> str:
        """The MQTT filter: `charger/+/telemetry`."""
        parts = ["+" if level is None else level for level in self.levels]
        return "/".join([*parts[:-1], "#"] if self.rest else parts)

    def match(self, topic: str) -> dict[str, str] | None:
        """Captured name -> text, or None when the topic does not match."""
        parts = topic.split("/")
        if self.rest and len(parts) > len(self.levels):
            parts[len(self.levels) - 1 :] = ["/".join(parts[len(self.levels) - 1 :])]
        if len(parts) != len(self.levels) or (topic.startswith("$") and self.levels[0] is None):
            return None
        captured = []
        for level, part in zip(self.levels, parts, strict=True):
            if level is None:
                captured.append(part)
            elif level != part:
                return None
        return dict(zip(self.names, captured, strict=True))


def parse_pattern(text: str) -> TopicPattern:
    """A filter as written in the configuration. Raises a validation error that says what to write instead."""
    if text.startswith("$share/"):
        raise wrong("mqtt.filter_share", got=text)
    if "+" in text or "#" in text:
        raise wrong("mqtt.filter_wildcard", got=text)
    levels: list[str | None] = []
    names: list[str] = []
    parts = text.split("/")
    rest = False
    for index, part in enumerate(parts):
        found = _CAPTURE.fullmatch(part)
        if found is None:
            if "{" in part or "}" in part or "\0" in part or (not text):
                raise wrong("mqtt.filter_level", got=text, level=part)
            levels.append(part)
            continue
        rest = bool(found[2])
        if rest and index != len(parts) - 1:
            raise wrong("mqtt.filter_level", got=text, level=part)
        if found[1] in names:
            raise wrong("mqtt.filter_twice", got=text, level=found[1])
        names.append(found[1])
        levels.append(None)
    return TopicPattern(text, tuple(levels), tuple(names), rest)


@dataclass(frozen=True, slots=True)
class Template:
    """A text with captures: `{device}`, `gun-{n}`, `main-meter`."""

    text: str
    names: tuple[str, ...]

    def fill(self, captures: Mapping[str, str]) -> str:
        """The text with every {name} replaced."""
        return _HOLE.sub(lambda hole: captures[hole[1]], self.text)


def parse_template(text: str) -> Template:
    """Raises a validation error for an open, odd or empty brace."""
    if {"{", "}"} & set(_HOLE.sub("", text)) or not text:
        raise wrong("mqtt.template", got=text)
    return Template(text, tuple(_HOLE.findall(text)))
