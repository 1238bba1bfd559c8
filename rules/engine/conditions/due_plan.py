"""`due`: the date of a thing, its turns, and which of their stages have been told (RULES section 5, S32)."""

from abc import ABC
from collections.abc import Sequence
from datetime import date

import numpy as np

from gateway.domain.duration import from_us
from gateway.domain.reading import I32, I64, U8
from gateway.domain.record import CycleDone, Fact
from rules.compiled import Due, Rule
from rules.engine.conditions.base import EngineContext
from rules.engine.conditions.due_stages import Dates, readable
from rules.engine.conditions.single_alarm import Form
from rules.engine.state.calendar import zone_of
from rules.engine.state.thing_table import NEVER, ThingTable


class DuePlan(Form, ABC):
    """State: raised u8; written i32 (the date of the attribute, an ordinal, 0 = none); date i32 (that from which turns
    are counted: the attribute's, or the day the work was done); turn i32, stage u8 (stages of this turn that are told),
    due i64, floor i64, count i32; written_at i64, when the date was written, the device registered or the rule
    installed: 42 B a thing.

    Nothing is told before `floor`, which is `written_at` or when work was last settled. Of turns before that only the
    newest counts. A later date ends the episode as `renewed`; an earlier one lets it rise; a date that is gone or that
    cannot be read changes nothing.
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("raised", 0), ("written", 0), ("date", 0), ("turn", 0), ("stage", 0), ("due", NEVER), ("floor", 0),
        ("count", 0), ("written_at", 0),
    )  # fmt: skip

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        assert isinstance(rule.condition, Due), "kinds.py gives due rules to this class only"
        super().__init__(rule, zone, space, common, rule.condition.clear)
        self.condition: Due = rule.condition
        self.dates = Dates(self.condition)
        self.stages = self.dates.stages
        self.written: I32 = np.zeros(0, np.int32)
        self.date: I32 = np.zeros(0, np.int32)
        self.turn: I32 = np.zeros(0, np.int32)
        self.stage: U8 = np.zeros(0, np.uint8)
        self.due: I64 = np.zeros(0, np.int64)
        self.floor: I64 = np.zeros(0, np.int64)
        self.count: I32 = np.zeros(0, np.int32)
        self.written_at: I64 = np.zeros(0, np.int64)
        self.judge_by()

    # --- dates
    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        for thing in things:
            if self.watched[thing]:
                self._redate(thing, at)
        self.soonest = -NEVER

    def _redate(self, thing: int, at: int) -> None:
        """The date, or the zone, of this thing may be another since `at`."""
        found, known, device = self._date_of(thing), self.floor[thing] > 0, self.device(thing)
        before = int(self.written[thing]), int(self.turn[thing]), int(self.stage[thing])
        if not known or (found and found != self.written[thing]):
            self.floor[thing] = max(1, at, device.registered if device is not None else at)
            self.written_at[thing] = self.floor[thing]
        if found and (not known or found != self.written[thing]):
            if known and self.date[thing] and found > self._day(thing).toordinal():
                self.put_off(thing, at, None, None, -1, reason="renewed")
            self.written[thing] = self.date[thing] = found
            self.turn[thing] = max(0, self._begun(thing, int(self.floor[thing])))
            self.count[thing] = 0
            if known or not self.raised[thing]:
                self.stage[thing] = 0
        if not known:
            self._remember(thing, at)
        waits, next_one = (
            int(self.due[thing]),
            (int(self.written[thing]), int(self.turn[thing]), int(self.stage[thing])),
        )
        self._set_due(thing)
        if next_one == before and self.due[thing] <= at:
            self.due[thing] = max(waits, self.due[thing])  # what is vetoed waits on

    def _remember(self, thing: int, at: int) -> None:
        """What was done before this generation of the rule; a date that is later than what comes of it holds."""
        place = self.space.things[thing]
        for one in self.common.completions.of(self.rule.id, place.device, place.component, at + 1)[-1:]:
            written, turn = int(self.written[thing]), int(self.turn[thing])
            self._settle(thing, one.done, one.told)
            if self.condition.completed and written > self._day(thing).toordinal():
                self.date[thing], self.turn[thing] = written, turn
        closed = self.common.completions.closed(self.rule, place.device, place.component, at)
        if closed and self.date[thing]:
            self._pass_over(thing, closed)

    def _date_of(self, thing: int) -> int:
        device = self.device(thing)
        if device is None:
            return 0
        for _, attrs in self.common.world.owners(device):
            if self.condition.date in attrs:
                return readable(str(attrs[self.condition.date]))
        return 0

    def _day(self, thing: int) -> date:
        """The date in question."""
        return self.dates.day(int(self.date[thing]), int(self.turn[thing]))

    def _begun(self, thing: int, moment: int) -> int:
        return self.dates.begun(self.local(thing), int(self.date[thing]), moment)

    def _begins(self, thing: int, turn: int, stage: int) -> int:
        return self.dates.begins(self.local(thing), int(self.date[thing]), turn, stage)

    def _set_due(self, thing: int) -> None:
        following = self.dates.following(int(self.turn[thing]), int(self.stage[thing])) if self.date[thing] else None
        begins = NEVER if following is None else self._begins(thing, *following)
        self.due[thing] = max(begins, int(self.floor[thing]))

    # --- what was settled
    def _settle(self, thing: int, done: int, at: int) -> None:
        if self.condition.repeat is None:
            return
        if self.condition.completed:
            self.date[thing] = from_us(done).astimezone(zone_of(self.local(thing))).toordinal()
            self.turn[thing], self.stage[thing] = 1, 0
            self.floor[thing] = max(self.floor[thing], at)
        elif self.date[thing]:
            self._pass_over(thing, at)

    def _pass_over(self, thing: int, at: int) -> None:
        """Every turn that has begun by `at` is settled; of a date that does not come again its stages."""
        begun = self._begun(thing, at)
        if self.condition.repeat is None:
            passed = sum(self._begins(thing, 0, stage) <= at for stage in range(len(self.stages)))
            self.stage[thing] = max(self.stage[thing], passed)
            return
        if begun >= self.turn[thing]:
            self.turn[thing], self.stage[thing] = begun + 1, 0
            self.floor[thing] = max(self.floor[thing], at)

    # --- the past
    def relive(self, thing: int, live: "DuePlan", row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:
        """From when the date was written up to `start` µs, without a word."""
        begun = int(live.written_at[row])
        self.written[thing] = self.date[thing] = live.written[row]
        self.written_at[thing] = self.floor[thing] = begun
        self.turn[thing], self.stage[thing], self.count[thing] = max(0, self._begun(thing, begun)), 0, 0
        self._remember(thing, begun)
        since = [(told, fact) for told, fact in past if told >= begun]
        for told, fact in since:
            if isinstance(fact, CycleDone):
                self._settle(thing, min(told, fact.at or told), told)
            else:
                self._pass_over(thing, told)
        until = max([start, *(told for told, _ in since)])
        turn = self._begun(thing, until - 1) if until > begun and self.date[thing] else -1
        if turn >= self.turn[thing]:
            here = int(live.turn[row]), int(live.stage[row])
            by_then = turn, sum(self._begins(thing, turn, stage) < until for stage in range(len(self.stages)))
            waits = self.date[thing] == live.date[row] and here < by_then
            self.turn[thing], self.stage[thing] = here if waits else by_then
        self._set_due(thing)
        self.soonest = -NEVER
