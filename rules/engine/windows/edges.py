"""When a truth becomes true, however often a moment is told again."""

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

    def follow(self, heard: PointReadings) -> PointReadings:
        """The moments at which it became true, value 1; NaN: what the same moment said before is taken back."""
        first = heard.first()
        before = np.where(first, self.moment[heard.thing], np.append(LONG_AGO, heard.at[:-1])[: len(heard)])
        odd = heard.at <= before
        if not odd.any():
            return self._run(heard)
        strange = np.zeros(len(self.known), np.bool_)
        strange[heard.thing[odd]] = True
        mine = strange[heard.thing]
        change = np.zeros(len(heard))
        for row in np.flatnonzero(mine).tolist():
            change[row] = self.step(int(heard.thing[row]), float(heard.value[row]), int(heard.at[row]))
        calm = self._run(heard.where(~mine))
        change[np.isin(heard.unit, calm.unit)] = 1.0
        value = np.where(change > 0, 1.0, np.nan)
        return PointReadings(heard.unit, heard.thing, heard.at, value).where(change != 0)

    def _run(self, heard: PointReadings) -> PointReadings:
        """Readings that are newer than all before."""
        some = heard.where(~np.isnan(heard.value))
        before, _ = some.before(self.known, self.moment)
        rising = (some.value == 1.0) & (before != 1.0)
        self.known[some.thing] = some.value  # of several the last one stays
        self.moment[heard.thing] = heard.at
        self.prior[heard.thing], self.rose[heard.thing] = self.known[heard.thing], 0
        newest = some.at == self.moment[some.thing]
        self.prior[some.thing[newest]], self.rose[some.thing[newest]] = before[newest], rising[newest]
        return some.where(rising)

    def step(self, thing: int, value: float, at: int) -> int:
        """Any reading: 1 = it became true, -1 = what this moment said before is taken back, 0 = neither."""
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
