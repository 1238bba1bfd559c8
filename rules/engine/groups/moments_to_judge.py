"""The moments at which groups are judged: when answers of members change their values, and when time changes votes."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rules.engine.conditions.base import ConditionEvaluator
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.conditions.threshold import ThresholdEvaluator
from rules.engine.conditions.threshold_state import G_BUSY, WAITS
from rules.engine.frames.batch_view import Bools
from rules.engine.groups.aggregate import Key
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.late_answers import LateAnswers
from rules.engine.groups.member_answers import RecordAnswers
from rules.engine.groups.member_votes import MemberVotes
from rules.engine.groups.timeline import AnswerChange, GroupMoment, GroupMoments, Timeline
from rules.engine.groups.votes import CountChanges, MemberAnswers, joined
from rules.engine.state.thing_table import LONG_AGO, NEVER


class MomentsToJudge:
    """For the `evaluator` that judges the groups of `table`. `holds`: a threshold waits before it raises or clears;
    `counts_readings`: the condition counts readings, so that one that changes no value counts too.
    """

    def __init__(self, table: GroupTable, evaluator: ConditionEvaluator) -> None:
        self.table, self.evaluator = table, evaluator
        levels = evaluator.conditions.levels if isinstance(evaluator, ThresholdEvaluator) else ()
        self.holds = any(one.hold.for_ or one.clear_hold for one in levels)
        self.counts_readings = isinstance(evaluator, SingleAlarmEvaluator) and evaluator.form.counts_readings
        self.aging = [n for n in table.momentary if table.questions[n].limits[1]]

    def _held(self) -> NDArray[np.float64]:
        """f64[momentary questions, groups]: the values that were judged last."""
        found: NDArray[np.float64] = self.table.space.value[[self.table.columns[n] for n in self.table.momentary]]
        return found

    def _attentive(self) -> Bools:
        """Groups in which every moment counts, changed or not: a hold runs, or readings are counted."""
        evaluator = self.evaluator
        rule = self.table.rule
        if not isinstance(evaluator, ThresholdEvaluator) or rule.clear_after or rule.active is not None:
            return np.ones(self.table.space.capacity, np.bool_)
        evaluator.grow()
        busy: Bools = evaluator.phases.gate == G_BUSY
        return busy

    def of_record(self, record: RecordAnswers, floor: NDArray[np.int64]) -> Iterable[GroupMoment]:
        """The moments of one record. Where nothing waits, a moment at which no value changes is none. `floor` i64 per
        group: its newest moment before the record, µs.
        """
        late = LateAnswers(self.table, self.evaluator, floor)
        self._doubt(record)
        attentive, held, whole = self._attentive(), self._held(), record.answers
        horizon = self.table.clock.copy()
        np.maximum.at(horizon, whole.group, whole.key)
        matters = np.ones(len(record.of), np.bool_) if self.holds else attentive[whole.group]
        votes_changed: dict[int, list[CountChanges]] = {}
        numbers: dict[int, list[tuple[int, int, Key, float, float]]] = {}
        for place, (number, k) in enumerate(record.sources):
            members = self.table.kinds[number]
            at, answers = record.mine(place)
            n, votes = members.numbers[k], members.votes[k]
            if self.table.questions[n].numeric:
                order, before = votes.take_numbers(answers)
                late.numbers(n, answers.at(order), before)
                other = (before != answers.value[order]) & ~(np.isnan(before) & np.isnan(answers.value[order]))
                at, moved = at[order[other]], before[other]
                numbers.setdefault(n, []).extend(
                    (int(whole.group[i]), int(whole.key[i]), (number, int(whole.thing[i])), was, float(whole.value[i]))
                    for i, was in zip(at.tolist(), moved.tolist(), strict=True)
                )
            else:
                relevant = _relevant(votes, answers)
                at, answers = at[relevant], answers.where(relevant)
                late.votes(n, votes, answers, members.group)
                votes_changed.setdefault(n, []).append(
                    votes.take_votes(answers, members.group, self.table.clock, horizon)
                )
            matters[at] = True
        matters &= record.from_reading
        late.settle()
        ordered = [AnswerChange(n, sorted(rows, key=lambda row: row[:2])) for n, rows in numbers.items()]
        line = Timeline(self.table, self._with_time(votes_changed, horizon), ordered)
        ends = line.ends(record, np.flatnonzero(matters))
        line.apply(horizon)
        chosen = self._chosen(ends, attentive, held)
        return self._units(chosen, self._good(chosen, record))

    def _with_time(self, changed: dict[int, list[CountChanges]], horizon: NDArray[np.int64]) -> dict[int, CountChanges]:
        """The changes of every question; of those that no answer came to, what time does."""
        for n, one in enumerate(self.table.questions):
            answered = {members.number for members in self.table.asked(n) if members.on(n).before is not None}
            if any(one.limits):
                changed.setdefault(n, []).extend(self.table.passed(n, horizon, but=answered))
        return {n: joined(parts) for n, parts in changed.items() if parts}

    def _chosen(self, ends: GroupMoments, attentive: Bools, held: NDArray[np.float64]) -> GroupMoments:
        """What is judged: where a value changes, and from there on, or where a hold runs, every reading of a member."""
        ends = ends.where(ends.judged)  # a vote that becomes unknown decides nothing
        if len(ends):  # all that time alone does at one µs is one moment
            goes_on = (
                (ends.group[1:] == ends.group[:-1]) & (ends.key[1:] == ends.key[:-1] + 1) & (ends.key[1:] % 2 == 1)
            )
            ends = ends.where(np.append(~goes_on, True) | ends.read)
        turns = ends.changed(held) if len(ends) else np.zeros(0, np.bool_)
        if self.counts_readings:  # what time does counts as one more reading only where it is known
            turns &= ends.read | ~np.isnan(ends.values).any(axis=0)
        every = attentive[ends.group]
        if self.holds and len(ends):
            turned = np.cumsum(turns)
            first = np.maximum.accumulate(np.where(np.diff(ends.group, prepend=-1) != 0, np.arange(len(ends)), 0))
            every = every | (turned - turned[first] + turns[first] > 0)
        return ends.where(turns | (every & ends.read & ~self._settled(ends)))

    def _settled(self, ends: GroupMoments) -> Bools:
        """Readings of moments that a tick has decided: where they change no value, they would not have changed it."""
        evaluator = self.evaluator
        until = np.full(self.table.space.capacity, -NEVER)
        for row, at in evaluator.decided.until.items() if not self.counts_readings else ():
            until[row] = at
        found: Bools = ends.key <= 2 * until[ends.group]
        return found

    def _good(self, ends: GroupMoments, record: RecordAnswers | None) -> NDArray[np.int64]:
        """i64[n] µs: the newest good reading of each group as of these moments: then, where a reading came."""
        t = ends.key // 2
        if record is None or self.counts_readings or self.evaluator.windows is not None:
            return t
        answers, newest = record.answers, self._newest_good()
        earlier = _earlier(record, newest)
        real, apart = record.from_reading & ~earlier, ~record.from_reading
        turned = set[tuple[int, int]]()
        if earlier.any():
            turned = answers.moments(earlier) - answers.moments(real)
        turned |= answers.moments(apart)
        if not turned:
            return t
        alone = [pair in turned for pair in zip(ends.group.tolist(), ends.key.tolist(), strict=True)]
        found = newest[ends.group]
        if any(alone):
            group, key, read_at = (one[record.good] for one in (answers.group, answers.key, answers.t))
            for k in np.flatnonzero(alone).tolist():
                known = read_at[(group == ends.group[k]) & (key <= ends.key[k])]
                found[k] = max(found[k], known.max(initial=LONG_AGO))
        silent = np.array(alone, np.bool_) & (found > LONG_AGO)
        return np.where(silent, np.minimum(found, t), t)

    def _newest_good(self) -> NDArray[np.int64]:
        """i64 per group: its newest good reading, µs."""
        found: NDArray[np.int64] = self.table.space.good_at[[self.table.columns[n] for n in self.table.momentary]].max(
            0
        )
        return found

    def _doubt(self, record: RecordAnswers) -> None:
        """A reading from before a moment that time alone made is no reading of that moment. Where it ends a silence
        that a hold does not last through, or a tick has decided since, the group is judged again.
        """
        evaluator, answers = self.evaluator, record.answers
        if not isinstance(evaluator, ThresholdEvaluator):
            return
        phases, until = evaluator.phases, evaluator.decided.until
        for n in np.flatnonzero(_earlier(record, self._newest_good())).tolist():
            row, t = int(answers.group[n]), int(answers.t[n])
            waits = [j for j, phase in enumerate(phases.m_phase) if phase[row] in WAITS]
            broken = any(t - phases.m_last[j][row] > evaluator.conditions.gap(j, row) for j in waits)
            if broken or answers.key[n] // 2 <= until.get(row, LONG_AGO):
                self.table.reevaluate(row, t)

    def _units(self, ends: GroupMoments, good: NDArray[np.int64]) -> Iterable[GroupMoment]:
        values = ends.values.T.tolist()
        columns = [self.table.columns[n] for n in self.table.momentary]
        odd = ends.key % 2 == 1
        self.table.by_time = set(zip(ends.group[odd].tolist(), (ends.key[odd] // 2).tolist(), strict=True))
        silent = good < ends.key // 2
        silent |= ~ends.read & isinstance(self.evaluator, ThresholdEvaluator)
        for row, key, cells, flags, received, at, quiet in zip(
            ends.group.tolist(),
            ends.key.tolist(),
            values,
            ends.flags.tolist(),
            ends.received.tolist(),
            good.tolist(),
            silent.tolist(),
            strict=True,
        ):
            values_of = dict(zip(columns, cells, strict=True))
            yield GroupMoment(row, key // 2, values_of, flags, received, at, quiet)

    def at_time(self, now: int) -> list[GroupMoment]:
        """Engine time is `now`: the moments at which votes became too old, each at its time."""
        if not any(any(one.limits) for one in self.table.questions):
            return []
        rows, waits = len(self.table.rows), self._waiting(now)
        self.table.looked = self.table.looked if waits else max(self.table.looked, now)
        horizon = np.maximum(self.table.clock, 2 * now + 1)
        horizon[rows:] = self.table.clock[rows:]
        horizon[waits] = self.table.clock[waits]
        line = Timeline(self.table, self._with_time({}, horizon))
        ends = line.ends(None, np.zeros(0, np.intp))
        if not len(ends):
            return []
        none = np.zeros(self.table.space.capacity, np.bool_)
        chosen = self._chosen(ends, none, self._held())
        if len(chosen):
            upto = self.table.clock.copy()
            np.maximum.at(upto, chosen.group, chosen.key)
            line.apply(upto)
        last = np.append(ends.group[1:] != ends.group[:-1], True)
        for n, values in zip(self.table.momentary, ends.values, strict=True):  # what openings and edits will look at
            self.table.space.value[self.table.columns[n], ends.group[last]] = values[last]
        return list(self._units(chosen, self._good(chosen, None)))

    def _waiting(self, now: int) -> list[int]:
        """Groups with a hold of which it is not known yet whether a down-time counts: it comes before votes that become
        too old.
        """
        evaluator = self.evaluator
        if (
            not isinstance(evaluator, ThresholdEvaluator)
            or not evaluator.phases.timed
            or not self.evaluator.common.downs.spans
        ):
            return []
        things = np.unique(evaluator.phases.pending()[0]).tolist()
        return [row for row in things if evaluator.machine.downtime.open_until(row, now) > now]

    def next_due(self) -> int:
        """When a vote becomes too old next, µs; NEVER when none does."""
        due = NEVER
        for n in self.aging:
            for members in self.table.asked(n):
                votes = members.on(n)
                ends = votes.began[votes.true > 0] + votes.limits.began_within
                due = min(due, int(ends[ends > self.table.looked].min(initial=NEVER)))
        return due


def _earlier(record: RecordAnswers, newest: NDArray[np.int64]) -> Bools:
    """bool[n]: which answers are readings from before the newest moment of their group, where time alone made that: it
    is newer than the `newest` good reading of the group, i64 µs.
    """
    answers = record.answers
    moment = answers.key // 2
    found: Bools = record.from_reading & (answers.t < moment) & (newest[answers.group] < moment)
    return found


def _relevant(votes: MemberVotes, answers: MemberAnswers) -> Bools:
    """bool[n]: which answers may change a vote, or keep one from becoming unknown."""
    voter, answer = votes.voter[answers.thing], votes.answer[answers.thing]
    matters = (answers.value != answer) & ~(np.isnan(answers.value) & np.isnan(answer))
    if votes.limits.within:
        matters |= (votes.true[voter] > 0) | votes.turning
    mark = np.zeros(len(votes.voter), np.bool_)
    mark[voter[matters]] = True
    found: Bools = mark[voter]
    return found
