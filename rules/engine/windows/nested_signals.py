"""Signals that are made of other signals: who hears of whom, and when."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.binding.bound_expression import Bound
from rules.engine.frames.batch_view import Held, Prior, Reader, View
from rules.engine.state.thing_table import NEVER, Space
from rules.engine.windows.base import Heard
from rules.engine.windows.calendar_window import Closing
from rules.engine.windows.momentary import Momentary
from rules.engine.windows.momentary_values import Now

Operator = Momentary | Closing
Observe = Callable[[int, Closing, float], None]
"""(thing, signal, coverage) of a window that closed."""


class Place(NamedTuple):
    """Where windows of a thing close: at engine time `now` µs, or in a unit of a view, whose time `now` is then."""

    thing: int
    now: int
    view: View | None = None
    unit: int = -1

    def as_of(self, space: Space, end: int) -> Reader:
        """The thing at `end` µs: with what the unit brings, if that is its time, else before it."""
        if self.view is None:
            return Held(space, np.array([self.thing]), end)
        return (_Told if self.now == end else Prior)(self.view, np.array([self.unit]), end)


class _Told(Prior):
    """The same with the points as the unit tells them; signals have not heard of it yet."""

    def value(self, column: int) -> F64:
        return self.view.value(column)[self.units]

    def good_at(self, column: int) -> I64:
        return self.view.good_at(column)[self.units]


class Chain:
    """`operators`, each after those that it is made of. `nested`: the names of those that are made of others; `mixed`:
    those of what comes with readings and of what closes, to which both give values. `passes_on`: somebody hears of
    windows that close, those of the signals `closing`; `derived` are made of nothing else.

    `missed`: (thing, µs) since when something is in doubt by a value that came too late.
    """

    def __init__(self, operators: Sequence[Operator], now: Now, space: Space, *, scalar: bool) -> None:
        self.operators, self.now, self.space, self.scalar = operators, now, space, scalar
        self.nested = frozenset(one.name for one in operators if one.feed is not None and one.feed.nested)
        self.mixed: dict[str, Operator] = {}
        self.missed: list[tuple[int, int]] = []
        self.passes_on = False
        self.closing = frozenset(one.name for one in operators if isinstance(one, Closing))
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

    def bounds(self) -> list[Bound]:
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

    def follow(self, view: View, units: NDArray[np.intp], heard: Iterable[tuple[Closing, Heard]]) -> int:
        """What others are worth in these units is known now: calendar signals hear it. The soonest end of them, µs."""
        soonest = NEVER
        for one, some in heard:
            if one.name in self.nested and len(some):
                places = some.where(np.isin(some.unit, units))
                self.missed += one.follow(view, places)
                soonest = min(soonest, int(one.end[places.thing].min(initial=NEVER)))
        return soonest

    def pass_on(self, place: Place, begun: dict[str, int], end: int, observe: Observe) -> set[str]:
        """Windows ended then and are closed: what is made of them hears their values, and closes its own.

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
            if one.name in self.derived and isinstance(one, Closing) and one.end[thing] == end:
                observe(thing, one, float(one.close(np.array([thing]), place.now)[0]))
                begun[one.name] = int(one.begun[thing])
        new = set(begun)
        for name, one in self.mixed.items():
            if one.feed is not None and not one.feed.names.isdisjoint(new):
                self._hand_beside(one, place, end)
                new.add(name)
        return new

    def _hand_on(self, one: Operator, place: Place, begun: int, end: int) -> None:
        """The value of the windows [begun, end) that a signal is made of."""
        value, thing = self._value(one, place, end), place.thing
        if isinstance(one, Closing):
            one.take_window(thing, value, begun, end)
        else:
            self.now.hand(one, thing, value, end)

    def _hand_beside(self, one: Operator, place: Place, end: int) -> None:
        """The value since `end`, when it is another one."""
        value, thing = self._value(one, place, end), place.thing
        if value != value or value == one.latest(np.array([thing]))[0]:
            return
        if isinstance(one, Closing):
            self.note(thing, one.take(thing, value, end))
        else:
            self.now.hand(one, thing, value, end)

    def _value(self, one: Operator, place: Place, end: int) -> float:
        assert one.of is not None, "other signals are named in an expression"
        reader = place.as_of(self.space, end)
        return float((one.of.scalar(reader) if self.scalar else one.of.vector(reader))[0])
