"""Why a group's alarm changed: which members voted, what they read, and how many there were."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from gateway.domain.alarm import ReadingSeen, SignalSeen, Thing, ThresholdSeen
from gateway.domain.reading import Quality
from rules.compiled.reads import expressions
from rules.engine.bound import reading_seen
from rules.engine.emit import Made
from rules.engine.groups.gathering import NAMED
from rules.engine.groups.members import Members
from rules.engine.groups.questions import asked_by
from rules.engine.groups.tally import Key, aggregate
from rules.engine.view import Seen, View, held

if TYPE_CHECKING:
    from rules.engine.groups.groups import Groups


def dressed(groups: "Groups", made: Made) -> Made:
    """What the runner said of a stand-in, as a transition of the group and of the whole rule."""
    row = -1 - made.thing.device
    readings: dict[str, ReadingSeen] = {}
    signals: list[SignalSeen] = []
    thresholds = list(made.evidence.thresholds)
    asked = _asked(groups, made.evidence.condition)
    for n in asked:
        one = groups.questions[n]
        if one.gathered:
            signals.append(groups.gathering.seen(n, row))
            found = _windows(groups, n, row)
        else:
            answers = dict(_answers(groups, n, row, made.at))
            signals += _counts(groups, n, answers, made.at, several=len(groups.rule.quorums) > 1)
            chosen = _named(groups, n, answers, made.at)
            found = _readings(groups, n, chosen, made.at)
            thresholds += _thresholds(groups, n, chosen)
        for reading in found:
            if len(readings) < NAMED:
                readings.setdefault(reading.point, reading)
    evidence = msgspec.structs.replace(
        made.evidence, readings=tuple(readings.values()), signals=tuple(dict.fromkeys(signals)),
        thresholds=tuple(dict.fromkeys(thresholds))[:NAMED],
    )  # fmt: skip
    return dataclasses.replace(made, rule=groups.rule, thing=Thing(0, 0, made.thing.group), evidence=evidence)


def _asked(groups: "Groups", condition: str) -> Sequence[int]:
    """The questions behind a condition; all of them when it is none of the rule's."""
    columns = {one.column: n for n, one in enumerate(groups.questions)}
    for expression in expressions(groups.runner.rule):
        if expression.text == condition:
            return [columns[name] for name in asked_by(expression) if name in columns]
    return range(len(groups.questions))


def _answers(groups: "Groups", n: int, row: int, at: int) -> Iterator[tuple[Key, float]]:
    """What every member said as of `at` µs."""
    undone: dict[Key, float] = {}
    for said in reversed(groups.told.get(row, ())):
        if said.question == n and said.t > at:
            undone[said.key] = said.before
    for members in groups.members:
        if n not in members.numbers:
            continue
        k = members.numbers.index(n)
        for thing in np.flatnonzero(members.asked[k] & (members.group == row)).tolist():
            key = members.number, thing
            yield key, undone.get(key, float(members.answer[k, thing]))


def _counts(
    groups: "Groups", n: int, answers: dict[Key, float], at: int, *, several: bool
) -> Iterator[SignalSeen]:  # fmt: skip
    one = groups.questions[n]
    known = [(key, value) for key, value in answers.items() if value == value]
    if one.stat is not None:
        value, covered = aggregate(one.stat, known, len(answers))
        yield SignalSeen(one.stat.name, None if value != value else value, one.stat.unit, 0, 0, covered)
        return
    name = one.column if several else "members"
    covered = len(known) / len(answers) if answers else 0.0
    voting = sum(value == 1.0 and _counts_still(groups, n, key, at) for key, value in known)
    yield SignalSeen(f"{name} voting", float(voting), "", 0, 0, covered)
    yield SignalSeen(f"{name} known", float(len(known)), "", 0, 0, covered)
    yield SignalSeen(name, float(len(answers)), "", 0, 0, covered)


def _counts_still(groups: "Groups", n: int, key: Key, at: int) -> bool:
    quorum = groups.questions[n].quorum
    if quorum is None or not quorum.within:
        return True
    members = groups.members[key[0]]
    return int(members.voted[members.numbers.index(n), key[1]]) >= at - quorum.within


def _named(groups: "Groups", n: int, answers: dict[Key, float], at: int) -> list[Key]:
    """The members that voted, else all that are known; as many as evidence names."""
    known = [key for key, value in answers.items() if value == value]
    voting = [key for key in known if answers[key] == 1.0 and _counts_still(groups, n, key, at)]
    return (voting if groups.questions[n].quorum is not None and voting else known)[:NAMED]


def _thresholds(groups: "Groups", n: int, chosen: Sequence[Key]) -> Iterator[ThresholdSeen]:
    """What their answers hang on."""
    for number, thing in chosen:
        members = groups.members[number]
        yield from members.of[members.numbers.index(n)].thresholds(thing)


def _readings(groups: "Groups", n: int, chosen: Sequence[Key], at: int) -> Iterator[ReadingSeen]:
    """What they read."""
    for number, thing in chosen:
        members = groups.members[number]
        place = members.space.things[thing]
        device = members.common.world.devices[place.device]
        for column in members.of[members.numbers.index(n)].columns:
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
