"""Records of a delimited file below its header."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.nearest import nearest
from gateway.imports.mapping import ImportMap
from gateway.imports.rejects import Rejects
from gateway.imports.text_lines import Lines, encoding_of

csv.field_size_limit(1 << 17)  # limits the damage of an unclosed quote
_DELIMITERS = ",\t;|"
_ROWS_INSPECTED = 100
"""Number of lines searched for a header."""


@dataclass(slots=True)
class ImportFile:
    """An opened file. `header` is as written (numbers, when there is none), `at` maps a column of the map to its index.
    Rows come after line `begin`; `named` False: the file has no header."""

    path: Path
    encoding: str
    delimiter: str
    header: list[str] = field(default_factory=list)
    at: dict[str | int, int] = field(default_factory=dict)
    begin: int = 0
    skip: int = 0
    named: bool = True

    def rows(self, rejects: Rejects) -> Iterator[tuple[int, list[str]]]:
        """(first line, cells) of every record that is not empty; lines that are not records go to `rejects`."""

        def refuse(line: int, key: str, scrap: str) -> None:
            if line > self.begin:
                rejects.add(line, "", key, [scrap])

        lines = Lines(self.path, self.encoding, refuse)
        text = iter(lines)
        while lines.number < self.begin and (line := next(text, None)) is not None:
            if lines.number > self.begin:  # lines that were part of no record
                text = chain([line], text)
        reader = csv.reader(text, delimiter=self.delimiter, strict=True)
        while True:
            lines.begin = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                rejects.add(
                    lines.begin or lines.number, "", "import.row.quoting", [], reason=reason(error), last=lines.number
                )
                continue
            if any(cell and not cell.isspace() for cell in cells):
                yield lines.begin or lines.number, cells


def rejected_file(path: Path) -> Path:
    """File for the rejected rows of `path`: `history.csv.rejected.csv`."""
    return path.with_name(path.name.removesuffix(".gz") + ".rejected.csv")


def open_table(path: Path, mapping: ImportMap) -> ImportFile:
    """Detect encoding, delimiter and header. Raises ConfigError with all missing columns of the map."""
    encoding = encoding_of(path, mapping.encoding)
    flaws: list[Problem] = []
    lines = Lines(path, encoding, lambda line, key, _: flaws.append(Problem(str(path), "", key, {}, line)))
    skip = mapping.skip or 0
    alone = not mapping.header or mapping.skip is not None
    head: list[tuple[int, str]] = []
    for text in lines:
        if lines.number > skip and text.strip():
            head.append((lines.number, text))
        if len(head) >= (1 if alone else _ROWS_INSPECTED):
            break
    if not head:
        raise ConfigError(flaws[:1] or [Problem(str(path), "", "import.file.empty")])
    given = {"tab": "\t"}.get(mapping.delimiter, mapping.delimiter)
    wanted = mapping.columns()
    line, delimiter, cells = _header(path, head, _DELIMITERS if given == "auto" else given, set(wanted.values()))
    table = ImportFile(path, encoding, delimiter, [cell.strip() for cell in cells], {}, line, skip, mapping.header)
    if not mapping.header:
        table.header = [str(number) for number in range(1, len(cells) + 1)]
        table.begin = skip
    problems = _check(table, wanted, line)
    if problems:
        raise ConfigError(problems)
    return table


def _header(
    path: Path, head: Sequence[tuple[int, str]], delimiters: str, wanted: set[str | int]
) -> tuple[int, str, list[str]]:
    """(line, delimiter, cells) of the first line that has every column, else of the one that has the most."""
    names = {name for name in wanted if isinstance(name, str)}
    best: tuple[int, int, int, str, list[str]] | None = None
    broken: Problem | None = None
    for line, text in head:
        for delimiter in delimiters:
            try:
                cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
            except csv.Error as error:
                broken = broken or Problem(str(path), "", "config.csv.broken", {"reason": reason(error)}, line)
                continue
            found = len(names & {cell.strip() for cell in cells})
            if best is None or (found, -line, len(cells)) > best[:3]:
                best = (found, -line, len(cells), delimiter, cells)
        if best is not None and best[0] == len(names):
            break
    if best is None:
        assert broken is not None, "a line has cells, or an error"
        raise ConfigError([broken])
    return -best[1], best[3], best[4]


def _check(table: ImportFile, wanted: Mapping[str, str | int], line: int) -> list[Problem]:
    """Check that the header has every column of the map once, and that every number is the position of a column."""
    problems = []
    header: Sequence[str] = table.header
    shown = ", ".join(name[:40] for name in header[:30]) or "-"
    for path, column in wanted.items():
        if isinstance(column, int):
            if column <= len(header):
                table.at[column] = column - 1
            else:
                fields: dict[str, object] = {"name": column, "count": len(header)}
                problems.append(Problem(str(table.path), path, "import.column.number", fields, line))
            continue
        count = header.count(column)
        if count == 1:
            table.at[column] = header.index(column)
            continue
        near = nearest(column, [name for name in header if name]) if not count else ""
        key = "import.column.twice" if count else "import.column.near" if near else "import.column.missing"
        problems.append(Problem(str(table.path), path, key, {"name": column, "near": near, "header": shown}, line))
    return problems
