"""The momentary signals of a rule, and what they were worth in the units of the view that is being judged."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import SignalSeen
from gateway.domain.reading import F64
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools, Reader, UnitsAt
from rules.engine.state.thing_table import LONG_AGO
from rules.engine.windows.base import PointReadings, carried
from rules.engine.windows.momentary import Momentary, Values


class MomentaryValues:
    """`values`, `shares` f64[signal, unit] of the newest view; others than those that were taken are NaN.

    `shown` bool[signal, unit]: what evidence may show; a moment without a reading only where the value is another.
    `taken` bool[unit]: gone on to.
    """

    def __init__(self, signals: tuple[Momentary, ...]) -> None:
        self.signals = signals
        self.index = {one.name: k for k, one in enumerate(signals)}
        self.view: BatchView | None = None
        self.values: F64 = np.zeros((0, 0))
        self.shares: F64 = np.zeros((0, 0))
        self.shown: Bools = np.zeros((0, 0), np.bool_)
        self.taken: Bools = np.zeros(0, np.bool_)
        self.before: list[tuple[F64, F64, NDArray[np.int64]]] = []
        self.handed: dict[tuple[str, int], list[tuple[float, float, int]]] = {}

    def begin(self, view: BatchView, inside: Bools) -> list[PointReadings]:
        """A view comes: the readings of each signal in it."""
        if not self.signals:
            return []
        self.view = view
        self.handed = {}
        self.values = np.full((len(self.signals), len(view)), np.nan)
        self.shares = np.zeros((len(self.signals), len(view)))
        self.shown = np.zeros((len(self.signals), len(view)), np.bool_)
        self.taken = np.zeros(len(view), np.bool_)
        self.before = [
            (one.newest[view.thing], one.share[view.thing].astype(np.float64), one.moment[view.thing])
            for one in self.signals
        ]
        return [one.read(view, inside) for one in self.signals]

    def take(
        self, view: BatchView, units: NDArray[np.intp], incoming: Sequence[PointReadings], judged: Bools | None = None
    ) -> None:
        """Go on to these units, in order of thing and time, and remember what was worth what there.

        With `judged`, units that are not, and carry nothing of a signal, leave it as it was last.
        """
        if not self.signals:
            return
        self.taken[units] = True
        whole = len(units) == len(view)
        things, t, between = view.thing, view.t, view.moments
        if not whole:
            things, t, between = things[units], t[units], between[units]
        reading = not between.any()
        for k, (one, some) in enumerate(zip(self.signals, incoming, strict=True)):
            mine = some if whole else _among(some, units, len(view))
            if one.feed is not None and one.feed.nested and len(mine):
                mine = _settled(one, view, units, mine)
            when = t + between if one.closed and not reading else t
            value, share = one.take(things, when, mine) if not between.all() else _at_moments(one, things, when, mine)
            where = slice(None) if whole else units
            self.values[k, where], self.shares[k, where] = value, share
            if reading and judged is None:
                self.shown[k, where] = True
                one.newest[things], one.share[things], one.moment[things] = value, share, t
                continue
            given = ~between if judged is None else ~between & judged[units]
            given[mine.unit] |= ~between[mine.unit]
            places = np.flatnonzero(
                given | (between & others(value, _ones_before(value, one.newest, things, given | between)))
            )
            self.shown[k, units[places]] = True
            whose = things[places]
            one.newest[whose], one.share[whose], one.moment[whose] = value[places], share[places], t[places]

    def hand(self, one: Momentary, thing: int, value: float, at: int) -> None:
        """Give a signal the value of windows that closed at `at` µs."""
        things, t = np.array([thing]), np.array([at])
        incoming = PointReadings(np.zeros(1, np.intp), things, t, np.array([value]))
        found, share = one.take(things, t, incoming.where(~np.isnan(incoming.value)) if one.known_only else incoming)
        one.newest[things], one.share[things], one.moment[things] = found, share, t
        self.handed.setdefault((one.name, thing), []).append((float(found[0]), float(share[0]), at))

    def given(self) -> NDArray[np.int64]:
        """The things that were handed values since the view began, or since windows were looked at."""
        return np.array(sorted({thing for _, thing in self.handed}), np.int64)

    def value(self, one: Momentary, reader: Reader) -> F64:
        """What a signal is worth for every item of `reader`."""
        k = self.index[one.name]
        if reader is self.view:
            return np.asarray(self.values[k])
        if isinstance(reader, UnitsAt) and reader.view is self.view:
            return np.asarray(self.values[k, reader.units])
        found, _ = one.held(np.asarray(reader.thing, np.int64), reader.t)
        return found

    def seen(self, one: Momentary, here: At) -> SignalSeen:
        """For evidence: as of a unit; as of the last one before it; as of `here.t`, between views or units."""
        thing, view, before = here.thing, here.view, here.before
        k = self.index[one.name]
        value, share, moment = float(one.newest[thing]), float(one.share[thing]), int(one.moment[thing])
        ahead = view is None or (before and view is self.view and not self.taken[here.unit])
        if not ahead and view is not None and view is self.view:
            value, share, moment = self._in_view(k, view, here.unit, before=before)
            until = here.t if before else int(view.t[here.unit])
            for found in self.handed.get((one.name, thing), ()):
                if moment < found[2] <= until:
                    value, share, moment = found
        elif ahead and moment > LONG_AGO:
            values, shares = one.held(np.array([thing]), np.array([here.t]))
            value, share, moment = float(values[0]), float(shares[0]), here.t
        if moment == LONG_AGO:
            return SignalSeen(one.name, None, one.unit, 0, 0, 0.0)
        known = None if value != value else value
        return SignalSeen(one.name, known, one.unit, moment - one.over, moment, float(np.float32(share)))

    def _in_view(self, k: int, view: BatchView, unit: int, *, before: bool) -> tuple[float, float, int]:
        first = int(view.first[unit])
        for other in range(unit - 1 if before else unit, first - 1, -1):
            if self.shown[k, other]:
                return float(self.values[k, other]), float(self.shares[k, other]), int(view.t[other])
        value, share, moment = self.before[k]
        return float(value[first]), float(share[first]), int(moment[first])


def _among(incoming: PointReadings, units: NDArray[np.intp], count: int) -> PointReadings:
    """The readings in these of `count` units, numbered among them."""
    place = np.full(count, -1, np.intp)
    place[units] = np.arange(len(units))
    item = place[incoming.unit]
    mine = incoming.where(item >= 0)
    return PointReadings(item[item >= 0], mine.thing, mine.at, mine.value)


def _at_moments(one: Momentary, things: NDArray[np.int64], t: NDArray[np.int64], incoming: PointReadings) -> Values:
    """At moments alone. Readings of things without a value there stay: older ones may still come, in order."""
    given = np.isin(things, incoming.thing)
    if len(given) and given.all():
        return one.take(things, t, incoming)
    value, share = one.held(things, t)
    if len(items := np.flatnonzero(given)):
        value[items], share[items] = one.take(things[items], t[items], _among(incoming, items, len(things)))
    return value, share


def _settled(one: Momentary, view: BatchView, units: NDArray[np.intp], incoming: PointReadings) -> PointReadings:
    """The values of other signals for a signal, known now; numbered among `units` of the view."""
    found = one.settled(view, PointReadings(units[incoming.unit], incoming.thing, incoming.at, incoming.value))
    return PointReadings(np.searchsorted(units, found.unit), found.thing, found.at, found.value)


def _ones_before(value: F64, newest: F64, things: NDArray[np.int64], given: Bools) -> F64:
    """The value of the item before of the same thing that was `given`, else what is `newest` of it."""
    found = newest[things]
    same = np.flatnonzero(things[1:] == things[:-1]) + 1
    some = np.flatnonzero(given)
    last = carried(len(things), things, some, things[some])[same - 1]
    found[same[last >= 0]] = value[some[last[last >= 0]]]
    return found


def others(a: F64, b: F64) -> Bools:
    """Where two values differ, unknown being one."""
    found: Bools = (a != b) & ~(np.isnan(a) & np.isnan(b))
    return found
