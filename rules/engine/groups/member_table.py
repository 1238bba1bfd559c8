"""The members of one kind: which group each is in, and what it answers to each question."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I32, I64
from rules.engine.frames.batch_view import Bools
from rules.engine.groups.member_votes import MemberVotes
from rules.engine.groups.split_rule import Question
from rules.engine.groups.votes import VoteLimits
from rules.engine.state.thing_table import LONG_AGO, ThingTable, widened
from rules.engine.windows.base import StateTable


class MemberTable(StateTable):
    """Kind `number` of a rule. `numbers`: of the questions it is asked, in the rule; what is below is by their place
    `k` there. `columns`: the points each question reads. `each`: it is asked of components.

    State: closed_at i64[k, n] the newest closed window of a question and first i64[n] the first reading, µs; `votes` by
    question. Made of attributes: group i32[n] row of the group, -1 = in none · watched bool[n] it is one of the devices
    that the rule watches, which make the group exist.
    """

    arrays = (("closed_at", LONG_AGO), ("first", LONG_AGO))

    def __init__(
        self,
        number: int,
        space: ThingTable,
        asked: Mapping[int, Question],
        columns: Sequence[tuple[int, ...]],
        *,
        watching: bool,
        each: bool,
    ) -> None:
        super().__init__(space)
        self.number, self.watching = number, watching
        self.numbers, self.questions = tuple(asked), tuple(asked.values())
        self.columns = tuple(columns)
        self.each = [one.each or (watching and each) for one in self.questions]
        self.closed_at: I64 = np.zeros((max(1, len(self.questions)), 0), np.int64)
        self.first: I64 = np.zeros(0, np.int64)
        self.group: I32 = np.zeros(0, np.int32)
        self.watched: Bools = np.zeros(0, np.bool_)
        self.votes = [MemberVotes(space, VoteLimits(*one.limits)) for one in self.questions]
        self.parts.update({f"votes.{k}": votes for k, votes in enumerate(self.votes)})

    def grow(self) -> None:
        super().grow()
        self.watched = widened(self.watched, self.space.capacity, 0)
        self.group = widened(self.group, self.space.capacity, -1)

    def adopt(self, old: "MemberTable") -> None:
        super().adopt(old)
        self.watched, self.group = old.watched, old.group

    def on(self, n: int) -> MemberVotes:
        """The votes on question `n` of the rule, which it is asked."""
        return self.votes[self.numbers.index(n)]

    def things_of(self, row: int) -> NDArray[np.intp]:
        """The things in a group that are counted, or asked anything."""
        return np.flatnonzero(self.group[: len(self.space)] == row)

    def all_closed(self, k: int, row: int, end: int) -> bool:
        """True if the members of a group with a reading before `end` µs have closed the window of question `k`."""
        must = (self.votes[k].voter >= 0) & (self.group == row) & (self.first > LONG_AGO) & (self.first < end)
        return bool((self.closed_at[k][must] >= end).all())
