"""Why a group's alarm changed: which members voted or were counted, what they read, and how many there were."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gateway.domain.alarm import MemberSeen, ReadingSeen, SignalSeen, Thing, ThresholdSeen
from gateway.domain.reading import Quality
from rules.compiled.reads import expressions
from rules.engine.binding.bound_expression import reading_seen
from rules.engine.frames.batch_view import BatchView, LastReading, held
from rules.engine.groups.aggregate import aggregate, weight
from rules.engine.groups.closed_windows import NAMED
from rules.engine.groups.member_votes import FAR, YES
from rules.engine.groups.members import Members
from rules.engine.groups.split_rule import Question, asked_by
from rules.engine.transitions import PendingTransition

if TYPE_CHECKING:
    from rules.engine.groups.group_evaluator import GroupEvaluator


@dataclass(frozen=True, slots=True, eq=False)
class MemberVote:
    """What a member said to question `k`: its vote is kept at row `voter`; `things` are those that voted so, `since` µs
    that it is true, 0 = it is not; `counts`: it is a vote that is true and has not lapsed, or a known number.
    """

    members: Members
    k: int
    voter: int
    value: float
    counts: bool
    since: int
    things: tuple[int, ...]


class MembersSeen:
    """`members`: those that evidence names, by device and component; and how many there were."""

    def __init__(self) -> None:
        self.members: dict[tuple[str, int], MemberSeen] = {}
        self._all: set[tuple[int, int]] = set()
        self._more: dict[int, int] = {}

    def name(self, member: MemberSeen) -> None:
        """Name it; what it read for another question may be there already."""
        seen = self.members.setdefault((member.device, member.component), member)
        readings = tuple(dict.fromkeys((*seen.readings, *member.readings)))
        self.members[member.device, member.component] = msgspec.structs.replace(
            seen, since=seen.since or member.since, readings=readings
        )

    def add(self, place: Thing, alone: bool) -> None:
        """It was counted; `alone`: the component for itself."""
        self._all.add((place.device, place.component if alone else 0))

    def more(self, number: int, known: int) -> None:
        """So many more of kind `number` were counted in a closed window."""
        self._more[number] = max(known, self._more.get(number, 0))

    def others(self, named: int) -> int:
        """How many are not named."""
        return len(self._all) + sum(self._more.values()) - named


def group_transition(groups: "GroupEvaluator", made: PendingTransition) -> PendingTransition:
    """What the runner said of a stand-in, as a transition of the group and of the whole rule."""
    row = -1 - made.thing.device
    readings: dict[str, ReadingSeen] = {}
    counted = MembersSeen()
    signals: list[SignalSeen] = []
    thresholds = list(made.evidence.thresholds)
    for n in _asked(groups, made.evidence.condition):
        one = groups.questions[n]
        if one.gathered:
            signals.append(groups.gathering.seen(n, row))
            found = _closed(groups, n, row, counted)
        else:
            ballots = list(_ballots(groups, n, row, made.at))
            signals += _counts(groups, n, ballots, several=len(groups.rule.quorums) > 1)
            chosen = _named(one, ballots)
            found = [seen for ballot in sorted(chosen, key=_place) for seen in _readings(groups, ballot, made.at)]
            thresholds += (limit for ballot in chosen for limit in _thresholds(ballot))
            for ballot in chosen:
                if ballot.counts:
                    counted.name(_member(groups, ballot, made.at))
            for ballot in ballots:
                if ballot.counts:
                    counted.add(ballot.members.space.things[ballot.voter], one.components)
        for reading in found:
            if len(readings) < NAMED:
                readings.setdefault(reading.point, reading)
    named = tuple(counted.members.values())[:NAMED]
    evidence = msgspec.structs.replace(
        made.evidence, readings=tuple(readings.values()), signals=tuple(dict.fromkeys(signals)),
        thresholds=tuple(dict.fromkeys(thresholds))[:NAMED], members=named, others=counted.others(len(named)),
    )  # fmt: skip
    return msgspec.structs.replace(made, rule=groups.rule, thing=Thing(0, 0, made.thing.group), evidence=evidence)


def _asked(groups: "GroupEvaluator", condition: str) -> Sequence[int]:
    """The questions behind a condition; all of them when it is none of the rule's."""
    columns = {one.column: n for n, one in enumerate(groups.questions)}
    for expression in expressions(groups.runner.rule):
        if expression.text == condition:
            return [columns[name] for name in asked_by(expression) if name in columns]
    return range(len(groups.questions))


