"""The windows (t - over, t] over the readings of a ring: where they begin and end, and what was observed of them."""

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.state.thing_table import NEVER
from rules.engine.windows.base import Gaps, Rows
from rules.engine.windows.ring_buffer import RingBuffer

Observed = tuple[I64, I64]
"""(observed time, the part of it in which the value was 1), µs; of a ring that keeps no truth both are the first."""


class LastWindows:
    """The windows [low, stop) of things as of `t` that were asked for last.

    `upto`: observed time up to the newest readings, when these are as new as `t`. `observed`: what was observed of the
    windows, once that was asked for.
    """

    def __init__(self, things: Rows, t: I64, low: I64, stop: I64, upto: Observed | None) -> None:
        self.things, self.t, self.low, self.stop, self.upto = things, t, low, stop, upto
        self.observed: Observed | None = None


class RingWindows:
    """The windows of `over` µs (`pair`: the last two readings) over a ring.

    `seen[i]` of the ring is the observed time before reading i, µs: each reading is observed until the next one, the
    gap, or a bad one. All results are functions of what the ring holds, in whatever batches it came. `last`: the
    windows asked for last, until the ring changes.
    """

    def __init__(self, ring: RingBuffer, gaps: Gaps, over: int, *, pair: bool) -> None:
        self.ring, self.gaps, self.over, self.pair = ring, gaps, over, pair
        self.last: LastWindows | None = None
        self._epoch = ring.epoch

    def settle(self) -> None:
        """The windows that were asked for last will not be asked for again."""
        self.last = None

    def keep(self, last: LastWindows | None) -> None:
        """The ring has changed: these are its newest windows."""
        self.last, self._epoch = last, self.ring.epoch

    def _known(self) -> LastWindows | None:
        if self._epoch != self.ring.epoch:
            self.keep(None)
        return self.last

    def part(self, things: Rows, t: I64) -> tuple[I64, I64]:
        """The window of each thing as of `t`: (first reading inside, one past the newest)."""
        made = self._known()
        if made is not None and same(things, made.things) and same(t, made.t):
            return made.low, made.stop
        tail, stop = self.ring.tail[things], self.ring.head[things]
        later = np.flatnonzero(self.ring.times(stop - 1, things) > t)
        if len(later):
            stop[later] = self.ring.find(things[later], tail[later], stop[later], t[later])
        self.last = LastWindows(things, t, self.begin(things, tail, stop, t), stop, None)
        return self.last.low, stop

    def begin(self, things: Rows, tail: I64, stop: I64, t: I64) -> I64:
        if self.pair:
            return np.maximum(stop - 2, tail)
        second = tail + 1  # the oldest one that is kept is mostly outside
        low = self.ring.find(things, second, stop, t - self.over)
        same = np.flatnonzero(low == second)
        if len(same):
            first, mine = tail[same], things[same]
            low[same] -= (first >= stop[same]) | (self.ring.times(first, mine) > t[same] - self.over)
        return low

    # --- observed time
    def observed(self, things: Rows, t: I64, low: I64, stop: I64) -> Observed:
        """What was observed of the windows [low, stop) of `t`."""
        last = self._known()
        made = last if last is not None and last.low is low else None
        if made is not None and made.observed is not None:
            return made.observed
        upto = None if made is None else made.upto
        since = self._reached(things, low, t - self.over, inner=upto is not None)
        if upto is None:
            upto = self._reached(things, stop, t)
        found = upto[0] - since[0], upto[1] - since[1]
        if made is not None:
            made.observed = found
        return found

    def _reached(self, things: Rows, number: I64, moment: I64, *, inner: bool = False) -> Observed:
        """What was observed from the first reading to `moment`, before which `number` readings were made.

        `inner`: each has one more reading.
        """
        place = self.ring.place(number - 1, things)
        at, seen = self.ring.at.reshape(-1).take(place), self.ring.seen.reshape(-1).take(place)
        length = self.ring.of(self.ring.seen, number, things) - seen
        later = None if inner else number < self.ring.head[things]
        if later is not None and not later.all():
            length = np.where(later, length, np.minimum(self.gaps(things), self.ring.shut[things] - at))
        span = np.minimum(moment - at, length)
        found = [seen + span]
        if self.ring.truth:
            held = self.ring.value.reshape(-1).take(place) == 1.0
            found.append(self.ring.true.reshape(-1).take(place) + np.where(held, span, 0))
        none = np.flatnonzero(number <= self.ring.tail[things])
        if len(none):
            follows = np.ones(len(none), np.bool_) if later is None else later[none]
            for chain, total in zip((self.ring.seen, self.ring.true), found, strict=False):
                total[none] = np.where(follows, self.ring.of(chain, number[none], things[none]), 0)
        return found[0], found[-1]

    def watched(self, things: Rows, stop: I64) -> I64:
        """Until when the newest of the readings before `stop` is observed if no other comes, µs."""
        made = self._known()
        if made is not None and made.stop is stop and made.upto is not None:
            return made.t + np.minimum(self.gaps(things), NEVER // 4)
        at = self.ring.times(stop - 1, things)
        found: I64 = np.minimum(at + np.minimum(self.gaps(things), NEVER // 4), self.ring.shut[things])
        return found

    def newest(self, things: Rows) -> F64:
        """The value of the newest reading, NaN when there is none."""
        head = self.ring.head[things]
        return np.where(head > 0, self.ring.values(head - 1, things), np.nan)


def same(a: NDArray[np.integer], b: NDArray[np.integer]) -> bool:
    return a is b or np.array_equal(a, b)
