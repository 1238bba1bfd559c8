"""Limit for repeated log lines: the first of a kind in a period is logged. Pure."""

from collections.abc import Hashable
from typing import Final

from gateway.domain.duration import DAY

MOST: Final = 1000
"""Number of kinds kept; the one logged longest ago is dropped first."""


class OncePerPeriod:
    """Allows each kind once in `period` µs."""

    def __init__(self, period: int = DAY) -> None:
        self._period = period
        self._last: dict[Hashable, int] = {}

    def allows(self, kind: Hashable, now: int) -> bool:
        """True if `kind` is allowed at `now` (µs of a monotonic clock); it then counts as used."""
        last = self._last.get(kind)
        if last is not None and now - last < self._period:
            return False
        self._last.pop(kind, None)
        self._last[kind] = now
        if len(self._last) > MOST:
            del self._last[next(iter(self._last))]
        return True
