"""What operators over the last so many minutes have in common: the ring they hold, and how its windows are read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.windows.base import EPSILON, Gaps, PointReadings, Rows, StateTable
from rules.engine.windows.counter import Counter
from rules.engine.windows.momentary import Values
from rules.engine.windows.reading_ring import EVERYTHING, ReadingRing
from rules.engine.windows.ring_buffer import RingBuffer
from rules.engine.windows.signal_input import SignalInput


class SlidingOperator(ABC):
    """Worked out from `trail`, a ring that holds the windows (t - over, t], all in µs.

    `feed` or `counter` brings its readings. `known_only`: bad ones are left out. `closed`: a reading exactly `over` ago
    still counts.
    """

    feed: SignalInput | None = None
    counter: Counter | None = None
    known_only = False
    closed = False

    def __init__(self, columns: tuple[int, ...], over: int, gaps: Gaps, trail: ReadingRing) -> None:
        self.columns, self.over, self.gaps, self.trail = columns, over, gaps, trail
        self.ring, self.windows = trail.ring, trail.windows

    def parts(self) -> Mapping[str, StateTable]:
        """Its state."""
        found: dict[str, StateTable] = {"trail": self.ring}
        return found if self.counter is None else found | {"counter": self.counter}

    @abstractmethod
    def measure(self, things: Rows, t: I64, low: I64, stop: I64) -> Values:
        """The value of each thing at `t` made of its readings [low, stop)."""

    @abstractmethod
    def drifts(self, things: Rows, t: I64, low: I64, stop: I64) -> I64:
        """From when on after `t` the value may change though the window goes on holding [low, stop); NEVER."""

    def take(self, things: Rows, t: I64, incoming: PointReadings) -> Values:
        """Readings (`incoming.unit` counts items), and the value at every item (a thing at a moment, in order)."""
        value, share = np.full(len(things), np.nan), np.zeros(len(things))
        for items, low, stop in self.trail.take(things, t, self.line(incoming)):
            if items is EVERYTHING:
                return self.measure(things, t, low, stop)
            value[items], share[items] = self.measure(things[items], t[items], low, stop)
        return value, share

    def line(self, incoming: PointReadings) -> PointReadings:
        """The readings as the trail keeps them."""
        return incoming

    def latest(self, things: Rows) -> F64:
        """The newest value of each thing; NaN: none, or unknown."""
        return np.where(self.ring.shut[things] == NEVER, self.windows.newest(things), np.nan)

    def latest_at(self, things: Rows) -> I64:
        """The time of that value, µs; older ones are left aside. LONG_AGO: none is."""
        head = self.ring.head[things]
        return np.where(head > 0, self.ring.times(head - 1, things), LONG_AGO)

    def turned(self) -> I64:
        """An array that changes when there is a value without a reading."""
        return self.ring.head

    def changes(self, things: Rows, t: I64) -> tuple[I64, I64]:
        """As `SlidingSignal.changes`."""
        low, stop = self.windows.part(things, t)
        leaves = np.where(low < stop, self.ring.times(low, things) + (self.windows.over - self.closed), NEVER)
        drift = np.where(stop > 0, self.drifts(things, t, low, stop), NEVER)
        self.windows.settle()
        return leaves, drift

    def still(self, newest: F64, incoming: PointReadings, item: NDArray[np.intp]) -> Bools:
        """Which things, with the value `newest`, stay as much known as they are while `incoming` comes without a gap.

        `item` numbers the thing of each reading.
        """
        found: Bools = ~np.isnan(newest)
        found[item[np.isnan(incoming.value)]] = False
        return found

    def observed(self, things: Rows, t: I64, low: I64, stop: I64) -> F64:
        """Share of the window that was observed."""
        share: F64 = self.windows.observed(things, t, low, stop)[0] / self.over
        return share


def uncovered(share: F64, known: Bools, coverage: float, t: I64, end: I64, over: int) -> I64:
    """From when on after `t` a value may become known, or unknown: all is observed until `end`, nothing after it."""
    if (known & (t < end)).all():
        return end + 1
    away = t + np.maximum(np.abs(share - coverage) * over - 1 - EPSILON * over, 1).astype(np.int64)
    observing = t < end
    late = np.where(observing, end + 1, away)
    found: I64 = np.where(known, late, np.where(observing & (away <= end), away, NEVER))
    return found


def broken(ring: RingBuffer, gaps: Gaps, things: Rows, t: I64, stop: I64) -> I64:
    """When the silence after `t` becomes a gap; NEVER: it is one already."""
    late = ring.times(stop - 1, things) + gaps(things) + 1
    found: I64 = np.where(late > t, late, NEVER)
    return found


def unbroken(ring: RingBuffer, gaps: Gaps, things: Rows, t: I64, low: I64, stop: I64) -> tuple[Bools, I64]:
    """(no gap between the readings [low, stop), nor from the newest one to `t`; from the first to the newest, µs)."""
    first, last = ring.times(low, things), ring.times(stop - 1, things)
    seen = ring.before(stop - 1, things) - ring.before(low, things)
    found: Bools = (seen == last - first) & (t - last <= gaps(things))
    return found, last - first
