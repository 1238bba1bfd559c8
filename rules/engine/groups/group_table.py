"""The groups of a rule: their rows, and the counting of what their members say."""

from collections.abc import Callable, Container, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.compiled import Rule
from rules.engine.conditions.reporting import EngineContext
from rules.engine.groups.aggregate import NAN, GroupAggregate, counted, verdict
from rules.engine.groups.group_as_device import GroupWorld, stand_in_thing
from rules.engine.groups.member_votes import NO, YES, CountChanges, MemberVotes
from rules.engine.groups.recent_answers import RecentAnswers
from rules.engine.groups.split_rule import questions_of
from rules.engine.state.thing_table import LONG_AGO, widened

if TYPE_CHECKING:
    from rules.engine.groups.members import Members


class GroupTable:
    """Rows of `space` are the groups, its columns the answers.

    `counts` i64[3, question, group]: votes that are none, that are true, and all there are, as of `clock` i64 per
    group, the key up to which time has shifted votes; `tallies` of what is no count: question -> one per group;
    `alive` i64: watched devices per group · `touched`: groups to be judged again, and since when µs.
    """

    def __init__(self, rule: Rule, common: EngineContext, interval: Callable[[str], int]) -> None:
        self.rule, self.common = rule, common
        self.questions = questions_of(rule)
        self.space = common.world.group_space(rule.id, rule.watch.group)
        self.world = GroupWorld(common.world, rule.watch.group, interval)
        self.columns = [self.space.column(one.column) for one in self.questions]
        self.momentary = [n for n, one in enumerate(self.questions) if not one.gathered]
        self.touched: dict[int, int] = {}
        self.members: list[Members] = []
        self.clear()
        for thing in self.space.things:
            self._known(thing.group)

    def clear(self) -> None:
        """No groups."""
        self.rows: dict[str, int] = {}
        self.counts: I64 = np.zeros((3, len(self.questions), 0), np.int64)
        self.clock: I64 = np.zeros(0, np.int64)
        self.recent = RecentAnswers(len(self.questions))
        self.alive: I64 = np.zeros(0, np.int64)
        self.tallies: list[list[GroupAggregate]] = [[] for _ in self.questions]

    def row_of(self, group: str) -> int:
        """The row of a group; a new one gets the next."""
        if group not in self.rows:
            self.space.add(stand_in_thing(len(self.rows), group), 0)
            self._known(group)
        return self.rows[group]

    def _known(self, group: str) -> None:
        row = self.rows[group] = len(self.rows)
        if row >= len(self.alive):
            room = max(64, self.space.capacity)
            self.counts, self.alive = widened(self.counts, room, 0), widened(self.alive, room, 0)
            self.clock = widened(self.clock, room, 2 * LONG_AGO)
            self.recent.grow(room)
        for tallies, one in zip(self.tallies, self.questions, strict=True):
            if one.stat is not None:
                tallies.append(GroupAggregate(one.stat))
        self.world.stand_in(row, group)

    # --- membership
    def weigh(
        self, n: int, standing: MemberVotes, voters: NDArray[np.integer], rows: NDArray[np.integer], sign: int
    ) -> None:
        """Count these votes, of groups `rows`, in or out."""
        voters, rows = voters[standing.size[voters] > 0], rows[standing.size[voters] > 0]
        sides = standing.sides(standing.votes(voters), self.clock[rows])
        for side in (NO, YES):
            np.add.at(self.counts[side, n], rows[sides == side], sign)
        np.add.at(self.counts[2, n], rows, sign)

    def count(self, row: int, by: int) -> None:
        """Watched devices more or less: without any there is no group."""
        self.alive[row] += by
        self.world.members_changed += 1

    def recount(self) -> None:
        """Everything anew, from what the members hold."""
        self.counts[...] = self.alive[...] = 0
        for tallies, one in zip(self.tallies, self.questions, strict=True):
            tallies[:] = [GroupAggregate(one.stat) for _ in self.rows] if one.stat is not None else []
        for members in self.members:
            placed = np.flatnonzero(members.group >= 0)
            np.add.at(self.alive, members.group[placed[members.mine[placed]]], 1)
            for n, standing in zip(members.numbers, members.standings, strict=True):
                standing.recount()
                asked = np.flatnonzero(standing.voter >= 0)
                voters = np.flatnonzero(standing.size > 0)
                self.weigh(n, standing, voters, members.group[voters], 1)
                if self.questions[n].numeric:
                    for thing in asked.tolist():
                        key = members.number, thing
                        self.tallies[n][members.group[thing]].change(key, NAN, float(standing.answer[thing]))
        self.world.members_changed += 1

    def touch(self, row: int, at: int) -> None:
        """Membership or attributes changed at `at` µs: the group is judged again."""
        self.touched[row] = at
        self.recent.begin(row, int(self.clock[row]) + 1)

    def reevaluate(self, row: int, since: int) -> None:
        """What was decided of the group at or after `since` µs is in doubt."""
        group = self.space.things[row].group
        self.common.reevaluations.add((self.rule.id, group), self.rule.id, since)

    # --- what it comes to
    def write(self, at: int) -> None:
        """What holds at `at` µs becomes what the space holds of the touched groups."""
        space = self.space
        rows = np.array(sorted(self.touched), np.int32)
        for n in self.momentary:
            values, column = self.answers(n, rows, at), self.columns[n]
            space.value[column, rows] = values
            known = rows[~np.isnan(values)]
            space.good[column, known] = values[~np.isnan(values)]
            space.good_at[column, known] = space.at[column, known] = space.newest[known]

    def answers(self, n: int, rows: I32, at: int) -> F64:
        """Truth of a quorum in each of these groups at `at` µs, or a count, or an aggregate."""
        if self.questions[n].numeric:
            return np.array([self.tallies[n][row].value(int(self.counts[2, n, row])) for row in rows.tolist()])
        counts, horizon = self.counts[:, n].copy(), self.clock.copy()
        horizon[rows] = np.maximum(horizon[rows], 2 * at)
        for shifts in self.lapses(n, horizon):
            np.add.at(counts[YES], shifts.group, shifts.yes)
            np.add.at(counts[NO], shifts.group, shifts.no)
        return self.worth(n, counts[YES, rows], counts[NO, rows], counts[2, rows])

    def worth(self, n: int, yes: I64, no: I64, members: I64) -> F64:
        """What so many votes come to."""
        one = self.questions[n]
        if one.quorum is not None:
            return verdict(one.quorum, yes, members - yes - no, members)
        assert one.stat is not None, "a question belongs to a quorum or to an aggregate"
        return counted(one.stat, yes, yes + no, members)

    def lapses(self, n: int, horizon: I64, but: Container[int] = ()) -> Iterable[CountChanges]:
        """What time alone does to votes, from the clocks of their groups to `horizon`, i64 per group; `but`: ids of
        members that are left out.
        """
        rows = np.flatnonzero(self.clock < horizon)
        for members, standing in self.asked(n):
            if standing.timed and id(members) not in but and len(rows):
                waiting = standing.standing(rows, members.group)
                groups = members.group[waiting]
                yield standing.lapses(standing.votes(waiting), members.group, self.clock[groups], horizon[groups])

    def asked(self, n: int) -> Sequence[tuple["Members", MemberVotes]]:
        """The members that question `n` is put to, kind by kind."""
        return [
            (members, members.standings[members.numbers.index(n)]) for members in self.members if n in members.numbers
        ]
