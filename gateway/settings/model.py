"""The settings tree: every folder owns its `config.py`, this file joins them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from gateway.adapters import EMBEDDED, ENDPOINTS, SERIES, SOURCES
from gateway.api.config import ApiConfig, HealthConfig
from gateway.database_config import DatabaseConfig
from gateway.delivery.config import DeliveryConfig
from gateway.desk.config import DeskConfig
from gateway.domain.attribute_mask import AttributeMask
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.nearest import nearest
from gateway.domain.text import Lang
from gateway.intake.config import IntakeConfig
from gateway.journal.config import JournalConfig
from gateway.section import AdapterSection, Duration, EndpointSection, Section, SeriesSection, wrong
from gateway.settings.inventory import zones

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise wrong("config.name", name=value)
    return value


Name = Annotated[str, AfterValidator(_name)]
"""Name of a source or an endpoint: it appears in logs, metrics and file names."""


def _one_of(models: Iterable[type[AdapterSection]]) -> Any:
    """Annotation of a union of `models`, selected by `type`."""
    several = tuple(models)
    return several[0] if len(several) == 1 else Annotated[Union[several], Field(discriminator="type")]  # noqa: UP007


def _by_type(value: Any) -> Any:
    """`postgres` is short for a store of this type with all defaults; without a type it is the embedded store."""
    if isinstance(value, str):
        return {"type": value}
    return {"type": EMBEDDED.name, **value} if isinstance(value, dict) else value


def _several(value: Any) -> Any:
    """One store as a list of one."""
    return value if isinstance(value, list | tuple) else [value]


if TYPE_CHECKING:
    SourceConfig = AdapterSection
    EndpointConfig = EndpointSection
    SeriesConfig = SeriesSection
else:
    SourceConfig = _one_of(adapter.config for adapter in SOURCES.values())
    EndpointConfig = _one_of(adapter.config for adapter in ENDPOINTS.values())
    SeriesConfig = Annotated[_one_of(adapter.config for adapter in SERIES.values()), BeforeValidator(_by_type)]


def _zone(value: str) -> str:
    if value not in zones():
        near = nearest(value, sorted(zones())) or "Asia/Shanghai"
        raise wrong("config.timezone", written=value, near=near)
    return value


Zone = Annotated[str, AfterValidator(_zone)]
"""An IANA name: Asia/Shanghai."""


class RegistryFiles(Section):
    """Lists of sites, customers and devices."""

    sites: Path | None = None
    customers: Path | None = None
    devices: Path | None = None


class ClockConfig(Section):
    """Limits for device clocks (RULES section 5), and for the gateway's own."""

    ahead_limit: Annotated[Duration, Field(ge=SECOND, le=24 * HOUR)] = 5 * MINUTE
    """An event time further than this in the future is replaced by the receive time, and flagged."""
    accept_late: Annotated[Duration, Field(ge=0, le=31 * DAY)] = 72 * HOUR
    """A late reading that was on its way for longer is stored, never judged; 0 = no late reading is judged."""
    patience: Annotated[Duration, Field(ge=0, le=24 * HOUR)] = MINUTE
    """A clock that a start finds behind the journal may be set within this time; then timers go back to it."""


class LogConfig(Section):
    """Log output on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class PrivacyConfig(Section):
    """Display of personal data."""

    mask: tuple[Annotated[str, Field(min_length=1, max_length=60)], ...] = Field(default=("plate",), max_length=100)
    """Attributes of devices that are masked (京A****5) in notices, events, and API responses to callers who are no
    admins. The same where the value occurs in a device's name. Rules see the whole value."""


def store_name(config: SeriesSection) -> str:
    """In logs and metrics."""
    return config.name or config.type


