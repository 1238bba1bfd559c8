"""Records of a delimited file under its header."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.errors import ConfigError, Problem
from gateway.imports.lines import Lines, encoding_of
from gateway.imports.mapping import ImportMap
from gateway.imports.rejects import Rejects
from gateway.settings.explain import nearest

csv.field_size_limit(1 << 17)  # an open quote must not swallow the file
_DELIMITERS = ",\t;|"


@dataclass(slots=True)
class Table:
    """An opened file. `header` is as written, `at` maps a column's name to its index."""

    path: Path
    encoding: str
    delimiter: str
    header: list[str] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)

    def rows(self, rejects: Rejects) -> Iterator[tuple[int, list[str]]]:
        """(line at which it begins, cells) of every record that is not empty; what is no record goes to `rejects`."""

        def refuse(line: int, key: str, scrap: str) -> None:
            rejects.add(line, "", key, [scrap])

        lines = Lines(self.path, self.encoding, refuse)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        first = True
        while True:
            lines.begin = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                rejects.add(lines.begin, "", "import.row.quoting", [], reason=str(error), last=lines.number)
                continue
            if first:
                first = False
            elif any(cell and not cell.isspace() for cell in cells):
                yield lines.begin, cells


def rejected_file(path: Path) -> Path:
    """Where rejected rows of `path` go: `history.csv.rejected.csv`."""
    return path.with_name(path.name.removesuffix(".gz") + ".rejected.csv")


def open_table(path: Path, mapping: ImportMap) -> Table:
    """Find encoding, delimiter and header. Raises ConfigError: every column of the map that is not there, at once."""
    encoding = encoding_of(path, mapping.encoding)
    flaws: list[Problem] = []
    lines = Lines(path, encoding, lambda line, key, _: flaws.append(Problem(str(path), "", key, {}, line)))
    text = next(iter(lines), "")
    if flaws:
        raise ConfigError(flaws[:1])
    delimiter = {"tab": "\t"}.get(mapping.delimiter, mapping.delimiter)
    if delimiter == "auto":
        delimiter = max(_DELIMITERS, key=text.count)
    try:
        cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise ConfigError([Problem(str(path), "", "config.csv.broken", {"reason": str(error)}, 1)]) from None
    table = Table(path, encoding, delimiter, [cell.strip() for cell in cells])
    problems = _check(table, mapping.columns())
    if problems:
        raise ConfigError(problems)
    return table


def _check(table: Table, wanted: Mapping[str, str]) -> list[Problem]:
    """Every column the map names stands in the header once."""
    problems = []
    header: Sequence[str] = table.header
    for path, column in wanted.items():
        count = header.count(column)
        if count == 1:
            table.at[column] = header.index(column)
            continue
        near = nearest(column, [name for name in header if name]) if not count else ""
        key = "import.column.twice" if count else "import.column.near" if near else "import.column.missing"
        shown = ", ".join(name[:40] for name in header[:30]) or "-"
        problems.append(Problem(str(table.path), path, key, {"name": column, "near": near, "header": shown}, 1))
    return problems
