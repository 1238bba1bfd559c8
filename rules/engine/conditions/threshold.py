"""Rules with levels on the stream: which frames need the state machine, and the machine on those."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.base import ConditionEvaluator, EvaluatorContext, later_too
from rules.engine.conditions.hold_state_machine import HoldStateMachine
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.threshold_conditions import ThresholdConditions
from rules.engine.conditions.threshold_state import G_BUSY, G_IDLE, G_OUTSIDE, G_STEADY, HoldsState, ThresholdState
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools, Latest, Reader, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.state.watch_scope import rows


class ThresholdEvaluator(ConditionEvaluator):
    """`when`, `levels`. State: that of `ThresholdState`. `reporter`: another than that of the rule itself."""

    def __init__(self, context: EvaluatorContext, reporter: Reporter | None = None) -> None:
        super().__init__(context)
        rule = context.rule
        self.reporter = reporter or self.reporter
        self.conditions = ThresholdConditions(context)
        self.judged = self.conditions.judged
        plain = not rule.clear_after and rule.active is None and not rule.unless
        steady = plain and len(self.conditions.levels) == 1 and self.conditions.level_of is None
        self.phases = ThresholdState(context.space, self.conditions.levels, context.decided, steady=steady)
        self.columns.tables["threshold"] = self.phases
        self.machine = HoldStateMachine(context, self.reporter, self.phases, self.conditions)
        self.wakes.hold_back = self.machine.downtime.hold_back
        context.decided.noted = self._regate

    def _regate(self, thing: int) -> None:
        if self.watched[thing]:
            self.phases.regate(thing)

    def bounds(self) -> Sequence[BoundExpression]:
        return [*self.conditions.all, *self.reporter.bounds()]

    def by_time(self) -> Sequence[BoundExpression]:
        return self.bounds() if self.context.whole is self.context else ()

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        bounds = self.conditions.all
        return bounds if self.windows is None and all(bound.momentary for bound in bounds) else None

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        asked = rows(things)
        self.phases.regate_all(asked, self.watched[asked])

    # --- readings
    def frames(self, view: BatchView) -> None:
        if self.feed.frames(view, self.judged):
            return
        carry = view.carry(self.judged)
        gate = self.phases.gate[view.thing]
        when = [bound.vector(view) for bound in self.conditions.when]
        need = (_any(when) & (gate == G_IDLE)) | (gate == G_BUSY)
        steady = np.flatnonzero((gate == G_STEADY) & carry)
        if len(steady):
            need[steady] = self.conditions.clears(0, UnitsAt(view, steady), when[0][steady]) == 1.0
        need &= carry
        if self.hours is not None:
            need |= carry & (gate != G_OUTSIDE) & (view.t > self.hours.opens[view.thing])
        if not view.unique:
            need = later_too(view, need, carry & (gate != G_OUTSIDE))
        units = np.flatnonzero(need)
        if len(units):
            _walk(self.machine, view, units, [column[units] for column in when])

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        self.judge_units(view, units)

    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """Judge these units, in order, where there may be something to do; the others of the rule are left alone."""
        _walk(self.machine, view, units, self.conditions.met(UnitsAt(view, units)))

    # --- windows
    def window_closed(self, here: At, reader: Reader) -> None:
        view, unit = here.view, here.unit
        if view is not None and view.t[unit] == here.t and not here.moment and view.carry(self.judged)[unit]:
            return  # a reading of that instant comes first, and is judged by what closed
        when, clear = self.conditions.truths(reader)
        self.machine.judge(here, [float(column[0]) for column in when], [float(column[0]) for column in clear])

    def windows_closed(self, reader: Latest) -> None:
        _judge_all(self.machine, reader, reading=True, every=self.hours is not None)

    # --- engine time
    def tick(self, now: int) -> None:
        machine = self.machine
        machine.downtime.take_out(now)
        self.feed.close(now)
        for thing, opening in self.context.reopenings(now):
            machine.fire_at_tick(thing, opening)
            if machine.judges_openings:
                machine.judge_opening(At(thing, opening))
        self._clear_missing(now)
        if self.soonest > now:
            return
        things, due = self.phases.pending()
        ends = machine.missing.undecided(now)
        ripe = np.unique(things[due <= now]).tolist()
        again = [
            machine.fire_at_tick(thing, now, NEVER if self.phases.latched(thing) else ends.get(thing, NEVER))
            for thing in ripe
        ]
        self._clear_missing(now)
        due = self.phases.pending()[1]
        self.context.soonest = min([*again, int(due[due > now].min(initial=NEVER))])

    def silent_in(self, view: BatchView) -> None:
        self.machine.downtime.silent_in(view)

    def _clear_missing(self, now: int) -> None:
        for thing, due in self.machine.missing.decided(now):
            if not self.phases.ends_by(thing, due):
                self.machine.clear_missing(At(thing, due), now)

    def only_soonest(self) -> bool:
        calm = self.windows is None and self.hours is None and not self.rule.clear_after
        return calm and not self.wakes.moments

    def next_due(self) -> int:
        return min(super().next_due(), self.machine.missing.next_due())

    # --- facts
    def revalue(self, things: Sequence[int], at: int) -> None:
        asked = rows(things)
        inside = asked[self.watched[asked]]
        if not self.rule.watch.group:
            inside = inside[self.space.newest[inside] > LONG_AGO]  # a new thing is judged at its first frame
        if len(inside):
            _judge_all(self.machine, Latest(self.space, inside, at), reading=False, every=False)

    def unlatch(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:  # noqa: ARG002 - it has none
        self.phases.release(thing)
        self.revalue([thing], at)

    def end(self, thing: int, at: int, reason: str) -> None:
        self.machine.end(At(thing, at), reason)
        if self.windows is not None:
            self.windows.forget(thing)

    # --- edits
    def edited(self, old: ConditionEvaluator, at: int) -> None:
        self.inherit(old)
        everything = range(len(self.space))
        self.refresh(everything, at, "rule_changed")
        self.settle_all(at)
        self.revalue(everything, at)

    def inherit(self, old: ConditionEvaluator) -> None:
        """Thresholds, holds or levels were edited: levels of the same name go on where they are."""
        assert isinstance(old, ThresholdEvaluator), "edits keep state only between rules of one shape"
        self.grow()
        self.context.watched, self.decided.until = old.watched, old.decided.until
        if self.hours is not None:
            self.hours.go_on(old.hours)
        self.phases.inherit(old.phases)
        if self.windows is not None and old.windows is not None:
            self.windows.adopt(old.windows)
        self.context.soonest = -NEVER

    def settle_all(self, at: int) -> None:
        """Alarms of levels that are no more follow those that are."""
        for thing in np.flatnonzero(self.phases.alarm).tolist():
            self.machine.settle(At(thing, at), reason="rule_changed")

    # --- its state, for others
    def is_on(self, thing: int) -> int:
        return self.phases.m_alarm[thing]

    def take_row(self, thing: int, other: ConditionEvaluator, row: int) -> None:
        super().take_row(thing, other, row)
        if self.watched[thing]:
            self.phases.regate(thing)
        else:
            self.phases.m_gate[thing] = G_OUTSIDE

    def extra(self) -> HoldsState | None:
        return self.phases.extra()

    def load(self, state: dict[str, NDArray[Any]], extra: Any) -> None:
        super().load(state, None)
        self.phases.load_extra(extra)


def _any(truths: Sequence[F64]) -> Bools:
    """Where one of these is true."""
    found: Bools = truths[0] == 1.0
    for other in truths[1:]:
        found |= other == 1.0
    return found


def _walk(machine: HoldStateMachine, view: BatchView, units: NDArray[np.intp], when: Sequence[F64]) -> None:
    """The state machine on these units, in order; `when` f64[unit] per level."""
    picked, conditions = UnitsAt(view, units), machine.conditions
    clear = [conditions.clears(j, picked, column).tolist() for j, column in enumerate(when)]
    truths = [column.tolist() for column in when]
    calm = machine.hours is None
    for k, (unit, thing, t) in enumerate(zip(units.tolist(), picked.thing.tolist(), picked.t.tolist(), strict=True)):
        gate = machine.state.m_gate[thing]
        if calm and gate == G_IDLE and not any(column[k] == 1.0 for column in truths):
            continue  # nothing can come of it
        if gate == G_STEADY and clear[0][k] != 1.0:
            continue
        machine.judge(
            At(thing, t, view, unit),
            [column[k] for column in truths],
            [column[k] for column in clear],
            reading=not view.moments[unit],
        )


def _judge_all(machine: HoldStateMachine, reader: Latest, *, reading: bool, every: bool) -> None:
    """Judge the items of which something can come, or `every` one."""
    when, clear = machine.conditions.truths(reader)
    moved = (machine.state.gate[reader.thing] != G_IDLE) | _any(when) | every
    for k in np.flatnonzero(moved).tolist():
        machine.judge(
            At(int(reader.thing[k]), int(reader.t[k]), before=True),
            [float(c[k]) for c in when],
            [float(c[k]) for c in clear],
            reading=reading,
        )