def _ballots(groups: "GroupEvaluator", n: int, row: int, at: int) -> Iterator[MemberVote]:
    """What every member said as of `at` µs."""
    for members, standing in groups.asked(n):
        k = members.numbers.index(n)
        things = np.flatnonzero((standing.voter >= 0) & (members.group == row))
        key = groups.poll.key(row, at)
        answers, votes = standing.as_of(key, things)
        sides = standing.sides(votes, key)
        own: dict[int, list[int]] = {}
        for i, voter in enumerate(standing.voter[things].tolist()):
            own.setdefault(voter, []).append(i)
        for i, voter in enumerate(things.tolist()):
            if voter in own:
                value = float(answers[i] if groups.questions[n].numeric else votes.value[i])
                same = tuple(int(things[j]) for j in own[voter] if answers[j] == value)
                true = not groups.questions[n].numeric and value == 1.0 and 0 < votes.began[i] < FAR
                counts = value == value if groups.questions[n].numeric else bool(sides[i] == YES)
                yield MemberVote(members, k, voter, value, counts, int(votes.began[i]) if true else 0, same)


def _counts(groups: "GroupEvaluator", n: int, ballots: Sequence[MemberVote], *, several: bool) -> Iterator[SignalSeen]:
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


def _named(one: Question, ballots: Sequence[MemberVote]) -> list[MemberVote]:
    """The members that voted, the first to begin first; those counted, what decides first; else all that are known; as
    many as evidence names.
    """
    counting = [ballot for ballot in ballots if ballot.counts]
    if one.numeric and one.stat is not None:
        stat = one.stat
        return sorted(counting, key=lambda ballot: (weight(stat, ballot.value), _place(ballot)))[:NAMED]
    voting = sorted(counting, key=lambda ballot: (ballot.since, *_place(ballot)))
    return (voting or [ballot for ballot in ballots if ballot.value == ballot.value])[:NAMED]


def _place(ballot: MemberVote) -> tuple[int, int]:
    return ballot.members.number, ballot.voter


def _thresholds(ballot: MemberVote) -> Iterator[ThresholdSeen]:
    """What its answer hangs on."""
    for thing in ballot.things:
        yield from ballot.members.of[ballot.k].thresholds(thing)


def _member(groups: "GroupEvaluator", ballot: MemberVote, at: int) -> MemberSeen:
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


def _readings(groups: "GroupEvaluator", ballot: MemberVote, at: int) -> Iterator[ReadingSeen]:
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


def _seen(groups: "GroupEvaluator", members: Members, thing: int, column: int, at: int) -> LastReading | None:
    """The newest reading of a member as of `at` µs; this record's are in the space already."""
    units: list[tuple[int, int, int, BatchView]] = []
    for number, news in enumerate(groups.heard):
        if news.members is members and news.view is not None and (mine := np.flatnonzero(news.thing == thing)).size:
            times = news.on_our_clock()[mine].tolist()
            units += [(t, number, int(news.units[i]), news.view) for t, i in zip(times, mine.tolist(), strict=True)]
    for t, _, unit, view in sorted(units, key=lambda one: one[:3], reverse=True):
        if t <= at and (row := int(view.last(column)[unit])) >= 0:
            rows = view.rows
            return LastReading(
                float(rows.value[row]), int(rows.at[row]), int(rows.received[row]), int(rows.quality[row])
            )
    found = held(members.space, column, thing)
    return None if found is None or min(found.at, found.received or found.at) > at else found


def _closed(groups: "GroupEvaluator", n: int, row: int, counted: MembersSeen) -> list[ReadingSeen]:
    """What the members of an aggregate over closed windows had in the newest one; names them."""
    one, formed = groups.questions[n], groups.gathering.newest.get((n, row))
    if formed is None or one.stat is None:
        return []
    text, more, found = one.stat.of.text, Counter(formed.counted), []
    for (number, thing), value in formed.members:
        members = groups.members[number]
        seen = ReadingSeen(text, value, one.stat.of.unit, formed.end, 0, int(Quality.GOOD))
        found.append(((number, thing), msgspec.structs.replace(seen, point=f"{_name(members, thing)}.{text}")))
        if one.numeric or value == 1.0:
            place = members.space.things[thing]
            code = members.common.world.devices[place.device].code
            counted.name(MemberSeen(code, place.component if one.components else 0, 0, (seen,)))
            counted.add(place, one.components)
            more[number] -= 1
    for number, known in more.items():
        counted.more(number, known)
    return [seen for _, seen in sorted(found, key=lambda pair: pair[0])]


def _name(members: Members, thing: int) -> str:
    """`p1`, or `p1.2` for a component."""
    place = members.space.things[thing]
    code = members.common.world.devices[place.device].code
    return f"{code}.{place.component}" if place.component else code
