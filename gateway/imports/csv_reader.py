"""Rows of a table -> columns of readings. A row goes in whole, or into the rejected file with its reason."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway.domain.duration import MINUTE
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.nearest import nearest
from gateway.domain.reading import Quality
from gateway.import_service.wire import ImportScope, PointInfo
from gateway.imports.cell import BadCell, ColumnTarget, Value, column_mistake, converter, target_of
from gateway.imports.columns import Columns
from gateway.imports.import_file import ImportFile
from gateway.imports.mapping import ImportMap, NumberFormat
from gateway.imports.rejects import Rejects
from gateway.imports.timestamps import BadTime, reader_of

# a long number as changed by a spreadsheet
_SCIENTIFIC: Final = re.compile(r"[-+]?\d(?:[.,]\d+)?[eE]\+?\d{2,3}")
_AHEAD: Final = 5 * MINUTE
_QUALITY: Final = {"good": Quality.GOOD, "uncertain": Quality.UNCERTAIN, "bad": Quality.BAD}
_PLAIN: Final = NumberFormat()
Reader = Callable[[str], Value | None]
Cells = Iterator[tuple[int, int, Value]]
"""(index of the point in Columns, µs, value)"""


def device_codes(table: ImportFile, mapping: ImportMap, rejects: Rejects) -> list[str]:
    """Every device the file names, in order of appearance."""
    if mapping.device.column is None:
        return [str(mapping.device.value)]
    index = table.at[mapping.device.column]
    codes: dict[str, None] = {}
    for _, cells in table.rows(rejects):
        if len(cells) > index:
            codes.setdefault(cells[index].strip())
    return [code for code in codes if code]


class FileReader:
    """Reads a table with the gateway's data about its devices. `map_file` is named in problems."""

    def __init__(self, table: ImportFile, mapping: ImportMap, found: ImportScope, map_file: str, now: int) -> None:
        """Raises ConfigError for a map that does not fit the points of these devices."""
        self._table, self._map, self._found, self._now = table, mapping, found, now
        self._profiles: dict[str, dict[str, PointInfo]] = {
            profile: {info.name: info for info in infos} for profile, infos in found.profiles.items()
        }
        self._columns = Columns()
        self._texts: dict[str, int] = {}
        self._moment = reader_of(mapping.time.format, mapping.time.place)
        self._readers: dict[tuple[str, str], Reader] = {}
        grades = {} if mapping.quality is None else mapping.quality.map
        self._grades = {str(text): word for text, word in grades.items()}
        self._points: dict[tuple[str, int], int] = {}
        self._wide: dict[str, list[tuple[str, int, int, Reader] | tuple[str, int, None, BadCell]]] = {}
        problems = list(self._misfits(map_file))
        if problems:
            raise ConfigError(problems)

    # --- map and points
    def _misfits(self, file: str) -> Iterator[Problem]:
        if not self._profiles:
            return
        named: dict[str, tuple[str, NumberFormat, int | None]] = {
            name: (f"points.{name}", column, column.component) for name, column in self._map.points.items()
        }
        if self._map.point is not None:
            named |= {n: (f"point.numbers.{n}", numbers, None) for n, numbers in self._map.point.numbers.items()}
            for written, name in self._map.point.names.items():
                named.setdefault(name, (f"point.names.{written}", _PLAIN, None))
        for name, (path, numbers, component) in named.items():
            infos = [points[name] for points in self._profiles.values() if name in points]
            if not infos:
                known = sorted({point for points in self._profiles.values() for point in points})
                near = nearest(name, known)
                key = "import.map.point_near" if near else "import.map.point"
                yield Problem(file, path, key, {"name": name, "near": near, "known": ", ".join(known[:30])})
                continue
            if problem := next((p for info in infos if (p := column_mistake(numbers, info, file, path))), None):
                yield problem
            elif self._map.points and (wrong := _component_flaw(infos, component)):
                yield Problem(file, path, wrong.key, wrong.fields)

    # --- rows
    def read(self, rejects: Rejects) -> Columns:
        """Readings of all correct rows; the others are in `rejects`."""
        columns = self._columns
        codes: dict[str, int] = {}
        code_at = None if self._map.device.column is None else self._table.at[self._map.device.column]
        fixed = str(self._map.device.value)
        times = [self._table.at[column] for column in self._map.time.places]
        time_column = " + ".join(map(str, self._map.time.places))
        before: dict[str, int] = {}
        for row, cells in self._table.rows(rejects):
            if len(cells) < len(self._table.header):
                cells = [*cells, *[""] * (len(self._table.header) - len(cells))]
            code = fixed if code_at is None else cells[code_at].strip()
            profile = self._found.devices.get(code)
            if profile is None:
                key = "import.row.scientific" if _SCIENTIFIC.fullmatch(code) else "import.row.device"
                column = "" if self._map.device.column is None else str(self._map.device.column)
                rejects.add(row, column, key if code else "import.row.no_device", cells, value=code)
                continue
            if self._has_extra_cells(row, cells, rejects):
                continue
            written = cells[times[0]] if len(times) == 1 else " ".join(cells[index].strip() for index in times)
            try:
                at = self._time(written, before.get(code))
            except BadTime as bad:
                rejects.add(row, time_column, bad.key, cells, value=written, form=self._map.time.format)
                continue
            before[code] = at
            found: list[tuple[int, Value]] | None
            found = (
                self._long(row, cells, profile, rejects) if self._map.point else self._row(row, cells, profile, rejects)
            )
            if found is None:
                continue
            columns.rows += 1
            device = codes.get(code)
            if device is None:
                device = codes[code] = len(columns.devices)
                columns.devices.append(code)
            for point, (value, quality) in found:
                columns.device.append(device)
                columns.point.append(point)
                columns.at.append(at)
                columns.value.append(value)
                columns.quality.append(quality)
        return columns

    def _time(self, cell: str, before: int | None) -> int:
        at = self._moment(cell, before)
        if at > self._now + _AHEAD:
            raise BadTime("import.row.future")
        if at < self._found.oldest:
            raise BadTime("import.row.retention")
        return at

    def _info(self, profile: str, name: str) -> PointInfo:
        info = self._profiles[profile].get(name)
        if info is None:
            raise BadCell("import.row.point", value=name, profile=profile)
        return info

    def _has_extra_cells(self, row: int, cells: list[str], rejects: Rejects) -> bool:
        """True if the row has more cells than the header has columns: a stray delimiter has shifted them."""
        width = len(self._table.header)
        if len(cells) <= width or not any(cell.strip() for cell in cells[width:]):
            return False
        rejects.add(row, "", "import.row.too_many", cells, count=len(cells), columns=width)
        return True

    def _row(self, row: int, cells: list[str], profile: str, rejects: Rejects) -> list[tuple[int, Value]] | None:
        """Read a row of a wide file."""
        out: list[tuple[int, Value]] = []
        column = "" if self._map.quality is None else str(self._map.quality.column)
        try:
            grade = self._grade(cells)
            for place, index, point, reader in self._wide.get(profile) or self._bind(profile):
                column, cell = place, cells[index]
                if isinstance(reader, BadCell):
                    if cell and not cell.isspace():
                        raise reader
                    continue
                value = reader(cell)
                if value is not None and point is not None:
                    out.append((point, (value[0], min(value[1], grade))))
        except BadCell as bad:
            rejects.add(row, column, bad.key, cells, **bad.fields)
            return None
        return out

    def _bind(self, profile: str) -> list[tuple[str, int, int, Reader] | tuple[str, int, None, BadCell]]:
        bound: list[tuple[str, int, int, Reader] | tuple[str, int, None, BadCell]] = []
        for name, config in self._map.points.items():
            index = self._table.at[config.column]
            try:
                info = self._info(profile, name)
                target = target_of(info, config.component)
                bound.append(
                    (str(config.column), index, self._point(target), self._reader(profile, name, config, info))
                )
            except BadCell as bad:
                bound.append((str(config.column), index, None, bad))
        self._wide[profile] = bound
        return bound

    def _long(self, row: int, cells: list[str], profile: str, rejects: Rejects) -> list[tuple[int, Value]] | None:
        """Read a row of a long file: one reading."""
        names, value_column = self._map.point, self._map.value
        assert names is not None, "the map is a long one"
        assert value_column is not None, "the map was checked"
        column = names.column
        try:
            written = cells[self._table.at[column]].strip()
            name = self._name(written)
            info = self._info(profile, name)
            if self._map.component is not None and self._map.component.column is not None:
                column = self._map.component.column
            target = target_of(info, self._component(cells))
            column = value_column.column
            reader = self._reader(profile, name, names.numbers.get(name, _PLAIN), info)
            value = reader(cells[self._table.at[column]])
            if value is not None and self._map.quality is not None:
                column = self._map.quality.column
                value = (value[0], min(value[1], self._grade(cells)))
        except BadCell as bad:
            rejects.add(row, str(column), bad.key, cells, **bad.fields)
            return None
        return [] if value is None else [(self._point(target), value)]

    def _grade(self, cells: list[str]) -> int:
        """Best quality possible for this row."""
        quality = self._map.quality
        text = "" if quality is None else cells[self._table.at[quality.column]].strip()
        if not text:
            return int(Quality.GOOD)
        word = self._grades.get(text) or text.lower()
        if word not in _QUALITY:
            raise BadCell("import.row.quality", value=text)
        return int(_QUALITY[word])

    def _name(self, written: str) -> str:
        assert self._map.point is not None, "the map is a long one"
        names: Mapping[str | int, str] = self._map.point.names
        if written in names:
            return names[written]
        return (
            names.get(int(written), written)
            if written.isascii() and written.isdigit() and len(written) < 16
            else written
        )

    def _component(self, cells: list[str]) -> int | None:
        where = self._map.component
        if where is None:
            return None
        text = str(where.value) if where.column is None else cells[self._table.at[where.column]].strip()
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 6):
            raise BadCell("import.row.component", value=text)
        return int(text)

    def _reader(self, profile: str, name: str, numbers: NumberFormat, info: PointInfo) -> Reader:
        found = self._readers.get((profile, name))
        if found is None or self._map.points:
            found = self._readers[profile, name] = converter(numbers, info, self._map.decimal, self._text)
        return found

    def _text(self, text: str) -> int:
        code = self._texts.get(text)
        if code is None:
            code = self._texts[text] = len(self._columns.texts)
            self._columns.texts.append(text)
        return code

    def _point(self, target: ColumnTarget) -> int:
        """Index of a point in the columns. Its kind is part of the key, because it may differ between two profiles."""
        place = (f"{target.info.kind}:{target.info.name}", target.component)
        index = self._points.get(place)
        if index is None:
            index = self._points[place] = len(self._columns.points)
            self._columns.points.append((target.info.name, target.component))
            if target.info.kind == "state":
                self._columns.state.add(index)
        return index


def _component_flaw(infos: list[PointInfo], component: int | None) -> BadCell | None:
    """Mistake of a column, when it fits no profile."""
    flaw: BadCell | None = None
    for info in infos:
        try:
            target_of(info, component)
        except BadCell as bad:
            flaw = bad
        else:
            return None
    return flaw
