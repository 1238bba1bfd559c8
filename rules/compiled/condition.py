"""Conditions and timing (RULES section 5). Durations µs."""

from dataclasses import dataclass

from gateway.domain.alarm import Level
from gateway.domain.workdays import WorkCalendar
from rules.compiled.expression import Expression


@dataclass(frozen=True, slots=True)
class Hold:
    """True for >= `for_` µs of event time; unknown or silent for no longer than `gap` continues (None = 3 x every)."""

    for_: int = 0
    gap: int | None = None


@dataclass(frozen=True, slots=True)
class LevelRule:
    """One severity of a rule. `clear` None = clears when `when` is false. `auto_clear` False: only by an unlatch.

    `level_of`: `then.order.level` as an expression (1-4), evaluated while the alarm is on; `level` is what it falls
    back to. Plain `when` rules only.
    """

    level: Level
    when: Expression
    hold: Hold = Hold()
    clear: Expression | None = None
    clear_hold: int = 0
    auto_clear: bool = True
    level_of: Expression | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Raised at the last event + longer_than (>=), by ticks even with no traffic; clears on the next reading.

    any_of: any of these points proves life (`all_of` False), else each must be heard. `longer_than` is µs, or an
    expression in hours evaluated on the newest values when it cannot be fixed at load. Any reading is life, whatever
    its quality; `good`: only known values are.
    """

    points: tuple[str, ...]
    all_of: bool
    longer_than: int | Expression
    level: Level
    good: bool = False


@dataclass(frozen=True, slots=True)
class Streak:
    """`length` consecutive closed windows (or readings, when `of` uses no calendar signal) for which `of` is true.

    unknown breaks (default) or skips; `max_span` µs bounds the whole run (0 = unbounded). Clears when no longer met.
    """

    of: Expression
    length: int
    level: Level
    unknown_skips: bool = False
    max_span: int = 0
    clear: Expression | None = None


@dataclass(frozen=True, slots=True)
class Votes:
    """`need` of the `last` readings for which `of` is known are true. Clears when no longer met, or by `clear`."""

    of: Expression
    need: int
    last: int
    level: Level
    clear: Expression | None = None


@dataclass(frozen=True, slots=True)
class CalendarSpan:
    """So many calendar months, then so many days, in the zone of the thing: `6 months`, `30 days`."""

    months: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """Stages before and after a date in attribute `date` (local date of the thing's zone): (level, offset µs), rising.

    `at`: minute of the local day at which stages fire. Stages missed while down fire once, the latest only. `repeat`:
    the date comes again and again, counted from the date, or (`completed`) from the day the work was done.
    """

    date: str
    stages: tuple[tuple[Level, int], ...]
    at: int = 0
    clear: Expression | None = None
    repeat: CalendarSpan | None = None
    completed: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """A counter crosses multiples of `step` beyond `from_` (canonical unit), told `ahead` before each.

    `or_after`: or so long after the work was last done (before any: after the registration), whichever comes first.
    """

    point: str
    step: float
    level: Level
    from_: float = 0.0
    ahead: float = 0.0
    clear: Expression | None = None
    or_after: CalendarSpan | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """`first` becomes true, then `second` within `within` µs (`absent`: it does not). `unless` cancels the wait.

    `restart`: a new `first` while waiting starts the wait again; else the first one counts.
    """

    first: Expression
    second: Expression
    absent: bool
    within: int
    level: Level
    unless: Expression | None = None
    restart: bool = False
    name: str = ""
    clear: Expression | None = None


@dataclass(frozen=True, slots=True)
class Quorum:
    """Votes of the members of a group: all given limits must hold; `fraction` is of all in-service members.

    A vote is a device whose `of` was true at its newest reading, for any of its components (`components`: each of them
    votes); with `within` µs heard at most that long ago, with `began_within` µs true for less than that.
    Three-valued: members that are unknown are no votes, but while they could tip the balance it is unknown.
    `each`: `of` reads points that every component has.
    """

    of: Expression
    at_least: int | None = None
    at_most: int | None = None
    fraction: float | None = None
    within: int = 0
    began_within: int = 0
    components: bool = False
    each: bool = False


Condition = tuple[LevelRule, ...] | Silence | Streak | Votes | Due | Every | Sequence
"""levels (one for a plain `when`), or one of the stateful forms."""


@dataclass(frozen=True, slots=True)
class Active:
    """`active: {daily: 22:00-06:00, days: [fri, workday], months: [11-3]}`; an interval belongs to its start day.

    `spans`: (begin, end) in minutes of the local day; begin == end is a whole day, end < begin ends on the next one.
    `days` 0 = Monday; no days, no `workday` and no `holiday` = every day. `months` (first, last) 1-12, none = all.
    `calendar` is there when workdays or holidays are asked for.
    """

    spans: tuple[tuple[int, int], ...] = ((0, 0),)
    days: tuple[int, ...] = ()
    months: tuple[tuple[int, int], ...] = ()
    workday: bool = False
    holiday: bool = False
    calendar: WorkCalendar | None = None


@dataclass(frozen=True, slots=True)
class Flap:
    """More than `raises` raises in `span` µs = one unstable episode until `quiet` µs without a raise."""

    raises: int
    span: int
    quiet: int


@dataclass(frozen=True, slots=True)
class Inhibit:
    """Children merge into the episode of rule `by` on the same `same` (attribute names), found within `settle` µs."""

    by: str
    same: tuple[str, ...] = ()
    settle: int = 0
