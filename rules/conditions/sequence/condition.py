"""`sequence`: first one thing, then another within a time, or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from gateway.domain.alarm import Level
from rules.compiled.condition import Condition, Meant
from rules.compiled.expression import Expression


@dataclass(frozen=True, slots=True)
class Sequence(Condition):
    """`first` becomes true, then `second` within `within` µs (`absent`: it does not). `unless` cancels the wait.

    `restart`: a new `first` while waiting starts the wait again; else the first one counts.
    """

    first: Expression
    second: Expression
    absent: bool
    within: int
    level: Level
    unless: Expression | None = None
    restart: bool = False
    name: str = ""
    clear: Expression | None = None
    word: ClassVar[str] = "Sequence"
    remembers: ClassVar[bool] = True

    def expressions(self) -> Iterator[Expression | None]:
        yield from (self.first, self.second, self.unless, self.clear)

    def meaning(self, of: Meant) -> object:
        return [
            of(self.first),
            of(self.second),
            self.absent,
            self.within,
            of(self.unless),
            self.restart,
            of(self.clear),
        ]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Sequence) and (self.absent, self.name) == (other.absent, other.name)

    def look_back(self, interval: int) -> int:  # noqa: ARG002
        return 2 * self.within

    def longest_timer(self) -> int:
        return self.within
