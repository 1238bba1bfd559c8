"""The members of one kind: who they are, what they answer, and which of it the groups have to hear."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.device import Device, Life
from gateway.domain.reading import F64, I32, I64
from rules.compiled import Rule
from rules.engine.bound import Bound
from rules.engine.calendar import window, zone_of
from rules.engine.groups.news import News
from rules.engine.groups.questions import Question
from rules.engine.groups.standin import name_of
from rules.engine.runner import Field
from rules.engine.signalled import Signalled
from rules.engine.space import LONG_AGO, NEVER, Space, widened
from rules.engine.view import Bools, Held, Picked, Reader, View

if TYPE_CHECKING:
    from rules.engine.groups.groups import Groups

NAN = float("nan")


class Members(Signalled):
    """State per question: answer f64 (NaN unknown), voted i64 (when it was last true) and closed i64 (its newest
    closed window) per member; first i64, its first reading. 24 B per question and member + 8.
    """

    def __init__(
        self, rule: Rule, zone: str, space: Space, common: Field, groups: "Groups", number: int,
        asks: Mapping[int, Question],
    ) -> None:  # fmt: skip
        super().__init__(rule, zone, space, common)
        self.groups, self.number = groups, number
        self.numbers, self.questions = tuple(asks), tuple(asks.values())
        self.arrays = (("answer", NAN), ("voted", LONG_AGO), ("closed_at", LONG_AGO), ("first", LONG_AGO))
        count = max(1, len(self.questions))
        self.answer: F64 = np.zeros((count, 0))
        self.voted: I64 = np.zeros((count, 0), np.int64)
        self.closed_at: I64 = np.zeros((count, 0), np.int64)
        self.first: I64 = np.zeros(0, np.int64)
        self.asked: Bools = np.zeros((count, 0), np.bool_)
        self.mine: Bools = np.zeros(0, np.bool_)
        self.group: I32 = np.zeros(0, np.int32)
        self.of = [Bound(one.of, space, common.world, self.signal) for one in self.questions]
        momentary = [bound for bound, one in zip(self.of, self.questions, strict=True) if not one.gathered]
        self.judged = tuple(dict.fromkeys(column for bound in momentary for column in bound.columns))
        self.watching = space.kind in groups.rule.watch.kinds
        self.placed = False

    def bounds(self) -> Sequence[Bound]:
        return self.of

    # --- who they are
    def grow(self) -> None:
        super().grow()
        if len(self.mine) == self.room:
            return
        self.asked, self.mine = widened(self.asked, self.room, 0), widened(self.mine, self.room, 0)
        self.group = widened(self.group, self.room, -1)

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:  # noqa: ARG002 - alarms are those of the groups
        self.grow()
        for bound in self.of:
            bound.refresh(things)
        device, known = None, (-1, False, np.zeros(len(self.asked), np.bool_))
        for thing in things:
            place = self.space.things[thing]
            found = self.common.world.devices[place.device]
            if found is not device:
                device, known = found, _standing(self, found)
            row, mine, asked = known
            right = _fits(device, place.component, each=self.watching and self.groups.rule.watch.each)
            self._place(thing, row, mine and right, asked & right, at)
            if self.watched[thing]:
                self.groups.touch(row, at)
        self.placed = True
        self._ask_again(things, at)
        self.groups.write(at)

    def _place(self, thing: int, row: int, mine: bool, asked: Bools, at: int) -> None:
        """The member is in group `row`, -1 = in none."""
        inside = mine or bool(asked.any())
        row = row if inside else -1
        before = int(self.group[thing])
        same = self.mine[thing] == mine and bool((self.asked[:, thing] == asked).all())
        if (before == row and same) or (before < 0 and not inside):
            return
        if before >= 0:
            self._leave(thing, before, at)
        if not inside:
            self._forget(thing)
        self.answer[~asked, thing] = NAN
        self.group[thing], self.mine[thing], self.asked[:, thing] = row, mine, asked
        self.watched[thing] = inside
        if row >= 0:
            self.enter(thing)

    def _leave(self, thing: int, row: int, at: int) -> None:
        for k in np.flatnonzero(self.asked[:, thing]).tolist():
            self.groups.leave(self.numbers[k], row, (self.number, thing), float(self.answer[k, thing]))
        self.groups.count(row, -int(self.mine[thing]))
        self.groups.touch(row, at)

    def enter(self, thing: int) -> None:
        """Count the member in its group, with what it said so far."""
        row = int(self.group[thing])
        for k in np.flatnonzero(self.asked[:, thing]).tolist():
            answer, voted = float(self.answer[k, thing]), int(self.voted[k, thing])
            self.groups.enter(self.numbers[k], row, (self.number, thing), answer, voted)
        self.groups.count(row, int(self.mine[thing]))

    def _forget(self, thing: int) -> None:
        for name, fill in self.arrays:
            getattr(self, name)[..., thing] = fill
        if self.windows is not None:
            self.windows.forget(thing)

    def end(self, thing: int, at: int, reason: str) -> None:
        """Nothing: alarms are those of the groups."""

    def is_on(self, thing: int) -> int:  # noqa: ARG002 - members have no alarm
        return 0

    # --- what they answer
    def _ask_again(self, things: Sequence[int], at: int) -> None:
        """Attributes may have changed: the newest values once more."""
        asked = np.fromiter(things, np.intp, len(things))
        for k, (one, bound) in enumerate(zip(self.questions, self.of, strict=True)):
            here = asked[self.asked[k, asked]]
            if one.calendars or not len(here):
                continue
            values = _finite(self.truth(bound, Held(self.space, here, at)))
            times = np.max([self.space.good_at[c][here] for c in bound.columns], axis=0) if bound.columns else None
            before = self.answer[k][here]
            self.answer[k][here] = values
            for i in np.flatnonzero(_differ(before, values)).tolist():
                thing, row = int(here[i]), int(self.group[here[i]])
                t = at if times is None or times[i] == LONG_AGO else int(times[i])
                if values[i] == 1.0:
                    self.voted[k, thing] = t
                key = (self.number, thing)
                self.groups.change(self.numbers[k], row, key, float(before[i]), float(values[i]), t)
                self.groups.touch(row, at)
            if times is not None:
                heard = np.max([self.space.received[c][here] for c in bound.columns], axis=0)
                times = np.where((heard > 0) & (heard < times), heard, times)
                np.maximum.at(self.groups.space.newest, self.group[here], times)

    def frames(self, view: View) -> None:
        if self.windows is not None:
            self._note_first(view)
        if self.signal_frames(view):
            return
        for k, (one, bound) in enumerate(zip(self.questions, self.of, strict=True)):
            units = np.flatnonzero(view.carry(bound.columns) & self.asked[k][view.thing])
            if len(units):
                whole = not self.common.scalar and 2 * len(units) >= len(view)
                values = self.truth(bound, view)[units] if whole else self.truth(bound, Picked(view, units))
                self._learn(k, view, units, view.thing[units], view.t[units], values, one)

    def _learn(
        self, k: int, view: View | None, units: NDArray[np.intp], thing: I32, t: I64, values: F64, one: Question
    ) -> None:  # fmt: skip
        """These members say `values` at `t`."""
        values = _finite(values)
        before = self.answer[k][thing]
        if len(thing) > 1:
            again = np.flatnonzero(thing[1:] == thing[:-1])
            before[again + 1] = values[again]
        self.answer[k][thing] = values  # of a member that speaks twice the last word stays
        if one.quorum is not None and one.quorum.within:
            true = values == 1.0
            self.voted[k][thing[true]] = t[true]
        self.groups.hear(News(self, k, view, units, thing, self.group[thing], t, before, values))

    def judge_unit(self, view: View, unit: int) -> None:
        self.judge_units(view, np.array([unit]))

    def judge_units(self, view: View, units: NDArray[np.intp]) -> None:
        units = np.sort(units)
        for k, (one, bound) in enumerate(zip(self.questions, self.of, strict=True)):
            mine = units[self.asked[k][view.thing[units]] & view.carry(bound.columns)[units]]
            if len(mine) and not one.gathered:
                values = self.truth(bound, Picked(view, mine))
                self._learn(k, view, mine, view.thing[mine], view.t[mine], values, one)

    # --- closed windows
    def _note_first(self, view: View) -> None:
        """When a member was heard first: the windows that ended before are not its own."""
        assert self.windows is not None, "only members with signals have windows"
        for column in self.windows.columns:
            new = view.present(column) & (self.first[view.thing] == LONG_AGO) & self.watched[view.thing]
            units = np.flatnonzero(new)[::-1]
            self.first[view.thing[units]] = view.t[units]

    def window_closed(self, thing: int, end: int, reader: Reader, view: View | None, unit: int) -> None:
        for k, (one, bound) in enumerate(zip(self.questions, self.of, strict=True)):
            if not self.asked[k, thing] or not self._ends(thing, one, end):
                continue
            values = self.truth(bound, reader)
            if one.gathered:
                self.closed_at[k, thing] = end
                key = (self.number, thing)
                self.groups.closed_window(self.numbers[k], int(self.group[thing]), key, end, float(_finite(values)[0]))
            else:
                place = np.array([thing], np.int32)
                self._learn(k, view, np.array([unit]), place, np.array([end], np.int64), values, one)

    def _ends(self, thing: int, one: Question, end: int) -> bool:
        """Does a window of this question end then?"""
        device = self.common.world.devices[self.space.things[thing].device]
        zone = zone_of(self.common.world.zone(device, self.zone))
        assert zone is not None, "World.zone answers with a zone that exists"
        return any(window(zone, calendar, end - 1)[1] == end for calendar in one.calendars)

    def all_closed(self, k: int, row: int, end: int) -> bool:
        """Has every member of a group that was heard before `end` closed its window of question `k` then?"""
        must = self.asked[k] & (self.group == row) & (self.first > LONG_AGO) & (self.first < end)
        return bool((self.closed_at[k][must] >= end).all())

    # --- time, facts, edits
    def tick(self, now: int) -> None:
        self.close_windows(now)
        if self.number == len(self.groups.members) - 1:
            self.groups.flush()  # what windows say comes before what the groups' own timers do

    def revalue(self, things: Sequence[int], at: int) -> None:  # noqa: ARG002 - `refresh` has asked them
        self.groups.judge_touched()

    def adopt(self, old: Any) -> None:
        assert isinstance(old, Members), "edits keep state only between rules of one shape"
        super().adopt(old)
        self.watched = old.watched.copy()
        self.asked, self.mine, self.group = old.asked, old.mine, old.group
        self.placed = old.placed
        if self.number == 0:
            self.groups.adopt(old.groups)
        self.groups.recount()

    def load_windows(self, kept: dict[str, NDArray[Any]]) -> None:
        super().load_windows(kept)
        if self.windows is not None:
            heard = np.max([self.space.good_at[column] for column in self.windows.columns], axis=0)
            self.first[heard > LONG_AGO] = LONG_AGO + 1  # long before: every window is their own

    # --- snapshot
    def state(self) -> dict[str, NDArray[Any]]:
        return super().state() | (self.groups.state() if self.number == 0 else {})

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        super().load({name: table for name, table in state.items() if not name.startswith("groups")})
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
            self.group[thing] = _standing(self, self.common.world.devices[self.space.things[thing].device])[0]

    def next_due(self) -> int:
        return NEVER if self.windows is None else self.windows.soonest


def _standing(members: Members, device: Device) -> tuple[int, bool, Bools]:
    """(row of its group or -1, is it watched, which questions it is asked)."""
    asked = np.zeros(len(members.asked), np.bool_)
    if device.life is not Life.IN_SERVICE or device.kind != members.space.kind:
        return -1, False, asked
    facts = members.common.world.facts(device)
    name = name_of(facts.get(members.groups.rule.watch.group))
    if not name:
        return -1, False, asked
    passes: dict[int, bool] = {}
    for k, one in enumerate(members.questions):
        if id(one.where) not in passes:
            passes[id(one.where)] = one.where is None or one.where(facts) is True
        asked[k] = passes[id(one.where)]
    watch = members.groups.rule.watch
    mine = members.watching and (watch.where is None or watch.where(facts) is True)
    return (members.groups.row_of(name) if mine or asked.any() else -1), mine, asked


def _fits(device: Device, component: int, *, each: bool) -> bool:
    return component <= device.components and (component > 0) == (each and device.components > 0)


def interval(members: Members, k: int) -> int:
    """The longest promised interval of the points of question `k` among the members, µs."""
    names = [members.space.names[column] for column in members.of[k].columns]
    world = members.common.world
    numbers = set(np.unique(members.space.profile[np.flatnonzero(members.asked[k])]).tolist())
    specs = [world.spec(p, name) for p, number in world.profiles.items() if number in numbers for name in names]
    return max((spec.every for spec in specs if spec is not None), default=0)


def _finite(values: F64) -> F64:
    """An answer is a number, or unknown."""
    return np.where(np.isfinite(values), values, NAN)


def _differ(a: F64, b: F64) -> Bools:
    """Where they are not the same, two unknowns being the same."""
    found: Bools = (a != b) & ~(np.isnan(a) & np.isnan(b))
    return found
