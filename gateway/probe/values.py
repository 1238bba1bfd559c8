"""What a probe saw of a broker, and what it proposes. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.device import PointKind

Raw = str | int | bool


@dataclass(frozen=True, slots=True)
class PointFacts:
    """What a birth message states about one place of a topic; empty = not stated. `texts`: value as sent -> state.

    `low`, `high` are bounds in `unit`."""

    name: str = ""
    unit: str = ""
    kind: PointKind | None = None
    values: tuple[str, ...] = ()
    texts: tuple[tuple[Raw, str], ...] = ()
    low: float | None = None
    high: float | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class RawUnit:
    """How an ecosystem sends one number: value in `unit` = raw * scale + offset; `missing` raw values are no data."""

    unit: str
    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PresenceFacts:
    """Topic with the birth and the will of devices, as the configuration has it. `path` "" = the payload itself."""

    topic: str
    path: str = ""
    online: tuple[Raw, ...] = ("online",)
    offline: tuple[Raw, ...] = ("offline",)
    device: str = "{device}"


@dataclass(slots=True)
class BirthFacts:
    """Everything that birth messages state. `points`: (topic, path) -> facts; path "." = a bare value.

    `documents`: topic -> a document as it is published there, for topics that were not seen. `consumed`: topics that
    are no telemetry. `presence`: in order. `templates`: topic -> (filter, device, table of units) that are stated.
    """

    points: dict[tuple[str, str], PointFacts] = field(default_factory=dict)
    documents: dict[str, object] = field(default_factory=dict)
    consumed: set[str] = field(default_factory=set)
    presence: list[PresenceFacts] = field(default_factory=list)
    templates: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    announced: dict[str, set[str]] = field(default_factory=dict)
    """Ecosystem -> what it announced: devices, or entities of devices."""

    def announce(self, ecosystem: str, one: str) -> None:
        """Add a device or entity."""
        self.announced.setdefault(ecosystem, set()).add(one)

    def add_presence(self, facts: PresenceFacts) -> None:
        """Add a topic once."""
        if facts not in self.presence:
            self.presence.append(facts)


@dataclass(slots=True)
class FoundPoint:
    """A place that becomes a point. `path` "." = a bare payload, `field` = the captured text that names it.

    `unit` is that of the message; `named`: the message or a birth message states it; `unit_path`: where it stands.
    `component`: a fixed number; `each`: the component is that of the route. `texts`: value as sent -> state.
    """

    path: str
    name: str
    kind: PointKind
    unit: str = ""
    named: bool = False
    unit_path: str = ""
    unit_texts: Mapping[str, str] = field(default_factory=dict)
    component: int = 0
    each: bool = False
    values: tuple[str, ...] = ()
    texts: tuple[tuple[Raw, str], ...] = ()
    low: float | None = None
    high: float | None = None
    title: str = ""
    field: str = ""
    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[float, ...] = ()
    comma: bool = False

    @property
    def connectors(self) -> bool:
        """One per component."""
        return self.each or self.component > 0


@dataclass(slots=True)
class FoundRoute:
    """A route before its points have profiles. `device`: a template, or a path when `device_path`.

    `component`: {capture} or {path}, with `add`. `fields`: bare payloads named by the capture `field`. `devices`:
    code -> names of the points seen of it. `rest`: below the filter stand topics that are no telemetry.
    """

    filter: str
    device: str
    words: tuple[str, ...]
    points: list[FoundPoint]
    device_path: bool = False
    payload: str = ""
    inner: str = ""
    each: str = ""
    time: tuple[tuple[str, ...], str] | None = None
    capture: str = ""
    component_path: str = ""
    add: int = 0
    fields: bool = False
    when: str = ""
    ignore: list[str] = field(default_factory=list)
    devices: dict[str, set[str]] = field(default_factory=dict)
    components: int = 0
    retained: bool = False
    rest: bool = False


@dataclass(slots=True)
class FoundModel:
    """A profile to write: `routes` are (route, the points of it that these devices have)."""

    id: str
    points: dict[str, FoundPoint]
    devices: dict[str, None]
    routes: list[FoundRoute]
    components: int = 0
    library: str = ""
    """Id of the profile of the library that fits; then `names` are its points -> ours."""
    names: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Leftover:
    """Topics that no route is proposed for: text key of the reason, number of topics, one of them."""

    reason: str
    count: int
    example: str
