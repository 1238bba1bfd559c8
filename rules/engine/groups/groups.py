"""A rule on groups: members on one side, an ordinary runner on the groups on the other, and what goes across."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import Quality
from rules.compiled import Rule
from rules.engine.frames import single
from rules.engine.groups import evidence
from rules.engine.groups.gathering import Gathering
from rules.engine.groups.members import Members, interval
from rules.engine.groups.news import News, Said, in_order
from rules.engine.groups.questions import group_rule, kinds_of, member_rule
from rules.engine.groups.register import Register
from rules.engine.groups.standin import field_of_groups, field_of_members
from rules.engine.groups.tally import Key
from rules.engine.kinds import runner_of
from rules.engine.level_state import G_BUSY
from rules.engine.levels import LevelsRunner
from rules.engine.runner import Field, Runner
from rules.engine.view import Bools, Rows, View

Unit = tuple[int, int, dict[int, float], int, int]
"""(row of the group, µs, column -> value, flags, received µs)."""


def group_runners(rule: Rule, zone: str, common: Field) -> tuple[Runner, ...]:
    """The runners of a rule with `group`: one per kind of member, then that of the groups."""
    return Groups(rule, zone, common).runners()


class Groups(Register):
    """What the members say goes through here to the runner of the groups, once a record is complete."""

    def __init__(self, rule: Rule, zone: str, common: Field) -> None:
        super().__init__(rule, common, self._interval)
        self.zone, self.common = zone, common
        self.news: list[News] = []
        self.heard: list[News] = []
        self.told: dict[int, list[Said]] = {}
        self.gathering = Gathering(self)
        self._image: dict[str, NDArray[Any]] = {}
        self._names: list[str] = []
        self._touched: dict[int, int] = {}
        mine = field_of_members(common, rule.watch.group)
        self.members: list[Members] = []
        for kind in kinds_of(rule, self.questions):
            asks = {n: one for n, one in enumerate(self.questions) if kind in one.kinds}
            own = member_rule(rule, kind, tuple(asks.values()))
            self.members.append(Members(own, zone, common.world.space(kind), mine, self, len(self.members), asks))
        theirs = field_of_groups(common, self.world, lambda made: evidence.dressed(self, made))
        self.runner = runner_of(group_rule(rule, self.space.kind, self.questions), zone, self.space, theirs)
        levels = self.runner.levels if isinstance(self.runner, LevelsRunner) else ()
        self.timed = any(one.hold.for_ or one.clear_hold for one in levels)

    def runners(self) -> tuple[Runner, ...]:
        """In the order in which they have to be looked at."""
        return (*self.members, self.runner)

    # --- membership
    def leave(self, question: int, row: int, key: Key, answer: float) -> None:
        super().leave(question, row, key, answer)
        self.gathering.leave(question, row, key)

    def recount(self) -> None:
        """All tallies anew, from what the members hold."""
        self.zero()
        for members in self.members:
            for thing in np.flatnonzero(members.group[: len(members.space)] >= 0).tolist():
                members.enter(thing)

    def devices(self, row: int) -> tuple[int, ...]:
        """The devices that have a say in a group."""
        found: set[int] = set()
        for members in self.members:
            things = np.flatnonzero(members.group[: len(members.space)] == row).tolist()
            found.update(members.space.things[thing].device for thing in things)
        return tuple(sorted(found))

    def of_device(self, device: int) -> set[int]:
        """The rows of the groups in which a device has a say: at most one."""
        place = self.common.world.rows.get(device)
        if place is None:
            return set()
        mine = [members for members in self.members if members.space is place.space and members.room]
        return {row for one in mine for row in one.group[place.things].tolist() if row >= 0}

    # --- judging
    def judge_touched(self) -> None:
        """Groups whose members or attributes changed; not before all kinds of members have been counted."""
        if not self.touched or not all(members.placed for members in self.members):
            return
        touched, self.touched = sorted(self.touched.items(), key=lambda one: (one[1], one[0])), {}
        for at, several in groupby(touched, key=lambda one: one[1]):
            rows = [row for row, _ in several]
            self.touched = dict.fromkeys(rows, at)
            self.write(at)
            self.touched = {}
            self.runner.refresh(rows, at, "out_of_scope")
            for row in rows:
                if not self.alive[row]:
                    self.runner.end(row, at, "out_of_scope")
            self.runner.revalue([row for row in rows if self.alive[row]], at)
            self.gathering.wake(rows)

    def hear(self, news: News) -> None:
        """Kept until the record is complete."""
        self.news.append(news)

    def closed_window(self, question: int, row: int, key: Key, end: int, value: float) -> None:
        """A member closed a window at `end` µs."""
        self.gathering.put(question, row, key, end, value)

    def flush(self) -> None:
        """The record is complete: judge the groups it is about, in order of time."""
        self.judge_touched()
        units: list[Unit] = list(self.gathering.formed())
        self.heard, self.news = self.news, []
        if self.heard:
            units += self._moments(self.heard)
        units = [unit for unit in units if self.alive[unit[0]]]
        if units:
            self._judge(sorted(units, key=lambda unit: unit[:2]))
        for one in self.heard:
            np.maximum.at(self.space.newest, one.group, one.on_our_clock())  # holds and silences count from here
        if self.heard:
            self._known_now()
        self.heard, self.told = [], {}

    def _attentive(self) -> Bools:
        """Groups in which every moment counts, changed or not: a hold runs, or a vote lapsed."""
        every = np.ones(len(self.rows), np.bool_)
        if not isinstance(self.runner, LevelsRunner) or self.rule.clear_after or self.rule.active is not None:
            return every
        self.runner.grow()
        busy: Bools = self.runner.gate[: len(self.rows)] == G_BUSY
        if self.voting:
            latest = self.space.newest[: len(self.rows)].copy()
            for one in self.heard:
                np.maximum.at(latest, one.group, one.on_our_clock())
            busy[[row for row in self.voting if self.lapses(row, int(latest[row]))]] = True
        return busy

    def _moments(self, news: Sequence[News]) -> Iterator[Unit]:
        """What the runner has to look at. Where nothing waits, a moment at which no answer changes is none."""
        attentive, says = self._attentive(), [one.says() for one in news]
        chosen = [mask | attentive[one.group] for mask, one in zip(says, news, strict=True)]
        self.told = in_order(news, chosen, self.space.newest)
        quiet = np.zeros(len(self.rows), np.bool_)
        found: dict[int, list[Unit]] = {}
        for row, told in self.told.items():
            units = list(self._counted(row, told))
            if not attentive[row]:
                units = list(self._turns(row, units))
                quiet[row] = self.timed and bool(units)
            found[row] = units
        if quiet.any():  # a hold may have begun: from there on every moment counts here, too
            rest = in_order(news, [quiet[one.group] & ~mask for mask, one in zip(chosen, news, strict=True)],
                            self.space.newest)  # fmt: skip
            for row, told in rest.items():
                found[row] = _filled(found[row], told)
        for units in found.values():
            yield from units

    def _counted(self, row: int, told: Sequence[Said]) -> Iterator[Unit]:
        for t, said in groupby(told, key=lambda one: one.t):
            flags = received = 0
            for one in said:
                self.change(one.question, row, one.key, one.before, one.after, t)
                flags, received = flags | one.flags, max(received, one.received)
            yield (
                row,
                t,
                {self.columns[n]: self.answer(n, row, t, forget=True) for n in self.momentary},
                flags,
                received,
            )

    def _turns(self, row: int, units: Sequence[Unit]) -> Iterator[Unit]:
        """The units that differ from the one before; with a hold in the rule, all from the first of them on."""
        last = {column: float(self.space.value[column, row]) for n in self.momentary for column in [self.columns[n]]}
        turned = False
        for unit in units:
            same = all(value == last[c] or (value != value and last[c] != last[c]) for c, value in unit[2].items())
            turned = turned or not same
            if not same or (turned and self.timed):
                yield unit
            last = unit[2]

    def _judge(self, units: Sequence[Unit]) -> None:
        view = self._view(units)
        newest = self.space.newest.copy()
        for one in [single(view, k) for k in range(len(view))] if self.common.scalar else [view]:
            one.find_spans(self.common.downs)
            self.runner.frames(one)
            one.commit()
        np.maximum(self.space.newest, newest, out=self.space.newest)  # a window's end may lie before the newest reading

    def _view(self, units: Sequence[Unit]) -> View:
        cells = [(k, column, t, value, received) for k, (_, t, values, _, received) in enumerate(units)
                 for column, value in values.items()]  # fmt: skip
        value = np.array([cell[3] for cell in cells], np.float64)
        rows = Rows(
            np.array([cell[1] for cell in cells], np.int32), np.array([cell[0] for cell in cells], np.int32),
            np.array([cell[2] for cell in cells], np.int64), value,
            np.where(np.isnan(value), Quality.BAD, Quality.GOOD).astype(np.uint8),
            np.array([cell[4] for cell in cells], np.int64),
        )  # fmt: skip
        none = np.zeros(0, np.int32)
        return View(
            self.space, np.array([unit[0] for unit in units], np.int32),
            np.array([unit[1] for unit in units], np.int64),
            np.array([unit[3] for unit in units], np.uint8), rows, none, np.zeros(0, np.int64),
        )  # fmt: skip

    def _known_now(self) -> None:
        space, rows = self.space, np.zeros(len(self.rows), np.bool_)
        for one in self.heard:
            rows[one.group] = True
        for n in self.momentary:
            column = self.columns[n]
            known = np.flatnonzero(rows & ~np.isnan(space.value[column, : len(rows)]))
            space.good_at[column][known] = space.at[column][known] = space.newest[known]

    def _interval(self, column: str) -> int:
        return max(
            (
                interval(members, members.numbers.index(n))
                for n, one in enumerate(self.questions)
                if one.column == column
                for members in self.members
                if n in members.numbers
            ),
            default=0,
        )

    # --- edits, snapshot
    def adopt(self, old: "Groups") -> None:
        """Go on where the revision before was."""
        self.gathering.adopt(old.gathering)
        self.touched |= old.touched

    def state(self) -> dict[str, NDArray[Any]]:
        """The space: its rows and newest answers, by name."""
        names = msgspec.msgpack.encode((list(self.rows), self.space.names))
        tables = {f"groups.{name}": table for name, table in self.space.tables().items()}
        return tables | {"groups": np.frombuffer(names, np.uint8)}

    def extra(self) -> bytes:
        """What waits."""
        return msgspec.msgpack.encode((self.touched, self.gathering.state()))

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """The inverse of `state`: the groups get the rows that they had."""
        groups, names = msgspec.msgpack.decode(state["groups"].tobytes(), type=tuple[list[str], list[str]])
        self.space.reset()
        self.clear()
        for group in groups:
            self.row_of(group)
        self._image = {
            name.removeprefix("groups."): table for name, table in state.items() if name.startswith("groups.")
        }
        self._names = names
        for members in self.members:
            members.regroup()

    def load_extra(self, blob: bytes) -> None:
        """The inverse of `extra`."""
        self._touched, waiting = msgspec.msgpack.decode(blob, type=tuple[dict[int, int], bytes])
        self.gathering.load(waiting)

    def restored(self) -> None:
        """Once more after every kind of member: what its `refresh` did is not what happened."""
        self.touched = dict(self._touched)
        columns = [self.space.column(name) for name in self._names]
        for name, table in self._image.items():
            self.space.fill(name, table, columns)
        self.recount()


def _filled(units: Sequence[Unit], told: Sequence[Said]) -> list[Unit]:
    """The moments of `told`, too, at which nothing changed since the unit before."""
    found = {unit[1]: unit for unit in units}
    times = [unit[1] for unit in units]
    for one in told:
        place = bisect_right(times, one.t) - 1
        if place >= 0:
            row, _, values, _, _ = units[place]
            flags, received = (found[one.t][3], found[one.t][4]) if one.t in found else (0, 0)
            found[one.t] = row, one.t, values, flags | one.flags, max(received, one.received)
    return [found[t] for t in sorted(found)]
