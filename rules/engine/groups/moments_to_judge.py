"""What the runner of the groups has to look at: what members said in a record, and what time does to their votes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.engine.conditions.sequence import SequenceRunner
from rules.engine.conditions.threshold import LevelsRunner
from rules.engine.conditions.threshold_state import G_BUSY
from rules.engine.frames.batch_view import Bools
from rules.engine.groups.aggregate import Key
from rules.engine.groups.late_answers import LateAnswers
from rules.engine.groups.member_answers import RecordAnswers
from rules.engine.groups.member_votes import CountChanges, joined
from rules.engine.groups.timeline import AnswerChange, GroupMoments, Timeline
from rules.engine.state.thing_table import LONG_AGO, NEVER

if TYPE_CHECKING:
    from rules.engine.groups.group_evaluator import GroupEvaluator

GroupMoment = tuple[int, int, dict[int, float], int, int, int, bool]
"""(row of the group, µs, column -> value, flags, received µs, the newest good reading as of then µs, which is older
where time alone turned a member, whether nobody spoke)."""


class MomentsToJudge:
    """`looked` µs: up to when votes were seen to lapse; `turned`: (row, µs) of what time alone made, as judged last."""

    def __init__(self, groups: "GroupEvaluator") -> None:
        self.groups = groups
        runner = groups.runner
        levels = runner.levels if isinstance(runner, LevelsRunner) else ()
        self.timed = any(one.hold.for_ or one.clear_hold for one in levels)
        self.counts_words = not isinstance(runner, LevelsRunner | SequenceRunner)
        self.aging = [n for n in groups.momentary if groups.questions[n].limits[1]]
        self.looked = -NEVER
        self.turned: set[tuple[int, int]] = set()

    def _held(self) -> NDArray[np.float64]:
        """f64[momentary questions, groups]: what holds as far as the runner knows."""
        found: NDArray[np.float64] = self.groups.space.value[[self.groups.columns[n] for n in self.groups.momentary]]
        return found

    def _attentive(self) -> Bools:
        """Groups in which every moment counts, changed or not: a hold runs, or readings are counted."""
        runner = self.groups.runner
        if not isinstance(runner, LevelsRunner) or self.groups.rule.clear_after or self.groups.rule.active is not None:
            return np.ones(self.groups.space.capacity, np.bool_)
        runner.grow()
        busy: Bools = runner.gate == G_BUSY
        return busy

    def moments(self, news: RecordAnswers, floor: NDArray[np.int64]) -> Iterable[GroupMoment]:
        """What the runner has to look at. Where nothing waits, a moment at which no answer changes is none. `floor` i64
        per group: its newest moment, µs.
        """
        revision = LateAnswers(self.groups, floor)
        attentive, held = self._attentive(), self._held()
        horizon = self.groups.clock.copy()
        np.maximum.at(horizon, news.said.group, news.said.key)
        matters = np.ones(len(news.of), np.bool_) if self.timed else attentive[news.said.group]
        shifts: dict[int, list[CountChanges]] = {}
        changes: dict[int, list[tuple[int, int, Key, float, float]]] = {}
        for place, (members, k) in enumerate(news.sources):
            at, said = news.mine(place)
            n, standing = members.numbers[k], members.standings[k]
            if self.groups.questions[n].numeric:
                order, before = standing.changes(said)
                revision.numbers(n, said.at(order), before)
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
                revision.votes(n, standing, said, members.group)
                shifts.setdefault(n, []).append(standing.play(said, members.group, self.groups.clock, horizon))
            matters[at] = True
        matters &= news.spoke
        revision.settle()
        ordered = [AnswerChange(n, sorted(rows, key=lambda row: row[:2])) for n, rows in changes.items()]
        line = Timeline(self.groups, self._aged(shifts, horizon), ordered)
        ends = line.ends(news, np.flatnonzero(matters))
        line.apply(horizon)
        chosen = self._chosen(ends, attentive, held)
        return self._units(chosen, self._good(chosen, news))

    def _aged(self, shifts: dict[int, list[CountChanges]], horizon: NDArray[np.int64]) -> dict[int, CountChanges]:
        """The shifts of every question; of those that no answer came to, what time does."""
        for n, one in enumerate(self.groups.questions):
            said = {id(members) for members, k in ((m, k) for m in self.groups.members for k in range(len(m.numbers)))
                    if members.numbers[k] == n and members.standings[k].played is not None}  # fmt: skip
            if any(one.limits):
                shifts.setdefault(n, []).extend(self.groups.lapses(n, horizon, but=said))
        return {n: joined(parts) for n, parts in shifts.items() if parts}

    def _chosen(self, ends: GroupMoments, attentive: Bools, held: NDArray[np.float64]) -> GroupMoments:
        """What is judged: where something turns, and from there on, or where a hold runs, every word of a member."""
        ends = ends.where(ends.told)  # a vote that falls silent decides nothing
        if len(ends):  # all that time alone does at one µs is one moment
            goes_on = (
                (ends.group[1:] == ends.group[:-1]) & (ends.key[1:] == ends.key[:-1] + 1) & (ends.key[1:] % 2 == 1)
            )
            ends = ends.where(np.append(~goes_on, True) | ends.spoke)
        turns = ends.turns(held) if len(ends) else np.zeros(0, np.bool_)
        if self.counts_words:  # what time does counts as one more word only where it is known
            turns &= ends.spoke | ~np.isnan(ends.values).any(axis=0)
        every = attentive[ends.group]
        if self.timed and len(ends):
            turned = np.cumsum(turns)
            first = np.maximum.accumulate(np.where(np.diff(ends.group, prepend=-1) != 0, np.arange(len(ends)), 0))
            every = every | (turned - turned[first] + turns[first] > 0)
        return ends.where(turns | (every & ends.spoke & ~self._settled(ends)))

    def _settled(self, ends: GroupMoments) -> Bools:
        """Words of moments that a tick has decided: where they turn nothing, they would not have changed it."""
        runner = self.groups.runner
        until = np.full(self.groups.space.capacity, -NEVER)
        for row, at in runner.decided.items() if not self.counts_words else ():
            until[row] = at
        found: Bools = ends.key <= 2 * until[ends.group]
        return found

    def _good(self, ends: GroupMoments, news: RecordAnswers | None) -> NDArray[np.int64]:
        """When the newest good reading of each group was as of these moments, µs: then, where a member spoke."""
        t = ends.key // 2
        if news is None or self.counts_words or self.groups.runner.windows is not None:
            return t
        turned = set(zip(news.said.group[~news.spoke].tolist(), news.said.key[~news.spoke].tolist(), strict=True))
        if not turned:
            return t
        by_time = [pair in turned for pair in zip(ends.group.tolist(), ends.key.tolist(), strict=True)]
        found = self.groups.space.good_at[[self.groups.columns[n] for n in self.groups.momentary]].max(axis=0)[
            ends.group
        ]
        if any(by_time):
            group, key = news.said.group[news.good].astype(np.int64), news.said.key[news.good]
            order = np.lexsort((key, group))
            group, key = group[order], key[order]
            for k, (row, moment) in enumerate(zip(ends.group.tolist(), ends.key.tolist(), strict=True)):
                begin, stop = np.searchsorted(group, row), np.searchsorted(group, row, "right")
                last = begin + np.searchsorted(key[begin:stop], moment, "right") - 1
                if last >= begin:
                    found[k] = max(found[k], key[last] // 2)
        silent = np.array(by_time, np.bool_) & (found > LONG_AGO)
        return np.where(silent, np.minimum(found, t), t)

    def _units(self, ends: GroupMoments, good: NDArray[np.int64]) -> Iterable[GroupMoment]:
        values = ends.values.T.tolist()
        columns = [self.groups.columns[n] for n in self.groups.momentary]
        odd = ends.key % 2 == 1
        self.turned = set(zip(ends.group[odd].tolist(), (ends.key[odd] // 2).tolist(), strict=True))
        silent = ~ends.spoke if isinstance(self.groups.runner, LevelsRunner) else good < ends.key // 2
        for row, key, cells, flags, received, at, quiet in zip(
            ends.group.tolist(), ends.key.tolist(), values, ends.flags.tolist(), ends.received.tolist(), good.tolist(),
            silent.tolist(), strict=True,
        ):  # fmt: skip
            yield row, key // 2, dict(zip(columns, cells, strict=True)), flags, received, at, quiet

    def key(self, row: int, at: int) -> int:
        """The key of a moment of a group, for evidence."""
        return 2 * at + ((row, at) in self.turned)

    def lapsed(self, now: int) -> list[GroupMoment]:
        """Engine time is `now`: what the runner has to look at because votes lapsed, each at its time."""
        if not any(any(one.limits) for one in self.groups.questions):
            return []
        rows, waits = len(self.groups.rows), self._waiting(now)
        self.looked = self.looked if waits else max(self.looked, now)
        horizon = np.maximum(self.groups.clock, 2 * now + 1)
        horizon[rows:] = self.groups.clock[rows:]
        horizon[waits] = self.groups.clock[waits]
        line = Timeline(self.groups, self._aged({}, horizon))
        ends = line.ends(None, np.zeros(0, np.intp))
        if not len(ends):
            return []
        nobody = np.zeros(self.groups.space.capacity, np.bool_)
        chosen = self._chosen(ends, nobody, self._held())
        if len(chosen):
            upto = self.groups.clock.copy()
            np.maximum.at(upto, chosen.group, chosen.key)
            line.apply(upto)
        last = np.append(ends.group[1:] != ends.group[:-1], True)
        for n, values in zip(self.groups.momentary, ends.values, strict=True):  # what openings and edits will look at
            self.groups.space.value[self.groups.columns[n], ends.group[last]] = values[last]
        return list(self._units(chosen, self._good(chosen, None)))

    def _waiting(self, now: int) -> list[int]:
        """Groups with a hold of which nobody knows yet whether a down-time counts: it comes before what lapses."""
        runner = self.groups.runner
        if not isinstance(runner, LevelsRunner) or not runner.timed or not self.groups.common.downs.spans:
            return []
        things = np.unique(runner.pending()[0]).tolist()
        return [row for row in things if runner.open_until(row, now, runner.judged) > now]

    def next_lapse(self) -> int:
        """When a vote turns old next, µs; NEVER when none does."""
        due = NEVER
        for n in self.aging:
            for _, standing in self.groups.asked(n):
                ends = standing.ends()
                due = min(due, int(ends[ends > self.looked].min(initial=NEVER)))
        return due
