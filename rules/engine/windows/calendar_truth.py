"""How long a predicate was true in a calendar window that runs."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from gateway.domain.reading import F64, I64
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import PointReadings, Rows, StateTable


class RunningWindow(Protocol):
    """`start`, `end` of the window that runs, `done`: the end of the last closed one, all i64[n] µs."""

    start: I64
    end: I64
    done: I64

    @property
    def gaps(self) -> Callable[[Rows], I64]:
        """Longer silence is a gap, µs for each thing."""

    def open(self, thing: int, at: int) -> None:
        """The first window of a thing without a reading so far."""


class CalendarTruth(StateTable):
    """State: truth f64 and its time since, seen and true i64 µs in the window: 32 B.

    `turning`: time alone may give it another truth.
    """

    arrays = (("truth", np.nan), ("since", LONG_AGO), ("seen", 0), ("true", 0))
    flat = True

    def __init__(self, space: ThingTable, window: RunningWindow, *, turning: bool) -> None:
        super().__init__(space)
        self.window, self.turning = window, turning
        self.truth: F64 = np.zeros(0)
        self.since: I64 = np.zeros(0, np.int64)
        self.seen: I64 = np.zeros(0, np.int64)
        self.true: I64 = np.zeros(0, np.int64)

    def special(self, incoming: PointReadings) -> Bools:
        """As `CalendarWindow.special`."""
        thing, at = incoming.thing, incoming.at
        start, since = self.window.start[thing], self.since[thing]
        inside = (at < self.window.end[thing]) & ((since >= start) | (at < start)) & (at >= self.window.done[thing])
        found: Bools = ~(inside & (since > LONG_AGO))
        return found

    def quick(self, incoming: PointReadings) -> None:
        """As `CalendarWindow.quick`."""
        truth, since = incoming.before(self.truth, self.since)
        self._book(incoming.thing, truth, since, incoming.at)
        self.truth[incoming.thing], self.since[incoming.thing] = incoming.value, incoming.at

    def _book(self, thing: Rows, truth: F64, since: I64, until: I64) -> None:
        """A truth held from `since` to `until`, or to the gap."""
        until = np.minimum(until, since + np.minimum(self.window.gaps(thing), NEVER // 4))
        span = np.maximum(until - np.maximum(since, self.window.start[thing]), 0)
        np.add.at(self.seen, thing, np.where(np.isnan(truth), 0, span))
        np.add.at(self.true, thing, np.where(truth == 1.0, span, 0))

    def take(self, thing: int, value: float, at: int) -> int:
        """As `CalendarWindow.take`."""
        if at < int(self.since[thing]):
            return at if self.turning else NEVER  # time alone may have turned it since
        if self.since[thing] == LONG_AGO:
            self.window.open(thing, at)
        else:
            one = np.array([thing])
            self._book(one, self.truth[one], self.since[one], np.array([at]))
        self.truth[thing], self.since[thing] = value, at
        return at if at < int(self.window.done[thing]) else NEVER

    def close(self, things: Rows) -> tuple[I64, I64]:
        """(observed, true) µs in the windows that end now; in the next ones nothing was seen yet."""
        left = things[self.since[things] < self.window.end[things]]
        self._book(left, self.truth[left], self.since[left], self.window.end[left])
        seen, true = self.seen[things], self.true[things]
        self.seen[things] = self.true[things] = 0
        return seen, true
