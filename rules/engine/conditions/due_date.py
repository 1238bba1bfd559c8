"""`due`: stages before and after a date that an attribute holds (RULES section 5, S32)."""

from collections.abc import Sequence

import numpy as np

from gateway.domain.duration import format_duration
from gateway.domain.reading import F64
from gateway.domain.record import Fact
from rules.engine.conditions.base import Runner
from rules.engine.conditions.due_plan import DuePlan
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER


class DueRunner(DuePlan):
    """Only ticks fire stages, and readings that end a veto. Of several that are due at once, the latest of the highest
    level is told, at its own time. Work done, and an order closed without it, settle every turn that has begun.
    """

    ends_by_fact = True

    # --- stages
    def timers(self, now: int) -> None:
        for thing in np.flatnonzero(self.watched & (self.due <= now)).tolist():
            self._tell(thing, now, None)
        self.soonest = int(self.due[self.watched].min(initial=NEVER))

    def decide(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:  # noqa: ARG002
        if self.date[thing]:
            self._tell(thing, t if view is None else t - 1, t, view, unit)

    def _tell(self, thing: int, now: int, again: int | None, view: BatchView | None = None, unit: int = -1) -> None:
        """The stages begun by `now`; what was vetoed at its own time, before `unit`, is told at `again`, as of it."""
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
        before = self.due[thing] <= at and not self.vetoed(thing, at, view, unit, before=True)
        if not before:
            if again is None or self.vetoed(thing, again, view, unit):
                self.due[thing] = NEVER if following is None else self._begins(thing, *following)
                if view is None:
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
            self.put_on(thing, at, level, None, view, unit, before=before, text=text, count=count)

    def revalue(self, things: Sequence[int], at: int) -> None:
        """`clear`, and what was vetoed."""
        for thing in things:
            if self.watched[thing] and self.date[thing]:
                self.decide(thing, at, None, -1)
                reader = self.one(thing, at, None, -1)
                if self.raised[thing] and self.clear is not None and self.truth(self.clear, reader)[0] == 1.0:
                    self.cleared(thing, at, None, -1)
        self.soonest = -NEVER

    def wanting(self) -> Bools:
        left: Bools = (self.date > 0) & (self.condition.repeat is not None or self.stage < len(self.stages))
        return left

    def by_readings(self) -> bool:
        """May a second look at readings find something?"""
        return bool(self.bounds())

    def count_of(self, thing: int) -> int:
        return max(1, int(self.count[thing]))

    # --- ends
    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:  # noqa: ARG002
        """The work was done at `done`: the next date is that after all that have begun, or counts from that day."""
        self.put_off(thing, at, None, None, -1, reason="cycle")
        self._settle(thing, done, at)
        self._set_due(thing)
        self.soonest = -NEVER

    def closed(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:
        """Without the work: the date is passed over, the next one counts from it."""
        if self.raised[thing] and self.condition.repeat is not None:
            super().closed(thing, at, identity)
            self._pass_over(thing, at)
            self._set_due(thing)
            self.soonest = -NEVER
            return
        super().closed(thing, at, identity)

    # --- the past
    def begin_twin(self, thing: int, twin: Runner, row: int, start: int, past: Sequence[tuple[int, Fact]]) -> None:
        """Row `row` of `twin`, which judges the past from `start` µs on, begins with what had been told by then.

        `past`: (µs, fact) that the desk told of the thing before the readings. A stage that waits for its veto waits.
        """
        assert isinstance(twin, DueRunner), "the runner of the same rule"
        if self.written[thing]:
            twin.relive(row, self, thing, start, past)

    def stirred(self, view: BatchView, truths: Sequence[F64]) -> Bools:  # noqa: ARG002 - readings only end it
        return np.zeros(len(view), np.bool_)

    def meet(
        self, thing: int, t: int, truths: Sequence[float], view: BatchView | None, unit: int, *, before: bool = False
    ) -> None:
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
