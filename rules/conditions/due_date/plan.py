"""`due`: the date of a thing, its turns, and which of their stages have been reported (RULES section 5, S32)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from gateway.domain.duration import from_us
from gateway.domain.reading import I32, I64, U8
from gateway.domain.record import CycleDone, Fact
from rules.conditions.due_date.condition import Due
from rules.conditions.due_date.stages import Dates, readable
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.single_alarm import SingleAlarm
from rules.engine.frames.at import At
from rules.engine.state.calendar import zone_of
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.windows.base import StateTable


class DuePlan(StateTable):
    """State: written i32[n] (the date of the attribute, an ordinal, 0 = none); date i32[n] (that from which turns are
    counted: the attribute's, or the day the work was done); turn i32[n], stage u8[n] (stages of this turn that are
    reported), due i64[n] µs, floor i64[n] µs; written_at i64[n] µs, when the date was written, the device registered or
    the rule installed: 37 B a thing.

    Nothing is reported before `floor`, which is `written_at` or when work was last settled. Of turns before that only
    the newest counts. A later date ends the episode as `renewed`; an earlier one lets it rise; a date that is gone or
    that cannot be read changes nothing.
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("written", 0), ("date", 0), ("turn", 0), ("stage", 0), ("due", NEVER), ("floor", 0), ("written_at", 0),
    )  # fmt: skip

    def __init__(self, context: EvaluatorContext, condition: Due, alarm: SingleAlarm) -> None:
        super().__init__(context.space)
        self.context, self.condition, self.alarm = context, condition, alarm
        self.dates = Dates(condition)
        self.stages = self.dates.stages
        self.written: I32 = np.zeros(0, np.int32)
        self.date: I32 = np.zeros(0, np.int32)
        self.turn: I32 = np.zeros(0, np.int32)
        self.stage: U8 = np.zeros(0, np.uint8)
        self.due: I64 = np.zeros(0, np.int64)
        self.floor: I64 = np.zeros(0, np.int64)
        self.written_at: I64 = np.zeros(0, np.int64)

    # --- dates
    def redate(self, thing: int, at: int) -> None:
        """The date, or the zone, of this thing may be another since `at` µs."""
        found, known, device = self._date_of(thing), self.floor[thing] > 0, self.context.device(thing)
        before = int(self.written[thing]), int(self.turn[thing]), int(self.stage[thing])
        if not known or (found and found != self.written[thing]):
            self.floor[thing] = max(1, at, device.registered if device is not None else at)
            self.written_at[thing] = self.floor[thing]
        if found and (not known or found != self.written[thing]):
            if known and self.date[thing] and found > self.day(thing).toordinal():
                self.alarm.clear(At(thing, at), reason="renewed")
            self.written[thing] = self.date[thing] = found
            self.turn[thing] = max(0, self._begun(thing, int(self.floor[thing])))
            self.alarm.count[thing] = 0
            if known or not self.alarm.raised[thing]:
                self.stage[thing] = 0
        if not known:
            self._remember(thing, at)
        waits = int(self.due[thing])
        after = int(self.written[thing]), int(self.turn[thing]), int(self.stage[thing])
        self.set_due(thing)
        if after == before and self.due[thing] <= at:
            self.due[thing] = max(waits, self.due[thing])  # what is vetoed waits on

    def _remember(self, thing: int, at: int) -> None:
        """What was done before this generation of the rule; a date that is later than what comes of it holds."""
        context, place = self.context, self.space.things[thing]
        for one in context.common.completions.of(context.rule.id, place.device, place.component, at + 1)[-1:]:
            written, turn = int(self.written[thing]), int(self.turn[thing])
            self.settle(thing, one.done, one.known_at)
            if self.condition.completed and written > self.day(thing).toordinal():
                self.date[thing], self.turn[thing] = written, turn
        closed = context.common.completions.closed(context.rule, place.device, place.component, at)
        if closed and self.date[thing]:
            self.pass_over(thing, closed)

    def _date_of(self, thing: int) -> int:
        device = self.context.device(thing)
        if device is None:
            return 0
        for _, attrs in self.context.world.owners(device):
            if self.condition.date in attrs:
                return readable(str(attrs[self.condition.date]))
        return 0

    def day(self, thing: int) -> date:
        """The date in question."""
        return self.dates.day(int(self.date[thing]), int(self.turn[thing]))

    def _begun(self, thing: int, moment: int) -> int:
        return self.dates.begun(self.context.local(thing), int(self.date[thing]), moment)

    def begins(self, thing: int, turn: int, stage: int) -> int:
        """Begin of a stage of a turn, µs."""
        return self.dates.begins(self.context.local(thing), int(self.date[thing]), turn, stage)

    def reached(self, thing: int, now: int) -> tuple[list[tuple[int, int]], tuple[int, int] | None]:
        """The (turn, stage) that have begun by `now` µs and are not reported, and the first one after them."""
        found: list[tuple[int, int]] = []
        following = self.dates.following(int(self.turn[thing]), int(self.stage[thing]))
        while following is not None and self.begins(thing, *following) <= now:
            found.append(following)
            following = self.dates.following(following[0], following[1] + 1)
        return found, following

    def set_due(self, thing: int) -> None:
        """Reckon when the next stage begins."""
        following = self.dates.following(int(self.turn[thing]), int(self.stage[thing])) if self.date[thing] else None
        begins = NEVER if following is None else self.begins(thing, *following)
        self.due[thing] = max(begins, int(self.floor[thing]))

    # --- what was settled
    def settle(self, thing: int, done: int, at: int) -> None:
        """The work was done at `done` µs, which came to be known at `at` µs: the next date counts from that day, or is
        that after all that have begun.
        """
        if self.condition.repeat is None:
            return
        if self.condition.completed:
            self.date[thing] = from_us(done).astimezone(zone_of(self.context.local(thing))).toordinal()
            self.turn[thing], self.stage[thing] = 1, 0
            self.floor[thing] = max(self.floor[thing], at)
        elif self.date[thing]:
            self.pass_over(thing, at)

    def pass_over(self, thing: int, at: int) -> None:
        """Every turn that has begun by `at` µs is settled; of a date that does not come again its stages."""
        begun = self._begun(thing, at)
        if self.condition.repeat is None:
            passed = sum(self.begins(thing, 0, stage) <= at for stage in range(len(self.stages)))
            self.stage[thing] = max(self.stage[thing], passed)
            return
        if begun >= self.turn[thing]:
            self.turn[thing], self.stage[thing] = begun + 1, 0
            self.floor[thing] = max(self.floor[thing], at)

    # --- the past, edits
    def replay(self, thing: int, live: "DuePlan", row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:
        """From when the date was written up to `start` µs, without a transition; `past`: (µs, fact) of the desk."""
        begun = int(live.written_at[row])
        self.written[thing] = self.date[thing] = live.written[row]
        self.written_at[thing] = self.floor[thing] = begun
        self.turn[thing], self.stage[thing] = max(0, self._begun(thing, begun)), 0
        self.alarm.count[thing] = 0
        self._remember(thing, begun)
        since = [(noted, fact) for noted, fact in past if noted >= begun]
        for noted, fact in since:
            if isinstance(fact, CycleDone):
                self.settle(thing, min(noted, fact.at or noted), noted)
            else:
                self.pass_over(thing, noted)
        until = max([start, *(noted for noted, _ in since)])
        turn = self._begun(thing, until - 1) if until > begun and self.date[thing] else -1
        if turn >= self.turn[thing]:
            here = int(live.turn[row]), int(live.stage[row])
            by_then = turn, sum(self.begins(thing, turn, stage) < until for stage in range(len(self.stages)))
            waits = self.date[thing] == live.date[row] and here < by_then
            self.turn[thing], self.stage[thing] = here if waits else by_then
        self.set_due(thing)
        self.context.soonest = -NEVER

    def adopt(self, old: Any) -> None:
        """Other stages are reported from where the new ones stand; other dates are found anew."""
        super().adopt(old)
        mine, theirs = self.condition, old.condition
        if theirs != mine:
            reported = self.alarm.raised.astype(np.int64)
            for thing in np.flatnonzero(self.date).tolist():
                below = [k for k, (level, _) in enumerate(self.stages) if level <= reported[thing]]
                self.stage[thing] = below[-1] + 1 if below else 0
                self.set_due(thing)
        if (theirs.repeat, theirs.completed) != (mine.repeat, mine.completed):
            self.floor[self.floor > 0] = 0
        self.context.soonest = LONG_AGO
