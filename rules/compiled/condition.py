"""The interface of the forms of condition (RULES section 5). Times and durations µs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import ClassVar, Protocol

from gateway.domain.alarm import Level
from rules.compiled.expression import Expression
from rules.compiled.timing import CalendarSpan

Meant = Callable[[Expression | None], str | None]
"""Expression -> its meaning as text; two expressions of one meaning give the same."""


class CaseDates(Protocol):
    """The dates of a device over a case, in its zone."""

    @property
    def registered(self) -> int:
        """Time of its registration, µs."""

    def dates(self, attribute: str) -> Iterable[date]:
        """The dates that the attribute has, one after the other."""

    def done(self) -> Iterable[int]:
        """Times, µs, at which the work of a plan was done."""

    def later(self, at: int | date, span: CalendarSpan) -> date:
        """The day a span after a day, or after the day of a moment, µs."""

    def moment(self, day: date, minute: int) -> int:
        """µs at a minute of a day."""


class Condition(ABC):
    """What raises an alarm. One frozen subclass for each, in `rules/conditions/`; that of thresholds is beside this.

    The defaults are those of a form with one `level`, without points but those of its expressions, without state of
    earlier readings, and without timers.
    """

    __slots__ = ()
    level: Level
    word: ClassVar[str]
    """The form in the meaning of a rule. Revisions are made of it, so it never changes."""
    remembers: ClassVar[bool] = False
    """True if its state depends on more than the newest readings."""
    plan: ClassVar[bool] = False
    """True if it depends on when the work of the rule was last done."""
    in_service: ClassVar[bool] = False
    """True if it is about devices in service only."""

    def alarm_levels(self) -> tuple[Level, ...]:
        """The levels that its alarms may have, rising."""
        return (self.level,)

    @abstractmethod
    def expressions(self) -> Iterator[Expression | None]:
        """All its expressions; None where one that may be written is not."""

    @abstractmethod
    def meaning(self, of: Meant) -> object:
        """The whole condition but its levels, as plain values; the revision of the rule is made of it."""

    @abstractmethod
    def same_state(self, other: "Condition") -> bool:
        """True if the state of `other`, an earlier revision of the same form, can be kept."""

    def levels_meaning(self, of: Meant) -> list[object]:  # noqa: ARG002 - levels with an expression need it
        """The levels, which are an action of the rule."""
        return [int(level) for level in self.alarm_levels()]

    def named_points(self) -> frozenset[str]:
        """The points it reads by name, outside of its expressions."""
        return frozenset()

    def attributes(self) -> Mapping[str, str]:
        """Attributes it reads by name, outside of its expressions: name -> the key where it is written."""
        return {}

    def look_back(self, interval: int) -> int:  # noqa: ARG002 - most forms look back over readings only
        """µs before a moment that its state may hang on, beside windows; `interval` µs is the longest between two
        readings."""
        return 0

    def in_a_row(self) -> int:
        """How many windows or readings one after the other it counts."""
        return 0

    def longest_timer(self) -> int:
        """The longest time, µs, that it may wait after the last reading."""
        return 0

    def case_ends(self, known: CaseDates) -> Iterator[int]:  # noqa: ARG002 - most forms have no dates
        """Moments, µs, up to which a case must go for its dates to come."""
        return iter(())

    def raises_again(self, since: int) -> int | None:  # noqa: ARG002 - most forms ask their evaluator
        """Time, µs, of its next raise when it was inhibited until `since` µs; None: its evaluator decides."""
        return None

    def plan_meaning(self) -> str:
        """Meaning of the dates or terms of a plan; with other stages or another scope it is the same plan."""
        return ""

    def cycle_point(self) -> str:
        """The counter whose reading marks the end of a cycle; "" = none."""
        return ""

    def occasions(self) -> Iterator[tuple[str, str]]:
        """Of a form that compares nothing: (point or attribute, all in words) for each way in which it is raised."""
        return iter(())
