"""The values of a document with their places in the language of routes, and what is around them. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from gateway.probe.key_words import PART_WORDS, word_of, words_of
from gateway.probe.moments import moment_unit

DEPTH = 6
MOST_ELEMENTS = 16
LONGEST_KEY = 64
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[^\"\]\[$\x00-\x1f\x7f\ud800-\udfff]+")
_PICKED = re.compile(r"[^\[\]\"=,$*{}\x00-\x1f\x7f\ud800-\udfff]{1,64}")
_COMPONENT = re.compile(r"([A-Za-z][A-Za-z_]*\d?):(\d{1,2})")
_UNIT_KEYS = ("unit", "units", "uom", "Unit", "unitOfMeasurement", "单位")
_VALUE_KEYS = ("value", "val", "v", "data", "reading", "Value", "值")
_NAME_KEYS = ("name", "key", "measurand", "metric", "point", "tag", "type", "Type", "id", "code", "identifier", "Name",
              "infoType", "kind", "n", "名称")  # fmt: skip
_BESIDE = {"temp": "TempUnit", "temperature": "TempUnit", "pressure": "PressureUnit", "speed": "SpeedUnit"}
"""Words of a value -> the key at the top of the message that names its unit (Tasmota)."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value: `path` in a route, `keys` on the way to it, `component` 0 = of the device. `unit`: the text beside it
    that names its unit, at `unit_path`. An object of year, month, day is one value."""

    path: str
    keys: tuple[str, ...]
    value: Any
    component: int = 0
    unit: str = ""
    unit_path: str = ""

    @property
    def word(self) -> str:
        """The last key as one word."""
        return word_of(self.keys[-1]) if self.keys else ""


def leaves(document: Any, *, root: str = "") -> Iterator[Leaf]:
    """Every value of an object or of the first list of objects. `root` "$" = paths from the top of the message."""
    top = document if isinstance(document, dict) else {}
    for leaf in _walk(document, Leaf(root, (), None), 0):
        beside = _BESIDE.get(words_of(leaf.keys[-1])[-1] if leaf.keys and words_of(leaf.keys[-1]) else "", "")
        named = top.get(beside)
        if beside and not leaf.unit and isinstance(named, str):
            yield replace(leaf, unit=named, unit_path=_joined(root, beside))
        else:
            yield leaf


def step(path: str, key: str) -> str:
    """`path` and one key; "" when a path cannot contain the key."""
    if not _KEY.fullmatch(key) or len(key) > LONGEST_KEY or key != key.strip() or not key.isprintable():
        return ""
    return _joined(path, key)


def _joined(path: str, key: str) -> str:
    if not _PLAIN.fullmatch(key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def _walk(node: Any, at: Leaf, depth: int) -> Iterator[Leaf]:
    if isinstance(node, dict):
        if at.keys and moment_unit(node) == "parts":
            yield replace(at, value=node)
        elif depth < DEPTH:
            yield from _object(node, at, depth)
    elif isinstance(node, list):
        elements = [one for one in node if isinstance(one, dict) and one]
        if elements and len(elements) == len(node):
            yield from _elements(elements, at, depth)
    elif at.path not in ("", "$"):
        yield replace(at, value=node)


def _object(node: Mapping[str, Any], at: Leaf, depth: int) -> Iterator[Leaf]:
    unit = next((key for key in _UNIT_KEYS if isinstance(node.get(key), str)), "")
    for key, value in node.items():
        path = step(at.path, key)
        if not path:
            continue
        inside = replace(at, path=path, keys=(*at.keys, key))
        own = next((name for name in (f"{key}_unit", f"{key}Unit") if isinstance(node.get(name), str)), unit)
        if own and key != own:
            inside = replace(inside, unit=node[own], unit_path=_joined(at.path, own))
        numbered = _COMPONENT.fullmatch(key)
        if numbered and not at.component and int(numbered[2]) < MOST_ELEMENTS:
            inside = replace(inside, keys=(*at.keys, numbered[1]), component=int(numbered[2]) + 1)
        yield from _walk(value, inside, depth + 1)


def _elements(elements: Sequence[Mapping[str, Any]], at: Leaf, depth: int) -> Iterator[Leaf]:
    """Elements of a list by their names, their kinds, their connectors, else by their places."""
    if (found := named(elements)) is not None:
        keys, value = found
        for one in elements:
            picked = ",".join(f"{key}={one[key]}" for key in keys)
            unit = next((key for key in _UNIT_KEYS if isinstance(one.get(key), str)), "")
            head = f"{at.path}[{picked}]"
            inside = replace(at, path=f"{head}.{value}", keys=(*at.keys[:-1], *(str(one[key]) for key in keys)))
            if unit:
                inside = replace(inside, unit=one[unit], unit_path=f"{head}.{unit}")
            yield replace(inside, value=one[value])
        return
    kind = next((key for key in _NAME_KEYS if _are_distinct(elements, (key,))), "")
    part = next((key for key in elements[0] if word_of(key) in PART_WORDS), "")
    numbers = [one.get(part) for one in elements] if part else []
    numbered = part and all(type(n) is int and 0 <= n < MOST_ELEMENTS for n in numbers)
    for index, one in enumerate(elements[:MOST_ELEMENTS]):
        if numbered and len(set(numbers)) == len(numbers):
            component = int(str(one[part])) + (0 in numbers)
            inside = replace(at, path=f"{at.path}[{part}={one[part]}]", component=at.component or component)
        elif kind:
            inside = replace(at, path=f"{at.path}[{kind}={one[kind]}]", keys=(*at.keys[:-1], str(one[kind])))
            one = {key: value for key, value in one.items() if key != kind}
        else:
            component = at.component or (index + 1 if len(elements) > 1 else 0)
            inside = replace(at, path=f"{at.path}[{index}]", component=component)
        yield from _walk(one, inside, depth + 1)


def named(elements: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], str] | None:
    """(keys that name an element, key of its value) when each element is one value with a name of its own."""
    value = next((key for key in _VALUE_KEYS if all(_scalar(one.get(key)) for one in elements)), "")
    if not value:
        return None
    for key in _NAME_KEYS:
        if key != value and _are_distinct(elements, (key,)):
            return (key,), value
    texts = [key for key in elements[0] if key != value and isinstance(elements[0][key], str)][:6]
    pairs = (pair for pair in combinations(texts, 2) if pair[0] in _NAME_KEYS and _are_distinct(elements, pair))
    pair = next(pairs, None)
    return None if pair is None else (pair, value)


def _are_distinct(elements: Sequence[Mapping[str, Any]], keys: tuple[str, ...]) -> bool:
    found = [tuple(one.get(key) for key in keys) for one in elements]
    texts = [text for texts in found for text in texts]
    return (
        all(isinstance(text, str) and _is_picked(text) for text in texts)
        and len(set(found)) == len(found)
        and all(_PICKED.fullmatch(key) and "." not in key for key in keys)
    )


def _is_picked(text: str) -> bool:
    return bool(_PICKED.fullmatch(text)) and text.isprintable() and text == text.strip()


def _scalar(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)
