"""YAML files written by people: YAML 1.2, every value with its line, every problem at once.

`off`, `22:00`, `2026-06-15` and `007` stay text; duplicate keys, foreign tags and full-width punctuation are problems
that name the character. `${NAME}` and `${NAME:-default}` in values are replaced from the environment when asked for.
"""

import re
import unicodedata
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLWarning
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from gateway.domain import quick_yaml
from gateway.domain.error_reasons import library_text, reason
from gateway.domain.errors import Problem
from gateway.settings.read_file import UnreadableFile, read_file

Place = tuple[str | int, ...]
"""Place in a file: ("sources", "broker", "routes", 0, "filter")."""

MAX_BYTES = 4 * 2**20
_DEEPEST = 64  # a deeper tree takes minutes to build, or overflows the stack
_MAX_NODES = 200_000  # aliases multiply the text: a few lines must not fill the memory
_QUOTES = {"“": '"', "”": '"', "‘": "'", "’": "'", "\u3000": " ", "\u00a0": " ", "、": ",", "。": "."}
_FULL_WIDTH = re.compile("[“”‘’、。\u3000\u00a0\uff01-\uff5e]")
_FULL_WIDTH_KEY = re.compile(r"[A-Za-z_][\w.]*\s*：")
_FULL_WIDTH_LINE = re.compile(
    r"""^\s*(?:-\s+)?["']?[\w.]+["']?\s*(：)   # a key, then a full-width colon
      | ^[ ]*([\u3000\u00a0\t])                 # indented with something that is no space
      | [:\-,\[{]\s*([“”‘’｛［＂＇])             # a value opened by a full-width quote or bracket
      | ^\s*(＃)                                # a comment""",
    re.VERBOSE,
)
_ENV = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{([^}]*)\}?")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+|0o[0-7]+")
_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Document:
    """A parsed file. `value` is plain dicts, lists and scalars; `lines` counts from 1.

    `written` holds the text before `${NAME}` was replaced, so that a problem never shows the secret itself.
    """

    file: str
    value: Any = None
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)
    written: dict[Place, str] = field(default_factory=dict)

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest thing around it; 0 when there is none."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def problem(self, place: Place, key: str, /, **fields: object) -> Problem:
        """A problem at `place` of this file."""
        return Problem(self.file, dotted(place), key, fields, self.line(place))

    def add(self, place: Place, key: str, /, **fields: object) -> None:
        """Add a problem at `place`."""
        self.problems.append(self.problem(place, key, **fields))


def yaml_files(folder: Path) -> list[Path]:
    """The YAML files of a folder and its sub-folders, sorted by path. Names that begin with a point are left out; a
    folder with the name of a file counts as one. Raises OSError when the folder cannot be read."""
    inside = sorted(folder.iterdir())
    found = [path for path in inside if path.suffix in {".yaml", ".yml"}]
    folders = [path for path in inside if path.is_dir() and path not in found and not path.name.startswith(".")]
    return [*found, *(path for below in folders for path in yaml_files(below))]


def dotted(place: Place) -> str:
    """("rules", 2, "hold") -> `rules[2].hold`."""
    out = ""
    for part in place:
        out += f"[{part}]" if isinstance(part, int) else f"{'.' if out else ''}{part}"
    return out


def to_half_width(text: str) -> str:
    """Full-width letters, digits, punctuation and quotes as ASCII."""
    return unicodedata.normalize("NFKC", "".join(_QUOTES.get(c, c) for c in text))


def full_width_character(text: str) -> str:
    """The first full-width character of `text`, "" when there is none."""
    match = _FULL_WIDTH.search(text)
    return match[0] if match else ""


def code_point(character: str) -> str:
    """`U+FF1A`, to identify characters that look like others."""
    return f"U+{ord(character):04X}"


def read_document(path: Path, env: Mapping[str, str] | None = None) -> Document:
    """Read a YAML file. Problems (unreadable, too big, not UTF-8, syntax) are in the document, nothing is raised."""
    document = Document(str(path))
    try:
        blob = read_file(path, MAX_BYTES)
    except FileNotFoundError:
        document.add((), "config.file.missing", value=str(path))
        return document
    except OSError as error:
        document.add((), "config.file.unreadable", value=str(path), reason=reason(error))
        return document
    except UnreadableFile as unfit:
        document.add((), unfit.key, **unfit.fields)
        return document
    try:
        text = blob.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = blob.count(b"\n", 0, error.start) + 1
        document.problems.append(Problem(document.file, "", "config.file.not_utf8", {}, line))
        return document
    return parse_document(text, str(path), env)


def parse_document(text: str, file: str, env: Mapping[str, str] | None = None) -> Document:
    """Parse YAML text. With `env`, `${NAME}` in values is replaced from it."""
    document = Document(file)
    try:
        root = quick_yaml.compose(text, _DEEPEST) or _compose(text)
    except MaxDepthExceededError:
        document.add((), "config.yaml.endless")
        return document
    except (YAMLError, YAMLWarning) as error:
        _syntax(document, text, error)
        return document
    if root is not None:
        document.value = _Builder(document, env).build(root, (), ())
    return document


