"""Payloads that are no JSON, and JSON that holds more in its texts -> the document that paths point into."""

import base64
import binascii
import csv
import io
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from gateway.domain.errors import DecodeError
from protocols.mapping.config import RouteConfig
from protocols.mapping.document import parse_document
from protocols.mapping.line_protocol import parse_lines
from protocols.mapping.path import Missed, Path, parse_path, picked
from protocols.mapping.payload_config import BinaryPayload, CsvPayload, UnpackConfig
from protocols.mapping.struct_layout import StructLayout

ReadPayload = Callable[[bytes], Any]
"""Payload -> document. Raises DecodeError `bad_json`, `bad_payload`, `duplicate_key`."""
MOST_LINES = 10_000
"""Of one CSV or line-protocol payload."""
MOST_NAMES = 200
"""Of one form."""


def payload_reader(config: RouteConfig) -> ReadPayload | None:
    """How the payloads of a route become documents; None = they are JSON or one bare value, nothing is unpacked."""
    form = config.payload
    read: ReadPayload
    if isinstance(form, CsvPayload):
        read = _CsvReader(form)
    elif isinstance(form, BinaryPayload):
        read = _BinaryReader(form)
    elif form.format == "influx":
        read = _line_protocol
    elif form.format == "form":
        read = _form
    elif form.format == "none":
        read = _nothing
    elif config.unpack:
        read = parse_document
    else:
        return None
    return _Unpacking(read, config.unpack) if config.unpack else read


def _nothing(payload: bytes) -> Any:  # noqa: ARG001 - as ReadPayload
    """A message whose coming is all that counts."""
    return {}


def _form(payload: bytes) -> Any:
    """`a=1&b=%20x` -> an object of texts."""
    text = _text(payload).strip()
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_NAMES)
    except ValueError as error:
        raise DecodeError("bad_payload", f"form: {error}") from None
    if not pairs:
        raise DecodeError("bad_payload", "form: empty")
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise DecodeError("duplicate_key", next(name for name in names if names.count(name) > 1)[:80])
    return found


def _line_protocol(payload: bytes) -> Any:
    """`{measurement: [{tags, fields, time}]}`, `time` in ns, absent when the line has none."""
    found: dict[str, list[dict[str, Any]]] = {}
    for point in parse_lines(_text(payload), MOST_LINES):
        line: dict[str, Any] = {"tags": point.tags, "fields": point.fields}
        if point.time is not None:
            line["time"] = point.time
        found.setdefault(point.measurement, []).append(line)
    return found


class _CsvReader:
    """-> a list of objects of texts. A line with fewer columns leaves the last ones out; one with more is an error."""

    def __init__(self, config: CsvPayload) -> None:
        self._delimiter, self._columns = config.delimiter, config.columns

    def __call__(self, payload: bytes) -> Any:
        try:  # only \n, \r\n and \r outside of quotation marks end a row
            lines = list(csv.reader(io.StringIO(_text(payload), newline=""), delimiter=self._delimiter))
        except csv.Error as error:
            raise DecodeError("bad_payload", f"CSV: {error}") from None
        rows = [row for row in lines if any(cell.strip() for cell in row)]
        columns = self._columns
        if not columns and rows:
            columns, rows = tuple(name.strip() for name in rows[0]), rows[1:]
        if not rows:
            raise DecodeError("bad_payload", "CSV: no line of values")
        if len(rows) > MOST_LINES:
            raise DecodeError("bad_payload", f"CSV: {len(rows)} lines, at most {MOST_LINES}")
        if len(set(columns)) != len(columns):
            raise DecodeError("bad_payload", f"CSV: a column twice: {', '.join(columns)[:100]}")
        for row in rows:
            if len(row) > len(columns):
                raise DecodeError("bad_payload", f"CSV: {len(row)} columns, not {len(columns)}: {','.join(row)[:100]}")
        return [dict(zip(columns, row, strict=False)) for row in rows]


class _BinaryReader:
    def __init__(self, config: BinaryPayload) -> None:
        self._layout = StructLayout(config.fields, config.order, config.length)
        self._encoding = config.encoding

    def __call__(self, payload: bytes) -> Any:
        if self._encoding == "raw":
            return self._layout.read(payload)
        return self._layout.read(decode_text(_text(payload), self._encoding))


class _Unpacking:
    """A document in which texts at some places are replaced by what they hold."""

    def __init__(self, read: ReadPayload, entries: Sequence[UnpackConfig]) -> None:
        self._read = read
        self._entries = [(parse_path(one.path), _unpacker(one)) for one in entries]

    def __call__(self, payload: bytes) -> Any:
        document = self._read(payload)
        for path, unpack in self._entries:
            document = _replaced(document, path, 0, unpack)
        return document


def _unpacker(config: UnpackConfig) -> Callable[[str], Any]:
    encoding = config.encoding
    if encoding == "json":
        return lambda text: parse_document(text.encode())
    if config.is_json:
        return lambda text: parse_document(decode_text(text, encoding))
    layout = StructLayout(config.fields, config.order, config.length)
    return lambda text: layout.read(decode_text(text, encoding))


def _replaced(node: Any, path: Path, depth: int, unpack: Callable[[str], Any]) -> Any:
    """A copy of `node` with the text at the end of `path` unpacked; `node` itself when nothing is there, or null."""
    if depth == len(path.steps):
        if node is None:
            return None
        if type(node) is not str:
            raise DecodeError("bad_payload", f"{path.text} is no text")
        return unpack(node)
    step: Any = path.steps[depth]
    if type(node) is list and not isinstance(step, str):
        step = step if isinstance(step, int) else picked(node, step)
    try:
        inner = node[step]
    except Missed:
        return node
    copy = node.copy()
    copy[step] = _replaced(inner, path, depth + 1, unpack)
    return copy


def decode_text(text: str, encoding: str) -> bytes:
    """Hex (blanks and 0x allowed) or base64 (also the alphabet for URLs, also without its padding) -> bytes.

    Raises DecodeError `bad_payload`.
    """
    try:
        if encoding == "hex":
            return bytes.fromhex(text.strip().removeprefix("0x").removeprefix("0X"))
        plain = text.strip().replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise DecodeError("bad_payload", f"{encoding}: {error}") from None


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecodeError("bad_payload", str(error)[:200]) from None
