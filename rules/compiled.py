"""A rule after loading: names resolved, units checked, numbers canonical. The loader makes these, the engine runs them.

Numbers and truth are float64: NaN is unknown, 1.0 true, 0.0 false (Kleene logic, RULES section 3). State points are
their codes. Durations are µs. Nothing here knows where a rule came from or how it is run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.alarm import Level
from gateway.domain.device import CounterModel, PointSpec
from gateway.domain.reading import F64


class SlotKind(StrEnum):
    """Where the engine finds the value of a slot."""

    POINT = "point"  # newest applied value of a point of the thing
    CODE = "code"  # code of the state text `text` of point `name`: constant per profile, -1 when the table lacks it
    SIGNAL = "signal"  # a `let` signal: value of its last closed window
    BEFORE = "before"  # a `let` signal `n` closed periods earlier
    ATTR = "attr"  # attribute of device, site, customer, else `default` (canonical unit)
    AGE = "age"  # hours since the last good reading of a point
    CHANGED = "changed"  # 1.0 when this frame gave the point another value than before, else 0.0
    HAS = "has"  # 1.0 when the point has a known value, else 0.0


@dataclass(frozen=True, slots=True)
class Slot:
    """One input of an expression. `unit` is canonical; `default` of an ATTR is NaN when none was written."""

    kind: SlotKind
    name: str
    text: str = ""
    n: int = 0
    default: float = float("nan")
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """A number the expression compares with: `value` when literal, else the index of its slot. For evidence."""

    value: float
    unit: str
    slot: int = -1


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression in two back ends that agree (a property test asserts it).

    scalar: floats, one per slot -> float · vector: float64[n] arrays, one per slot -> float64[n].
    `boolean` tells truth values from numbers; `unit` is the canonical unit of a number.
    """

    text: str
    slots: tuple[Slot, ...]
    boolean: bool
    unit: str
    scalar: Callable[[Sequence[float]], float] = field(compare=False)
    vector: Callable[[Sequence[F64]], F64] = field(compare=False)
    limits: tuple[Limit, ...] = ()


AttrTest = Callable[[Mapping[str, object]], bool | None]
"""A `where` over attributes and tags: the flat mapping of a device (code, name, site, area, region, life, kind, profile
and each attribute by name, "tags": tuple) -> true, false, or None = unknown (counts as false)."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Which things: profiles of these kinds whose attributes pass; `each` = one alarm per component."""

    kinds: tuple[str, ...]
    each: bool = False
    where: AttrTest | None = field(default=None, compare=False)
    where_text: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """True for >= `for_` µs of event time; unknown or silent for no longer than `gap` continues (None = 3 x every)."""

    for_: int = 0
    gap: int | None = None


@dataclass(frozen=True, slots=True)
class LevelRule:
    """One severity of a rule. `clear` None = clears when `when` is false. `auto_clear` False: only by an unlatch."""

    level: Level
    when: Expression
    hold: Hold = Hold()
    clear: Expression | None = None
    clear_hold: int = 0
    auto_clear: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """Raised at the last event + longer_than (>=), by ticks even with no traffic; clears on the next reading.

    any_of: any of these points proves life (`all_of` False), else each must be heard. `longer_than` is µs, or an
    expression in hours evaluated on the newest values when it cannot be fixed at load.
    """

    points: tuple[str, ...]
    all_of: bool
    longer_than: int | Expression
    level: Level


class Period(StrEnum):
    """Calendar windows, half-open, by local dates of the thing's zone."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Calendar:
    """`per: month(from: 26)`: `start` is the first day of a month (1-31), 1 by default."""

    period: Period
    start: int = 1


@dataclass(frozen=True, slots=True)
class Increase:
    """`let` signal: increase of a counter per calendar window (RULES section 4). `per_day` normalises 28/31 days."""

    name: str
    point: str
    per: Calendar
    coverage: float = 0.9
    counter: CounterModel | None = None  # None = the profile's
    per_day: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Streak:
    """`length` consecutive closed windows (or readings, when `of` uses no signal) for which `of` is true.

    unknown breaks (default) or skips; `max_span` µs bounds the whole run (0 = unbounded).
    """

    of: Expression
    length: int
    level: Level
    unknown_skips: bool = False
    max_span: int = 0
    clear: Expression | None = None


Condition = tuple[LevelRule, ...] | Silence | Streak
"""levels (one for a plain `when`), silent, or streak."""


@dataclass(frozen=True, slots=True)
class OrderTemplate:
    """`then.order`. `fault` is never empty; durations µs."""

    type: str
    fault: str
    skill: str = ""
    sla: str = ""
    assign: str = ""
    after: int = 0
    reopen_within: int = 0


@dataclass(frozen=True, slots=True)
class NoticeTemplate:
    """`then.notice`; `remind` µs, 0 = once."""

    audience: str
    template: str
    klass: str = "service"
    remind: int = 0
    max: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule. `revision` is the hash of its meaning; `source` the normalised mapping it was compiled from.

    `mode` live, shadow or off; `clear_after` µs of silence that clears (0 = missing data never clears);
    `downtime` pause, reset or count; `points` the names it reads.
    """

    id: str
    revision: str
    title: Mapping[str, str]
    why: str
    mode: str
    watch: Watch
    signals: tuple[Increase, ...]
    condition: Condition
    points: tuple[str, ...]
    order: OrderTemplate | None = None
    notice: NoticeTemplate | None = None
    clear_after: int = 0
    downtime: str = "pause"
    owner: str = ""
    source: bytes = b""


Vocabulary = Mapping[str, Mapping[str, PointSpec]]
"""kind of profile -> point name -> its declaration: what expressions are checked against."""
