"""YAML 1.2 text -> a plain tree with the line of every key; `off`, `22:00` and dates are text.

YAML features that can expand or construct objects are refused: anchors, aliases, tags, several documents and deep
nesting are problems, duplicate keys too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from gateway.domain import quick_yaml
from gateway.domain.error_reasons import library_text
from gateway.domain.errors import Problem
from rules.expr.tokens import full_width

MAX_BYTES = 1 << 20
MAX_DEPTH = 32

Leaf = bool | int | float | str | None
Plain = Leaf | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf: None, bool, int, float or str."""

    value: Leaf
    line: int = 0


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: "tuple[Tree, ...]"
    line: int = 0


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """A mapping; `lines` holds the line of each key."""

    entries: "Mapping[str, Tree]"
    lines: Mapping[str, int] = field(default_factory=dict)
    line: int = 0


Tree = Scalar | Items | YamlMapping


class Notes:
    """Collects the problems of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(self, line: int, path: str, key: str, /, **fields: object) -> None:
        """One more."""
        self.problems.append(Problem(self.file, path, key, fields, line))


def plain(tree: Tree) -> Plain:
    """Without lines."""
    match tree:
        case Scalar(value):
            return value
        case Items(items):
            return [plain(item) for item in items]
        case YamlMapping(entries):
            return {key: plain(value) for key, value in entries.items()}


def text_of(tree: Tree | None) -> str:
    """The text of a leaf without spaces around it; "" for anything else."""
    return tree.value.strip() if isinstance(tree, Scalar) and isinstance(tree.value, str) else ""


def number_of(tree: Tree | None) -> int | float | None:
    """The number of a leaf; None for anything else."""
    value = tree.value if isinstance(tree, Scalar) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def from_plain(value: object) -> Tree:
    """A tree without lines. Raises ValueError for what YAML cannot hold."""
    if isinstance(value, Mapping):
        return YamlMapping({str(key): from_plain(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return Items(tuple(from_plain(item) for item in value))
    if value is None or isinstance(value, bool | int | float | str):
        return Scalar(value)
    raise ValueError(f"{type(value).__name__} has no place in a rule")


def show(tree: Tree) -> str:
    """A value as a person recognises it in a message, short."""
    match tree:
        case Scalar(None):
            return "null"
        case Scalar(bool() as value):
            return "true" if value else "false"
        case Scalar(value):
            text = str(value)
            return text if len(text) <= 60 else text[:57] + "…"
        case Items():
            return "[…]"
        case YamlMapping():
            return "{…}"


_PER = re.compile(r"(\bper:[ \t]*\w+\([ \t]*from:)[ \t]+(?=[0-9])")
"""`per: month(from: 26)` without quotes: without the space it is one plain scalar."""


def read(text: str, notes: Notes) -> Tree | None:
    """The tree of a file; None when it cannot be read at all. Problems go to `notes`."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        notes.add(0, "", "rules.yaml.large", most=MAX_BYTES)
        return None
    tree, problems = (_kept if len(text) <= _KEPT_TEXT else _parsed)(text)
    notes.problems += [replace(problem, file=notes.file) for problem in problems]
    return tree


def _parsed(text: str) -> tuple[Tree | None, tuple[Problem, ...]]:
    notes = Notes("")
    return _parse(_PER.sub(r"\1", text), notes), tuple(notes.problems)


_KEPT_TEXT = 1 << 15
_kept = lru_cache(maxsize=32)(_parsed)
"""Loading, checking and linting read the same few files, and parsing is most of a start."""


def _parse(text: str, notes: Notes) -> Tree | None:
    try:
        events = quick_yaml.events(text) or YAML(typ="safe", pure=True).parse(text)
        return _Builder(iter(events), notes).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        _syntax(text, line, error.context_mark.line + 1 if error.context_mark else line, str(error.problem), notes)
    except YAMLError as error:
        notes.add(0, "", "rules.yaml.syntax", detail=library_text(str(error)[:200]))
    return None


_STRUCTURE = "：，“”‘’｛｝［］【】＃－\u3000"


