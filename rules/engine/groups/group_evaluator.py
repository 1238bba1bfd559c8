"""A rule on groups: members on one side, an ordinary runner on the groups on the other, and what goes across."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64, Quality
from rules.compiled import Rule
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.factory import runner_of
from rules.engine.frames.batch_view import BatchView, ReadingRows
from rules.engine.frames.frames import single
from rules.engine.groups import evidence
from rules.engine.groups.aggregate import Key
from rules.engine.groups.closed_windows import ClosedWindows
from rules.engine.groups.group_as_device import field_of_groups, field_of_members
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.member_answers import QuestionAnswers, answers_of_record
from rules.engine.groups.members import Members, interval
from rules.engine.groups.moments_to_judge import GroupMoment, MomentsToJudge
from rules.engine.groups.split_rule import group_rule, kinds_of, member_rule
from rules.engine.state.thing_table import LONG_AGO


def group_runners(rule: Rule, zone: str, common: EngineContext) -> tuple[Runner, ...]:
    """The runners of a rule with `group`: one per kind of member, then that of the groups."""
    return GroupEvaluator(rule, zone, common).runners()


class GroupEvaluator(GroupTable):
    """What the members say goes through here to the runner of the groups, once a record is complete."""

    def __init__(self, rule: Rule, zone: str, common: EngineContext) -> None:
        super().__init__(rule, common, self._interval)
        self.zone, self.common = zone, common
        self.news: list[QuestionAnswers] = []
        self.heard: list[QuestionAnswers] = []
        self.gathering = ClosedWindows(self)
        self._image: dict[str, NDArray[Any]] = {}
        self._names: list[str] = []
        self._touched: dict[int, int] = {}
        self._recent = self.recent.state()
        mine = field_of_members(common, rule.watch.group)
        for kind in kinds_of(rule, self.questions):
            asks = {n: one for n, one in enumerate(self.questions) if kind in one.kinds}
            own = member_rule(rule, kind, tuple(asks.values()))
            self.members.append(Members(own, zone, common.world.space(kind), mine, self, len(self.members), asks))
        theirs = field_of_groups(common, self.world, lambda made: evidence.group_transition(self, made))
        theirs.spoke, theirs.unsure = self.spoke, self.unsure
        self.runner = runner_of(group_rule(rule, self.space.kind, self.questions), zone, self.space, theirs)
        self.poll = MomentsToJudge(self)

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

    def spoke(self, row: int) -> int:
        """When any device that has a say in a group spoke last, µs."""
        rows = [self.common.world.rows[device] for device in self.devices(row)]
        return max([LONG_AGO, *(int(one.space.newest[one.things].max()) for one in rows)])

    def unsure(self, row: int, now: int) -> int:
        """Until when a moment of a member that has passed at engine time `now` is not judged, µs; LONG_AGO = none."""
        found = LONG_AGO
        for members in self.members:
            if members.moments and (open_until := members.not_yet(now)) is not None:
                asked = members.watched & (members.group == row) & (members.wake <= now)
                found = max(found, int(open_until[asked].max(initial=LONG_AGO)))
        return found

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

    def hear(self, news: QuestionAnswers) -> None:
        """Kept until the record is complete."""
        self.news.append(news)

    def closed_window(self, question: int, row: int, key: Key, end: int, value: float) -> None:
        """A member closed a window at `end` µs."""
        self.gathering.put(question, row, key, end, value)

    def flush(self, now: int = LONG_AGO) -> None:
        """The record is complete: judge the groups it is about, in order of time; at engine time `now` of a tick."""
        self.judge_touched()
        units: list[GroupMoment] = list(self.gathering.formed())
        self._catch_up()
        self.heard, self.news = self.news, []
        if self.heard:
            floor = np.maximum(self.space.newest, self.clock // 2)
            units += self.poll.moments(answers_of_record(self.heard, floor), floor)
        good, lasts = self._good_at(), np.full(self.space.capacity, now)
        for one in self.heard:
            np.maximum.at(lasts, one.group, one.on_our_clock())
        self._judge(units, lasts)
        for one in self.heard:
            spoke = one.spoke()  # holds and silences count from here
            np.maximum.at(self.space.newest, one.group[spoke], one.on_our_clock()[spoke])
        if self.heard or units:
            self._known_now(good)
        self.heard = []
        for members in self.members:
            for standing in members.standings:
                standing.played = None

    def _catch_up(self) -> None:
        """What time alone changed in the other members before the newest reading of their group comes first."""
        if not any(members.moments for members in self.members):
            return
        until = np.full(self.space.capacity, LONG_AGO)
        for one in self.news:
            np.maximum.at(until, one.group, one.on_our_clock())
        for members in self.members:
            members.catch_up(until)

    def pass_time(self, now: int) -> None:
        """Engine time is `now`: votes lapse at their time."""
        if not (units := self.poll.lapsed(now)):
            return
        newest, good = self.space.newest.copy(), self._good_at()
        self._judge(units, np.full(self.space.capacity, now))
        self.space.newest[:] = newest  # nobody spoke
        self._known_now(good)

    def _judge(self, units: Sequence[GroupMoment], lasts: I64) -> None:
        """`lasts` i64 per group: up to when nobody speaks after these units, µs."""
        units = sorted((unit for unit in units if self.alive[unit[0]]), key=lambda unit: unit[:2])
        if not units:
            return
        view = self._view(units)
        view.find_spans(self.common.downs, lasts[view.thing])
        newest = self.space.newest.copy()
        for row, _, _, _, _, good, silent in units:
            newest[row] = max(newest[row], LONG_AGO if silent else good)
        alone = [single(view, k) for k in range(len(view))] if self.common.scalar else []
        for k, one in enumerate(alone):
            one.spans = {0: view.spans[k]} if k in view.spans else {}
        for one in alone or [view]:
            self.runner.follow(one)
            self.runner.silent_in(one)
            one.commit()
        self.space.newest[:] = newest  # a window's end may lie before it, and at some moments nobody speaks

    def _view(self, units: Sequence[GroupMoment]) -> BatchView:
        cells = [(k, column, at, value, received) for k, (_, _, values, _, received, at, _) in enumerate(units)
                 for column, value in values.items()]  # fmt: skip
        value = np.array([cell[3] for cell in cells], np.float64)
        rows = ReadingRows(
            np.array([cell[1] for cell in cells], np.int32), np.array([cell[0] for cell in cells], np.int32),
            np.array([cell[2] for cell in cells], np.int64), value,
            np.where(np.isnan(value), Quality.BAD, Quality.GOOD).astype(np.uint8),
            np.array([cell[4] for cell in cells], np.int64),
        )  # fmt: skip
        none = np.zeros(0, np.int32)
        silent = np.array([unit[6] for unit in units], np.bool_)
        return BatchView(
            self.space, np.array([unit[0] for unit in units], np.int32),
            np.array([unit[1] for unit in units], np.int64),
            np.array([unit[3] for unit in units], np.uint8), rows, none, np.zeros(0, np.int64), silent,
        )  # fmt: skip

    def _good_at(self) -> I64:
        """i64[momentary questions, groups]: when the newest good reading was."""
        found: I64 = self.space.good_at[[self.columns[n] for n in self.momentary]]
        return found

    def _known_now(self, before: I64) -> None:
        """Good readings count where no answer turned, too; that a vote lapsed is none. `before`: see `_good_at`."""
        newest = np.full(self.space.capacity, LONG_AGO)
        for one in self.heard:
            good = one.good()
            np.maximum.at(newest, one.group[good], one.on_our_clock()[good])
        rows = np.flatnonzero(newest > LONG_AGO)
        for n, kept in zip(self.momentary, before, strict=True):
            good_at = self.space.good_at[self.columns[n]]
            good_at[:] = np.maximum(kept, newest)
            self.space.at[self.columns[n]][rows] = good_at[rows]

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
    def adopt(self, old: "GroupEvaluator") -> None:
        """Go on where the revision before was."""
        self.gathering.adopt(old.gathering)
        self.touched |= old.touched
        self.clock, self.recent, self.poll.looked = old.clock, old.recent, old.poll.looked

    def state(self) -> dict[str, NDArray[Any]]:
        """The space: its rows and newest answers, by name."""
        names = msgspec.msgpack.encode((list(self.rows), self.space.names))
        tables = {f"groups.{name}": table for name, table in self.space.tables().items()}
        return tables | {"groups": np.frombuffer(names, np.uint8), "groups.clock": self.clock[: len(self.rows)]}

    def extra(self) -> bytes:
        """What waits, and how answers came about."""
        return msgspec.msgpack.encode((self.touched, self.gathering.state(), self.recent.state()))

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
        self._touched, waiting, self._recent = msgspec.msgpack.decode(blob, type=tuple[dict[int, int], bytes, bytes])
        self.gathering.load(waiting)

    def restored(self) -> None:
        """Once more after every kind of member: what its `refresh` did is not what happened."""
        self.touched = dict(self._touched)
        columns = [self.space.column(name) for name in self._names]
        for name, table in self._image.items():
            self.space.fill(name, table, columns)
        self.recount()
        self.recent.load(self._recent)
