"""The state of rules with levels as columns: phases, times, the alarm, and how closely a thing must be looked at.

Each level of each thing is idle, pending, on, clearing, or vetoed: met, but kept from being raised by `unless`. While a
hold runs, `since` is its start and `last` the newest reading for which it was true.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.domain.reading import I64, U8
from rules.compiled import LevelRule
from rules.engine.conditions.decided import Decided
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import StateTable

IDLE, PENDING, ON, CLEARING, RELEASED, PENDING_STALE, CLEARING_STALE, VETOED = range(8)
IS_ON = (False, False, True, True, True, False, True, False)
WAITS = {PENDING: PENDING_STALE, PENDING_STALE: PENDING_STALE, CLEARING: CLEARING_STALE, CLEARING_STALE: CLEARING_STALE}
G_IDLE, G_BUSY, G_STEADY, G_OUTSIDE = 0, 1, 2, 255
NAN = float("nan")


class HoldsState(Struct, frozen=True, tag="holds"):
    """`paused` and `deferred` of `ThresholdState`."""

    paused: dict[int, int]
    deferred: dict[int, int]


class NoTimes:
    """Stands for the times of a level that never waits: always long ago."""

    def __getitem__(self, i: int) -> int:
        return LONG_AGO

    def __setitem__(self, i: int, at: int) -> None:
        """Nothing to remember."""


class ThresholdState(StateTable):
    """phase u8[level, n], since i64[level, n] µs, last i64[level, n] µs; alarm u8[n] (level of the alarm, 0 = none),
    gate u8[n]; `m_*` are the same by element, faster for single ones.

    gate 0 idle · 1 must be judged at every frame · 2 on, only clearing matters · 255 not watched. 17 B per level + 2,
    but 1 B per level + 2 for a rule without holds.

    `paused`: row -> up to when its silences have been taken out of its running holds, µs. `deferred`: things whose
    holds an evaluation of the past decides -> until when ticks leave these alone, engine time µs. `steady`: gate 2 is
    used.
    """

    TIMES = (("since", LONG_AGO), ("last", LONG_AGO))

    def __init__(self, space: ThingTable, levels: Sequence[LevelRule], decided: Decided, *, steady: bool) -> None:
        super().__init__(space)
        self.levels, self.decided, self.steady = levels, decided, steady
        self.timed = any(one.hold.for_ or one.clear_hold for one in levels)
        self.arrays = (("phase", IDLE), ("alarm", 0), ("gate", G_OUTSIDE), *(self.TIMES if self.timed else ()))
        self.phase: U8 = np.zeros((len(levels), 0), np.uint8)
        self.since: I64 = np.zeros((len(levels), 0), np.int64)
        self.last: I64 = np.zeros((len(levels), 0), np.int64)
        self.alarm: U8 = np.zeros(0, np.uint8)
        self.gate: U8 = np.zeros(0, np.uint8)
        self.marks: U8 | None = None
        self.paused: dict[int, int] = {}
        self.deferred: dict[int, int] = {}

    def grow(self) -> None:
        super().grow()
        self.use_gate(self.gate)

    def use_gate(self, gate: U8, marks: U8 | None = None) -> None:
        """Use this row as the gate (of a table when rules are judged together).

        `marks` u8[n] is set to 1 wherever a thing has to be looked at more closely.
        """
        self.gate, self.marks = gate, marks
        self.m_marks = None if marks is None else memoryview(marks.data)
        self.m_gate, self.m_alarm = memoryview(self.gate.data), memoryview(self.alarm.data)
        self.m_phase = [memoryview(row.data) for row in self.phase]
        self.m_since, self.m_last = self._times(self.since), self._times(self.last)

    def _times(self, table: I64) -> "list[memoryview[int] | NoTimes]":
        return [memoryview(row.data) if self.timed else NoTimes() for row in table]

    def regate(self, i: int) -> None:
        """How closely the next frames of this thing must be looked at."""
        if self.steady:
            phase = self.m_phase[0][i]
            if phase == IDLE:
                gate = G_IDLE
            else:
                gate = G_STEADY if phase in (ON, RELEASED) else G_BUSY
        else:
            gate = G_BUSY if any(row[i] for row in self.m_phase) else G_IDLE
        if self.decided.until and i in self.decided.until:
            gate = G_BUSY
        self.m_gate[i] = gate
        if gate != G_IDLE:
            if self.m_marks is not None:
                self.m_marks[i] = 1
        elif self.paused:
            self.paused.pop(i, None)

    def regate_all(self, things: NDArray[np.intp], inside: NDArray[np.bool_]) -> None:
        """The same of several things, of which these are `inside` the watch."""
        self.gate[things[~inside]] = G_OUTSIDE
        here = things[inside]
        calm = ~self.phase[:, here].any(axis=0)
        self.gate[here[calm]] = G_IDLE
        for thing in here[~calm].tolist():
            self.regate(thing)

    def forget(self, thing: int) -> None:
        """Back to idle, without a transition."""
        for j in range(len(self.levels)):
            self.m_phase[j][thing], self.m_since[j][thing], self.m_last[j][thing] = IDLE, LONG_AGO, LONG_AGO
        self.m_alarm[thing] = 0
        self.paused.pop(thing, None)
        self.deferred.pop(thing, None)

    # --- holds
    def length(self, j: int, phase: int) -> int:
        """How long level `j` has to wait in this phase, one of WAITS, µs."""
        return self.levels[j].hold.for_ if phase in (PENDING, PENDING_STALE) else self.levels[j].clear_hold

    def latched(self, i: int) -> bool:
        """True if only a person may unlatch the thing."""
        return any(self.m_phase[j][i] == ON and not rule.auto_clear for j, rule in enumerate(self.levels))

    def release(self, i: int) -> None:
        """What is latched may clear."""
        for j, rule in enumerate(self.levels):
            if self.m_phase[j][i] == ON and not rule.auto_clear:
                self.m_phase[j][i] = RELEASED

    def ends_by(self, i: int, at: int) -> bool:
        """True if a running hold of the thing ends at `at` µs or before."""
        for j, row in enumerate(self.m_phase):
            if row[i] in (PENDING, CLEARING) and self.m_since[j][i] + self.length(j, row[i]) <= at:
                return True
        return False

    def pending(self) -> tuple[NDArray[np.intp], I64]:
        """(thing, due time µs) of every running hold."""
        things, due = [np.zeros(0, np.intp)], [np.zeros(0, np.int64)]
        for j in range(len(self.levels)) if self.timed else ():
            for phase in (PENDING, CLEARING):
                found = np.flatnonzero(self.phase[j] == phase)
                things.append(found)
                due.append(self.since[j, found] + self.length(j, phase))
        return np.concatenate(things), np.concatenate(due)

    # --- snapshot, edits
    def adopt(self, old: Any) -> None:
        super().adopt(old)
        self.paused, self.deferred = old.paused, old.deferred
        self.use_gate(self.gate.copy())

    def inherit(self, old: "ThresholdState") -> None:
        """Thresholds, holds or levels were edited: levels of the same name go on where they are."""
        self.alarm, self.paused, self.deferred = old.alarm, old.paused, old.deferred
        for j, rule in enumerate(self.levels):
            match = next((k for k, other in enumerate(old.levels) if other.level == rule.level), None)
            if match is None and len(self.levels) == len(old.levels):
                match = j  # the same step under another severity
            if match is not None:
                self.phase[j] = old.phase[match]
                if self.timed and old.timed:
                    self.since[j], self.last[j] = old.since[match], old.last[match]
        self.use_gate(self.gate)

    def take_row(self, thing: int, other: Any, row: int) -> None:
        super().take_row(thing, other, row)
        self.paused.pop(thing, None)
        self.deferred.pop(thing, None)
        if row in other.paused:
            self.paused[thing] = other.paused[row]

    def load(self, state: Any) -> None:
        super().load(state)
        self.use_gate(self.gate)

    def extra(self) -> "HoldsState | None":
        """What is no array; None = nothing."""
        return HoldsState(self.paused, self.deferred) if self.paused or self.deferred else None

    def load_extra(self, extra: "HoldsState | None") -> None:
        """The inverse of `extra`."""
        self.paused, self.deferred = (extra.paused, extra.deferred) if extra is not None else ({}, {})
