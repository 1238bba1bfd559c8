"""When which device is due: staggered, never piling up. Pure; times are µs of one clock."""

from collections.abc import Hashable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Finish:
    """`on_time`: begun within a tenth of its period after it was due, finished before it is due again. `skipped` due
    times passed meanwhile and are left out."""

    on_time: bool
    skipped: int


class PollSchedule(Generic[K]):
    """Each key is due every `every` µs, on a grid of its own: late once does not make it late again.

    New keys are spread over their period by the golden ratio, so any number of them, added at any time, lies evenly.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, K]] = []
        self._every: dict[K, int] = {}
        self._turn: dict[K, int] = {}
        self._added = 0
        self._turns = 0

    def __len__(self) -> int:
        return len(self._every)

    def __contains__(self, key: K) -> bool:
        return key in self._every

    def every(self, key: K) -> int:
        """The period of a key, µs."""
        return self._every[key]

    def add(self, key: K, every: int, now: int) -> None:
        """First due within one period from now. A known key starts anew."""
        self._added += 1
        self._every[key] = every
        self._push(key, now + int(every * (self._added * _GOLDEN % 1)))

    def remove(self, key: K) -> None:
        """Never due again."""
        del self._every[key]
        del self._turn[key]

    def next(self) -> tuple[int, K] | None:
        """(due, key) of the one due first; None when there is none. It stays until `finish`."""
        while self._heap:
            due, turn, key = self._heap[0]
            if self._turn.get(key) == turn:
                return due, key
            heappop(self._heap)
        return None

    def finish(self, key: K, due: int, started: int, finished: int) -> Finish:
        """The turn that was due at `due` is over; the next is the first on its grid after `finished`."""
        every = self._every[key]
        skipped = max(0, (finished - due) // every)
        self._push(key, due + (skipped + 1) * every)
        return Finish(started - due <= every // 10 and not skipped, skipped)

    def _push(self, key: K, due: int) -> None:
        self._turns += 1
        self._turn[key] = self._turns
        heappush(self._heap, (due, self._turns, key))
