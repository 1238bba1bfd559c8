"""Recent values of things that are compared with others: would the conditions have been otherwise in order of time?

Devices come over different lines, so that many a reading is a little older than the newest of its group. It counts as
of that newest one, or was judged with later values of the others (docs/decisions/061-peers-are-a-column.md). Where the
conditions were all the time what they are in order of time, too, nothing has to be decided again.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64, Flag
from rules.compiled import PeerStat
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.frames.batch_view import BatchView, Bools, Reader, UnitsAt
from rules.engine.peers.peer_values import others
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import StateTable

KEPT = 8
"""Readings of each thing that are remembered."""
Index = NDArray[np.intp]
Truth = Callable[[BoundExpression, Reader], F64]
"""One truth value of a condition per item."""


class RecentPeerValues(StateTable):
    """Of one peer value: `times` i64[8, n], the times of the newest readings of each thing, the newest first, µs;
    `values` f64[8, points, n] those of `columns` then; `truth` f64[conditions, n] as judged last, and `since` i64[n]
    when it became so, LONG_AGO = never judged. 72 B, and 64 B for each point, 8 B for each condition, of each thing.
    """

    arrays = (("times", LONG_AGO), ("values", np.nan), ("truth", np.nan), ("since", LONG_AGO))

    def __init__(self, space: ThingTable, signal: PeerStat, worth: int, conditions: Sequence[BoundExpression]) -> None:
        super().__init__(space)
        self.signal, self.worth, self.conditions = signal, worth, tuple(conditions)
        own = [column for bound in conditions for column in bound.columns if column != worth]
        self.columns = tuple(dict.fromkeys([space.column(signal.point), *own]))
        self.times: I64 = np.zeros((KEPT, 0), np.int64)
        self.values: F64 = np.zeros((KEPT, len(self.columns), 0))
        self.truth: F64 = np.zeros((len(self.conditions), 0))
        self.since: I64 = np.zeros(0, np.int64)

    # --- readings, and what was judged
    def add(self, view: BatchView) -> None:
        """Remember the readings of a view that is about to be judged."""
        first = view.newest_before() == LONG_AGO
        units = np.flatnonzero((view.carry(self.columns) | first) & ~view.moments)
        while len(units):
            new = np.append(np.ones(min(1, len(units)), np.bool_), np.diff(view.thing[units]) != 0)
            self._push(view, units[new])
            units = units[~new]

    def _push(self, view: BatchView, units: Index) -> None:
        """One reading each."""
        things = view.thing[units]
        newer = things[view.t[units] > self.times[0, things]]  # else it comes again at its moment
        self.times[1:, newer], self.values[1:, :, newer] = self.times[:-1, newer], self.values[:-1, :, newer]
        self.times[0, things] = view.t[units]
        for k, column in enumerate(self.columns):
            self.values[0, k, things] = view.value(column)[units]

    def note(self, wide: BatchView, judged: Bools, truth: Truth) -> Index:
        """The units of a view that were `judged`, by thing and time; its moments among them. Those whose moment had
        been judged without these readings, had turned something, and turns it again.
        """
        units = np.flatnonzero(judged)
        if not len(units):
            return units
        things, t, picked = wide.thing[units], wide.t[units], UnitsAt(wide, units)
        now = np.array([truth(bound, picked) for bound in self.conditions])
        before, since = self.truth[:, things], self.since[things]
        later = np.flatnonzero(np.diff(things) == 0) + 1
        before[:, later] = now[:, later - 1]
        other = _differ(now, before).any(axis=0)
        fresh = since == LONG_AGO
        fresh[later] = False
        first = (self.times[1, things] == LONG_AGO) & (t == self.times[0, things])
        both = (now == 1.0).sum(axis=0) > 1  # true and clear at once: it would be raised by what had cleared it
        again = (other | both) & ~fresh & (first | (t == since)) & ((wide.flags[units] & Flag.IMPORTED) == 0)
        again[later] = False
        self.since[things[fresh]] = LONG_AGO + 1  # as ever
        turned = np.flatnonzero(other & ~fresh)
        self.since[things[turned]] = t[turned]  # the last one of each thing stays
        last = np.append(np.diff(things) != 0, np.ones(1, np.bool_))
        self.truth[:, things[last]] = now[:, last]
        found: Index = units[again]
        return found

    # --- what would have been
    def otherwise(self, members: Index, whose: Index, since: int, truth: Truth) -> Index:
        """Which of the `members` numbered `whose` were, or may have been, judged otherwise since then than in order."""
        things = members[whose]
        times, held = self.times[:, members], self.values[:, :, members]
        if (times[-1] > since).any():
            return things  # more readings came since than are remembered
        moments = np.unique(np.append(times[times >= since], since))
        place = (times[None, :, :] > moments[:, None, None]).sum(axis=1)
        column = np.arange(len(members))
        known = times[place, column[None, :]] > LONG_AGO
        values = {one: held[place, k, column[None, :]] for k, one in enumerate(self.columns)}
        values[self.worth] = others(self.signal.what, values[self.columns[0]], self.signal.coverage)
        asked = _Moments(things, moments, {one: table[:, whose].T.ravel() for one, table in values.items()})
        shape = (len(things), len(moments))
        moved, met = self.since[things] >= since, np.zeros(shape, np.int64)
        for k, bound in enumerate(self.conditions):
            truths = truth(bound, asked).reshape(shape)
            other = _differ(truths, self.truth[k, things][:, None]) & known[:, whose].T
            moved |= other.any(axis=1)
            met += truths == 1.0
        moved |= (met > 1).any(axis=1)  # true and clear at once: a moment more may have cleared what a hold had raised
        found: Index = things[moved]
        return found


class _Moments:
    """Every one of these things at every one of these moments, thing by thing."""

    def __init__(self, things: Index, moments: I64, values: dict[int, F64]) -> None:
        self.thing, self.t = np.repeat(things, len(moments)), np.tile(moments, len(things))
        self.now, self._values = self.t, values

    def value(self, column: int) -> F64:
        return self._values[column]

    def good_at(self, column: int) -> I64:  # noqa: ARG002 - no condition here asks for an age
        return self.t

    def changed(self, column: int) -> F64:  # noqa: ARG002 - nor for a change
        return np.zeros(len(self.t))


def _differ(a: F64, b: F64) -> Bools:
    found: Bools = (a != b) & ~(np.isnan(a) & np.isnan(b))
    return found
