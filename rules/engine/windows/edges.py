"""When a truth becomes true, however often a moment comes again."""

import numpy as np

from gateway.domain.reading import F64, I64, U8
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import PointReadings, StateTable


class Edges(StateTable):
    """When a truth becomes true. State: known f64 (the newest known truth), prior f64 (the one before the newest
    moment), moment i64, rose u8 (it became true at that moment): 25 B. The first known truth counts as becoming.
    """

    arrays = (("known", np.nan), ("prior", np.nan), ("moment", LONG_AGO), ("rose", 0))

    def __init__(self, space: ThingTable) -> None:
        super().__init__(space)
        self.known: F64 = np.zeros(0)
        self.prior: F64 = np.zeros(0)
        self.moment: I64 = np.zeros(0, np.int64)
        self.rose: U8 = np.zeros(0, np.uint8)

    def follow(self, incoming: PointReadings) -> PointReadings:
        """The moments at which it became true, value 1; NaN: an earlier value of the same moment is taken back."""
        first = incoming.first()
        before = np.where(first, self.moment[incoming.thing], np.append(LONG_AGO, incoming.at[:-1])[: len(incoming)])
        odd = incoming.at <= before
        if not odd.any():
            return self._run(incoming)
        strange = np.zeros(len(self.known), np.bool_)
        strange[incoming.thing[odd]] = True
        mine = strange[incoming.thing]
        change = np.zeros(len(incoming))
        for row in np.flatnonzero(mine).tolist():
            change[row] = self.step(int(incoming.thing[row]), float(incoming.value[row]), int(incoming.at[row]))
        calm = self._run(incoming.where(~mine))
        change[np.isin(incoming.unit, calm.unit)] = 1.0
        value = np.where(change > 0, 1.0, np.nan)
        return PointReadings(incoming.unit, incoming.thing, incoming.at, value).where(change != 0)

    def _run(self, incoming: PointReadings) -> PointReadings:
        """Readings that are newer than all before."""
        some = incoming.where(~np.isnan(incoming.value))
        before, _ = some.before(self.known, self.moment)
        rising = (some.value == 1.0) & (before != 1.0)
        self.known[some.thing] = some.value  # of several the last one stays
        self.moment[incoming.thing] = incoming.at
        self.prior[incoming.thing], self.rose[incoming.thing] = self.known[incoming.thing], 0
        newest = some.at == self.moment[some.thing]
        self.prior[some.thing[newest]], self.rose[some.thing[newest]] = before[newest], rising[newest]
        return some.where(rising)

    def step(self, thing: int, value: float, at: int) -> int:
        """Any reading: 1 = it became true, -1 = an earlier value of this moment is taken back, 0 = neither."""
        when, old = int(self.moment[thing]), 0
        if at < when:
            return 0
        before = float(self.known[thing])
        if at == when:
            before, old = float(self.prior[thing]), int(self.rose[thing])
        new = int(value == 1.0 and before != 1.0)
        self.known[thing] = before if value != value else value
        self.prior[thing], self.moment[thing], self.rose[thing] = before, at, new
        return new - old
