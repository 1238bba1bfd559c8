"""Conversion of one cell to a value of a point."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.device import PointKind
from gateway.domain.errors import Problem
from gateway.domain.reading import Quality
from gateway.domain.units import DIMENSIONLESS, parse_unit
from gateway.import_service.wire import PointInfo
from gateway.imports.mapping import NumberFormat
from gateway.imports.parse_number import parse_number

_WITH_UNIT = re.compile(r"([+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?)\s*([^\s0-9.,+-].*)")
Value = tuple[float, int]
"""(value, quality); of a state point the number of the text."""
Texts = Callable[[str], int]
"""The number of a state text in this file."""
MISSING: Value = (0.0, int(Quality.BAD))


class BadCell(ValueError):
    """Cell that cannot be converted. `key` is a text of the catalogue, `fields` fill it."""

    def __init__(self, key: str, **fields: object) -> None:
        self.key, self.fields = key, fields
        super().__init__(key)


@dataclass(frozen=True, slots=True)
class ColumnTarget:
    """Destination of a column's numbers: a point of a device or of one of its components."""

    info: PointInfo
    component: int


def target_of(info: PointInfo, component: int | None) -> ColumnTarget:
    """Destination of a column. Raises BadCell when the point has no such component."""
    if info.components == 0:
        if component not in {None, 0}:
            raise BadCell("import.point.no_components", name=info.name)
        return ColumnTarget(info, 0)
    if component is None and info.components == 1:
        return ColumnTarget(info, 1)
    if component is None or not 1 <= component <= info.components:
        raise BadCell("import.point.component", name=info.name, most=info.components)
    return ColumnTarget(info, component)


def column_mistake(numbers: NumberFormat, info: PointInfo, file: str, path: str) -> Problem | None:
    """Mistake in the settings of a column for this point, None = none."""
    if info.kind is PointKind.STATE:
        if numbers.unit is not None or numbers.scale != 1.0 or numbers.offset or numbers.decimal:
            return Problem(file, path, "import.map.state_number", {"name": info.name})
        wrong = [str(text) for text in numbers.map.values() if str(text) not in info.values]
        if wrong:
            shown = ", ".join(info.values[:30])
            return Problem(file, f"{path}.map", "import.map.state_text", {"value": wrong[0], "known": shown})
        return None
    if numbers.map:
        return Problem(file, f"{path}.map", "import.map.not_state", {"name": info.name})
    if numbers.unit is not None and parse_unit(numbers.unit).dimension != parse_unit(info.unit).dimension:
        fields = {"written": numbers.unit, "name": info.name, "unit": info.unit or "1"}
        return Problem(file, f"{path}.unit", "import.map.dimension", fields)
    return None


def converter(numbers: NumberFormat, info: PointInfo, decimal: str, texts: Texts) -> Callable[[str], Value | None]:
    """Function cell -> value; None = an empty cell, no reading. It raises BadCell.

    The unit written in a cell ("12,5 kWh") takes precedence over that of the map.
    """
    decimal = numbers.decimal or decimal
    words = frozenset(str(m).strip() for m in (*numbers.missing, *info.missing) if isinstance(m, str))
    figures = frozenset(float(m) for m in (*numbers.missing, *info.missing) if not isinstance(m, str))
    if info.kind is PointKind.STATE:
        return _states(numbers, info, words, figures, texts)
    unit = DIMENSIONLESS if numbers.unit is None else parse_unit(numbers.unit)
    factor, shift = numbers.scale * unit.factor, numbers.offset * unit.factor + unit.offset
    measured = _measured(numbers, info)

    def number(cell: str) -> Value | None:
        text = cell.strip()
        if not text:
            return MISSING if "" in words else None
        if text in words:
            return MISSING
        by, plus = factor, shift
        try:
            found, cell_unit = _number_and_unit(text, decimal)
            if cell_unit:
                by, plus = measured(text, cell_unit)
        except BadCell:
            raise
        except ValueError:
            comma = decimal == "." and "," in text
            raise BadCell("import.row.comma" if comma else "import.row.number", value=text) from None
        if found in figures:
            return MISSING
        value = found * by + plus if by != 1.0 or plus else found
        if not math.isfinite(value):
            raise BadCell("import.row.number", value=text)
        return value, int(Quality.GOOD)

    return number


def _number_and_unit(text: str, decimal: str) -> tuple[float, str]:
    """`12,5 kWh` -> (12.5, "kWh"); without a unit "". Raises ValueError."""
    try:
        return parse_number(text, decimal), ""
    except ValueError:
        split = _WITH_UNIT.fullmatch(text)
        if split is None:
            raise
        return parse_number(split[1], decimal), split[2]


def _measured(numbers: NumberFormat, info: PointInfo) -> Callable[[str, str], tuple[float, float]]:
    """Function (cell, the unit in it) -> (factor, shift) to the unit of the point. It raises ValueError for an unknown
    unit, BadCell for a unit of another dimension."""
    known: dict[str, tuple[float, float]] = {}

    def convert(cell: str, name: str) -> tuple[float, float]:
        if name not in known:
            unit = parse_unit(name)
            if unit.dimension != parse_unit(info.unit).dimension:
                raise BadCell("import.row.unit", value=cell, written=name, unit=info.unit or "1")
            known[name] = (numbers.scale * unit.factor, numbers.offset * unit.factor + unit.offset)
        return known[name]

    return convert


def _states(
    numbers: NumberFormat, info: PointInfo, words: frozenset[str], figures: frozenset[float], texts: Texts
) -> Callable[[str], Value | None]:
    table = {str(written): str(meant) for written, meant in numbers.map.items()}
    codes = {name: float(texts(name)) for name in info.values}

    def state(cell: str) -> Value | None:
        text = cell.strip()
        if not text:
            return MISSING if "" in words else None
        if text in words:
            return MISSING
        code = codes.get(table.get(text, text))
        if code is not None:
            return code, int(Quality.GOOD)
        try:
            if float(text) in figures:
                return MISSING
        except ValueError:
            pass
        raise BadCell("import.row.state", value=text, known=", ".join(info.values[:12]))

    return state
