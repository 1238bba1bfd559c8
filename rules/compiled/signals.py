"""`let`: named signals (RULES section 4)."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.device import CounterModel
from gateway.domain.duration import DAY, HOUR
from rules.compiled.expression import AttrTest, Expression


class Period(StrEnum):
    """Calendar windows, half-open, by local dates of the thing's zone."""

    QUARTER_HOUR = "15min"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    NIGHT = "night"


_LONGEST = {
    Period.QUARTER_HOUR: HOUR // 4, Period.HOUR: HOUR, Period.DAY: 25 * HOUR, Period.WEEK: 7 * DAY + HOUR,
    Period.MONTH: 31 * DAY + HOUR, Period.QUARTER: 92 * DAY + HOUR, Period.YEAR: 366 * DAY, Period.NIGHT: 25 * HOUR,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calendar:
    """`per: month(from: 26)`: `start` is the first day of a month (1-31), 1 by default; 31 its last day.

    `per: day(from: 08:00)`: `begin` is when a day begins, in minutes; it belongs to the date on which it begins.
    `per: night(01:00-05:00)`: one window per local date, `begin` to `end` in minutes of the day; a night that passes
    midnight (`end` <= `begin`) belongs to the date it starts on.
    """

    period: Period
    start: int = 1
    begin: int = 0
    end: int = 0

    @property
    def longest(self) -> int:
        """From the end of one window to that of the next, at most, µs."""
        return _LONGEST[self.period]


@dataclass(frozen=True, slots=True)
class Over:
    """`over: 10m`: the sliding window (t - length, t], µs."""

    length: int


Window = Calendar | Over
Operand = str | Expression
"""What a signal is made of: the name of a point, or an expression over points and other signals."""


class Aggregate(StrEnum):
    """What is made of the readings of a window."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"
    FIRST = "first"
    LAST = "last"
    SPREAD = "spread"
    STDDEV = "stddev"
    PERCENTILE = "percentile"


@dataclass(frozen=True, slots=True)
class Stat:
    """An aggregate over a window. `rank` is that of a percentile: 50 = the median."""

    name: str
    what: Aggregate
    of: Operand
    window: Window
    coverage: float = 0.9
    unit: str = ""
    rank: float = 50.0


@dataclass(frozen=True, slots=True)
class Increase:
    """Increase of a counter per window (RULES section 4). `per_day` normalises 28/31 days."""

    name: str
    point: str
    window: Window
    coverage: float = 0.9
    counter: CounterModel | None = None  # None = the profile's
    per_day: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """Counter-aware change per hour (the canonical time): between the last two readings, or over `over` µs.

    A gauge has a rate too: its plain slope. Readings further apart than `max_gap` µs (0 = 3 x every) give unknown.
    """

    name: str
    point: str
    over: int = 0
    max_gap: int = 0
    counter: CounterModel | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Swing:
    """`rise`: last minus lowest, `fall`: highest minus last, over the last `over` µs; unknown over a longer gap."""

    name: str
    rise: bool
    of: Operand
    over: int
    max_gap: int = 0  # 0 = 3 x every
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """Fraction of the observed time of a window in which `of` was true."""

    name: str
    of: Expression
    window: Window
    coverage: float = 0.9


@dataclass(frozen=True, slots=True)
class Times:
    """How often `of` became true in a window: true now, and not true when it was last known.

    The first known value counts. Time that was not observed can only hide more, so `coverage` is 0 unless written.
    """

    name: str
    of: Expression
    window: Window
    coverage: float = 0.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """`ewma` (mean) or `zscore` (deviation of the newest reading from it, in standard deviations).

    `half_life`, `warmup` µs: unknown until `warmup` after the first reading; `season`: one baseline per hour of the
    local week.
    """

    name: str
    zscore: bool
    of: Operand
    half_life: int
    season: bool = False
    warmup: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class MemberStat:
    """An aggregate (mean, min, max, sum, count) over the members of a group.

    `of` is evaluated per member: a point, a signal of `Rule.signals` (calendar: as each member's window closes), or for
    COUNT a predicate. `kinds` and `where` choose the members, by default those of the watch. Below `coverage`, the
    share of in-service members with a known value, it is unknown. COUNT counts devices, once if `of` is true for any of
    their components, or with `components` each of these; the others are over all components. `each`: `of` reads
    points that every component has.
    """

    name: str
    what: Aggregate
    of: Expression
    kinds: tuple[str, ...] = ()
    where: AttrTest | None = field(default=None, compare=False)
    where_text: str = ""
    coverage: float = 0.9
    unit: str = ""
    components: bool = False
    each: bool = False


@dataclass(frozen=True, slots=True)
class PeerStat:
    """mean, median (PERCENTILE), min or max of a point over all other things of the rule with the same attribute `by`.

    Below `coverage`, the share of the others with a known value, and with none at all, it is unknown.
    """

    name: str
    what: Aggregate
    point: str
    by: str
    coverage: float = 0.0
    unit: str = ""


Signal = Stat | Increase | Rate | Swing | Share | Times | Baseline | MemberStat | PeerStat
