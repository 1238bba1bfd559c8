"""A checked expression and its inputs. Numbers and truth are float64: NaN unknown, 1.0 true, 0.0 false (Kleene)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, nextafter

from gateway.domain.code_table import CodeTable
from gateway.domain.device import PointSpec
from gateway.domain.fence import Fence
from gateway.domain.reading import F64
from gateway.domain.workdays import NO_CALENDAR, WorkCalendar


class SlotKind(StrEnum):
    """Where the engine finds the value of a slot."""

    POINT = "point"  # newest applied value of a point of the thing
    CODE = "code"  # code of the state text `text` of point `name`: constant per profile, -1 when the table lacks it
    FIELD = "field"  # state text (or whole number) of point `name` through `mapping`; NaN when it is not in there
    SIGNAL = "signal"  # a `let` signal: a closed calendar window's value, or a momentary one as of the moment
    BEFORE = "before"  # a `let` signal `n` closed periods earlier
    ATTR = "attr"  # number: attribute of device, site, customer, else `default` (canonical unit)
    ATTR_TEXT = "attr_text"  # is that attribute the text `text`? NaN when there is none
    ATTR_PART = "attr_part"  # does that attribute contain the text `text`? NaN when there is none
    PART = "part"  # does the state text of point `name` contain the text `text`? NaN while it is unknown
    HOUR = "hour"  # hour of the day 0-23 where the thing is, at the moment that is judged
    WEEKDAY = "weekday"  # its day of the week, 1 (Monday) to 7
    TAG = "tag"  # 1.0 when device or site carry the tag `name`, else 0.0
    AGE = "age"  # hours since the last good reading of a point
    CHANGED = "changed"  # 1.0 when this frame gave the point another value than before, else 0.0
    HAS = "has"  # 1.0 when the point has a known value, else 0.0
    QUORUM = "quorum"  # truth of quorum `n` of a group rule (`Rule.quorums`)


@dataclass(frozen=True, slots=True)
class Slot:
    """One input of an expression. `unit` is canonical; `default` of an ATTR is NaN when none was written.

    `mapping` belongs to FIELD: state text -> number, "*" = any other text.
    """

    kind: SlotKind
    name: str
    text: str = ""
    n: int = 0
    default: float = float("nan")
    unit: str = ""
    mapping: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ComparedNumber:
    """A number the expression compares with: `value` when literal, else the index of its slot. For evidence."""

    value: float
    unit: str
    slot: int = -1


@dataclass(frozen=True, slots=True)
class Term:
    """A number made of the newest values of points, such as `p1 - p2`; equal when it means the same.

    of: a float64[n] array per entry of `points` -> float64[n], NaN where one of them is unknown.
    """

    meaning: str
    points: tuple[str, ...]
    of: Callable[[Sequence[F64]], F64] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Bar:
    """`sign * value >= bound` for the newest value of a point, or for a term; never for an unknown one. `sign`: 1, -1.

    With `slot` (of the expression) the bound is an attribute of the thing: `sign` times its number.
    """

    value: "str | Term"
    sign: int
    bound: float
    slot: int = -1

    def opposite(self) -> "Bar":
        """Holds where this does not, unknown values left out."""
        return Bar(self.value, -self.sign, nextafter(-self.bound, inf))


@dataclass(frozen=True, slots=True)
class Crossing:
    """Two sides of a comparison: `difference` of them over the values of `slots` in order of all slots of the
    expression. It changes with the hours of the ages in it, in a straight line; where it is 0 the comparison turns.
    """

    slots: tuple[int, ...]
    difference: Callable[[Sequence[F64]], F64]


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression in two back ends that agree (a property test asserts it).

    vector: float64[n] arrays, one per slot -> float64[n].
    `boolean`: its values are truths, no numbers; `unit` is the canonical unit of a number. Unless of each of `demands`
    one bar holds, it is not surely true (none = may be true at any time); of `denials`, not surely false. `exact`: it
    is its only bar, and unknown where the value of that is.
    `crossings`: what changes by itself as points grow old; None: something does, and it is not known when.
    """

    text: str
    slots: tuple[Slot, ...]
    boolean: bool
    unit: str
    vector: Callable[[Sequence[F64]], F64] = field(compare=False)
    limits: tuple[ComparedNumber, ...] = ()
    demands: tuple[tuple[Bar, ...], ...] = field(default=(), compare=False)
    denials: tuple[tuple[Bar, ...], ...] = field(default=(), compare=False)
    exact: bool = field(default=False, compare=False)
    crossings: tuple[Crossing, ...] | None = field(default=(), compare=False)

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The fewest bars of which one has to hold before it is true."""
        return min(self.demands, key=len, default=())


@dataclass(frozen=True, slots=True)
class TextOf:
    """A text that hangs on readings: `code.name`, `code.skill`, or a state point.

    Either `point` (its state text) or `expression`, a number that is the index in `texts`. `name` is as written.
    """

    name: str
    point: str = ""
    expression: Expression | None = None
    texts: tuple[str, ...] = ()


AttrTest = Callable[[Mapping[str, object]], bool | None]
"""A `where` over attributes and tags: the flat mapping of a device (code, name, site, area, region, life, kind, profile
and each attribute by name, "tags": tuple) -> true, false, or None = unknown (counts as false)."""

Vocabulary = Mapping[str, Mapping[str, PointSpec]]
"""kind of profile -> point name -> its declaration: what expressions are checked against."""


@dataclass(frozen=True, slots=True)
class Names:
    """All that a rule may name besides attributes: points of every kind, code tables, fences, workdays and holidays."""

    points: Vocabulary
    codes: Mapping[str, CodeTable] = field(default_factory=dict)
    fences: Mapping[str, Fence] = field(default_factory=dict)
    calendar: WorkCalendar = NO_CALENDAR
