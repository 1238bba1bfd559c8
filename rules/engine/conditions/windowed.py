"""Rules on the stream with what happens between readings: windows close, and moments at which time alone matters."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.compiled import Rule, SlotKind
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.frames.batch_view import BatchView, Bools, Latest, Reader, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.state.watch_scope import rows
from rules.engine.windows.inserted_moments import unfolded
from rules.engine.windows.wake_times import WakeTimes, view_of


def later_too(view: BatchView, need: Bools, carry: Bools) -> Bools:
    """A thing that was looked at once is looked at in all its later frames of the view."""
    if view.unique:
        return need
    count = np.cumsum(need)
    before: NDArray[np.int64] = count[view.first] - need[view.first]
    return carry & (count - before > 0)


def first_frames(runner: Runner, view: BatchView) -> None:
    """Things that were never heard before: all their conditions are judged, whatever the frame carries."""
    units = np.flatnonzero((view.newest_before() == LONG_AGO) & ~view.moments)
    units = units[runner.watched[view.thing[units]]] if len(units) else units
    if len(units) and isinstance(runner, Signalled) and runner.judged:
        units = units[~view.carry(runner.judged)[units]]
    if len(units):
        runner.first_frames(view, units)


class Signalled(Runner):
    """Drives `windows` and `moments`; a subclass says what a closed window and a frame mean.

    State of a rule that time alone can change: wake i64, the next such moment of each thing, 8 B.
    """

    judged: tuple[int, ...] = ()

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        super().__init__(rule, zone, space, common)
        self._moments: WakeTimes | None = None
        self.wake: I64 = np.zeros(0, np.int64)
        self.awake = NEVER  # no thing wakes earlier

    @property
    def moments(self) -> WakeTimes:
        """What of the rule changes with time alone; false when nothing does."""
        if self._moments is None:
            self._moments = WakeTimes(self.by_time(), self.windows)
        return self._moments

    def by_time(self) -> Sequence[BoundExpression]:
        """The expressions that have to be judged when time alone changes them."""
        return self.bounds()

    def grow(self) -> None:
        if self.moments and ("wake", NEVER) not in self.arrays:
            self.arrays = (*self.arrays, ("wake", NEVER))
        super().grow()

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        self.rouse(things, at)

    def rouse(self, things: Sequence[int], at: int) -> None:
        """What these things are compared with may be otherwise since `at` µs."""
        if self.moments:
            asked = rows(things)
            self.wake[asked] = np.where(self.watched[asked] & (self.space.newest[asked] > LONG_AGO), at, NEVER)
            self.awake = -NEVER

    def adopt(self, old: Runner) -> None:
        super().adopt(old)
        self.awake = -NEVER if self.moments else NEVER

    @abstractmethod
    def frames(self, view: BatchView) -> None:
        """Judge the units of a view."""

    # --- moments
    def follow(self, view: BatchView) -> None:
        if not self.moments:
            self.frames(view)
            return
        if view.unique:
            self._pass(view.thing, view.t)
        else:
            first = np.flatnonzero(view.first == np.arange(len(view)))
            self._pass(view.thing[first], view.t[first])
            view = unfolded(self.moments, view, view.within(self.watched))
        self.frames(view)
        if len(view):
            self._look_on(view)

    def _look_on(self, view: BatchView) -> None:
        """When the things of a view that was judged have to be looked at again."""
        inside, carry = view.within(self.watched), view.carry(self.moments.columns)
        if view.unique and inside.all() and carry.all():
            self._set_wake(view, view.moments, carry)
            return
        last = np.ones(len(view), np.bool_)
        last[:-1] = view.thing[1:] != view.thing[:-1]
        picked = np.flatnonzero(last & inside)
        if not carry[picked].all():
            picked = picked[self._stirred(view, picked, carry)]
        self._set_wake(UnitsAt(view, picked), view.moments[picked], carry[picked])

    def _stirred(self, view: BatchView, last: NDArray[np.intp], carry: Bools) -> Bools:
        """Of which things, of these last units, the next moment may be another than it was before the view."""
        things, wake = view.thing[last], self.wake[view.thing[last]]
        mine = np.isin(things, view.thing[carry]) | (wake < view.t[last]) | (wake == NEVER)
        if self.windows is not None and self.windows.now.handed:
            mine |= np.isin(things, self.windows.now.given())
        found: Bools = mine
        return found

    def _set_wake(self, reader: Reader, done: Bools, judged: Bools) -> None:
        """When the things of `reader` have to be looked at again after it."""
        after = self.moments.after(reader, done, judged)
        self.wake[reader.thing] = after
        self.awake = min(self.awake, int(after.min(initial=NEVER)))

    def _pass(self, things: NDArray[np.integer], until: I64) -> None:
        """Judge the moments of these things that come before `until`, one after another."""
        while (early := self.wake[things] < until).any():
            things, until = things[early], until[early]
            self._judge_moments(things, until)

    def _judge_moments(self, things: NDArray[np.integer], until: I64) -> None:
        """One moment of each, in a silence that lasts until `until` µs, or longer."""
        view = view_of(self.space, things, self.wake[things])
        view.find_silences(self.common.downs, until)
        before = [(table, table[..., things]) for table in self.held_state()]
        self.frames(view)
        moved = np.zeros(len(things), np.bool_)
        for table, was in before:
            now = table[..., things]
            other = (now != was) & ((now == now) | (was == was))
            moved |= other if other.ndim == 1 else other.any(axis=0)
        for k in np.flatnonzero(moved).tolist():
            self.decide_without(int(things[k]), int(view.t[k]))
        self._set_wake(view, view.moments, view.moments)

    def held_state(self) -> list[NDArray[Any]]:
        """What the rule remembers of its things: a moment that changes it has decided something. When the newest item
        was counted is no part of it: it counts only with what it was.
        """
        own = [getattr(self, name) for name, _ in self.arrays if name not in ("wake", "opens", "at", "earlier")]
        return own + (self.windows.chain.turned() if self.windows is not None else [])

    def pass_time(self, now: int) -> None:
        """Engine time is `now`: the moments up to it."""
        if not self.moments or self.awake > now:
            return
        open_until = self.not_yet(now)
        ripe = self.watched if open_until is None else self.watched & (open_until <= now)
        while len(due := np.flatnonzero(ripe & (self.wake <= now))):
            self._judge_moments(due, np.full(len(due), now, np.int64))
        wake = self.wake if open_until is None else np.maximum(self.wake, open_until)
        self.awake = int(wake[self.watched].min(initial=NEVER))

    def not_yet(self, now: int) -> I64 | None:
        """Until when moments of each thing up to engine time `now` wait after a down-time, µs. None = none waits."""
        if not self.common.downs.spans:
            return None
        found = np.full(self.room, LONG_AGO, np.int64)
        things = np.flatnonzero(self.watched & (self.wake <= now))
        devices, due = [self.space.things[thing].device for thing in things.tolist()], self.wake[things]
        found[things] = self.common.downs.known(devices, due, self.decided_after(things, due, self.columns))
        return found

    @abstractmethod
    def window_closed(self, thing: int, end: int, reader: Reader, view: BatchView | None, unit: int) -> None:
        """Signals of `thing` have new values since `end`; `reader` holds the points as of then."""

    def windows_closed(self, reader: Latest) -> None:
        """The same at a tick, of many things with the same end."""
        for thing, end in zip(reader.thing.tolist(), reader.t.tolist(), strict=True):
            self.window_closed(thing, end, Latest(self.space, np.array([thing]), end), None, -1)

    def windows_ended(self, things: Sequence[int], end: int) -> None:
        """Readings from before `end` µs that come now would be judged by windows that had not ended then."""
        if self.judged:
            for thing in things:
                self.decide_without(thing, end - 1)

    def judge_unit(self, view: BatchView, unit: int) -> None:
        """A frame carries points that the condition reads, or that its momentary signals are made of."""

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """Several, between the same closings of their things' windows."""
        for unit in units.tolist():
            self.judge_unit(view, unit)

    def counted(self) -> frozenset[str]:
        """The signals at whose closings the rule is judged."""
        kinds = {SlotKind.SIGNAL, SlotKind.BEFORE}
        return frozenset(s.name for bound in self.bounds() for s in bound.expression.slots if s.kind in kinds)

    def signal_frames(self, view: BatchView) -> bool:
        """Feed the signals. True when the view was judged on the way: its windows close in between."""
        windows = self.windows
        if windows is None:
            self._leave_out(view)
            return False
        inside = view.within(self.watched)
        judged = view.carry(self.judged) & inside
        if not windows.windows:
            windows.follow(view, inside, judged)
            self._leave_out(view)
            return False
        windows.watch_only = self.counted()
        windows.frames(view, inside, judged, self)
        return True

    def _leave_out(self, view: BatchView) -> None:
        if view.moments.any():
            view.leave_out(self.idle(view, np.arange(len(view))))

    def idle(self, view: BatchView, units: NDArray[np.intp]) -> Bools:
        """Which of these units are moments at which nothing has changed."""
        return self.moments.idle(view, units)

    def close_windows(self, now: int) -> None:
        """Engine time is `now`: what time alone does, then windows that ended."""
        self.pass_time(now)
        if self.windows is None:
            return
        self.windows.watch_only = self.counted()
        waits = self.wake <= now if self.moments and self.moments.closing else None
        self.windows.close(now, self, waits)
        if waits is not None and waits.any():
            self.windows.soonest = min(self.windows.soonest, self.awake)
        if self.moments and self.windows.now.handed:
            things = self.windows.now.given()
            done = np.ones(len(things), np.bool_)
            self._set_wake(Latest(self.space, things, now), done, done)
            self.pass_time(now)

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        """A new meter hangs at `point` since `at` µs and began at `start`."""
        if self.windows is not None and self.watched[thing]:
            self.windows.watch_only = self.counted()
            self.windows.exchange(thing, point, start, at, self)

    def next_due(self) -> int:
        due = min(super().next_due(), self.awake)
        return due if self.windows is None else min(due, self.windows.soonest)

    def look_again(self) -> None:
        super().look_again()
        self.awake = -NEVER if self.moments else NEVER
