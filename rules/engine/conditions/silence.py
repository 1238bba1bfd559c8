"""`silent`: a deadline from the last reading, fired by ticks, cleared by the next reading (RULES section 5)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Change
from gateway.domain.duration import HOUR, format_duration
from gateway.domain.reading import I64
from rules.compiled import Expression, Rule, Silence
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import EngineContext
from rules.engine.conditions.windowed import Signalled, later_too
from rules.engine.frames.batch_view import BatchView, Latest, Reader, UnitsAt, UnitsBefore
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable

VETOED = LONG_AGO + 1


class SilentRunner(Signalled):
    """State: raised_at i64 (LONG_AGO = heard, VETOED = silent, but its hours or `unless` forbid to say so),
    registered i64 per thing: 16 B. When it was heard is in the space.

    What was vetoed is decided again when a point of the rule comes, an attribute changes, or its hours begin. A `plain`
    one hangs on nothing but when it was heard, so that an older reading puts it right at once.
    """

    arrays = (("raised_at", LONG_AGO), ("registered", 0))
    in_service = True

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        super().__init__(rule, zone, space, common)
        assert isinstance(rule.condition, Silence), "the engine gives silent rules to this class only"
        self.condition: Silence = rule.condition
        self.heard_by = tuple(space.column(name) for name in self.condition.points)
        self.raised_at: I64 = np.zeros(0, np.int64)
        self.registered: I64 = np.zeros(0, np.int64)
        longer = self.condition.longer_than
        self.longer = (
            BoundExpression(longer, space, common.world, self.signal) if isinstance(longer, Expression) else None
        )
        self.unless = None if rule.unless is None else BoundExpression(rule.unless, space, common.world, self.signal)
        self.judged = tuple(dict.fromkeys(column for bound in self.bounds() for column in bound.columns))
        text = longer.text if isinstance(longer, Expression) else format_duration(longer)
        self.decides_back = self.longer is not None  # how long it may be silent counts from when it was heard
        self.plain = self.longer is None and self.unless is None and self.schedule is None
        how = "all_of" if self.condition.all_of else "any_of"
        self.text = f"silent {how} [{', '.join(self.condition.points)}] longer_than {text}"
        self.text += " quality good" if self.condition.good else ""

    def bounds(self) -> Sequence[BoundExpression]:
        own = [*(self.skill.bounds() if self.skill is not None else ()), self.longer, self.unless]
        return [bound for bound in own if bound is not None]

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        return () if self.plain and not self.condition.good else None

    def decide_without(self, thing: int, at: int) -> None:
        if not self.plain:
            super().decide_without(thing, at)

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        for thing in things:
            self.registered[thing] = self.common.world.devices[self.space.things[thing].device].registered
        self.soonest = -NEVER

    def _limit(self, reader: Reader) -> I64:
        """Allowed silence per item, µs; unknown = for ever."""
        if self.longer is None:
            assert isinstance(self.condition.longer_than, int), "no expression, so a number"
            return np.full(len(reader.thing), self.condition.longer_than, np.int64)
        hours = self.longer.scalar(reader) if self.common.scalar else self.longer.vector(reader)
        return np.where(np.isnan(hours), NEVER, np.nan_to_num(hours) * HOUR).astype(np.int64)

    def _due(self, heard: I64, limit: I64) -> I64:
        """When those last heard at `heard` have been silent for `limit`, both µs."""
        due = heard + limit
        return self.common.downs.put_off(heard, due) if self.common.downs.steps else due

    def _heard(self, columns: Sequence[I64], things: NDArray[np.integer]) -> I64:
        since = [np.maximum(column, self.registered[things]) for column in columns]
        found: I64 = np.minimum.reduce(since) if self.condition.all_of else np.maximum.reduce(since)
        return found

    def frames(self, view: BatchView) -> None:
        if self.windows is not None:
            self.signal_frames(view)
        carry = view.carry(self.heard_by)
        if self.judged:
            carry = carry | view.carry(self.judged)
            if self.longer is not None and view.carry(self.judged).any():
                self.soonest = -NEVER
        carry = carry & self.watched[view.thing]
        units = np.flatnonzero(carry)
        if not len(units):
            return
        thing = view.thing
        times = (view.good_at_before, view.good_at) if self.condition.good else (view.heard_at_before, view.heard_at)
        before, after = (self._heard([heard(column) for column in self.heard_by], thing) for heard in times)
        limit_before = self._limit(UnitsBefore(view, np.arange(len(view)), view.t - 1))
        due = self._due(before, limit_before)
        need = carry & ((self.raised_at[thing] > LONG_AGO) | (due < view.t) | view.moments)
        if self.decided:
            need |= carry & np.isin(thing, list(self.decided))
        need = carry if self.common.scalar else later_too(view, need, carry)
        units = np.flatnonzero(need)
        ends = self._due(after[units], self._limit(UnitsAt(view, units)))
        for k, unit in enumerate(units.tolist()):
            if self.decided and self.overtaken(int(thing[unit]), int(view.t[unit])):
                continue
            self._meet(
                view, unit, int(before[unit]), int(due[unit]), int(after[unit]), int(ends[k])
            )  # fmt: skip

    def _meet(self, view: BatchView, unit: int, before: int, due: int, after: int, ends: int) -> None:
        """`ends`: when what it is allowed to be silent for since `after` is over."""
        thing, t = int(view.thing[unit]), int(view.t[unit])
        opening = self.reopened(thing, t)
        if self.raised_at[thing] == LONG_AGO and due < t and self.decided_at(thing, due, self.heard_by) <= t:
            self._raise(thing, due, view, unit, before=True)
        if opening is not None and self.raised_at[thing] == VETOED:
            self._raise(thing, opening, view, unit, before=True)
        raised = int(self.raised_at[thing])
        if raised != LONG_AGO and after > before and ends >= t:
            self.raised_at[thing] = LONG_AGO
            self.soonest = min(self.soonest, ends)
            # a reading older than the deadline proves that there was no silence
            if raised != VETOED:
                self._say(thing, t, Change.CLEARED if t > raised else Change.WITHDRAWN, view, unit)
        elif raised == VETOED and t < ends < NEVER:  # by what is allowed now, it is not silent any more
            self.raised_at[thing] = LONG_AGO
            self.soonest = min(self.soonest, ends)
        elif ends <= t and (raised == VETOED or (raised == LONG_AGO and view.moments[unit])):
            self._raise(thing, t, view, unit)

    def _raise(self, thing: int, at: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        """It is silent at `at`."""
        vetoed = self.off_hours(thing, at)
        if not vetoed and self.unless is not None:
            vetoed = bool(self.truth(self.unless, self.one(thing, at, view, unit, before=before))[0] == 1.0)
        self.raised_at[thing] = VETOED if vetoed else at
        if not vetoed:
            self._say(thing, at, Change.RAISED, view, unit, before=before)
        elif view is None:
            self.decide_without(thing, at)

    def _say(
        self,
        thing: int,
        at: int,
        change: Change,
        view: BatchView | None,
        unit: int,
        *,
        before: bool = False,
        reason: str = "",
    ) -> None:
        level = self.condition.level
        self.emit(thing, at, change, level, None, view, unit, before=before, reason=reason, text=self.text)

    def judge_unit(self, view: BatchView, unit: int) -> None:
        """Signals of `longer_than` and `unless` are asked for when they are needed."""

    def window_closed(self, thing: int, end: int, reader: Reader, view: BatchView | None, unit: int) -> None:  # noqa: ARG002
        self.soonest = -NEVER

    def tick(self, now: int) -> None:
        self.close_windows(now)
        if self.soonest <= now:
            self._timers(now)
        for thing, opening in self.reopenings(now):
            if self.raised_at[thing] == VETOED:
                self._raise(thing, opening, None, -1)

    def _timers(self, now: int) -> None:
        things = np.flatnonzero(self.watched & (self.raised_at == LONG_AGO))
        self.soonest = NEVER
        if not len(things):
            return
        table = self.space.good_at if self.condition.good else self.space.at
        heard = self._heard([table[column][things] for column in self.heard_by], things)
        due = self._due(heard, self._limit(Latest(self.space, things, now)))
        soonest = int(due[due > now].min()) if (due > now).any() else NEVER
        for k in np.flatnonzero(due <= now).tolist():
            thing = int(things[k])
            if (when := self.decided_at(thing, int(due[k]), self.heard_by)) > now:
                soonest = min(soonest, when)
            else:
                self._raise(thing, int(due[k]), None, -1)
        self.soonest = soonest

    def is_on(self, thing: int) -> int:
        return int(self.condition.level) if self.raised_at[thing] != LONG_AGO else 0

    def again(self, thing: int, since: int) -> int:
        return since + int(self._limit(Latest(self.space, np.array([thing]), since))[0])

    def revalue(self, things: Sequence[int], at: int) -> None:  # noqa: ARG002 - the next tick decides
        self.soonest = -NEVER

    def end(self, thing: int, at: int, reason: str) -> None:
        if self.raised_at[thing] > VETOED:
            self._say(thing, at, Change.CLEARED, None, -1, reason=reason)
        self.raised_at[thing] = LONG_AGO
        if self.windows is not None:
            self.windows.forget(thing)
