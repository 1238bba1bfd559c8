"""All `let` signals of one rule on one space: fed with views and time, asked for values."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from gateway.domain.alarm import SignalSeen
from gateway.domain.counter import NewMeter
from gateway.domain.reading import F64
from rules.compiled import Rule, Slot
from rules.compiled.reads import inner_first
from rules.compiled.signal_text import definition
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools, Latest, Reader, UnitsBefore
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import PointReadings, StateTable, Surroundings, turns
from rules.engine.windows.calendar_window import CalendarWindow
from rules.engine.windows.factory import operator
from rules.engine.windows.momentary import Momentary
from rules.engine.windows.momentary_values import MomentaryValues
from rules.engine.windows.nested_signals import NestedSignals
from rules.engine.windows.window_ends import WindowEnds


class WindowListener(Protocol):
    """Called when there is something to judge: for each thing apart, in the order of time."""

    def window_closed(self, here: At, reader: Reader) -> None:
        """Calendar signals of a thing have new values since `here.t`; `reader` holds the points as of then."""

    def windows_closed(self, reader: Latest) -> None:
        """The same at a tick, of many things with the same end."""

    def windows_ended(self, things: Sequence[int], end: int) -> None:
        """Without a reading windows of these things closed: what they are worth is not what it was before `end` µs."""

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """These units carry what is judged, and the signals are as of each of them."""

    def idle(self, view: BatchView, units: NDArray[np.intp]) -> Bools:
        """Which of these units are moments at which nothing has changed."""


class SignalSet(StateTable):
    """Calendar signals (`windows`) close when it is known what they are worth (`ends`); momentary ones have a value at
    every judged unit.

    `watch_only` names the calendar signals whose windows are judged (None = all). `chain.missed` collects (thing,
    µs since when it is in doubt) by readings that came in order but after a tick had closed windows without them: only
    a rerun puts that right.
    """

    def __init__(self, rule: Rule, zone: str, space: ThingTable, field: Surroundings) -> None:
        super().__init__(space)
        self.rule, self.zone, self.field = rule, zone, field
        self.index: dict[str, Momentary | CalendarWindow] = {}
        for signal in inner_first(rule.signals):
            one = operator(signal, rule, zone, space, field, self)
            if one is not None:
                self.index[signal.name] = one
        self.made = {signal.name: definition(signal) for signal in rule.signals}
        self.operators = tuple(self.index.values())
        self.parts.update({f"{k}": one for k, one in enumerate(self.operators)})
        self.windows = tuple(one for one in self.operators if isinstance(one, CalendarWindow))
        self.now = MomentaryValues(tuple(one for one in self.operators if isinstance(one, Momentary)))
        self.chain = NestedSignals(self.operators, self.now, space)
        self.ends = WindowEnds(self.windows, self.chain)
        self.columns = tuple(dict.fromkeys(column for one in self.operators for column in one.columns))
        self.watch_only: frozenset[str] | None = None
        self.soonest = NEVER

    # --- what a bound expression asks for
    def __call__(self, slot: Slot, reader: Reader) -> F64:
        return self.value(slot, reader)

    def columns_of(self, slot: Slot) -> tuple[int, ...]:
        """The columns of a momentary signal; none for one of closed windows."""
        one = self.index.get(slot.name)
        return one.columns if isinstance(one, Momentary) else ()

    def period_of(self, slot: Slot) -> int:
        """From one value of a signal whose windows close to the next, at most, µs; 0 = readings give it values."""
        one = self.index.get(slot.name)
        if isinstance(one, CalendarWindow):
            return one.calendar.longest
        return one.feed.period if one is not None and one.feed is not None else 0

    def value(self, slot: Slot, reader: Reader) -> F64:
        """A momentary signal as of each item, or the value of a window `slot.n` closed periods ago; NaN unknown."""
        one = self.index[slot.name]
        if isinstance(one, Momentary):
            return self.now.value(one, reader)
        found: F64 = one.ring[slot.n + self.ends.behind.get(slot.name, 0)][reader.thing]
        return found

    def seen(self, here: At) -> tuple[SignalSeen, ...]:
        """Every signal for evidence: the last closed window; a momentary one as of `here`."""
        found = (
            self.now.seen(one, here) if isinstance(one, Momentary) else self.ends.seen(one, here.thing)
            for one in self.operators
        )
        return tuple(replace(one, made=self.made[one.name]) for one in found)

    # --- state
    def refresh(self, things: Sequence[int]) -> None:
        """Attributes of these things changed."""
        for of in self.chain.bounds():
            of.refresh(things)
        for one in self.operators:
            one.refresh(things)

    def adopt(self, old: "SignalSet") -> None:
        super().adopt(old)
        self.refresh(range(len(self.space)))
        self.soonest, self.chain.missed = old.soonest, old.chain.missed

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        super().load(state)
        self.soonest = -NEVER

    def take_row(self, thing: int, other: "SignalSet", row: int) -> None:
        super().take_row(thing, other, row)
        self.soonest = -NEVER

    def decided_from(self, thing: int, at: int) -> int:
        """What the reading at `at` µs decided lies at or after this moment."""
        return min([at, *(one.decided_from(thing, at) for one in self.windows)])

    def reevaluate_from(self, thing: int, since: int) -> int:
        """What readings at or after `since` µs decided, or time for want of them, lies at or after this moment."""
        return min([since, *(one.reevaluate_from(thing, since) for one in self.windows)])

    # --- readings
    def follow(self, view: BatchView, inside: Bools, judged: Bools) -> None:
        """The units `inside` of a view when no window closes: then they can be judged all at once."""
        momentary = self.now.begin(view, inside)
        active = judged & inside
        for some in momentary:
            active[some.unit] = True
        self.now.take(view, np.flatnonzero(active), momentary)

    def frames(self, view: BatchView, inside: Bools, judged: Bools, judge: WindowListener) -> None:
        """The units `inside` of a view, in order: windows close, values move on, the units `judged` are judged."""
        incoming = [one.read(view, inside) for one in self.windows]
        momentary = self.now.begin(view, inside)
        active = judged & inside
        for some in (*incoming, *momentary):
            active[some.unit] = True
        left, or_moment = np.flatnonzero(active), judged | view.moments
        while len(left):
            special = np.zeros(len(view), np.bool_)
            pick = np.zeros(len(view), np.bool_)
            pick[left] = True
            mine = [some.where(pick[some.unit]) for some in incoming]
            for one, some in zip(self.windows, mine, strict=True):
                odd = one.outside(some) if one.name in self.chain.nested else one.special(some)
                special[some.unit[odd]] = True
            special[left] |= self.ends.due(view.thing[left], view.t[left])
            turn = turns(view.thing[left], special[left])
            calm, first = left[turn == 0], left[(turn == 1) & special[left]]
            pick[left[turn > 0]] = False
            for one, some in zip(self.windows, mine, strict=True):
                if one.name not in self.chain.nested:
                    one.quick(some.where(pick[some.unit]))
            self._judge(view, calm, momentary, mine, judged, or_moment, judge)
            for unit in first.tolist():
                self._single(view, unit, mine, judge)
            self._judge(view, first, momentary, mine, judged, or_moment, judge)
            left = left[(turn > 0) & ~((turn == 1) & special[left])]

    def _judge(
        self,
        view: BatchView,
        units: NDArray[np.intp],
        momentary: Sequence[PointReadings],
        incoming: Sequence[PointReadings],
        judged: Bools,
        or_moment: Bools,
        judge: WindowListener,
    ) -> None:
        if not len(units):
            return
        self.now.take(view, units, momentary, None if or_moment[units].all() else or_moment)
        self.soonest = min(self.soonest, self.chain.follow(view, units, zip(self.windows, incoming, strict=True)))
        asked = units[judged[units]]
        asked = asked[~judge.idle(view, asked)]
        if len(asked):
            judge.judge_units(view, asked)

    def _single(self, view: BatchView, unit: int, incoming: Sequence[PointReadings], judge: WindowListener) -> None:
        """A unit that may close windows, fall, repeat, or be the first."""
        thing = int(view.thing[unit])
        fresh: list[tuple[CalendarWindow, float, int]] = []
        for one, some in zip(self.windows, incoming, strict=True):
            k = int(np.searchsorted(some.unit, unit))
            if k < len(some) and some.unit[k] == unit and one.name not in self.chain.nested:
                fresh.append((one, float(some.value[k]), int(some.at[k])))
        changing = [one for one, value, at in fresh if not view.moments[unit] and one.changes(thing, value, at)]
        place = At(thing, int(view.t[unit]), view, unit)
        for end in self.closings(place, changing):
            judge.window_closed(place.earlier(end), UnitsBefore(view, np.array([unit]), end))
            if view.moments[unit]:
                judge.windows_ended([thing], end)
        for one, value, at in fresh:
            self.chain.note(thing, one.take(thing, value, at))
            self.soonest = min(self.soonest, int(one.end[thing]))

    # --- time
    def close(self, now: int, judge: WindowListener, waits: Bools | None = None) -> None:
        """Engine time is `now`: windows that ended close, unless what they are worth is still open, as it is of things
        that have moments before it left (`waits`).
        """
        self.now.handed.clear()
        if self.soonest > now:
            return
        if len(self.windows) == 1 and not self.chain.passes_on:
            self._close_all(self.windows[0], now, judge, waits)
        for thing in _ended(self.windows, now):
            if waits is not None and waits[thing]:
                continue
            for end in self.closings(At(thing, now), ()):
                judge.window_closed(At(thing, end, before=True), Latest(self.space, np.array([thing]), end))
                judge.windows_ended([thing], end)
        self.reckon(now)

    def _close_all(self, one: CalendarWindow, now: int, judge: WindowListener, waits: Bools | None) -> None:
        """The windows of all things that ended, one of each."""
        things = np.flatnonzero(one.end <= now if waits is None else (one.end <= now) & ~waits)
        things = things[one.decided(things, now)]
        if not len(things):
            return
        for thing, cover in zip(things.tolist(), one.close(things, now).tolist(), strict=True):
            self._observe(thing, one, cover)
        ends = one.done[things]
        if self.watch_only is None or one.name in self.watch_only:
            for end in np.unique(ends).tolist():
                judge.windows_closed(Latest(self.space, things[ends == end], end))
                judge.windows_ended(things[ends == end].tolist(), end)

    def closings(self, place: At, incoming: Collection[CalendarWindow]) -> Iterator[int]:
        """`WindowEnds.closings` of what is watched."""
        return self.ends.closings(place, incoming, self.watch_only, self._observe)

    def _observe(self, thing: int, one: CalendarWindow, cover: float) -> None:
        if self.field.observe is not None:
            place = self.space.things[thing]
            self.field.observe(
                self.rule.id,
                (place.device, place.component),
                one.name,
                float(one.ring[0, thing]),
                int(one.begun[thing]),
                int(one.done[thing]),
                cover,
            )

    def reckon(self, now: int) -> None:
        """Find the soonest time at which a window can be closed again."""
        self.soonest = min((int(one.end[one.end > now].min(initial=NEVER)) for one in self.windows), default=NEVER)
        for one in self.windows:
            self.soonest = min(self.soonest, int(one.decided_at(np.flatnonzero(one.end <= now)).min(initial=NEVER)))

    def exchange(self, thing: int, point: str, meter: NewMeter, judge: WindowListener) -> None:
        """A new meter counts at `point`."""
        if incoming := [one for one in self.windows if point in one.points]:
            for end in self.closings(At(thing, meter.at), incoming):
                judge.window_closed(At(thing, end, before=True), Latest(self.space, np.array([thing]), end))
        for one in self.operators:
            one.exchange(thing, point, meter)
        for one in self.windows:
            self.soonest = min(self.soonest, int(one.end[thing]))


def _ended(windows: Sequence[CalendarWindow], now: int) -> list[int]:
    """Things with a window that ended at or before `now`."""
    found: set[int] = set()
    for one in windows:
        found.update(np.flatnonzero(one.end <= now).tolist())
    return sorted(found)
