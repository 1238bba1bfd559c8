"""`silent`: a deadline from the last known reading, fired by ticks, cleared by the next reading (RULES section 5)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Change
from gateway.domain.device import Life
from gateway.domain.duration import HOUR, format_duration
from gateway.domain.reading import I64
from rules.compiled import Expression, Rule, Silence
from rules.engine.bound import Bound
from rules.engine.runner import Field, Runner
from rules.engine.signalled import later_too
from rules.engine.space import LONG_AGO, NEVER, Space
from rules.engine.view import Held, Picked, Prior, Reader, View


class SilentRunner(Runner):
    """State: raised_at i64 (LONG_AGO = heard), registered i64 per thing: 16 B. When it was heard is in the space."""

    arrays = (("raised_at", LONG_AGO), ("registered", 0))

    def __init__(self, rule: Rule, zone: str, space: Space, common: Field) -> None:
        super().__init__(rule, zone, space, common)
        assert isinstance(rule.condition, Silence), "the engine gives silent rules to this class only"
        self.condition: Silence = rule.condition
        self.heard_by = tuple(space.column(name) for name in self.condition.points)
        self.raised_at: I64 = np.zeros(0, np.int64)
        self.registered: I64 = np.zeros(0, np.int64)
        longer = self.condition.longer_than
        self.longer = Bound(longer, space, common.world, self.signal) if isinstance(longer, Expression) else None
        text = longer.text if isinstance(longer, Expression) else format_duration(longer)
        how = "all_of" if self.condition.all_of else "any_of"
        self.text = f"silent {how} [{', '.join(self.condition.points)}] longer_than {text}"

    def bounds(self) -> Sequence[Bound]:
        return [] if self.longer is None else [self.longer]

    def covers(self, thing: int) -> bool:
        device = self.common.world.devices[self.space.things[thing].device]
        return device.life is Life.IN_SERVICE and super().covers(thing)

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

    def _heard(self, columns: Sequence[I64], things: NDArray[np.integer]) -> I64:
        since = [np.maximum(column, self.registered[things]) for column in columns]
        found: I64 = np.minimum.reduce(since) if self.condition.all_of else np.maximum.reduce(since)
        return found

    def _grace(self, thing: int, heard: int, now: int) -> bool:
        """May the device have spoken while the gateway was away? Then it gets three intervals to speak again."""
        latest = self.common.downs.latest
        if self.rule.downtime == "count" or latest <= heard:
            return False
        return now < latest + 3 * self.every(thing, self.heard_by)

    def frames(self, view: View) -> None:
        carry = view.carry(self.heard_by) & self.watched[view.thing]
        if self.longer is not None and view.carry(self.longer.columns).any():
            self.soonest = -NEVER
        units = np.flatnonzero(carry)
        if not len(units):
            return
        thing = view.thing
        before = self._heard([view.good_at_before(column) for column in self.heard_by], thing)
        after = self._heard([view.good_at(column) for column in self.heard_by], thing)
        limit_before = self._limit(Prior(view, np.arange(len(view)), 0))
        due = before + limit_before
        need = carry & ((self.raised_at[thing] > LONG_AGO) | (due < view.t))
        need = carry if self.common.scalar else later_too(view, need, carry)
        units = np.flatnonzero(need)
        limit = self._limit(Picked(view, units))
        for k, unit in enumerate(units.tolist()):
            self._meet(
                view, unit, int(before[unit]), int(due[unit]), int(after[unit]), int(limit[k])
            )  # fmt: skip

    def _meet(self, view: View, unit: int, before: int, due: int, after: int, limit: int) -> None:
        thing, t = int(view.thing[unit]), int(view.t[unit])
        if self.raised_at[thing] == LONG_AGO and due < t and not self._grace(thing, before, t):
            self.raised_at[thing] = due
            self._say(thing, due, Change.RAISED, view, unit, before=True)
        raised = int(self.raised_at[thing])
        if raised != LONG_AGO and after > before and after + limit >= t:
            self.raised_at[thing] = LONG_AGO
            self.soonest = min(self.soonest, after + limit)
            # a reading older than the deadline proves that there was no silence
            self._say(thing, t, Change.CLEARED if t >= raised else Change.WITHDRAWN, view, unit)

    def _say(
        self, thing: int, at: int, change: Change, view: View | None, unit: int,
        *, before: bool = False, reason: str = "",
    ) -> None:  # fmt: skip
        level = self.condition.level
        self.emit(thing, at, change, level, None, view, unit, before=before, reason=reason, text=self.text)

    def tick(self, now: int) -> None:
        if self.soonest > now:
            return
        things = np.flatnonzero(self.watched & (self.raised_at == LONG_AGO))
        self.soonest = NEVER
        if not len(things):
            return
        heard = self._heard([self.space.good_at[column][things] for column in self.heard_by], things)
        due = heard + self._limit(Held(self.space, things, now))
        soonest = int(due[due > now].min()) if (due > now).any() else NEVER
        for k in np.flatnonzero(due <= now).tolist():
            thing = int(things[k])
            if self._grace(thing, int(heard[k]), now):
                soonest = min(soonest, self.common.downs.latest + 3 * self.every(thing, self.heard_by))
                continue
            self.raised_at[thing] = int(due[k])
            self._say(thing, int(due[k]), Change.RAISED, None, -1)
        self.soonest = soonest

    def revalue(self, things: Sequence[int], at: int) -> None:  # noqa: ARG002 - the next tick decides
        self.soonest = -NEVER

    def end(self, thing: int, at: int, reason: str) -> None:
        if self.raised_at[thing] != LONG_AGO:
            self.raised_at[thing] = LONG_AGO
            self._say(thing, at, Change.CLEARED, None, -1, reason=reason)
