"""Which group a device is in with its components, and what it is asked there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gateway.domain.device import Device, Life
from rules.engine.groups.aggregate import NAN
from rules.engine.state.fleet import name_of

if TYPE_CHECKING:
    from rules.engine.groups.members import Members


def place(members: "Members", device: Device, things: Sequence[int], at: int, *, count: bool) -> None:
    """The device with its components is in the group that its attributes say, or in none; without `count` the caller
    counts all members anew.
    """
    row, mine, voters = membership_of(members, device, things)
    before = int(members.group[things].max())
    if before == row and _stays(members, things, mine, voters):
        if row >= 0:
            members.groups.touch(row, at)
        return
    if count:
        _weigh(members, things, before, -1)
    _move(members, things, before, row, mine, voters)
    if count:
        _weigh(members, things, row, 1)
    for one in (before, row):
        if one >= 0:
            members.groups.touch(one, at)


def _move(
    members: "Members",
    things: Sequence[int],
    before: int,
    row: int,
    mine: Sequence[bool],
    voters: Sequence[Sequence[int]],
) -> None:
    for standing, places in zip(members.standings, voters, strict=True):
        for thing, voter in zip(things, places, strict=True):
            if standing.voter[thing] >= 0:
                standing.leave(thing)
            if voter < 0:
                standing.forget(thing)
    for i, thing in enumerate(things):
        for n in members.numbers if before >= 0 else ():
            members.groups.gathering.leave(n, before, (members.number, thing))
        members.mine[thing] = mine[i]
        members.watched[thing] = inside = mine[i] or any(each[i] >= 0 for each in voters)
        members.group[thing] = row if inside else -1
        if not inside:
            _forget(members, thing)
    for standing, places in zip(members.standings, voters, strict=True):
        for thing, voter in zip(things, places, strict=True):
            if voter >= 0:
                standing.enter(thing, voter)


def _stays(members: "Members", things: Sequence[int], mine: Sequence[bool], voters: Sequence[Sequence[int]]) -> bool:
    same = all(
        standing.voter[things].tolist() == list(each)
        for standing, each in zip(members.standings, voters, strict=True)
    )  # fmt: skip
    return same and members.mine[things].tolist() == list(mine)


def _weigh(members: "Members", things: Sequence[int], row: int, sign: int) -> None:
    """Count a device in or out of its group, with what it said so far."""
    if row < 0:
        return
    for n, standing in zip(members.numbers, members.standings, strict=True):
        asked = standing.voter[things]
        voters = np.unique(asked[asked >= 0])
        members.groups.weigh(n, standing, voters, np.full(len(voters), row), sign)
        for thing in things if members.groups.questions[n].numeric else ():
            answer = float(standing.answer[thing])
            if standing.voter[thing] >= 0 and answer == answer:
                pair = (NAN, answer) if sign > 0 else (answer, NAN)
                members.groups.tallies[n][row].change((members.number, thing), *pair)
    members.groups.count(row, sign * int(members.mine[things].sum()))


def _forget(members: "Members", thing: int) -> None:
    for name, fill in members.arrays:
        getattr(members, name)[..., thing] = fill
    if members.windows is not None:
        members.windows.forget(thing)


def membership_of(members: "Members", device: Device, things: Sequence[int]) -> tuple[int, list[bool], list[list[int]]]:
    """(row of its group or -1; per thing: is it watched; per question and thing: where its vote is kept or -1)."""
    nowhere = -1, [False] * len(things), [[-1] * len(things) for _ in members.questions]
    if device.life is not Life.IN_SERVICE or device.kind != members.space.kind:
        return nowhere
    facts = members.common.world.facts(device)
    name = name_of(facts.get(members.groups.rule.watch.group))
    if not name:
        return nowhere
    places, watch = [members.space.things[thing].component for thing in things], members.groups.rule.watch
    passes: dict[int, bool] = {}
    voters = []
    for one, each in zip(members.questions, members.each, strict=True):
        if id(one.where) not in passes:
            passes[id(one.where)] = one.where is None or one.where(facts) is True
        asked = [passes[id(one.where)] and _fits(device, component, each=each) for component in places]
        first = members.common.world.rows[device.id].things[int(each and device.components > 0)]
        voters.append(
            [(thing if one.components else first) if yes else -1 for thing, yes in zip(things, asked, strict=True)]
        )
    here = members.watching and (watch.where is None or watch.where(facts) is True)
    each = any(members.each) or watch.each
    mine = [here and _fits(device, component, each=each) for component in places]
    inside = any(mine) or any(voter >= 0 for one in voters for voter in one)
    return (members.groups.row_of(name) if inside else -1), mine, voters


def _fits(device: Device, component: int, *, each: bool) -> bool:
    return component <= device.components and (component > 0) == (each and device.components > 0)
