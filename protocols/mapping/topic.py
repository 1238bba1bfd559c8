"""Topic filters with named levels: `charger/{device}/telemetry`, `evcc/{field*}`, `site/wallbox_{n}/power`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

from gateway.section import wrong

_REST = re.compile(r"\{([a-z_][a-z0-9_]*)\*\}")
_HOLE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_SHARED = re.compile(r"\$share/([^/+#]+)/(.+)", re.DOTALL)
_WILD = ("+", "#")
_NOT_IN_A_NAME = re.compile(r"\W")

Level = str | re.Pattern[str] | None
"""One level of a filter: a text, a text with captures in it, or None = captured whole."""


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """A parsed filter. `names` of the captures in order; `rest`: the last capture takes one or more levels.

    `group`: of a shared subscription (MQTT 5, section 4.8.2), empty otherwise.
    """

    text: str
    levels: tuple[Level, ...]
    names: tuple[str, ...]
    rest: bool
    group: str = ""

    @property
    def filter(self) -> str:
        """The MQTT filter of the topics: `charger/+/telemetry`."""
        parts = [level if isinstance(level, str) else "+" for level in self.levels]
        return "/".join([*parts[:-1], "#"] if self.rest else parts)

    @property
    def subscription(self) -> str:
        """What SUBSCRIBE names: the filter, `$share/group/` before it when it is shared."""
        return f"$share/{self.group}/{self.filter}" if self.group else self.filter

    def match(self, topic: str) -> dict[str, str] | None:
        """Captured name -> text, or None when the topic does not match."""
        parts = topic.split("/")
        if self.rest and len(parts) > len(self.levels):
            parts[len(self.levels) - 1 :] = ["/".join(parts[len(self.levels) - 1 :])]
        if len(parts) != len(self.levels) or (topic.startswith("$") and not isinstance(self.levels[0], str)):
            return None
        captured: list[str] = []
        for level, part in zip(self.levels, parts, strict=True):
            if level is None:
                captured.append(part)
            elif isinstance(level, str):
                if level != part:
                    return None
            elif found := level.fullmatch(part):
                captured += found.groups()
            else:
                return None
        return dict(zip(self.names, captured, strict=True))

    def covers(self, other: "TopicPattern") -> bool:
        """Whether every topic of `other` matches this one."""
        mine, theirs = self.levels, other.levels
        if self.rest:
            if len(theirs) < len(mine):
                return False
        elif other.rest or len(mine) != len(theirs):
            return False
        if not isinstance(mine[0], str) and isinstance(theirs[0], str) and theirs[0].startswith("$"):
            return False
        return all(_level_covers(a, b) for a, b in zip(mine, theirs, strict=False))


def _level_covers(mine: Level, theirs: Level) -> bool:
    if mine is None or mine == theirs:
        return True
    if isinstance(mine, str) or theirs is None:
        return False
    if isinstance(theirs, str):
        return mine.fullmatch(theirs) is not None
    return mine.pattern == theirs.pattern


def parse_pattern(text: str) -> TopicPattern:
    """A filter as written in the configuration. Raises a validation error with what to write instead."""
    shared = _SHARED.fullmatch(text)
    if text.startswith("$share/") and (shared is None or {"{", "}"} & set(shared[1])):
        raise wrong("route.filter_share", got=text)
    if "+" in text or "#" in text:
        raise wrong("route.filter_wildcard", got=text)
    levels: list[Level] = []
    names: list[str] = []
    parts = (shared[2] if shared else text).split("/")
    rest = False
    for index, part in enumerate(parts):
        whole = _REST.fullmatch(part) or _HOLE.fullmatch(part)
        between = _HOLE.split(part)[::2]
        rest = _REST.fullmatch(part) is not None
        broken = not whole and any("{" in piece or "}" in piece for piece in between)
        joined = not whole and any(not piece for piece in between[1:-1])  # {a}{b}: who could tell where b begins
        if broken or joined or "\0" in part or not text or (rest and index != len(parts) - 1):
            raise wrong("route.filter_level", got=text, level=part)
        captured = [whole[1]] if whole else _HOLE.findall(part)
        for name in captured:
            if name in names:
                raise wrong("route.filter_twice", got=text, level=name)
            names.append(name)
        levels.append(None if whole else _inside(between) if captured else part)
    return TopicPattern(text, tuple(levels), tuple(names), rest, shared[1] if shared else "")


def _inside(between: list[str]) -> re.Pattern[str]:
    """A level with captures between these texts: each takes at least one character, and as few as it can."""
    return re.compile("(.+?)".join(map(re.escape, between)), re.DOTALL)


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic that matches `narrow` matches `wide`. Both are MQTT filters; `narrow` may be a topic."""
    outer, inner = wide.split("/"), narrow.split("/")
    if inner[0].startswith("$") and outer[0] in _WILD:
        return False
    for index, level in enumerate(outer):
        if level == "#":
            return True
        if index >= len(inner) or inner[index] == "#" or level not in ("+", inner[index]):
            return False
    return len(outer) == len(inner)


def overlap(one: str, other: str) -> bool:
    """Whether some topic matches both MQTT filters."""
    a, b = one.split("/"), other.split("/")
    if a[0].startswith("$") != b[0].startswith("$"):
        return False
    for x, y in zip_longest(a, b):
        if x == "#" or y == "#":
            return True
        if x is None or y is None or (x != y and "+" not in (x, y)):
            return False
    return True


def common(one: str, other: str) -> str:
    """The narrowest MQTT filter of fixed levels, `+` and `#` that covers both; they overlap."""
    levels: list[str] = []
    for x, y in zip_longest(one.split("/"), other.split("/")):
        if x is None or y is None or "#" in (x, y):
            return "/".join([*levels, "#"])
        levels.append(x if x == y else "+")
    return "/".join(levels)


def point_name(text: str) -> str:
    """The name of a point for what a message calls it: whatever cannot stand in a name becomes `_`: `grid/power` ->
    `grid_power`."""
    return _NOT_IN_A_NAME.sub("_", text)


@dataclass(frozen=True, slots=True)
class TopicTemplate:
    """A text with captures: `{device}`, `gun-{n}`, `main-meter`."""

    text: str
    names: tuple[str, ...]

    def fill(self, captures: Mapping[str, str]) -> str:
        """The text with every {name} replaced."""
        return _HOLE.sub(lambda hole: captures[hole[1]], self.text) if self.names else self.text

    def matcher(self) -> re.Pattern[str]:
        """What the filled text can be, each capture being anything."""
        return re.compile("(.*)".join(map(re.escape, _HOLE.split(self.text)[::2])), re.DOTALL)


def parse_template(text: str) -> TopicTemplate:
    """Raises a validation error for an open, odd or empty brace."""
    if {"{", "}"} & set(_HOLE.sub("", text)) or not text:
        raise wrong("route.template", got=text)
    return TopicTemplate(text, tuple(_HOLE.findall(text)))
