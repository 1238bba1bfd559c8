"""Level rules on the stream: which frames need the state machine, and the machine on those."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.engine.conditions.base import Runner
from rules.engine.conditions.hold_state_machine import LevelMachine
from rules.engine.conditions.threshold_state import G_BUSY, G_IDLE, G_OUTSIDE, G_STEADY, ON, RELEASED
from rules.engine.conditions.windowed import later_too
from rules.engine.frames.batch_view import BatchView, Bools, Latest, Reader, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.state.watch_scope import rows


class LevelsRunner(LevelMachine):
    """`when`, `levels`."""

    def clears(self, j: int, reader: Reader, when: F64) -> F64:
        """Truth of clearing: its own condition, else that `when` is false."""
        own = self.clear[j]
        return 1.0 - when if own is None else self.truth(own, reader)

    # --- readings
    def frames(self, view: BatchView) -> None:
        if self.signal_frames(view):
            return
        carry = view.carry(self.judged)
        if self.common.scalar:
            units = np.flatnonzero(carry & self.watched[view.thing])
            if not len(units):
                return
            picked = UnitsAt(view, units)
            self.walk(view, units, [self.truth(bound, picked) for bound in self.when])
            return
        gate = self.gate[view.thing]
        when = [bound.vector(view) for bound in self.when]
        true: Bools = when[0] == 1.0
        for other in when[1:]:
            true |= other == 1.0
        need = (true & (gate == G_IDLE)) | (gate == G_BUSY)
        steady = np.flatnonzero((gate == G_STEADY) & carry)
        if len(steady):
            need[steady] = self.clears(0, UnitsAt(view, steady), when[0][steady]) == 1.0
        need &= carry
        if self.schedule is not None:
            need |= carry & (gate != G_OUTSIDE) & (view.t > self.opens[view.thing])
        if not view.unique:
            need = later_too(view, need, carry & (gate != G_OUTSIDE))
        units = np.flatnonzero(need)
        if len(units):
            self.walk(view, units, [column[units] for column in when])

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        self.look(view, units)

    def look(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """Judge these units, in order, where there may be something to do; the others of the rule are left alone."""
        picked = UnitsAt(view, units)
        self.walk(view, units, [self.truth(bound, picked) for bound in self.when])

    def walk(self, view: BatchView, units: NDArray[np.intp], when: Sequence[F64]) -> None:
        """The state machine on these units, in order."""
        picked = UnitsAt(view, units)
        clear = [self.clears(j, picked, when[j]).tolist() for j in range(len(self.levels))]
        truths = [column.tolist() for column in when]
        calm = self.schedule is None
        for k, (unit, thing, t) in enumerate(
            zip(units.tolist(), picked.thing.tolist(), picked.t.tolist(), strict=True)
        ):
            gate = self.m_gate[thing]
            if calm and gate == G_IDLE and not any(column[k] == 1.0 for column in truths):
                continue  # nothing can come of it
            if gate == G_STEADY and clear[0][k] != 1.0:
                continue
            self.judge(
                thing, t, [column[k] for column in truths], [column[k] for column in clear], view, unit,
                reading=not view.moments[unit],
            )  # fmt: skip

    # --- rules with signals
    def window_closed(self, thing: int, end: int, reader: Reader, view: BatchView | None, unit: int) -> None:
        if view is not None and view.t[unit] == end and not view.moments[unit] and view.carry(self.judged)[unit]:
            return  # a reading of that instant comes first, and is judged by what closed
        self._judge_one(thing, end, reader, view, unit, before=True)

    def windows_closed(self, reader: Latest) -> None:
        when, clear, moved = self._looked_at(reader)
        calm = self.schedule is None
        for k in np.flatnonzero(moved).tolist() if calm else range(len(moved)):
            thing, end = int(reader.thing[k]), int(reader.t[k])
            self.judge(thing, end, [float(c[k]) for c in when], [float(c[k]) for c in clear], None, -1, before=True)

    def _looked_at(self, reader: Latest) -> tuple[list[F64], list[F64], Bools]:
        """The truths of raising and of clearing, and of which things something can come."""
        when = [self.truth(bound, reader) for bound in self.when]
        clear = [self.clears(j, reader, column) for j, column in enumerate(when)]
        moved = self.gate[reader.thing] != G_IDLE
        for column in when:
            moved |= column == 1.0
        return when, clear, moved

    def judge_unit(self, view: BatchView, unit: int) -> None:
        reader = UnitsAt(view, np.array([unit]))
        reading = not view.moments[unit]
        self._judge_one(int(view.thing[unit]), int(view.t[unit]), reader, view, unit, reading=reading)

    def _judge_one(
        self,
        thing: int,
        t: int,
        reader: Reader,
        view: BatchView | None,
        unit: int,
        *,
        before: bool = False,
        reading: bool = True,
    ) -> None:
        when = [self.truth(bound, reader) for bound in self.when]
        clear = [float(self.clears(j, reader, column)[0]) for j, column in enumerate(when)]
        self.judge(thing, t, [float(column[0]) for column in when], clear, view, unit, before=before, reading=reading)

    # --- engine time
    def tick(self, now: int) -> None:
        self.take_out(now)
        self.close_windows(now)
        for thing, opening in self.reopenings(now):
            self.fire_at_tick(thing, opening)
            self.judge_opening(thing, opening, None, -1)
        self._end_missing(now)
        if self.soonest > now:
            return
        things, due = self.pending()
        ends = self._undecided(now)
        ripe = np.unique(things[due <= now]).tolist()
        again = [self.fire_at_tick(thing, now, ends.get(thing, NEVER)) for thing in ripe]
        self._end_missing(now)
        due = self.pending()[1]
        self.soonest = min([*again, int(due[due > now].min(initial=NEVER))])

    def _undecided(self, now: int) -> dict[int, int]:
        """Things of which a tick does not know yet that they are missing -> when they would be, µs (decision 064)."""
        if not self.rule.clear_after or not self.common.downs.spans:
            return {}
        things, due, when = self._missing()
        open_ = np.flatnonzero((due <= now) & (when > now))
        return {thing: at for thing, at in zip(things[open_].tolist(), due[open_].tolist(), strict=True)
                if not self.latched(thing)}  # fmt: skip

    def _end_missing(self, now: int) -> None:
        if self.rule.clear_after:
            things, due, when = self._missing()
            for k in np.flatnonzero(when <= now).tolist():
                if not self.ends_by(int(things[k]), int(due[k])):
                    self.gone_quiet(int(things[k]), int(due[k]), now, None, -1)

    def only_soonest(self) -> bool:
        calm = self.windows is None and self.schedule is None and not self.rule.clear_after
        return calm and not self.moments

    def next_due(self) -> int:
        due = super().next_due()
        if self.rule.clear_after:
            due = min(due, int(self._missing()[2].min(initial=NEVER)))
        return due

    def _missing(self) -> tuple[NDArray[np.intp], I64, I64]:
        """The things that are on, when each is missing, and when a tick says so."""
        things = np.flatnonzero(self.alarm)
        due = np.max([self.space.good_at[column][things] for column in self.columns], axis=0) + self.rule.clear_after
        return things, due, self.decided_after(things, due, self.columns)

    # --- facts
    def revalue(self, things: Sequence[int], at: int) -> None:
        asked = rows(things)
        inside = asked[self.watched[asked]]
        if not self.rule.watch.group:
            inside = inside[self.space.newest[inside] > LONG_AGO]  # a thing never heard is judged at its first frame
        if not len(inside):
            return
        when, clear, moved = self._looked_at(Latest(self.space, inside, at))
        for k in np.flatnonzero(moved).tolist():
            thing = int(inside[k])
            self.judge(thing, at, [float(c[k]) for c in when], [float(c[k]) for c in clear], None, -1, reading=False)

    def unlatch(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:  # noqa: ARG002 - it has none
        self.release(thing)
        self.revalue([thing], at)

    def release(self, thing: int) -> None:
        """What is latched may clear."""
        for j, rule in enumerate(self.levels):
            if self.m_phase[j][thing] == ON and not rule.auto_clear:
                self.m_phase[j][thing] = RELEASED

    def adopt(self, old: Runner) -> None:
        assert isinstance(old, LevelsRunner), "edits keep state only between rules of one shape"
        super().adopt(old)
        self.paused, self.deferred = old.paused, old.deferred
        self.adopt_gate(self.gate.copy())

    def edited(self, old: Runner, at: int) -> None:
        assert isinstance(old, LevelsRunner), "edits keep state only between rules of one shape"
        self.inherit(old)
        everything = range(len(self.space))
        self.refresh(everything, at, "rule_changed")
        self.settle_all(at)
        self.revalue(everything, at)

    def inherit(self, old: "LevelsRunner") -> None:
        """Thresholds, holds or levels were edited: levels of the same name go on where they are."""
        self.grow()
        self.watched, self.alarm, self.decided = old.watched, old.alarm, old.decided
        self.paused, self.deferred = old.paused, old.deferred
        if old.schedule is not None and self.schedule is not None:
            self.opens = old.opens
        self.reschedule(old)
        for j, rule in enumerate(self.levels):
            match = next((k for k, other in enumerate(old.levels) if other.level == rule.level), None)
            if match is None and len(self.levels) == len(old.levels):
                match = j  # the same step under another severity
            if match is not None:
                self.phase[j] = old.phase[match]
                if self.timed and old.timed:
                    self.since[j], self.last[j] = old.since[match], old.last[match]
        if self.windows is not None and old.windows is not None:
            self.windows.adopt(old.windows)
        self.adopt_gate(self.gate)
        self.soonest = -NEVER

    def settle_all(self, at: int) -> None:
        """Alarms of levels that are no more follow those that are."""
        for thing in np.flatnonzero(self.alarm).tolist():
            self.settle(thing, at, None, -1, reason="rule_changed")

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        super().load(state)
        self.adopt_gate(self.gate)
