"""A signal over the last so many minutes, (t - over, t]: its operator works out the value."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gateway.domain.counter import NewMeter
from gateway.domain.duration import SECOND
from gateway.domain.reading import F64, I64
from rules.compiled import Increase, Rate, Share, Stat, Swing, Times
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import PointReadings, Rows
from rules.engine.windows.momentary import Momentary, Values
from rules.engine.windows.sliding_operator import SlidingOperator

TICK = SECOND
STEPS = 60  # a window is looked at so many times while it passes


class SlidingSignal(Momentary):
    """State: that of its operator."""

    def __init__(
        self, space: ThingTable, signal: Increase | Rate | Share | Stat | Swing | Times, operator: SlidingOperator
    ) -> None:
        unit = "" if isinstance(signal, Share | Times) else signal.unit
        super().__init__(space, signal.name, unit, operator.columns, operator.over)
        self.operator, self.feed = operator, operator.feed
        self.of = None if self.feed is None else self.feed.bound
        self.known_only, self.closed = operator.known_only, operator.closed
        self.grid = max(operator.over // STEPS, TICK)
        self.parts.update(operator.parts())

    def read(self, view: BatchView, inside: Bools) -> PointReadings:
        counter = self.operator.counter
        return super().read(view, inside) if counter is None else counter.read(view, inside)

    def take(self, things: Rows, t: I64, incoming: PointReadings) -> Values:
        return self.operator.take(things, t, incoming)

    def held(self, things: Rows, t: I64) -> Values:
        return self.operator.measure(things, t, *self.operator.windows.part(things, t))

    def latest(self, things: Rows) -> F64:
        return self.operator.latest(things)

    def latest_at(self, things: Rows) -> I64:
        return self.operator.latest_at(things)

    def turned(self) -> I64:
        return self.operator.turned()

    def changes(self, things: Rows, t: I64) -> tuple[I64, I64]:
        """After `t`, if nothing is read: (when a reading leaves, from when on the value may change without), µs.

        NEVER = not any more. The first is exact. From the second on it is looked at on the grid; too early is no harm.
        """
        return self.operator.changes(things, t)

    # --- the same within a view that brings several readings of a thing

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        counter = self.operator.counter
        if counter is not None and counter.point == point:
            counter.exchange(thing, meter)

    def leaving(self, things: Rows, begin: I64, end: I64) -> Iterator[tuple[NDArray[np.intp], I64]]:
        """(item, µs) of readings that are held already and leave their windows after `begin`, before `end`."""
        ring, windows = self.operator.ring, self.operator.windows
        if windows.pair:
            return
        low, _ = windows.part(things, begin)
        stop = ring.find(things, low, ring.head[things], end - self.over - 1)
        count = np.maximum(stop - low, 0)
        step = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        item = np.repeat(np.arange(len(things)), count)
        yield item, ring.times(low[item] + step, things[item]) + self.over

    def stretches(
        self, things: Rows, incoming: PointReadings, item: NDArray[np.intp], begin: I64, end: I64
    ) -> Iterator[tuple[NDArray[np.intp], I64, I64]]:
        """(item, from, to µs) in which the value may change continuously, between `begin` and `end` of each thing.

        `item` numbers the thing of each reading. More than needed is no harm.
        """
        thing, at = np.concatenate([np.arange(len(things)), item]), np.concatenate([self._since(things), incoming.at])
        order = np.argsort(thing, kind="stable")
        thing, at = thing[order], at[order]
        last = np.ones(len(thing), np.bool_)
        last[:-1] = thing[1:] != thing[:-1]
        until = np.where(last, end[thing], np.append(at[1:], 0))
        quiet = at + np.minimum(self.operator.gaps(things[thing]), NEVER // 4)
        follows = (at > LONG_AGO) & (until > at)
        moving = (self.moment[things] > begin) | ~self.operator.still(self.newest[things], incoming, item)
        if self.feed is not None and self.feed.nested:
            moving[:] = True  # not known yet
        np.logical_or.at(moving, thing[follows], (until > quiet)[follows])
        some = np.flatnonzero(follows & moving[thing])
        yield thing[some], at[some], np.minimum(until[some] - 1, at[some] + self.over)
        some = np.flatnonzero(follows & (until > quiet))
        yield thing[some], quiet[some], np.minimum(until[some] - 1, quiet[some] + self.over)

    def _since(self, things: Rows) -> I64:
        """Time of the newest reading that is held; LONG_AGO when there is none."""
        head = self.operator.ring.head[things]
        return np.where(head > 0, self.operator.ring.times(head - 1, things), LONG_AGO)
