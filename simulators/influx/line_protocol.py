"""Line protocol, parsed by the rules of its reference.

docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol: elements, data types, special characters.
"""

import re
from dataclasses import dataclass, field

Value = float | int | str | bool
FACTOR = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
EARLIEST, LATEST = -9223372036854775806, 9223372036854775806
"""ns since 1970 that a point may have."""
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?\d+i")
_UNSIGNED = re.compile(r"\d+u")
_BOOLEAN = {"t": True, "T": True, "true": True, "True": True, "TRUE": True,
            "f": False, "F": False, "false": False, "False": False, "FALSE": False}  # fmt: skip


class BadLine(Exception):
    """The line is no point; the message is that of the server."""


@dataclass(frozen=True, slots=True)
class LinePoint:
    """One line. `at` ns since 1970, None = none was written."""

    measurement: str
    tags: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Value] = field(default_factory=dict)
    at: int | None = None


def split_lines(text: str) -> list[str]:
    """Lines of a body: a line feed inside a quoted string belongs to it; in tags a quote is a letter."""
    lines, begin, fields, quoted, index = [], 0, False, False, 0
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 1
        elif char == " ":
            fields = True
        elif char == '"' and fields:
            quoted = not quoted
        elif char == "\n" and not quoted:
            lines.append(text[begin:index])
            begin, fields = index + 1, False
        index += 1
    lines.append(text[begin:])
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def parse_line(line: str, precision: str = "ns") -> LinePoint:
    """Raises BadLine."""
    series, _, rest = _cut(line.strip("\r"), " ", quotes=False)
    fields, _, stamp = _cut(rest, " ", quotes=True)
    if not series or not fields:
        raise BadLine("missing fields")
    measurement, *pairs = _parts(series, ",", quotes=False)
    if not measurement:
        raise BadLine("missing measurement")
    tags = {}
    for pair in pairs:
        key, found, value = _cut(pair, "=", quotes=False)
        if not key or not found or not value or len(_parts(value, "=", quotes=False)) > 1:
            raise BadLine(f"invalid tag format: {pair!r}")
        tags[_plain(key)] = _plain(value)
    if any(key in tags for key in ("_measurement", "_field", "_time")):
        raise BadLine("input tag key is reserved")
    values = {}
    for pair in _parts(fields, ",", quotes=True):
        key, found, value = _cut(pair, "=", quotes=True)
        if not key or not found:
            raise BadLine(f"invalid field format: {pair!r}")
        values[_plain(key)] = _value(value)
    return LinePoint(_plain(measurement), tags, values, _time(stamp, precision))


def _time(stamp: str, precision: str) -> int | None:
    if not stamp.strip():
        return None
    if not re.fullmatch(r"-?\d+", stamp.strip()):
        raise BadLine("bad timestamp")
    at = int(stamp) * FACTOR[precision]
    if not EARLIEST <= at <= LATEST:
        raise BadLine(f"time outside range {EARLIEST} - {LATEST}")
    return at


def _value(text: str) -> Value:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.fullmatch(text) or _UNSIGNED.fullmatch(text):
        number = int(text[:-1])
        if not -(2**63) <= number < 2**63:
            raise BadLine(f"unable to parse integer {text}: value out of range")
        return number
    if _FLOAT.fullmatch(text):
        return float(text)
    raise BadLine(f"invalid number or boolean: {text!r}")


def _cut(text: str, at: str, *, quotes: bool) -> tuple[str, bool, str]:
    """At the first `at` that is neither escaped nor, with `quotes`, inside a string."""
    first, *rest = _parts(text, at, quotes=quotes, most=1)
    return first, bool(rest), rest[0] if rest else ""


def _parts(text: str, at: str, *, quotes: bool, most: int = -1) -> list[str]:
    parts: list[str] = []
    begin, quoted, index = 0, False, 0
    while index < len(text) and len(parts) != most:
        char = text[index]
        if char == "\\":
            index += 1
        elif char == '"' and quotes:
            quoted = not quoted
        elif char == at and not quoted:
            parts.append(text[begin:index])
            begin = index + 1
        index += 1
    parts.append(text[begin:])
    return parts


def _plain(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text)
