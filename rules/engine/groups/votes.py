"""Answers and votes of members as columns, and what time alone does to votes (RULES section 5, `members`).

Moments of a group are compared as keys: twice the µs, at which readings are counted and votes become too old; one more,
at which time alone changes answers. A vote becomes unknown a µs after `within`: a reading at that time renews it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.engine.frames.batch_view import Bools

NAN = float("nan")
FAR = np.iinfo(np.int64).max
NO, YES, UNKNOWN = 0, 1, 2
Index = NDArray[np.intp]
Rows = NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class MemberAnswers:
    """Answers of things, each thing's in its order: i32[n] rows and groups, t i64 µs on our clock, key i64 in the
    time of the group, value f64, read_at i64 µs: the reading that it came with, LONG_AGO where time alone changed it.
    """

    thing: I32
    group: I32
    t: I64
    key: I64
    value: F64
    read_at: I64

    def where(self, mask: Bools) -> "MemberAnswers":
        """The answers selected by `mask`."""
        return self.at(np.flatnonzero(mask))

    def at(self, places: Index) -> "MemberAnswers":
        """The answers at these places, in their order."""
        return MemberAnswers(*(getattr(self, name)[places] for name in MemberAnswers.__slots__))

    def moments(self, mask: Bools) -> set[tuple[int, int]]:
        """(group, key) of the answers selected by `mask`."""
        return set(zip(self.group[mask].tolist(), self.key[mask].tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class VoteStates:
    """States of votes: i[n] rows, 1.0 true 0.0 false NaN unknown, newest reading and since when it is true, µs."""

    voter: Rows
    value: F64
    read_at: I64
    began: I64

    def at(self, places: Index) -> "VoteStates":
        """The states at these places."""
        return VoteStates(self.voter[places], self.value[places], self.read_at[places], self.began[places])


@dataclass(frozen=True, slots=True, eq=False)
class CountChanges:
    """How many votes more are true, and known to be false, in a group from a key on: i[n] each."""

    group: Rows
    key: I64
    yes: Rows
    no: Rows


def changes_of(group: Rows, key: I64, old: NDArray[np.int8], new: NDArray[np.int8]) -> CountChanges:
    """Votes of these groups that go from side `old` to `new` at a key; [n] each."""
    yes = (new == YES).astype(np.int64) - (old == YES)
    return CountChanges(group, key, yes, (new == NO).astype(np.int64) - (old == NO))


def joined(parts: Sequence[CountChanges]) -> CountChanges:
    """All of them, one after another."""
    names = ("group", "key", "yes", "no")
    return CountChanges(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


@dataclass(frozen=True, slots=True)
class VoteLimits:
    """A true vote is unknown when its newest reading is older than `within` µs, and false when it became true
    `began_within` µs ago; 0 = no limit.
    """

    within: int = 0
    began_within: int = 0

    def __bool__(self) -> bool:
        return bool(self.within or self.began_within)

    def sides(self, votes: VoteStates, key: I64 | int) -> NDArray[np.int8]:
        """YES, NO or UNKNOWN, each as of a key."""
        value = votes.value
        found = np.where(value == 1.0, YES, np.where(value == 0.0, NO, UNKNOWN)).astype(np.int8)
        true = value == 1.0
        if self.within:
            found[true & (key >= self.unknown_from(votes))] = UNKNOWN
        if self.began_within:
            found[true & (key >= self.old_from(votes))] = NO
        return found

    def unknown_from(self, votes: VoteStates) -> I64:
        """The key from which on they are unknown, if they are true."""
        return 2 * (votes.read_at + self.within + 1) if self.within else np.full(len(votes.read_at), FAR)

    def old_from(self, votes: VoteStates) -> I64:
        """The key from which on they are too old, if they are true."""
        return 2 * (votes.began + self.began_within) if self.began_within else np.full(len(votes.began), FAR)

    def passed(self, votes: VoteStates, group: I32, start: I64, end: I64) -> CountChanges:
        """What time alone does to votes after the key `start`, up to `end`, both i64 per vote; `group` per thing."""
        unknown, old = self.unknown_from(votes), self.old_from(votes)
        true = votes.value == 1.0
        quiet = np.flatnonzero(true & (unknown < old) & (start < unknown) & (unknown <= end))
        aged = np.flatnonzero(true & (start < old) & (old <= end))
        was = np.where(unknown[aged] < old[aged], UNKNOWN, YES).astype(np.int8)
        where = group[votes.voter]
        sides = [np.full(len(quiet), side, np.int8) for side in (YES, UNKNOWN)]
        return joined(
            [
                changes_of(where[quiet], unknown[quiet], *sides),
                changes_of(where[aged], old[aged], was, np.full(len(aged), NO, np.int8)),
            ]
        )
