"""What the members of one kind say to one question: every thing, and every vote that is made of them (RULES section 5).

Votes change with answers, and with time alone: `began_within` makes a vote old, `within` makes it silent. Moments are
compared as keys: twice the µs, at which readings are counted and votes turn old; one more, at which time alone turns
answers. A vote falls silent a µs after its time: a member may say what it says up to then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, ThingTable, widened
from rules.engine.windows.base import StateTable

NAN = float("nan")
FAR = np.iinfo(np.int64).max
NO, YES, UNKNOWN = 0, 1, 2
Index = NDArray[np.intp]
Rows = NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class MemberAnswers:
    """Answers of things, each thing's in its order: i32[n] rows and groups, t i64 µs on our clock, key i64 in the
    time of the group, value f64, heard i64 µs: the reading that it came with, LONG_AGO where time alone changed it.
    """

    thing: I32
    group: I32
    t: I64
    key: I64
    value: F64
    heard: I64

    def where(self, mask: Bools) -> "MemberAnswers":
        """Some of them."""
        return self.at(np.flatnonzero(mask))

    def at(self, places: Index) -> "MemberAnswers":
        """Those at these places, in their order."""
        return MemberAnswers(*(getattr(self, name)[places] for name in MemberAnswers.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class VoteStates:
    """States of votes: i[n] rows, 1.0 true 0.0 false NaN unknown, newest reading and since when it is true, µs."""

    voter: Rows
    value: F64
    heard: I64
    began: I64

    def at(self, places: Index) -> "VoteStates":
        """Those at these places."""
        return VoteStates(self.voter[places], self.value[places], self.heard[places], self.began[places])


@dataclass(frozen=True, slots=True, eq=False)
class VoteChanges:
    """Votes after each moment at which their things said something, and before it; the moments as keys; and i64[3, n]
    how many things are true, unknown, and were true when last known. By vote, then time.
    """

    after: VoteStates
    before: VoteStates
    key: I64
    total: I64


@dataclass(frozen=True, slots=True, eq=False)
class CountChanges:
    """How many votes more are true, and known to be none, in a group from a key on: i[n] each."""

    group: Rows
    key: I64
    yes: Rows
    no: Rows


@dataclass(frozen=True, slots=True, eq=False)
class BeforeRecord:
    """What a record changed, for evidence as of a moment in it: things with their `answer` before and what they `said`,
    and votes with what they were before.
    """

    thing: I32
    thing_key: I64
    answer: F64
    said: F64
    votes: VoteStates
    key: I64


class MemberVotes(StateTable):
    """State per thing: answer f64, last u8 (the last known answer was true); per vote, at its first thing: heard i64,
    began i64. 25 B. Made of it: `voter` i32 (where its vote is kept, -1 = not asked), and per vote how many things
    it is made of, how many of them are true, unknown, and were true when last known: 20 B. `turning`: time alone may
    make votes true.
    """

    arrays = (("answer", NAN), ("last", 0), ("heard", LONG_AGO), ("began", LONG_AGO))
    MADE = (("voter", -1), ("size", 0), ("true", 0), ("unknown", 0), ("held", 0))

    def __init__(self, space: ThingTable, within: int, began_within: int) -> None:
        super().__init__(space)
        self.within, self.began_within = within, began_within
        self.timed = bool(within or began_within)
        self.turning = False
        self.answer: F64 = np.zeros(0)
        self.last: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.heard: I64 = np.zeros(0, np.int64)
        self.began: I64 = np.zeros(0, np.int64)
        self.voter: I32 = np.zeros(0, np.int32)
        self.size: I32 = np.zeros(0, np.int32)
        self.true: I32 = np.zeros(0, np.int32)
        self.unknown: I32 = np.zeros(0, np.int32)
        self.held: I32 = np.zeros(0, np.int32)
        self.played: BeforeRecord | None = None

    def grow(self) -> None:
        super().grow()
        for name, fill in self.MADE:
            setattr(self, name, widened(getattr(self, name), self.space.capacity, fill))

    def adopt(self, old: "MemberVotes") -> None:
        super().adopt(old)
        for name, _ in self.MADE:
            setattr(self, name, getattr(old, name))

    # --- who votes
    def leave(self, thing: int) -> None:
        """The thing is not asked any more."""
        self._count(thing, -1)
        self.voter[thing] = -1

    def enter(self, thing: int, voter: int) -> None:
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
        """What votes are made of, anew from the answers."""
        things = np.flatnonzero(self.voter >= 0)
        voter, answer, size = self.voter[things], self.answer[things], len(self.voter)
        self.size[:] = np.bincount(voter, minlength=size)
        self.true[:] = np.bincount(voter, answer == 1.0, size)
        self.unknown[:] = np.bincount(voter, np.isnan(answer), size)
        self.held[:] = np.bincount(voter, self.last[things], size)

    # --- votes now
    def votes(self, voter: Rows) -> VoteStates:
        """These votes as they are."""
        value = np.where(self.true[voter] > 0, 1.0, np.where(self.unknown[voter] > 0, NAN, 0.0))
        return VoteStates(voter, value, self.heard[voter], self.began[voter])

    def sides(self, votes: VoteStates, key: I64 | int) -> NDArray[np.int8]:
        """YES, NO or UNKNOWN, each as of a key."""
        value = votes.value
        found = np.where(value == 1.0, YES, np.where(value == 0.0, NO, UNKNOWN)).astype(np.int8)
        true = value == 1.0
        if self.within:
            found[true & (key >= self.silent(votes))] = UNKNOWN
        if self.began_within:
            found[true & (key >= self.old(votes))] = NO
        return found

    def silent(self, votes: VoteStates) -> I64:
        """From which key on they say nothing any more, if they are true."""
        return 2 * (votes.heard + self.within + 1) if self.within else np.full(len(votes.heard), FAR)

    def old(self, votes: VoteStates) -> I64:
        """From which key on they began too long ago, if they are true."""
        return 2 * (votes.began + self.began_within) if self.began_within else np.full(len(votes.began), FAR)

    def ends(self) -> I64:
        """When votes that are true turn old, µs."""
        return self.began[self.true > 0] + self.began_within

    def restate(self, thing: Index, value: F64, heard: I64, became: I64) -> None:
        """Answers of now without a reading: after a fact."""
        voter = self.voter[thing]
        last = np.where(np.isnan(value), self.last[thing] > 0, value == 1.0)
        before = self.held[voter] > 0
        np.add.at(self.true, voter, (value == 1.0).astype(np.int32) - (self.answer[thing] == 1.0))
        np.add.at(self.unknown, voter, np.isnan(value).astype(np.int32) - np.isnan(self.answer[thing]))
        np.add.at(self.held, voter, last.astype(np.int32) - self.last[thing])
        self.answer[thing], self.last[thing] = value, last
        np.maximum.at(self.heard, voter, heard)
        begins = np.flatnonzero(~before & (self.held[voter] > 0) & (value == 1.0))
        self.began[voter[begins]] = FAR
        np.minimum.at(self.began, voter[begins], became[begins])

    # --- a record
    def changes(self, said: MemberAnswers) -> tuple[Index, F64]:
        """(order by thing and time, answer before each in that order); the answers are those of now from here on."""
        order = np.lexsort((said.key, said.t, said.thing))
        thing, value = said.thing[order], said.value[order]
        before = np.where(_first(thing), self.answer[thing], _shifted(value))
        self.played = BeforeRecord(thing, said.key[order], before, value, self.votes(thing[:0]), said.key[:0])
        self.answer[thing] = value
        return order, before

    def relevant(self, said: MemberAnswers) -> Bools:
        """Which answers may change a vote, or keep one from falling silent."""
        voter = self.voter[said.thing]
        answer = self.answer[said.thing]
        matters = (said.value != answer) & ~(np.isnan(said.value) & np.isnan(answer))
        if self.within:
            matters |= (self.true[voter] > 0) | self.turning
        mark = np.zeros(len(self.voter), np.bool_)
        mark[voter[matters]] = True
        found: Bools = mark[voter]
        return found

    def play(self, said: MemberAnswers, group: I32, clock: I64, horizon: I64) -> CountChanges:
        """The answers become those of now. What that, and time, shifts in each group after the key `clock` up to
        `horizon`, i64 per group; `group` i32 per thing.
        """
        turns, self.played, last_known = self.turned(said)
        thing = self.played.thing
        self.answer[thing], self.last[thing] = self.played.said, last_known
        key, before = turns.key, turns.before
        voter, first = turns.after.voter, _first(turns.after.voter)
        new, old = self.sides(turns.after, key), self.sides(before, key)
        moved = new != old
        parts = [_shifts(group[voter[moved]], key[moved], old[moved], new[moved])]
        if self.timed:
            begun = voter[first]
            waiting = self.standing(np.flatnonzero(clock < horizon), group)
            waiting = np.union1d(waiting, begun[before.value[first] == 1.0])
            until = horizon[group[waiting]]
            place = np.searchsorted(waiting, begun)
            known = place < len(waiting)
            known[known] = waiting[place[known]] == begun[known]
            until[place[known]] = key[first][known]
            parts.append(self.lapses(self.votes(waiting), group, clock[group[waiting]], until))
            end = np.append(key[1:], 0)[: len(key)]
            last = np.append(first[1:], True)[: len(key)]
            end[last] = horizon[group[voter[last]]]
            parts.append(self.lapses(turns.after, group, key, end))
        self._keep(turns)
        return joined(parts)

    def standing(self, groups: Rows, group: I32) -> Index:
        """The votes of these groups that are true."""
        true = np.flatnonzero(self.true > 0)
        return true[np.isin(group[true], groups)]

    def lapses(self, votes: VoteStates, group: I32, start: I64, end: I64) -> CountChanges:
        """What time alone does to votes after the key `start`, up to `end`, both i64 per vote."""
        silent, old = self.silent(votes), self.old(votes)
        true = votes.value == 1.0
        quiet = np.flatnonzero(true & (silent < old) & (start < silent) & (silent <= end))
        aged = np.flatnonzero(true & (start < old) & (old <= end))
        unknown = np.full(len(quiet), UNKNOWN, np.int8)
        was = np.where(silent[aged] < old[aged], UNKNOWN, YES).astype(np.int8)
        where = group[votes.voter]
        return joined([
            _shifts(where[quiet], silent[quiet], np.full(len(quiet), YES, np.int8), unknown),
            _shifts(where[aged], old[aged], was, np.full(len(aged), NO, np.int8)),
        ])  # fmt: skip

    def turned(self, said: MemberAnswers) -> tuple[VoteChanges, BeforeRecord, Bools]:
        """The answers of things, made into votes; nothing is changed. (The votes, the things with what they said
        before, in the order of `BeforeRecord`, and whether each was true when last known.)
        """
        order = np.lexsort((said.key, said.t, said.thing))
        thing, value = said.thing[order], said.value[order]
        first, number = _first(thing), np.arange(len(thing))
        before = np.where(first, self.answer[thing], _shifted(value))
        known = np.maximum.accumulate(np.where(value == value, number, -1)) if len(thing) else number
        begin = _begin(first)
        last = np.where(known >= begin, value[known] == 1.0, self.last[thing] > 0)
        was = np.where(first, self.last[thing] > 0, _shifted(last))
        steps = np.array([
            (value == 1.0).astype(np.int64) - (before == 1.0), np.isnan(value).astype(np.int64) - np.isnan(before),
            last.astype(np.int64) - was,
        ])  # fmt: skip
        played = BeforeRecord(thing, said.key[order], before, value, self.votes(thing[:0]), said.key[:0])
        voter, t, key, heard = self.voter[thing], said.t[order], said.key[order], said.heard[order]
        if (voter != thing).any():
            again = np.lexsort((key, t, voter))
            voter, t, key, heard, steps = voter[again], t[again], key[again], heard[again], steps[:, again]
        return self._summed(voter, t, key, heard, steps), played, last

    def _summed(self, voter: Rows, t: I64, key: I64, heard: I64, steps: I64) -> VoteChanges:
        total, begin = np.cumsum(steps, axis=1), _begin(_first(voter))
        base = np.array([self.true[voter], self.unknown[voter], self.held[voter]])
        total += base - total[:, begin] + steps[:, begin]
        spoke = np.maximum.accumulate(np.where(heard == t, np.arange(len(t)), -1)) if len(t) else begin
        heard = np.where(spoke >= begin, t[spoke], heard)
        other = (voter[1:] != voter[:-1]) | (t[1:] != t[:-1]) | (key[1:] != key[:-1])
        whole = np.append(other, True)[: len(voter)]
        voter, t, key, heard, total = voter[whole], t[whole], key[whole], heard[whole], total[:, whole]  # all is said
        first, now = _first(voter), self.votes(voter)
        held = np.where(first, self.held[voter], _shifted(total[2]))
        begins = (total[2] > 0) & (held == 0)
        since = np.maximum.accumulate(np.where(begins, np.arange(len(voter)), -1)) if len(voter) else begins
        began = np.where(since >= _begin(first), t[since], now.began) if len(voter) else t
        value = np.where(total[0] > 0, 1.0, np.where(total[1] > 0, NAN, 0.0))
        after = VoteStates(voter, value, np.maximum(heard, now.heard), began)
        last = np.append((voter[1:] != voter[:-1]) | (key[1:] != key[:-1]), True)[: len(voter)]
        after, key, total = after.at(np.flatnonzero(last)), key[last], total[:, last]
        first, now = _first(after.voter), self.votes(after.voter)
        before = VoteStates(
            after.voter, np.where(first, now.value, _shifted(after.value)),
            np.where(first, now.heard, _shifted(after.heard)), np.where(first, now.began, _shifted(after.began)),
        )  # fmt: skip
        return VoteChanges(after, before, key, total)

    def _keep(self, turns: VoteChanges) -> None:
        assert self.played is not None, "the things come before their votes"
        self.played = replace(self.played, votes=turns.before, key=turns.key)
        voter = turns.after.voter
        self.true[voter], self.unknown[voter], self.held[voter] = turns.total
        self.heard[voter], self.began[voter] = turns.after.heard, turns.after.began

    # --- evidence
    def as_of(self, key: int, things: Rows) -> tuple[F64, VoteStates]:
        """(answers of these things, the votes kept at these rows) as of a key inside the record under way."""
        played = self.played
        answer = self.answer
        votes = self.votes(np.arange(len(self.voter)))
        if played is not None:
            answer = answer.copy()
            later = np.flatnonzero(played.thing_key > key)[::-1]  # of several the earliest is written last
            answer[played.thing[later]] = played.answer[later]
            back = np.flatnonzero(played.key > key)[::-1]
            rows = played.votes.voter[back]
            votes.value[rows], votes.heard[rows] = played.votes.value[back], played.votes.heard[back]
            votes.began[rows] = played.votes.began[back]
        return answer[things], VoteStates(things, votes.value[things], votes.heard[things], votes.began[things])


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


def _shifts(group: Rows, key: I64, old: NDArray[np.int8], new: NDArray[np.int8]) -> CountChanges:
    yes = (new == YES).astype(np.int64) - (old == YES)
    return CountChanges(group, key, yes, (new == NO).astype(np.int64) - (old == NO))


def joined(parts: Sequence[CountChanges]) -> CountChanges:
    """All of them, one after another."""
    return CountChanges(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in ("group", "key", "yes", "no"))
    )
