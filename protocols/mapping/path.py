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
    """`[Type=Vehicle]`, `[kind.id=7,phase=L1]`: the first object of a list whose keys all have these texts."""

    wanted: tuple[tuple[str, str], ...]


Step = str | int | Pick


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. `root`: from the top of the message even inside an element. No steps: the whole document."""

    text: str
    steps: tuple[Step, ...]
    root: bool = False

    @property
    def parts(self) -> tuple["Path", ...]:
        """Itself: all that is read."""
        return (self,)

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
                index = picked(node, step)
                if index is None:
                    raise KeyError(step)
                node = node[index]
        return node


def picked(items: list[Any], pick: Any) -> int | None:
    """Where the object is that `pick` asks for."""
    for index, item in enumerate(items):
        if type(item) is dict and all(scalar_text(_below(item, key)) == value for key, value in pick.wanted):
            return index
    return None


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
        raise wrong("route.path_star", got=text)
    steps: list[Step] = []
    position = 0
    while match := _TOKEN.match(rest, position):
        dotted = match["dot"] is not None
        if match["name"] is not None and dotted != (bool(steps) or root):
            break
        if match["index"] is not None:
            steps.append(int(match["index"]))
        elif match["key"] is not None:
            steps.append(_pick(match["key"], match["value"]))
        else:
            steps.append(match["quoted"] or match["name"])
        position = match.end()
    if position != len(rest) or not steps:
        raise wrong("route.path", got=text, at=position + root + 1)
    return Path(text, tuple(steps), root)


def _pick(key: str, rest: str) -> Pick:
    """`a`, `1,b.c=2` -> a is 1 and b.c is 2. A comma that no `key=` follows belongs to the value."""
    value, *more = _NEXT_KEY.split(rest)
    wanted = [(key.strip(), value.strip())]
    wanted += [(name.strip(), text.strip()) for name, text in zip(more[::2], more[1::2], strict=True)]
    return Pick(tuple(wanted))


_NEXT_KEY = re.compile(r",([^,=]+)=")


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`: every value of an object, the key being data; `[*]`: every element of a list."""

    keys: bool


@dataclass(frozen=True, slots=True)
class Element:
    """One of many: its value, the keys on the way to it that are data, its place, and the element around it."""

    value: Any
    keys: tuple[str, ...]
    place: str
    inside: Any = None
    around: Any = None
    """`inside` is what the last star gave, `around` what the one before it gave (the document for the first)."""


@dataclass(frozen=True, slots=True)
class Each:
    """Where a message holds many: `data[*]`, `*`, `*[*]`. `names` are what its keys are called: `key`, `key2`, …, and
    with `indexed` the places in its lists, from 0: `index`, `index2`, …

    `head` is what comes before the first star.
    """

    text: str
    steps: tuple[Path | Wildcard, ...]
    names: tuple[str, ...]
    head: Path
    indexed: bool = False

    def elements(self, body: Any, skip: frozenset[str]) -> tuple[list[Element], list[str]]:
        """(the elements but those under a key of `skip`, places that hold something else than what is expected)."""
        found, odd = [Element(body, (), "", body)], []
        for step in self.steps:
            below: list[Element] = []
            for one in found:
                if isinstance(step, Path):
                    try:
                        value, place = step.reach(one.value, body), _behind(one.place, step.text)
                        below.append(Element(value, one.keys, place, one.inside, one.around))
                    except Missed:
                        odd.append(one.place)
                elif type(one.value) is (dict if step.keys else list):
                    below += self._every(one, step, skip)
                else:
                    odd.append(one.place)
            found = below
        return found, odd

    def _every(self, one: Element, step: Wildcard, skip: frozenset[str]) -> list[Element]:
        if step.keys:
            items = [(key, value) for key, value in one.value.items() if key not in skip]
            return [Element(v, (*one.keys, k), _behind(one.place, k), v, one.inside) for k, v in items]
        return [
            Element(value, (*one.keys, str(i)) if self.indexed else one.keys, f"{one.place}[{i}]", value, one.inside)
            for i, value in enumerate(one.value)
        ]


def _behind(place: str, text: str) -> str:
    return f"{place}.{text}" if place and not text.startswith("[") else f"{place}{text}"


_STAR = re.compile(r"\[\*\]|(?:(?<=\.)|^)\*(?=[.\[]|$)")


def parse_each(text: str, *, indexed: bool = False) -> Each:
    """`data[*]`, `[*]`, `*`, `sites.*.guns[*]` -> where the elements are. Raises a validation error for the rest."""
    body, steps, names, at = text.strip(), list[Path | Wildcard](), list[str](), 0
    for star in _STAR.finditer(body):
        if between := body[at : star.start()].strip("."):
            steps.append(Path(between, parse_path(between).steps))
        keys = star[0] == "*"
        steps.append(Wildcard(keys))
        if keys or indexed:
            word = "key" if keys else "index"
            count = sum(name.startswith(word) for name in names)
            names.append(f"{word}{count + 1 if count else ''}")
        at = star.end()
    if not steps or body.startswith("$"):
        raise wrong("route.each", got=text)
    if rest := body[at:].strip("."):
        steps.append(Path(rest, parse_path(rest).steps))
    return Each(text, tuple(steps), tuple(names), steps[0] if isinstance(steps[0], Path) else Path("", ()), indexed)


def parse_ignored(text: str) -> tuple[Path, bool]:
    """An entry of `ignore`: a place; `*` all the rest, `data.*` all the rest below `data`."""
    body = text.strip()
    if body in {"*", "$.*", "$*"}:
        return Path(text, (), root=body.startswith("$")), True
    if body.endswith(".*"):
        path = parse_path(body[:-2])
        return Path(text, path.steps, path.root), True
    return parse_path(text), False


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
