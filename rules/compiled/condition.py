"""What a form of condition says of itself, whatever the form is (RULES section 5). Times and durations µs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import ClassVar, Protocol

from gateway.domain.alarm import Level
from rules.compiled.expression import Expression
from rules.compiled.timing import CalendarSpan

Meant = Callable[[Expression | None], str | None]
"""What an expression means, as text: two texts of one meaning give one."""


class CaseDates(Protocol):
    """What dates a device has over a case, in its zone."""

    @property
    def registered(self) -> int:
        """When it was registered, µs."""

    def dates(self, attribute: str) -> Iterable[date]:
        """Those that the attribute has, one after the other."""

    def done(self) -> Iterable[int]:
        """When the work of a plan was done, µs."""

    def later(self, at: int | date, span: CalendarSpan) -> date:
        """The day a span after a day, or after the day of a moment, µs."""

    def moment(self, day: date, minute: int) -> int:
        """µs at a minute of a day."""


class Condition(ABC):
    """What raises an alarm. One frozen subclass for each, in `rules/conditions/`; that of thresholds is beside this.

    What a form need not say is here: one `level`, no points but those of its expressions, no state of earlier readings,
    no time that it waits.
    """

    __slots__ = ()
    level: Level
    word: ClassVar[str]
    """The form in the meaning of a rule. Revisions are made of it, so it never changes."""
    remembers: ClassVar[bool] = False
    """Is its state made of more than the newest readings?"""
    plan: ClassVar[bool] = False
    """Does it hang on when the work of the rule was last done?"""
    in_service: ClassVar[bool] = False
    """Is it about devices in service only?"""

    def alarm_levels(self) -> tuple[Level, ...]:
        """The levels that its alarms may have, rising."""
        return (self.level,)

    @abstractmethod
    def expressions(self) -> Iterator[Expression | None]:
        """All its expressions; None where one that may be written is not."""

    @abstractmethod
    def meaning(self, of: Meant) -> object:
        """All that it says but the levels, as plain values: the ground of the revision of its rule."""

    @abstractmethod
    def same_state(self, other: "Condition") -> bool:
        """Can the state of `other`, an earlier revision of the same form, go on?"""

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
        """When it raises again, µs, once nobody keeps it quiet since `since` µs; None: its evaluator says."""
        return None

    def plan_meaning(self) -> str:
        """What the dates or terms of a plan hang on; other stages or another scope are the same plan."""
        return ""

    def cycle_point(self) -> str:
        """The counter whose reading says where a cycle ended; "" = none."""
        return ""

    def occasions(self) -> Iterator[tuple[str, str]]:
        """Of a form that compares nothing what raises it, way by way: a point or attribute, and all of it in words."""
        return iter(())
