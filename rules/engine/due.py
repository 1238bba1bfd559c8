"""`due`: stages before and after a date that an attribute holds (RULES section 5, S32)."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from gateway.domain.duration import format_duration, from_us
from gateway.domain.reading import F64, I32, I64, U8
from rules.compiled import Due, Rule
from rules.engine.calendar import zone_of
from rules.engine.dates import Dates, readable
from rules.engine.form import Form
from rules.engine.runner import Field, Runner
from rules.engine.space import LONG_AGO, NEVER, Space
from rules.engine.view import Bools, View


class DueRunner(Form):
    """State: raised u8; written i32 (the date of the attribute, an ordinal, 0 = none); date i32 (that from which turns
    are counted: the attribute's, or the day the work was done); turn i32, stage u8 (stages of this turn that are told),
    due i64, floor i64, count i32 per thing: 34 B.

    Only ticks fire stages. Of several that are due at once, the latest of the highest level is told, at its own time:
    but not before `floor`, when the date was written, the device registered or the rule installed. Of turns before that
    only the newest counts. A later date ends the episode as `renewed`; an earlier one lets it rise; a date that is gone
    or cannot be read changes nothing. Work done, and an order closed without it, settle every turn that has begun.
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("raised", 0), ("written", 0), ("date", 0), ("turn", 0), ("stage", 0), ("due", NEVER), ("floor", 0),
        ("count", 0),
    )  # fmt: skip
    ends_by_fact = True

    def __init__(self, rule: Rule, zone: str, space: Space, common: Field) -> None:
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
        if not known or (found and found != self.written[thing]):
            self.floor[thing] = max(1, at, device.registered if device is not None else at)
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
        self._set_due(thing)

    def _remember(self, thing: int, at: int) -> None:
        """What was done before this generation of the rule; a date that is later than what comes of it holds."""
        place = self.space.things[thing]
        for one in self.common.completions.of(self.rule.id, place.device, place.component, at + 1)[-1:]:
            written, turn = int(self.written[thing]), int(self.turn[thing])
            self._settle(thing, one.done, one.told)
            if self.condition.completed and written > self._day(thing).toordinal():
                self.date[thing], self.turn[thing] = written, turn

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

    # --- stages
    def timers(self, now: int) -> None:
        for thing in np.flatnonzero(self.watched & (self.due <= now)).tolist():
            self._tell(thing, now, None)
        self.soonest = int(self.due[self.watched].min(initial=NEVER))

    def decide(self, thing: int, t: int, view: View | None, unit: int, *, before: bool = False) -> None:  # noqa: ARG002
        if self.date[thing]:
            self._tell(thing, t, t)

    def _tell(self, thing: int, now: int, again: int | None) -> None:
        """The stages begun by `now`; what was vetoed at its own time is told at `again`."""
        if now < self.floor[thing]:
            return
        reached: list[tuple[int, int]] = []
        following = self.dates.following(int(self.turn[thing]), int(self.stage[thing]))
        while following is not None and self._begins(thing, *following) <= now:
            reached.append(following)
            following = self.dates.following(following[0], following[1] + 1)
        if not reached:
            return
        turn, stage = max(reached, key=lambda one: (self.stages[one[1]][0], one))
        level, offset = self.stages[stage]
        at = max(self._begins(thing, turn, stage), int(self.floor[thing]))
        if self.vetoed(thing, at, None, -1):
            if again is None or self.vetoed(thing, again, None, -1):
                self.due[thing] = NEVER if following is None else self._begins(thing, *following)
                self.decide_without(thing, at)
                return
            at = again
        day = self.dates.day(int(self.date[thing]), turn)
        begun = sum(one == 0 for _, one in reached)
        self.count[thing] = self.count[thing] + begun if self.raised[thing] else max(1, begun)
        self.turn[thing], self.stage[thing] = reached[-1][0], reached[-1][1] + 1
        self._set_due(thing)
        if level > self.raised[thing]:
            text, count = f"due {self.condition.date} {day} {format_duration(offset)}", int(self.count[thing])
            self.put_on(thing, at, level, None, None, -1, text=text, count=count)

    def revalue(self, things: Sequence[int], at: int) -> None:
        """`clear` at once; what was vetoed, by the next tick."""
        for thing in things:
            if self.watched[thing] and self.date[thing]:
                self._set_due(thing)
                reader = self.one(thing, at, None, -1)
                if self.raised[thing] and self.clear is not None and self.truth(self.clear, reader)[0] == 1.0:
                    self.cleared(thing, at, None, -1)
        self.soonest = -NEVER

    def wanting(self) -> Bools:
        left: Bools = (self.date > 0) & (self.condition.repeat is not None or self.stage < len(self.stages))
        return left

    def by_readings(self) -> bool:
        """May a second look at readings find something? Of dates that come again it never does (decision 063)."""
        return self.condition.repeat is None and bool(self.bounds())

    def count_of(self, thing: int) -> int:
        return max(1, int(self.count[thing]))

    # --- ends
    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:  # noqa: ARG002
        """The work was done at `done`: the next date is that after all that have begun, or counts from that day."""
        self.put_off(thing, at, None, None, -1, reason="cycle")
        self._settle(thing, done, at)
        self._set_due(thing)
        self.soonest = -NEVER

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
        """Every turn that has begun by `at` is settled."""
        begun = self._begun(thing, at)
        if begun >= self.turn[thing]:
            self.turn[thing], self.stage[thing] = begun + 1, 0
            self.floor[thing] = max(self.floor[thing], at)

    def closed(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:
        """Without the work: the date is passed over, the next one counts from it."""
        if self.raised[thing] and self.condition.repeat is not None:
            super().closed(thing, at, identity)
            self._pass_over(thing, at)
            self._set_due(thing)
            self.soonest = -NEVER
            return
        super().closed(thing, at, identity)

    def stirred(self, view: View, truths: Sequence[F64]) -> Bools:  # noqa: ARG002 - readings only end it
        return np.zeros(len(view), np.bool_)

    def meet(
        self, thing: int, t: int, truths: Sequence[float], view: View | None, unit: int, *, before: bool = False
    ) -> None:  # fmt: skip
        self.aside(thing, t, truths, view, unit, before=before)

    def lapse(self, thing: int) -> None:
        """The date is no reading: silence does not undo what was told."""

    def adopt(self, old: Runner) -> None:
        """The alarm goes on; other stages are told from where the new ones stand; other dates are found anew."""
        assert isinstance(old, DueRunner), "edits keep state only between rules of one shape"
        super().adopt(old)
        mine, theirs = self.condition, old.condition
        if theirs != mine:
            told = self.raised.astype(np.int64)
            for thing in np.flatnonzero(self.date).tolist():
                below = [k for k, (level, _) in enumerate(self.stages) if level <= told[thing]]
                self.stage[thing] = below[-1] + 1 if below else 0
                self._set_due(thing)
        if (theirs.repeat, theirs.completed) != (mine.repeat, mine.completed):
            self.floor[self.floor > 0] = 0
        self.soonest = LONG_AGO
