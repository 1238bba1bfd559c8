"""`silent`: no data of a thing for longer than a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from gateway.domain.alarm import Level
from gateway.domain.duration import HOUR
from rules.compiled.condition import Condition, Meant
from rules.compiled.expression import Expression

LONG = 48.0
"""Hours assumed where a limit depends on readings or attributes."""


@dataclass(frozen=True, slots=True)
class Silence(Condition):
    """Raised at the last event + longer_than (>=), by ticks even with no traffic; clears on the next reading.

    `all_of` False: a reading of any of the points is enough, else each must send. `longer_than` is µs, or an
    expression in hours evaluated on the newest values when it cannot be fixed at load. A reading of any quality
    counts; `good`: only known values do.
    """

    points: tuple[str, ...]
    all_of: bool
    longer_than: int | Expression
    level: Level
    good: bool = False
    word: ClassVar[str] = "Silence"
    in_service: ClassVar[bool] = True

    def expressions(self) -> Iterator[Expression | None]:
        yield self.longer_than if isinstance(self.longer_than, Expression) else None

    def meaning(self, of: Meant) -> object:
        limit = self.longer_than
        return [sorted(self.points), self.all_of, of(limit) if isinstance(limit, Expression) else limit, self.good]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Silence) and (self.points, self.all_of, self.good) == (
            other.points,
            other.all_of,
            other.good,
        )

    def named_points(self) -> frozenset[str]:
        return frozenset(self.points)

    def look_back(self, interval: int) -> int:  # noqa: ARG002
        return 2 * self.longest_timer()

    def longest_timer(self) -> int:
        if not isinstance(self.longer_than, Expression):
            return self.longer_than
        hours = (limit.value for limit in self.longer_than.limits if limit.value == limit.value)
        return round(max([LONG, *hours]) * HOUR)

    def raises_again(self, since: int) -> int | None:
        return None if isinstance(self.longer_than, Expression) else since + self.longer_than

    def occasions(self) -> Iterator[tuple[str, str]]:
        if not self.all_of:
            yield from ((name, f"silent {name}") for name in self.points)
