"""`streak`: so many windows or readings in a row."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from gateway.domain.alarm import Level
from rules.compiled.condition import Condition, Meant
from rules.compiled.expression import Expression


@dataclass(frozen=True, slots=True)
class Streak(Condition):
    """`length` consecutive closed windows (or readings, when `of` uses no calendar signal) for which `of` is true.

    unknown breaks (default) or skips; `max_span` µs bounds the whole run (0 = unbounded). Clears when no longer met.
    """

    of: Expression
    length: int
    level: Level
    unknown_skips: bool = False
    max_span: int = 0
    clear: Expression | None = None
    word: ClassVar[str] = "Streak"
    remembers: ClassVar[bool] = True

    def expressions(self) -> Iterator[Expression | None]:
        yield from (self.of, self.clear)

    def meaning(self, of: Meant) -> object:
        return [of(self.of), self.length, self.unknown_skips, self.max_span, of(self.clear)]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Streak) and (self.length, self.max_span) == (other.length, other.max_span)

    def look_back(self, interval: int) -> int:  # noqa: ARG002
        return self.max_span

    def in_a_row(self) -> int:
        return self.length

    def longest_timer(self) -> int:
        return self.max_span
