"""`due`: stages before and after a date that an attribute holds (RULES section 5, S32)."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from gateway.domain.duration import DAY, MINUTE, format_duration
from gateway.domain.reading import F64, I32, I64, U8
from rules.compiled import Due, Rule
from rules.engine.active import instant
from rules.engine.form import Form
from rules.engine.runner import Field, Runner
from rules.engine.space import LONG_AGO, NEVER, Space
from rules.engine.view import Bools, View


class DueRunner(Form):
    """State: raised u8; date i32 (ordinal, 0 = none), stage u8 (stages told), due i64, floor i64 per thing: 22 B.

    Only ticks fire stages. Of several that are due at once, the latest is told, at its own time: but not before
    `floor`, when the date was written, the device registered or the rule installed. A later date ends the episode as
    `renewed`; an earlier one lets it rise; a date that is gone or cannot be read changes nothing.
    """

    arrays: tuple[tuple[str, float], ...] = (("raised", 0), ("date", 0), ("stage", 0), ("due", NEVER), ("floor", 0))
    ends_by_fact = True

    def __init__(self, rule: Rule, zone: str, space: Space, common: Field) -> None:
        assert isinstance(rule.condition, Due), "kinds.py gives due rules to this class only"
        super().__init__(rule, zone, space, common, rule.condition.clear)
        self.condition: Due = rule.condition
        self.stages = tuple(sorted(self.condition.stages, key=lambda stage: stage[1]))
        self.date: I32 = np.zeros(0, np.int32)
        self.stage: U8 = np.zeros(0, np.uint8)
        self.due: I64 = np.zeros(0, np.int64)
        self.floor: I64 = np.zeros(0, np.int64)
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
        found, before = self._date_of(thing), int(self.date[thing])
        if found == 0:
            self.due[thing] = NEVER
            return
        if found != before:
            if found > before:
                self.put_off(thing, at, None, None, -1, reason="renewed")
            self.date[thing], self.stage[thing] = found, 0
            device = self.device(thing)
            self.floor[thing] = max(at, device.registered if device is not None else at)
        self._set_due(thing)

    def _date_of(self, thing: int) -> int:
        device = self.device(thing)
        if device is None:
            return 0
        for _, attrs in self.common.world.owners(device):
            if self.condition.date in attrs:
                try:
                    return date.fromisoformat(str(attrs[self.condition.date]).strip()).toordinal()
                except ValueError:
                    return 0
        return 0

    def _stage_at(self, thing: int, stage: int) -> int:
        """When a stage of the thing's date begins, µs: whole days by the calendar, the rest by the clock."""
        days, rest = divmod(self.stages[stage][1], DAY)
        day = date.fromordinal(int(self.date[thing]) + days)
        return instant(self.local(thing), day, self.condition.at) + rest // MINUTE * MINUTE

    def _set_due(self, thing: int) -> None:
        stage = int(self.stage[thing])
        self.due[thing] = self._stage_at(thing, stage) if stage < len(self.stages) else NEVER

    # --- stages
    def timers(self, now: int) -> None:
        for thing in np.flatnonzero(self.watched & (self.due <= now)).tolist():
            self._tell(thing, now, None)
        self.soonest = int(self.due[self.watched].min(initial=NEVER))

    def decide(self, thing: int, t: int, view: View | None, unit: int, *, before: bool = False) -> None:  # noqa: ARG002
        if self.date[thing]:
            self._tell(thing, t, t)

    def _tell(self, thing: int, now: int, again: int | None) -> None:
        """The latest stage begun by `now`; what was vetoed at its own time is told at `again`."""
        reached = int(self.stage[thing])
        while reached < len(self.stages) and self._stage_at(thing, reached) <= now:
            reached += 1
        if reached == self.stage[thing]:
            return
        level, offset = self.stages[reached - 1]
        at = max(self._stage_at(thing, reached - 1), int(self.floor[thing]))
        if self.vetoed(thing, at, None, -1):
            if again is None or self.vetoed(thing, again, None, -1):
                self.due[thing] = self._stage_at(thing, reached) if reached < len(self.stages) else NEVER
                self.decide_without(thing, at)
                return
            at = again
        self.stage[thing] = reached
        self._set_due(thing)
        day = date.fromordinal(int(self.date[thing]))
        if level > self.raised[thing]:
            text = f"due {self.condition.date} {day} {format_duration(offset)}"
            self.put_on(thing, at, level, None, None, -1, text=text)

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
        left: Bools = (self.date > 0) & (self.stage < len(self.stages))
        return left

    # --- ends
    def stirred(self, view: View, truths: Sequence[F64]) -> Bools:  # noqa: ARG002 - readings only end it
        return np.zeros(len(view), np.bool_)

    def meet(
        self, thing: int, t: int, truths: Sequence[float], view: View | None, unit: int, *, before: bool = False
    ) -> None:  # fmt: skip
        self.aside(thing, t, truths, view, unit, before=before)

    def lapse(self, thing: int) -> None:
        """The date is no reading: silence does not undo what was told."""

    def adopt(self, old: Runner) -> None:
        """The alarm goes on; other stages are told from where the new ones stand."""
        assert isinstance(old, DueRunner), "edits keep state only between rules of one shape"
        super().adopt(old)
        if old.condition != self.condition:
            told = self.raised.astype(np.int64)
            for thing in np.flatnonzero(self.date).tolist():
                below = [k for k, (level, _) in enumerate(self.stages) if level <= told[thing]]
                self.stage[thing] = below[-1] + 1 if below else 0
                self._set_due(thing)
        self.soonest = LONG_AGO
