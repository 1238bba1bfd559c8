"""What a signal is made of: the readings of a point, or the values of an expression over points and other signals."""

from collections.abc import Callable

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Operand
from rules.compiled.reads import OF_SIGNALS
from rules.engine.binding.bound_expression import BoundExpression, SlotSource
from rules.engine.frames.batch_view import BatchView, Bools, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import Gaps, PointReadings, Rows, Surroundings, readings

Newest = Callable[[Rows], F64]
"""The newest value of each thing."""
Times = Callable[[Rows], I64]
"""The time of the newest value of each thing, µs: older ones are left aside. LONG_AGO = none is."""


class SignalInput:
    """`names`: the signals it is made of. With some, values are worked out only as a view is gone through (`settled`);
    when it reads nothing but closed windows (`by_windows`), it has one value whenever these close, and `period` µs from
    one to the next. `turning`: time alone may give it a new value.
    """

    def __init__(self, of: Operand, space: ThingTable, around: Surroundings, source: SlotSource) -> None:
        self.world, self.space = around.world, space
        self.bound = None if isinstance(of, str) else BoundExpression(of, space, around.world, source)
        self.columns = (space.column(of),) if isinstance(of, str) else self.bound_of().columns
        self.points = tuple(space.names[column] for column in self.columns)
        slots = () if isinstance(of, str) else of.slots
        self.names = frozenset(slot.name for slot in slots if slot.kind in OF_SIGNALS)
        self.nested = bool(self.names)
        self.by_windows = self.nested and not self.columns
        self.turning = self.bound is not None and (self.bound.turning or (self.nested and not self.by_windows))
        self.period = max((source.period_of(slot) for slot in slots), default=0) if self.by_windows else 0

    def bound_of(self) -> BoundExpression:
        """The expression."""
        assert self.bound is not None, "a plain point has none"
        return self.bound

    def gaps(self, written: int = 0) -> Gaps:
        """Silence longer than this is a gap: of windows, three of them."""
        if self.by_windows:
            return Gaps(self.world, self.space, (), written or 3 * self.period)
        points = self.points if self.bound is None else tuple(self.space.names[column] for column in self.bound.valued)
        return Gaps(self.world, self.space, points, written)

    def read(self, view: BatchView, inside: Bools, newest: Newest, *, known: bool = False) -> PointReadings:
        """In the units `inside` of a view; of other signals the places alone, values 0. `known` leaves out bad ones."""
        if self.bound is None:
            return readings(view, self.columns[0], inside, known=known)
        unit = np.flatnonzero(view.carry(self.columns) & inside) if self.columns else np.zeros(0, np.intp)
        if not self.nested and not self.bound.turning:
            unit = unit[~view.moments[unit]]
        incoming = PointReadings(unit, view.thing[unit], view.t[unit], np.zeros(len(unit)))
        return incoming if self.nested or not len(unit) else self.settled(view, incoming, newest, known=known)

    def settled(
        self,
        view: BatchView,
        incoming: PointReadings,
        newest: Newest,
        *,
        known: bool = False,
        newest_at: Times | None = None,
    ) -> PointReadings:
        """The values at these places; where no reading came only those that time alone changed."""
        reader = UnitsAt(view, incoming.unit)
        value = self.bound_of().vector(reader)
        found = PointReadings(incoming.unit, incoming.thing, incoming.at, value)
        between = view.moments[incoming.unit]
        if between.any():
            kept = ~np.isnan(value) if known else ~between | ~np.isnan(value)
            found, between = found.where(kept), between[kept]
            first = found.first()
            if newest_at is not None:  # behind values that are left aside the newest is still what it was
                first |= np.append(LONG_AGO, found.at)[: len(found)] < newest_at(found.thing)
            before = np.where(first, newest(found.thing), np.append(np.nan, found.value)[: len(found)])
            found = found.where(~between | (found.value != before))
        return found.where(~np.isnan(found.value)) if known else found
