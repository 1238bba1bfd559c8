"""When which device is due: staggered, never piling up. Pure; times are µs of one clock, which is never set back.

Times of day follow the wall clock: `synchronize` brings the difference of the two clocks.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, TypeVar

from gateway.domain.duration import MINUTE, MS
from protocols.modbus.day_times import DayTimes

K = TypeVar("K", bound=Hashable)
_GOLDEN = 0.6180339887498949
_FIRST = MINUTE
"""Everything is due within this time at first, however long its period is."""
_STEP = 500 * MS
"""A wall clock that moved by more was set."""
_MOST_SKIPPED = 1000


@dataclass(frozen=True, slots=True)
class Finish:
    """`on_time`: begun within a tenth of its period after it was due, finished before it is due again. `skipped` due
    times passed meanwhile and are left out."""

    on_time: bool
    skipped: int


@dataclass(slots=True)
class _Turns:
    """Of one key: its rhythm, the start of its grid, the time of day it waits for (µs since 1970), and the number of
    the entry in the heap that counts."""

    rhythm: int | DayTimes
    anchor: int = 0
    wall: int = 0
    turn: int = 0


class PollSchedule(Generic[K]):
    """Each key is due every `rhythm` µs, on a grid of its own: late once does not make it late again. Or it is due at
    times of day, once the difference to the wall clock is known.

    New keys are spread over their period by the golden ratio, so any number of them, added at any time, lies evenly.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, K]] = []
        self._keys: dict[K, _Turns] = {}
        self._added = 0
        self._turns = 0
        self._offset: int | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: K) -> bool:
        return key in self._keys

    def rhythm(self, key: K) -> int | DayTimes:
        """The period of a key, µs, or its times of day."""
        return self._keys[key].rhythm

    def period(self, key: K) -> int:
        """µs between two due times, of times of day on the average."""
        rhythm = self._keys[key].rhythm
        return rhythm if isinstance(rhythm, int) else rhythm.period

    def add(self, key: K, rhythm: int | DayTimes, now: int) -> None:
        """First due within one period from now, and within a minute. A known key starts anew."""
        self._added += 1
        share = self._added * _GOLDEN % 1
        turns = self._keys[key] = _Turns(rhythm)
        if isinstance(rhythm, int):
            turns.anchor = now + int(rhythm * share)
            self._push(key, turns.anchor if rhythm <= _FIRST else now + int(_FIRST * share))
        elif self._offset is not None:
            turns.wall = rhythm.after(now + self._offset)
            self._push(key, turns.wall - self._offset)

    def remove(self, key: K) -> None:
        """Never due again."""
        del self._keys[key]

    def synchronize(self, now: int, wall: int) -> None:
        """The wall clock shows `wall` at `now`. After it was set forward, times of day that it left out are due at
        once; after it was set back, they come again."""
        offset = wall - now
        if self._offset is not None and abs(offset - self._offset) <= _STEP:
            return
        back = self._offset is None or offset < self._offset
        self._offset = offset
        for key, turns in self._keys.items():
            if isinstance(turns.rhythm, DayTimes):
                turns.wall = turns.rhythm.after(wall) if back or not turns.wall else turns.wall
                self._push(key, turns.wall - offset)

    def next(self) -> tuple[int, K] | None:
        """(due, key) of the one due first; None when there is none. It stays until `finish`."""
        while self._heap:
            due, turn, key = self._heap[0]
            if key in self._keys and self._keys[key].turn == turn:
                return due, key
            heappop(self._heap)
        return None

    def finish(self, key: K, due: int, started: int, finished: int, retry: int | None = None) -> Finish:
        """The turn that was due at `due` is over; the next is the first on its grid after `finished`, or `retry` when
        that is earlier."""
        turns = self._keys[key]
        following, skipped = self._after(turns, finished)
        self._push(key, following if retry is None else min(following, max(retry, finished + 1)))
        period = self.period(key)
        if isinstance(turns.rhythm, int):
            skipped = max(0, (finished - due) // period)
        return Finish(started - due <= period // 10 and not skipped, skipped)

    def _after(self, turns: _Turns, finished: int) -> tuple[int, int]:
        """(next due time, times of day that passed meanwhile)."""
        if isinstance(turns.rhythm, int):
            return finished + turns.rhythm - (finished - turns.anchor) % turns.rhythm, 0
        offset, skipped = self._offset or 0, 0
        following = turns.rhythm.after(turns.wall)
        while following <= finished + offset and skipped < _MOST_SKIPPED:
            following, skipped = turns.rhythm.after(following), skipped + 1
        turns.wall = following if following > finished + offset else turns.rhythm.after(finished + offset)
        return turns.wall - offset, skipped

    def _push(self, key: K, due: int) -> None:
        self._turns += 1
        self._keys[key].turn = self._turns
        heappush(self._heap, (due, self._turns, key))
