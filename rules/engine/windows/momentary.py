"""What signals with a value at every moment have in common."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from gateway.domain.counter import NewMeter
from gateway.domain.reading import F64, I64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import PointReadings, Rows, StateTable
from rules.engine.windows.signal_input import SignalInput

Values = tuple[F64, F64]
"""(value, coverage) per item."""


class Momentary(StateTable):
    """State of its own: value, share and time as of the last unit that was judged, for evidence: 20 B.

    `over` µs is the length of what the value is made of, 0 = no window. `grid` µs: what changes continuously is looked
    at whenever the time is a multiple of it; 0 = nothing changes but by readings. `closed`: a reading exactly `over`
    ago still counts.
    """

    arrays: tuple[tuple[str, float], ...] = (("newest", np.nan), ("share", 0), ("moment", LONG_AGO))
    grid = 0
    feed: SignalInput | None = None
    of: BoundExpression | None = None
    known_only = False
    closed = False

    def __init__(self, space: ThingTable, name: str, unit: str, columns: tuple[int, ...], over: int) -> None:
        super().__init__(space)
        self.name, self.unit, self.columns, self.over = name, unit, columns, over
        self.newest: F64 = np.zeros(0)
        self.share: NDArray[np.float32] = np.zeros(0, np.float32)
        self.moment: I64 = np.zeros(0, np.int64)

    # --- what an operator does
    def read(self, view: BatchView, inside: Bools) -> PointReadings:
        """Its readings in the units `inside` of a view; of other signals the places alone."""
        assert self.feed is not None, "an operator without a feed reads its own points"
        return self.feed.read(view, inside, self.latest, known=self.known_only)

    def settled(self, view: BatchView, incoming: PointReadings) -> PointReadings:
        """The values of other signals at these places, which are known now."""
        assert self.feed is not None, "only a feed reads other signals"
        return self.feed.settled(view, incoming, self.latest, known=self.known_only, newest_at=self.latest_at)

    def latest(self, things: Rows) -> F64:
        """The newest value of each thing; NaN: none, or unknown."""
        return np.full(len(things), np.nan)

    def latest_at(self, things: Rows) -> I64:
        """The time of that value, µs; older ones are left aside. LONG_AGO: none is."""
        return np.full(len(things), LONG_AGO, np.int64)

    def turned(self) -> I64:
        """An array that changes when there is a value without a reading."""
        return self.moment

    @abstractmethod
    def take(self, things: Rows, t: I64, incoming: PointReadings) -> Values:
        """Readings (`incoming.unit` counts items), and the value at every item (a thing at a moment, in order)."""

    @abstractmethod
    def held(self, things: Rows, t: I64) -> Values:
        """The value of each thing as of `t`, no earlier than what was taken."""

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        """A new meter counts at `point`."""
