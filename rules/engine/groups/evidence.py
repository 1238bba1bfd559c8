"""Why a group's alarm changed: which members voted, what they read, and how many there were."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gateway.domain.alarm import MemberSeen, ReadingSeen, SignalSeen, Thing, ThresholdSeen
from gateway.domain.reading import Quality
from rules.compiled.reads import expressions
from rules.engine.bound import reading_seen
from rules.engine.emit import Made
from rules.engine.groups.gathering import NAMED
from rules.engine.groups.members import Members
from rules.engine.groups.questions import asked_by
from rules.engine.groups.standing import FAR, YES
from rules.engine.groups.tally import aggregate
from rules.engine.view import Seen, View, held

if TYPE_CHECKING:
    from rules.engine.groups.groups import Groups


@dataclass(frozen=True, slots=True, eq=False)
class Ballot:
    """What a member said to question `k`: its vote is kept at row `voter`; `things` are those that voted so, `since` µs
    that it is true, 0 = it is not; `counts`: it is true and has not lapsed.
    """

    members: Members
    k: int
    voter: int
    value: float
    counts: bool
    since: int
    things: tuple[int, ...]


def dressed(groups: "Groups", made: Made) -> Made:
    """What the runner said of a stand-in, as a transition of the group and of the whole rule."""
    row = -1 - made.thing.device
    readings: dict[str, ReadingSeen] = {}
    voted: dict[tuple[str, int], MemberSeen] = {}
    signals: list[SignalSeen] = []
    thresholds, voting = list(made.evidence.thresholds), 0
    for n in _asked(groups, made.evidence.condition):
        one = groups.questions[n]
        if one.gathered:
            signals.append(groups.gathering.seen(n, row))
            found = list(_windows(groups, n, row))
        else:
            ballots = list(_ballots(groups, n, row, made.at))
            signals += _counts(groups, n, ballots, several=len(groups.rule.quorums) > 1)
            chosen = _named(ballots, votes=not one.numeric)
            found = [seen for ballot in sorted(chosen, key=_place) for seen in _readings(groups, ballot, made.at)]
            thresholds += (limit for ballot in chosen for limit in _thresholds(ballot))
            for ballot in chosen:
                if ballot.counts:
                    member = _member(groups, ballot, made.at)
                    voted.setdefault((member.device, member.component), member)
            voting += sum(ballot.counts for ballot in ballots) if not one.numeric else 0
        for reading in found:
            if len(readings) < NAMED:
                readings.setdefault(reading.point, reading)
    named = tuple(voted.values())[:NAMED]
    evidence = msgspec.structs.replace(
        made.evidence, readings=tuple(readings.values()), signals=tuple(dict.fromkeys(signals)),
        thresholds=tuple(dict.fromkeys(thresholds))[:NAMED], members=named, others=max(0, voting - len(named)),
    )  # fmt: skip
    return msgspec.structs.replace(made, rule=groups.rule, thing=Thing(0, 0, made.thing.group), evidence=evidence)


def _asked(groups: "Groups", condition: str) -> Sequence[int]:
    """The questions behind a condition; all of them when it is none of the rule's."""
    columns = {one.column: n for n, one in enumerate(groups.questions)}
    for expression in expressions(groups.runner.rule):
        if expression.text == condition:
            return [columns[name] for name in asked_by(expression) if name in columns]
    return range(len(groups.questions))


def _ballots(groups: "Groups", n: int, row: int, at: int) -> Iterator[Ballot]:
    """What every member said as of `at` µs."""
    for members, standing in groups.asked(n):
        k = members.numbers.index(n)
        things = np.flatnonzero((standing.voter >= 0) & (members.group == row))
        answers, votes = standing.as_of(2 * at, things)
        sides = standing.sides(votes, 2 * at)
        own: dict[int, list[int]] = {}
        for i, voter in enumerate(standing.voter[things].tolist()):
            own.setdefault(voter, []).append(i)
        for i, voter in enumerate(things.tolist()):
            if voter in own:
                value = float(answers[i] if groups.questions[n].numeric else votes.value[i])
                same = tuple(int(things[j]) for j in own[voter] if answers[j] == value)
                true = value == 1.0 and 0 < votes.began[i] < FAR
                counts = not groups.questions[n].numeric and bool(sides[i] == YES)
                yield Ballot(members, k, voter, value, counts, int(votes.began[i]) if true else 0, same)


