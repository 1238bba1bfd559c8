"""What the folder of an adapter exports as `ADAPTER`, and the values it takes and returns.

A folder of `protocols/` exports a `SourceAdapter`, one of `sinks/oa/` and `sinks/notice/` an `EndpointAdapter`, one of
`sinks/series/` a `SeriesAdapter`; `gateway/adapters.py` lists them. Only the configuration is imported with the folder,
everything else on first use: a gateway with MQTT sources alone never loads the Modbus library.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from gateway.domain.device import AsSent, Device, Profile
from gateway.domain.device_command.definition import CommandDefinition
from gateway.domain.errors import Problem
from gateway.domain.finding import DoctorFinding
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricFamily
from gateway.domain.reading import Batch, Quality
from gateway.domain.record import Raw
from gateway.domain.text import Lang, Localized
from gateway.ports import Clock, Directory, HeldReadings, ReceiptLedger, SeriesStore, Sink, Source
from gateway.probe_ports import Interpret, RegisterProbe, SourcePlan
from gateway.section import AdapterSection

C = TypeVar("C", bound=AdapterSection)
Payload = Literal["event", "notice"]
OpenHeldReadings = Callable[[], HeldReadings]
"""Opens the readings that only a running gateway can read; raises StoreError when it does not answer."""


@dataclass(slots=True)
class ConfigFindings:
    """Result of checking configurations. `problems` stop a start, `warnings` do not, `notes` list what is covered.
    Paths are those of the main file (`sources.broker.routes[0].filter`); the caller adds the lines."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    notes: list[Phrase] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CheckedProject:
    """The rest of the configuration, for the check of its sources. `profiles` and `devices` by id and code."""

    file: str
    profiles: Mapping[str, Profile]
    devices: Mapping[str, Device]
    profile_files: Mapping[str, str]
    mapped: Mapping[str, Any]
    """Profiles that have a section of this adapter -> that section as the file has it."""
    cell: Callable[[str, str, str, Mapping[str, object]], Problem]
    """(device, column of the list of devices, key, fields) -> problem of that cell."""


