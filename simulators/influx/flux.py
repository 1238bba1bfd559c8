"""As much of Flux as a client of stored readings needs: one pipeline of calls, parsed and carried out.

docs.influxdata.com/flux/v0/spec (lexical elements, expressions) and .../stdlib/universe for the functions.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]
Test = Callable[[Row], bool]
_TOKEN = re.compile(
    r"""\s*(?:(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)|(?P<duration>(?:\d+(?:ns|us|ms|mo|s|m|h|d|w|y))+)|(?P<number>-?\d+(?:\.\d+)?)
    |(?P<string>"(?:\\.|[^"\\])*")|(?P<name>[A-Za-z_]\w*)|(?P<mark>\|>|=>|==|!=|>=|<=|[()\[\]{},:.<>]))""",
    re.VERBOSE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9,
         "w": 7 * 86400 * 10**9}  # fmt: skip


class FluxError(Exception):
    """The query is refused; the message is that of the server."""


@dataclass(slots=True)
class Table:
    """Rows with one group key: the columns `key` have the same value in all of them."""

    key: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """One function of the pipeline with its named arguments."""

    name: str
    arguments: Mapping[str, Any]


def time_ns(text: str) -> int:
    """ns since 1970 of an RFC 3339 time in UTC."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = (datetime.fromisoformat(whole).replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    return seconds * 10**9 + int(fraction.ljust(9, "0") or 0)


class Parser:
    """Of one query."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place, text = 0, text.strip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise FluxError(f"invalid statement @{place}: {text[place : place + 20]}")
            self._tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
            place = found.end()
        self._next = 0

    def pipeline(self) -> list[Call]:
        """The calls, the first is the source. Raises FluxError."""
        calls = [self._call()]
        while self._next < len(self._tokens):
            self._take("|>")
            calls.append(self._call())
        return calls

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> str:
        kind, text = self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")
        if kind == "end" or (wanted and text != wanted):
            raise FluxError(f"expected {wanted or 'more'}, got {text or 'EOF'}")
        self._next += 1
        return text

    def _call(self) -> Call:
        name = self._take()
        self._take("(")
        arguments: dict[str, Any] = {}
        while self._peek() != ")":
            key = self._take()
            self._take(":")
            arguments[key] = self._value()
            if self._peek() == ",":
                self._take()
        self._take(")")
        return Call(name, arguments)

    def _value(self) -> Any:
        kind, text = self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")
        if text == "[":
            return self._list()
        if text == "(":
            return self._function()
        self._take()
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "time":
            return time_ns(text)
        if kind == "duration":
            return sum(int(n) * _UNIT[unit] for n, unit in re.findall(r"(\d+)(ns|us|ms|s|m|h|d|w)", text))
        if kind == "number":
            return float(text) if "." in text else int(text)
        if text in {"true", "false"}:
            return text == "true"
        return text  # the name of a function: fn: count

    def _list(self) -> list[Any]:
        found = []
        self._take("[")
        while self._peek() != "]":
            found.append(self._value())
            if self._peek() == ",":
                self._take()
        self._take("]")
        return found

    def _function(self) -> Test:
        for mark in ("(", "r", ")", "=>"):
            self._take(mark)
        return self._any()

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek() == "or":
            self._take()
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _all(self) -> Test:
        tests = [self._comparison()]
        while self._peek() == "and":
            self._take()
            tests.append(self._comparison())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _comparison(self) -> Test:
        if self._peek() == "(":
            self._take()
            inside = self._any()
            self._take(")")
            return inside
        self._take("r")
        self._take(".")
        column, sign, wanted = self._take(), self._take(), self._value()
        tests: dict[str, Test] = {
            "==": lambda row: row.get(column) == wanted,
            "!=": lambda row: row.get(column) != wanted,
            ">": lambda row: row.get(column) is not None and row[column] > wanted,
            "<": lambda row: row.get(column) is not None and row[column] < wanted,
        }
        if sign not in tests:
            raise FluxError(f"unsupported operator {sign}")
        return tests[sign]


def regrouped(rows: Iterable[Row], key: tuple[str, ...]) -> list[Table]:
    """Tables by the values of `key`, in the order of their first rows; columns a row does not have count as none."""
    tables: dict[tuple[Any, ...], Table] = {}
    for row in rows:
        mine = tuple(row.get(name) for name in key)
        tables.setdefault(mine, Table(tuple(name for name in key if name in row))).rows.append(row)
    return list(tables.values())
