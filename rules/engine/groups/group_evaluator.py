"""A rule on groups: members on one side, an ordinary evaluator of the groups on the other, and what goes across."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from gateway.domain.reading import I64, Quality
from rules.compiled import Rule
from rules.engine.conditions.base import ConditionEvaluator, EngineContext, EvaluatorContext
from rules.engine.conditions.factory import evaluator_of
from rules.engine.frames.batch_view import BatchView, ReadingRows
from rules.engine.groups.closed_windows import ClosedWindows
from rules.engine.groups.evidence import GroupEvidence
from rules.engine.groups.group_field import GroupField, MemberField
from rules.engine.groups.group_state import GroupState
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.member_answers import QuestionAnswers, answers_of_record
from rules.engine.groups.members import Members
from rules.engine.groups.moments_to_judge import MomentsToJudge
from rules.engine.groups.split_rule import group_rule, kinds_of, member_rule
from rules.engine.groups.timeline import GroupMoment
from rules.engine.state.thing_table import LONG_AGO


class GroupEvaluator:
    """`members` by kind answer to `table`; once a record is complete, `evaluator` judges the groups in it.

    `waiting`: answers of the record under way; `answers`: those of the record that is judged.
    """

    def __init__(self, rule: Rule, zone: str, common: EngineContext) -> None:
        space = common.world.group_space(rule.id, rule.watch.group)
        self.table = table = GroupTable(rule, space, common.world, common.reevaluations)
        self.common = common
        self.waiting: list[QuestionAnswers] = []
        self.closed = ClosedWindows(table, lambda row: common.world.zone(table.as_device[-1 - row], zone))
        state, field = GroupState(table, self.closed), MemberField(common.world, rule.watch.group)
        self.members: list[Members] = []
        kinds = kinds_of(rule, table.questions)
        for number, kind in enumerate(kinds):
            asked = {n: one for n, one in enumerate(table.questions) if kind in one.kinds}
            own = member_rule(rule, kind, tuple(asked.values()))
            context = EvaluatorContext(own, zone, common.world.space(kind), common, field=field)
            last = number == len(kinds) - 1
            self.members.append(Members(context, number, asked, state, self, last=last))
        judged = group_rule(rule, space.kind, table.questions)
        self.evidence = GroupEvidence(table, self.closed, judged)
        self.evidence.bounds += [members.bounds() for members in self.members]
        groups = GroupField(table, self.undecided_until)
        self.evaluator = evaluator_of(judged, zone, space, common, field=groups, complete=self.evidence.complete)
        self.moments = MomentsToJudge(table, self.evaluator)

    def evaluators(self) -> tuple[ConditionEvaluator, ...]:
        """One per kind of member, then that of the groups: the order in which they have to be called."""
        return (*self.members, self.evaluator)

    def undecided_until(self, row: int, now: int) -> int:
        """Until when a moment of a member that has passed at engine time `now` is not judged, µs; LONG_AGO = none."""
        found = LONG_AGO
        for members in self.members:
            if members.wakes.moments and (open_until := members.wakes.not_yet(now)) is not None:
                asked = members.watched & (members.table.group == row) & (members.wakes.wake <= now)
                found = max(found, int(open_until[asked].max(initial=LONG_AGO)))
        return found

    # --- what members bring (`GroupJudge`)
    def add(self, answers: QuestionAnswers) -> None:
        """Keep answers until the record is complete."""
        self.waiting.append(answers)

    def judge_touched(self) -> None:
        """Groups whose members or attributes changed; not before all kinds of members have been counted."""
        table = self.table
        if not table.touched or not all(members.placed for members in self.members):
            return
        touched, table.touched = sorted(table.touched.items(), key=lambda one: (one[1], one[0])), {}
        for at, several in groupby(touched, key=lambda one: one[1]):
            rows = [row for row, _ in several]
            table.touched = dict.fromkeys(rows, at)
            table.write(at)
            table.touched = {}
            self.evaluator.refresh(rows, at, "out_of_scope")
            for row in rows:
                if not table.alive[row]:
                    self.evaluator.end(row, at, "out_of_scope")
            self.evaluator.revalue([row for row in rows if table.alive[row]], at)
            self.closed.wake(rows)

    def members_passed(self, now: int) -> None:
        """Engine time is `now`, and all members know: windows they closed come before what time did to votes."""
        self.flush(now)
        if not (moments := self.moments.at_time(now)):
            return
        space = self.table.space
        newest, good = space.newest.copy(), self._good_at()
        self._judge(moments, np.full(space.capacity, now))
        space.newest[:] = newest  # no reading came
        self._note_good(good, ())

    def next_due(self) -> int:
        """When time alone changes a vote next, µs."""
        return self.moments.next_due()

    # --- judging
    def flush(self, now: int = LONG_AGO) -> None:
        """The record is complete: judge the groups it is about, in order of time; at engine time `now` of a tick."""
        space = self.table.space
        self.judge_touched()
        moments = list(self.closed.complete())
        self._catch_up()
        answers, self.waiting = self.waiting, []
        self.evidence.answers = answers
        if answers:
            floor = np.maximum(space.newest, self.table.clock // 2)
            moments += self.moments.of_record(answers_of_record(answers, floor), floor)
        good, lasts = self._good_at(), np.full(space.capacity, now)
        for one in answers:
            np.maximum.at(lasts, one.group, one.on_our_clock())
        self._judge(moments, lasts)
        for one in answers:
            read = one.from_reading()  # holds and silences count from here
            np.maximum.at(space.newest, one.group[read], one.on_our_clock()[read])
        if answers or moments:
            self._note_good(good, answers)
        self.evidence.answers = ()
        for members in self.members:
            members.questions.settle()
            for votes in members.table.votes:
                votes.before = None

    def _catch_up(self) -> None:
        """What time alone changed in the other members before the newest reading of their group comes first."""
        if not any(members.wakes.moments for members in self.members):
            return
        until = np.full(self.table.space.capacity, LONG_AGO)
        for one in self.waiting:
            np.maximum.at(until, one.group, one.on_our_clock())
        for members in self.members:
            members.catch_up(until)

    def _judge(self, moments: Sequence[GroupMoment], lasts: I64) -> None:
        """`lasts` i64 per group: up to when no reading comes after these moments, µs."""
        moments = sorted((one for one in moments if self.table.alive[one.row]), key=lambda one: one[:2])
        if not moments:
            return
        view = self._view(moments)
        view.find_spans(self.common.downs, lasts[view.thing])
        space = self.table.space
        newest = space.newest.copy()
        for moment in moments:
            newest[moment.row] = max(newest[moment.row], LONG_AGO if moment.silent else moment.good_at)
        self.evaluator.follow(view)
        self.evaluator.silent_in(view)
        view.commit()
        space.newest[:] = newest  # a window's end may lie before it, and at some moments no reading came

    def _view(self, moments: Sequence[GroupMoment]) -> BatchView:
        cells = [
            (k, column, one.good_at, value, one.received)
            for k, one in enumerate(moments)
            for column, value in one.values.items()
        ]
        value = np.array([cell[3] for cell in cells], np.float64)
        rows = ReadingRows(
            np.array([cell[1] for cell in cells], np.int32),
            np.array([cell[0] for cell in cells], np.int32),
            np.array([cell[2] for cell in cells], np.int64),
            value,
            np.where(np.isnan(value), Quality.BAD, Quality.GOOD).astype(np.uint8),
            np.array([cell[4] for cell in cells], np.int64),
        )
        none = np.zeros(0, np.int32)
        silent = np.array([one.silent for one in moments], np.bool_)
        return BatchView(
            self.table.space,
            np.array([one.row for one in moments], np.int32),
            np.array([one.t for one in moments], np.int64),
            np.array([one.flags for one in moments], np.uint8),
            rows,
            none,
            np.zeros(0, np.int64),
            silent,
        )

    def _good_at(self) -> I64:
        """i64[momentary questions, groups] µs: the newest good readings."""
        found: I64 = self.table.space.good_at[[self.table.columns[n] for n in self.table.momentary]]
        return found

    def _note_good(self, before: I64, answers: Sequence[QuestionAnswers]) -> None:
        """Good readings count where no value changed, too; time alone is none. `before`: see `_good_at`."""
        space = self.table.space
        newest = np.full(space.capacity, LONG_AGO)
        for one in answers:
            good = one.good()
            np.maximum.at(newest, one.group[good], one.on_our_clock()[good])
        rows = np.flatnonzero(newest > LONG_AGO)
        for n, kept in zip(self.table.momentary, before, strict=True):
            good_at = space.good_at[self.table.columns[n]]
            good_at[:] = np.maximum(kept, newest)
            space.at[self.table.columns[n]][rows] = good_at[rows]
