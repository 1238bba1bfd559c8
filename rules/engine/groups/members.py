"""The members of one kind, judged: their answers to the questions of a rule on groups."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Latest, Reader, UnitsAt
from rules.engine.groups.aggregate import NAN
from rules.engine.groups.group_state import GroupState
from rules.engine.groups.member_answers import QuestionAnswers
from rules.engine.groups.member_table import MemberTable
from rules.engine.groups.split_rule import Question
from rules.engine.state.calendar import window, zone_of
from rules.engine.state.thing_table import LONG_AGO

MANY = 64  # devices from which on all is counted anew


class GroupJudge(Protocol):
    """What judges the groups of the members."""

    def add(self, answers: QuestionAnswers) -> None:
        """Answers of the record under way."""

    def judge_touched(self) -> None:
        """Judge the groups whose members or attributes changed."""

    def members_passed(self, now: int) -> None:
        """Engine time is `now` µs, and all members know: judge what they answered, and what time did to votes."""

    def next_due(self) -> int:
        """When time alone changes a vote next, µs."""


class Members(ConditionEvaluator):
    """Kind number `number` of the rule; `asked`: question number -> question. `last`: all other kinds come before it.
    The first kind keeps the state of the groups in its own.
    """

    def __init__(
        self,
        context: EvaluatorContext,
        number: int,
        asked: Mapping[int, Question],
        groups: GroupState,
        judge: GroupJudge,
        *,
        last: bool,
    ) -> None:
        super().__init__(context)
        self.groups, self.judge, self.last = groups, judge, last
        self.questions = tuple(asked.values())
        self.of = [self.context.bind(one.of) for one in self.questions]
        watch = groups.table.rule.watch
        self.table = MemberTable(
            number, self.space, asked, [bound.columns for bound in self.of],
            watching=self.space.kind in watch.kinds, each=watch.each,
        )  # fmt: skip
        for votes, bound in zip(self.table.votes, self.of, strict=True):
            votes.turning = bound.turning or bound.has_signal
        momentary = [bound for bound, one in zip(self.of, self.questions, strict=True) if not one.gathered]
        self.judged = tuple(dict.fromkeys(column for bound in momentary for column in bound.columns))
        self.placed = False
        groups.table.kinds.append(self.table)

    def bounds(self) -> Sequence[BoundExpression]:
        return self.of

    # --- who they are
    def grow(self) -> None:
        super().grow()
        if len(self.table.group) != self.space.capacity:
            self.table.grow()

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:  # noqa: ARG002 - alarms are those of the groups
        self.grow()
        for bound in self.of:
            bound.refresh(things)
        if self.windows is not None:
            self.windows.refresh(things)
        devices: dict[int, list[int]] = {}
        for thing in things:
            devices.setdefault(self.space.things[thing].device, []).append(thing)
        many = len(devices) > MANY
        for number, own in devices.items():
            device = self.context.world.devices[number]
            for thing in self.groups.placement.place(self.table, device, own, at, count=not many):
                if self.windows is not None:
                    self.windows.forget(thing)
        self.context.watched = self.table.group >= 0
        if many:
            self.groups.table.recount()
        self.placed = True
        self.wakes.rouse(things, at)
        self._answer_again(things, at)
        self.groups.table.write(at)

    def end(self, thing: int, at: int, reason: str) -> None:
        """Members have no alarm: groups have."""

    def is_on(self, thing: int) -> int:  # noqa: ARG002 - members have no alarm
        return 0

    # --- what they answer
    def _answer_again(self, things: Sequence[int], at: int) -> None:
        """Attributes may have changed: the answers to the newest values."""
        everything = np.fromiter(things, np.intp, len(things))
        for k, (one, bound, votes) in enumerate(zip(self.questions, self.of, self.table.votes, strict=True)):
            here = everything[votes.voter[everything] >= 0]
            if one.calendars or not len(here):
                continue
            values = _finite(self.context.truth(bound, Latest(self.space, here, at)))
            read_at = self._read_at(bound, here)
            fresh = votes.heard[votes.voter[here]] == LONG_AGO
            self._restate(k, here, values, read_at, np.where(fresh & (read_at > LONG_AGO), read_at, at), at)
            if bound.columns:
                np.maximum.at(self.groups.table.space.newest, self.table.group[here], read_at)

    def _read_at(self, bound: BoundExpression, things: NDArray[np.intp]) -> I64:
        """i64[n] µs on our clock: the newest reading of any of the points, LONG_AGO = none."""
        if not bound.columns:
            return np.full(len(things), LONG_AGO)
        at = np.array([self.space.at[column][things] for column in bound.columns])
        received = np.array([self.space.received[column][things] for column in bound.columns])
        found: I64 = np.where((received > 0) & (received < at), received, at).max(axis=0)
        return found

    def _restate(self, k: int, things: NDArray[np.intp], values: F64, read_at: I64, became: I64, at: int) -> None:
        table, members = self.groups.table, self.table
        n, votes = members.numbers[k], members.votes[k]
        before = votes.answer[things]
        voters = np.unique(votes.voter[things])
        table.weigh(n, votes, voters, members.group[voters], -1)
        votes.restate(things, values, read_at, became)
        table.weigh(n, votes, voters, members.group[voters], 1)
        for i in np.flatnonzero((before != values) & ~(np.isnan(before) & np.isnan(values))).tolist():
            row = int(members.group[things[i]])
            if self.questions[k].numeric:
                key = (members.number, int(things[i]))
                table.tallies[n][row].change(key, float(before[i]), float(values[i]))
            table.touch(row, at)

    def frames(self, view: BatchView) -> None:
        if self.windows is not None:
            self._note_first(view)
        if self.feed.frames(view, self.judged):
            return
        for k, (bound, votes) in enumerate(zip(self.of, self.table.votes, strict=True)):
            units = np.flatnonzero(view.carry(bound.columns) & (votes.voter[view.thing] >= 0))
            if len(units):
                truth, whole = self.context.truth, not self.common.scalar and 2 * len(units) >= len(view)
                values = truth(bound, view)[units] if whole else truth(bound, UnitsAt(view, units))
                self._answer(k, view, units, view.thing[units], view.t[units], values)

    def _answer(
        self, k: int, view: BatchView | None, units: NDArray[np.intp], thing: NDArray[np.integer], t: I64, values: F64
    ) -> None:
        """The answers of these members at `t` are `values`."""
        source, group = (self.table.number, k), self.table.group[thing]
        self.judge.add(QuestionAnswers(source, self.of[k].columns, view, units, thing, group, t, _finite(values)))

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        units = np.sort(units)
        for k, (one, bound, votes) in enumerate(zip(self.questions, self.of, self.table.votes, strict=True)):
            mine = units[(votes.voter[view.thing[units]] >= 0) & view.carry(bound.columns)[units]]
            if len(mine) and not one.gathered:
                values = self.context.truth(bound, UnitsAt(view, mine))
                self._answer(k, view, mine, view.thing[mine], view.t[mine], values)

    # --- closed windows
    def _note_first(self, view: BatchView) -> None:
        """Note the first reading of each member: the windows that ended before are not its own."""
        assert self.windows is not None, "only members with signals have windows"
        for column in self.windows.columns:
            new = view.present(column) & (self.table.first[view.thing] == LONG_AGO) & self.watched[view.thing]
            units = np.flatnonzero(new)[::-1]
            self.table.first[view.thing[units]] = view.t[units]

    def window_closed(self, here: At, reader: Reader) -> None:
        thing, end = here.thing, here.t
        for k, (one, bound) in enumerate(zip(self.questions, self.of, strict=True)):
            if self.table.votes[k].voter[thing] < 0 or not self._ends(thing, one, end):
                continue
            values = self.context.truth(bound, reader)
            if one.gathered:
                self.table.closed_at[k, thing] = end
                row, key = int(self.table.group[thing]), (self.table.number, thing)
                self.groups.closed.put(self.table.numbers[k], row, key, end, float(_finite(values)[0]))
            else:
                place = np.array([thing], np.int32)
                self._answer(k, here.view, np.array([here.unit]), place, np.array([end], np.int64), values)

    def _ends(self, thing: int, one: Question, end: int) -> bool:
        """Does a window of this question end then?"""
        device = self.context.world.devices[self.space.things[thing].device]
        zone = zone_of(self.context.world.zone(device, self.context.zone))
        assert zone is not None, "World.zone answers with a zone that exists"
        return any(window(zone, calendar, end - 1)[1] == end for calendar in one.calendars)

    # --- time, facts, edits
    def catch_up(self, until: I64) -> None:
        """The moments of members that come before `until`, i64 per group µs."""
        newest = int(until.max(initial=LONG_AGO))
        wakes = self.wakes
        if not wakes.moments or wakes.awake >= newest:
            return
        due = self.watched & (wakes.wake < until[self.table.group])
        if (open_until := wakes.not_yet(newest)) is not None:
            due &= open_until <= newest
        things = np.flatnonzero(due)
        wakes.judge_until(things, until[self.table.group[things]])

    def tick(self, now: int) -> None:
        self.feed.close(now)
        if self.last:
            self.judge.members_passed(now)

    def revalue(self, things: Sequence[int], at: int) -> None:  # noqa: ARG002 - `refresh` has judged them
        self.judge.judge_touched()

    def adopt(self, old: Any) -> None:
        assert isinstance(old, Members), "edits keep state only between rules of one shape"
        super().adopt(old)
        self.table.adopt(old.table)
        self.context.watched = self.table.group >= 0
        self.placed = old.placed
        if self.table.number == 0:
            self.groups.adopt(old.groups)
        self.groups.table.recount()

    def load_windows(self, kept: dict[str, NDArray[Any]]) -> None:
        super().load_windows(kept)
        if self.windows is not None:
            newest = np.max([self.space.good_at[column] for column in self.windows.columns], axis=0)
            self.table.first[newest > LONG_AGO] = LONG_AGO + 1  # long before: every window is their own

    def take_row(self, thing: int, other: Any, row: int) -> None:
        super().take_row(thing, other, row)
        self.table.take_row(thing, other.table, row)

    # --- snapshot
    def state(self) -> dict[str, NDArray[Any]]:
        found = super().state() | self.table.state()
        return found | (self.groups.state() if self.table.number == 0 else {})

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        super().load(state)
        self.table.load(state)
        if self.table.number == 0:
            self.groups.load(state)

    def extra(self) -> bytes:
        return self.groups.extra() if self.table.number == 0 else b""

    def load_extra(self, blob: bytes) -> None:
        if self.table.number == 0:
            self.groups.load_extra(blob)
        self.groups.restored()

    def memory(self) -> int:
        return super().memory() + self.table.closed_at.nbytes + self.table.first.nbytes

    def next_due(self) -> int:
        due = self.wakes.awake if self.windows is None else min(self.wakes.awake, self.windows.soonest)
        return min(due, self.judge.next_due()) if self.last else due


def _finite(values: F64) -> F64:
    """An answer is a number, or unknown."""
    return np.where(np.isfinite(values), values, NAN)
