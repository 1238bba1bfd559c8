"""What a payload is: a document, a bare value, lines, bytes. The forms of routes (`payload:`) and no others. Pure."""

import csv
import io
import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Form = Literal["json", "bare", "influx", "csv", "bytes", "empty"]
LONGEST_TEXT = 64
"""Characters of a bare text that can be a state."""
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?")
_LINE = re.compile(
    r"(?P<name>[A-Za-z_][\w.:/-]*)(?P<tags>(,[^\s,=]+=[^\s,=]+)*) (?P<fields>[^\s=,]+=[^\s,]+(,[^\s=,]+=[^\s,]+)*)"
    r"(?P<time> \d{1,19})?"
)
_COLUMN = re.compile(r"[A-Za-z_][\w ()/%.-]{0,40}")


@dataclass(frozen=True, slots=True)
class Content:
    """`document`: for `json`, `influx` ({measurement: [line]}) and `csv` ([row]) what the paths of a route point into;
    for `bare` a number, a truth value or a text. `delimiter` of CSV."""

    form: Form
    document: Any = None
    delimiter: str = ","


def read_payload(payload: bytes) -> Content:
    """Never raises."""
    if not payload.strip():
        return Content("empty")
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        return Content("bytes")
    if text[0] in "{[":
        document = _document(payload)
        return Content("bytes") if document is None else Content("json", document)
    bare = bare_value(text)
    if isinstance(bare, str):
        if (lines := _influx(text)) is not None:
            return Content("influx", lines)
        if (rows := _csv(text)) is not None:
            return rows
        if not bare.isprintable():
            return Content("bytes")
    return Content("bare", bare)


def _document(payload: bytes) -> Any:
    """None for JSON that a source would refuse."""
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict | list) and found else None


def inner_document(text: str) -> Any:
    """The document in a text of a document, None when there is none."""
    return _document(text.encode("utf-8", "replace")) if text.lstrip()[:1] in ("{", "[") else None


def bare_value(text: str) -> Any:
    """`88` -> 88.0, `true` -> True, `NaN` -> nan, else the text; quotation marks of JSON are taken off."""
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        return float("nan")
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            found = msgspec.json.decode(text.encode())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return text
        return found if isinstance(found, str) else text
    return text


def _influx(text: str) -> dict[str, list[dict[str, Any]]] | None:
    found: dict[str, list[dict[str, Any]]] = {}
    for line in text.split("\n")[:50]:
        match = _LINE.fullmatch(line.strip())
        if match is None:
            return None
        pairs = [part.partition("=")[::2] for part in match["fields"].split(",")]
        fields = {key: _influx_value(value) for key, value in pairs}
        tags = dict(part.split("=", 1) for part in match["tags"].split(",") if part)
        one: dict[str, Any] = {"tags": tags, "fields": fields}
        if match["time"]:
            one["time"] = int(match["time"])
        found.setdefault(match["name"], []).append(one)
    return found


def _influx_value(text: str) -> Any:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    if text.lower() in ("t", "true", "f", "false"):
        return text.lower()[0] == "t"
    return bare_value(text[:-1] if text[-1:] in ("i", "u") else text)


def _csv(text: str) -> Content | None:
    """Lines with a head of names and at least one line of as many values, one of them a number."""
    for delimiter in (",", ";", "\t"):
        lines = text.split("\n")[:50]
        if len(lines) < 2 or delimiter not in lines[0]:
            continue
        try:
            rows = [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter) if any(row)]
        except csv.Error:
            continue
        if len(rows) < 2:
            continue
        head, *values = [[cell.strip() for cell in row] for row in rows]
        named = len(set(head)) == len(head) and all(_COLUMN.fullmatch(name) for name in head)
        if named and all(len(row) == len(head) for row in values) and any(map(_NUMBER.fullmatch, values[0])):
            return Content("csv", [dict(zip(head, row, strict=True)) for row in values], delimiter)
    return None
