"""How a route takes a document apart: `inner`, `each`, a payload that is no JSON. One frame per document. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.probe.key_words import word_of
from gateway.probe.leaves import Leaf, leaves
from gateway.probe.payload import Content, inner_document
from gateway.starter.sample_lists import rows

_EACH = re.compile(r"[A-Za-z_][\w]*(\.[A-Za-z_]\w*)*(\[\*\]|\.\*(\[\*\])?)(\.[A-Za-z_]\w*\[\*\])*|\[\*\]|\*(\[\*\])?")
_ID = re.compile(r"(?=.*\d)[\w.:-]{3,40}")
_MEASUREMENT = re.compile(r"[A-Za-z_]\w*")
MOST_ROWS = 200
_RADIO = frozenset({"rx_info", "rx_metadata", "tx_info", "gateways"})


@dataclass(frozen=True, slots=True)
class DocumentFrame:
    """`rows`: what the paths of points start from; `outer`: the message around them, None = the row is all of it.

    `codes`: keys that are codes of devices, one per row. `condition`: a path that exists in this kind of message."""

    payload: str
    inner: str
    each: str
    rows: tuple[Any, ...]
    outer: Any = None
    codes: tuple[str, ...] = ()
    condition: str = ""

    @property
    def signature(self) -> tuple[str, str, str]:
        """Messages with the same one can share a route."""
        return self.payload, self.inner, self.each


def frame_of(content: Content) -> Iterator[DocumentFrame]:
    """Frames of a document: one, or one per measurement of line protocol."""
    if content.form == "influx":
        for name, lines in content.document.items():
            if _MEASUREMENT.fullmatch(name):
                yield DocumentFrame("influx", "", f"{name}[*]", tuple(lines[:MOST_ROWS]), content.document, (), name)
        return
    if content.form == "csv":
        form = "csv" if content.delimiter == "," else f"{{format: csv, delimiter: {_quoted(content.delimiter)}}}"
        yield DocumentFrame(form, "", "[*]", tuple(content.document[:MOST_ROWS]), content.document)
        return
    yield _json(content.document)


def _quoted(text: str) -> str:
    return '"\\t"' if text == "\t" else f'"{text}"'


def _json(document: Any) -> DocumentFrame:
    keyed = _keyed(document)
    if keyed is not None:
        return keyed
    many = rows(_without_radio(document), "", word_of)
    if many is not None and _EACH.fullmatch(many.each):
        head = re.split(r"[.]?\*|\[\*", many.each)[0]
        condition = head if isinstance(document, dict) else ""
        return DocumentFrame("", "", many.each, many.rows[:MOST_ROWS], document, (), condition)
    if isinstance(document, list):
        whole = all(isinstance(one, dict) for one in document)
        return DocumentFrame("", "", "[*]" if whole else "", tuple(document[:MOST_ROWS]) if whole else (), document)
    for leaf in leaves(document):
        if isinstance(leaf.value, str) and isinstance(inside := inner_document(leaf.value), dict):
            return DocumentFrame("", leaf.path, "", (inside,), document, (), leaf.path)
    return DocumentFrame("", "", "", (document,))


def _without_radio(document: Any) -> Any:
    """Without the lists of gateways of LoRaWAN servers, whose elements have times of their own."""
    if not isinstance(document, dict):
        return document
    return {key: _without_radio(value) for key, value in document.items() if word_of(key) not in _RADIO}


def _keyed(document: Any, head: str = "") -> DocumentFrame | None:
    """An object whose keys are codes of devices, each with an object or a list of objects of one shape."""
    if not isinstance(document, dict):
        return None
    inside = {key: value for key, value in document.items() if isinstance(value, dict | list) and value}
    if inside and len(inside) == len(document) and all(_ID.fullmatch(key) for key in inside):
        lists = [isinstance(value, list) for value in inside.values()]
        if all(lists) or not any(lists):
            many = [(key, one) for key, value in inside.items() for one in (value if lists[0] else [value])]
            alike = [set(map(word_of, one)) for _, one in many if isinstance(one, dict)]
            if len(alike) == len(many) and _alike(alike):
                each = f"{head}.*" if head else "*"
                found = many[:MOST_ROWS]
                codes, values = tuple(key for key, _ in found), tuple(value for _, value in found)
                return DocumentFrame("", "", f"{each}[*]" if lists[0] else each, values, document, codes, head)
    if not head:
        for key, value in document.items():
            if _MEASUREMENT.fullmatch(key) and (found_one := _keyed(value, key)) is not None:
                return DocumentFrame("", "", found_one.each, found_one.rows, document, found_one.codes, key)
    return None


def _alike(sets: list[set[str]]) -> bool:
    union, common = set.union(*sets), set.intersection(*sets)
    return len(sets) > 1 and bool(common) and len(common) * 2 >= len(union)


def row_leaves(frame: DocumentFrame) -> Iterator[tuple[int, Leaf]]:
    """(number of the row, a value in it); values of the message around it have number -1 and paths from the top."""
    for number, row in enumerate(frame.rows):
        for leaf in leaves(row):
            yield number, leaf
    if frame.outer is not None and not frame.payload and isinstance(frame.outer, Mapping):
        head = re.split(r"[.]?\*|\[\*", frame.each)[0] if frame.each else frame.inner
        for leaf in leaves(frame.outer, root="$"):
            place = leaf.path.removeprefix("$").removeprefix(".")
            inside = head and (place == head or place.startswith((f"{head}.", f"{head}[")))
            if not inside and (head or not frame.each):
                yield -1, leaf
