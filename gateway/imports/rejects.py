"""Rows that cannot be imported: counted by reason, the first ones shown, all written beside the file."""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from gateway.domain.text import Lang, localize

SHOWN: Final = 20
FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Reject:
    """One row. `row` is its line in the file (the header is 1), `column` "" when the whole row is wrong."""

    row: int
    column: str
    key: str
    fields: Mapping[str, object]

    def render(self, lang: Lang) -> str:
        """`row 17, column 表号: unknown device 'X'`."""
        place = localize("import.row.cell" if self.column else "import.row.row", lang, row=self.row, column=self.column)
        return localize("import.row.reject", lang, place=place, text=localize(self.key, lang, **self.fields))


@dataclass(slots=True)
class Rejects:
    """Collects rejected rows; writes them to `path` if given, to be corrected and imported again."""

    path: Path | None
    encoding: str = "utf-8"
    delimiter: str = ","
    lang: Lang = "en"
    count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[Reject] = field(default_factory=list)
    header: Sequence[str] = ()
    skip: int = 0
    """Lines before the header, or before the rows: they are copied, so that the same map fits."""
    named: bool = True
    """The file has a header."""
    _file: TextIO | None = None

    def add(self, row: int, column: str, key: str, cells: Sequence[str], /, **fields: object) -> None:
        """Reject the row at line `row` because of `key`."""
        reject = Reject(row, column, key, {name: _short(value) for name, value in fields.items()})
        self.count += 1
        self.reasons[key] += 1
        if len(self.first) < SHOWN:
            self.first.append(reject)
        if self.path is not None:
            self._write(reject, cells)

    def _write(self, reject: Reject, cells: Sequence[str]) -> None:
        if self._file is None:
            assert self.path is not None, "asked before"
            plain = self.encoding == "utf-8"
            self._file = self.path.open(
                "w", encoding="utf-8-sig" if plain else self.encoding, errors="replace", newline=""
            )
            self._file.write("\r\n" * self.skip)
            if self.named:
                names = [*map(without_formula, self.header), "_row", "_reason"]
                csv.writer(self._file, delimiter=self.delimiter).writerow(names)
        width = len(self.header)
        padded = [*cells[:width], *[""] * (width - len(cells))]
        text = localize(reject.key, self.lang, **reject.fields)
        row = [*map(without_formula, padded), reject.row, without_formula(text)]
        csv.writer(self._file, delimiter=self.delimiter).writerow(row)

    def close(self) -> None:
        """Close the file. Without rejected rows an older one is removed, so that it is not mistaken for the result of
        this run."""
        if self._file is not None:
            self._file.close()
            self._file = None
        elif self.path is not None:
            self.path.unlink(missing_ok=True)


def without_formula(cell: str) -> str:
    """`cell` as plain text for a spreadsheet: a quotation mark is put before a cell that begins like a formula and is
    no number."""
    if not cell.lstrip().startswith(FORMULA) and not cell.startswith(("\t", "\r", "\n")):
        return cell
    return cell if _NUMBER.fullmatch(cell.strip()) else f"'{cell}"


def _short(value: object) -> object:
    text = value if isinstance(value, str) else None
    return value if text is None or len(text) <= _LONGEST else text[:_LONGEST] + "…"
