"""When things have to be judged though nothing is read: ages, clocks and sliding windows change with time alone."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.frames.batch_view import BatchView, Bools, Reader, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.state.watch_scope import rows
from rules.engine.windows.base import StateTable
from rules.engine.windows.inserted_moments import unfolded
from rules.engine.windows.wake_times import WakeTimes, view_of


class MomentJudge(Protocol):
    """What is done at such a moment."""

    def frames(self, view: BatchView) -> None:
        """Judge the units of a view."""

    def by_time(self) -> Sequence[BoundExpression]:
        """The expressions that have to be judged when time alone changes them."""

    def held_state(self) -> list[NDArray[Any]]:
        """Arrays [..., n]: what the rule remembers of its things."""


def changed(tables: Sequence[NDArray[Any]], before: Sequence[NDArray[Any]], things: NDArray[np.integer]) -> Bools:
    """Of which of these things any table [..., n] is not what it was `before` [..., len(things)]; NaN equals NaN."""
    found = np.zeros(len(things), np.bool_)
    for table, was in zip(tables, before, strict=True):
        now = table[..., things]
        other = (now != was) & ((now == now) | (was == was))
        found |= other if other.ndim == 1 else other.any(axis=0)
    return found


class WakeSchedule(StateTable):
    """State of a rule that time alone can change: wake i64[n] µs, the next such moment of each thing, 8 B.

    `awake` µs: no thing wakes earlier. `hold_back`, if set, may put off what `not_yet` found, in place.
    """

    def __init__(self, context: EvaluatorContext, judge: MomentJudge) -> None:
        super().__init__(context.space)
        self.context, self.judge = context, judge
        self.downs = context.common.downs
        self._moments: WakeTimes | None = None
        self.wake: I64 = np.zeros(0, np.int64)
        self.awake = NEVER
        self.hold_back: Callable[[I64, int], None] | None = None

    @property
    def moments(self) -> WakeTimes:
        """What of the rule changes with time alone; false when nothing does."""
        if self._moments is None:
            self._moments = WakeTimes(self.judge.by_time(), self.context.windows)
        return self._moments

    def grow(self) -> None:
        if self.moments:
            self.arrays = (("wake", NEVER),)
        super().grow()

    def adopt(self, old: "WakeSchedule") -> None:
        if self.arrays and old.arrays:
            self.wake = old.wake
        self.look_again()

    def look_again(self) -> None:
        """When anything is due has to be found out anew."""
        self.awake = -NEVER if self.moments else NEVER

    def rouse(self, things: Sequence[int], at: int) -> None:
        """What these things are compared with may be otherwise since `at` µs."""
        if self.moments:
            asked = rows(things)
            read = self.context.watched[asked] & (self.space.newest[asked] > LONG_AGO)
            self.wake[asked] = np.where(read, at, NEVER)
            self.awake = -NEVER

    # --- readings
    def follow(self, view: BatchView) -> None:
        """Judge the units of a view, and before each what time alone did to its thing."""
        if not self.moments:
            self.judge.frames(view)
            return
        if view.unique:
            self.judge_until(view.thing, view.t)
        else:
            first = np.flatnonzero(view.first == np.arange(len(view)))
            self.judge_until(view.thing[first], view.t[first])
            view = unfolded(self.moments, view, view.within(self.context.watched))
        self.judge.frames(view)
        if len(view):
            self._wake_after(view)

    def _wake_after(self, view: BatchView) -> None:
        """When the things of a view that was judged have to be judged again."""
        inside, carry = view.within(self.context.watched), view.carry(self.moments.columns)
        if view.unique and inside.all() and carry.all():
            self.wake_later(view, view.moments, carry)
            return
        last = np.ones(len(view), np.bool_)
        last[:-1] = view.thing[1:] != view.thing[:-1]
        picked = np.flatnonzero(last & inside)
        if not carry[picked].all():
            picked = picked[self._moved(view, picked, carry)]
        self.wake_later(UnitsAt(view, picked), view.moments[picked], carry[picked])

    def _moved(self, view: BatchView, last: NDArray[np.intp], carry: Bools) -> Bools:
        """Of which things, of these last units, the next moment may be another than it was before the view."""
        things, wake = view.thing[last], self.wake[view.thing[last]]
        found: Bools = np.isin(things, view.thing[carry]) | (wake < view.t[last]) | (wake == NEVER)
        windows = self.context.windows
        if windows is not None and windows.now.handed:
            found |= np.isin(things, windows.now.given())
        return found

    def wake_later(self, reader: Reader, done: Bools, judged: Bools) -> None:
        """When the things of `reader` have to be judged again after it; see `WakeTimes.after`."""
        after = self.moments.after(reader, done, judged)
        self.wake[reader.thing] = after
        self.awake = min(self.awake, int(after.min(initial=NEVER)))

    # --- moments
    def judge_until(self, things: NDArray[np.integer], until: I64) -> None:
        """Judge the moments of these things that come before `until` µs, one after another."""
        while (early := self.wake[things] < until).any():
            things, until = things[early], until[early]
            self._judge_next(things, until)

    def _judge_next(self, things: NDArray[np.integer], until: I64) -> None:
        """One moment of each, in a silence that lasts until `until` µs, or longer."""
        view = view_of(self.space, things, self.wake[things])
        view.find_silences(self.downs, until)
        tables = self.judge.held_state()
        before = [table[..., things] for table in tables]
        self.judge.frames(view)
        moved = changed(tables, before, things)
        for k in np.flatnonzero(moved).tolist():
            self.context.decided.note(int(things[k]), int(view.t[k]))
        self.wake_later(view, view.moments, view.moments)

    def pass_time(self, now: int) -> None:
        """Engine time is `now`: the moments up to it."""
        if not self.moments or self.awake > now:
            return
        open_until, watched = self.not_yet(now), self.context.watched
        ripe = watched if open_until is None else watched & (open_until <= now)
        while len(due := np.flatnonzero(ripe & (self.wake <= now))):
            self._judge_next(due, np.full(len(due), now, np.int64))
        wake = self.wake if open_until is None else np.maximum(self.wake, open_until)
        self.awake = int(wake[watched].min(initial=NEVER))

    def not_yet(self, now: int) -> I64 | None:
        """Until when moments of each thing up to engine time `now` wait after a down-time, µs. None = none waits."""
        if not self.downs.spans:
            return None
        context = self.context
        found = np.full(len(context.watched), LONG_AGO, np.int64)
        things = np.flatnonzero(context.watched & (self.wake <= now))
        devices, due = [self.space.things[thing].device for thing in things.tolist()], self.wake[things]
        decided = context.downtime.decided_after(things, due, context.columns)
        found[things] = self.downs.known(devices, due, decided)
        if self.hold_back is not None:
            self.hold_back(found, now)
        return found
