"""The newest readings of every thing in a ring: what sliding windows are worked out from."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import Gaps, PointReadings, Rows, carried
from rules.engine.windows.sliding_stddev import SquaredRing

MANY = 1 << 20
DENSE = 16  # a thing may speak this many times as often as promised
EVERYTHING = slice(None)
PLENTY = 4096  # readings that are kept of a thing that promised nothing
Spent = tuple[I64, I64]
"""(observed time, the part of it in which the value was 1), µs; of a ring that keeps no truth both are the first."""
Part = tuple[NDArray[np.intp] | slice, I64, I64]
"""(items, first reading inside the window, one past the newest), as numbers of readings since the first ever."""


class LastWindows:
    """The windows [low, stop) of things as of `t` that were asked for last.

    `upto`: observed time up to the newest readings, when these are as new as `t`. `spent`: what was observed of the
    windows, once that was asked for.
    """

    def __init__(self, things: Rows, t: I64, low: I64, stop: I64, upto: Spent | None) -> None:
        self.things, self.t, self.low, self.stop, self.upto = things, t, low, stop, upto
        self.spent: Spent | None = None


class ReadingRing(SquaredRing):
    """A ring that holds the window of `over` µs (`pair`: the last two readings) and what one view brings.

    `seen[i]` is the observed time before reading i, µs: each reading is observed until the next one, the gap, or a bad
    one. All results are functions of what the ring holds, the same in whatever batches it came.
    """

    def __init__(
        self, space: ThingTable, gaps: Gaps, over: int, folds: tuple[np.ufunc, ...] = (), *, truth: bool = False,
        pair: bool = False, squared: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(space, folds, truth=truth, squared=squared)
        self.gaps, self.over, self.pair = gaps, over, pair
        self._newest: LastWindows | None = None

    def part(self, things: Rows, t: I64) -> tuple[I64, I64]:
        """The window of each thing as of `t`: (first reading inside, one past the newest)."""
        made = self._newest
        if made is not None and _same(things, made.things) and _same(t, made.t):
            return made.low, made.stop
        tail, stop = self.tail[things], self.head[things]
        later = np.flatnonzero(self.times(stop - 1, things) > t)
        if len(later):
            stop[later] = self.find(things[later], tail[later], stop[later], t[later])
        self._newest = LastWindows(things, t, self._begin(things, tail, stop, t), stop, None)
        return self._newest.low, stop

    def _begin(self, things: Rows, tail: I64, stop: I64, t: I64) -> I64:
        if self.pair:
            return np.maximum(stop - 2, tail)
        second = tail + 1  # the oldest one that is kept is mostly outside
        low = self.find(things, second, stop, t - self.over)
        same = np.flatnonzero(low == second)
        if len(same):
            first, mine = tail[same], things[same]
            low[same] -= (first >= stop[same]) | (self.times(first, mine) > t[same] - self.over)
        return low

    def settle(self) -> None:
        """The windows that were asked for last will not be asked for again."""
        self._newest = None

    def forget(self, thing: int) -> None:
        self.settle()
        super().forget(thing)

    def take_row(self, thing: int, other: Any, row: int) -> None:
        self.settle()
        super().take_row(thing, other, row)

    # --- observed time
    def spent(self, things: Rows, t: I64, low: I64, stop: I64) -> Spent:
        """What was observed of the windows [low, stop) of `t`."""
        made = self._newest if self._newest is not None and self._newest.low is low else None
        if made is not None and made.spent is not None:
            return made.spent
        upto = None if made is None else made.upto
        since = self._reached(things, low, t - self.over, inner=upto is not None)
        if upto is None:
            upto = self._reached(things, stop, t)
        found = upto[0] - since[0], upto[1] - since[1]
        if made is not None:
            made.spent = found
        return found

    def _reached(self, things: Rows, number: I64, moment: I64, *, inner: bool = False) -> Spent:
        """What was observed from the first reading to `moment`, before which `number` readings were made.

        `inner`: each has one more reading.
        """
        place = self._place(number - 1, things)
        at, seen = self.at.reshape(-1).take(place), self.seen.reshape(-1).take(place)
        length = self.of(self.seen, number, things) - seen
        later = None if inner else number < self.head[things]
        if later is not None and not later.all():
            length = np.where(later, length, np.minimum(self.gaps(things), self.shut[things] - at))
        span = np.minimum(moment - at, length)
        found = [seen + span]
        if self.truth:
            held = self.value.reshape(-1).take(place) == 1.0
            found.append(self.true.reshape(-1).take(place) + np.where(held, span, 0))
        none = np.flatnonzero(number <= self.tail[things])
        if len(none):
            follows = np.ones(len(none), np.bool_) if later is None else later[none]
            for chain, total in zip((self.seen, self.true), found, strict=False):
                total[none] = np.where(follows, self.of(chain, number[none], things[none]), 0)
        return found[0], found[-1]

    def watched(self, things: Rows, stop: I64) -> I64:
        """Until when the newest of the readings before `stop` is observed if no other comes, µs."""
        made = self._newest
        if made is not None and made.stop is stop and made.upto is not None:
            return made.t + np.minimum(self.gaps(things), NEVER // 4)
        at = self.times(stop - 1, things)
        found: I64 = np.minimum(at + np.minimum(self.gaps(things), NEVER // 4), self.shut[things])
        return found

    def newest(self, things: Rows) -> F64:
        """The value of the newest reading, NaN when there is none."""
        head = self.head[things]
        return np.where(head > 0, self.values(head - 1, things), np.nan)

    # --- feeding it
    def take(self, things: Rows, t: I64, heard: PointReadings) -> Iterator[Part]:
        """Add readings (`heard.unit` counts items); for each item what its window holds then, part by part.

        A part must be used before the next one is asked for: older readings make room.
        """
        self._newest = None
        step = self._step(heard, t) if len(heard) == len(things) else None
        if step is not None:
            self._newest = step
            yield EVERYTHING, step.low, step.stop
            return
        heard = self._newer(heard)
        stage, room = _stages(self, heard)
        last = carried(len(things), things, heard.unit, heard.thing)
        when = np.where(last >= 0, stage[last], 0) if len(heard) else np.zeros(len(things), np.intp)
        for number in range(int(when.max(initial=0)) + 1):
            items = np.flatnonzero(when == number)
            mine, moment = things[items], t[items]
            fresh = np.zeros(len(things), np.int64)
            rows = heard.where(stage == number)
            if len(rows):
                self._make_room(rows, room, mine, moment)
                fresh[self._push(rows)] = 1
            stop = self.head[mine] - _still_to_come(fresh[items], mine)
            low = self._begin(mine, self.tail[mine], stop, moment)
            yield items, low, stop
            # the reading before the window stays: it is observed into it. Of several items of a thing the last counts
            self.tail[mine] = np.maximum(low - 1, self.tail[mine])

    def _step(self, heard: PointReadings, t: I64) -> LastWindows | None:
        """Add one newer known reading of each thing, where there is room for all. Else nothing is done: None."""
        things, at, value, size = heard.thing, heard.at, heard.value, len(self.at)
        head, tail = self.head[things], self.tail[things]
        newest = self._place(head - 1, things)
        before = self.at.reshape(-1).take(newest)
        if int((head - tail).max()) >= size:
            tail = np.maximum(self._begin(things, tail, head, t) - 1, tail)
        fits = (at > before) & (head > 0) & (head - tail < size) & (value == value) & (self.shut[things] == NEVER)
        if heard.floor is not None or not fits.all() or not (things[1:] != things[:-1]).all():
            return None
        place = self._place(head, things)
        length = np.minimum(at - before, self.gaps(things))
        seen = self.seen.reshape(-1).take(newest) + length
        self.seen.reshape(-1)[place] = seen
        upto = seen, seen
        if self.truth:
            held = np.where(self.value.reshape(-1).take(newest) == 1.0, length, 0)
            true = self.true.reshape(-1).take(newest) + held
            self.true.reshape(-1)[place] = true
            upto = seen, true
        self.at.reshape(-1)[place] = at
        self.value.reshape(-1)[place] = value
        self.head[things] = stop = head + 1
        self.fold_in(things, head, value)
        low = self._begin(things, tail, stop, t)
        self.tail[things] = np.maximum(low - 1, tail)
        return LastWindows(things, t, low, stop, upto if self.over and _same(at, t) else None)

    def _newer(self, heard: PointReadings) -> PointReadings:
        """Readings that are not older than the newest one."""
        head = self.head[heard.thing]
        return heard.where((head == 0) | (heard.at >= self.times(head - 1, heard.thing)))

    def _make_room(self, rows: PointReadings, room: int, things: Rows, t: I64) -> None:
        size = len(self.at)
        if room + int((self.head[rows.thing] - self.tail[rows.thing]).max()) <= size:
            return
        first = np.ones(len(things), np.bool_)
        first[1:] = things[1:] != things[:-1]
        old, moment = things[first], t[first]
        low = self._begin(old, self.tail[old], self.head[old], moment)
        self.tail[old] = np.maximum(low - 1, self.tail[old])
        held = self.head[rows.thing] - self.tail[rows.thing]
        promised = self.gaps(rows.thing) // 3
        expected = np.where(promised < NEVER // 3, 1 + self.over // np.maximum(promised, 1), PLENTY // DENSE)
        most = max(room, min(DENSE * int(expected.max()), 65536))
        while size < room + int(held.max()) and size < room + most:
            size *= 2
        if size > len(self.at):
            self.resize(size)
        # more than was ever promised: the oldest leave early, and the window is known to be observed less
        self.tail[rows.thing] = np.maximum(self.head[rows.thing] + room - size, self.tail[rows.thing])

    def _push(self, rows: PointReadings) -> NDArray[np.intp]:
        """Apply readings, at most one per thing that changes the past, and that the first; the items of new ones."""
        head = self.head[rows.thing]
        newest = np.where(head > 0, self.times(head - 1, rows.thing), -NEVER)
        again = (rows.at == newest) & rows.first()
        unknown = np.isnan(rows.value)
        change = again | unknown
        if rows.floor is not None:
            for row in np.flatnonzero(~np.isnan(rows.floor)).tolist():
                self._lower(int(rows.thing[row]), float(rows.floor[row]))
        if change.any():
            self._change(rows.where(change), again[change])
            rows = rows.where(~change)
        if len(rows):
            self._append(rows)
        return rows.unit

    def _change(self, rows: PointReadings, again: Bools) -> None:
        """The newest reading told again with another value, or a bad one: nothing is observed from then on."""
        known = ~np.isnan(rows.value)
        new = rows.where(again & known)
        self.value[(self.head[new.thing] - 1) & (len(self.at) - 1), new.thing] = new.value
        self.refold(new.thing, self.head[new.thing] - 1)
        gone = rows.thing[again & ~known]
        number = self.head[gone] - 1
        length = self.of(self.seen, number, gone) - self.of(self.seen, number - 1, gone)
        self.head[gone] = number
        self.tail[gone] = np.minimum(self.tail[gone], number)
        self.shut[gone] = self.times(number - 1, gone) + length
        self.refold(gone, number)
        bad = rows.where(~again & ~known)
        self.shut[bad.thing] = np.minimum(self.shut[bad.thing], bad.at)

    def _lower(self, thing: int, floor: float) -> None:
        """A fall was taken back: what was counted since never was, so nothing lies above the line it fell from."""
        self.value[:, thing] = np.minimum(self.value[:, thing], floor)

    def _append(self, rows: PointReadings) -> None:
        things, first, ordinal = rows.thing, rows.first(), rows.ordinal()
        head = self.head[things]
        number, newest = head + ordinal, head - 1
        before = np.where(first, self.times(newest, things), np.append(0, rows.at[:-1]))
        length = np.minimum(rows.at - before, self.gaps(things))
        length[first] = np.minimum(length, self.shut[things] - before)[first]
        length[first & (head == 0)] = 0
        start = np.arange(len(rows)) - ordinal
        slot = number & (len(self.at) - 1)
        for table, parts in self._chains(rows, first, newest, length):
            if not first.all():
                total = np.cumsum(parts)
                parts = total - total[start] + parts[start]
            table[slot, things] = np.where(head > 0, self.of(table, newest, things), 0) + parts
        self.at[slot, things] = rows.at
        self.value[slot, things] = rows.value
        self.head[things] = number + 1
        self.shut[things] = NEVER
        self.fold_in(things, number, rows.value)

    def _chains(self, rows: PointReadings, first: Bools, newest: I64, length: I64) -> Iterator[tuple[I64, I64]]:
        yield self.seen, length
        if self.truth:
            held = np.where(first, self.values(newest, rows.thing), np.append(0.0, rows.value[:-1]))
            yield self.true, np.where(held == 1.0, length, 0)


def _same(a: NDArray[np.integer], b: NDArray[np.integer]) -> bool:
    return a is b or np.array_equal(a, b)


def _still_to_come(fresh: I64, things: Rows) -> I64:
    """How many of the fresh readings of an item's thing come with later items."""
    if not fresh.any():
        return fresh
    last = np.ones(len(things), np.bool_)
    last[:-1] = things[1:] != things[:-1]
    if last.all():
        return np.zeros(len(things), np.int64)
    total = np.cumsum(fresh)
    end = np.flatnonzero(last)[np.cumsum(last) - last]
    found: I64 = total[end] - total
    return found


def _stages(trail: ReadingRing, heard: PointReadings) -> tuple[NDArray[np.intp], int]:
    """(stage of each reading, the most of one thing per stage): one that changes the past starts a stage."""
    first = heard.first()
    unknown = np.isnan(heard.value)
    head = trail.head[heard.thing]
    newest = np.where(head > 0, trail.times(head - 1, heard.thing), -NEVER)
    before = np.where(first, newest, np.append(-NEVER, heard.at[:-1])[: len(heard)])
    again = heard.at == before
    if heard.floor is not None:
        again |= ~np.isnan(heard.floor)
    if first.all():
        return again.astype(np.intp), 1
    room = int(np.clip(MANY // trail.space.capacity, 32, 4096))
    cut = np.cumsum(again | (unknown & ~first))
    ordinal = heard.ordinal()
    start = np.arange(len(heard)) - ordinal
    stage = cut - cut[start] + again[start] + ordinal // room
    return stage, min(room, int(ordinal.max()) + 1)
