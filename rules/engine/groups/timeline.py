"""What the groups of a rule come to, moment by moment, in one record or as time passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64, U8
from rules.engine.frames.batch_view import Bools
from rules.engine.groups.group_table import GroupTable
from rules.engine.groups.member_answers import RecordAnswers
from rules.engine.groups.recent_answers import TotalChanges
from rules.engine.groups.votes import NAN, NO, YES, CountChanges, Index


class GroupMoment(NamedTuple):
    """Group `row` at `t` µs, to be judged with `values` by column; `flags` of the frames and when they were received,
    µs, 0 = none was; `good_at` µs: its newest good reading as of then, which is older where time alone changed a
    member; `silent`: no member sent anything then.
    """

    row: int
    t: int
    values: dict[int, float]
    flags: int
    received: int
    good_at: int
    silent: bool


@dataclass(frozen=True, slots=True, eq=False)
class AnswerChange:
    """Answers to question `n` that are numbers, by group and time: (group, key, member, before, after)."""

    n: int
    rows: Sequence[tuple[int, int, tuple[int, int], float, float]]

    def steps(self) -> TotalChanges:
        """What that does to the sum, and to how many are known."""
        before = np.array([row[3] for row in self.rows])
        after = np.array([row[4] for row in self.rows])
        return TotalChanges(
            np.array([row[0] for row in self.rows], np.int64),
            np.array([row[1] for row in self.rows], np.int64),
            np.nan_to_num(after) - np.nan_to_num(before),
            np.isnan(before).astype(np.float64) - np.isnan(after),
        )


@dataclass(frozen=True, slots=True, eq=False)
class GroupMoments:
    """Moments of groups, in order: i[n] group and key, f64[momentary questions, n] what holds from then on, bool[n]
    whether a reading came (`read`), and whether the groups are `judged` then: not where votes only become unknown;
    flags of the frames and when they were received, µs.
    """

    group: NDArray[np.integer]
    key: I64
    values: F64
    read: Bools
    judged: Bools
    flags: U8
    received: I64

    def __len__(self) -> int:
        return len(self.group)

    def where(self, mask: Bools) -> "GroupMoments":
        """The moments selected by `mask`."""
        return GroupMoments(
            self.group[mask],
            self.key[mask],
            self.values[:, mask],
            self.read[mask],
            self.judged[mask],
            self.flags[mask],
            self.received[mask],
        )

    def changed(self, held: F64) -> Bools:
        """bool[n]: which differ from the moment before; the first of a group from `held`, f64[questions, groups]."""
        first = np.ones(len(self), np.bool_)
        first[1:] = self.group[1:] != self.group[:-1]
        before = np.where(first, held[:, self.group], np.roll(self.values, 1, axis=1))
        other = (self.values != before) & ~(np.isnan(self.values) & np.isnan(before))
        found: Bools = other.any(axis=0)
        return found


class Timeline:
    """`counts_changed` by question, `changes` of those whose answers are numbers; counts are those of `table`."""

    def __init__(
        self, table: GroupTable, changed: dict[int, CountChanges], changes: Sequence[AnswerChange] = ()
    ) -> None:
        self.table, self.counts_changed, self.changes = table, changed, changes

    def ends(self, record: RecordAnswers | None, places: Index) -> GroupMoments:
        """Every moment at which anything changes, or at which one of the answers at `places` of `record` came."""
        groups, keys, order = self._rows(record, places)
        group, key = groups[order], keys[order]
        whole = np.ones(len(order), np.bool_)
        whole[:-1] = (group[1:] != group[:-1]) | (key[1:] != key[:-1])
        last = np.flatnonzero(whole)
        values = np.full((len(self.table.momentary), len(last)), NAN)
        number: I64 = np.cumsum(whole) - whole  # which end each row belongs to
        place = np.empty(len(order), np.int64)
        place[order] = number
        start = len(places)
        judged = key[last] % 2 == 1
        changes = {change.n: change for change in self.changes}
        for k, n in enumerate(self.table.momentary):
            one, change = self.counts_changed.get(n), changes.get(n)
            count = len(one.group) if one is not None else len(change.rows) if change is not None else 0
            rows = place[start : start + count]
            if self.table.questions[n].numeric:
                values[k] = self._numbers(n, change, rows.tolist(), group[last])
            else:
                values[k] = self._votes(n, one, rows, group[last])
            if one is not None:
                judged[rows[one.no != 0]] = True
            start += count
        read, flags = np.zeros(len(last), np.bool_), np.zeros(len(last), np.uint8)
        received = np.zeros(len(last), np.int64)
        if record is not None:
            at = place[: len(places)]
            read[at] = True
            np.bitwise_or.at(flags, at, record.flags[places])
            np.maximum.at(received, at, record.received[places])
        return GroupMoments(group[last], key[last], values, read, judged | read, flags, received)

    def _rows(self, record: RecordAnswers | None, places: Index) -> tuple[I64, I64, Index]:
        """(groups, keys of everything, its order)."""
        groups: list[NDArray[np.integer]] = [np.zeros(0, np.int64)]
        keys: list[I64] = [np.zeros(0, np.int64)]
        if record is not None:
            groups.append(record.answers.group[places])
            keys.append(record.answers.key[places])
        changes = {change.n: change for change in self.changes}
        for n in self.table.momentary:
            if n in self.counts_changed:
                groups.append(self.counts_changed[n].group)
                keys.append(self.counts_changed[n].key)
            elif n in changes:
                groups.append(np.array([row[0] for row in changes[n].rows], np.int64))
                keys.append(np.array([row[1] for row in changes[n].rows], np.int64))
        group, key = np.concatenate(groups), np.concatenate(keys)
        return group, key, np.lexsort((key, group))

    def _votes(self, n: int, moved: CountChanges | None, place: I64, group: NDArray[np.integer]) -> F64:
        """The answer to a question that is counted, at every end."""
        counts = self.table.counts[:, n]
        yes, no = np.zeros(len(group), np.int64), np.zeros(len(group), np.int64)
        if moved is not None and len(group):
            np.add.at(yes, place, moved.yes)
            np.add.at(no, place, moved.no)
            first = np.ones(len(group), np.bool_)
            first[1:] = group[1:] != group[:-1]
            begin = np.maximum.accumulate(np.where(first, np.arange(len(group)), 0))
            yes, no = (
                total - total[begin] + step[begin] for step, total in ((yes, np.cumsum(yes)), (no, np.cumsum(no)))
            )
        return self.table.worth(n, counts[YES, group] + yes, counts[NO, group] + no, counts[2, group])

    def _numbers(self, n: int, change: AnswerChange | None, place: Sequence[int], group: NDArray[np.integer]) -> F64:
        """The answer to a question of numbers, at every end; the tallies go on to the last."""
        tallies, members = self.table.tallies[n], self.table.counts[2, n]
        moves = change.rows if change is not None else ()
        rows, values = group.tolist(), list[float]()
        at = 0
        for end, row in enumerate(rows):
            moved = not end or rows[end - 1] != row
            while at < len(moves) and place[at] == end:
                _, _, key, before, after = moves[at]
                tallies[row].change(key, before, after)
                at, moved = at + 1, True
            values.append(tallies[row].value(int(members[row])) if moved else values[-1])
        return np.array(values, np.float64)

    def apply(self, upto: I64) -> None:
        """The changes become part of the counts, in each group those up to the key `upto`, which is its clock then."""
        table = self.table
        for n, one in self.counts_changed.items():
            mine = one.key <= upto[one.group]
            np.add.at(table.counts[YES, n], one.group[mine], one.yes[mine])
            np.add.at(table.counts[NO, n], one.group[mine], one.no[mine])
            group, yes = one.group[mine].astype(np.int64), one.yes[mine].astype(np.float64)
            table.recent.put(n, TotalChanges(group, one.key[mine], yes, one.no[mine].astype(np.float64)))
        for change in self.changes:
            if change.rows and table.tallies[change.n][0].adds:
                table.recent.put(change.n, change.steps())
        np.maximum(table.clock, upto, out=table.clock)
