"""The questions that members of one kind are asked, bound to their table: the answers at readings and window ends."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.context import EvaluatorContext, columns_of
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Latest, Reader, UnitsAt
from rules.engine.groups.aggregate import NAN
from rules.engine.groups.group_state import GroupState
from rules.engine.groups.member_answers import QuestionAnswers
from rules.engine.groups.member_table import MemberTable
from rules.engine.groups.split_rule import Question
from rules.engine.state.calendar import window, zone_of
from rules.engine.state.thing_table import LONG_AGO


class MemberQuestions:
    """`bounds`: the expressions by question; `judged`: the columns of those that readings answer. Answers of the record
    under way go to `send`, windows that all members have to close to the closed windows of the groups.
    """

    def __init__(
        self,
        context: EvaluatorContext,
        table: MemberTable,
        bounds: Sequence[BoundExpression],
        groups: GroupState,
        send: Callable[[QuestionAnswers], None],
    ) -> None:
        self.context, self.table, self.bounds = context, table, tuple(bounds)
        self.groups, self.send = groups, send
        self._newer: dict[int, int] = {}
        for votes, bound in zip(table.votes, self.bounds, strict=True):
            votes.turning = bound.turning or bound.has_signal
        asked = zip(self.bounds, table.questions, strict=True)
        self.judged = columns_of([bound for bound, one in asked if not one.gathered])

    def answer_newest(self, things: Sequence[int], at: int) -> None:
        """Attributes of these things may have changed at `at` µs: the answers to their newest values."""
        everything = np.fromiter(things, np.intp, len(things))
        space = self.context.space
        for k, (bound, votes) in enumerate(zip(self.bounds, self.table.votes, strict=True)):
            here = everything[votes.voter[everything] >= 0]
            if self.table.questions[k].calendars or not len(here):
                continue
            values = _finite(self.context.truth(bound, Latest(space, here, at)))
            read_at = self._read_at(bound, here)
            fresh = votes.read_at[votes.voter[here]] == LONG_AGO
            became = np.where(fresh & (read_at > LONG_AGO), read_at, at)
            self.groups.table.restate(self.table, k, here, values, read_at, became, at)
            if bound.columns:
                np.maximum.at(self.groups.table.space.newest, self.table.group[here], read_at)

    def _read_at(self, bound: BoundExpression, things: NDArray[np.intp]) -> I64:
        """i64[n] µs on our clock: the newest reading of any of the points, LONG_AGO = none."""
        if not bound.columns:
            return np.full(len(things), LONG_AGO)
        space = self.context.space
        at = np.array([space.at[column][things] for column in bound.columns])
        received = np.array([space.received[column][things] for column in bound.columns])
        found: I64 = np.where((received > 0) & (received < at), received, at).max(axis=0)
        return found

    def answer_view(self, view: BatchView) -> None:
        """All units that carry what a question reads."""
        for k, (bound, votes) in enumerate(zip(self.bounds, self.table.votes, strict=True)):
            units = np.flatnonzero(view.carry(bound.columns) & (votes.voter[view.thing] >= 0))
            if len(units):
                truth, whole = self.context.truth, 2 * len(units) >= len(view)
                values = truth(bound, view)[units] if whole else truth(bound, UnitsAt(view, units))
                self._send(k, view, units, view.thing[units], view.t[units], values)

    def answer_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """These units, of the questions that readings answer."""
        units = np.sort(units)
        for k, (bound, votes) in enumerate(zip(self.bounds, self.table.votes, strict=True)):
            mine = units[(votes.voter[view.thing[units]] >= 0) & view.carry(bound.columns)[units]]
            if len(mine) and not self.table.questions[k].gathered:
                values = self.context.truth(bound, UnitsAt(view, mine))
                self._send(k, view, mine, view.thing[mine], view.t[mine], values)

    def answer_window(self, here: At, reader: Reader) -> None:
        """Windows of a thing closed at `here.t`; `reader` holds its points as of then."""
        thing, end = here.thing, here.t
        for k, (one, bound) in enumerate(zip(self.table.questions, self.bounds, strict=True)):
            if self.table.votes[k].voter[thing] < 0 or not self._ends(thing, one, end):
                continue
            values = self.context.truth(bound, reader)
            if one.gathered:
                self.table.closed_at[k, thing] = end
                row, key = int(self.table.group[thing]), (self.table.number, thing)
                self.groups.closed.put(self.table.numbers[k], row, key, end, float(_finite(values)[0]))
            else:
                things, times = np.array([thing], np.int32), np.array([end], np.int64)
                self._send(k, here.view, np.array([here.unit]), things, times, values)

    def _send(
        self, k: int, view: BatchView | None, units: NDArray[np.intp], thing: NDArray[np.integer], t: I64, values: F64
    ) -> None:
        """The answers of these things at `t` are `values`."""
        source, group = (self.table.number, k), self.table.group[thing]
        answers = QuestionAnswers(source, self.bounds[k].columns, view, units, thing, group, t, _finite(values))
        if view is not None and self.table.votes[k].turning:
            self._note_turns(k, view, answers)
        self.send(answers)

    def _note_turns(self, k: int, view: BatchView, answers: QuestionAnswers) -> None:
        """A vote that time alone turned is in doubt when a reading of the member from before that comes (041)."""
        decided, votes, alone = self.context.decided, self.table.votes[k], view.moments[answers.units]
        voter = votes.voter[answers.thing]
        if alone.all():
            before = votes.answer[answers.thing]
            turned = (answers.value != before) & ~(np.isnan(answers.value) & np.isnan(before))
            for n in np.flatnonzero(turned).tolist() if not self.table.questions[k].numeric else ():
                decided.note(int(voter[n]), int(answers.t[n]))
        elif decided.until:
            since = answers.on_our_clock()
            for n in np.flatnonzero(~alone & np.isin(voter, list(decided.until))).tolist():
                row, t = int(voter[n]), int(answers.t[n])
                if t > decided.until[row]:
                    self._newer[row] = max(t, self._newer.get(row, t))
                else:
                    self.groups.table.reevaluate(int(answers.group[n]), int(since[n]))

    def settle(self) -> None:
        """The record is complete: what time alone turned before its readings is in doubt no more."""
        until, newer = self.context.decided.until, self._newer
        for row in [row for row, t in newer.items() if until.get(row, t) < t]:
            del until[row]
        newer.clear()

    def _ends(self, thing: int, one: Question, end: int) -> bool:
        """True if a window of this question ends then."""
        world, space = self.context.world, self.context.space
        zone = zone_of(world.zone(world.devices[space.things[thing].device], self.context.zone))
        assert zone is not None, "a device is in a zone that exists"
        return any(window(zone, calendar, end - 1)[1] == end for calendar in one.calendars)


def _finite(values: F64) -> F64:
    """An answer is a number, or unknown."""
    return np.where(np.isfinite(values), values, NAN)
