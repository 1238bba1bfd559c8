"""`or_after`: terms of the calendar since the work was last done (RULES section 5)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gateway.domain.duration import MINUTE, from_us
from gateway.domain.reading import I32, I64
from rules.compiled import CalendarSpan
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.single_alarm import SingleAlarm
from rules.engine.frames.at import At
from rules.engine.state.calendar import fitting, later, wall_time, zone_of
from rules.engine.state.thing_table import NEVER
from rules.engine.state.watch_scope import rows
from rules.engine.windows.base import StateTable


class Terms(StateTable):
    """State: since i64[n] µs, when the work was last done, or the registration; turn i32[n], how many terms from there
    on are reported; term i64[n] µs, when the next one is; floor i64[n] µs, before which none is: 28 B.
    """

    arrays = (("since", 0), ("turn", 0), ("term", NEVER), ("floor", 0))

    def __init__(self, context: EvaluatorContext, length: CalendarSpan, alarm: SingleAlarm, level: int) -> None:
        super().__init__(context.space)
        self.context, self.length, self.alarm, self.level = context, length, alarm, level
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
        """Time at which so many terms are over, µs: the same time of day, by the calendar."""
        zone, since = zone_of(self.context.local(thing)) or zone_of("UTC"), int(self.since[thing])
        assert zone is not None, "UTC is always there"
        local = from_us(since).astimezone(zone)
        day = later(local.date(), self.length, terms)
        return wall_time(day, local.hour * 60 + local.minute, zone) + since % MINUTE

    def ended(self, thing: int, moment: int) -> int:
        """Number of terms that are over at `moment` µs."""
        first, day = (from_us(at).date() for at in (int(self.since[thing]), moment))
        terms = fitting(first, day, self.length) + 1
        while terms > 0 and self._ends(thing, terms) > moment:
            terms -= 1
        return terms

    def set_term(self, thing: int) -> None:
        """Reckon when the next one is reported."""
        self.term[thing] = max(self._ends(thing, int(self.turn[thing]) + 1), int(self.floor[thing]))

    def _grace(self, thing: int, columns: tuple[int, ...]) -> int:
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

    # --- the end of a term
    def end(self, here: At, until: int, again: int | None = None) -> None:
        """Terms that are over by `until` µs are reported at the end of the first; what was vetoed then, at `again`."""
        thing = here.thing
        if self.term[thing] > until:
            return
        ended = self.ended(thing, until) - int(self.turn[thing])
        if self.alarm.raised[thing]:
            self.alarm.count[thing] += ended
        else:
            at = int(self.term[thing]) if again is None else again
            here = At(thing, at, here.view, here.unit, here.before)
            if self.alarm.vetoed(here):
                if here.view is None:
                    self.context.decided.note(thing, at)
                return
            self.alarm.count[thing] = ended
            text = f"or_after, since {from_us(int(self.since[thing])).date()}"
            self.alarm.raise_(here, self.level, count=ended, text=text)
        self.turn[thing] += ended
        self.set_term(thing)
        self.context.timer(int(self.term[thing]))

    def timers(self, now: int, columns: tuple[int, ...]) -> None:
        """Report what is over at engine time `now` µs, and reckon `context.soonest`; `columns`: what the rule reads."""
        watched, waits = self.context.watched, NEVER
        for thing in np.flatnonzero(watched & (self.term <= now)).tolist():
            if now < (until := self._grace(thing, columns)):
                waits = min(waits, until)
            else:
                self.end(At(thing, now), now)
        self.context.soonest = min(waits, int(self.term.min(initial=NEVER, where=watched & (self.term > now))))

    def revalue(self, things: Sequence[int], at: int) -> None:
        """What was vetoed may not be any more, at `at` µs."""
        chosen = rows(things)
        for thing in chosen[self.context.watched[chosen] & (self.term[chosen] < at)].tolist():
            self.end(At(thing, at), at - 1, again=at)
