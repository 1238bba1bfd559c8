"""`votes`: so many of the last readings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from gateway.domain.alarm import Level
from rules.compiled.condition import Condition, Meant
from rules.compiled.expression import Expression


@dataclass(frozen=True, slots=True)
class Votes(Condition):
    """`need` of the `last` readings for which `of` is known are true. Clears when no longer met, or by `clear`."""

    of: Expression
    need: int
    last: int
    level: Level
    clear: Expression | None = None
    word: ClassVar[str] = "Votes"
    remembers: ClassVar[bool] = True

    def expressions(self) -> Iterator[Expression | None]:
        yield from (self.of, self.clear)

    def meaning(self, of: Meant) -> object:
        return [of(self.of), self.need, self.last, of(self.clear)]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Votes) and self.last == other.last

    def look_back(self, interval: int) -> int:
        return 3 * interval * self.last