def _compose(text: str) -> Node | None:
    """Raises YAMLError and YAMLWarning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", YAMLWarning)
        yaml = YAML(typ="safe", pure=True)
        yaml.max_depth = _DEEPEST
        root: Node | None = yaml.compose(text)
        return root


def _syntax(document: Document, text: str, error: Any) -> None:
    for number, written in enumerate(text.splitlines(), 1):
        if match := _FULL_WIDTH_LINE.search(written):
            character = next(c for c in match.groups() if c)
            if character == "\t":
                document.problems.append(Problem(document.file, "", "config.yaml.tab", {}, number))
            else:
                fields = {"character": character, "code": code_point(character), "write": to_half_width(character)}
                document.problems.append(Problem(document.file, "", "config.yaml.wide", fields, number))
    line: int = 0
    message: str = str(error)
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, message = (mark.line + 1 if mark else 0), error.problem or message
    elif isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        message = f"U+{error.character:04X}: {error.reason}"
    seen = {problem.line for problem in document.problems}
    if line not in seen and line - 1 not in seen:  # otherwise it repeats the problem above in worse words
        document.problems.append(
            Problem(document.file, "", "config.yaml.syntax", {"reason": library_text(message)}, line)
        )


class _Builder:
    """Nodes -> plain values; records lines and collects problems."""

    def __init__(self, document: Document, env: Mapping[str, str] | None) -> None:
        self._document = document
        self._env = env
        self._count = 0

    def build(self, node: Node, place: Place, above: tuple[int, ...]) -> Any:
        """The value of `node`. `above` are the ids of the nodes around it (an alias may point at one of them)."""
        self._document.lines.setdefault(place, node.start_mark.line + 1)
        self._count += 1
        if id(node) in above or self._count > _MAX_NODES:
            if self._count <= _MAX_NODES + 1:
                self._document.add(place, "config.yaml.endless")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, place, (*above, id(node)))
        if isinstance(node, SequenceNode):
            return [self.build(child, (*place, i), (*above, id(node))) for i, child in enumerate(node.value)]
        return self._scalar(node, place) if isinstance(node, ScalarNode) else None

    def _mapping(self, node: MappingNode, place: Place, above: tuple[int, ...]) -> dict[str | int, Any]:
        out: dict[str | int, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._document.add(place, "config.yaml.key_not_text")
                continue
            key = _key(key_node)
            here = (*place, key)
            if key in out:
                fields = {"name": key, "first": self._document.lines[here]}
                self._document.problems.append(
                    Problem(self._document.file, dotted(here), "config.yaml.duplicate", fields, line)
                )
                continue
            self._document.lines[here] = line
            if key_node.style is None and (character := full_width_character(str(key))):
                self._wide(here, character)
            out[key] = self.build(value_node, here, above)
        return out

    def _wide(self, place: Place, character: str) -> None:
        self._document.add(
            place, "config.yaml.wide", character=character, code=code_point(character), write=to_half_width(character)
        )

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        text = str(node.value)
        kind = str(node.tag).removeprefix(_TAG)
        if kind in {"null", "bool", "int", "float"}:
            return _plain(kind, text)
        if kind not in {"str", "timestamp", "merge", "value"}:
            self._document.add(place, "config.yaml.tag", value=str(node.tag))
            return None
        if node.style is None and text and (text[0] in "“”‘’" or _FULL_WIDTH_KEY.match(text) or _is_full_width(text)):
            self._wide(place, full_width_character(text))
        return self._replaced(text, place) if self._env is not None and "${" in text else text

    def _replaced(self, text: str, place: Place) -> str:
        env = self._env or {}
        self._document.written[place] = text

        def value(match: re.Match[str]) -> str:
            name, default, wrong = match[1], match[2], match[3]
            if match[0] == "$${":
                return "${"
            if wrong is not None:
                self._document.add(place, "config.env.syntax", value=match[0])
                return ""
            if env.get(name):
                return env[name]
            if default is None:
                self._document.add(place, "config.env.unset", name=name)
                return match[0]
            return default

        return _ENV.sub(value, text)


def _key(node: ScalarNode) -> str | int:
    """Whole numbers stay numbers (register values in a `map`), everything else is text."""
    text = str(node.value)
    value = _plain("int", text) if node.tag == _TAG + "int" else text
    return value if isinstance(value, int) else text


def _is_full_width(text: str) -> bool:
    return all("\uff01" <= c <= "\uff5e" or c in ". " for c in text) and bool(text.strip(". "))


def _plain(kind: str, text: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        # 007 is a number plate, not seven
        return int(text.replace("_", ""), 0) if _INT.fullmatch(text) else text
    lower = text.lower().lstrip("+-")
    if lower in {".inf", ".nan"}:
        return float(text.lower().replace(".", ""))
    return float(text.replace("_", ""))
