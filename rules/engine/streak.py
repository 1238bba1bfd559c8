"""`streak`: consecutive closed windows, or readings, for which a condition is true (RULES section 5)."""

from collections.abc import Sequence

import numpy as np

from gateway.domain.alarm import Change
from gateway.domain.reading import I32, I64, U8
from rules.compiled import Rule, Streak
from rules.engine.bound import Bound
from rules.engine.runner import Field, Runner
from rules.engine.signalled import Signalled, later_too
from rules.engine.space import LONG_AGO, Space
from rules.engine.view import Picked, Reader, View


class StreakRunner(Signalled):
    """State: count i32, raised u8, and with `max_span` the starts of the last `length` true windows i64."""

    arrays = (("count", 0), ("raised", 0), ("starts", LONG_AGO))

    def __init__(self, rule: Rule, zone: str, space: Space, common: Field) -> None:
        super().__init__(rule, zone, space, common)
        assert isinstance(rule.condition, Streak), "the engine gives streak rules to this class only"
        self.condition: Streak = rule.condition
        self.count: I32 = np.zeros(0, np.int32)
        self.raised: U8 = np.zeros(0, np.uint8)
        self.starts: I64 = np.zeros((self.condition.length if self.condition.max_span else 1, 0), np.int64)
        self.of = Bound(self.condition.of, space, common.world, self.signal)
        own = self.condition.clear
        self.clear = None if own is None else Bound(own, space, common.world, self.signal)
        self.judged = (
            () if self.windows is not None else tuple(dict.fromkeys(c for b in self.bounds() for c in b.columns))
        )

    def bounds(self) -> Sequence[Bound]:
        return [bound for bound in (self.of, self.clear) if bound is not None]

    def frames(self, view: View) -> None:
        if self.windows is not None:
            self.signal_frames(view)
            return
        carry = view.carry(self.judged) & self.watched[view.thing]
        if not carry.any():
            return
        of = self.truth(self.of, view)
        need = carry & ((of == 1.0) | (self.count[view.thing] > 0) | (self.raised[view.thing] > 0))
        need = carry if self.common.scalar else later_too(view, need, carry)
        units = np.flatnonzero(need)
        clear = self.truth(self.clear, Picked(view, units)) if self.clear is not None else 1.0 - of[units]
        for k, unit in enumerate(units.tolist()):
            t = int(view.t[unit])
            self._meet(int(view.thing[unit]), t, t, float(of[unit]), float(clear[k]), view, unit, before=False)

    def window_closed(self, thing: int, end: int, reader: Reader, view: View | None, unit: int) -> None:
        assert self.windows is not None, "only rules with `let` have windows"
        of = float(self.truth(self.of, reader)[0])
        clear = float(self.truth(self.clear, reader)[0]) if self.clear is not None else 1.0 - of
        self._meet(thing, end, self.windows.begin(thing, end), of, clear, view, unit, before=True)

    def _meet(
        self, thing: int, t: int, start: int, of: float, clear: float, view: View | None, unit: int, *, before: bool
    ) -> None:  # fmt: skip
        """One more window or reading, from `start` to `t`."""
        rule = self.condition
        if of == 1.0:
            self.count[thing] = min(int(self.count[thing]) + 1, rule.length)
            self.starts[1:, thing] = self.starts[:-1, thing].copy()
            self.starts[0, thing] = start
        elif of == 0.0 or not rule.unknown_skips:
            self.count[thing] = 0
        if self.raised[thing]:
            if clear == 1.0:
                self.raised[thing] = self.count[thing] = 0
                self.emit(thing, t, Change.CLEARED, rule.level, self.clear or self.of, view, unit, before=before)
        elif of == 1.0 and self.count[thing] >= rule.length and self._within(thing, t):
            self.raised[thing] = rule.level
            self.emit(thing, t, Change.RAISED, rule.level, self.of, view, unit, before=before)

    def _within(self, thing: int, t: int) -> bool:
        return not self.condition.max_span or t - int(self.starts[-1, thing]) <= self.condition.max_span

    def tick(self, now: int) -> None:
        self.close_windows(now)

    def revalue(self, things: Sequence[int], at: int) -> None:
        """A closed window stays judged; a new threshold counts from the next one."""

    def adopt(self, old: Runner) -> None:
        """The alarm and the windows go on; the count too, while what is counted is the same."""
        assert isinstance(old, StreakRunner), "edits keep state only between rules of one shape"
        self.grow()
        self.watched, self.soonest, self.raised = old.watched, old.soonest, old.raised
        if self.windows is not None and old.windows is not None:
            self.windows.adopt(old.windows)
        if old.condition.of == self.condition.of and old.starts.shape == self.starts.shape:
            self.starts = old.starts
            self.count = np.minimum(old.count, np.int32(self.condition.length))

    def end(self, thing: int, at: int, reason: str) -> None:
        if self.raised[thing]:
            self.emit(thing, at, Change.CLEARED, self.condition.level, None, None, -1, reason=reason)
        self.raised[thing] = self.count[thing] = 0
        self.starts[:, thing] = LONG_AGO
        if self.windows is not None:
            self.windows.forget(thing)
