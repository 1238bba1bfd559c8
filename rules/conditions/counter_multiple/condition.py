"""`every`: a counter passes multiples of a step, or a term since the work was done ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from gateway.domain.alarm import Level
from gateway.domain.duration import DAY
from rules.compiled.condition import CaseDates, Condition, Meant
from rules.compiled.expression import Expression
from rules.compiled.timing import CalendarSpan


@dataclass(frozen=True, slots=True)
class Every(Condition):
    """A counter crosses multiples of `step` beyond `from_` (canonical unit); reported `ahead` before each.

    `or_after`: or so long after the work was last done (before any: after the registration), whichever comes first.
    """

    point: str
    step: float
    level: Level
    from_: float = 0.0
    ahead: float = 0.0
    clear: Expression | None = None
    or_after: CalendarSpan | None = None
    word: ClassVar[str] = "Every"
    remembers: ClassVar[bool] = True
    plan: ClassVar[bool] = True

    def expressions(self) -> Iterator[Expression | None]:
        yield self.clear

    def meaning(self, of: Meant) -> object:
        plain = [self.point, self.step, self.from_, self.ahead, of(self.clear)]
        return plain if self.or_after is None else [*plain, self.or_after.months, self.or_after.days]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Every) and (self.point, self.step, self.from_) == (
            other.point,
            other.step,
            other.from_,
        )

    def named_points(self) -> frozenset[str]:
        return frozenset({self.point})

    def case_ends(self, known: CaseDates) -> Iterator[int]:
        if self.or_after is not None:
            for at in (known.registered, *known.done()):
                yield known.moment(known.later(at, self.or_after), 0) + DAY

    def plan_meaning(self) -> str:
        return f"{self.or_after}"

    def cycle_point(self) -> str:
        return self.point

    def occasions(self) -> Iterator[tuple[str, str]]:
        yield self.point, f"every {self.point} {self.step}"
