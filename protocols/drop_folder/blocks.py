"""A file of lines -> blocks of bounded size. Pure: reads from an open text file, line by line."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.domain.errors import SourceError
from protocols.mapping.config import RouteConfig
from protocols.mapping.path import parse_path
from protocols.mapping.payload_config import CsvPayload
from protocols.mapping.topic import parse_pattern


class UnreadableLines(SourceError):
    """A file that cannot be read from some line on, with a text of the catalogue."""


class LineReader(Protocol):
    """An open text file."""

    def readline(self, size: int, /) -> str:
        """The next line with its end, at most `size` characters; "" = the file ends."""


@dataclass(frozen=True, slots=True)
class FileForm:
    """What the lines of a file are. `header`: the first row names the columns, `needed` must be among them."""

    kind: Literal["csv", "influx", "json"]
    delimiter: str = ","
    header: bool = False
    needed: tuple[str, ...] = ()

    @property
    def newline(self) -> str:
        """How lines end, as `open` takes it: CSV has `\\n`, `\\r\\n` or `\\r`, the others `\\n`."""
        return "" if self.kind == "csv" else "\n"


@dataclass(frozen=True, slots=True)
class FileBlock:
    """Rows in UTF-8 with their line ends, and the header that belongs before them."""

    rows: tuple[bytes, ...]
    head: bytes = b""
    each: bool = False

    def payloads(self) -> list[bytes]:
        """One message; with `each` one per row."""
        return list(self.rows) if self.each else [self.head + b"".join(self.rows)]

    def one_by_one(self) -> list[bytes]:
        """One message per row, for a block in which some row is broken."""
        return [self.head + row for row in self.rows]


def form_of(routes: Iterable[RouteConfig], topic: str) -> FileForm | None:
    """What the first route for this topic reads; None = no route is for it."""
    fits = [route for route in routes if parse_pattern(route.filter).match(topic) is not None]
    if not fits:
        return None
    payload = fits[0].payload
    if not isinstance(payload, CsvPayload):
        return FileForm("influx" if payload.format == "influx" else "json")
    needed: list[str] = []
    if len(fits) == 1 and fits[0].each == "[*]" and fits[0].time is not None:
        paths = [path for path in map(parse_path, fits[0].time.paths) if len(path.steps) == 1 and not path.root]
        needed = [step for path in paths for step in path.steps if isinstance(step, str)]
    return FileForm("csv", payload.delimiter, not payload.columns, tuple(needed))


def blocks(file: LineReader, form: FileForm, most_rows: int, most_bytes: int) -> Iterator[FileBlock]:
    """The file in blocks of at most so many rows and bytes (a longer row stands alone). Raises UnreadableLines."""
    lines = _Lines(file, most_bytes)
    rows = _csv_rows(lines, form.delimiter) if form.kind == "csv" else _plain_rows(lines, form.kind == "influx")
    head = b""
    if form.header:
        first = next(rows, None)
        if first is None:
            raise UnreadableLines.of("drop.empty")
        _check_header(first, form)
        head = first.encode()
    kept: list[bytes] = []
    size = len(head)
    for row in map(str.encode, rows):
        if kept and (len(kept) >= most_rows or size + len(row) > most_bytes):
            yield FileBlock(tuple(kept), head, form.kind == "json")
            kept, size = [], len(head)
        kept.append(row)
        size += len(row)
    if not lines.number:
        raise UnreadableLines.of("drop.empty")
    if kept:
        yield FileBlock(tuple(kept), head, form.kind == "json")


class _Lines:
    """Lines of a file, counted."""

    def __init__(self, file: LineReader, most: int) -> None:
        self.number = 0
        self._taken: list[str] = []
        self._size = 0
        self._file, self._most = file, most

    def __iter__(self) -> Iterator[str]:
        while line := self._next():
            yield line

    def take(self) -> str:
        """The text of the lines since the last call."""
        text = "".join(self._taken)
        self._taken.clear()
        self._size = 0
        return text

    def _next(self) -> str:
        try:
            line = self._file.readline(self._most + 1)
        except UnicodeDecodeError as error:
            raise UnreadableLines.of("drop.not_text", encoding=error.encoding, line=self.number) from None
        self.number += bool(line)
        self._taken.append(line)
        self._size += len(line)
        if self._size > self._most:
            raise UnreadableLines.of("drop.too_long", line=self.number, most=self._most)
        return line


def _plain_rows(lines: _Lines, comments: bool) -> Iterator[str]:
    for _ in lines:
        line = lines.take()
        text = line.strip()
        if text and not (comments and text.startswith("#")):
            yield line


def _csv_rows(lines: _Lines, delimiter: str) -> Iterator[str]:
    """The text of each row that is not empty: the library decides which lines are one row."""
    try:
        for cells in csv.reader(lines, delimiter=delimiter):
            text = lines.take()
            if any(cell.strip() for cell in cells):
                yield text
    except csv.Error:  # a cell longer than its limit
        most = csv.field_size_limit()
        raise UnreadableLines.of("drop.too_long", line=lines.number, most=most) from None


def _check_header(text: str, form: FileForm) -> None:
    cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter))
    names = [cell.strip() for cell in cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableLines.of("drop.header_twice", got=", ".join(twice)[:100] or "-")
    missing = [name for name in form.needed if name not in names]
    if missing:
        raise UnreadableLines.of("drop.header_lacks", got=", ".join(missing), found=", ".join(names)[:100])
