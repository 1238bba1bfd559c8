"""The groups of a rule: their rows, and what the answers of their members come to."""

from collections.abc import Container, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Thing
from gateway.domain.device import Device
from gateway.domain.reading import F64, I32, I64
from rules.compiled import Rule
from rules.engine.groups.aggregate import NAN, GroupAggregate, counted, verdict
from rules.engine.groups.member_table import MemberTable
from rules.engine.groups.member_votes import MemberVotes
from rules.engine.groups.recent_answers import RecentAnswers
from rules.engine.groups.split_rule import questions_of
from rules.engine.groups.votes import NO, YES, CountChanges
from rules.engine.state.fleet import Fleet
from rules.engine.state.reevaluations import Reevaluations
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable, widened


def group_thing(row: int, group: str) -> Thing:
    """How a group is called inside its table; transitions call it by its name alone."""
    return Thing(-1 - row, 0, group)


class GroupTable:
    """Rows of `space` are the groups, its columns (`columns` by question) the answers. `kinds`: the members.

    `counts` i64[3, question, group]: votes that are false, that are true, and all there are, as of `clock` i64 per
    group, the key up to which time has changed votes; `tallies` of what is no count: question -> one per group; `alive`
    i64: watched devices per group, without which there is no group · `touched`: groups to be judged again, and since
    when µs · `as_device`: thing id -> a device with the attributes, tags and zone of the group's site or customer ·
    `looked` µs: up to when votes were seen to become too old · `changes` rises when members come or go · `by_time`:
    (row, µs) of the moments that time alone made, as judged last.
    """

    def __init__(self, rule: Rule, space: ThingTable, fleet: Fleet, reevaluations: Reevaluations) -> None:
        self.rule, self.space, self.fleet, self.reevaluations = rule, space, fleet, reevaluations
        self.questions = questions_of(rule)
        self.columns = [space.column(one.column) for one in self.questions]
        self.momentary = [n for n, one in enumerate(self.questions) if not one.gathered]
        self.touched: dict[int, int] = {}
        self.kinds: list[MemberTable] = []
        self.looked = -NEVER
        self.changes = 0
        self.by_time: set[tuple[int, int]] = set()
        self.as_device: dict[int, Device] = {}
        self.clear()
        for thing in space.things:
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
            self.space.add(group_thing(len(self.rows), group), 0)
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
        by = self.rule.watch.group
        site, customer = (group if by == kind else "" for kind in ("site", "customer"))
        self.as_device[-1 - row] = Device(-1 - row, group, "", by, site=site, customer=customer)

    # --- membership
    def weigh(
        self, n: int, votes: MemberVotes, voters: NDArray[np.integer], rows: NDArray[np.integer], sign: int
    ) -> None:
        """Count these votes, of groups `rows`, in or out."""
        voters, rows = voters[votes.size[voters] > 0], rows[votes.size[voters] > 0]
        sides = votes.limits.sides(votes.votes(voters), self.clock[rows])
        for side in (NO, YES):
            np.add.at(self.counts[side, n], rows[sides == side], sign)
        np.add.at(self.counts[2, n], rows, sign)

    def count(self, row: int, by: int) -> None:
        """Watched devices more or less: without any there is no group."""
        self.alive[row] += by
        self.changes += 1

    def recount(self) -> None:
        """Everything anew, from what the members hold."""
        self.counts[...] = self.alive[...] = 0
        for tallies, one in zip(self.tallies, self.questions, strict=True):
            tallies[:] = [GroupAggregate(one.stat) for _ in self.rows] if one.stat is not None else []
        for members in self.kinds:
            placed = np.flatnonzero(members.group >= 0)
            np.add.at(self.alive, members.group[placed[members.watched[placed]]], 1)
            for n, votes in zip(members.numbers, members.votes, strict=True):
                votes.recount()
                asked = np.flatnonzero(votes.voter >= 0)
                voters = np.flatnonzero(votes.size > 0)
                self.weigh(n, votes, voters, members.group[voters], 1)
                if self.questions[n].numeric:
                    for thing in asked.tolist():
                        key = members.number, thing
                        self.tallies[n][members.group[thing]].change(key, NAN, float(votes.answer[thing]))
        self.changes += 1

    def restate(
        self, members: MemberTable, k: int, things: NDArray[np.intp], values: F64, read_at: I64, became: I64, at: int
    ) -> None:
        """Answers of these members to their question `k` changed at `at` µs without a reading; see `MemberVotes`."""
        n, votes = members.numbers[k], members.votes[k]
        before = votes.answer[things]
        voters = np.unique(votes.voter[things])
        self.weigh(n, votes, voters, members.group[voters], -1)
        votes.restate(things, values, read_at, became)
        self.weigh(n, votes, voters, members.group[voters], 1)
        for i in np.flatnonzero((before != values) & ~(np.isnan(before) & np.isnan(values))).tolist():
            row = int(members.group[things[i]])
            if members.questions[k].numeric:
                key = (members.number, int(things[i]))
                self.tallies[n][row].change(key, float(before[i]), float(values[i]))
            self.touch(row, at)

    def touch(self, row: int, at: int) -> None:
        """Membership or attributes changed at `at` µs: the group is judged again."""
        self.touched[row] = at
        self.recent.begin(row, int(self.clock[row]) + 1)

    def reevaluate(self, row: int, since: int) -> None:
        """What was decided of the group at or after `since` µs has to be decided again."""
        group = self.space.things[row].group
        self.reevaluations.add((self.rule.id, group), self.rule.id, since)

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
        for changes in self.passed(n, horizon):
            np.add.at(counts[YES], changes.group, changes.yes)
            np.add.at(counts[NO], changes.group, changes.no)
        return self.worth(n, counts[YES, rows], counts[NO, rows], counts[2, rows])

    def worth(self, n: int, yes: I64, no: I64, members: I64) -> F64:
        """What so many votes come to."""
        one = self.questions[n]
        if one.quorum is not None:
            return verdict(one.quorum, yes, members - yes - no, members)
        assert one.stat is not None, "a question belongs to a quorum or to an aggregate"
        return counted(one.stat, yes, yes + no, members)

    def passed(self, n: int, horizon: I64, but: Container[int] = ()) -> Iterable[CountChanges]:
        """What time alone does to votes, from the clocks of their groups to `horizon`, i64 per group; `but`: numbers of
        kinds that are left out.
        """
        rows = np.flatnonzero(self.clock < horizon)
        for members in self.asked(n):
            votes = members.on(n)
            if votes.limits and members.number not in but and len(rows):
                true = votes.true_in(rows, members.group)
                groups = members.group[true]
                yield votes.limits.passed(votes.votes(true), members.group, self.clock[groups], horizon[groups])

    def asked(self, n: int) -> Sequence[MemberTable]:
        """The kinds of member that question `n` is put to."""
        return [members for members in self.kinds if n in members.numbers]

    def key(self, row: int, at: int) -> int:
        """The key of a moment of a group that was judged last."""
        return 2 * at + ((row, at) in self.by_time)

    # --- who they are
    def devices(self, row: int) -> tuple[int, ...]:
        """The devices that are counted in a group, or asked anything."""
        found = {
            members.space.things[thing].device for members in self.kinds for thing in members.things_of(row).tolist()
        }
        return tuple(sorted(found))

    def of_device(self, device: int) -> set[int]:
        """The rows of the groups that a device is in: at most one."""
        place = self.fleet.rows.get(device)
        if place is None:
            return set()
        mine = [members for members in self.kinds if members.space is place.space and len(members.group)]
        return {row for one in mine for row in one.group[place.things].tolist() if row >= 0}

    def newest_reading(self, row: int) -> int:
        """The newest reading of any device of a group, µs; LONG_AGO = none."""
        rows = [self.fleet.rows[device] for device in self.devices(row)]
        return max([LONG_AGO, *(int(one.space.newest[one.things].max()) for one in rows)])

    def interval(self, column: str) -> int:
        """The longest promised interval of the points behind a column among the members, µs; 0 = none is promised."""
        found = 0
        for n in (n for n, one in enumerate(self.questions) if one.column == column):
            for members in self.asked(n):
                names = [members.space.names[column] for column in members.columns[members.numbers.index(n)]]
                asked = np.flatnonzero(members.on(n).voter >= 0)
                numbers = set(np.unique(members.space.profile[asked]).tolist())
                profiles = [profile for profile, number in self.fleet.profiles.items() if number in numbers]
                specs = [self.fleet.spec(profile, name) for profile in profiles for name in names]
                found = max([found, *(spec.every for spec in specs if spec is not None)])
        return found
