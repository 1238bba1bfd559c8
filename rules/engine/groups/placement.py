"""The group that a device is in with its components, and the questions to it there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.domain.device import Device, Life
from rules.engine.groups.aggregate import NAN
from rules.engine.groups.closed_windows import ClosedWindows
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.member_table import MemberTable
from rules.engine.state.fleet import name_of


@dataclass(frozen=True, slots=True)
class Membership:
    """`row` of the group of a device, -1 = none; of each of its things whether it is `watched`; and per question and
    thing the row where its vote is kept, -1 = it is not asked.
    """

    row: int
    watched: list[bool]
    voters: list[list[int]]

    def inside(self, i: int) -> bool:
        """True if the thing at place `i` is watched, or asked anything."""
        return self.watched[i] or any(each[i] >= 0 for each in self.voters)


class Placement:
    """Puts devices into the groups that their attributes name."""

    def __init__(self, table: GroupTable, closed: ClosedWindows) -> None:
        self.table, self.closed = table, closed

    def place(self, members: MemberTable, device: Device, things: Sequence[int], at: int, *, count: bool) -> list[int]:
        """The device with its components is in the group that its attributes name, or in none, from `at` µs on. Those
        of `things` that are in none though they may have been. Without `count` the caller counts all members anew.
        """
        found = self.membership(members, device, things)
        before = int(members.group[things].max())
        if before == found.row and _stays(members, things, found):
            if found.row >= 0:
                self.table.touch(found.row, at)
            return []
        if count:
            self._count(members, things, before, -1)
        outside = self._move(members, things, before, found)
        if count:
            self._count(members, things, found.row, 1)
        for row in (before, found.row):
            if row >= 0:
                self.table.touch(row, at)
        return outside

    def membership(self, members: MemberTable, device: Device, things: Sequence[int]) -> Membership:
        """The group of a device by its attributes."""
        rule, fleet = self.table.rule, self.table.fleet
        nowhere = Membership(-1, [False] * len(things), [[-1] * len(things) for _ in members.questions])
        if device.life is not Life.IN_SERVICE or device.kind != members.space.kind:
            return nowhere
        facts = fleet.facts(device)
        name = name_of(facts.get(rule.watch.group))
        if not name:
            return nowhere
        places, watch = [members.space.things[thing].component for thing in things], rule.watch
        passes: dict[int, bool] = {}
        voters = []
        for one, each in zip(members.questions, members.each, strict=True):
            if id(one.where) not in passes:
                passes[id(one.where)] = one.where is None or one.where(facts) is True
            asked = [passes[id(one.where)] and _fits(device, component, each=each) for component in places]
            first = fleet.rows[device.id].things[int(each and device.components > 0)]
            voters.append(
                [(thing if one.components else first) if yes else -1 for thing, yes in zip(things, asked, strict=True)]
            )
        here = members.watching and (watch.where is None or watch.where(facts) is True)
        each = any(members.each) or watch.each
        watched = [here and _fits(device, component, each=each) for component in places]
        found = Membership(-1, watched, voters)
        inside = any(found.inside(i) for i in range(len(things)))
        return Membership(self.table.row_of(name) if inside else -1, watched, voters)

    def _move(self, members: MemberTable, things: Sequence[int], before: int, found: Membership) -> list[int]:
        outside = []
        for votes, places in zip(members.votes, found.voters, strict=True):
            for thing, voter in zip(things, places, strict=True):
                if votes.voter[thing] >= 0:
                    votes.remove(thing)
                if voter < 0:
                    votes.forget(thing)
        for i, thing in enumerate(things):
            for n in members.numbers if before >= 0 else ():
                self.closed.remove(n, before, (members.number, thing))
            members.watched[thing] = found.watched[i]
            members.group[thing] = found.row if found.inside(i) else -1
            if not found.inside(i):
                members.forget(thing)
                outside.append(thing)
        for votes, places in zip(members.votes, found.voters, strict=True):
            for thing, voter in zip(things, places, strict=True):
                if voter >= 0:
                    votes.add(thing, voter)
        return outside

    def _count(self, members: MemberTable, things: Sequence[int], row: int, sign: int) -> None:
        """Count a device in or out of its group, with its newest answers."""
        if row < 0:
            return
        for n, votes in zip(members.numbers, members.votes, strict=True):
            asked = votes.voter[things]
            voters = np.unique(asked[asked >= 0])
            self.table.weigh(n, votes, voters, np.full(len(voters), row), sign)
            for thing in things if self.table.questions[n].numeric else ():
                answer = float(votes.answer[thing])
                if votes.voter[thing] >= 0 and answer == answer:
                    pair = (NAN, answer) if sign > 0 else (answer, NAN)
                    self.table.tallies[n][row].change((members.number, thing), *pair)
        self.table.count(row, sign * int(members.watched[things].sum()))


def _stays(members: MemberTable, things: Sequence[int], found: Membership) -> bool:
    same = all(
        votes.voter[things].tolist() == list(each) for votes, each in zip(members.votes, found.voters, strict=True)
    )
    return same and members.watched[things].tolist() == list(found.watched)


def _fits(device: Device, component: int, *, each: bool) -> bool:
    return component <= device.components and (component > 0) == (each and device.components > 0)
