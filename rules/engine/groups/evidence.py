"""Why a group's alarm changed: which members voted or were counted, what they read, and how many there were."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from gateway.domain.alarm import MemberSeen, ReadingSeen, SignalSeen, Thing, ThresholdSeen
from gateway.domain.reading import F64, Quality
from rules.compiled import Rule
from rules.compiled.reads import expressions
from rules.engine.binding.bound_expression import BoundExpression, reading_seen
from rules.engine.frames.batch_view import BatchView, LastReading, held
from rules.engine.groups.aggregate import aggregate, weight
from rules.engine.groups.closed_windows import NAMED, ClosedWindows
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.member_answers import QuestionAnswers
from rules.engine.groups.member_table import MemberTable
from rules.engine.groups.member_votes import MemberVotes
from rules.engine.groups.split_rule import Question, asked_by
from rules.engine.groups.votes import FAR, YES, Index, VoteStates
from rules.engine.transitions import PendingTransition


@dataclass(frozen=True, slots=True, eq=False)
class MemberVote:
    """Answer of a member to question `k`: its vote is kept at row `voter`; `things` are those that answered so, `since`
    µs that it is true, 0 = it is not; `counts`: it is a true vote within its limits, or a known number.
    """

    members: MemberTable
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


class GroupEvidence:
    """Completes the transitions of groups. `rule` is the one that judges them, `bounds` the expressions of each
    question by kind of member; `answers`: those of the record under way, whose readings are in the tables of the
    members already.
    """

    def __init__(self, table: GroupTable, closed: ClosedWindows, rule: Rule) -> None:
        self.table, self.closed, self.rule = table, closed, rule
        self.bounds: list[Sequence[BoundExpression]] = []
        self.answers: Sequence[QuestionAnswers] = ()

    def complete(self, made: PendingTransition) -> PendingTransition:
        """A transition of a row of the table as one of the group and the whole rule, with evidence of the members."""
        row = -1 - made.thing.device
        readings: dict[str, ReadingSeen] = {}
        counted = MembersSeen()
        signals: list[SignalSeen] = []
        thresholds = list(made.evidence.thresholds)
        for n in self._asked(made.evidence.condition):
            one = self.table.questions[n]
            if one.gathered:
                signals.append(self.closed.seen(n, row))
                found = self._closed(n, row, counted)
            else:
                given = list(self._votes(n, row, made.at))
                signals += self._counts(n, given, several=len(self.table.rule.quorums) > 1)
                chosen = _named(one, given)
                found = [seen for vote in sorted(chosen, key=_place) for seen in self._readings(vote, made.at)]
                thresholds += (limit for vote in chosen for limit in self._thresholds(vote))
                for vote in chosen:
                    if vote.counts:
                        counted.name(self._member(vote, made.at))
                for vote in given:
                    if vote.counts:
                        counted.add(vote.members.space.things[vote.voter], one.components)
            for reading in found:
                if len(readings) < NAMED:
                    readings.setdefault(reading.point, reading)
        named = tuple(counted.members.values())[:NAMED]
        evidence = msgspec.structs.replace(
            made.evidence,
            readings=tuple(readings.values()),
            signals=tuple(dict.fromkeys(signals)),
            thresholds=tuple(dict.fromkeys(thresholds))[:NAMED],
            members=named,
            others=counted.others(len(named)),
        )
        return msgspec.structs.replace(
            made, rule=self.table.rule, thing=Thing(0, 0, made.thing.group), evidence=evidence
        )

    def _asked(self, condition: str) -> Sequence[int]:
        """The questions behind a condition; all of them when it is none of the rule's."""
        columns = {one.column: n for n, one in enumerate(self.table.questions)}
        for expression in expressions(self.rule):
            if expression.text == condition:
                return [columns[name] for name in asked_by(expression) if name in columns]
        return range(len(self.table.questions))

    def _votes(self, n: int, row: int, at: int) -> Iterator[MemberVote]:
        """The answer of every member as of `at` µs."""
        for members in self.table.asked(n):
            kept = members.on(n)
            k = members.numbers.index(n)
            things = np.flatnonzero((kept.voter >= 0) & (members.group == row))
            key = self.table.key(row, at)
            answers, votes = _as_of(kept, key, things)
            sides = kept.limits.sides(votes, key)
            own: dict[int, list[int]] = {}
            for i, voter in enumerate(kept.voter[things].tolist()):
                own.setdefault(voter, []).append(i)
            for i, voter in enumerate(things.tolist()):
                if voter in own:
                    value = float(answers[i] if self.table.questions[n].numeric else votes.value[i])
                    same = tuple(int(things[j]) for j in own[voter] if answers[j] == value)
                    true = not self.table.questions[n].numeric and value == 1.0 and 0 < votes.began[i] < FAR
                    counts = value == value if self.table.questions[n].numeric else bool(sides[i] == YES)
                    yield MemberVote(members, k, voter, value, counts, int(votes.began[i]) if true else 0, same)

    def _counts(self, n: int, found: Sequence[MemberVote], *, several: bool) -> Iterator[SignalSeen]:
        one = self.table.questions[n]
        known = [((vote.members.number, vote.voter), vote.value) for vote in found if vote.value == vote.value]
        if one.stat is not None:
            value, covered = aggregate(one.stat, known, len(found))
            yield SignalSeen(one.stat.name, None if value != value else value, one.stat.unit, 0, 0, covered)
            return
        name = one.column if several else "members"
        covered = len(known) / len(found) if found else 0.0
        yield SignalSeen(f"{name} voting", float(sum(vote.counts for vote in found)), "", 0, 0, covered)
        yield SignalSeen(f"{name} known", float(len(known)), "", 0, 0, covered)
        yield SignalSeen(name, float(len(found)), "", 0, 0, covered)

    def _thresholds(self, vote: MemberVote) -> Iterator[ThresholdSeen]:
        """What its answer was compared with."""
        for thing in vote.things:
            yield from self.bounds[vote.members.number][vote.k].thresholds(thing)

    def _member(self, vote: MemberVote, at: int) -> MemberSeen:
        members = vote.members
        place = members.space.things[vote.voter]
        code, alone = (
            self.table.fleet.devices[place.device].code,
            self.table.questions[members.numbers[vote.k]].components,
        )
        known = f"{code}.{place.component}." if alone and place.component else f"{code}."
        readings = tuple(
            msgspec.structs.replace(seen, point=seen.point.removeprefix(known)) for seen in self._readings(vote, at)
        )
        return MemberSeen(code, place.component if alone else 0, vote.since, readings)

    def _readings(self, vote: MemberVote, at: int) -> Iterator[ReadingSeen]:
        """What the things of a member read."""
        members = vote.members
        for thing in vote.things:
            place = members.space.things[thing]
            device = self.table.fleet.devices[place.device]
            for column in members.columns[vote.k]:
                seen = self._seen(members, thing, column, at)
                if seen is not None:
                    name = members.space.names[column]
                    reading = reading_seen(self.table.fleet, device.profile, name, place.component, seen)
                    yield msgspec.structs.replace(reading, point=f"{self._name(members, thing)}.{name}")

    def _seen(self, members: MemberTable, thing: int, column: int, at: int) -> LastReading | None:
        """The newest reading of a member as of `at` µs; this record's are in the space already."""
        units: list[tuple[int, int, int, BatchView]] = []
        for number, some in enumerate(self.answers):
            mine = np.flatnonzero((some.thing == thing) & (some.source[0] == members.number))
            if some.view is not None and len(mine):
                times = some.on_our_clock()[mine].tolist()
                units += [(t, number, int(some.units[i]), some.view) for t, i in zip(times, mine.tolist(), strict=True)]
        for t, _, unit, view in sorted(units, key=lambda one: one[:3], reverse=True):
            if t <= at and (row := int(view.last(column)[unit])) >= 0:
                rows = view.rows
                return LastReading(
                    float(rows.value[row]), int(rows.at[row]), int(rows.received[row]), int(rows.quality[row])
                )
        found = held(members.space, column, thing)
        return None if found is None or min(found.at, found.received or found.at) > at else found

    def _closed(self, n: int, row: int, counted: MembersSeen) -> list[ReadingSeen]:
        """What the members of an aggregate over closed windows had in the newest one; names them."""
        one, formed = self.table.questions[n], self.closed.newest.get((n, row))
        if formed is None or one.stat is None:
            return []
        text, more, found = one.stat.of.text, Counter(formed.counted), []
        for (number, thing), value in formed.members:
            members = self.table.kinds[number]
            seen = ReadingSeen(text, value, one.stat.of.unit, formed.end, 0, int(Quality.GOOD))
            found.append(((number, thing), msgspec.structs.replace(seen, point=f"{self._name(members, thing)}.{text}")))
            if one.numeric or value == 1.0:
                place = members.space.things[thing]
                code = self.table.fleet.devices[place.device].code
                counted.name(MemberSeen(code, place.component if one.components else 0, 0, (seen,)))
                counted.add(place, one.components)
                more[number] -= 1
        for number, known in more.items():
            counted.more(number, known)
        return [seen for _, seen in sorted(found, key=lambda pair: pair[0])]

    def _name(self, members: MemberTable, thing: int) -> str:
        """`p1`, or `p1.2` for a component."""
        place = members.space.things[thing]
        code = self.table.fleet.devices[place.device].code
        return f"{code}.{place.component}" if place.component else code


def _as_of(kept: MemberVotes, key: int, things: Index) -> tuple[F64, VoteStates]:
    """(answers of these things, the votes kept at these rows) as of a key inside the record under way."""
    answer, votes = kept.answer, kept.votes(np.arange(len(kept.voter)))
    if kept.before is not None:
        answer = answer.copy()
        kept.before.put_back(key, answer, votes)
    return answer[things], votes.at(things)


def _named(one: Question, found: Sequence[MemberVote]) -> list[MemberVote]:
    """The members that voted, the first to begin first; those counted, what decides first; else all that are known; as
    many as evidence names.
    """
    counting = [vote for vote in found if vote.counts]
    if one.numeric and one.stat is not None:
        stat = one.stat
        return sorted(counting, key=lambda vote: (weight(stat, vote.value), _place(vote)))[:NAMED]
    voting = sorted(counting, key=lambda vote: (vote.since, *_place(vote)))
    return (voting or [vote for vote in found if vote.value == vote.value])[:NAMED]


def _place(vote: MemberVote) -> tuple[int, int]:
    return vote.members.number, vote.voter
