"""Keys of a rule that several forms of condition share (RULES section 5). Durations µs."""

from dataclasses import dataclass

from gateway.domain.workdays import WorkCalendar
from rules.compiled.expression import Expression


@dataclass(frozen=True, slots=True)
class Hold:
    """True for >= `for_` µs of event time; unknown or silent for no longer than `gap` continues (None = 3 x every)."""

    for_: int = 0
    gap: int | None = None


@dataclass(frozen=True, slots=True)
class CalendarSpan:
    """So many calendar months, then so many days, in the zone of the thing: `6 months`, `30 days`."""

    months: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Quorum:
    """Votes of the members of a group: all given limits must hold; `fraction` is of all in-service members.

    A vote is a device whose `of` was true at its newest reading, for any of its components (`components`: each of them
    votes); with `within` µs read at most that long ago, with `began_within` µs true for less than that.
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
