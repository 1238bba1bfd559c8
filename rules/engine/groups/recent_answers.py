"""How the values of groups came about of late, so that late answers of members can be held against it.

Each question has two running totals per group: votes that are true and votes that are false; or the sum of all numbers
and how many there are. What is kept are the changes of the totals; going back from now gives every total of late.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.domain.duration import MINUTE
from gateway.domain.reading import F64, I64
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, widened

KEPT = 2 * 2 * MINUTE  # as keys
MOST = 100_000
"""Changes that are kept of one question."""


@dataclass(frozen=True, slots=True, eq=False)
class TotalChanges:
    """Changes of the two totals in a group at a key: [n] each."""

    group: I64
    key: I64
    first: F64
    second: F64

    def __len__(self) -> int:
        return len(self.group)

    def where(self, mask: Bools) -> "TotalChanges":
        """The changes selected by `mask`."""
        return TotalChanges(self.group[mask], self.key[mask], self.first[mask], self.second[mask])

    def of(self, group: int, other: int) -> "TotalChanges":
        """Those of a group, as of row `other`."""
        mine = self.where(self.group == group)
        return TotalChanges(np.full(len(mine), other), mine.key, mine.first, mine.second)


@dataclass(frozen=True, slots=True, eq=False)
class TotalsOverTime:
    """Both totals before and after each change as they were counted, and after it in truth; by group, then key."""

    group: I64
    key: I64
    before: tuple[F64, F64]
    counted: tuple[F64, F64]
    true: tuple[F64, F64]


class RecentAnswersState(Struct, frozen=True):
    """Of `RecentAnswers`; parts: question -> (group, key, first, second) of each `TotalChanges`. Arrays as bytes."""

    newest: int
    known: bytes
    parts: list[list[tuple[bytes, bytes, bytes, bytes]]]


class RecentAnswers:
    """`parts`: question -> changes, oldest first. `known` i64 per group: the key from which on they are complete."""

    def __init__(self, questions: int) -> None:
        self.parts: list[list[TotalChanges]] = [[] for _ in range(questions)]
        self.known: I64 = np.zeros(0, np.int64)
        self.newest = LONG_AGO

    def grow(self, room: int) -> None:
        """Make room for so many groups."""
        self.known = widened(self.known, room, 2 * LONG_AGO)

    def put(self, n: int, steps: TotalChanges) -> None:
        """The totals of question `n` changed."""
        if not len(steps):
            return
        self.newest = max(self.newest, int(steps.key.max()))
        parts = self.parts[n]
        parts.append(steps)
        rows = sum(map(len, parts))
        while len(parts) > 1 and (rows > MOST or int(parts[0].key.max()) < self.newest - KEPT):
            gone = parts.pop(0)
            rows -= len(gone)
            np.maximum.at(self.known, gone.group, gone.key + 1)

    def begin(self, group: int | NDArray[np.integer], key: I64 | int) -> None:
        """A member came or left, or its answer changed without a reading: earlier changes explain nothing now."""
        self.known[group] = np.maximum(self.known[group], key)

    def course(self, n: int, other: TotalChanges, now: Callable[[I64], tuple[F64, F64]]) -> TotalsOverTime:
        """The totals of question `n` from the first of the changes `other`, which were not counted, on; `now`: group ->
        what has been counted to.
        """
        begin = np.full(len(self.known), np.iinfo(np.int64).max)
        np.minimum.at(begin, other.group, other.key)
        kept = [part.where(part.key >= begin[part.group]) for part in self.parts[n]]
        group = np.concatenate([*(part.group for part in kept), other.group])
        key = np.concatenate([*(part.key for part in kept), other.key])
        order = np.lexsort((key, group))
        group, key = group[order], key[order]
        last = np.append(group[1:] != group[:-1], True)
        whole = np.append((group[1:] != group[:-1]) | (key[1:] != key[:-1]), True)
        nothing = np.zeros(len(other))
        first = np.flatnonzero(np.append(True, whole[:-1]))
        before, counted, true = [], [], []
        for total, name in zip(now(group), ("first", "second"), strict=True):
            steps = np.concatenate([*(getattr(part, name) for part in kept), nothing])[order]
            missed = np.concatenate([np.zeros(len(order) - len(other)), getattr(other, name)])[order]
            upto = np.cumsum(steps)
            ends = np.flatnonzero(last)
            end = upto[ends[np.searchsorted(ends, np.arange(len(order)))]]
            counted.append((total - (end - upto))[whole])
            before.append(counted[-1] - np.add.reduceat(steps, first))
            true.append(counted[-1] + _restarted(missed, last)[whole])
        return TotalsOverTime(
            group[whole], key[whole], (before[0], before[1]), (counted[0], counted[1]), (true[0], true[1])
        )

    def take(self, row: int, theirs: "RecentAnswers", other: int) -> None:
        """The changes in group `other` of another engine become those of `row`."""
        self.known[row] = theirs.known[other]
        for n, parts in enumerate(self.parts):
            parts[:] = [kept for part in parts if len(kept := part.where(part.group != row))]
            found = [kept for part in theirs.parts[n] if len(kept := part.of(other, row))]
            parts[:0] = found  # oldest first: they are pruned with the oldest of the others

    def state(self) -> RecentAnswersState:
        """For the snapshot."""
        parts = [
            [(part.group.tobytes(), part.key.tobytes(), part.first.tobytes(), part.second.tobytes()) for part in some]
            for some in self.parts
        ]
        return RecentAnswersState(self.newest, self.known.tobytes(), parts)

    def load(self, state: RecentAnswersState) -> None:
        """The inverse of `state`."""
        self.newest, held = state.newest, np.frombuffer(state.known, np.int64)
        self.grow(max(len(held), len(self.known)))
        self.known[: len(held)] = held
        self.parts = [[_steps(*part) for part in some] for some in state.parts]


def _restarted(steps: F64, last: Bools) -> F64:
    """The running sum of each group."""
    total = np.cumsum(steps)
    ends = np.flatnonzero(last)
    before = np.concatenate([[0.0], total[ends[:-1]]])
    found: F64 = total - np.repeat(before, np.diff(np.concatenate([[-1], ends])))
    return found


def _steps(group: bytes, key: bytes, first: bytes, second: bytes) -> TotalChanges:
    return TotalChanges(
        np.frombuffer(group, np.int64), np.frombuffer(key, np.int64), np.frombuffer(first), np.frombuffer(second)
    )
