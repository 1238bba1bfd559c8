"""InfluxDB line protocol: `measurement,tag=a field=1i,other="x" 1700000000000000000`.

After "Line protocol reference", InfluxDB OSS v2 (docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.domain.errors import DecodeError
from protocols.mapping.number import parse_number


@dataclass(frozen=True, slots=True)
class InfluxLine:
    """One line; `time` in the unit of its sender (ns by default), None = it has none."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, int | float | str | bool]
    time: int | None


_NAME = r"(?:\\.|[^\\,= ])+"
_HEAD = re.compile(rf"(?P<measurement>(?:\\.|[^\\, ])+)(?P<tags>(?:,{_NAME}={_NAME})*) +")
_TAG = re.compile(rf",(?P<key>{_NAME})=(?P<value>{_NAME})")
_FIELD = re.compile(rf'(?P<key>{_NAME})=(?:"(?P<text>(?:\\.|[^"\\])*)"|(?P<bare>[^, "]+))')
_TIME = re.compile(r" +(?P<time>-?[0-9]{1,19}) *")
_TRUE, _FALSE = {"t", "T", "true", "True", "TRUE"}, {"f", "F", "false", "False", "FALSE"}
_ESCAPED = re.compile(r'\\([,= "\\])')


def parse_lines(text: str, most: int) -> Iterator[InfluxLine]:
    """All lines but empty ones and comments. Raises DecodeError `bad_payload` with the line's number."""
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        count += 1
        if count > most:
            raise DecodeError("bad_payload", f"line protocol: more than {most} lines")
        found = _line(stripped)
        if found is None:
            raise DecodeError("bad_payload", f"line protocol, line {number}: {stripped[:100]}")
        yield found
    if not count:
        raise DecodeError("bad_payload", "line protocol: no line")


def _line(text: str) -> InfluxLine | None:
    head = _HEAD.match(text)
    if head is None:
        return None
    tags = {_plain(tag["key"]): _plain(tag["value"]) for tag in _TAG.finditer(head["tags"])}
    fields: dict[str, int | float | str | bool] = {}
    position = head.end()
    while True:
        field = _FIELD.match(text, position)
        if field is None:
            return None
        value = _plain(field["text"]) if field["bare"] is None else _value(field["bare"])
        if value is None or (key := _plain(field["key"])) in fields:
            return None
        fields[key] = value
        position = field.end()
        if text[position : position + 1] != ",":
            break
        position += 1
    if position == len(text):
        return InfluxLine(_plain(head["measurement"]), tags, fields, None)
    time = _TIME.fullmatch(text, position)
    return None if time is None else InfluxLine(_plain(head["measurement"]), tags, fields, int(time["time"]))


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _value(text: str) -> int | float | bool | None:
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text[-1] in "iu":
        digits = text[:-1]
        whole = digits.removeprefix("-")
        return int(digits) if whole.isascii() and whole.isdigit() and len(whole) <= 20 else None
    try:
        return parse_number(text)
    except ValueError:
        return None
