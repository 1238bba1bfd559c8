"""Sites, customers and devices from CSV files: interprets the cells and reports all mistakes of all files at once."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from gateway.domain.device import Attr, Customer, Device, Life, Profile, QuietTime, Site
from gateway.domain.duration import to_us
from gateway.domain.errors import Problem
from gateway.domain.nearest import nearest
from gateway.domain.units import DIMENSIONLESS
from gateway.settings.csv_table import CsvRecords, CsvRow, excel_number, identity, read_table
from gateway.settings.device_limits import LimitColumns, take_limit_columns
from gateway.settings.quantity import NUMBER, parse_quantity
from gateway.settings.yaml_document import to_half_width

T = TypeVar("T")
_NAME = ("名称", "姓名", "title")
_TAGS = ("标签", "tag")
SITE_COLUMNS: Mapping[str, Sequence[str]] = {
    "code": ("编号", "站点编号", "场站编号", "站点", "site"),
    "name": (*_NAME, "站点名称", "场站名称"),
    "timezone": ("时区", "time zone", "zone"),
    "area": ("片区",),
    "region": ("区域", "大区", "地区"),
    "tags": _TAGS,
    "quiet": ("静默", "静默时段", "免打扰"),
}
CUSTOMER_COLUMNS: Mapping[str, Sequence[str]] = {
    "code": ("编号", "客户编号", "户号", "客户", "customer"),
    "name": (*_NAME, "客户名称"),
    "phone": ("手机", "手机号", "手机号码", "电话", "联系电话", "mobile", "tel"),
    "language": ("语言", "lang"),
    "sites": ("站点", "场站", "site"),
}
DEVICE_COLUMNS: Mapping[str, Sequence[str]] = {
    "code": ("编号", "设备编号", "设备编码", "桩号", "表号", "车牌号", "VIN", "device", "id"),
    "name": (*_NAME, "设备名称"),
    "profile": ("型号", "设备型号", "模板", "model"),
    "site": ("站点", "站点编号", "场站", "场站编号"),
    "customer": ("客户", "客户编号", "户号"),
    "components": ("枪数", "枪口数", "connectors", "guns"),
    "life": ("状态", "使用状态", "status", "state"),
    "registered": ("投运日期", "投运时间", "安装日期", "commissioned"),
    "tags": _TAGS,
}
_LIFE_WORDS = {
    "planned": Life.PLANNED, "计划": Life.PLANNED, "规划": Life.PLANNED, "在建": Life.PLANNED, "未投运": Life.PLANNED,
    "inservice": Life.IN_SERVICE, "投运": Life.IN_SERVICE, "在运": Life.IN_SERVICE, "在用": Life.IN_SERVICE,
    "运行": Life.IN_SERVICE, "正常": Life.IN_SERVICE, "已投运": Life.IN_SERVICE,
    "retired": Life.RETIRED, "退役": Life.RETIRED, "报废": Life.RETIRED, "拆除": Life.RETIRED, "停用": Life.RETIRED,
}  # fmt: skip
_LANGUAGES = {"zh": "zh", "中文": "zh", "en": "en", "英文": "en", "english": "en", "chinese": "zh"}
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_SPAN = re.compile(r"(\d[^/\s]*)\s*/\s*(\d\S*)(?:\s+(.+))?", re.ASCII)
_PHONE = re.compile(r"\+?[0-9][0-9\- ]{3,19}")
_SERIAL = re.compile(r"\d{5}(\.\d+)?")
_LIST = re.compile(r"[;；|、,，]")
_MOST_COMPONENTS = 64
_MOST_ROWS_NAMED = 8
_EXACT_DIGITS = 15
_ADDRESS = "modbus_"


@dataclass(slots=True)
class Inventory:
    """Contents of the files. Devices have id 0: the registry assigns it."""

    sites: dict[str, Site] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    rows: dict[str, tuple[CsvRecords, CsvRow]] = field(default_factory=dict)
    """Row of each device."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def load_inventory(
    sites: Path | None,
    customers: Path | None,
    devices: Path | None,
    profiles: Mapping[str, Profile],
    zone: str,
    *,
    profiles_whole: bool = True,
) -> Inventory:
    """Read the files that are given. `zone` is the installation's: dates of devices without a site count in it.

    `profiles_whole` False: some profile did not load, so an unknown one is no problem of its own.
    """
    found = Inventory()
    tables: list[CsvRecords] = []
    if sites is not None:
        tables.append(read_table(sites, SITE_COLUMNS, ("code",)))
        _collect(tables[-1], found.sites, lambda t, r, c: _site(t, r, c, zone))
    if customers is not None:
        tables.append(read_table(customers, CUSTOMER_COLUMNS, ("code",)))
        place_refs = _References(tables[-1], "sites", found.sites, complete=_clean(tables))
        _collect(tables[-1], found.customers, lambda t, r, c: _customer(t, r, c, place_refs))
        place_refs.report()
    if devices is not None:
        # a reference into a file that did not load would only repeat its problems
        whole = _clean(tables)
        table = read_table(devices, DEVICE_COLUMNS, ("code", "profile"))
        limits = take_limit_columns(table)
        tables.append(table)
        refs = {
            "profile": _References(table, "profile", profiles, complete=profiles_whole),
            "site": _References(table, "site", found.sites, complete=whole),
            "customer": _References(table, "customer", found.customers, complete=whole),
        }
        _collect(table, found.devices, lambda t, r, c: _device(t, r, c, refs, found.sites, profiles, zone, limits))
        for ref in refs.values():
            ref.report()
        found.rows = {row.cells.get("code", ""): (table, row) for row in reversed(table.rows)}
    for table in tables:
        found.problems += table.problems
        found.warnings += table.warnings
    return found


