"""A counter as a line that only rises, for all things at once (RULES section 4): `gateway.domain.counter` decides."""

from typing import NamedTuple

import numpy as np

from gateway.domain.counter import CounterState, Fall, NewMeter, advance, exchanged
from gateway.domain.device import CounterModel
from gateway.domain.reading import F64, I64
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import PointReadings, StateTable, Surroundings, readings
from rules.engine.windows.counter_falls import CounterFalls
from rules.engine.windows.counter_glitches import Glitch
from rules.engine.windows.same_moment import SameMoment

NAN = float("nan")


class Placed(NamedTuple):
    """A reading on the line. `floor`: a fall was taken back, and no reading since it is above this; NaN = none was."""

    line: float
    floor: float = NAN


class Counter(StateTable):
    """State: value (NaN = no reading so far), shift f64[n], at i64[n]: the newest reading; and the one before it: 48 B;
    and `CounterFalls`, 144 B.

    The line is `value + shift`. Another value of the same moment is judged against the reading before it.
    """

    arrays = (("value", np.nan), ("shift", 0), ("at", LONG_AGO))

    def __init__(self, space: ThingTable, around: Surroundings, point: str, model: CounterModel | None) -> None:
        super().__init__(space)
        self.around, self.point, self.model = around, point, model
        self.column = space.column(point)
        self.value: F64 = np.zeros(0)
        self.shift: F64 = np.zeros(0)
        self.at: I64 = np.zeros(0, np.int64)
        self.falls, self.moment = CounterFalls(space), SameMoment(self, ("value", "shift", "at"))
        self.parts = {"falls": self.falls, "moment": self.moment}

    # --- many readings
    def read(self, view: BatchView, inside: Bools) -> PointReadings:
        """Its known readings in the units `inside` of a view."""
        incoming = readings(view, self.column, inside, known=True)
        return self._put_right(incoming) if self.around.glitches.any_known and len(incoming) else incoming

    def _put_right(self, incoming: PointReadings) -> PointReadings:
        """In a glitch that is known beforehand the counter stands at the value it seemed to fall from."""
        value, glitches = incoming.value.copy(), self.around.glitches
        for thing in np.unique(incoming.thing).tolist():
            for one in glitches.known(*self._key(thing)):
                inside = (incoming.thing == thing) & (incoming.at > one.since) & (incoming.at < one.at)
                for row in np.flatnonzero(inside).tolist():
                    again = glitches.ignored((*self._key(thing), int(incoming.at[row])))
                    value[row] = np.nan if again else one.value
        return PointReadings(incoming.unit, incoming.thing, incoming.at, value).where(~np.isnan(value))

    def _key(self, thing: int) -> tuple[int, int, str, CounterModel | None]:
        place = self.space.things[thing]
        return place.device, place.component, self.point, self.model

    def before(self, incoming: PointReadings) -> tuple[F64, I64]:
        """(value, at) of the reading before each."""
        return incoming.before(self.value, self.at)

    def rising(self, incoming: PointReadings, prior: tuple[F64, I64] | None = None) -> Bools:
        """Which readings are newer than the one before, not lower, and take no fall back; the first ever is not.

        `prior`: what `before` found.
        """
        thing = incoming.thing
        before, moment = prior or self.before(incoming)
        found: Bools = (incoming.value >= before) & (incoming.at > moment)
        if self.falls.any():
            fell, line = self.falls.newest(thing)
            booked = before + self.shift[thing] - line
            found &= ~((incoming.value >= fell) & (incoming.value - before > booked))
            if self.around.glitches.any_known:
                ends = self.around.glitches.ends
                pairs = zip(thing.tolist(), incoming.at.tolist(), strict=True)
                found &= np.array([ends(*self._key(one), at) is None for one, at in pairs], np.bool_)
        return found

    def follow(self, incoming: PointReadings) -> PointReadings:
        """The same readings on the line, without those that change nothing."""
        prior = self.before(incoming)
        odd = ~self.rising(incoming, prior)
        line = incoming.value + self.shift[incoming.thing]
        if not odd.any():
            self.run(incoming, prior)
            return PointReadings(incoming.unit, incoming.thing, incoming.at, line)
        strange = np.zeros(len(self.value), np.bool_)
        strange[incoming.thing[odd]] = True
        rows = np.flatnonzero(strange[incoming.thing])
        floor = None
        for row in rows.tolist():
            found = self.step(int(incoming.thing[row]), float(incoming.value[row]), int(incoming.at[row]))
            line[row] = np.nan if found is None else found.line
            if found is not None and found.floor == found.floor:
                floor = np.full(len(incoming), np.nan) if floor is None else floor
                floor[row] = found.floor
        if len(rows) < len(incoming):
            self.run(incoming.where(~strange[incoming.thing]))
        return PointReadings(incoming.unit, incoming.thing, incoming.at, line, floor).where(~np.isnan(line))

    def run(self, incoming: PointReadings, prior: tuple[F64, I64] | None = None) -> None:
        """Readings that are `rising`. `prior`: what `before` found of them."""
        if not len(incoming):
            return
        before, moment = prior or self.before(incoming)
        things, value, at = incoming.thing, incoming.value, incoming.at
        last = things[1:] != things[:-1]
        if not last.all():
            last = np.append(last, np.ones(1, np.bool_))
            things, value, at, before, moment = (one[last] for one in (things, value, at, before, moment))
        self.moment.note(things, value=before, at=moment, shift=self.shift[things])
        if self.falls.any():
            self.falls.moment.keep(things)
        self.value[things], self.at[things] = value, at

    # --- one reading
    def sent_again(self, thing: int, value: float, at: int) -> bool:
        """True if it is a row sent again, which changes nothing."""
        if not (value < self.value[thing] and at > self.at[thing]):
            return False
        state = self.state_of(thing)
        return state is not None and advance(state, value, at, self.model_of(thing)) is None

    def step(self, thing: int, value: float, at: int) -> Placed | None:
        """Any known reading: its place on the line; None when it changes nothing (re-sent, or too old)."""
        if at < self.at[thing]:
            return None
        again = at == self.at[thing]
        if again:
            self.moment.put_back(thing)
            self.falls.moment.put_back(thing)
        before = self.state_of(thing)
        if before is None:
            self._put(thing, CounterState(value, 0.0, at))
            return Placed(value)
        if before.falls and (over := self.around.glitches.ends(*self._key(thing), at)) is not None:
            before = before._replace(falls=tuple(one for one in before.falls if one.at in over.left))
        found = advance(before, value, at, self.model_of(thing))
        if found is None and not again:
            self.around.glitches.add_resent((*self._key(thing), at))
            return None
        self._put(thing, before)
        if found is None:  # the value before of this moment never was
            return Placed(before.line)
        if not again:
            self._keep(thing)
        self._put(thing, found.state)
        if found.back is None:
            return Placed(found.state.line)
        self._taken_back(thing, before, found.back, found.state)
        return Placed(found.state.line, found.back.line)

    def _taken_back(self, thing: int, before: CounterState, fall: Fall, after: CounterState) -> None:
        booked, left = before.line > fall.line, tuple(one.at for one in after.falls)
        self.around.glitches.add(Glitch(*self._key(thing), fall.value, fall.at, after.at, booked, left))

    def state_of(self, thing: int) -> CounterState | None:
        """The newest reading of a thing; None when there is none."""
        value = float(self.value[thing])
        if value != value:
            return None
        return CounterState(value, float(self.shift[thing]), int(self.at[thing]), self.falls.of(thing))

    def is_first(self, thing: int) -> bool:
        """True if the newest reading of a thing is the first ever, or there is none."""
        return bool(np.isnan(self.moment.before("value")[thing]))

    def _put(self, thing: int, state: CounterState) -> None:
        self.value[thing], self.shift[thing], self.at[thing], falls = state
        self.falls.put(thing, falls)

    def _keep(self, thing: int) -> None:
        self.moment.keep(thing)
        self.falls.moment.keep(thing)

    def model_of(self, thing: int) -> CounterModel:
        """How this counter falls: by the rule, else by its profile."""
        if self.model is not None:
            return self.model
        world, place = self.around.world, self.space.things[thing]
        spec = world.spec(world.devices[place.device].profile, self.point, place.component)
        return spec.counter if spec is not None else CounterModel()

    def line(self, thing: int) -> float:
        """What was counted up to the newest reading; NaN = no reading so far."""
        return float(self.value[thing] + self.shift[thing])

    def exchange(self, thing: int, meter: NewMeter) -> bool:
        """A new meter counts; False when later readings were taken already: only a rerun puts that right."""
        state = self.state_of(thing)
        if state is None or meter.at < state.at:
            return False
        self._put(thing, exchanged(state, meter))
        self._keep(thing)
        return True
