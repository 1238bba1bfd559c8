"""The members of one kind: who they are, what they answer, and which of it the groups have to hear."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I32, I64
from rules.compiled import Rule
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import EngineContext
from rules.engine.conditions.windowed import Signalled
from rules.engine.frames.batch_view import BatchView, Bools, Latest, Reader, UnitsAt
from rules.engine.groups.member_answers import QuestionAnswers
from rules.engine.groups.member_votes import MemberVotes
from rules.engine.groups.placement import membership_of, place
from rules.engine.groups.split_rule import Question
from rules.engine.state.calendar import window, zone_of
from rules.engine.state.thing_table import LONG_AGO, ThingTable, widened

if TYPE_CHECKING:
    from rules.engine.groups.group_evaluator import GroupEvaluator

NAN = float("nan")
MANY = 64  # devices from which on all is counted anew


class Members(Signalled):
    """State: what they say to each question (`standings`), closed_at i64[k, n] (newest closed window of question k) and
    first i64[n] (first reading): per question and member 53 B, + 8.
    """

    def __init__(
        self,
        rule: Rule,
        zone: str,
        space: ThingTable,
        common: EngineContext,
        groups: "GroupEvaluator",
        number: int,
        asks: Mapping[int, Question],
    ) -> None:
        super().__init__(rule, zone, space, common)
        self.groups, self.number = groups, number
        self.numbers, self.questions = tuple(asks), tuple(asks.values())
        self.arrays = (("closed_at", LONG_AGO), ("first", LONG_AGO))
        self.closed_at: I64 = np.zeros((max(1, len(self.questions)), 0), np.int64)
        self.first: I64 = np.zeros(0, np.int64)
        self.mine: Bools = np.zeros(0, np.bool_)
        self.group: I32 = np.zeros(0, np.int32)
        self.standings = [MemberVotes(space, *one.limits) for one in self.questions]
        self.of = [BoundExpression(one.of, space, common.world, self.signal) for one in self.questions]
        for standing, bound in zip(self.standings, self.of, strict=True):
            standing.turning = bound.turning or bound.has_signal
        momentary = [bound for bound, one in zip(self.of, self.questions, strict=True) if not one.gathered]
        self.judged = tuple(dict.fromkeys(column for bound in momentary for column in bound.columns))
        self.watching = space.kind in groups.rule.watch.kinds
        self.each = [one.each or (self.watching and groups.rule.watch.each) for one in self.questions]
        self.placed = False

    def bounds(self) -> Sequence[BoundExpression]:
        return self.of

    # --- who they are
    def grow(self) -> None:
        super().grow()
        if len(self.mine) == self.room:
            return
        for standing in self.standings:
            standing.grow()
        self.mine, self.group = widened(self.mine, self.room, 0), widened(self.group, self.room, -1)

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
            place(self, self.common.world.devices[number], own, at, count=not many)
        if many:
            self.groups.recount()
        self.placed = True
        self.rouse(things, at)
        self._ask_again(things, at)
        self.groups.write(at)

    def end(self, thing: int, at: int, reason: str) -> None:
        """Nothing: alarms are those of the groups."""

    def is_on(self, thing: int) -> int:  # noqa: ARG002 - members have no alarm
        return 0

    # --- what they answer
    def _ask_again(self, things: Sequence[int], at: int) -> None:
        """Attributes may have changed: the newest values once more."""
        everything = np.fromiter(things, np.intp, len(things))
        for k, (one, bound, standing) in enumerate(zip(self.questions, self.of, self.standings, strict=True)):
            here = everything[standing.voter[everything] >= 0]
            if one.calendars or not len(here):
                continue
            values = _finite(self.truth(bound, Latest(self.space, here, at)))
            heard = self._heard(bound, here)
            fresh = standing.heard[standing.voter[here]] == LONG_AGO
            self._restate(k, here, values, heard, np.where(fresh & (heard > LONG_AGO), heard, at), at)
            if bound.columns:
                np.maximum.at(self.groups.space.newest, self.group[here], heard)

    def _heard(self, bound: BoundExpression, things: NDArray[np.intp]) -> I64:
        """When these things said anything of the points last, on our clock, µs."""
        if not bound.columns:
            return np.full(len(things), LONG_AGO)
        at = np.array([self.space.at[column][things] for column in bound.columns])
        received = np.array([self.space.received[column][things] for column in bound.columns])
        found: I64 = np.where((received > 0) & (received < at), received, at).max(axis=0)
        return found

    def _restate(self, k: int, things: NDArray[np.intp], values: F64, heard: I64, became: I64, at: int) -> None:
        n, standing = self.numbers[k], self.standings[k]
        before = standing.answer[things]
        voters = np.unique(standing.voter[things])
        self.groups.weigh(n, standing, voters, self.group[voters], -1)
        standing.restate(things, values, heard, became)
        self.groups.weigh(n, standing, voters, self.group[voters], 1)
        for i in np.flatnonzero((before != values) & ~(np.isnan(before) & np.isnan(values))).tolist():
            row = int(self.group[things[i]])
            if self.questions[k].numeric:
                key = (self.number, int(things[i]))
                self.groups.tallies[n][row].change(key, float(before[i]), float(values[i]))
            self.groups.touch(row, at)

    def frames(self, view: BatchView) -> None:
        if self.windows is not None:
            self._note_first(view)
        if self.signal_frames(view):
            return
        for k, (bound, standing) in enumerate(zip(self.of, self.standings, strict=True)):
            units = np.flatnonzero(view.carry(bound.columns) & (standing.voter[view.thing] >= 0))
            if len(units):
                whole = not self.common.scalar and 2 * len(units) >= len(view)
                values = self.truth(bound, view)[units] if whole else self.truth(bound, UnitsAt(view, units))
                self._say(k, view, units, view.thing[units], view.t[units], values)

    def _say(
        self, k: int, view: BatchView | None, units: NDArray[np.intp], thing: NDArray[np.integer], t: I64, values: F64
    ) -> None:
        """These members say `values` at `t`."""
        self.groups.hear(QuestionAnswers(self, k, view, units, thing, self.group[thing], t, _finite(values)))

    def judge_unit(self, view: BatchView, unit: int) -> None:
        self.judge_units(view, np.array([unit]))

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        units = np.sort(units)
        for k, (one, bound, standing) in enumerate(zip(self.questions, self.of, self.standings, strict=True)):
            mine = units[(standing.voter[view.thing[units]] >= 0) & view.carry(bound.columns)[units]]
            if len(mine) and not one.gathered:
                values = self.truth(bound, UnitsAt(view, mine))
                self._say(k, view, mine, view.thing[mine], view.t[mine], values)

    # --- closed windows
    def _note_first(self, view: BatchView) -> None:
        """When a member was heard first: the windows that ended before are not its own."""
        assert self.windows is not None, "only members with signals have windows"
        for column in self.windows.columns:
            new = view.present(column) & (self.first[view.thing] == LONG_AGO) & self.watched[view.thing]
            units = np.flatnonzero(new)[::-1]
            self.first[view.thing[units]] = view.t[units]

    def window_closed(self, thing: int, end: int, reader: Reader, view: BatchView | None, unit: int) -> None:
        for k, (one, bound) in enumerate(zip(self.questions, self.of, strict=True)):
            if self.standings[k].voter[thing] < 0 or not self._ends(thing, one, end):
                continue
            values = self.truth(bound, reader)
            if one.gathered:
                self.closed_at[k, thing] = end
                key = (self.number, thing)
                self.groups.closed_window(self.numbers[k], int(self.group[thing]), key, end, float(_finite(values)[0]))
            else:
                place = np.array([thing], np.int32)
                self._say(k, view, np.array([unit]), place, np.array([end], np.int64), values)

    def _ends(self, thing: int, one: Question, end: int) -> bool:
        """Does a window of this question end then?"""
        device = self.common.world.devices[self.space.things[thing].device]
        zone = zone_of(self.common.world.zone(device, self.zone))
        assert zone is not None, "World.zone answers with a zone that exists"
        return any(window(zone, calendar, end - 1)[1] == end for calendar in one.calendars)

    def all_closed(self, k: int, row: int, end: int) -> bool:
        """Has every member of a group that was heard before `end` closed its window of question `k` then?"""
        must = (self.standings[k].voter >= 0) & (self.group == row) & (self.first > LONG_AGO) & (self.first < end)
        return bool((self.closed_at[k][must] >= end).all())

    # --- time, facts, edits
    def catch_up(self, until: I64) -> None:
        """The moments of members that come before `until`, i64 per group µs."""
        newest = int(until.max(initial=LONG_AGO))
        if not self.moments or self.awake >= newest:
            return
        due = self.watched & (self.group >= 0) & (self.wake < until[self.group])
        if (open_until := self.not_yet(newest)) is not None:
            due &= open_until <= newest
        things = np.flatnonzero(due)
        self._pass(things, until[self.group[things]])

    def tick(self, now: int) -> None:
        self.close_windows(now)
        if self.number == len(self.groups.members) - 1:
            self.groups.flush(now)  # what windows say comes before what the groups' own timers do
            self.groups.pass_time(now)

    def revalue(self, things: Sequence[int], at: int) -> None:  # noqa: ARG002 - `refresh` has asked them
        self.groups.judge_touched()

    def adopt(self, old: Any) -> None:
        assert isinstance(old, Members), "edits keep state only between rules of one shape"
        super().adopt(old)
        self.watched = old.watched.copy()
        self.mine, self.group = old.mine, old.group
        for standing, other in zip(self.standings, old.standings, strict=True):
            standing.adopt(other)
        self.placed = old.placed
        if self.number == 0:
            self.groups.adopt(old.groups)
        self.groups.recount()

    def load_windows(self, kept: dict[str, NDArray[Any]]) -> None:
        super().load_windows(kept)
        if self.windows is not None:
            heard = np.max([self.space.good_at[column] for column in self.windows.columns], axis=0)
            self.first[heard > LONG_AGO] = LONG_AGO + 1  # long before: every window is their own

    def take_row(self, thing: int, other: Any, row: int) -> None:
        super().take_row(thing, other, row)
        for standing, theirs in zip(self.standings, other.standings, strict=True):
            standing.take_row(thing, theirs, row)

    # --- snapshot
    def state(self) -> dict[str, NDArray[Any]]:
        found = super().state() | (self.groups.state() if self.number == 0 else {})
        for k, standing in enumerate(self.standings):
            found |= {f"said.{k}.{name}": table for name, table in standing.state().items()}
        return found

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        super().load(state)
        for k, standing in enumerate(self.standings):
            mark = f"said.{k}."
            standing.load({name.removeprefix(mark): t for name, t in state.items() if name.startswith(mark)})
        if self.number == 0:
            self.groups.load(state)

    def extra(self) -> bytes:
        return self.groups.extra() if self.number == 0 else b""

    def load_extra(self, blob: bytes) -> None:
        if self.number == 0:
            self.groups.load_extra(blob)
        self.groups.restored()

    def regroup(self) -> None:
        """The rows of the groups are others now."""
        for thing in np.flatnonzero(self.watched[: len(self.space)]).tolist():
            device = self.common.world.devices[self.space.things[thing].device]
            self.group[thing] = membership_of(self, device, [thing])[0]

    def next_due(self) -> int:
        due = self.awake if self.windows is None else min(self.awake, self.windows.soonest)
        return min(due, self.groups.poll.next_lapse()) if self.number == len(self.groups.members) - 1 else due


def interval(members: Members, k: int) -> int:
    """The longest promised interval of the points of question `k` among the members, µs."""
    names = [members.space.names[column] for column in members.of[k].columns]
    world = members.common.world
    numbers = set(np.unique(members.space.profile[np.flatnonzero(members.standings[k].voter >= 0)]).tolist())
    specs = [world.spec(p, name) for p, number in world.profiles.items() if number in numbers for name in names]
    return max((spec.every for spec in specs if spec is not None), default=0)


def _finite(values: F64) -> F64:
    """An answer is a number, or unknown."""
    return np.where(np.isfinite(values), values, NAN)
