"""Places inside a JSON document: `data.soc`, `list[0].x`, `["switch:0"].total`, `Infos[Type=Vehicle].SOC`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from gateway.section import wrong

Missed = (KeyError, IndexError, TypeError)
"""What reaching for an absent place raises."""


@dataclass(frozen=True, slots=True)
class Pick:
    """`[Type=Vehicle]`, `[kind.id=7]`: the first object of a list whose `key` has the text `value`."""

    key: str
    value: str


Step = str | int | Pick


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. `root`: from the top of the message even inside an element. No steps: the whole document."""

    text: str
    steps: tuple[Step, ...]
    root: bool = False

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The steps when all of them are object keys, else None."""
        return tuple(str(step) for step in self.steps) if all(isinstance(s, str) for s in self.steps) else None

    def reach(self, body: Any, root: Any) -> Any:
        """The value at this place. Raises KeyError, IndexError or TypeError when there is none."""
        node = root if self.root else body
        for step in self.steps:
            if type(step) is str:
                node = node[step]
            elif type(node) is not list:
                raise TypeError(self.text)
            elif type(step) is int:
                node = node[step]
            else:
                node = _picked(node, step)
        return node


def _picked(items: list[Any], pick: Any) -> Any:
    for item in items:
        if type(item) is dict and scalar_text(_below(item, pick.key)) == pick.value:
            return item
    raise KeyError(pick.key)


def _below(item: dict[str, Any], key: str) -> Any:
    """The value of `key`, or at the end of its parts: `kind.id`."""
    node: Any = item
    if key not in item and "." in key:
        *parents, key = key.split(".")
        for part in parents:
            node = node.get(part) if type(node) is dict else None
    return node.get(key) if type(node) is dict else None


def scalar_text(raw: Any) -> str | None:
    """The one text of a JSON scalar: 1 and 1.0 -> `1`, true -> `true`; None for null, lists and objects."""
    kind = type(raw)
    if kind is str:
        return str(raw)
    if kind is bool:
        return "true" if raw else "false"
    if kind is int:
        return str(raw)
    if kind is float:
        return str(int(raw)) if raw.is_integer() and abs(raw) < 2**63 else repr(raw)
    return None


_TOKEN = re.compile(
    r"""\[(?P<index>[0-9]+)\] | \["(?P<quoted>[^"\]]+)"\] | \[(?P<key>[^=\[\]"*]+)=(?P<value>[^\[\]"]*)\]
        | (?P<dot>\.)?(?P<name>[^.\[\]"$]+)""",
    re.VERBOSE,
)


def parse_path(text: str) -> Path:
    """`data[0].soc` -> Path. Raises a validation error that shows the position and the forms that exist."""
    body = text.strip()
    root = body.startswith("$")
    rest = body.removeprefix("$")
    if body == ".":
        return Path(text, ())
    if "[*]" in body:
        raise wrong("mqtt.path_star", got=text)
    steps: list[Step] = []
    position = 0
    while match := _TOKEN.match(rest, position):
        dotted = match["dot"] is not None
        if match["name"] is not None and dotted != (bool(steps) or root):
            break
        if match["index"] is not None:
            steps.append(int(match["index"]))
        elif match["key"] is not None:
            steps.append(Pick(match["key"].strip(), match["value"].strip()))
        else:
            steps.append(match["quoted"] or match["name"])
        position = match.end()
    if position != len(rest) or not steps:
        raise wrong("mqtt.path", got=text, at=position + root + 1)
    return Path(text, tuple(steps), root)


def parse_each(text: str) -> Path:
    """`data[*]`, `[*]` -> the path of the list. Raises a validation error for anything else."""
    body = text.strip()
    if not body.endswith("[*]"):
        raise wrong("mqtt.each", got=text)
    return Path(text, parse_path(body[:-3]).steps) if body != "[*]" else Path(text, ())


Row = tuple[Any, ...]


def _leaves(keys: Sequence[str]) -> Callable[[Any], Row]:
    if len(keys) == 1:
        (key,) = keys
        return lambda node: (node[key],)
    return itemgetter(*keys)


def picker(paths: Sequence[tuple[str, ...]]) -> tuple[list[int], Callable[[Any], Row]]:
    """One call that takes all `paths` (object keys only, at least one each) out of a document.

    -> (order, pick): item i of a row is the value of paths[order[i]]. `pick` raises KeyError or TypeError when a place
    is absent. Paths are grouped by parent so that each object is entered once.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, path in enumerate(paths):
        groups.setdefault(path[:-1], []).append(index)
    order = [index for members in groups.values() for index in members]
    parts = [(parent, _leaves([paths[i][-1] for i in members])) for parent, members in groups.items()]
    if len(parts) == 1 and not parts[0][0]:
        return order, parts[0][1]

    def pick(document: Any) -> Row:
        row: Row = ()
        for parent, leaves in parts:
            node = document
            for key in parent:
                node = node[key]
            row += leaves(node)
        return row

    return order, pick
