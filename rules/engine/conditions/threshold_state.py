"""The state of level rules as columns: phases, times, the alarm, and how closely a thing must be looked at.

Each level of each thing is idle, pending, on, clearing, or vetoed: met, but kept from being raised by `unless`. While a
hold runs, `since` is its start and `last` the newest reading for which it was true.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64, U8
from rules.compiled import LevelRule, Levels, Rule
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.unless import Veto
from rules.engine.conditions.windowed import Signalled
from rules.engine.frames.batch_view import BatchView
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.state.watch_scope import rows

IDLE, PENDING, ON, CLEARING, RELEASED, PENDING_STALE, CLEARING_STALE, VETOED = range(8)
IS_ON = (False, False, True, True, True, False, True, False)
WAITS = {PENDING: PENDING_STALE, PENDING_STALE: PENDING_STALE, CLEARING: CLEARING_STALE, CLEARING_STALE: CLEARING_STALE}
G_IDLE, G_BUSY, G_STEADY, G_OUTSIDE = 0, 1, 2, 255
NAN = float("nan")


class NoTimes:
    """Stands for the times of a level that never waits: always long ago."""

    def __getitem__(self, i: int) -> int:
        return LONG_AGO

    def __setitem__(self, i: int, at: int) -> None:
        """Nothing to remember."""


class LevelState(Signalled):
    """State: phase u8, since i64, last i64 per level; alarm u8 (level of the alarm, 0 = none), gate u8 per thing.

    `deferred`: things whose holds a second look decides -> until when ticks leave these alone, engine time µs.
    gate 0 idle · 1 must be judged at every frame · 2 on, only clearing matters · 255 not watched. 17 B per level + 2,
    but 1 B per level + 2 for a rule without holds, and + 8 with `active`.
    """

    arrays: tuple[tuple[str, float], ...] = (("phase", IDLE), ("alarm", 0), ("gate", G_OUTSIDE))
    TIMES = (("since", LONG_AGO), ("last", LONG_AGO))

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        super().__init__(rule, zone, space, common)
        assert isinstance(rule.condition, Levels), "the engine gives level rules to this class only"
        self.levels: tuple[LevelRule, ...] = tuple(sorted(rule.condition.levels, key=lambda level: level.level))
        count = len(self.levels)
        self.timed = any(one.hold.for_ or one.clear_hold for one in self.levels)
        if self.timed:
            self.arrays = (*self.arrays, *self.TIMES)
        self.phase: U8 = np.zeros((count, 0), np.uint8)
        self.since: I64 = np.zeros((count, 0), np.int64)
        self.last: I64 = np.zeros((count, 0), np.int64)
        self.alarm: U8 = np.zeros(0, np.uint8)
        self.gate: U8 = np.zeros(0, np.uint8)
        self.marks: U8 | None = None
        self.when = [BoundExpression(level.when, space, common.world, self.signal) for level in self.levels]
        self.clear = [
            None if level.clear is None else BoundExpression(level.clear, space, common.world, self.signal)
            for level in self.levels
        ]
        written = self.levels[0].level_of
        self.level_of = None if written is None else BoundExpression(written, space, common.world, self.signal)
        self.unless = None if rule.unless is None else BoundExpression(rule.unless, space, common.world, self.signal)
        self.judged = tuple(dict.fromkeys(column for bound in self.conditions() for column in bound.columns))
        held = [bound for bound in self.conditions() if bound is not self.unless]
        self.told = tuple(dict.fromkeys(column for bound in held for column in bound.told))
        self.veto = Veto(rule, space, self.unless, self.conditions())
        self.asked = tuple(column for column in self.judged if column not in self.veto.columns)
        self.paused: dict[int, int] = {}
        self.deferred: dict[int, int] = {}
        self.looks_back: int | None = None
        self.steady_allowed = (
            count == 1 and not rule.clear_after and rule.active is None and self.level_of is None and not rule.unless
        )  # fmt: skip

    def conditions(self) -> list[BoundExpression]:
        """What is judged at every frame that carries its points."""
        all_of = [*self.when, *self.clear, self.level_of, self.unless]
        return [bound for bound in all_of if bound is not None]

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        conditions = self.conditions()
        plain = self.windows is None and all(bound.momentary for bound in conditions)
        return conditions if plain else None

    def bounds(self) -> Sequence[BoundExpression]:
        return [*self.conditions(), *(self.skill.bounds() if self.skill is not None else ())]

    def grow(self) -> None:
        marks = self.marks if self.room == self.space.capacity else None
        super().grow()
        self.adopt_gate(self.gate, marks)

    def adopt_gate(self, gate: U8, marks: U8 | None = None) -> None:
        """Use this row as the gate (of a table when rules are judged together); scalar access by views.

        `marks` u8[n] is set to 1 wherever a thing has to be looked at more closely.
        """
        self.gate, self.marks = gate, marks
        self.m_marks = None if marks is None else memoryview(marks.data)
        self.m_gate, self.m_alarm = memoryview(self.gate.data), memoryview(self.alarm.data)
        self.m_phase = [memoryview(row.data) for row in self.phase]
        self.m_since, self.m_last = self._times(self.since), self._times(self.last)

    def _times(self, table: I64) -> "list[memoryview[int] | NoTimes]":
        return [memoryview(row.data) if self.timed else NoTimes() for row in table]

    def gap(self, j: int, thing: int) -> int:
        """How long silence may be inside a hold of level `j`: as written, else 3 x every, else without end.

        The silence of points of which only the age is asked is what the hold is about.
        """
        written = self.levels[j].hold.gap
        return written if written is not None else 3 * self.every(thing, self.told) or NEVER

    def newest(self, i: int) -> int:
        """Time of the newest known value that the conditions read; `looks_back` while a view is being judged."""
        if self.looks_back is not None:
            return self.looks_back
        return max((int(self.space.good_at[column, i]) for column in self.asked), default=LONG_AGO)

    def look_back(self, view: BatchView | None, unit: int, *, before: bool = True) -> None:
        """The newest value is that from `before` `unit`, or as of it; with no view, the one that the space holds."""
        if view is None:
            self.looks_back = None
            return
        known = view.good_at_before if before else view.good_at
        self.looks_back = max((int(known(column)[unit]) for column in self.asked), default=LONG_AGO)

    def vetoed(self, i: int, at: int, view: BatchView | None, unit: int, *, before: bool) -> bool:
        """Does `unless` forbid a raise now? Unknown forbids nothing."""
        if self.unless is None:
            return False
        return bool(self.truth(self.unless, self.one(i, at, view, unit, before=before))[0] == 1.0)

    def gone(self, i: int, at: int, view: BatchView | None, unit: int, *, before: bool) -> bool:
        """Would `missing: clear_after` end at once what begins at `at`?"""
        if view is None:
            heard = [int(self.space.good_at[column, i]) for column in self.columns]
        else:
            asked = view.good_at_before if before else view.good_at
            heard = [int(asked(column)[unit]) for column in self.columns]
        return max(heard) + self.rule.clear_after <= at

    def regate(self, i: int) -> None:
        """How closely the next frames of this thing must be looked at."""
        if self.steady_allowed:
            phase = self.m_phase[0][i]
            if phase == IDLE:
                gate = G_IDLE
            else:
                gate = G_STEADY if phase in (ON, RELEASED) else G_BUSY
        else:
            gate = G_BUSY if any(row[i] for row in self.m_phase) else G_IDLE
        if self.decided and i in self.decided:
            gate = G_BUSY
        self.m_gate[i] = gate
        if gate != G_IDLE:
            if self.m_marks is not None:
                self.m_marks[i] = 1
        elif self.paused:
            self.paused.pop(i, None)

    def decide_without(self, thing: int, at: int) -> None:
        super().decide_without(thing, at)
        if self.watched[thing]:
            self.regate(thing)

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        asked = rows(things)
        inside = self.watched[asked]
        self.gate[asked[~inside]] = G_OUTSIDE
        here = asked[inside]
        calm = ~self.phase[:, here].any(axis=0)
        self.gate[here[calm]] = G_IDLE
        for thing in here[~calm].tolist():
            self.regate(thing)

    def forget(self, i: int) -> None:
        """Back to idle without a word."""
        for j in range(len(self.levels)):
            self.m_phase[j][i], self.m_since[j][i], self.m_last[j][i] = IDLE, LONG_AGO, LONG_AGO
        self.m_alarm[i] = 0
        self.paused.pop(i, None)
        self.deferred.pop(i, None)

    def is_on(self, thing: int) -> int:
        return self.m_alarm[thing]

    def take_row(self, thing: int, other: Runner, row: int) -> None:
        assert isinstance(other, LevelState), "rows move between runners of one rule only"
        super().take_row(thing, other, row)
        self.paused.pop(thing, None)
        self.deferred.pop(thing, None)
        if row in other.paused:
            self.paused[thing] = other.paused[row]
        if self.watched[thing]:
            self.regate(thing)
        else:
            self.m_gate[thing] = G_OUTSIDE

    def extra(self) -> bytes:
        some = self.paused or self.deferred
        return msgspec.msgpack.encode((self.paused, self.deferred)) if some else b""

    def load_extra(self, blob: bytes) -> None:
        found = msgspec.msgpack.decode(blob, type=tuple[dict[int, int], dict[int, int]]) if blob else ({}, {})
        self.paused, self.deferred = found

    def latched(self, i: int) -> bool:
        """May only a person unlatch the thing?"""
        return any(self.m_phase[j][i] == ON and not rule.auto_clear for j, rule in enumerate(self.levels))

    def ends_by(self, i: int, at: int) -> bool:
        """Does a running hold of the thing end at `at` µs or before?"""
        for j, rule in enumerate(self.levels):
            length = {PENDING: rule.hold.for_, CLEARING: rule.clear_hold}.get(self.m_phase[j][i])
            if length is not None and self.m_since[j][i] + length <= at:
                return True
        return False

    def pending(self) -> tuple[NDArray[np.intp], I64]:
        """(thing, due time) of every running hold."""
        things, due = [np.zeros(0, np.intp)], [np.zeros(0, np.int64)]
        for j, rule in enumerate(self.levels if self.timed else ()):
            for phase, length in ((PENDING, rule.hold.for_), (CLEARING, rule.clear_hold)):
                found = np.flatnonzero(self.phase[j] == phase)
                things.append(found)
                due.append(self.since[j, found] + length)
        return np.concatenate(things), np.concatenate(due)
