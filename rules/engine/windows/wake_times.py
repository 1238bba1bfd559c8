"""When conditions may change with time alone: points grow old, readings leave windows (RULES sections 3 and 4)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import SECOND
from gateway.domain.reading import I64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.frames.batch_view import BatchView, Bools, Reader, ReadingRows, UnitsAt
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows import Momentary, SignalSet
from rules.engine.windows.calendar_window import CalendarWindow
from rules.engine.windows.momentary_values import others
from rules.engine.windows.sliding_signal import SlidingSignal

TICK = SECOND
"""What changes continuously is looked at no more often."""


class WakeTimes:
    """What of a rule changes by itself, on one space.

    Exact moments: an age reaches what it is compared with; a reading leaves a window. What changes continuously (a
    share, the covered part of a window) is looked at on the grids of all signals of the rule. Where signals are made of
    others, the windows of the `closing` ones end at moments, too: what is made of them goes on from there.
    """

    def __init__(self, bounds: Sequence[BoundExpression], windows: SignalSet | None) -> None:
        self.windows = windows
        asked = [*bounds, *(windows.chain.bounds() if windows is not None else ())]
        self.aging = [bound for bound in asked if bound.turning]
        momentary: Sequence[Momentary] = () if windows is None else windows.now.signals
        self.sliding = [one for one in momentary if isinstance(one, SlidingSignal)]
        chained = windows is not None and bool(momentary) and bool(windows.chain.nested)
        self.closing: Sequence[CalendarWindow] = windows.windows if windows is not None and chained else ()
        read = [*asked, *self.sliding]
        self.columns = tuple(dict.fromkeys(column for one in read for column in one.columns))
        grids = {one.grid for one in self.sliding}
        self.unforeseen = any(bound.expression.crossings is None for bound in self.aging)
        if self.unforeseen:
            grids.add(TICK)
        self.grids = tuple(sorted(grids))

    def __bool__(self) -> bool:
        return bool(self.aging or self.sliding)

    def after(self, reader: Reader, done: Bools, judged: Bools) -> I64:
        """The next moment of each item, µs, when nothing is read meanwhile; NEVER = none.

        `done`: the item is such a moment itself; `judged`: it carries what is judged, or is one. Else a moment at its
        own time is still to come.
        """
        t = reader.t
        found, drift = np.full(len(t), NEVER, np.int64), np.full(len(t), NEVER, np.int64)
        for bound in self.aging:
            for turn in bound.turns(reader):
                np.minimum(found, turn, out=found, where=turn + ~done > t)
            np.minimum(drift, t + 1, out=drift, where=bound.changing(reader))
        things = np.asarray(reader.thing, np.int64)
        for window in self.closing:
            ends = window.end[things]
            np.minimum(found, ends, out=found, where=ends + ~judged > t)
        aside = np.flatnonzero(~judged)  # what changed since it was judged, or was read at this very time, is to come
        plain = bool(judged.all()) and not done.any()
        for one in self.sliding:
            leaves, may = one.changes(things, t if plain else t - ~judged + (done if one.closed else 0))
            np.minimum(found, leaves, out=found)
            np.minimum(drift, may, out=drift)
            if len(aside):
                leaves, may = one.changes(things[aside], t[aside])
                pending = np.where(
                    others(one.held(things[aside], t[aside])[0], one.newest[things[aside]]), t[aside], may
                )
                found[aside], drift[aside] = np.minimum(found[aside], leaves), np.minimum(drift[aside], pending)
        soon = np.flatnonzero(drift < np.minimum(found, NEVER // 2))
        for grid in self.grids:
            found[soon] = np.minimum(found[soon], -(-drift[soon] // grid) * grid)
        return found

    def idle(self, view: BatchView, units: NDArray[np.intp]) -> Bools:
        """Which of these units are moments at which nothing has changed, after all."""
        found = view.moments[units].copy()
        if self.unforeseen or not found.any():
            return np.zeros(len(units), np.bool_)
        if self.sliding and self.windows is not None:
            found &= ~self.windows.now.shown[:, units].any(axis=0)
        here = np.flatnonzero(found)
        for bound in self.aging if len(here) else ():
            after, before = bound.vector(UnitsAt(view, units[here])), bound.vector(_Before(view, units[here]))
            found[here] &= (after == before) | (np.isnan(after) & np.isnan(before))
        return found


class _Before(UnitsAt):
    """The same units with ages and clocks as of just before their time."""

    def __init__(self, view: BatchView, units: NDArray[np.intp]) -> None:
        super().__init__(view, units)
        self.t = self.now = self.t - 1


def view_of(space: ThingTable, things: NDArray[np.integer], t: I64) -> BatchView:
    """Moments of things, one each, as a view without readings."""
    nothing = np.zeros(0, np.int32)
    rows = ReadingRows(
        nothing, nothing, nothing.astype(np.int64), np.zeros(0), np.zeros(0, np.uint8), np.zeros(0, np.int64)
    )
    return BatchView(
        space,
        things.astype(np.int32),
        t,
        space.flags[things],
        rows,
        nothing,
        np.zeros(0, np.int64),
        np.ones(len(things), np.bool_),
    )
