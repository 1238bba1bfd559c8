"""YAML text as events of libyaml, some twenty times as fast as ruamel.yaml, where both read a text in the same way.

A text with anything that YAML 1.1 (libyaml) and 1.2 treat differently, and any text with a mistake, is left to
ruamel.yaml: it decides, and words the error. Values are not resolved here: `off` is a text like any other.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import implicit_resolvers

_LOADER: Any = getattr(yaml, "CSafeLoader", None)
"""None where PyYAML was built without libyaml."""
_UNLIKE = re.compile(
    r"""[^\n -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]
      | ^(?:%|---|\.\.\.) | (?:^[\s-]*|[\[{,]\s*)\?(?:\s|$) | [|>][-+0-9]*\#""",
    re.MULTILINE | re.VERBOSE,
)
"""Tabs, other line ends, marks of byte order, control characters; directives, marks of documents; keys behind a
question mark; comments at the head of a block."""
_SIMPLE = {
    yaml.StreamStartEvent: StreamStartEvent, yaml.StreamEndEvent: StreamEndEvent,
    yaml.DocumentStartEvent: DocumentStartEvent, yaml.DocumentEndEvent: DocumentEndEvent,
    yaml.SequenceEndEvent: SequenceEndEvent, yaml.MappingEndEvent: MappingEndEvent,
}  # fmt: skip
_TEXT, _MAPPING, _SEQUENCE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_TAGS = tuple(
    (regexp, tag, frozenset(first)) for versions, tag, regexp, first in implicit_resolvers if (1, 2) in versions
)


class _Unlike(Exception):
    """Left to ruamel.yaml."""


def events(text: str) -> list[Event] | None:
    """The events of `text`; None = ruamel.yaml has to read it. Marks have lines, counted from 0."""
    if _LOADER is None or _UNLIKE.search(text):
        return None
    try:
        return [_event(event) for event in yaml.parse(text, Loader=_LOADER)]
    except (yaml.YAMLError, _Unlike):
        return None


def compose(text: str, deepest: int) -> Node | None:
    """The root node of `text`, of no more than `deepest` levels; None = ruamel.yaml has to read it (an empty text,
    too)."""
    found = events(text)
    if found is None or len(found) < 5:
        return None
    try:
        return _Composer(iter(found[2:]), deepest).document()  # behind the starts of stream and document
    except _Unlike:
        return None


def _event(event: Any) -> Event:
    start, end = event.start_mark, event.end_mark
    simple: type[Event] | None = _SIMPLE.get(type(event))
    if simple is not None:
        return simple(start, end)
    if isinstance(event, yaml.AliasEvent):
        return AliasEvent(event.anchor, start, end)
    if event.tag is not None:
        raise _Unlike
    if isinstance(event, yaml.ScalarEvent):
        return ScalarEvent(event.anchor, None, event.implicit, event.value, start, end, style=event.style or None)
    kind = MappingStartEvent if isinstance(event, yaml.MappingStartEvent) else SequenceStartEvent
    made: Event = kind(event.anchor, None, event.implicit, start, end, flow_style=event.flow_style)
    return made


class _Composer:
    """Events -> nodes; an alias is the node of its anchor."""

    def __init__(self, found: Iterator[Event], deepest: int) -> None:
        self._events = found
        self._deepest = deepest
        self._anchors: dict[str, Node] = {}

    def document(self) -> Node:
        """The root of the only document."""
        root = self._node(next(self._events), 1)
        if not isinstance(next(self._events), DocumentEndEvent) or not isinstance(next(self._events), StreamEndEvent):
            raise _Unlike
        return root

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise _Unlike
            return self._anchors[event.anchor]
        if depth > self._deepest or event.anchor in self._anchors:
            raise _Unlike
        if isinstance(event, ScalarEvent):
            tag = _TEXT if event.style is not None else _tag(event.value)
            node: Node = ScalarNode(tag, event.value, event.start_mark, event.end_mark, style=event.style)
        elif isinstance(event, MappingStartEvent):
            node = MappingNode(_MAPPING, [], event.start_mark, event.end_mark)
        else:
            node = SequenceNode(_SEQUENCE, [], event.start_mark, event.end_mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if not isinstance(event, ScalarEvent):
            self._fill(node, depth + 1)
        return node

    def _fill(self, node: Node, depth: int) -> None:
        end = MappingEndEvent if isinstance(node, MappingNode) else SequenceEndEvent
        while not isinstance(event := next(self._events), end):
            child = self._node(event, depth)
            if isinstance(node, MappingNode):
                node.value.append((child, self._node(next(self._events), depth)))
            else:
                node.value.append(child)


@lru_cache(maxsize=1024)
def _tag(value: str) -> str:
    """The tag of a plain scalar in YAML 1.2, by ruamel.yaml's own table."""
    first = value[:1]
    return next((tag for regexp, tag, starts in _TAGS if first in starts and regexp.match(value)), _TEXT)
