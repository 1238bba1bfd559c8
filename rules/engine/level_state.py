"""The state of level rules as columns: phases, times, the alarm, and how closely a thing must be looked at.

Each level of each thing is idle, pending, on or clearing. While a hold runs, `since` is its start and `last` the newest
reading for which it was true; `since` of a level that a tick raised is the time of the raise, so that an older reading
which denies it withdraws it.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64, U8
from rules.compiled import LevelRule, Rule
from rules.engine.bound import Bound
from rules.engine.runner import Field
from rules.engine.signalled import Signalled
from rules.engine.space import LONG_AGO, NEVER, Space

IDLE, PENDING, ON, CLEARING, RELEASED, PENDING_STALE, CLEARING_STALE = range(7)
IS_ON = (False, False, True, True, True, False, True)
WAITS = {PENDING: PENDING_STALE, PENDING_STALE: PENDING_STALE, CLEARING: CLEARING_STALE, CLEARING_STALE: CLEARING_STALE}
G_IDLE, G_BUSY, G_STEADY, G_OUTSIDE = 0, 1, 2, 255
NAN = float("nan")


class LevelState(Signalled):
    """State: phase u8, since i64, last i64 per level; alarm u8 (level of the alarm, 0 = none), gate u8 per thing.

    gate 0 idle · 1 must be judged at every frame · 2 on, only clearing matters · 255 not watched. 17 B per level + 2.
    """

    arrays = (("phase", IDLE), ("since", LONG_AGO), ("last", LONG_AGO), ("alarm", 0), ("gate", G_OUTSIDE))

    def __init__(self, rule: Rule, zone: str, space: Space, common: Field) -> None:
        super().__init__(rule, zone, space, common)
        assert isinstance(rule.condition, tuple), "the engine gives level rules to this class only"
        self.levels: tuple[LevelRule, ...] = tuple(sorted(rule.condition, key=lambda level: level.level))
        count = len(self.levels)
        self.phase: U8 = np.zeros((count, 0), np.uint8)
        self.since: I64 = np.zeros((count, 0), np.int64)
        self.last: I64 = np.zeros((count, 0), np.int64)
        self.alarm: U8 = np.zeros(0, np.uint8)
        self.gate: U8 = np.zeros(0, np.uint8)
        self.when = [Bound(level.when, space, common.world, self.signal) for level in self.levels]
        self.clear = [
            None if level.clear is None else Bound(level.clear, space, common.world, self.signal)
            for level in self.levels
        ]
        conditions = [*self.when, *(bound for bound in self.clear if bound is not None)]
        self.judged = tuple(dict.fromkeys(column for bound in conditions for column in bound.columns))
        self.paused: dict[int, int] = {}
        self.steady_allowed = len(self.levels) == 1 and not rule.clear_after

    def bounds(self) -> Sequence[Bound]:
        return [*self.when, *(bound for bound in self.clear if bound is not None)]

    def grow(self) -> None:
        super().grow()
        self.adopt_gate(self.gate)

    def adopt_gate(self, gate: U8) -> None:
        """Use this row as the gate (a slice of a block when rules are judged together); scalar access by views."""
        self.gate = gate
        self.m_gate, self.m_alarm = memoryview(self.gate.data), memoryview(self.alarm.data)
        self.m_phase = [memoryview(row.data) for row in self.phase]
        self.m_since = [memoryview(row.data) for row in self.since]
        self.m_last = [memoryview(row.data) for row in self.last]

    def gap(self, j: int, thing: int) -> int:
        """How long silence may be inside a hold of level `j`: as written, else 3 x every, else without end."""
        written = self.levels[j].hold.gap
        return written if written is not None else 3 * self.every(thing, self.judged) or NEVER

    def newest(self, i: int) -> int:
        """Time of the newest known value that the conditions read."""
        return max((int(self.space.good_at[column, i]) for column in self.judged), default=LONG_AGO)

    def regate(self, i: int) -> None:
        """How closely the next frames of this thing must be looked at."""
        if self.steady_allowed:
            phase = self.m_phase[0][i]
            if phase == IDLE:
                gate = G_IDLE
            else:
                gate = G_STEADY if phase in (ON, RELEASED) and self.m_since[0][i] == LONG_AGO else G_BUSY
        else:
            gate = G_BUSY if any(row[i] for row in self.m_phase) else G_IDLE
        self.m_gate[i] = gate
        if gate == G_IDLE and self.paused:
            self.paused.pop(i, None)

    def forget(self, i: int) -> None:
        """Back to idle without a word."""
        for j in range(len(self.levels)):
            self.m_phase[j][i], self.m_since[j][i], self.m_last[j][i] = IDLE, LONG_AGO, LONG_AGO
        self.m_alarm[i] = 0
        self.paused.pop(i, None)

    def extra(self) -> bytes:
        return msgspec.msgpack.encode(self.paused) if self.paused else b""

    def load_extra(self, blob: bytes) -> None:
        self.paused = msgspec.msgpack.decode(blob, type=dict[int, int]) if blob else {}

    def pending_due(self) -> NDArray[np.int64]:
        """Due time of every running hold, NEVER elsewhere: i64[level, thing]."""
        due = np.full(self.phase.shape, NEVER, np.int64)
        for j, rule in enumerate(self.levels):
            for phase, length in ((PENDING, rule.hold.for_), (CLEARING, rule.clear_hold)):
                mask = self.phase[j] == phase
                due[j][mask] = self.since[j][mask] + length
        return due
