"""Feeding a ring with readings: what its windows hold after each of them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import Gaps, PointReadings, Rows, carried
from rules.engine.windows.ring_buffer import RingBuffer
from rules.engine.windows.ring_windows import LastWindows, RingWindows, same

MANY = 1 << 20
DENSE = 16  # a thing may send this many times as often as promised
EVERYTHING = slice(None)
PLENTY = 4096  # readings that are kept of a thing that promised nothing
Part = tuple[NDArray[np.intp] | slice, I64, I64]
"""(items, first reading inside the window, one past the newest), as numbers of readings since the first ever."""


class ReadingRing:
    """A ring that holds the window of `over` µs (`pair`: the last two readings) and what one view brings."""

    def __init__(
        self,
        space: ThingTable,
        gaps: Gaps,
        over: int,
        folds: tuple[np.ufunc, ...] = (),
        *,
        truth: bool = False,
        pair: bool = False,
        squared: bool = False,
    ) -> None:
        self.ring = RingBuffer(space, folds, truth=truth, squared=squared)
        self.windows = RingWindows(self.ring, gaps, over, pair=pair)

    def take(self, things: Rows, t: I64, incoming: PointReadings) -> Iterator[Part]:
        """Add readings (`incoming.unit` counts items); for each item what its window holds then, part by part.

        A part must be used before the next one is asked for: older readings make room.
        """
        self.windows.keep(None)
        step = self._step(incoming, t) if len(incoming) == len(things) else None
        if step is not None:
            self.windows.keep(step)
            yield EVERYTHING, step.low, step.stop
            return
        incoming = self._newer(incoming)
        stage, room = _stages(self.ring, incoming)
        last = carried(len(things), things, incoming.unit, incoming.thing)
        when = np.where(last >= 0, stage[last], 0) if len(incoming) else np.zeros(len(things), np.intp)
        for number in range(int(when.max(initial=0)) + 1):
            items = np.flatnonzero(when == number)
            mine, moment = things[items], t[items]
            fresh = np.zeros(len(things), np.int64)
            rows = incoming.where(stage == number)
            if len(rows):
                self._make_room(rows, room, mine, moment)
                fresh[self._push(rows)] = 1
            stop = self.ring.head[mine] - _still_to_come(fresh[items], mine)
            low = self.windows.begin(mine, self.ring.tail[mine], stop, moment)
            yield items, low, stop
            # the reading before the window stays: it is observed into it. Of several items of a thing the last counts
            self.ring.tail[mine] = np.maximum(low - 1, self.ring.tail[mine])

    def _step(self, incoming: PointReadings, t: I64) -> LastWindows | None:
        """Add one newer known reading of each thing, where there is room for all. Else nothing is done: None."""
        things, at, value, size = incoming.thing, incoming.at, incoming.value, len(self.ring.at)
        head, tail = self.ring.head[things], self.ring.tail[things]
        newest = self.ring.place(head - 1, things)
        before = self.ring.at.reshape(-1).take(newest)
        if int((head - tail).max()) >= size:
            tail = np.maximum(self.windows.begin(things, tail, head, t) - 1, tail)
        fits = (at > before) & (head > 0) & (head - tail < size) & (value == value) & (self.ring.shut[things] == NEVER)
        if incoming.floor is not None or not fits.all() or not (things[1:] != things[:-1]).all():
            return None
        place = self.ring.place(head, things)
        length = np.minimum(at - before, self.windows.gaps(things))
        seen = self.ring.seen.reshape(-1).take(newest) + length
        self.ring.seen.reshape(-1)[place] = seen
        upto = seen, seen
        if self.ring.truth:
            held = np.where(self.ring.value.reshape(-1).take(newest) == 1.0, length, 0)
            true = self.ring.true.reshape(-1).take(newest) + held
            self.ring.true.reshape(-1)[place] = true
            upto = seen, true
        self.ring.at.reshape(-1)[place] = at
        self.ring.value.reshape(-1)[place] = value
        self.ring.head[things] = stop = head + 1
        self.ring.fold_in(things, head, value)
        low = self.windows.begin(things, tail, stop, t)
        self.ring.tail[things] = np.maximum(low - 1, tail)
        return LastWindows(things, t, low, stop, upto if self.windows.over and same(at, t) else None)

    def _newer(self, incoming: PointReadings) -> PointReadings:
        """Readings that are not older than the newest one."""
        head = self.ring.head[incoming.thing]
        return incoming.where((head == 0) | (incoming.at >= self.ring.times(head - 1, incoming.thing)))

    def _make_room(self, rows: PointReadings, room: int, things: Rows, t: I64) -> None:
        size = len(self.ring.at)
        if room + int((self.ring.head[rows.thing] - self.ring.tail[rows.thing]).max()) <= size:
            return
        first = np.ones(len(things), np.bool_)
        first[1:] = things[1:] != things[:-1]
        old, moment = things[first], t[first]
        low = self.windows.begin(old, self.ring.tail[old], self.ring.head[old], moment)
        self.ring.tail[old] = np.maximum(low - 1, self.ring.tail[old])
        held = self.ring.head[rows.thing] - self.ring.tail[rows.thing]
        promised = self.windows.gaps(rows.thing) // 3
        expected = np.where(promised < NEVER // 3, 1 + self.windows.over // np.maximum(promised, 1), PLENTY // DENSE)
        most = max(room, min(DENSE * int(expected.max()), 65536))
        while size < room + int(held.max()) and size < room + most:
            size *= 2
        if size > len(self.ring.at):
            self.ring.resize(size)
        # more than was ever promised: the oldest leave early, and the window is known to be observed less
        self.ring.tail[rows.thing] = np.maximum(self.ring.head[rows.thing] + room - size, self.ring.tail[rows.thing])

    def _push(self, rows: PointReadings) -> NDArray[np.intp]:
        """Apply readings, at most one per thing that changes the past, and that the first; the items of new ones."""
        head = self.ring.head[rows.thing]
        newest = np.where(head > 0, self.ring.times(head - 1, rows.thing), -NEVER)
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
        """Another value of the newest reading, or a bad one: nothing is observed from then on."""
        known = ~np.isnan(rows.value)
        new = rows.where(again & known)
        self.ring.value[(self.ring.head[new.thing] - 1) & (len(self.ring.at) - 1), new.thing] = new.value
        self.ring.refold(new.thing, self.ring.head[new.thing] - 1)
        gone = rows.thing[again & ~known]
        number = self.ring.head[gone] - 1
        length = self.ring.of(self.ring.seen, number, gone) - self.ring.of(self.ring.seen, number - 1, gone)
        self.ring.head[gone] = number
        self.ring.tail[gone] = np.minimum(self.ring.tail[gone], number)
        self.ring.shut[gone] = self.ring.times(number - 1, gone) + length
        self.ring.refold(gone, number)
        bad = rows.where(~again & ~known)
        self.ring.shut[bad.thing] = np.minimum(self.ring.shut[bad.thing], bad.at)

    def _lower(self, thing: int, floor: float) -> None:
        """A fall was taken back: what was counted since never was, so nothing lies above the line it fell from."""
        self.ring.value[:, thing] = np.minimum(self.ring.value[:, thing], floor)

    def _append(self, rows: PointReadings) -> None:
        things, first, ordinal = rows.thing, rows.first(), rows.ordinal()
        head = self.ring.head[things]
        number, newest = head + ordinal, head - 1
        before = np.where(first, self.ring.times(newest, things), np.append(0, rows.at[:-1]))
        length = np.minimum(rows.at - before, self.windows.gaps(things))
        length[first] = np.minimum(length, self.ring.shut[things] - before)[first]
        length[first & (head == 0)] = 0
        start = np.arange(len(rows)) - ordinal
        slot = number & (len(self.ring.at) - 1)
        for table, parts in self._chains(rows, first, newest, length):
            if not first.all():
                total = np.cumsum(parts)
                parts = total - total[start] + parts[start]
            table[slot, things] = np.where(head > 0, self.ring.of(table, newest, things), 0) + parts
        self.ring.at[slot, things] = rows.at
        self.ring.value[slot, things] = rows.value
        self.ring.head[things] = number + 1
        self.ring.shut[things] = NEVER
        self.ring.fold_in(things, number, rows.value)

    def _chains(self, rows: PointReadings, first: Bools, newest: I64, length: I64) -> Iterator[tuple[I64, I64]]:
        yield self.ring.seen, length
        if self.ring.truth:
            held = np.where(first, self.ring.values(newest, rows.thing), np.append(0.0, rows.value[:-1]))
            yield self.ring.true, np.where(held == 1.0, length, 0)


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


def _stages(ring: RingBuffer, incoming: PointReadings) -> tuple[NDArray[np.intp], int]:
    """(stage of each reading, the most of one thing per stage): one that changes the past starts a stage."""
    first = incoming.first()
    unknown = np.isnan(incoming.value)
    head = ring.head[incoming.thing]
    newest = np.where(head > 0, ring.times(head - 1, incoming.thing), -NEVER)
    before = np.where(first, newest, np.append(-NEVER, incoming.at[:-1])[: len(incoming)])
    again = incoming.at == before
    if incoming.floor is not None:
        again |= ~np.isnan(incoming.floor)
    if first.all():
        return again.astype(np.intp), 1
    room = int(np.clip(MANY // ring.space.capacity, 32, 4096))
    cut = np.cumsum(again | (unknown & ~first))
    ordinal = incoming.ordinal()
    start = np.arange(len(incoming)) - ordinal
    stage = cut - cut[start] + again[start] + ordinal // room
    return stage, min(room, int(ordinal.max()) + 1)
