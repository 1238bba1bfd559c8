"""When a truth becomes true, however often a moment comes again."""

import numpy as np

from gateway.domain.reading import F64, I64
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import PointReadings, StateTable
from rules.engine.windows.same_moment import SameMoment


class Edges(StateTable):
    """When a truth becomes true. State: known f64 (the newest known truth), moment i64 µs, prior f64 (what was known
    before that moment): 24 B. The first known truth counts as becoming.
    """

    arrays = (("known", np.nan), ("moment", LONG_AGO))

    def __init__(self, space: ThingTable) -> None:
        super().__init__(space)
        self.known: F64 = np.zeros(0)
        self.moment: I64 = np.zeros(0, np.int64)
        self.same = SameMoment(self, {"known": "prior"})
        self.parts = {"same": self.same}

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
        self.known[some.thing] = some.value  # of several the last one stays
        self.moment[incoming.thing] = incoming.at
        self.same.keep(incoming.thing)
        newest = some.at == self.moment[some.thing]
        self.same.note(some.thing[newest], known=before[newest])
        return some.where((some.value == 1.0) & (before != 1.0))

    def step(self, thing: int, value: float, at: int) -> int:
        """Any reading: 1 = it became true, -1 = an earlier value of this moment is taken back, 0 = neither."""
        if at < self.moment[thing]:
            return 0
        again = at == self.moment[thing]
        rose = again and self.known[thing] == 1.0 and self.same.before("known")[thing] != 1.0
        self.same.begin(thing, again=again)
        rises = value == 1.0 and self.known[thing] != 1.0
        if value == value:
            self.known[thing] = value
        self.moment[thing] = at
        return int(rises) - int(rose)
