"""Answers of members about moments before the newest of their group: was the group decided otherwise without them?

They count from the newest moment on; where a value of the group in the past would have been another one, the group is
judged again from history.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.compiled import Aggregate
from rules.engine.conditions.base import ConditionEvaluator
from rules.engine.frames.batch_view import Bools, Latest
from rules.engine.groups.aggregate import NAN
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.member_votes import MemberVotes
from rules.engine.groups.recent_answers import TotalChanges, TotalsOverTime
from rules.engine.groups.votes import NO, YES, MemberAnswers
from rules.engine.state.thing_table import ThingTable

_EXTREMES = frozenset({Aggregate.MIN, Aggregate.MAX})


class LatestWithAnswer(Latest):
    """Groups as their table holds them, but with other `values` in one column."""

    def __init__(self, space: ThingTable, group: NDArray[np.integer], column: int, values: F64) -> None:
        super().__init__(space, group, 0)
        self.column, self.values = column, values

    def value(self, column: int) -> F64:
        return self.values if column == self.column else super().value(column)


class LateAnswers:
    """Those of one record. `floor` i64 per group: its newest moment before the record, µs. `evaluator` judges the
    groups.
    """

    def __init__(self, table: GroupTable, evaluator: ConditionEvaluator, floor: I64) -> None:
        self.table, self.evaluator, self.floor = table, evaluator, floor
        self.steps: dict[int, list[TotalChanges]] = {}

    # --- what was not counted
    def votes(self, n: int, votes: MemberVotes, answers: MemberAnswers, group: I32) -> None:
        """Answers that make votes and are not in `votes` yet; `group` i32 per thing."""
        past = answers.t <= self.floor[answers.group]
        if not past.any():
            return
        voters = np.zeros(len(votes.voter), np.bool_)
        voters[votes.voter[answers.thing[past]]] = True
        mine = answers.where(voters[votes.voter[answers.thing]])
        found, _, _ = votes.votes_from(replace(mine, key=2 * mine.t + (mine.read_at != mine.t)))
        voter, key = found.after.voter, found.key
        end = 2 * self.floor[group[voter]] + 1
        following = np.where(np.append(voter[1:] != voter[:-1], True), end, np.append(key[1:], 0))
        until = np.minimum(following, end)
        counted = votes.votes(voter)
        place, moment = [np.flatnonzero(key < end)], [key[key < end]]
        for states in (found.after, counted) if votes.limits else ():
            for limit in (votes.limits.unknown_from(states), votes.limits.old_from(states)):
                inside = np.flatnonzero((key < limit) & (limit < until))
                place.append(inside)
                moment.append(limit[inside])
        at, when = np.concatenate(place), np.concatenate(moment)
        order = np.lexsort((when, at))
        at, when = at[order], when[order]
        was = votes.limits.sides(counted.at(at), when)
        true = votes.limits.sides(found.after.at(at), when)
        self._steps(
            n,
            voter[at],
            group[voter[at]].astype(np.int64),
            when,
            (true == YES).astype(np.float64) - (was == YES),
            (true == NO).astype(np.float64) - (was == NO),
        )

    def _steps(self, n: int, voter: NDArray[np.integer], group: I64, key: I64, first: F64, second: F64) -> None:
        """Note how much more both totals were in truth from each key on, vote by vote, up to the end of the past."""
        if not first.any() and not second.any():
            return
        new = np.ones(len(voter), np.bool_)
        new[1:] = voter[1:] != voter[:-1]
        last = np.append(new[1:], True)
        ups = [np.where(new, total, total - np.append(0.0, total[:-1])) for total in (first, second)]
        steps = TotalChanges(
            np.concatenate([group, group[last]]),
            np.concatenate([key, 2 * self.floor[group[last]] + 1]),
            np.concatenate([ups[0], -first[last]]),
            np.concatenate([ups[1], -second[last]]),
        )
        self.steps.setdefault(n, []).append(steps.where((steps.first != 0) | (steps.second != 0)))

    def numbers(self, n: int, answers: MemberAnswers, before: F64) -> None:
        """Answers that are numbers, each thing's in order, and f64[n] the answer `before` each."""
        past = (answers.t <= self.floor[answers.group]) & _differ(answers.value, before)
        if not past.any():
            return
        answers, before = answers.where(past), before[past]
        stat = self.table.questions[n].stat
        if stat is not None and stat.what in _EXTREMES:
            self._extremes(n, answers, before)
            return
        group, key = answers.group.astype(np.int64), 2 * answers.t + (answers.read_at != answers.t)
        moved = np.nan_to_num(answers.value) - np.nan_to_num(before)
        known = np.isnan(before).astype(np.float64) - np.isnan(answers.value)
        self.steps.setdefault(n, []).append(
            TotalChanges(
                np.concatenate([group, group]),
                np.concatenate([key, 2 * self.floor[group] + 1]),
                np.concatenate([moved, -moved]),
                np.concatenate([known, -known]),
            )
        )

    def _extremes(self, n: int, answers: MemberAnswers, before: F64) -> None:
        """A member matters to a least or greatest value where its answer alone would be judged otherwise."""
        other = self._judged(n, answers.group, answers.value, before)
        for group, t in zip(answers.group[other].tolist(), answers.t[other].tolist(), strict=True):
            self.table.reevaluate(group, t)

    # --- what it comes to
    def settle(self) -> None:
        """Ask for groups whose values in the past were others to be judged again; note the past as it was in truth."""
        for n, parts in self.steps.items():
            steps = TotalChanges(
                *(np.concatenate([getattr(one, name) for one in parts]) for name in TotalChanges.__slots__)
            )
            if len(steps):
                for group, key in self._affected(n, steps):
                    self.table.reevaluate(group, key // 2)
                kept = TotalChanges(
                    steps.group, np.minimum(steps.key, 2 * self.floor[steps.group]), steps.first, steps.second
                )
                self.table.recent.put(n, kept)  # from the newest moment on it is counted

    def _affected(self, n: int, steps: TotalChanges) -> Iterator[tuple[int, int]]:
        recent = self.table.recent
        unknown = steps.key < recent.known[steps.group]
        for group in np.unique(steps.group[unknown]).tolist():
            yield group, int(steps.key[steps.group == group].min())
        known = steps.where(~np.isin(steps.group, steps.group[unknown]))
        if not len(known):
            return
        course = recent.course(n, known, lambda group: self._totals(n, group))
        before, counted, true = (
            self._worth(n, course.group, *totals) for totals in (course.before, course.counted, course.true)
        )
        other = _differ(counted, true)
        # the newest moment is judged once more: unless it had turned before, or time alone has turned something since
        now = course.key >= np.maximum(2 * self.floor, self.table.clock)[course.group]
        other &= ~now | _differ(before, counted)
        if self.table.questions[n].quorum is None:
            other &= self._near(n, course, counted, true)
        for group in np.unique(course.group[other]).tolist():
            yield group, int(course.key[other & (course.group == group)].min())

    def _totals(self, n: int, group: I64) -> tuple[F64, F64]:
        """What has been counted to in these groups."""
        if not self.table.questions[n].numeric:
            yes, no = self.table.counts[YES, n, group], self.table.counts[NO, n, group]
            return yes.astype(np.float64), no.astype(np.float64)
        rows = np.unique(group)
        tallies = [self.table.tallies[n][row] for row in rows.tolist()]
        place = np.searchsorted(rows, group)
        return np.array([one.total for one in tallies])[place], np.array([float(one.known) for one in tallies])[place]

    def _worth(self, n: int, group: I64, first: F64, second: F64) -> F64:
        members = self.table.counts[2, n, group]
        stat = self.table.questions[n].stat
        if stat is None or not self.table.questions[n].numeric:
            return self.table.worth(n, first.astype(np.int64), second.astype(np.int64), members)
        enough = second >= np.maximum(stat.coverage * members - 1e-9, 1)
        value = first / np.maximum(second, 1) if stat.what is Aggregate.MEAN else first
        return np.where(enough, value, NAN)

    def _near(self, n: int, course: TotalsOverTime, counted: F64, true: F64) -> Bools:
        """Groups whose conditions are not the same at the least and greatest of these values."""
        first = np.flatnonzero(np.append(True, course.group[1:] != course.group[:-1]))
        group = course.group[first]
        ends = []
        for values in (counted, true):
            ends.append(np.fmin.reduceat(values, first))
            ends.append(np.fmax.reduceat(values, first))
        gaps = [np.logical_or.reduceat(np.isnan(values), first) for values in (counted, true)]
        moved = np.zeros(len(group), np.bool_)
        for values in ends[1:]:
            moved |= self._judged(n, group, ends[0], values)
        moved |= gaps[0] != gaps[1]
        mark = np.zeros(len(self.floor), np.bool_)
        mark[group[moved]] = True
        found: Bools = mark[course.group]
        return found

    def _judged(self, n: int, group: NDArray[np.integer], one: F64, other: F64) -> Bools:
        """bool[group]: where a condition is otherwise with the answer `other` than with `one`."""
        evaluator, column = self.evaluator, self.table.columns[n]
        conditions = evaluator.truths_decide()
        if conditions is None:
            return np.ones(len(group), np.bool_)
        moved: Bools = np.isnan(one) != np.isnan(other)
        for bound in conditions:
            readers = [LatestWithAnswer(self.table.space, group, column, values) for values in (one, other)]
            truths = [evaluator.context.truth(bound, reader) for reader in readers]
            moved |= _differ(truths[0], truths[1])
        return moved


def _differ(one: F64, other: F64) -> Bools:
    found: Bools = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return found
