"""What the members of one kind answer to one question: every thing, and every vote that is made of their answers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.engine.frames.batch_view import Bools
from rules.engine.groups.votes import (
    FAR,
    NAN,
    CountChanges,
    Index,
    MemberAnswers,
    Rows,
    VoteLimits,
    VoteStates,
    changes_of,
    joined,
)
from rules.engine.state.thing_table import LONG_AGO, ThingTable, widened
from rules.engine.windows.base import StateTable


@dataclass(frozen=True, slots=True, eq=False)
class VoteChanges:
    """Votes after each moment at which their things answered, and before it; the moments as keys; and i64[3, n] how
    many things are true, unknown, and were true when last known. By vote, then time.
    """

    after: VoteStates
    before: VoteStates
    key: I64
    total: I64


@dataclass(frozen=True, slots=True, eq=False)
class BeforeRecord:
    """What a record changed: i32[n] things with their `answer` before and `after`, in order of thing and key; and votes
    with what they were before, by key.
    """

    thing: I32
    thing_key: I64
    answer: F64
    after: F64
    votes: VoteStates
    key: I64

    def put_back(self, key: int, answer: F64, votes: VoteStates) -> None:
        """Set `answer` f64 per thing and all `votes` back, in place, to what they were at `key`."""
        later = np.flatnonzero(self.thing_key > key)[::-1]  # of several the earliest is written last
        answer[self.thing[later]] = self.answer[later]
        back = np.flatnonzero(self.key > key)[::-1]
        rows = self.votes.voter[back]
        votes.value[rows], votes.read_at[rows] = self.votes.value[back], self.votes.read_at[back]
        votes.began[rows] = self.votes.began[back]


class MemberVotes(StateTable):
    """State per thing: answer f64, last u8 (the last known answer was true); per vote, at its first thing: read_at i64
    (its newest reading, µs), began i64 (since when it is true, µs). 25 B. Made of it: `voter` i32 (the row where its
    vote is kept, -1 = not asked), and per vote how many things it is made of, how many of them are true, unknown, and
    were true when last known: 20 B. `turning`: time alone may make votes true. `before`: what the record under way
    changed.
    """

    arrays = (("answer", NAN), ("last", 0), ("read_at", LONG_AGO), ("began", LONG_AGO))
    MADE = (("voter", -1), ("size", 0), ("true", 0), ("unknown", 0), ("held", 0))

    def __init__(self, space: ThingTable, limits: VoteLimits) -> None:
        super().__init__(space)
        self.limits = limits
        self.turning = False
        self.answer: F64 = np.zeros(0)
        self.last: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.read_at: I64 = np.zeros(0, np.int64)
        self.began: I64 = np.zeros(0, np.int64)
        self.voter: I32 = np.zeros(0, np.int32)
        self.size: I32 = np.zeros(0, np.int32)
        self.true: I32 = np.zeros(0, np.int32)
        self.unknown: I32 = np.zeros(0, np.int32)
        self.held: I32 = np.zeros(0, np.int32)
        self.before: BeforeRecord | None = None

    def grow(self) -> None:
        super().grow()
        for name, fill in self.MADE:
            setattr(self, name, widened(getattr(self, name), self.space.capacity, fill))

    def adopt(self, old: "MemberVotes") -> None:
        super().adopt(old)
        for name, _ in self.MADE:
            setattr(self, name, getattr(old, name))

    # --- who votes
    def remove(self, thing: int) -> None:
        """The thing is not asked any more."""
        self._count(thing, -1)
        self.voter[thing] = -1

    def add(self, thing: int, voter: int) -> None:
        """The thing is asked; its vote is kept at row `voter`."""
        self.voter[thing] = voter
        self._count(thing, 1)

    def _count(self, thing: int, sign: int) -> None:
        voter, answer = self.voter[thing], self.answer[thing]
        self.size[voter] += sign
        self.true[voter] += sign * (answer == 1.0)
        self.unknown[voter] += sign * (answer != answer)
        self.held[voter] += sign * int(self.last[thing])

    def recount(self) -> None:
        """Count anew, from the answers, what each vote is made of."""
        things = np.flatnonzero(self.voter >= 0)
        voter, answer, size = self.voter[things], self.answer[things], len(self.voter)
        self.size[:] = np.bincount(voter, minlength=size)
        self.true[:] = np.bincount(voter, answer == 1.0, size)
        self.unknown[:] = np.bincount(voter, np.isnan(answer), size)
        self.held[:] = np.bincount(voter, self.last[things], size)

    # --- votes now
    def votes(self, voter: Rows) -> VoteStates:
        """The votes kept at these rows, as they are now."""
        value = np.where(self.true[voter] > 0, 1.0, np.where(self.unknown[voter] > 0, NAN, 0.0))
        return VoteStates(voter, value, self.read_at[voter], self.began[voter])

    def restate(self, thing: Index, value: F64, read_at: I64, became: I64) -> None:
        """Set the answers of these things after a fact: values, their newest readings and since when they hold, µs."""
        voter = self.voter[thing]
        last = np.where(np.isnan(value), self.last[thing] > 0, value == 1.0)
        before = self.held[voter] > 0
        np.add.at(self.true, voter, (value == 1.0).astype(np.int32) - (self.answer[thing] == 1.0))
        np.add.at(self.unknown, voter, np.isnan(value).astype(np.int32) - np.isnan(self.answer[thing]))
        np.add.at(self.held, voter, last.astype(np.int32) - self.last[thing])
        self.answer[thing], self.last[thing] = value, last
        np.maximum.at(self.read_at, voter, read_at)
        begins = np.flatnonzero(~before & (self.held[voter] > 0) & (value == 1.0))
        self.began[voter[begins]] = FAR
        np.minimum.at(self.began, voter[begins], became[begins])

    # --- a record
    def take_numbers(self, answers: MemberAnswers) -> tuple[Index, F64]:
        """The answers become those of now: (order by thing and time, f64[n] the answer before each in that order)."""
        order = np.lexsort((answers.key, answers.t, answers.thing))
        thing, value = answers.thing[order], answers.value[order]
        before = np.where(_first(thing), self.answer[thing], _shifted(value))
        self.before = BeforeRecord(thing, answers.key[order], before, value, self.votes(thing[:0]), answers.key[:0])
        self.answer[thing] = value
        return order, before

    def take_votes(self, answers: MemberAnswers, group: I32, clock: I64, horizon: I64) -> CountChanges:
        """The answers become those of now. What they, and time, do to the counts of each group after the key `clock` up
        to `horizon`, i64 per group; `group` i32 per thing.
        """
        found, self.before, last_known = self.votes_from(answers)
        thing = self.before.thing
        self.answer[thing], self.last[thing] = self.before.after, last_known
        key, before = found.key, found.before
        voter, first = found.after.voter, _first(found.after.voter)
        new, old = self.limits.sides(found.after, key), self.limits.sides(before, key)
        moved = new != old
        parts = [changes_of(group[voter[moved]], key[moved], old[moved], new[moved])]
        if self.limits:
            begun = voter[first]
            waiting = self.true_in(np.flatnonzero(clock < horizon), group)
            waiting = np.union1d(waiting, begun[before.value[first] == 1.0])
            until = horizon[group[waiting]]
            place = np.searchsorted(waiting, begun)
            known = place < len(waiting)
            known[known] = waiting[place[known]] == begun[known]
            until[place[known]] = key[first][known]
            parts.append(self.limits.passed(self.votes(waiting), group, clock[group[waiting]], until))
            end = np.append(key[1:], 0)[: len(key)]
            last = np.append(first[1:], True)[: len(key)]
            end[last] = horizon[group[voter[last]]]
            parts.append(self.limits.passed(found.after, group, key, end))
        self._keep(found)
        return joined(parts)

    def true_in(self, groups: Rows, group: I32) -> Index:
        """The votes of these groups that are true."""
        true = np.flatnonzero(self.true > 0)
        return true[np.isin(group[true], groups)]

    def votes_from(self, answers: MemberAnswers) -> tuple[VoteChanges, BeforeRecord, Bools]:
        """(votes made of these answers, the answers before, bool[n] whether each thing of these was true when last
        known); nothing is changed here.
        """
        order = np.lexsort((answers.key, answers.t, answers.thing))
        thing, value = answers.thing[order], answers.value[order]
        before, last, steps = _steps(thing, value, self.answer[thing], self.last[thing] > 0)
        record = BeforeRecord(thing, answers.key[order], before, value, self.votes(thing[:0]), answers.key[:0])
        voter, t, key, read_at = self.voter[thing], answers.t[order], answers.key[order], answers.read_at[order]
        if (voter != thing).any():
            again = np.lexsort((key, t, voter))
            voter, t, key, read_at, steps = voter[again], t[again], key[again], read_at[again], steps[:, again]
        return self._by_vote(voter, t, key, read_at, steps), record, last

    def _by_vote(self, voter: Rows, t: I64, key: I64, read_at: I64, steps: I64) -> VoteChanges:
        total, begin = np.cumsum(steps, axis=1), _begin(_first(voter))
        base = np.array([self.true[voter], self.unknown[voter], self.held[voter]])
        total += base - total[:, begin] + steps[:, begin]
        read = np.maximum.accumulate(np.where(read_at == t, np.arange(len(t)), -1)) if len(t) else begin
        read_at = np.where(read >= begin, t[read], read_at)
        other = (voter[1:] != voter[:-1]) | (t[1:] != t[:-1]) | (key[1:] != key[:-1])
        whole = np.append(other, True)[: len(voter)]
        voter, t, key, read_at, total = voter[whole], t[whole], key[whole], read_at[whole], total[:, whole]
        first, now = _first(voter), self.votes(voter)
        held = np.where(first, self.held[voter], _shifted(total[2]))
        begins = (total[2] > 0) & (held == 0)
        since = np.maximum.accumulate(np.where(begins, np.arange(len(voter)), -1)) if len(voter) else begins
        began = np.where(since >= _begin(first), t[since], now.began) if len(voter) else t
        value = np.where(total[0] > 0, 1.0, np.where(total[1] > 0, NAN, 0.0))
        after = VoteStates(voter, value, np.maximum(read_at, now.read_at), began)
        last = np.append((voter[1:] != voter[:-1]) | (key[1:] != key[:-1]), True)[: len(voter)]
        after, key, total = after.at(np.flatnonzero(last)), key[last], total[:, last]
        before = _preceding(after, self.votes(after.voter))
        return VoteChanges(after, before, key, total)

    def _keep(self, found: VoteChanges) -> None:
        assert self.before is not None, "the things come before their votes"
        self.before = replace(self.before, votes=found.before, key=found.key)
        voter = found.after.voter
        self.true[voter], self.unknown[voter], self.held[voter] = found.total
        self.read_at[voter], self.began[voter] = found.after.read_at, found.after.began


def _preceding(after: VoteStates, now: VoteStates) -> VoteStates:
    """The states before each of `after`, by vote, then time; before the first of a vote they are those of `now`."""
    first = _first(after.voter)
    pairs = ((now.value, after.value), (now.read_at, after.read_at), (now.began, after.began))
    return VoteStates(after.voter, *(np.where(first, held, _shifted(later)) for held, later in pairs))


def _steps(thing: Rows, value: F64, answer: F64, true: Bools) -> tuple[F64, Bools, I64]:
    """Answers in order of thing and time, with the `answer` of each thing and whether it was `true` when last known:
    (the answer before each, bool[n] whether it is true when last known, i64[3, n] by how much the numbers of true,
    unknown and last true things change).
    """
    first, number = _first(thing), np.arange(len(thing))
    before = np.where(first, answer, _shifted(value))
    known = np.maximum.accumulate(np.where(value == value, number, -1)) if len(thing) else number
    last = np.where(known >= _begin(first), value[known] == 1.0, true)
    was = np.where(first, true, _shifted(last))
    steps = np.array(
        [
            (value == 1.0).astype(np.int64) - (before == 1.0),
            np.isnan(value).astype(np.int64) - np.isnan(before),
            last.astype(np.int64) - was,
        ]
    )
    return before, last, steps


def _first(rows: Rows) -> Bools:
    """Where another row begins."""
    found = np.ones(len(rows), np.bool_)
    np.not_equal(rows[1:], rows[:-1], out=found[1:])
    return found


def _begin(first: Bools) -> Index:
    """Where the run of each begins."""
    number = np.arange(len(first))
    found: Index = np.maximum.accumulate(np.where(first, number, 0)) if len(first) else number
    return found


def _shifted(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """One later; the first is meaningless."""
    return np.concatenate([values[:1], values[:-1]])
