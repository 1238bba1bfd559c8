"""Sites, customers, devices, points, profiles: the gateway's data about the field."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

Attr = str | float | bool


class PointKind(StrEnum):
    """gauge: a momentary value · counter: total-increasing · state: a small code with a text table."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATE = "state"


class Life(StrEnum):
    """Life cycle of a device. Only devices in service are expected to send."""

    PLANNED = "planned"
    IN_SERVICE = "in_service"
    RETIRED = "retired"


class Plausible(Struct, frozen=True):
    """Bounds in the canonical unit; a reading outside is uncertain, never deleted. `max_rate` per second, `stuck_after`
    µs.

    After `relearn` readings in a row that are too fast and agree with each other, their level is accepted. `max_fall`
    per second: how fast a gauge may fall, None = as `max_rate`. `max_step`: largest change from the reading before,
    however long ago. `spike`: a reading that differs by more than this from those before and after it, which agree, is
    marked once the later one is there. `falls`: a counter may fall (a reset); if not, a fall is abnormal until its
    level is accepted.
    """

    min: float | None = None
    max: float | None = None
    max_rate: float | None = None
    stuck_after: int = 0
    relearn: int = 3
    max_fall: float | None = None
    max_step: float | None = None
    spike: float | None = None
    falls: bool = True

    @property
    def compares(self) -> bool:
        """True if a reading is compared with the ones before."""
        limits = (self.max_rate, self.max_fall, self.max_step, self.spike)
        return any(one is not None for one in limits) or not self.falls


class CounterModel(Struct, frozen=True):
    """Model of a counter's falls. `rollover` modulus (0 = none); `reset`: restart adds the new value, swap starts a new
    baseline."""

    rollover: float = 0.0
    reset: str = "swap"
    resolution: float = 0.0


class PointSpec(Struct, frozen=True):
    """One measurable of a profile, as the profile file declares it.

    `unit` is the canonical unit in which values are stored ("" = dimensionless); `every` is the expected interval
    in µs (0 = none promised); `each` = repeated per component; `values` are the texts of a state point, code =
    index; `missing` are raw numbers and texts that mean "no data" (DESIGN section 5). A raised `revision` means that
    the numbers mean something else from now on (a corrected scale): the point gets a new id. `retain` µs is how
    long its readings are stored where that is shorter than for the rest (0 = like the rest). `title_en`,
    `title_zh`: the display name, "" = its name. `texts`: of its `values`, the value and its display name, English
    and Chinese.
    """

    name: str
    kind: PointKind = PointKind.GAUGE
    unit: str = ""
    every: int = 0
    each: bool = False
    values: tuple[str, ...] = ()
    missing: tuple[float | str, ...] = ()
    plausible: Plausible = Plausible()
    counter: CounterModel = CounterModel()
    revision: int = 1
    retain: int = 0
    title_en: str = ""
    title_zh: str = ""
    texts: tuple[tuple[str, str, str], ...] = ()


class AsSent(Struct, frozen=True):
    """Format in which devices of a profile send one point: `unit` as written in the profile, raw `missing` values for
    "no data", the declared `values` of a state, and the point for readings of connector 0 ("" = none)."""

    unit: str = ""
    missing: tuple[float | str, ...] = ()
    values: tuple[str, ...] = ()
    on_device: str = ""


class Profile(Struct, frozen=True):
    """Points of a device model, with its source document. `components` is the usual number of connectors (0 = none)."""

    id: str
    kind: str
    points: tuple[PointSpec, ...]
    revision: int = 1
    vendor: str = ""
    model: str = ""
    source: str = ""
    components: int = 0

    def point(self, name: str) -> PointSpec | None:
        """The point called `name`, or None."""
        return next((p for p in self.points if p.name == name), None)


Code = Annotated[str, Meta(min_length=1, max_length=120)]


class QuietTime(Struct, frozen=True):
    """Orders and notices of a site are held from `start` to `end` µs (RULES section 1, `quiet`)."""

    start: int
    end: int
    why: str = ""


class Site(Struct, frozen=True):
    """A place. `timezone` is an IANA name; "" = the installation's."""

    code: Code
    name: str = ""
    timezone: str = ""
    area: str = ""
    region: str = ""
    attrs: dict[str, Attr] = {}
    tags: tuple[str, ...] = ()
    quiet: tuple[QuietTime, ...] = ()


class Customer(Struct, frozen=True):
    """Receiver of notices. `name` and `phone` are personal data: never logged, and no part of a fact. `gone`: no longer
    in the list, gets no notices."""

    code: Code
    name: str = ""
    phone: str = ""
    language: str = ""
    sites: tuple[str, ...] = ()
    attrs: dict[str, Attr] = {}
    gone: bool = False


class Device(Struct, frozen=True):
    """A thing with an address. `id` is the registry's integer, never renumbered; `components` are connectors 1..n.

    `registered` µs: start of the silence of a device that has sent no reading.
    """

    id: int
    code: Code
    profile: str
    kind: str
    name: str = ""
    site: str = ""
    customer: str = ""
    components: int = 0
    life: Life = Life.IN_SERVICE
    registered: int = 0
    attrs: dict[str, Attr] = {}
    tags: tuple[str, ...] = ()


class Point(Struct, frozen=True):
    """A registered point: the integer of the columns. Shared by all devices of a profile; `component` 0 = the device.

    A changed unit, scale or kind is a new id (a new point revision), so stored history keeps its meaning.
    `brought[i]` is the device that first sent `values[i]`: 0 = none (from a profile, a code table or a rule),
    -1 = unknown. Missing entries at the end are 0.
    """

    id: int
    profile: str
    name: str
    component: int = 0
    kind: PointKind = PointKind.GAUGE
    unit: str = ""
    every: int = 0
    revision: int = 1
    values: tuple[str, ...] = ()
    plausible: Plausible = Plausible()
    counter: CounterModel = CounterModel()
    brought: tuple[int, ...] = ()
