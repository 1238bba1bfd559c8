"""Map of a file: its columns for device, time and points (YAML 1.2, every problem at once)."""

import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from gateway.domain.errors import ConfigError
from gateway.domain.nearest import nearest
from gateway.domain.units import UnitError, parse_unit
from gateway.section import Section, wrong
from gateway.settings.inventory import zones
from gateway.settings.validation_messages import problems_of
from gateway.settings.yaml_document import read_document

_DIRECTIVE = re.compile(r"%(.?)")
_DIRECTIVES = frozenset("aAwdbBmyYHIpMSfzZjUWcxXGuV%")


def _unit(text: str) -> str:
    try:
        parse_unit(text)
    except UnitError as error:
        raise wrong(error.key, **error.fields) from None
    return text


Unit = Annotated[str, AfterValidator(_unit)]
Column = Annotated[Annotated[str, Field(min_length=1)] | Annotated[int, Field(ge=1)], Field(examples=["reading_date"])]
"""A name of the header, or the place of the column, from 1."""


class ColumnOrValue(Section):
    """A column, or one value for the whole file: exactly one of them."""

    column: Column | None = None
    value: str | int | None = None

    @model_validator(mode="after")
    def _one(self) -> "ColumnOrValue":
        if (self.column is None) == (self.value is None):
            raise wrong("import.map.column_or_value")
        return self


class TimeColumns(Section):
    """`format` is `iso`, `s` or `ms` (since 1970 UTC), or as strptime takes it. `zone` is an IANA name. `columns`: date
    and time are separate; they are joined by a blank."""

    column: Column | None = Field(default=None, examples=["抄表时间"])
    columns: tuple[Column, ...] = ()
    format: str = Field("iso", min_length=1)
    zone: str | None = None

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        if value is not None and value not in zones():
            raise wrong("config.timezone", written=value, near=nearest(value, sorted(zones())) or "Asia/Shanghai")
        return value

    @property
    def places(self) -> tuple[str | int, ...]:
        """The columns it is made of."""
        return self.columns if self.column is None else (self.column,)

    @model_validator(mode="after")
    def _whole(self) -> "TimeColumns":
        if (self.column is None) != bool(self.columns) or len(self.columns) == 1:
            raise wrong("import.map.time_column")
        if self.format in {"s", "ms"}:
            if self.zone is not None:
                raise wrong("import.map.zone_useless", written=self.format)
            return self
        if self.format == "iso":
            return self
        found = _DIRECTIVE.findall(self.format)
        if not found or any(letter not in _DIRECTIVES for letter in found):
            raise wrong("import.map.time_format", written=self.format)
        if self.zone is None and "z" not in found:
            raise wrong("import.map.zone_missing", written=self.format)
        return self

    @property
    def place(self) -> ZoneInfo | None:
        """The zone of times that do not name one."""
        return None if self.zone is None else ZoneInfo(self.zone)


class NumberFormat(Section):
    """Conversion of written numbers: (number x scale + offset) in `unit`; `missing` means "no data"."""

    unit: Unit | None = None
    """Unit of the numbers; without it that of the point in the gateway."""
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    missing: tuple[str | int | float, ...] = ()
    map: dict[str | int, str | int] = Field(default={})
    """Texts of a state point in the file -> texts of the gateway."""
    decimal: Literal[".", ","] | None = None
    """Number format of this column, where it differs from that of the file."""


class PointColumn(NumberFormat):
    """One point of a wide file. `component` is needed where the device has several (connector 2)."""

    column: Column
    component: int | None = Field(default=None, ge=1)


class PointNames(Section):
    """Long files: the column that names the point. `names` translates; other names are points of the gateway."""

    column: Column
    names: dict[str | int, str] = Field(default={})
    numbers: dict[str, NumberFormat] = Field(default={})
    """Number format by point of the gateway: unit, scale, offset, missing, map."""


class ColumnReference(Section):
    """A column."""

    column: Column


class QualityColumn(Section):
    """Quality of a row's readings: good, uncertain, bad, or texts that `map` translates into these."""

    column: Column
    map: dict[str | int, Literal["good", "uncertain", "bad"]] = Field(default={})


class ImportMap(Section):
    """Map of a file. Wide: `points`. Long: `point` and `value` (and `component`). `quality` in both.

    The header is the first line that has the columns of the map; `skip`: number of lines before it. `header`
    false: no header, columns are given by number.
    """

    device: ColumnOrValue = Field(examples=["{column: 表号}"])
    time: TimeColumns = Field(examples=["{column: 抄表时间, format: iso, zone: Asia/Shanghai}"])
    skip: int | None = Field(default=None, ge=0, le=1000)
    header: bool = True
    points: dict[str, PointColumn] = Field(default={})
    point: PointNames | None = None
    value: ColumnReference | None = None
    component: ColumnOrValue | None = None
    quality: QualityColumn | None = None
    delimiter: Literal["auto", ",", ";", "\t", "|", "tab"] = "auto"
    encoding: Literal["auto", "utf-8", "utf-8-sig", "gb18030"] = "auto"
    decimal: Literal[".", ","] = "."

    @model_validator(mode="after")
    def _shape(self) -> "ImportMap":
        if bool(self.points) == (self.point is not None):
            raise wrong("import.map.wide_or_long")
        if (self.point is None) != (self.value is None):
            raise wrong("import.map.long_needs_value")
        if self.points and self.component is not None:
            raise wrong("import.map.only_long")
        if not self.header and (named := [one for one in self.columns().values() if isinstance(one, str)]):
            raise wrong("import.map.no_header", written=named[0])
        if self.decimal == "," and self.delimiter == ",":
            raise wrong("import.map.decimal_delimiter")
        return self

    def columns(self) -> dict[str, str | int]:
        """Path in the map -> the column it names."""
        named: dict[str, str | int | None] = {
            "device.column": self.device.column,
            "time.column": self.time.column,
            **{f"time.columns[{index}]": column for index, column in enumerate(self.time.columns)},
            "point.column": _named(self.point),
            "value.column": _named(self.value),
            "component.column": _named(self.component),
            "quality.column": _named(self.quality),
        }
        named |= {f"points.{name}.column": point.column for name, point in self.points.items()}
        return {path: column for path, column in named.items() if column}


def _named(part: ColumnOrValue | PointNames | ColumnReference | QualityColumn | None) -> str | int | None:
    return None if part is None else part.column


def load_map(path: Path) -> ImportMap:
    """Read and check a map. Raises ConfigError with every problem."""
    document = read_document(path)
    if document.value is None or document.problems:
        if not document.problems:
            document.add((), "config.yaml.not_mapping", value="nothing")
        raise ConfigError(document.problems)
    if not isinstance(document.value, dict):
        document.add((), "config.yaml.not_mapping", value=type(document.value).__name__)
        raise ConfigError(document.problems)
    try:
        return ImportMap.model_validate(document.value)
    except ValidationError as error:
        raise ConfigError(problems_of(error, document, ImportMap)) from None
