"""What was said already: the first of a kind is worth a line, the thousandth is not. Pure."""

from collections.abc import Hashable
from typing import Final

from gateway.domain.duration import DAY

MOST: Final = 1000
"""Kinds remembered; the one that was said longest ago is forgotten first."""


class Firsts:
    """A kind is news once in `again` µs."""

    def __init__(self, again: int = DAY) -> None:
        self._again = again
        self._said: dict[Hashable, int] = {}

    def fresh(self, kind: Hashable, now: int) -> bool:
        """Is it news at `now` (µs of a clock that nobody sets)? Counts as said then."""
        last = self._said.get(kind)
        if last is not None and now - last < self._again:
            return False
        self._said.pop(kind, None)
        self._said[kind] = now
        if len(self._said) > MOST:
            del self._said[next(iter(self._said))]
        return True
