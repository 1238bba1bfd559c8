"""CSV as exported by spreadsheets: detects encoding and separator, accepts headers in Chinese or English, reports
damage.

This file only splits rows; `inventory` interprets the cells.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.error_reasons import reason
from gateway.domain.errors import Problem
from gateway.domain.nearest import nearest
from gateway.domain.units import Unit, parse_unit
from gateway.settings.read_file import UnreadableFile, read_file
from gateway.settings.yaml_document import code_point, full_width_character, to_half_width

MAX_BYTES = 64 * 2**20
_HEADER_UNIT = re.compile(r"(.+?)\s*[(（\[]([^()（）\[\]]+)[)）\]]")
# A long number as Excel writes it in a column that is not text.
_EXCEL_NUMBER = re.compile(r"[-+]?\d(?:\.\d+)?[eE]\+\d{2,3}")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff\x00-\x08\x0b-\x1f\x7f]")
_EXACT_DIGITS = 15  # digits of a number that a spreadsheet keeps


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One record. `number` counts as in the spreadsheet (the header is row 1), `line` is the line of the file."""

    number: int
    line: int
    cells: Mapping[str, str]


@dataclass(slots=True)
class CsvRecords:
    """The records of a file by field name; `header` maps a field to the header as written, `extra` are attributes."""

    file: str
    rows: list[CsvRow] = field(default_factory=list)
    header: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Unit | None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    textual: set[str] = field(default_factory=set)
    """Attributes that stay text although some cells look like numbers with a unit."""
    complete: bool = False
    """The header is readable and has every required column."""

    def add(self, row: CsvRow | None, column: str, key: str, /, **fields: object) -> None:
        """Add a problem of a cell, or of the file."""
        self.problems.append(self._problem(row, column, key, fields))

    def warn(self, row: CsvRow | None, column: str, key: str, /, **fields: object) -> None:
        """Add a warning."""
        self.warnings.append(self._problem(row, column, key, fields))

    def problem(self, row: CsvRow | None, column: str, key: str, /, **fields: object) -> Problem:
        """Add a problem of a cell found by a caller."""
        return self._problem(row, column, key, fields)

    def _problem(self, row: CsvRow | None, column: str, key: str, fields: Mapping[str, object]) -> Problem:
        name = self.header.get(column, column)
        if row is None:
            return Problem(self.file, f"column {name}" if name else "", key, fields, 1 if name else 0)
        return Problem(self.file, f"row {row.number}, column {name}", key, fields, row.line)


def read_table(path: Path, columns: Mapping[str, Sequence[str]], required: Sequence[str]) -> CsvRecords:
    """Read a CSV file. `columns` maps each field to the headers that name it; other columns become attributes."""
    table = CsvRecords(str(path))
    try:
        blob = read_file(path, MAX_BYTES)
    except FileNotFoundError:
        table.add(None, "", "config.file.missing", value=str(path))
        return table
    except OSError as error:
        table.add(None, "", "config.file.unreadable", value=str(path), reason=reason(error))
        return table
    except UnreadableFile as unfit:
        table.add(None, "", unfit.key, **unfit.fields)
        return table
    if (text := _decoded(table, blob)) is not None:
        _parse(table, text, columns, required)
    return table


def _decoded(table: CsvRecords, blob: bytes) -> str | None:
    """Text from UTF-8 with or without BOM, else GB18030 (Excel on a Chinese Windows)."""
    if blob.startswith((b"\xff\xfe", b"\xfe\xff")):
        return blob.decode("utf-16", "replace")
    if blob.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        table.add(None, "", "config.csv.workbook")
        return None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return blob.decode(encoding)
        except UnicodeDecodeError as error:
            at = error.start
    line = blob.count(b"\n", 0, at) + 1
    table.problems.append(Problem(table.file, "", "config.csv.encoding", {}, line))
    return None