def _clean(tables: Sequence[CsvRecords]) -> bool:
    return all(table.complete for table in tables)


def _collect(table: CsvRecords, out: dict[str, T], build: Callable[[CsvRecords, CsvRow, str], T]) -> None:
    """Build every row; the first of a code counts, a second one is a problem that names the first."""
    if not table.complete:
        return
    first: dict[str, int] = {}
    for name, unit in table.extra.items():
        if unit is None and not name.startswith(_ADDRESS):
            _check_column(table, name)
    for row in table.rows:
        code = identity(table, row, "code", required=True)
        if code and code in first:
            table.add(row, "code", "config.csv.twice", value=code, first=first[code])
        value = build(table, row, code)
        if code and code not in first:
            first[code] = row.number
            out[code] = value


class _References:
    """Codes that must exist elsewhere; one problem per unknown code, with the rows that contain it."""

    def __init__(self, table: CsvRecords, column: str, known: Mapping[str, object], *, complete: bool) -> None:
        self._table, self._column, self._known, self._complete = table, column, known, complete
        self._unknown: dict[str, list[CsvRow]] = {}

    def check(self, row: CsvRow, code: str) -> str:
        """Return `code` itself; note the row when it is unknown."""
        if code and code not in self._known:
            self._unknown.setdefault(code, []).append(row)
        return code

    def report(self) -> None:
        """Add the problems to the table."""
        known = list(self._known)
        for code, rows in self._unknown.items() if self._complete else ():
            numbers = ", ".join(str(row.number) for row in rows[:_MOST_ROWS_NAMED])
            more = "" if len(rows) <= _MOST_ROWS_NAMED else f" … ({len(rows)})"
            near = nearest(code, known)
            key = f"config.csv.unknown_{self._column.removesuffix('s')}" + ("_near" if near else "")
            self._table.add(rows[0], self._column, key, value=code, rows=numbers + more, near=near)


def _text(row: CsvRow, column: str) -> str:
    return row.cells.get(column, "").strip()


def _tags(row: CsvRow, column: str = "tags") -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in _LIST.split(_text(row, column)) if part.strip()))


