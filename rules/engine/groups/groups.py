"""A rule on groups: members on one side, an ordinary runner on the groups on the other, and what goes across."""

from collections.abc import Iterable, Sequence
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
from rules.engine.groups.news import Heard, News, heard
from rules.engine.groups.questions import group_rule, kinds_of, member_rule
from rules.engine.groups.register import Register
from rules.engine.groups.standin import field_of_groups, field_of_members
from rules.engine.groups.standing import Shifts, joined
from rules.engine.groups.tally import Key
from rules.engine.groups.timeline import Change, Ends, Timeline
from rules.engine.kinds import runner_of
from rules.engine.level_state import G_BUSY
from rules.engine.levels import LevelsRunner
from rules.engine.runner import Field, Runner
from rules.engine.sequence import SequenceRunner
from rules.engine.space import NEVER
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
        self.gathering = Gathering(self)
        self._image: dict[str, NDArray[Any]] = {}
        self._names: list[str] = []
        self._touched: dict[int, int] = {}
        mine = field_of_members(common, rule.watch.group)
        for kind in kinds_of(rule, self.questions):
            asks = {n: one for n, one in enumerate(self.questions) if kind in one.kinds}
            own = member_rule(rule, kind, tuple(asks.values()))
            self.members.append(Members(own, zone, common.world.space(kind), mine, self, len(self.members), asks))
        theirs = field_of_groups(common, self.world, lambda made: evidence.dressed(self, made))
        self.runner = runner_of(group_rule(rule, self.space.kind, self.questions), zone, self.space, theirs)
        levels = self.runner.levels if isinstance(self.runner, LevelsRunner) else ()
        self.timed = any(one.hold.for_ or one.clear_hold for one in levels)
        self.counts_words = not isinstance(self.runner, LevelsRunner | SequenceRunner)
        self.aging = [n for n in self.momentary if self.questions[n].limits[1]]
        self.looked = -NEVER

    def runners(self) -> tuple[Runner, ...]:
        """In the order in which they have to be looked at."""
        return (*self.members, self.runner)

    # --- membership
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
            units += self._moments(heard(self.heard, np.maximum(self.space.newest, self.clock // 2)))
        self._judge(units)
        for one in self.heard:
            np.maximum.at(self.space.newest, one.group, one.on_our_clock())  # holds and silences count from here
        if self.heard:
            self._known_now()
        self.heard = []
        for members in self.members:
            for standing in members.standings:
                standing.played = None

    def _held(self) -> NDArray[np.float64]:
        """f64[momentary questions, groups]: what holds as far as the runner knows."""
        found: NDArray[np.float64] = self.space.value[[self.columns[n] for n in self.momentary]]
        return found

    def _attentive(self) -> Bools:
        """Groups in which every moment counts, changed or not: a hold runs, or readings are counted."""
        if not isinstance(self.runner, LevelsRunner) or self.rule.clear_after or self.rule.active is not None:
            return np.ones(self.space.capacity, np.bool_)
        self.runner.grow()
        busy: Bools = self.runner.gate == G_BUSY
        return busy

    def _moments(self, news: Heard) -> Iterable[Unit]:
        """What the runner has to look at. Where nothing waits, a moment at which no answer changes is none."""
        attentive, held = self._attentive(), self._held()
        horizon = self.clock.copy()
        np.maximum.at(horizon, news.said.group, news.said.key)
        matters = np.ones(len(news.of), np.bool_) if self.timed else attentive[news.said.group]
        shifts: dict[int, list[Shifts]] = {}
        changes: dict[int, list[tuple[int, int, Key, float, float]]] = {}
        for place, (members, k) in enumerate(news.sources):
            at, said = news.mine(place)
            n, standing = members.numbers[k], members.standings[k]
            if self.questions[n].numeric:
                order, before = standing.changes(said)
                other = (before != said.value[order]) & ~(np.isnan(before) & np.isnan(said.value[order]))
                at, moved = at[order[other]], before[other]
                changes.setdefault(n, []).extend(
                    (int(news.said.group[i]), int(news.said.key[i]), (members.number, int(news.said.thing[i])), was,
                     float(news.said.value[i]))
                    for i, was in zip(at.tolist(), moved.tolist(), strict=True)
                )  # fmt: skip
            else:
                relevant = standing.relevant(said)
                at, said = at[relevant], said.where(relevant)
                shifts.setdefault(n, []).append(standing.play(said, members.group, self.clock, horizon))
            matters[at] = True
        ordered = [Change(n, sorted(rows, key=lambda row: row[:2])) for n, rows in changes.items()]
        line = Timeline(self, self._aged(shifts, horizon), ordered)
        ends = line.ends(news, np.flatnonzero(matters))
        line.apply(horizon)
        return self._units(self._chosen(ends, attentive, held))

    def _aged(self, shifts: dict[int, list[Shifts]], horizon: NDArray[np.int64]) -> dict[int, Shifts]:
        """The shifts of every question; of those that no answer came to, what time does."""
        for n, one in enumerate(self.questions):
            said = {id(members) for members, k in ((m, k) for m in self.members for k in range(len(m.numbers)))
                    if members.numbers[k] == n and members.standings[k].played is not None}  # fmt: skip
            if any(one.limits):
                shifts.setdefault(n, []).extend(self.lapses(n, horizon, but=said))
        return {n: joined(parts) for n, parts in shifts.items() if parts}

    def _chosen(self, ends: Ends, attentive: Bools, held: NDArray[np.float64]) -> Ends:
        """What is judged: where something turns, and from there on, or where a hold runs, every word of a member."""
        ends = ends.where(ends.key % 2 == 0)  # a vote that falls silent decides nothing
        turns = ends.turns(held) if len(ends) else np.zeros(0, np.bool_)
        if self.counts_words:  # what time does counts as one more word only where it is known
            turns &= ends.spoke | ~np.isnan(ends.values).any(axis=0)
        every = attentive[ends.group]
        if self.timed and len(ends):
            turned = np.cumsum(turns)
            first = np.maximum.accumulate(np.where(np.diff(ends.group, prepend=-1) != 0, np.arange(len(ends)), 0))
            every = every | (turned - turned[first] + turns[first] > 0)
        return ends.where(turns | (every & ends.spoke))

    def _units(self, ends: Ends) -> Iterable[Unit]:
        values = ends.values.T.tolist()
        columns = [self.columns[n] for n in self.momentary]
        for row, key, cells, flags, received in zip(
            ends.group.tolist(), ends.key.tolist(), values, ends.flags.tolist(), ends.received.tolist(), strict=True
        ):  # fmt: skip
            yield row, key // 2, dict(zip(columns, cells, strict=True)), flags, received

    def pass_time(self, now: int) -> None:
        """Engine time is `now`: votes lapse at their time."""
        if not any(any(one.limits) for one in self.questions):
            return
        self.looked = max(self.looked, now)
        rows = len(self.rows)
        horizon = np.maximum(self.clock, 2 * now + 1)
        horizon[rows:] = self.clock[rows:]
        line = Timeline(self, self._aged({}, horizon))
        ends = line.ends(None, np.zeros(0, np.intp))
        if not len(ends):
            return
        held, nobody = self._held(), np.zeros(self.space.capacity, np.bool_)
        chosen = self._chosen(ends, nobody, held)
        if len(chosen):
            upto = self.clock.copy()
            np.maximum.at(upto, chosen.group, chosen.key)
            line.apply(upto)
            self._judge(list(self._units(chosen)))
        last = np.append(ends.group[1:] != ends.group[:-1], True)
        for n, values in zip(self.momentary, ends.values, strict=True):  # what openings and edits will look at
            self.space.value[self.columns[n], ends.group[last]] = values[last]

    def next_lapse(self) -> int:
        """When a vote turns old next, µs; NEVER when none does."""
        due = NEVER
        for n in self.aging:
            for _, standing in self.asked(n):
                ends = standing.ends()
                due = min(due, int(ends[ends > self.looked].min(initial=NEVER)))
        return due

    def _judge(self, units: Sequence[Unit]) -> None:
        units = sorted((unit for unit in units if self.alive[unit[0]]), key=lambda unit: unit[:2])
        if not units:
            return
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
        self.clock, self.looked = old.clock, old.looked

    def state(self) -> dict[str, NDArray[Any]]:
        """The space: its rows and newest answers, by name."""
        names = msgspec.msgpack.encode((list(self.rows), self.space.names))
        tables = {f"groups.{name}": table for name, table in self.space.tables().items()}
        return tables | {"groups": np.frombuffer(names, np.uint8), "groups.clock": self.clock[: len(self.rows)]}

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
        self.clock[: len(groups)] = self._image.pop("clock")
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
