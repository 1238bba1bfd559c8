"""Recent values of a (device, point), and the check of one reading against them. Pure.

`RecentValue.judge` defines "too fast" and "stuck". `plausibility.py` computes the same over columns where no reading is
abnormal, and calls it for the others.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.domain.counter import CounterState, Fall, advance
from gateway.domain.device import CounterModel
from gateway.domain.duration import SECOND
from gateway.domain.plausible.reasons import Abnormal
from gateway.domain.reading import I64

NEVER: Final = -(2**62)
COLUMNS: Final = (
    "newest", "stand", "since", "value", "at", "prior", "prior_at", "run", "run_value", "run_at",
)  # fmt: skip
_FLOATS: Final = frozenset({"stand", "value", "prior", "run_value"})

Columns = dict[str, NDArray[Any]]
"""Name of COLUMNS -> f64[n] or i64[n]."""


@dataclass(slots=True)
class AcceptedValue:
    """State of one (device, point); times µs.

    newest: the newest reading · stand, since: the unchanged value, and the start of it · value, at: the newest believed
    reading · prior, prior_at: the believed reading before it · run, run_value, run_at: how many readings in a row,
    newer than `at`, were too fast and agree with each other, and the newest of them · shift, falls: those of a counter.
    """

    newest: int = NEVER
    stand: float = math.nan
    since: int = NEVER
    value: float = math.nan
    at: int = NEVER
    prior: float = math.nan
    prior_at: int = NEVER
    run: int = 0
    run_value: float = math.nan
    run_at: int = NEVER
    shift: float = 0.0
    falls: tuple[Fall, ...] = ()

    def judge(self, value: float, at: int, usable: bool, rule: "PointLimits") -> Abnormal:
        """Why a known value is abnormal for its time. A reading older than both believed readings is never too fast.
        Without `usable` (out of bounds, or a clamped time) only the stuck check applies."""
        if at > self.newest:
            if value != self.stand or at - self.newest > rule.silence:
                self.stand, self.since = value, at
            self.newest = at
        if value == self.stand and at - self.since > rule.stuck:
            return Abnormal.STUCK
        return self._compared(value, at, rule) if usable else Abnormal.NONE

    def _compared(self, value: float, at: int, rule: "PointLimits") -> Abnormal:
        if at <= self.at:  # late: compared with the one believed before
            change, passed, _ = rule.change(CounterState(self.prior, 0.0, self.prior_at), value, at)
            return rule.reason(change, passed) if at > self.prior_at else Abnormal.NONE
        change, passed, state = rule.change(CounterState(self.value, self.shift, self.at, self.falls), value, at)
        reason = rule.reason(change, passed)
        if rule.firm and reason is Abnormal.NONE and rule.is_fall(self.value, value, state.shift - self.shift):
            reason = Abnormal.FELL
        if reason is Abnormal.NONE:
            self._accept(state)
            if at >= self.run_at:
                self.run = 0
            return reason
        if at > self.run_at:
            self._count_agreeing(value, at, rule)
        return reason

    def spike_before(self, value: float, limit: float) -> bool:
        """True if `value`, the newest one, shows that the believed reading before it was a spike: it differs from it
        and from the one before that by more than `limit`, in the same direction, and these two agree."""
        up, down = self.value - self.prior, self.value - value
        return abs(up) > limit and abs(down) > limit and (up > 0) == (down > 0) and abs(value - self.prior) <= limit

    def _accept(self, state: CounterState) -> None:
        if state.at > self.at:
            self.prior, self.prior_at = self.value, self.at
        self.value, self.shift, self.at, self.falls = state

    def _count_agreeing(self, value: float, at: int, rule: "PointLimits") -> None:
        """Count one more reading that is too fast. When enough of them agree, their level is believed from now on."""
        agrees = False
        if self.run:
            change, passed, _ = rule.change(CounterState(self.run_value, 0.0, self.run_at), value, at)
            fell = rule.model is not None and value < self.run_value and change == change
            agrees = not fell and rule.reason(change, passed) is Abnormal.NONE
        self.run = self.run + 1 if agrees else 1
        self.run_value, self.run_at = value, at
        if self.run >= rule.relearn:
            self.run = 0
            self._accept(CounterState(value, 0.0, at))


@dataclass(frozen=True, slots=True)
class PointLimits:
    """Limits of one point: `rate`, `fall` per second, `step`, `spike` canonical, `stuck` and `silence` µs; `relearn`
    agreeing readings are believed; `model`: counter model, None = no counter; `firm`: a counter that must not fall."""

    rate: float
    stuck: int
    silence: int
    relearn: int = 3
    model: CounterModel | None = None
    fall: float = math.inf
    step: float = math.inf
    spike: float = math.inf
    firm: bool = False

    def reason(self, change: float, passed: int) -> Abnormal:
        """Why `change` within `passed` µs is abnormal. NaN (no believed reading yet) never is."""
        seconds = passed / SECOND
        if change > self.rate * seconds or -change > self.fall * seconds:
            return Abnormal.TOO_FAST
        return Abnormal.STEP if abs(change) > self.step else Abnormal.NONE

    def is_fall(self, last: float, value: float, shift: float) -> bool:
        """True if a counter fell, by which its line was shifted by `shift`: no rollover, and no row sent again."""
        return value < last and shift != 0 and (self.model is None or shift != self.model.rollover)

    def change(self, state: CounterState, value: float, at: int) -> tuple[float, int, CounterState]:
        """(change, its duration in µs, the new state) from a believed reading to the next one."""
        if self.model is None:
            return value - state.value, at - state.at, CounterState(value, 0.0, at)
        step = advance(state, value, at, self.model) if state.value == state.value else None
        if step is None:  # the first reading, or one that was sent again
            known = state.value == state.value
            return math.nan, 1, state if known else CounterState(value, 0.0, at)
        if step.back is not None:
            return value - step.back.value, at - step.back.at, step.state
        rise = value - state.value
        return rise if rise >= 0 else step.state.line - state.line, at - state.at, step.state


@dataclass(slots=True)
class RecentValue:
    """State `now`, and `before` the newest moment: a reading of the same moment replaces the one before."""

    now: AcceptedValue = field(default_factory=AcceptedValue)
    before: AcceptedValue = field(default_factory=AcceptedValue)
    spike: tuple[int, float] | None = None
    """(at, value) of the reading that the last judged one showed to be a spike."""

    def judge(self, value: float, at: int, usable: bool, rule: PointLimits) -> Abnormal:
        """Why a value is abnormal for its time. Call in order of `at`. NaN is a bad reading, which only replaces."""
        newest, self.spike = self.now.newest, None
        if at == newest:
            self.now = replace(self.before)
        if value != value:
            return Abnormal.NONE
        if at > newest:
            self.before = replace(self.now)
        elif at < newest:
            self.before.judge(value, at, usable, rule)
        last = self.now
        shown = usable and at >= newest and last.at == last.newest and last.spike_before(value, rule.spike)
        was = (last.at, last.value, last.prior, last.prior_at)
        found = self.now.judge(value, at, usable, rule)
        if shown and found is Abnormal.NONE:
            self.spike, self.now.prior, self.now.prior_at = (was[0], was[1]), was[2], was[3]
        return found


Falls = tuple[float, tuple[Fall, ...], float, tuple[Fall, ...]]
"""shift and falls of a counter, now and before the newest moment."""


class RecentValues:
    """Columns of `RecentValue`, sorted by `key` i64[n] (device << 32 | point); `falls` of counters that have any."""

    def __init__(self) -> None:
        self.key: I64 = np.zeros(0, np.int64)
        self.columns: Columns = blank(0)
        self.falls: dict[int, Falls] = {}

    def __len__(self) -> int:
        return len(self.key)

    def get(self, keys: I64) -> Columns:
        """Copies of the rows of sorted, unique `keys`; blank rows for new keys."""
        found = blank(len(keys))
        if len(self.key):
            place = np.minimum(np.searchsorted(self.key, keys), len(self.key) - 1)
            known = self.key[place] == keys
            for name, column in self.columns.items():
                found[name][known] = column[place[known]]
        return found

    def put(self, keys: I64, rows: Columns, falls: dict[int, Falls]) -> None:
        """Store the rows of sorted, unique `keys`, and the changed falls."""
        fresh = keys[~np.isin(keys, self.key, assume_unique=True)]
        if len(fresh):
            place = np.searchsorted(self.key, fresh)
            self.key = np.insert(self.key, place, fresh)
            empty = blank(len(fresh))
            for name in empty:
                self.columns[name] = np.insert(self.columns[name], place, empty[name])
        place = np.searchsorted(self.key, keys)
        for name, column in rows.items():
            self.columns[name][place] = column
        for key, held in falls.items():
            if held[1] or held[3]:
                self.falls[key] = held
            else:
                self.falls.pop(key, None)


def before(name: str) -> str:
    """Name of the column with the value of `name` before the newest moment."""
    return f"before_{name}"


def blank(count: int) -> Columns:
    """Blank COLUMNS, and the same for the moment before."""
    accepted = AcceptedValue()
    return {
        place: np.full(count, getattr(accepted, name), np.float64 if name in _FLOATS else np.int64)
        for name in COLUMNS
        for place in (name, before(name))
    }
