"""`or_after`: terms of the calendar since the work was last done (RULES section 5)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gateway.domain.duration import MINUTE, from_us
from gateway.domain.reading import I32, I64
from rules.compiled import CalendarSpan
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.state.calendar import fitting, later, wall_time, zone_of
from rules.engine.state.thing_table import NEVER
from rules.engine.windows.base import StateTable


class Terms(StateTable):
    """State: since i64[n] µs, when the work was last done, or the registration; turn i32[n], how many terms from there
    on are reported; term i64[n] µs, when the next one is; floor i64[n] µs, before which none is: 28 B.
    """

    arrays = (("since", 0), ("turn", 0), ("term", NEVER), ("floor", 0))

    def __init__(self, context: EvaluatorContext, length: CalendarSpan) -> None:
        super().__init__(context.space)
        self.context, self.length = context, length
        self.since: I64 = np.zeros(0, np.int64)
        self.turn: I32 = np.zeros(0, np.int32)
        self.term: I64 = np.zeros(0, np.int64)
        self.floor: I64 = np.zeros(0, np.int64)

    def refresh_at(self, things: Sequence[int], at: int) -> None:
        """Attributes of these rows changed at `at` µs."""
        for thing in things:
            if self.context.watched[thing]:
                if not self.floor[thing]:
                    self._begin(thing, at)
                self.set_term(thing)
        self.context.soonest = -NEVER

    def _begin(self, thing: int, at: int) -> None:
        """From what is known of the thing at `at` µs; of the terms before only the newest counts."""
        context, place = self.context, self.space.things[thing]
        self.floor[thing] = max(1, at)
        self.since[thing] = self._registered(thing) or at
        for one in context.common.completions.of(context.rule.id, place.device, place.component, at + 1)[-1:]:
            self.since[thing] = one.done
        self.turn[thing] = max(0, self.ended(thing, at) - 1)
        closed = context.common.completions.closed(context.rule, place.device, place.component, at)
        if closed > self.since[thing]:
            self.turn[thing] = max(int(self.turn[thing]), self.ended(thing, closed))

    def register(self, thing: int, floor: int) -> None:
        """From the registration on; none is reported before `floor` µs."""
        self.floor[thing] = floor
        self.since[thing] = self._registered(thing) or floor
        self.turn[thing] = max(0, self.ended(thing, floor) - 1)
        self.set_term(thing)

    def begin_anew(self, thing: int, done: int, at: int) -> None:
        """The work was done at `done` µs, which came to be known at `at` µs."""
        self.since[thing], self.turn[thing], self.floor[thing] = done, 0, max(1, at)
        self.set_term(thing)
        self.context.soonest = -NEVER

    def _registered(self, thing: int) -> int:
        device = self.context.device(thing)
        return 0 if device is None else device.registered

    def _ends(self, thing: int, terms: int) -> int:
        """When so many terms are over, µs: the same time of day, by the calendar."""
        zone, since = zone_of(self.context.local(thing)) or zone_of("UTC"), int(self.since[thing])
        assert zone is not None, "UTC is always there"
        local = from_us(since).astimezone(zone)
        day = later(local.date(), self.length, terms)
        return wall_time(day, local.hour * 60 + local.minute, zone) + since % MINUTE

    def ended(self, thing: int, moment: int) -> int:
        """How many terms are over at `moment` µs."""
        first, day = (from_us(at).date() for at in (int(self.since[thing]), moment))
        terms = fitting(first, day, self.length) + 1
        while terms > 0 and self._ends(thing, terms) > moment:
            terms -= 1
        return terms

    def set_term(self, thing: int) -> None:
        """Reckon when the next one is reported."""
        self.term[thing] = max(self._ends(thing, int(self.turn[thing]) + 1), int(self.floor[thing]))

    def grace(self, thing: int, columns: tuple[int, ...]) -> int:
        """After a down-time the readings that the broker kept come first: until when to wait for them, µs."""
        context = self.context
        downs, some = context.common.downs, 3 * context.every(thing, columns)
        if context.rule.downtime == "count" or not downs.spans or downs.latest - downs.spans[-1][0] <= some:
            return 0
        return downs.latest + some if self.space.newest[thing] <= downs.latest else 0

    def adopt(self, old: Any) -> None:
        """Of another condition they begin anew from when the work was last done."""
        super().adopt(old)
        if old.context.rule.condition != self.context.rule.condition:
            self.floor[:] = 0

    def text(self, thing: int) -> str:
        """What evidence calls the condition."""
        return f"or_after, since {from_us(int(self.since[thing])).date()}"
