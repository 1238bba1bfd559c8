"""`increase` of a counter per calendar window (RULES section 4): rollover, reset, exchange, gaps, coverage.

State per signal and thing: base (value at the window's start), last and its time, the window, the µs lost in it, and
the values of the last closed windows.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import SignalSeen
from gateway.domain.device import CounterModel
from gateway.domain.reading import F64, I32, I64
from rules.compiled import Calendar, Increase, Rule, Slot, SlotKind
from rules.compiled.reads import expressions
from rules.engine.calendar import window, zone_of
from rules.engine.space import LONG_AGO, NEVER, Space, widened
from rules.engine.view import Bools, Reader, View
from rules.engine.world import World

EPSILON = 1e-9
Observer = Callable[[str, tuple[int, int], str, float, int, int, float], None]


def _depth(rule: Rule, name: str) -> int:
    back = [s.n for e in expressions(rule) for s in e.slots if s.kind is SlotKind.BEFORE and s.name == name]
    return 1 + max(back, default=0)


class Windows:
    """All `let` signals of one rule on one space."""

    ARRAYS: tuple[tuple[str, float], ...] = (
        ("base", np.nan), ("last", np.nan), ("last_at", LONG_AGO), ("start", LONG_AGO), ("end", NEVER), ("lost", 0),
        ("cover", 0), ("ring", np.nan),
    )  # fmt: skip

    def __init__(self, rule: Rule, zone: str, space: Space, world: World, observe: Observer | None) -> None:
        self.rule, self.zone, self.space, self.world, self.observe = rule, zone, space, world, observe
        self.signals = tuple(one for one in rule.signals if isinstance(one, Increase))
        self.index = {signal.name: k for k, signal in enumerate(self.signals)}
        self.columns = tuple(space.column(signal.point) for signal in self.signals)
        count = len(self.signals)
        self.depth = max((_depth(rule, signal.name) for signal in self.signals), default=1)
        self.base: F64 = np.zeros((count, 0))
        self.last: F64 = np.zeros((count, 0))
        self.last_at: I64 = np.zeros((count, 0), np.int64)
        self.start: I64 = np.zeros((count, 0), np.int64)
        self.end: I64 = np.zeros((count, 0), np.int64)
        self.lost: I64 = np.zeros((count, 0), np.int64)
        self.cover: NDArray[np.float32] = np.zeros((count, 0), np.float32)
        self.ring: F64 = np.zeros((count, self.depth, 0))
        self.soonest = NEVER
        self.swaps = 0

    def grow(self) -> None:
        """Make room for the rows of the space."""
        for name, fill in self.ARRAYS:
            setattr(self, name, widened(getattr(self, name), self.space.capacity, fill))

    def forget(self, thing: int) -> None:
        """As if never heard."""
        for name, fill in self.ARRAYS:
            getattr(self, name)[..., thing] = fill

    def adopt(self, old: "Windows") -> None:
        """Take over the state of the same signals."""
        for name, _ in self.ARRAYS:
            setattr(self, name, getattr(old, name))
        self.soonest = old.soonest

    def state(self) -> dict[str, NDArray[Any]]:
        """All arrays, cut to the rows in use."""
        return {name: getattr(self, name)[..., : len(self.space)] for name, _ in self.ARRAYS}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of `state`."""
        for name, table in state.items():
            getattr(self, name)[..., : table.shape[-1]] = table
        self.soonest = -NEVER

    # --- reading it
    def value(self, slot: Slot, reader: Reader) -> F64:
        """Value `slot.n` closed periods ago; NaN unknown."""
        found: F64 = self.ring[self.index[slot.name], slot.n][reader.thing]
        return found

    def seen(self, thing: int) -> tuple[SignalSeen, ...]:
        """The last closed window of every signal, for evidence."""
        found = []
        for k, signal in enumerate(self.signals):
            value, end = float(self.ring[k, 0, thing]), int(self.start[k, thing])
            if end == LONG_AGO:
                found.append(SignalSeen(signal.name, None, signal.unit, 0, 0, 0.0))
                continue
            start = self._window(k, thing, end - 1)[0]
            known = None if value != value else value
            found.append(SignalSeen(signal.name, known, signal.unit, start, end, float(self.cover[k, thing])))
        return tuple(found)

    # --- time
    def _window(self, k: int, thing: int, at: int) -> tuple[int, int, float]:
        device = self.world.devices[self.space.things[thing].device]
        zone = zone_of(self.world.zone(device, self.zone))
        assert zone is not None, "World.zone answers with a zone that exists"
        calendar = self.signals[k].window
        assert isinstance(calendar, Calendar), "sliding windows are not here"
        return window(zone, calendar, at)

    def begin(self, thing: int, end: int) -> int:
        """Start of the earliest window that ends at `end`."""
        return min(self._window(k, thing, end - 1)[0] for k in range(len(self.signals)))

    def _gap(self, k: int, thing: int) -> int:
        device = self.world.devices[self.space.things[thing].device]
        spec = self.world.spec(device.profile, self.signals[k].point)
        return 3 * spec.every if spec is not None and spec.every else NEVER

    def closings(self, thing: int, now: int, fresh: Mapping[int, int] | None) -> Iterator[int]:
        """Close what ends at or before `now`, in step; yields each end at which the rule can be judged.

        With `fresh` (signals read now) a reading at `now` decides whether the silence before it was a gap; without,
        a window stays open while that is undecided.
        """
        while True:
            ends = [int(self.end[k, thing]) for k in range(len(self.signals))]
            end = min(ends)
            if end > now:
                return
            due = [k for k in range(len(ends)) if ends[k] == end]
            if fresh is None and not all(self._decided(k, thing, now) for k in due):
                return
            for k in due:
                self._close(k, thing, now)
            yield end

    def _decided(self, k: int, thing: int, now: int) -> bool:
        gap = self._gap(k, thing)
        silent_since, end, start = int(self.last_at[k, thing]), int(self.end[k, thing]), int(self.start[k, thing])
        if gap == NEVER or now > silent_since + gap:
            return True
        allowed = (1 - self.signals[k].coverage + EPSILON) * (end - start)
        lost = int(self.lost[k, thing])
        return lost > allowed or lost + end - max(silent_since, start) <= allowed

    def _close(self, k: int, thing: int, now: int) -> None:
        signal = self.signals[k]
        start, end = int(self.start[k, thing]), int(self.end[k, thing])
        silent_since, gap = int(self.last_at[k, thing]), self._gap(k, thing)
        lost = int(self.lost[k, thing])
        if gap != NEVER and now > silent_since + gap:
            lost += end - max(silent_since, start)
        cover = 1 - lost / (end - start)
        value = float(self.last[k, thing] - self.base[k, thing])
        if signal.per_day:
            value /= self._window(k, thing, start)[2] * 24  # the canonical time is the hour, so m3/day is m3/h
        if cover < signal.coverage - EPSILON:
            value = float("nan")
        self.ring[k, 1:, thing] = self.ring[k, :-1, thing].copy()
        self.ring[k, 0, thing] = value
        self.cover[k, thing] = cover
        self.base[k, thing], self.lost[k, thing] = self.last[k, thing], 0
        self.start[k, thing], self.end[k, thing] = end, self._window(k, thing, end)[1]
        if self.observe is not None:
            place = self.space.things[thing]
            self.observe(self.rule.id, (place.device, place.component), signal.name, value, start, end, cover)

    # --- readings
    def take(self, k: int, thing: int, value: float, at: int) -> None:
        """A known reading of the counter, after `closings` up to its time."""
        start, end, _ = self._window(k, thing, at)
        last, before = float(self.last[k, thing]), int(self.last_at[k, thing])
        if last != last:  # the first reading ever is no increase
            self._set(k, thing, value, value, at, at - start)
            self.start[k, thing], self.end[k, thing] = start, end
            self.soonest = min(self.soonest, end)
            return
        if at == before:  # the same moment told again with another value
            first = float(self.base[k, thing]) == last and int(self.lost[k, thing]) == at - start
            self._set(k, thing, value if first else float(self.base[k, thing]), value, at, int(self.lost[k, thing]))
            return
        base, lost = float(self.base[k, thing]), int(self.lost[k, thing])
        if value < last:
            shifted = self._fallen(k, thing, last, value)
            if shifted is None:
                return
            base += shifted - last
        if before < int(self.start[k, thing]):
            booked, share = self._crossing(k, thing, before, at)
            base = base if booked else value
            lost = share
        self._set(k, thing, base, value, at, lost)

    def _set(self, k: int, thing: int, base: float, last: float, at: int, lost: int) -> None:
        self.base[k, thing], self.last[k, thing] = base, last
        self.last_at[k, thing], self.lost[k, thing] = at, lost

    def _crossing(self, k: int, thing: int, before: int, at: int) -> tuple[bool, int]:
        """(is the increase over the silence booked, µs lost in the window of `at`)."""
        if at - before <= self._gap(k, thing):
            return True, 0
        start, end, _ = self._window(k, thing, at)
        first_start, first_end, _ = self._window(k, thing, before)
        allowed = 1 - self.signals[k].coverage + EPSILON
        shares = [(first_end - before) / (first_end - first_start), (at - start) / (end - start)]
        if first_end < start:
            shares.append(1.0)
        return max(shares) <= allowed, at - start

    def _fallen(self, k: int, thing: int, last: float, value: float) -> float | None:
        """What the last value has to count as after a drop; None when the row was sent again."""
        model = self._model(k, thing)
        drop = last - value
        if drop < 0.001 * last or drop < model.resolution:
            return None
        if model.rollover > 0 and drop > model.rollover / 2:
            return last - model.rollover
        if model.reset == "restart":
            return 0.0
        self.swaps += 1
        return value

    def _model(self, k: int, thing: int) -> CounterModel:
        own = self.signals[k].counter
        device = self.world.devices[self.space.things[thing].device]
        spec = self.world.spec(device.profile, self.signals[k].point)
        declared = spec.counter if spec is not None else CounterModel()
        return declared if own is None else own

    def exchange(self, k: int, thing: int, start: float, at: int) -> None:
        """A new meter begins at `start`: nothing was used between the old one's last value and this."""
        if at < int(self.last_at[k, thing]):
            return  # its readings were taken already; only a rerun from the store can put that right
        last = float(self.last[k, thing])
        if last != last:
            self.take(k, thing, start, at)
            return
        self.base[k, thing] += start - last
        self.last[k, thing], self.last_at[k, thing] = start, at
        self.swaps += 1

    def special(self, k: int, view: View, row: I32, fresh: Bools) -> Bools:
        """Which fresh readings do more than rise inside the running window: i.e. close it, fall, or are the first."""
        thing = view.thing
        value, at = view.rows.value[row], view.rows.at[row]
        mine = np.where(fresh, value, np.nan)
        previous = self.last[k][thing]
        if not view.unique:
            earlier = view.before(row)
            previous = np.where(earlier >= 0, view.rows.value[earlier], previous)
        running = (at >= self.start[k][thing]) & (at < self.end[k][thing]) & (at > self.last_at[k][thing])
        crossed = self.last_at[k][thing] < self.start[k][thing]
        calm: Bools = (mine >= previous) & running & ~crossed
        return ~calm

    def quick(self, k: int, things: NDArray[np.integer], value: F64, at: I64) -> None:
        """Readings inside the running window that only rise: most of them."""
        self.last[k, things] = value
        self.last_at[k, things] = at

    def due(self, now: int) -> list[int]:
        """Things with a window that ended at or before `now`."""
        return sorted(set(np.flatnonzero((self.end <= now).any(axis=0)).tolist()))

    def reckon(self, now: int) -> None:
        """Find the soonest time at which a window can be closed again."""
        self.soonest = int(self.end[self.end > now].min(initial=NEVER))
        for k, thing in zip(*(found.tolist() for found in np.nonzero(self.end <= now)), strict=True):
            self.soonest = min(self.soonest, int(self.last_at[k, thing]) + self._gap(k, thing) + 1)
