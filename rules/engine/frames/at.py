"""One thing at one time, and which of its values are meant: what evaluators pass on once a unit matters."""

import numpy as np
from msgspec import Struct

from rules.engine.frames.batch_view import BatchView, LastReading, Latest, Reader, UnitsAt, UnitsBefore, held
from rules.engine.state.thing_table import LONG_AGO, ThingTable


class At(Struct, frozen=True, eq=False):
    """Row `thing` at `t` µs: with the values the table holds, or with a `view` those as of its `unit`, or those from
    just `before` that unit was applied.
    """

    thing: int
    t: int
    view: BatchView | None = None
    unit: int = -1
    before: bool = False

    def earlier(self, t: int) -> "At":
        """The thing at `t` µs with the values from before the unit."""
        return At(self.thing, t, self.view, self.unit, True)

    @property
    def moment(self) -> bool:
        """True if it is a unit of a view without a reading."""
        return self.view is not None and bool(self.view.moments[self.unit])

    def reader(self, table: ThingTable) -> Reader:
        """The values, one item."""
        if self.view is None:
            return Latest(table, np.array([self.thing]), self.t)
        units = np.array([self.unit])
        return UnitsBefore(self.view, units, self.t) if self.before else UnitsAt(self.view, units)

    def seen(self, table: ThingTable, column: int) -> LastReading | None:
        """The newest reading of a column; None when there never was one."""
        if self.view is None:
            return held(table, column, self.thing)
        return self.view.seen(column, self.unit, before=self.before)

    def known_at(self, table: ThingTable, columns: tuple[int, ...]) -> int:
        """Time of the newest known value of these columns, µs; LONG_AGO when there is none."""
        if self.view is None:
            return max((int(table.good_at[column, self.thing]) for column in columns), default=LONG_AGO)
        known = self.view.good_at_before if self.before else self.view.good_at
        return max((int(known(column)[self.unit]) for column in columns), default=LONG_AGO)


def at_unit(view: BatchView, unit: int) -> At:
    """The thing of a unit at its time."""
    return At(int(view.thing[unit]), int(view.t[unit]), view, unit)