class Settings(Section):
    """`gateway.yaml`. Relative paths count from the folder of that file."""

    name: Name = Field(examples=["fieldgate-1"])
    """This installation, in logs, events and session names."""
    tenant: Name = "default"
    """Owner of the devices; part of every unique key."""
    timezone: Zone = Field(examples=["Asia/Shanghai"])
    """Zone for order numbers, calendar windows and sites without their own. It has no default, because a wrong one
    would go unnoticed."""
    language: Lang = "zh"
    """Language of problems, notices, the desk's notes in orders, and the console."""
    data_dir: Path = Path("../var")
    """Folder of journal, series and database: everything that must survive."""
    registry: RegistryFiles = RegistryFiles()
    profiles: Path = Path("profiles")
    rules: Path = Path("rules")
    codes: Path = Path("codes")
    """Tables of vendor codes, one file each: `let: {code: {code_of: fault_code, table: NAME}}`."""
    fences: Path = Path("fences.yaml")
    """Areas on the map: `within(lat, lon, 'NAME')`."""
    calendars: Path = Path("calendars")
    """Workdays and holidays, one file per country; the program has files for countries without one here."""
    calendar: Name | None = Field(None, examples=["cn"])
    """Calendar of `active: {days: [workday, holiday]}` in rules. Left out: `cn` in the time zones of mainland China,
    else `none` (Monday to Friday are workdays)."""
    templates: Path | None = None
    order_codes: Path = Path("order_codes.yaml")
    """Faults, causes and remedies that orders are resolved with."""
    plans: Path = Path("plans")
    """Maintenance plans, in one file or several."""
    sources: dict[Name, SourceConfig] = Field(default={})
    series: Annotated[tuple[SeriesConfig, ...], BeforeValidator(_several), Field(min_length=1, max_length=8)] = (
        EMBEDDED.config(),
    )
    """Stores of readings: one, or a list. The first that can be read is what API and rules look history up in."""
    database: DatabaseConfig = DatabaseConfig()
    """Registry, alarms, work orders, deliveries: `sqlite` (a file in `data_dir`), or the URL of a PostgreSQL server."""
    endpoints: dict[Name, EndpointConfig] = Field(default={})
    desk: DeskConfig = DeskConfig()
    journal: JournalConfig = JournalConfig()
    intake: IntakeConfig = IntakeConfig()
    delivery: DeliveryConfig = DeliveryConfig()
    api: ApiConfig = ApiConfig()
    health: HealthConfig = HealthConfig()
    clock: ClockConfig = ClockConfig()
    log: LogConfig = LogConfig()
    privacy: PrivacyConfig = PrivacyConfig()

    @property
    def stores(self) -> dict[str, SeriesConfig]:
        """Stores of readings by name."""
        return {store_name(config): config for config in self.series}

    @property
    def history(self) -> SeriesConfig:
        """The store that readings are read from."""
        return next((one for one in self.series if SERIES[one.type].readable(one)), self.series[0])

    @property
    def partition(self) -> int:
        """Partition of the journal of this installation: a data folder holds one (DESIGN section 9)."""
        return 0

    @property
    def mask(self) -> AttributeMask:
        """Mask of attributes that leave the gateway."""
        return AttributeMask(frozenset(self.privacy.mask))


def sections(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], BaseModel]]:
    """Every model inside `value`, itself first, with its place in the file."""
    if isinstance(value, BaseModel):
        yield place, value
        for name in type(value).model_fields:
            yield from sections(getattr(value, name), (*place, name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from sections(item, (*place, key))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from sections(item, (*place, index))


def anchored(value: T, base: Path) -> T:
    """`value` with every relative path inside it joined to `base`; a part without paths stays the same object."""
    result: Any = value
    if isinstance(value, Path):
        result = base / value
    elif isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        if changed := _moved(fields, base):
            result = value.model_copy(update=changed)
    elif isinstance(value, dict):
        result = value | _moved(value, base)
    elif isinstance(value, tuple) and type(value) is tuple:
        result = tuple(anchored(item, base) for item in value)
    typed: T = result
    return typed


def _moved(items: Mapping[Any, Any], base: Path) -> dict[Any, Any]:
    moved = {key: anchored(item, base) for key, item in items.items()}
    return {key: item for key, item in moved.items() if item is not items[key] and item != items[key]}
