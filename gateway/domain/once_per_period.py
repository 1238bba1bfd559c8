"""What was said already: the first of a kind is worth a line, the thousandth is not. Pure."""

from collections.abc import Hashable
from typing import Final

from gateway.domain.duration import DAY

MOST: Final = 1000
"""Kinds remembered; the one that was said longest ago is forgotten first."""


class OncePerPeriod:
    """A kind is news once in `period` µs."""

    def __init__(self, period: int = DAY) -> None:
        self._period = period
        self._last: dict[Hashable, int] = {}

    def allows(self, kind: Hashable, now: int) -> bool:
        """Is it news at `now` (µs of a clock that nobody sets)? Counts as said then."""
        last = self._last.get(kind)
        if last is not None and now - last < self._period:
            return False
        self._last.pop(kind, None)
        self._last[kind] = now
        if len(self._last) > MOST:
            del self._last[next(iter(self._last))]
        return True
