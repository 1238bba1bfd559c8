"""Why a reading is abnormal, and how often that was so, by device and point. Pure."""

from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from msgspec import Struct

MOST_COUNTS: Final = 200_000
"""Counted combinations of device, point and reason; further ones are counted together, without a device."""
MOST_RECENT: Final = 1_000
"""Marks that are listed with their value."""


class Abnormal(IntEnum):
    """Reason of a mark. 0 = none."""

    NONE = 0
    BELOW_MIN = 1
    ABOVE_MAX = 2
    TOO_FAST = 3  # max_rate, max_fall
    STEP = 4  # max_step
    STUCK = 5  # stuck_after
    FELL = 6  # a counter fell, and `falls: abnormal`
    SPIKE = 7  # spike: the readings around it agree with each other

    @property
    def word(self) -> str:
        """`too_fast`."""
        return self.name.lower()


class Mark(Struct, frozen=True, array_like=True):
    """One abnormal reading; `at` µs event time, `value` canonical."""

    device: int
    point: int
    at: int
    value: float
    reason: int


class AbnormalCount(Struct, array_like=True):
    """Number of readings of a device and point that were marked for one reason, and the newest of them."""

    device: int
    point: int
    reason: int
    count: int = 0
    at: int = 0
    value: float = 0.0


class AbnormalCountsState(Struct, frozen=True, array_like=True):
    """For the file of the state."""

    counts: list[AbnormalCount] = []
    recent: list[Mark] = []
    other: int = 0


class AbnormalCounts:
    """`other`: marks beyond MOST_COUNTS combinations."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int, int], AbnormalCount] = {}
        self.recent: deque[Mark] = deque(maxlen=MOST_RECENT)
        self.other = 0

    def add(self, marks: Sequence[Mark]) -> None:
        """Count readings that are on disk."""
        for mark in marks:
            self.recent.append(mark)
            key = (mark.device, mark.point, mark.reason)
            found = self._counts.get(key)
            if found is None:
                if len(self._counts) >= MOST_COUNTS:
                    self.other += 1
                    continue
                found = self._counts[key] = AbnormalCount(*key)
            found.count += 1
            if mark.at >= found.at:
                found.at, found.value = mark.at, mark.value

    def of(self, device: int | None = None) -> list[AbnormalCount]:
        """Copies of the counts, of one device or of all."""
        chosen = (one for one in self._counts.values() if device in (None, one.device))
        return [AbnormalCount(one.device, one.point, one.reason, one.count, one.at, one.value) for one in chosen]

    def by_reason(self) -> dict[str, int]:
        """Number of marks by the word of their reason."""
        total = {reason.word: 0 for reason in Abnormal if reason}
        for one in self._counts.values():
            total[Abnormal(one.reason).word] += one.count
        return total

    def state(self) -> AbnormalCountsState:
        """For the file of the state."""
        return AbnormalCountsState(self.of(), list(self.recent), self.other)

    def load(self, state: AbnormalCountsState) -> None:
        """The inverse of `state`."""
        self._counts = {(one.device, one.point, one.reason): one for one in state.counts}
        self.recent, self.other = deque(state.recent, MOST_RECENT), state.other
