"""`when`, `levels`, `members`: a comparison with a hold, an end and a severity, or several severities of one alarm."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from gateway.domain.alarm import Level
from rules.compiled.condition import Condition, Meant
from rules.compiled.expression import Expression
from rules.compiled.timing import Hold

_AT_ONCE = Hold()


@dataclass(frozen=True, slots=True)
class LevelRule:
    """One severity of a rule. `clear` None = clears when `when` is false. `auto_clear` False: only by an unlatch.

    `level_of`: `then.order.level` as an expression (1-4), evaluated while the alarm is on; `level` is what it falls
    back to. Plain `when` rules only.
    """

    level: Level
    when: Expression
    hold: Hold = _AT_ONCE
    clear: Expression | None = None
    clear_hold: int = 0
    auto_clear: bool = True
    level_of: Expression | None = None

    def look_back(self, interval: int) -> int:
        """µs before a moment that its hold may have begun; `interval` µs between two readings."""
        gap = 3 * interval if self.hold.gap is None else self.hold.gap
        return 2 * (self.hold.for_ + self.clear_hold + gap)


@dataclass(frozen=True, slots=True)
class Levels(Condition):
    """One severity for a plain `when`, or several, rising."""

    levels: tuple[LevelRule, ...]
    word: ClassVar[str] = "tuple"

    def alarm_levels(self) -> tuple[Level, ...]:
        computed = any(one.level_of is not None for one in self.levels)
        return (*(one.level for one in self.levels), *([Level.CRITICAL] if computed else []))

    def expressions(self) -> Iterator[Expression | None]:
        for one in self.levels:
            yield from (one.when, one.clear, one.level_of)

    def meaning(self, of: Meant) -> object:
        return [
            [of(one.when), one.hold.for_, one.hold.gap, of(one.clear), one.clear_hold, one.auto_clear]
            for one in self.levels
        ]

    def levels_meaning(self, of: Meant) -> list[object]:
        return [[int(one.level), of(one.level_of)] for one in self.levels]

    def same_state(self, other: Condition) -> bool:
        return isinstance(other, Levels)

    def look_back(self, interval: int) -> int:
        return max((one.look_back(interval) for one in self.levels), default=0)

    def longest_timer(self) -> int:
        return max((span for one in self.levels for span in (one.hold.for_, one.clear_hold)), default=0)