def _site(table: CsvRecords, row: CsvRow, code: str, installation: str) -> Site:
    zone = _text(row, "timezone")
    if zone and zone not in zones():
        near = nearest(zone, sorted(zones())) or "Asia/Shanghai"
        table.add(row, "timezone", "config.timezone", written=zone, near=near)
    return Site(
        code=code,
        name=_text(row, "name"),
        timezone=zone,
        area=_text(row, "area"),
        region=_text(row, "region"),
        attrs=_attrs(table, row),
        tags=_tags(row),
        quiet=_quiet(table, row, zone if zone in zones() else installation),
    )


def _quiet(table: CsvRecords, row: CsvRow, zone: str) -> tuple[QuietTime, ...]:
    """`2026-11-23T22:00/2026-11-24T06:00 site works; ..`: local times of the site, or with an offset."""
    out: list[QuietTime] = []
    for part in filter(None, (part.strip() for part in re.split("[;；]", _text(row, "quiet")))):
        match = _SPAN.fullmatch(part)
        try:
            start, end = (to_us(_local(match[k], zone)) for k in (1, 2)) if match else (0, 0)
        except ValueError:
            start, end = 0, 0
        if match is None or start >= end:
            table.add(row, "quiet", "config.csv.quiet", value=part)
        else:
            out.append(QuietTime(start, end, match[3] or ""))
    return tuple(out)


def _local(text: str, zone: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))


def _customer(table: CsvRecords, row: CsvRow, code: str, sites: "_References") -> Customer:
    phone = identity(table, row, "phone", longest=24)
    if phone and not _PHONE.fullmatch(phone):
        table.add(row, "phone", "config.csv.phone")
    written = _text(row, "language")
    language = _LANGUAGES.get(written.casefold(), "")
    if written and not language:
        table.add(row, "language", "config.type.choice", value=written, written=written, expected="zh, en")
    places = tuple(sites.check(row, site) for site in _tags(row, "sites"))
    return Customer(code, _text(row, "name"), phone, language, places, _attrs(table, row))


def _device(
    table: CsvRecords,
    row: CsvRow,
    code: str,
    refs: Mapping[str, _References],
    sites: Mapping[str, Site],
    profiles: Mapping[str, Profile],
    zone: str,
    limits: LimitColumns,
) -> Device:
    profile_id = refs["profile"].check(row, identity(table, row, "profile", required=True))
    site = refs["site"].check(row, identity(table, row, "site"))
    customer = refs["customer"].check(row, identity(table, row, "customer"))
    profile = profiles.get(profile_id)
    usual = profile.components if profile is not None else 0
    here = (sites[site].timezone if site in sites else "") or zone
    components = _components(table, row, usual)
    return Device(
        id=0,
        code=code or "?",
        profile=profile_id,
        kind=profile.kind if profile is not None else "",
        name=_text(row, "name"),
        site=site,
        customer=customer,
        components=components,
        life=_life(table, row),
        registered=_registered(table, row, here),
        attrs=_attrs(table, row) | limits.of(table, row, profile, components),
        tags=_tags(row),
    )


def _components(table: CsvRecords, row: CsvRow, usual: int) -> int:
    text = _text(row, "components")
    if not text:
        return usual
    if not text.isascii() or not text.isdigit() or int(text) > _MOST_COMPONENTS:
        table.add(row, "components", "config.csv.components", value=text, most=_MOST_COMPONENTS)
        return usual
    return int(text)


def _life(table: CsvRecords, row: CsvRow) -> Life:
    text = _text(row, "life")
    life = _LIFE_WORDS.get(re.sub(r"[\s_\-]+", "", text).casefold())
    if text and life is None:
        table.add(row, "life", "config.csv.life", value=text)
    return life or Life.IN_SERVICE


