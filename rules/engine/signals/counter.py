"""A counter as a line that only rises: rollover, restart, exchange and re-sent rows taken out (RULES section 4)."""

import numpy as np

from gateway.domain.device import CounterModel
from gateway.domain.reading import F64, I64
from rules.engine.signals.base import Heard, Table
from rules.engine.space import LONG_AGO, Space
from rules.engine.view import Bools
from rules.engine.world import World

RESENT = 0.001  # a drop by less than this share of the last value is an old row sent again


class Counter(Table):
    """State: raw (newest value, NaN = never heard), shift, at; and raw and shift of the reading before: 40 B.

    The line is `raw + shift`. A reading told again with another value is judged against the one before it.
    """

    arrays = (("raw", np.nan), ("shift", 0), ("at", LONG_AGO), ("raw_before", np.nan), ("shift_before", 0))

    def __init__(self, space: Space, world: World, point: str, model: CounterModel | None) -> None:
        super().__init__(space)
        self.world, self.point, self.model = world, point, model
        self.raw: F64 = np.zeros(0)
        self.shift: F64 = np.zeros(0)
        self.at: I64 = np.zeros(0, np.int64)
        self.raw_before: F64 = np.zeros(0)
        self.shift_before: F64 = np.zeros(0)

    def rising(self, heard: Heard) -> Bools:
        """Which readings are newer than the one before and not lower; the first ever is not."""
        first = heard.first()
        before = np.where(first, self.raw[heard.thing], np.append(0.0, heard.value[:-1])[: len(heard)])
        moment = np.where(first, self.at[heard.thing], np.append(0, heard.at[:-1])[: len(heard)])
        found: Bools = (heard.value >= before) & (heard.at > moment)
        return found

    def follow(self, heard: Heard) -> Heard:
        """The same readings on the line, without those that change nothing."""
        odd = ~self.rising(heard)
        strange = np.zeros(len(self.raw), np.bool_)
        strange[heard.thing[odd]] = True
        rows = np.flatnonzero(strange[heard.thing])
        line = heard.value + self.shift[heard.thing]
        for row in rows.tolist():
            found = self.step(int(heard.thing[row]), float(heard.value[row]), int(heard.at[row]))
            line[row] = np.nan if found is None else found
        if len(rows) < len(heard):
            self.run(heard.where(~strange[heard.thing]))
        return Heard(heard.unit, heard.thing, heard.at, line).where(~np.isnan(line))

    def run(self, heard: Heard) -> None:
        """Readings that are `rising`."""
        first = heard.first()
        last = np.append(first[1:], np.ones(1, np.bool_))[: len(heard)]
        before = np.where(first, self.raw[heard.thing], np.append(0.0, heard.value[:-1])[: len(heard)])
        things = heard.thing[last]
        self.raw_before[things], self.shift_before[things] = before[last], self.shift[things]
        self.raw[things], self.at[things] = heard.value[last], heard.at[last]

    def step(self, thing: int, value: float, at: int) -> float | None:
        """Any known reading: its place on the line; None when it changes nothing (re-sent, or too old)."""
        when = int(self.at[thing])
        if at < when:
            return None
        last, shift = float(self.raw[thing]), float(self.shift[thing])
        if at == when:
            last, shift = float(self.raw_before[thing]), float(self.shift_before[thing])
        moved = 0.0
        if value < last:
            found = self._fallen(thing, last, value)
            if found is None:
                return None
            moved = found
        self.raw_before[thing], self.shift_before[thing] = last, shift
        self.raw[thing], self.shift[thing], self.at[thing] = value, shift + moved, at
        return value + (shift + moved)

    def _fallen(self, thing: int, last: float, value: float) -> float | None:
        """How far the line moves on at a drop; None when the row was sent again."""
        model, drop = self.model_of(thing), last - value
        if drop < RESENT * last or drop < model.resolution:
            return None
        if model.rollover > 0 and drop > model.rollover / 2:
            return model.rollover
        return last if model.reset == "restart" else drop

    def model_of(self, thing: int) -> CounterModel:
        """How this counter falls: as the rule says, else its profile."""
        if self.model is not None:
            return self.model
        place = self.space.things[thing]
        spec = self.world.spec(self.world.devices[place.device].profile, self.point, place.component)
        return spec.counter if spec is not None else CounterModel()

    def exchange(self, thing: int, start: float, at: int) -> bool:
        """A new meter begins at `start`; False when later readings were taken already: only a rerun puts that right."""
        last = float(self.raw[thing])
        if at < int(self.at[thing]) or last != last:
            return False
        self.shift[thing] += last - start
        self.raw_before[thing], self.shift_before[thing] = start, self.shift[thing]
        self.raw[thing], self.at[thing] = start, at
        return True
