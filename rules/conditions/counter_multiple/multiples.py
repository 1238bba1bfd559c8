"""The multiples of a step that a counter has crossed since a base, and how many of them are reported."""

from math import floor

import numpy as np

from gateway.domain.reading import F64, I32
from rules.conditions.counter_multiple.condition import Every
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import PointReadings, StateTable
from rules.engine.windows.counter import Counter

NEAR = 1e-9  # a multiple that the counter misses by less is reached: 3 x 0.1 h is 0.3 h


def multiples(run: float, step: float) -> int:
    """Number of whole steps in `run`.

    >>> multiples(0.3, 0.1)
    3
    """
    steps = run / step
    return max(0, round(steps) if abs(steps - round(steps)) <= NEAR * max(1.0, abs(steps)) else floor(steps))


class Multiples(StateTable):
    """State: base f64[n], on the line of the counter, NaN = none so far; reported i32[n] multiples reported: 12 B.

    `reported` never falls, so that no reading, however often it is sent, reports a multiple twice.
    `begin_at`: row -> (µs, run, reported) of the mark with which an evaluation of the past begins.
    """

    arrays = (("base", np.nan), ("reported", 0))

    def __init__(self, space: ThingTable, counter: Counter, condition: Every) -> None:
        super().__init__(space)
        self.counter, self.condition = counter, condition
        self.base: F64 = np.zeros(0)
        self.reported: I32 = np.zeros(0, np.int32)
        self.begin_at: dict[int, tuple[int, float, int]] = {}

    def begin(self, thing: int, line: float, reported: int = 0) -> None:
        """They count from `line` on; so many are reported."""
        self.base[thing], self.reported[thing] = line, reported

    def follow(self, thing: int, at: int) -> None:
        """The counter took a reading of `at` µs. The first ever crosses none: those it is beyond count as reported."""
        if thing in self.begin_at:
            moment, run, reported = self.begin_at[thing]
            if at >= moment:
                del self.begin_at[thing]
                self.begin(thing, self.counter.line(thing) - run, reported)
            return
        if self.counter.is_first(thing) and (np.isnan(self.base[thing]) or self.base[thing] == self.condition.from_):
            self.base[thing] = self.condition.from_
            self.reported[thing] = self._reached(thing)

    def new(self, thing: int) -> int:
        """Number of multiples crossed and not reported; 0 or less = none."""
        return self._reached(thing) - int(self.reported[thing])

    def _reached(self, thing: int) -> int:
        run = self.counter.line(thing) - float(self.base[thing])
        return multiples(run + self.condition.ahead, self.condition.step) if run == run else 0

    def any_new(self) -> Bools:
        """bool[capacity]: things of which one is crossed and not reported, or may be."""
        run = self.counter.value + self.counter.shift - self.base + self.condition.ahead
        more: Bools = run / self.condition.step >= (self.reported + 1) * (1 - 2 * NEAR)
        return more

    def below_next(self, incoming: PointReadings) -> Bools:
        """bool per reading: below the next multiple."""
        thing, rule = incoming.thing, self.condition
        run = incoming.value + self.counter.shift[thing] - self.base[thing] + rule.ahead
        below: Bools = run / rule.step < (self.reported[thing] + 1) * (1 - 2 * NEAR)
        return below
