"""What plausibility remembers of a (device, point), and the judgement of one reading against it. Pure.

`Memory.judge` defines what is too fast and what is stuck; `plausible` does the same over columns wherever nothing is
odd, and calls it for the rest.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import SECOND
from gateway.domain.reading import I64

NEVER: Final = -(2**62)
COLUMNS: Final = ("newest", "stand", "since", "value", "at", "prior", "prior_at")


Columns = dict[str, NDArray[Any]]
"""Name of COLUMNS -> f64[n] or i64[n]."""


@dataclass(slots=True)
class Memory:
    """Of one (device, point); times µs.

    newest: the newest reading · stand, since: the value that stands, and since when · value, at: the newest believed
    reading · prior, prior_at: the one believed before it, which a repetition of the newest is held against.
    """

    newest: int = NEVER
    stand: float = math.nan
    since: int = NEVER
    value: float = math.nan
    at: int = NEVER
    prior: float = math.nan
    prior_at: int = NEVER

    def judge(self, value: float, at: int, usable: bool, rule: "Rule") -> bool:
        """Is a known value abnormal for its time? Readings come by `at`. What is older than both believed readings is
        not held against anything. Not `usable` (out of bounds, or its time is not its own): only for standing still.
        """
        if at > self.newest:
            if value != self.stand or at - self.newest > rule.silence:
                self.stand, self.since = value, at
            self.newest = at
        if value == self.stand and at - self.since > rule.stuck:
            return True
        if not usable:
            return False
        before, then = (self.value, self.at) if at > self.at else (self.prior, self.prior_at)
        if then < at and rule.too_fast(value - before, at - then):
            return True
        if at > self.at:
            self.prior, self.prior_at = self.value, self.at
        if at >= self.at:
            self.value, self.at = value, at
        return False


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits of one point: `rate` per second, `stuck` and `silence` µs; `rising`: only a rise can be too fast."""

    rate: float
    stuck: int
    silence: int
    rising: bool

    def too_fast(self, change: float, passed: int) -> bool:
        """`change` within `passed` µs; NaN (nothing was believed yet) is never too fast."""
        return (change if self.rising else abs(change)) > self.rate * (passed / SECOND)


class Memories:
    """Columns of `Memory`, sorted by `key` i64[n] (device << 32 | point)."""

    def __init__(self) -> None:
        self.key: I64 = np.zeros(0, np.int64)
        self.columns: Columns = _blank(0)

    def __len__(self) -> int:
        return len(self.key)

    def get(self, keys: I64) -> Columns:
        """Copies of the rows of sorted, unique `keys`; blank where nothing is remembered."""
        found = _blank(len(keys))
        if len(self.key):
            place = np.minimum(np.searchsorted(self.key, keys), len(self.key) - 1)
            known = self.key[place] == keys
            for name, column in self.columns.items():
                found[name][known] = column[place[known]]
        return found

    def put(self, keys: I64, rows: Columns) -> None:
        """Remember the rows of sorted, unique `keys`."""
        fresh = keys[~np.isin(keys, self.key, assume_unique=True)]
        if len(fresh):
            place = np.searchsorted(self.key, fresh)
            self.key = np.insert(self.key, place, fresh)
            blank = _blank(len(fresh))
            for name in COLUMNS:
                self.columns[name] = np.insert(self.columns[name], place, blank[name])
        place = np.searchsorted(self.key, keys)
        for name, column in rows.items():
            self.columns[name][place] = column


def _blank(count: int) -> Columns:
    blank = Memory()
    return {
        name: np.full(count, getattr(blank, name), np.float64 if name in {"stand", "value", "prior"} else np.int64)
        for name in COLUMNS
    }