def _counts(groups: "Groups", n: int, ballots: Sequence[Ballot], *, several: bool) -> Iterator[SignalSeen]:
    one = groups.questions[n]
    known = [
        ((ballot.members.number, ballot.voter), ballot.value) for ballot in ballots if ballot.value == ballot.value
    ]
    if one.stat is not None:
        value, covered = aggregate(one.stat, known, len(ballots))
        yield SignalSeen(one.stat.name, None if value != value else value, one.stat.unit, 0, 0, covered)
        return
    name = one.column if several else "members"
    covered = len(known) / len(ballots) if ballots else 0.0
    yield SignalSeen(f"{name} voting", float(sum(ballot.counts for ballot in ballots)), "", 0, 0, covered)
    yield SignalSeen(f"{name} known", float(len(known)), "", 0, 0, covered)
    yield SignalSeen(name, float(len(ballots)), "", 0, 0, covered)


def _named(ballots: Sequence[Ballot], *, votes: bool) -> list[Ballot]:
    """The members that voted, the first to begin first, else all that are known; as many as evidence names."""
    voting = sorted((ballot for ballot in ballots if ballot.counts), key=lambda one: (one.since, *_place(one)))
    return (voting if votes and voting else [ballot for ballot in ballots if ballot.value == ballot.value])[:NAMED]


def _place(ballot: Ballot) -> tuple[int, int]:
    return ballot.members.number, ballot.voter


def _thresholds(ballot: Ballot) -> Iterator[ThresholdSeen]:
    """What its answer hangs on."""
    for thing in ballot.things:
        yield from ballot.members.of[ballot.k].thresholds(thing)


def _member(groups: "Groups", ballot: Ballot, at: int) -> MemberSeen:
    members = ballot.members
    place = members.space.things[ballot.voter]
    code, alone = (
        members.common.world.devices[place.device].code,
        groups.questions[members.numbers[ballot.k]].components,
    )
    known = f"{code}.{place.component}." if alone and place.component else f"{code}."
    readings = tuple(
        msgspec.structs.replace(seen, point=seen.point.removeprefix(known)) for seen in _readings(groups, ballot, at)
    )
    return MemberSeen(code, place.component if alone else 0, ballot.since, readings)


def _readings(groups: "Groups", ballot: Ballot, at: int) -> Iterator[ReadingSeen]:
    """What the things of a member read."""
    members = ballot.members
    for thing in ballot.things:
        place = members.space.things[thing]
        device = members.common.world.devices[place.device]
        for column in members.of[ballot.k].columns:
            seen = _seen(groups, members, thing, column, at)
            if seen is not None:
                name = members.space.names[column]
                reading = reading_seen(members.common.world, device.profile, name, place.component, seen)
                yield msgspec.structs.replace(reading, point=f"{_name(members, thing)}.{name}")


def _seen(groups: "Groups", members: Members, thing: int, column: int, at: int) -> Seen | None:
    """The newest reading of a member as of `at` µs; this record's are in the space already."""
    units: list[tuple[int, int, int, View]] = []
    for number, news in enumerate(groups.heard):
        if news.members is members and news.view is not None and (mine := np.flatnonzero(news.thing == thing)).size:
            times = news.on_our_clock()[mine].tolist()
            units += [(t, number, int(news.units[i]), news.view) for t, i in zip(times, mine.tolist(), strict=True)]
    for t, _, unit, view in sorted(units, key=lambda one: one[:3], reverse=True):
        if t <= at and (row := int(view.last(column)[unit])) >= 0:
            rows = view.rows
            return Seen(float(rows.value[row]), int(rows.at[row]), int(rows.received[row]), int(rows.quality[row]))
    found = held(members.space, column, thing)
    return None if found is None or min(found.at, found.received or found.at) > at else found


def _windows(groups: "Groups", n: int, row: int) -> Iterator[ReadingSeen]:
    """What the members of an aggregate over closed windows had in the newest one."""
    formed, stat = groups.gathering.newest.get((n, row)), groups.questions[n].stat
    if formed is None or stat is None:
        return
    for (number, thing), value in formed.members:
        name = f"{_name(groups.members[number], thing)}.{stat.of.text}"
        yield ReadingSeen(name, value, stat.of.unit, formed.end, 0, int(Quality.GOOD))


def _name(members: Members, thing: int) -> str:
    """`p1`, or `p1.2` for a component."""
    place = members.space.things[thing]
    code = members.common.world.devices[place.device].code
    return f"{code}.{place.component}" if place.component else code