def _registered(table: CsvRecords, row: CsvRow, zone: str) -> int:
    """A local date or time of the site as µs; 0 when the cell is empty."""
    text = _text(row, "registered")
    if not text:
        return 0
    if _SERIAL.fullmatch(text):
        table.add(row, "registered", "config.csv.date_serial", value=text)
        return 0
    try:
        match = _DATE.fullmatch(text)
        if match is not None:
            parts = [int(part or 0) for part in match.groups()]
            return to_us(datetime(*parts[:6], tzinfo=ZoneInfo(zone if zone in zones() else "UTC")))  # type: ignore[arg-type,misc]
        moment = datetime.fromisoformat(text)
    except ValueError:
        table.add(row, "registered", "config.csv.date", value=text)
        return 0
    if moment.tzinfo is None:
        table.add(row, "registered", "config.csv.date", value=text)
        return 0
    return to_us(moment.astimezone(UTC))


def _attrs(table: CsvRecords, row: CsvRow) -> dict[str, Attr]:
    """Attributes: all other columns with a value in this row."""
    out: dict[str, Attr] = {}
    for name, unit in table.extra.items():
        text = row.cells.get(name, "").strip()
        if not text:
            continue
        if excel_number(text):
            table.add(row, name, "config.csv.excel_number", value=text)
            continue
        if unit is not None:
            quantity = parse_quantity(text)
            if quantity is None or quantity.unit.dimension not in ((), unit.dimension):
                table.add(row, name, "config.csv.number", value=text, unit=unit.symbol)
                continue
            written = unit if quantity.unit == DIMENSIONLESS else quantity.unit
            out[name] = written.canonical(quantity.number)
            continue
        # the adapter interprets its address columns: `10s` is a duration there, not a part of an hour
        out[name] = text if name in table.textual or name.startswith(_ADDRESS) else attribute(text)
    return out


def attribute(text: str) -> Attr:
    """A cell as an attribute: `95 degC` and `7` are numbers (canonical), `true` is a truth value, `2026/6/15` an ISO
    date; numbers with leading zeros or more digits than a spreadsheet keeps are codes, so text."""
    if text in {"true", "TRUE", "True"}:
        return True
    if text in {"false", "FALSE", "False"}:
        return False
    digits = text.lstrip("+-")
    if len(digits) > _EXACT_DIGITS and digits.isdigit():
        return text
    if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
        return text
    quantity = parse_quantity(text)
    if quantity is not None:
        return quantity.canonical
    match = _DATE.fullmatch(text)
    if match is not None and match[4] is None:
        return f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}"
    return text


def _check_column(table: CsvRecords, name: str) -> None:
    """Check a column as a whole: bare numbers and texts among numbers with a unit, texts among numbers."""
    kinds: dict[str, list[tuple[CsvRow, str]]] = {"number": [], "quantity": [], "text": []}
    dimension: object = None
    for row in table.rows:
        text = row.cells.get(name, "").strip()
        if not text:
            continue
        quantity = parse_quantity(text)
        kind = "text" if quantity is None else "number" if NUMBER.fullmatch(text) else "quantity"
        if quantity is not None and kind == "quantity":
            dimension = quantity.unit.dimension if dimension is None else dimension
            if quantity.unit.dimension != dimension:
                table.add(row, name, "config.csv.other_dimension", value=text)
        kinds[kind].append((row, text))
    with_unit, odd = kinds["quantity"], kinds["text"]
    if with_unit and len(with_unit) < len(odd):  # `12 A` in a column of names is a name
        table.textual.add(name)
    elif with_unit:
        for row, text in kinds["number"] + odd:
            table.add(row, name, "config.csv.without_unit", value=text, like=with_unit[0][1])
    elif 0 < len(odd) * 10 <= len(kinds["number"]):
        for row, text in odd:
            wide = to_half_width(text)
            table.warn(row, name, "config.csv.odd_text", value=text, hint=wide if wide != text else "")


@cache
def zones() -> frozenset[str]:
    """IANA time zones of this machine."""
    return frozenset(available_timezones())
