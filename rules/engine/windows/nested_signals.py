"""Signals that are made of other signals: which goes into which, and when."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Latest, Reader, UnitsBefore
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.windows.base import PointReadings
from rules.engine.windows.calendar_window import CalendarWindow
from rules.engine.windows.momentary import Momentary
from rules.engine.windows.momentary_values import MomentaryValues

Operator = Momentary | CalendarWindow
Observe = Callable[[int, CalendarWindow, float], None]
"""(thing, signal, coverage) of a window that closed."""


class _AsSent(UnitsBefore):
    """The same with the points as of the unit, before signals are fed with it."""

    def value(self, column: int) -> F64:
        return self.view.value(column)[self.units]

    def good_at(self, column: int) -> I64:
        return self.view.good_at(column)[self.units]


def as_of(place: At, space: ThingTable, end: int) -> Reader:
    """The thing of `place`, where its windows close, at `end` µs: with what the unit brings, if that is its time, else
    before it.
    """
    if place.view is None:
        return Latest(space, np.array([place.thing]), end)
    return (_AsSent if place.t == end else UnitsBefore)(place.view, np.array([place.unit]), end)


class NestedSignals:
    """`operators`, each after those that it is made of. `nested`: the names of those that are made of others; `mixed`:
    those of what comes with readings and of what closes, to which both give values. `passes_on`: some are made
    of windows that close, those of the signals `closing`; `derived` are made of nothing else.

    `missed`: (thing, µs) since when something is in doubt by a value that came too late.
    """

    def __init__(self, operators: Sequence[Operator], now: MomentaryValues, space: ThingTable) -> None:
        self.operators, self.now, self.space = operators, now, space
        self.nested = frozenset(one.name for one in operators if one.feed is not None and one.feed.nested)
        self.mixed: dict[str, Operator] = {}
        self.missed: list[tuple[int, int]] = []
        self.passes_on = False
        self.closing = frozenset(one.name for one in operators if isinstance(one, CalendarWindow))
        closes, derived = set(self.closing), set[str]()
        for one in operators:
            if one.feed is not None and not one.feed.names.isdisjoint(closes):
                self.passes_on = True
                closes.add(one.name)
                if one.feed.by_windows:
                    derived.add(one.name)
                else:
                    self.mixed[one.name] = one
        self.derived = frozenset(derived)

    def bounds(self) -> list[BoundExpression]:
        """The expressions that signals are made of."""
        return [one.of for one in self.operators if one.of is not None]

    def turned(self) -> list[NDArray[Any]]:
        """What changes when time alone gives a new value to what signals are made of."""
        return [one.turned() for one in self.operators if one.feed is not None and one.feed.turning]

    def drain(self) -> list[tuple[int, int]]:
        """`missed` since the last call."""
        found, self.missed = self.missed, []
        return found

    def note(self, thing: int, since: int) -> None:
        """Something is in doubt since then; NEVER = nothing is."""
        if since != NEVER:
            self.missed.append((thing, since))

    def follow(
        self, view: BatchView, units: NDArray[np.intp], incoming: Iterable[tuple[CalendarWindow, PointReadings]]
    ) -> int:
        """The values of others in these units are known now: calendar signals get them. The soonest end of them, µs."""
        soonest = NEVER
        for one, some in incoming:
            if one.name in self.nested and len(some):
                places = some.where(np.isin(some.unit, units))
                self.missed += one.follow(view, places)
                soonest = min(soonest, int(one.end[places.thing].min(initial=NEVER)))
        return soonest

    def pass_on(self, place: At, begun: dict[str, int], end: int, observe: Observe) -> set[str]:
        """Windows ended then and are closed: what is made of them gets their values, and closes its own.

        `begun`: the start of each, by name. Names of what is new.
        """
        if not self.passes_on:
            return set(begun)
        thing = place.thing
        for one in self.operators:
            if one.feed is not None and one.feed.by_windows and not one.feed.names.isdisjoint(begun):
                start = min(begun[name] for name in one.feed.names if name in begun)
                self._hand_on(one, place, start, end)
                if isinstance(one, Momentary):
                    begun[one.name] = start
            if one.name in self.derived and isinstance(one, CalendarWindow) and one.end[thing] == end:
                observe(thing, one, float(one.close(np.array([thing]), place.t)[0]))
                begun[one.name] = int(one.begun[thing])
        new = set(begun)
        for name, one in self.mixed.items():
            if one.feed is not None and not one.feed.names.isdisjoint(new):
                self._hand_beside(one, place, end)
                new.add(name)
        return new

    def _hand_on(self, one: Operator, place: At, begun: int, end: int) -> None:
        """The value of the windows [begun, end) that a signal is made of."""
        value, thing = self._value(one, place, end), place.thing
        if isinstance(one, CalendarWindow):
            one.take_window(thing, value, begun, end)
        else:
            self.now.hand(one, thing, value, end)

    def _hand_beside(self, one: Operator, place: At, end: int) -> None:
        """The value since `end`, when it is another one."""
        value, thing = self._value(one, place, end), place.thing
        if value != value or value == one.latest(np.array([thing]))[0]:
            return
        if isinstance(one, CalendarWindow):
            self.note(thing, one.take(thing, value, end))
        else:
            self.now.hand(one, thing, value, end)

    def _value(self, one: Operator, place: At, end: int) -> float:
        assert one.of is not None, "other signals are named in an expression"
        reader = as_of(place, self.space, end)
        return float(one.of.vector(reader)[0])
