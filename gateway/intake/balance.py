"""The balance of messages and readings: received equals journaled and refused, always asserted (DESIGN section 5)."""

from collections import deque
from dataclasses import dataclass, fields
from typing import Final

from gateway.domain.errors import InvariantBroken

MOST_MARKS: Final = 4096
"""Batch records remembered: more than a minute at the highest rate of commits."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Counts since the start of the process, of one source or of all.

    Messages (or poll cycles): received = journaled + duplicate + rejected + refused + in_flight. A refused one was not
    acknowledged: it is sent again, or its source counts it. Readings: decoded = readings_journaled + readings_refused +
    readings_in_flight; `clamped`, `suspect` and `implausible` of the journaled ones carry
    those flags. `partial` of the journaled messages left a dead letter, too: a part of them could not be used.
    """

    received: int = 0
    journaled: int = 0
    duplicate: int = 0
    rejected: int = 0
    refused: int = 0
    in_flight: int = 0
    decoded: int = 0
    readings_journaled: int = 0
    readings_refused: int = 0
    readings_in_flight: int = 0
    clamped: int = 0
    suspect: int = 0
    implausible: int = 0
    partial: int = 0

    def check(self) -> None:
        """Raises InvariantBroken if the counts do not add up."""
        messages = self.journaled + self.duplicate + self.rejected + self.refused + self.in_flight
        readings = self.readings_journaled + self.readings_refused + self.readings_in_flight
        if self.received != messages or self.decoded != readings:
            raise InvariantBroken(f"intake does not balance: {self}")
        if any(getattr(self, item.name) < 0 for item in fields(self)):
            raise InvariantBroken(f"intake counts below zero: {self}")

    def __add__(self, other: "Balance") -> "Balance":
        return Balance(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))


class JournaledReadings:
    """Readings journaled since the start, by sequence number, so that a consumer's count can be compared at its cursor.
    Bounded: the oldest marks are dropped."""

    def __init__(self, most: int = MOST_MARKS) -> None:
        self._marks: deque[tuple[int, int]] = deque([(0, 0)], most)

    def add(self, seq: int, rows: int) -> None:
        """The record `seq`, newer than all before, has `rows` readings."""
        self._marks.append((seq, self.total + rows))

    @property
    def total(self) -> int:
        """Readings journaled since the start."""
        return self._marks[-1][1]

    @property
    def newest(self) -> int:
        """Sequence number of the newest record with readings since the start; 0 = none."""
        return self._marks[-1][0]

    def upto(self, seq: int) -> int | None:
        """Readings of records up to `seq`; None when that is further back than remembered."""
        return next((total for mark, total in reversed(self._marks) if mark <= seq), None)