@dataclass(frozen=True, slots=True)
class SourceServices:
    """Parts of the gateway that a source may use. `maps`: profile -> result of `ProfileMap.load`; `file` is the main
    file, for problems."""

    file: str
    directory: Directory
    ledger: ReceiptLedger
    clock: Clock
    devices: Callable[[], Iterable[Device]]
    """Devices of the registry, as of the call."""
    maps: Mapping[str, Any]
    sent: Mapping[str, Mapping[str, AsSent]]
    """Profile -> point -> how its devices send it; without unknown profiles."""
    sessions: Path
    """Folder for a file `NAME.json` of the source."""
    retention: int
    """µs for which readings are kept."""
    language: Lang = "zh"
    """Of files written for people."""
    timezone: str = "UTC"
    """IANA name, of the installation."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """Site -> IANA name, of sites with a zone of their own."""
    command_forms: tuple[Any, ...] = ()
    """Forms of the commands that this source may send."""

    def as_sent(self, profile: str) -> Mapping[str, AsSent]:
        """How devices of a profile send each point; empty for an unknown profile."""
        return self.sent.get(profile, {})

    def zone(self, device: Device) -> str:
        """IANA name of the time zone of a device: that of its site, else of the installation."""
        return self.zones.get(device.site, "") or self.timezone


@dataclass(frozen=True, slots=True)
class UnusedValue:
    """A value of a message that no route or point uses: its place, the reason, and details ("" = none)."""

    place: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class MessageTrial:
    """Result of decoding one message as a source would. `route` counts from 0, -1 = none; `filter` is that of the
    route. `ignored`: values that were read and left out on purpose. `part`: the key of the source that took it, where
    that is no route."""

    batch: Batch
    route: int = -1
    filter: str = ""
    rejected: tuple[Raw, ...] = ()
    partial: tuple[Raw, ...] = ()
    unused: tuple[UnusedValue, ...] = ()
    ignored: bool = False
    part: str = ""


@dataclass(frozen=True, slots=True)
class PollRequest:
    """Request for `count` registers of a table from `address` on, with the `words` of the answer, or the reason why
    there are none."""

    table: str
    address: int
    count: int
    words: tuple[int, ...] = ()
    error: Localized | str = ""
    unit: int | None = None
    """Unit id, where it is another one than that of the device."""


@dataclass(frozen=True, slots=True)
class PolledValue:
    """Value of a point (its id), in the unit of the point. `words`: the registers it was read from, None = not read."""

    point: int
    words: tuple[int, ...] | None
    value: float
    quality: Quality


@dataclass(frozen=True, slots=True)
class PollTrial:
    """Result of one poll of a device at `at` µs. `failure`: why the device did not answer at all."""

    link: str
    unit: int
    at: int
    requests: tuple[PollRequest, ...]
    rows: tuple[PolledValue, ...]
    failure: Localized | str = ""


@dataclass(frozen=True, slots=True)
class RegisterFormats:
    """How registers hold numbers, in the words of a profile's map: the types, and the orders of bytes and words."""

    types: tuple[str, ...]
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfileMap:
    """A section of a profile file that belongs to an adapter.

    `load(section, profile, file, declared units)` raises ConfigError; `texts(map, point)` are the state texts it names.
    """

    section: str
    load: Callable[[Mapping[str, Any], Profile, str, Mapping[str, str]], Any]
    texts: Callable[[Any, str], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandForm(Generic[C]):
    """How an adapter sends commands: the section with its name inside a command of a profile."""

    load: Callable[[Mapping[str, Any], CommandDefinition, Profile, Mapping[str, Any] | None], Any]
    """(section, definition, its profile, the profile's own section of this adapter) -> what `OutgoingCommand.form` is.
    Raises ConfigError; paths are those inside the section."""
    serves: Callable[[C, Device], bool]
    """True if a source with this configuration reaches the device."""
    check: Callable[[C, Any], Phrase | None]
    """(configuration, loaded form) -> why this source cannot send it; None = it can."""


def nothing_found(*_: object) -> ConfigFindings:
    """Check of an adapter that has nothing to check: returns no findings."""
    return ConfigFindings()


def no_texts(_: object) -> Iterable[tuple[str, str]]:
    """Texts of a configuration that names no state texts: none."""
    return ()


def no_findings(_: str, __: Mapping[tuple[str, ...], float]) -> list[DoctorFinding]:
    """Findings in the metrics of a source, for an adapter that offers none."""
    return []


async def nothing_to_see(*_: object, running: bool) -> list[DoctorFinding]:  # noqa: ARG001 - as SourceAdapter.examine
    """Findings of the doctor for an adapter that offers none."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAdapter(Generic[C]):
    """Adapter of a protocol. Configurations are passed with their names in the main file."""

    name: str
    """Value of `type` in the configuration."""
    config: type[C]
    build: Callable[[str, C, SourceServices], Source]
    """Raises ConfigError for mistakes found only now (secrets), StoreError for a store that cannot be opened."""
    adjust: Callable[[Any, C, SourceServices, SourceServices], Callable[[], bool]]
    """(a running source of this adapter, its new configuration, services before and now) -> call that applies the
    change on the source's event loop and returns True if its `run` must start again. Raises ConfigError."""
    check: Callable[[Mapping[str, C], str], ConfigFindings] = nothing_found
    """(all its configurations, main file): check that needs no profiles and devices."""
    check_with: Callable[[Mapping[str, C], CheckedProject], ConfigFindings] = nothing_found
    """Check against profiles and devices; called when every profile loads."""
    state_texts: Callable[[C], Iterable[tuple[str, str]]] = no_texts
    """(point, text) pairs that the configuration names."""
    profile_map: ProfileMap | None = None
    registers: RegisterFormats | None = None
    """What `fieldgate init` may write into a map; None = its devices have no registers."""
    metrics: tuple[MetricFamily, ...] = ()
    """Metric families that `Source.samples` fills, besides `SOURCE_METRICS`."""
    examine: Callable[..., Awaitable[list[DoctorFinding]]] = nothing_to_see
    """(name, configuration, running=) for `fieldgate doctor`; `running`: a running gateway polls its devices."""
    examine_running: Callable[[str, Mapping[tuple[str, ...], float]], list[DoctorFinding]] = no_findings
    """(name, (metric family, values of its labels) -> value) for `fieldgate doctor` beside a running gateway."""
    try_message: Callable[[str, C, SourceServices, str, bytes, bool], MessageTrial] | None = None
    """(name, configuration, services, topic, payload, retained) for `fieldgate try`; writes and sends nothing."""
    try_poll: Callable[[str, C, SourceServices, str], Awaitable[PollTrial | None]] | None = None
    """(name, configuration, services, device): one real poll; None when this source does not poll the device."""
    command_form: CommandForm[C] | None = None
    """None = it cannot send commands. Otherwise its sources are `CommandPort`s, and their configuration has `commands`
    (`SourceCommands`)."""
    plan: Callable[[str, C, SourceServices], SourcePlan] | None = None
    """(name, configuration, services) for `fieldgate plan`; connects to nothing."""
    open_probe: Callable[[Mapping[str, Any]], RegisterProbe] | None = None
    """(keys of a link) -> for `fieldgate probe`; reads only. Raises ValidationError."""
    interpret: Interpret | None = None
    listen: Callable[[C, Sequence[str], float, Callable[[str, bytes, bool], None]], Awaitable[None]] | None = None
    """(configuration, filters, seconds, call with topic, payload and whether it was retained) for `fieldgate probe`:
    under a name of its own, publishes nothing. Raises SourceError, OSError."""


def can_be_read(_: object) -> bool:
    """For a store from which everything can be read: returns True."""
    return True


def takes_every_template(_: object, __: str) -> bool:
    """For an endpoint that needs no template codes: returns True."""
    return True


def no_sign(_: object) -> str:
    """For an endpoint that puts nothing in front of a notice: returns ""."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAdapter(Generic[C]):
    """Adapter of a kind of receiver. `payload`: `event` receives the events of orders and alarms (CloudEvents),
    `notice` the notices to customers (template, parameters, phone, rendered text)."""

    name: str
    """Value of `type` in the configuration."""
    config: type[C]
    build: Callable[[str, C, Clock], Sink]
    payload: Payload
    events: Callable[[C], Sequence[str]]
    """Globs over event types without their prefix: events the desk queues for it."""
    check: Callable[[str, C, str], ConfigFindings] = nothing_found
    """(name, configuration, main file); connects to nothing."""
    takes_template: Callable[[C, str], bool] = takes_every_template
    """True if notices of the template with this name can be sent."""
    sign: Callable[[C], str] = no_sign
    """The name that this receiver puts in front of the text of each notice; "" = none."""
    verify: Callable[[C, Mapping[str, str], bytes, int, int], str] | None = None
    """(configuration, headers, body, now, tolerance; both seconds) -> id of a signed callback. None = this receiver
    makes no callbacks. Raises ValueError (its reason), OSError."""


@dataclass(slots=True)
class RecoveryReport:
    """Result of a recovery: texts of the catalogue, in order. `losses`: something is lost."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    losses: bool = False

    def add(self, key: str, **fields: object) -> None:
        """Add a line."""
        self.lines.append((key, fields))

    def add_loss(self, key: str, **fields: object) -> None:
        """Add a line about a loss."""
        self.losses = True
        self.add(key, **fields)


MISSING: Final = "missing"
LOCKED: Final = "locked"
"""Found by an inspection: a file is not there; a running gateway has it open, which is no damage."""


class SeriesFiles(Protocol):
    """The files of a store in one data folder, while the store is not open here: for backup, check and recovery.
    Blocking. Every call may raise StoreError."""

    def copy(self, target: Path) -> None:
        """Copy them into the data folder `target`, beside a gateway that writes them. The copy opens as after a power
        cut. Never in the process of that gateway."""

    def inspect(self) -> Iterator[tuple[Path, str]]:
        """Read all of it: (file, MISSING, LOCKED, or the message of the library that reads it)."""

    def repair(self, report: RecoveryReport, *, missed: bool) -> bool:
        """Move damaged files aside and keep what can be read of them. `missed`: the store was there before. True when
        readings are missing that the journal may still hold."""

    def cursor(self, partition: int) -> int:
        """The highest sequence number that is stored, by the whole files; 0 = none."""

    def rewind(self, partition: int, seq: int) -> None:
        """Let the next start store again what the journal holds after `seq`."""


class HistoryReader(Protocol):
    """All readings of a store, in large pieces, for backtest and explain. It is used in a process of its own, also
    while the gateway writes the store. Blocking. Every call may raise StoreError."""

    def spans(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """Pieces (start, end, rows) of similar size in order of time, µs; together they cover all readings of
        [start, end)."""

    def rows(self, start: int, end: int, devices: Sequence[int] | None, points: Sequence[int] | None) -> Batch:
        """Readings of one piece for these devices and points (None = all), in order of time, one frame per device
        and moment, each identity once."""

    def before(self, moment: int, devices: Sequence[int], points: Sequence[int]) -> Batch:
        """For each of these points of these devices: the newest reading with at < moment, and the newest one with a
        value."""

    def close(self) -> None:
        """Close files and connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAdapter(Generic[C]):
    """Adapter of a store of readings."""

    name: str
    """Value of `type` in the configuration."""
    config: type[C]
    build: Callable[[Path, C, Clock], SeriesStore]
    """Raises ConfigError for mistakes found only now (secrets), StoreError for a store that cannot be opened."""
    place: Callable[[Path, C], dict[str, str]]
    """(`data_dir`, configuration) -> location for another process: a folder, or an address and a key."""
    open_history: Callable[[Mapping[str, str], OpenHeldReadings | None], HistoryReader]
    """(place, opener for the readings of a running gateway, None = none runs) -> reader. The opener is called only
    for readings that cannot be read from disk. Raises StoreError."""
    readable: Callable[[C], bool] = can_be_read
    """True if readings can be read from it. Any other store is written to, beside one that can be read."""
    check: Callable[[C, str, str], ConfigFindings] = nothing_found
    """(configuration, its place in the main file, main file); connects to nobody."""
    examine: Callable[..., Awaitable[list[DoctorFinding]]] = nothing_to_see
    """(name, configuration, running=) for `fieldgate doctor`; writes nothing."""
    files: Callable[[Path], SeriesFiles] | None = None
    """(`data_dir`) -> its files there. None = its readings are elsewhere, and its own tools copy and repair them."""
