"""`twice` as it is compiled."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from gateway.domain.alarm import Level
from rules.compiled import Condition, Expression
from rules.compiled.condition import Meant


@dataclass(frozen=True, slots=True)
class Twice(Condition):
    """`of` was true at two readings in a row."""

    of: Expression
    level: Level
    clear: Expression | None = None
    word: ClassVar[str] = "Twice"
    remembers: ClassVar[bool] = True

    def expressions(self) -> Iterator[Expression | None]:
        yield from (self.of, self.clear)

    def meaning(self, of: Meant) -> object:
        return [of(self.of), of(self.clear)]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Twice)

    def in_a_row(self) -> int:
        return 2
