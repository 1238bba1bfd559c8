"""`due`: stages before and after a date in an attribute."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from gateway.domain.alarm import Level
from gateway.domain.duration import DAY
from rules.compiled.condition import CaseDates, Condition, Meant
from rules.compiled.expression import Expression
from rules.compiled.timing import CalendarSpan


@dataclass(frozen=True, slots=True)
class Due(Condition):
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
    word: ClassVar[str] = "Due"
    plan: ClassVar[bool] = True

    def alarm_levels(self) -> tuple[Level, ...]:
        return tuple(level for level, _ in self.stages)

    def expressions(self) -> Iterator[Expression | None]:
        yield self.clear

    def meaning(self, of: Meant) -> object:
        once = [self.date, [offset for _, offset in self.stages], self.at, of(self.clear)]
        return once if self.repeat is None else [*once, self.repeat.months, self.repeat.days, self.completed]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Due) and self.date == other.date

    def attributes(self) -> Mapping[str, str]:
        return {self.date: "due.date"}

    def case_ends(self, known: CaseDates) -> Iterator[int]:
        days = list(known.dates(self.date))
        if self.repeat is not None:
            days += [known.later(day, self.repeat) for day in days]
            days += [known.later(at, self.repeat) for at in known.done()]
        for day in days:
            yield from (known.moment(day + timedelta(days=offset // DAY), self.at) for _, offset in self.stages)

    def plan_meaning(self) -> str:
        return f"{self.date} {self.repeat}"

    def occasions(self) -> Iterator[tuple[str, str]]:
        yield self.date, f"due {self.date}"
