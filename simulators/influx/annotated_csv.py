"""Annotated CSV as a server writes it (docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv)."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.influx.flux import Table

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("_time", "_start", "_stop")


def rfc3339(at: int) -> str:
    """ns since 1970 as a server writes it: no trailing zeros."""
    text = f"{_EPOCH + timedelta(seconds=at // 10**9):%Y-%m-%dT%H:%M:%S}.{at % 10**9:09d}".rstrip("0").rstrip(".")
    return text + "Z"


def render(tables: list[Table]) -> str:
    """The answer to a query: annotations again where the columns change, a blank line after each block, CRLF."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    before: list[tuple[str, str, bool]] = []
    for number, table in enumerate(tables):
        columns = _columns(table)
        if columns != before:
            if before:
                out.write("\r\n")
            writer.writerow(["#datatype", "string", "long", *(kind for _, kind, _ in columns)])
            writer.writerow(["#group", "false", "false", *("true" if key else "false" for _, _, key in columns)])
            writer.writerow(["#default", "_result", "", *("" for _ in columns)])
            writer.writerow(["", "result", "table", *(name for name, _, _ in columns)])
            before = columns
        for row in table.rows:
            writer.writerow(["", "", number, *(_cell(name, row.get(name)) for name, _, _ in columns)])
    return out.getvalue() + "\r\n"


def _columns(table: Table) -> list[tuple[str, str, bool]]:
    """(name, data type, part of the group key)."""
    kinds: dict[str, str] = {}
    for row in table.rows:
        for name, value in row.items():
            if value is not None:
                kinds[name] = _kind(name, value)
    return [(name, kind, name in table.key) for name, kind in sorted(kinds.items())]


def _kind(name: str, value: Any) -> str:
    if name in _TIMES:
        return "dateTime:RFC3339"
    return {bool: "boolean", int: "long", float: "double", str: "string"}[type(value)]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _TIMES:
        return rfc3339(value)
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)
