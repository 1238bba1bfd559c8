"""`every` with `or_after`: a counter, or so long after the work was last done: what comes first (RULES section 5)."""

from collections.abc import Sequence

import numpy as np

from gateway.domain.duration import MINUTE, from_us
from gateway.domain.reading import I32, I64
from gateway.domain.record import Closed, CycleDone, Fact
from rules.compiled import Rule
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.counter_multiple import EveryRunner
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.calendar import fitting, later, wall_time, zone_of
from rules.engine.state.thing_table import NEVER, ThingTable
from rules.engine.state.watch_scope import rows


class TermRunner(EveryRunner):
    """Besides the state of `EveryRunner`: since i64 µs, when the work was last done, or the registration; turn i32, how
    many terms from there on are told; term i64 µs, when the next one is told; floor i64 µs, before which nothing is.

    Ticks end terms, and readings that come before the tick. On an open episode they count like multiples.
    """

    arrays = (*EveryRunner.arrays, ("since", 0), ("turn", 0), ("term", NEVER), ("floor", 0))

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        super().__init__(rule, zone, space, common)
        self.since: I64 = np.zeros(0, np.int64)
        self.turn: I32 = np.zeros(0, np.int32)
        self.term: I64 = np.zeros(0, np.int64)
        self.floor: I64 = np.zeros(0, np.int64)

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        for thing in things:
            if self.watched[thing]:
                if not self.floor[thing]:
                    self._begin(thing, at)
                self._set_term(thing)
        self.soonest = -NEVER

    def _begin(self, thing: int, at: int) -> None:
        """From what is known of the thing at `at` µs; of the terms before only the newest counts."""
        place = self.space.things[thing]
        self.floor[thing] = max(1, at)
        self.since[thing] = self._registered(thing) or at
        for one in self.common.completions.of(self.rule.id, place.device, place.component, at + 1)[-1:]:
            self.since[thing] = one.done
        self.turn[thing] = max(0, self._ended(thing, at) - 1)
        closed = self.common.completions.closed(self.rule, place.device, place.component, at)
        if closed > self.since[thing]:
            self.turn[thing] = max(int(self.turn[thing]), self._ended(thing, closed))

    def _registered(self, thing: int) -> int:
        device = self.device(thing)
        return 0 if device is None else device.registered

    def _ends(self, thing: int, terms: int) -> int:
        """When so many terms are over, µs: the same time of day, by the calendar."""
        assert self.condition.or_after is not None, "kinds.py gives rules with `or_after` to this class only"
        zone, since = zone_of(self.local(thing)) or zone_of("UTC"), int(self.since[thing])
        assert zone is not None, "UTC is always there"
        local = from_us(since).astimezone(zone)
        day = later(local.date(), self.condition.or_after, terms)
        return wall_time(day, local.hour * 60 + local.minute, zone) + since % MINUTE

    def _ended(self, thing: int, moment: int) -> int:
        """How many terms are over at `moment` µs."""
        assert self.condition.or_after is not None, "kinds.py gives rules with `or_after` to this class only"
        first, day = (from_us(at).date() for at in (int(self.since[thing]), moment))
        terms = fitting(first, day, self.condition.or_after) + 1
        while terms > 0 and self._ends(thing, terms) > moment:
            terms -= 1
        return terms

    def _set_term(self, thing: int) -> None:
        self.term[thing] = max(self._ends(thing, int(self.turn[thing]) + 1), int(self.floor[thing]))

    # --- the end of a term
    def timers(self, now: int) -> None:
        waits = NEVER
        for thing in np.flatnonzero(self.watched & (self.term <= now)).tolist():
            if now < (until := self._grace(thing)):
                waits = min(waits, until)
            else:
                self._end_terms(thing, now, None, -1)
        self.soonest = min(waits, int(self.term.min(initial=NEVER, where=self.watched & (self.term > now))))

    def _grace(self, thing: int) -> int:
        """After a down-time the readings that the broker kept come first, µs."""
        downs, some = self.common.downs, 3 * self.every(thing, self.judged)
        if self.rule.downtime == "count" or not downs.spans or downs.latest - downs.spans[-1][0] <= some:
            return 0
        return downs.latest + some if self.space.newest[thing] <= downs.latest else 0

    def _end_terms(
        self,
        thing: int,
        until: int,
        view: BatchView | None,
        unit: int,
        *,
        before: bool = False,
        again: int | None = None,
    ) -> None:
        """Terms that are over by `until` µs are told at the end of the first; what was vetoed then, at `again`."""
        if self.term[thing] > until:
            return
        ended = self._ended(thing, until) - int(self.turn[thing])
        if self.raised[thing]:
            self.count[thing] += ended
        else:
            at = int(self.term[thing]) if again is None else again
            if self.vetoed(thing, at, view, unit, before=before):
                if view is None:
                    self.decide_without(thing, at)
                return
            self.count[thing] = ended
            text = f"or_after, since {from_us(int(self.since[thing])).date()}"
            self.put_on(
                thing, at, self.condition.level, None, view, unit, before=before, count=ended, text=text
            )  # fmt: skip
        self.turn[thing] += ended
        self._set_term(thing)
        self.soonest = min(self.soonest, int(self.term[thing]))

    def overdue(self, view: BatchView) -> Bools:
        return view.t > self.term[view.thing]

    def before(self, view: BatchView, unit: int) -> None:
        self._end_terms(int(view.thing[unit]), int(view.t[unit]) - 1, view, unit, before=True)
        super().before(view, unit)

    def decide(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        self._end_terms(thing, t - 1, view, unit, before=before, again=t)
        super().decide(thing, t, view, unit, before=before)

    def revalue(self, things: Sequence[int], at: int) -> None:
        super().revalue(things, at)
        asked = rows(things)
        for thing in asked[self.watched[asked] & (self.term[asked] < at)].tolist():
            self._end_terms(thing, at - 1, None, -1, again=at)

    # --- ends
    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:
        self._end_terms(thing, at - 1, None, -1)
        super().cycle(thing, reading, done, at)
        self.since[thing], self.turn[thing], self.floor[thing] = done, 0, max(1, at)
        self._set_term(thing)
        self.soonest = -NEVER

    def closed(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:
        self._end_terms(thing, at - 1, None, -1)
        super().closed(thing, at, identity)

    def adopt(self, old: Runner) -> None:
        super().adopt(old)
        if old.rule.condition != self.rule.condition:
            self.floor[:] = 0  # another term: it begins anew from when the work was last done

    # --- the past
    def begin_twin(self, thing: int, twin: Runner, row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:
        super().begin_twin(thing, twin, row, start, past)
        assert isinstance(twin, TermRunner), "the runner of the same rule"
        done = any(isinstance(fact, CycleDone) for _, fact in past)
        twin.relive(row, 1 if done else int(self.floor[thing]), past)  # a completion sets it anew

    def relive(self, thing: int, floor: int, past: Sequence[tuple[int, Fact]]) -> None:
        """From the registration through what the desk told; nothing is told before `floor` µs."""
        self.floor[thing] = floor
        self.since[thing] = self._registered(thing) or floor
        self.turn[thing] = max(0, self._ended(thing, floor) - 1)
        self._set_term(thing)
        for told, fact in past:
            if isinstance(fact, CycleDone):
                self.cycle(thing, fact.reading, min(told, fact.at or told), told)
            elif isinstance(fact, Closed):
                self.closed(thing, told)
