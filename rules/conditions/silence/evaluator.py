"""`silent`: a deadline from the last reading, fired by ticks, cleared by the next reading (RULES section 5)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Change
from gateway.domain.duration import HOUR, format_duration
from gateway.domain.reading import I64
from rules.compiled import Expression
from rules.conditions.silence.condition import Silence
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext, later_too
from rules.engine.conditions.context import columns_of
from rules.engine.frames.at import At, at_unit
from rules.engine.frames.batch_view import BatchView, Latest, Reader, UnitsAt, UnitsBefore
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.windows.base import StateTable

VETOED = LONG_AGO + 1


class SilenceState(StateTable):
    """raised_at i64[n] µs (LONG_AGO = not silent, VETOED = silent, but its hours or `unless` forbid a raise),
    registered i64[n] µs: 16 B.
    """

    arrays = (("raised_at", LONG_AGO), ("registered", 0))
    raised_at: I64 = np.zeros(0, np.int64)
    registered: I64 = np.zeros(0, np.int64)


class SilenceEvaluator(ConditionEvaluator):
    """State: that of `SilenceState`. When a thing sent its last reading is in the space.

    What was vetoed is decided again when a point of the rule comes, an attribute changes, or its hours begin. A `plain`
    one depends on the last reading only, so that an older reading puts it right at once.
    """

    in_service = True

    def __init__(self, context: EvaluatorContext) -> None:
        super().__init__(context)
        assert isinstance(context.rule.condition, Silence), "factory.py gives silent rules to this class only"
        self.condition: Silence = context.rule.condition
        self.waits_for = tuple(context.space.column(name) for name in self.condition.points)
        self.silence = self.columns.tables["silence"] = SilenceState(context.space)
        longer = self.condition.longer_than
        self.longer = context.bind(longer) if isinstance(longer, Expression) else None
        self.unless = context.bind_if(context.rule.unless)
        self.judged = columns_of(self.bounds())
        self.decides_back = self.longer is not None  # how long it may be silent counts from the last reading
        self.plain = self.longer is None and self.unless is None and self.hours is None
        self.decided.ignored = self.plain
        how = "all_of" if self.condition.all_of else "any_of"
        text = longer.text if isinstance(longer, Expression) else format_duration(longer)
        self.text = f"silent {how} [{', '.join(self.condition.points)}] longer_than {text}"
        self.text += " quality good" if self.condition.good else ""

    def bounds(self) -> Sequence[BoundExpression]:
        return [*self.reporter.bounds(), *(bound for bound in (self.longer, self.unless) if bound is not None)]

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        return () if self.plain and not self.condition.good else None

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        devices = self.context.world.devices
        for thing in things:
            self.silence.registered[thing] = devices[self.space.things[thing].device].registered
        self.context.soonest = -NEVER

    def _limit(self, reader: Reader) -> I64:
        """Allowed silence per item, µs; unknown = for ever."""
        if self.longer is None:
            assert isinstance(self.condition.longer_than, int), "no expression, so a number"
            return np.full(len(reader.thing), self.condition.longer_than, np.int64)
        hours = self.context.truth(self.longer, reader)
        return np.where(np.isnan(hours), NEVER, np.nan_to_num(hours) * HOUR).astype(np.int64)

    def _due(self, last: I64, limit: I64) -> I64:
        """Time at which things with their last reading at `last` have been silent for `limit`, all µs."""
        due = last + limit
        return self.common.downs.put_off(last, due) if self.common.downs.steps else due

    def _last_reading(self, columns: Sequence[I64], things: NDArray[np.integer]) -> I64:
        """Time of the last reading of each of these things, µs, of `columns` i64[n] of its points."""
        since = [np.maximum(column, self.silence.registered[things]) for column in columns]
        found: I64 = np.minimum.reduce(since) if self.condition.all_of else np.maximum.reduce(since)
        return found

    # --- readings
    def frames(self, view: BatchView) -> None:
        if self.windows is not None:
            self.feed.frames(view, self.judged)
        carry = view.carry(self.waits_for)
        if self.judged:
            carry = carry | view.carry(self.judged)
            if self.longer is not None and view.carry(self.judged).any():
                self.context.soonest = -NEVER
        carry = carry & self.watched[view.thing]
        if not carry.any():
            return
        thing = view.thing
        times = (view.good_at_before, view.good_at) if self.condition.good else (view.read_at_before, view.read_at)
        before, after = (self._last_reading([at(column) for column in self.waits_for], thing) for at in times)
        due = self._due(before, self._limit(UnitsBefore(view, np.arange(len(view)), view.t - 1)))
        need = carry & ((self.silence.raised_at[thing] > LONG_AGO) | (due < view.t) | view.moments)
        if self.decided.until:
            need |= carry & np.isin(thing, list(self.decided.until))
        need = later_too(view, need, carry)
        units = np.flatnonzero(need)
        ends = self._due(after[units], self._limit(UnitsAt(view, units)))
        for k, unit in enumerate(units.tolist()):
            here = at_unit(view, unit)
            if self.decided.until and self.decided.overtaken(here.thing, here.t):
                continue
            self._judge_unit(here, int(due[unit]), int(ends[k]), newer=bool(after[unit] > before[unit]))

    def _judge_unit(self, here: At, due: int, ends: int, *, newer: bool) -> None:
        """A unit. `due`: when the silence before it would have been too long; `ends`: when one from its own last
        reading is, both µs; `newer`: it has a newer reading.
        """
        thing, t, raised_at = here.thing, here.t, self.silence.raised_at
        opening = None if self.hours is None else self.hours.reopened(thing, t)
        if raised_at[thing] == LONG_AGO and due < t and self._decided_at(thing, due) <= t:
            self._raise(here.earlier(due))
        if opening is not None and raised_at[thing] == VETOED:
            self._raise(here.earlier(opening))
        raised = int(raised_at[thing])
        if raised != LONG_AGO and newer and ends >= t:
            raised_at[thing] = LONG_AGO
            self.context.timer(ends)
            # a reading older than the deadline proves that there was no silence
            if raised != VETOED:
                self._emit(here, Change.CLEARED if t > raised else Change.WITHDRAWN)
        elif raised == VETOED and t < ends < NEVER:  # by what is allowed now, it is not silent any more
            raised_at[thing] = LONG_AGO
            self.context.timer(ends)
        elif ends <= t and (raised == VETOED or (raised == LONG_AGO and here.moment)):
            self._raise(here)

    def _decided_at(self, thing: int, due: int) -> int:
        return self.context.downtime.decided_at(thing, due, self.waits_for)

    def _raise(self, here: At) -> None:
        """It is silent."""
        vetoed = self.context.off_hours(here.thing, here.t)
        if not vetoed and self.unless is not None:
            vetoed = bool(self.context.truth(self.unless, here.reader(self.space))[0] == 1.0)
        self.silence.raised_at[here.thing] = VETOED if vetoed else here.t
        if not vetoed:
            self._emit(here, Change.RAISED)
        elif here.view is None:
            self.decided.note(here.thing, here.t)

    def _emit(self, here: At, change: Change, reason: str = "") -> None:
        self.reporter.emit(here, change, self.condition.level, None, reason=reason, text=self.text)

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """Signals of `longer_than` and `unless` are read when they are needed."""

    def window_closed(self, here: At, reader: Reader) -> None:  # noqa: ARG002
        self.context.soonest = -NEVER

    # --- engine time
    def tick(self, now: int) -> None:
        self.feed.close(now)
        if self.soonest <= now:
            self._timers(now)
        for thing, opening in self.context.reopenings(now):
            if self.silence.raised_at[thing] == VETOED:
                self._raise(At(thing, opening))

    def _timers(self, now: int) -> None:
        things = np.flatnonzero(self.watched & (self.silence.raised_at == LONG_AGO))
        self.context.soonest = NEVER
        if not len(things):
            return
        table = self.space.good_at if self.condition.good else self.space.at
        last = self._last_reading([table[column][things] for column in self.waits_for], things)
        due = self._due(last, self._limit(Latest(self.space, things, now)))
        soonest = int(due[due > now].min()) if (due > now).any() else NEVER
        for k in np.flatnonzero(due <= now).tolist():
            thing = int(things[k])
            if (when := self._decided_at(thing, int(due[k]))) > now:
                soonest = min(soonest, when)
            else:
                self._raise(At(thing, int(due[k])))
        self.context.soonest = soonest

    # --- facts
    def is_on(self, thing: int) -> int:
        return int(self.condition.level) if self.silence.raised_at[thing] != LONG_AGO else 0

    def again(self, thing: int, since: int) -> int:
        return since + int(self._limit(Latest(self.space, np.array([thing]), since))[0])

    def revalue(self, things: Sequence[int], at: int) -> None:  # noqa: ARG002 - the next tick decides
        self.context.soonest = -NEVER

    def end(self, thing: int, at: int, reason: str) -> None:
        if self.silence.raised_at[thing] > VETOED:
            self._emit(At(thing, at), Change.CLEARED, reason)
        self.silence.raised_at[thing] = LONG_AGO
        if self.windows is not None:
            self.windows.forget(thing)


EVALUATORS = {Silence: SilenceEvaluator}