def _syntax(text: str, line: int, first: int, detail: str, notes: Notes) -> None:
    """Note the error, or the full-width character near the place that explains it."""
    lines = text.splitlines()
    for number in range(max(min(first, line) - 1, 1), min(line, len(lines)) + 1):
        bare = re.sub(r"#.*|\"[^\"]*\"|'[^']*'", "", lines[number - 1])
        if found := full_width("".join(character for character in bare if character in _STRUCTURE)):
            notes.add(number, "", "rules.yaml.full_width", character=found[0], write=found[1])
            return
        if part := _COMPONENT.search(re.sub(r"\"[^\"]*\"|'[^']*'", "", lines[number - 1])):
            notes.add(number, "", "rules.yaml.comment", write=f'"{part[1]}"')
            return
    if not detail.startswith("mapping values are not allowed"):
        notes.add(line, "", "rules.yaml.syntax", detail=library_text(detail))
        return
    pair = _COLON.fullmatch(lines[line - 1]) if 0 < line <= len(lines) else None
    write = f"{pair[1]}: {quoted(pair[2])}" if pair else 'say: "status: charging"'
    notes.add(line, "", "rules.yaml.colon", detail=library_text(detail), write=write)


_COMPONENT = re.compile(r"[{,]\s+(#[0-9]+\.\w+)")
_COLON = re.compile(r"[\s-]*([\w.]+):\s+([^\s\"'{\[].*?)\s*")


def quoted(text: str) -> str:
    """`text` as a YAML scalar in quotes."""
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"


class _Unreadable(Exception):
    """The rest of the file means nothing; the reason is noted already."""


class _Builder:
    """Events -> tree."""

    def __init__(self, events: Iterator[Event], notes: Notes) -> None:
        self._events = events
        self._notes = notes
        self._depth = 0

    def document(self) -> Tree | None:
        """The only document; an empty file is an empty mapping."""
        found: Tree | None = None
        try:
            for event in self._events:
                if isinstance(event, StreamStartEvent | StreamEndEvent | DocumentEndEvent):
                    continue
                if isinstance(event, DocumentStartEvent):
                    if found is not None:
                        self._notes.add(_line(event), "", "rules.yaml.documents")
                        return None
                    continue
                found = self._node(event, "")
        except _Unreadable:
            return None
        return YamlMapping({}) if found is None else found

    def _node(self, event: Event, path: str) -> Tree:
        line = _line(event)
        if isinstance(event, NodeEvent) and event.anchor is not None:
            kind = "*" if isinstance(event, AliasEvent) else "&"
            self._notes.add(line, path, "rules.yaml.anchor", name=f"{kind}{event.anchor}")
        if isinstance(event, AliasEvent):
            return Scalar(None, line)
        if isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent) and event.tag is not None:
            self._notes.add(line, path, "rules.yaml.tag", name=str(event.tag))
        if isinstance(event, ScalarEvent):
            return Scalar(_resolve(event.value) if event.style is None else event.value, line)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._notes.add(line, path, "rules.yaml.deep", most=MAX_DEPTH)
            raise _Unreadable
        tree = self._table(path, line) if isinstance(event, MappingStartEvent) else self._items(path, line)
        self._depth -= 1
        return tree

    def _items(self, path: str, line: int) -> Items:
        out: list[Tree] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            out.append(self._node(event, f"{path}[{len(out)}]"))
        return Items(tuple(out), line)

    def _table(self, path: str, line: int) -> YamlMapping:
        entries: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self._notes.add(_line(event), path, "rules.yaml.key")
                raise _Unreadable
            key = str(event.value)
            here = join(path, key)
            value = self._node(next(self._events), here)
            if key in entries:
                self._notes.add(_line(event), here, "rules.yaml.duplicate", name=key, line=lines[key])
                continue
            entries[key], lines[key] = value, _line(event)
        return YamlMapping(entries, lines, line)


def join(path: str, key: str | int) -> str:
    """`rules[2]` + `hold` -> `rules[2].hold`; a number is an index."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def lines_of(tree: Tree, path: str = "") -> dict[str, int]:
    """The line of every value, by its path inside `tree`."""
    out = {path: tree.line}
    children: Sequence[tuple[str | int, Tree]] = ()
    if isinstance(tree, Items):
        children = list(enumerate(tree.items))
    elif isinstance(tree, YamlMapping):
        children = list(tree.entries.items())
    for key, child in children:
        out |= lines_of(child, join(path, key))
        if isinstance(tree, YamlMapping):
            out[join(path, key)] = tree.lines.get(str(key), child.line)
    return out


def _line(event: Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark is not None else 0


_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def _resolve(text: str) -> Leaf:
    """A plain scalar by the YAML 1.2 core schema; a number no computer holds stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) <= 18:
        return int(text)
    if _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
        return float(text)
    return text