def _records(table: CsvRecords, text: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of every record that is not empty."""
    head = text.split("\n", 1)[0]
    separator = max(",\t;", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        table.problems.append(Problem(table.file, "", "config.csv.broken", {"reason": reason(error)}, line))


def _parse(table: CsvRecords, text: str, columns: Mapping[str, Sequence[str]], required: Sequence[str]) -> None:
    names: list[str] = []
    for number, (line, cells) in enumerate(_records(table, text), 1):
        if not names:
            names = _header(table, cells, columns, required)
            if not table.complete:
                return
        elif any(cell.strip() for cell in cells):
            if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                row = CsvRow(number, line, {})
                table.add(row, str(len(names) + 1), "config.csv.too_many", count=len(cells), columns=len(names))
                continue
            table.rows.append(CsvRow(number, line, dict(zip(names, cells, strict=False))))
    if not names:
        table.add(None, "", "config.csv.empty")


def _folded(header: str) -> str:
    return re.sub(r"[\s_\-]+", "", to_half_width(header)).casefold()


def _header(
    table: CsvRecords, cells: list[str], columns: Mapping[str, Sequence[str]], required: Sequence[str]
) -> list[str]:
    """Field of each column: a known one, or the attribute it names (a unit in brackets applies to its numbers)."""
    aliases = {_folded(alias): name for name, words in columns.items() for alias in (name, *words)}
    names: list[str] = []
    if len(cells) == 1 and "，" in cells[0]:
        table.add(None, "", "config.csv.wide_comma")
        return ["?"]
    for index, cell in enumerate(cells, 1):
        written = _INVISIBLE.sub("", cell).strip()
        name = aliases.get(_folded(written), "")
        unit: Unit | None = None
        if not name:
            name, unit = _attribute(written)
        if name and name in names:
            table.add(None, written, "config.csv.column_twice", name=written)
        if name and name not in columns:
            table.extra[name] = unit
        table.header.setdefault(name, written)
        names.append(name or f"?{index}")
    missing = [name for name in required if name not in names]
    for name in missing:
        fields: dict[str, object] = {"name": name, "words": ", ".join(columns[name])}
        near = nearest(name, list(table.extra)) or next(
            (n for w in columns[name] if (n := nearest(w, list(table.extra)))), ""
        )
        table.add(None, "", "config.csv.column_missing" + ("_near" if near else ""), **fields, near=near)
    table.complete = not table.problems
    return names


def _attribute(header: str) -> tuple[str, Unit | None]:
    if match := _HEADER_UNIT.fullmatch(header):
        try:
            return match[1], parse_unit(match[2])
        except ValueError:
            return header, None
    return header, None


def identity(table: CsvRecords, row: CsvRow, column: str, *, required: bool = False, longest: int = 120) -> str:
    """Cell with a name (a code, a reference, a phone) as unchanged text; "" when it is empty or a problem."""
    text = row.cells.get(column, "")
    if not text.strip():
        if required:
            table.add(row, column, "config.csv.cell_missing")
        return ""
    if text != text.strip():
        table.add(row, column, "config.csv.spaces", value=repr(text), write=text.strip())
    elif _EXCEL_NUMBER.fullmatch(text):
        table.add(row, column, "config.csv.excel_number", value=text)
    elif character := full_width_character(text):
        fields = {"value": text, "character": character, "code": code_point(character), "write": to_half_width(text)}
        table.add(row, column, "config.csv.wide", **fields)
    elif match := _INVISIBLE.search(text):
        fields = {"value": repr(text), "code": code_point(match[0]), "write": _INVISIBLE.sub("", text)}
        table.add(row, column, "config.csv.invisible", **fields)
    elif len(text) > longest:
        table.add(row, column, "config.csv.too_long", value=text[:20] + "…", count=len(text), limit=longest)
    else:
        if len(text) > _EXACT_DIGITS and text.isdigit() and not text[_EXACT_DIGITS:].strip("0"):
            table.warn(row, column, "config.csv.rounded", value=text, digits=_EXACT_DIGITS)
        return text
    return ""


def excel_number(text: str) -> bool:
    """True if a spreadsheet has converted a long number into this text."""
    return _EXCEL_NUMBER.fullmatch(text) is not None and int(text[text.lower().index("e") + 2 :]) >= _EXACT_DIGITS - 5
