"""Columns of the list of devices that replace `plausible` of the profile: `plausible.power.max`, and
`plausible.2.power.max` for component 2 alone. A cell is a quantity with its unit, or the unit stands in the header."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.device import Attr, PointKind, PointSpec, Profile
from gateway.domain.duration import parse_duration
from gateway.domain.plausible.device_limits import (
    CHANGES,
    KEYS,
    LEVELS,
    NOT_OF_COUNTERS,
    PREFIX,
    LimitName,
    limit_name,
    limited,
)
from gateway.domain.units import DIMENSIONLESS, Unit, parse_unit
from gateway.settings.csv_table import CsvRecords, CsvRow
from gateway.settings.quantity import parse_quantity


@dataclass(slots=True)
class LimitColumns:
    """Name of the column -> what it limits, and the unit of its header (None = each cell has one)."""

    columns: dict[str, tuple[LimitName, Unit | None]] = field(default_factory=dict)

    def of(self, table: CsvRecords, row: CsvRow, profile: Profile | None, components: int) -> dict[str, Attr]:
        """The limits of one device in canonical units, by column; its mistakes are added to the table."""
        found: dict[str, Attr] = {}
        if profile is None:  # a problem of its own
            return found
        for column, (limit, unit) in self.columns.items():
            text = row.cells.get(column, "").strip()
            if text and (spec := _point(table, row, column, limit, profile, components)) is not None:
                value = _value(table, row, column, text, limit.key, spec, unit)
                if value is not None:
                    found[column] = value
        _check_order(table, row, profile, components, found)
        return found


def take_limit_columns(table: CsvRecords) -> LimitColumns:
    """Take the columns of limits out of the attributes of a table."""
    found = LimitColumns()
    for column in [name for name in table.extra if name.startswith(PREFIX)]:
        unit, limit = table.extra.pop(column), limit_name(column)
        if limit is None:
            table.add(None, column, "config.csv.limit_name", value=column, known=", ".join(KEYS))
        else:
            found.columns[column] = limit, unit
    return found


def _point(
    table: CsvRecords, row: CsvRow, column: str, limit: LimitName, profile: Profile, components: int
) -> PointSpec | None:
    spec = profile.point(limit.point)
    if spec is None or spec.kind is PointKind.STATE:
        known = ", ".join(one.name for one in profile.points if one.kind is not PointKind.STATE) or "-"
        table.add(row, column, "config.csv.limit_point", value=limit.point, profile=profile.id, known=known)
    elif limit.component is not None and not spec.each:
        table.add(row, column, "config.csv.limit_of_device", value=column, write=f"{PREFIX}{limit.point}.{limit.key}")
    elif limit.component is not None and not 1 <= limit.component <= components:
        table.add(row, column, "config.csv.limit_component", value=limit.component, most=components)
    elif spec.kind is PointKind.COUNTER and limit.key in NOT_OF_COUNTERS:
        table.add(row, column, "config.csv.limit_counter", value=limit.key)
    else:
        return spec
    return None


def _value(
    table: CsvRecords, row: CsvRow, column: str, text: str, key: str, spec: PointSpec, header: Unit | None
) -> float | None:
    if key not in (*LEVELS, *CHANGES):
        try:
            if (length := parse_duration(text)) > 0:
                return length
        except ValueError:
            pass
        table.add(row, column, "config.csv.limit_duration", value=text)
        return None
    own, quantity = parse_unit(spec.unit), parse_quantity(text)
    unit = DIMENSIONLESS if quantity is None else quantity.unit
    if unit == DIMENSIONLESS and header is not None:
        unit = header
    # a bare number would be in the canonical unit here and in the profile's there
    if quantity is None or unit.dimension != own.dimension or (unit == DIMENSIONLESS and spec.unit):
        table.add(row, column, "config.csv.limit_value", value=text, unit=spec.unit or "1")
        return None
    value = unit.canonical(quantity.number) if key in LEVELS else quantity.number * unit.factor
    if not math.isfinite(value) or (key in CHANGES and value <= 0):
        wrong = "config.csv.limit_positive" if key in CHANGES else "config.csv.limit_value"
        table.add(row, column, wrong, value=text, unit=spec.unit or "1")
        return None
    return float(value)


def _check_order(table: CsvRecords, row: CsvRow, profile: Profile, components: int, limits: Mapping[str, Attr]) -> None:
    """`min` lies below `max` when both are put together: those of the device and of the profile."""
    for spec in profile.points if limits else ():
        for component in range(1, components + 1) if spec.each else (0,):
            own = limited(spec.plausible, spec.name, component, limits)
            if own.min is not None and own.max is not None and own.min >= own.max:
                names = [(column, limit_name(column)) for column in limits]
                mine = (c for c, one in names if one and one.point == spec.name and one.key in LEVELS)
                if (column := next(mine, "")) == "":  # the profile's own mistake
                    break
                low, high = f"{own.min:.12g} {spec.unit}".strip(), f"{own.max:.12g} {spec.unit}".strip()
                table.add(row, column, "config.csv.limit_order", low=low, high=high)
                break
