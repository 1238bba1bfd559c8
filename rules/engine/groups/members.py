"""The members of one kind, judged: their answers to the questions of a rule on groups."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Reader
from rules.engine.groups.group_state import GroupsState, GroupState
from rules.engine.groups.member_answers import QuestionAnswers
from rules.engine.groups.member_questions import MemberQuestions
from rules.engine.groups.member_table import MemberTable
from rules.engine.groups.split_rule import Question
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
        watch, bounds = groups.table.rule.watch, [context.bind(one.of) for one in asked.values()]
        self.table = MemberTable(
            number,
            self.space,
            asked,
            [bound.columns for bound in bounds],
            watching=self.space.kind in watch.kinds,
            each=watch.each,
        )
        groups.table.kinds.append(self.table)
        self.questions = MemberQuestions(context, self.table, bounds, groups, judge.add)
        self.judged = self.questions.judged
        self.placed = False

    def bounds(self) -> Sequence[BoundExpression]:
        return self.questions.bounds

    # --- who they are
    def grow(self) -> None:
        super().grow()
        if len(self.table.group) != self.space.capacity:
            self.table.grow()

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:  # noqa: ARG002 - alarms are those of the groups
        self.grow()
        for bound in self.bounds():
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
        self.questions.answer_newest(things, at)
        self.groups.table.write(at)

    def end(self, thing: int, at: int, reason: str) -> None:
        """Members have no alarm: groups have."""

    def is_on(self, thing: int) -> int:  # noqa: ARG002 - members have no alarm
        return 0

    # --- what they answer
    def frames(self, view: BatchView) -> None:
        if self.windows is not None:
            self._note_first(view)
        if self.feed.frames(view, self.judged):
            return
        self.questions.answer_view(view)

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        self.questions.answer_units(view, units)

    def _note_first(self, view: BatchView) -> None:
        """Note the first reading of each member: the windows that ended before are not its own."""
        assert self.windows is not None, "only members with signals have windows"
        for column in self.windows.columns:
            new = view.present(column) & (self.table.first[view.thing] == LONG_AGO) & self.watched[view.thing]
            units = np.flatnonzero(new)[::-1]
            self.table.first[view.thing[units]] = view.t[units]

    def window_closed(self, here: At, reader: Reader) -> None:
        self.questions.answer_window(here, reader)

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

    def extra(self) -> GroupsState | None:
        return self.groups.extra() if self.table.number == 0 else None

    def load(self, state: dict[str, NDArray[Any]], extra: Any) -> None:
        super().load(state, None)
        self.table.load(state)
        if self.table.number == 0:
            self.groups.load(state, extra)
        self.groups.restored()

    def memory(self) -> int:
        return super().memory() + self.table.closed_at.nbytes + self.table.first.nbytes

    def next_due(self) -> int:
        due = self.wakes.awake if self.windows is None else min(self.wakes.awake, self.windows.soonest)
        return min(due, self.judge.next_due()) if self.last else due
