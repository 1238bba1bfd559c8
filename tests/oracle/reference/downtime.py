"""Down-time (RULES.md section 5): from the last tick to the next start.

Only the part of it in which the device stayed silent longer than 3 x `every` is taken out of `for` and `gap`.
"""

from collections.abc import Sequence

from oracle.scene import SECOND

FOREVER = 1 << 62


def downs(restarts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """A tick comes every whole second, those at the second of the end not any more."""
    return [(max(0, (at - 1) // SECOND) * SECOND, at + length) for at, length in restarts]


class Absence:
    """What of a time does not count. `times` are all readings of the device, `every` that of what is judged."""

    def __init__(self, away: Sequence[tuple[int, int]], times: Sequence[int], every: int) -> None:
        self.away, self.times, self.every = away, times, every

    def taken(self, begin: int, end: int) -> int:
        """µs of (begin, end] that do not count: of each silence of the device, from one reading to the next."""
        total = 0
        for first, last in self.away:
            for since, until in zip(self.times, [*self.times[1:], FOREVER], strict=False):
                if until - since <= 3 * self.every or until <= first + SECOND:  # it was heard before the stop
                    continue
                if self.every or since <= first <= last <= until:
                    total += max(0, min(until, last, end) - max(since, first, begin))
        return total

    def length(self, begin: int, end: int) -> int:
        """How long (begin, end] was, without it."""
        return end - begin - self.taken(begin, end)

    def after(self, begin: int, length: int) -> int:
        """When `length` from `begin` is over."""
        due = begin + length
        while (missing := length - self.length(begin, due)) > 0:
            due += missing
        return due
