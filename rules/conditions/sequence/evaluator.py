"""`sequence`: one thing after another, or one without the other, within a time (RULES section 5, S33-S35)."""

from collections.abc import Sequence as Several
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import format_duration
from gateway.domain.reading import F64, I64, U8
from rules.conditions.sequence.condition import Sequence
from rules.engine.conditions.alarm_form import AlarmForm
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.single_alarm_evaluator import SingleAlarmEvaluator
from rules.engine.frames.at import At, at_unit
from rules.engine.frames.batch_view import BatchView, Bools, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, NEVER


class SequenceForm(AlarmForm):
    """State: seen u8[n] (was `first` true when last known), wait i64[n] µs (start of the wait, LONG_AGO = none), owed
    u8[n] (a match that was vetoed), resumed i64[n] µs (end of the last silence that met a down-time): 18 B.

    One wait per thing. It begins when `first` becomes true: the first known value counts as becoming. `second` counts
    from that frame on, up to and with the deadline; `unless` wins over it.
    """

    arrays: tuple[tuple[str, float], ...] = (("seen", 0), ("wait", LONG_AGO), ("owed", 0), ("resumed", LONG_AGO))
    ends_by_fact = True
    counts_readings = False

    def __init__(self, context: EvaluatorContext, reporter: Reporter) -> None:
        assert isinstance(context.rule.condition, Sequence), "factory.py gives sequences to this class only"
        rule = self.condition = context.rule.condition
        how = "not " if rule.absent else ""
        text = f"{rule.first.text}, then {how}({rule.second.text}) within {format_duration(rule.within)}"
        main = context.bind(rule.first), context.bind(rule.second), context.bind_if(rule.unless)
        super().__init__(context, reporter, rule.clear, *main, text=text, counts=True)
        self.cancels = rule.unless is not None
        self.seen: U8 = np.zeros(0, np.uint8)
        self.wait: I64 = np.zeros(0, np.int64)
        self.owed: U8 = np.zeros(0, np.uint8)
        self.resumed: I64 = np.zeros(0, np.int64)

    # --- readings
    def may_move(self, view: BatchView, truths: Several[F64]) -> Bools:
        first, thing = truths[0], view.thing
        seen = self.seen[thing] == 1
        moved: Bools = ((first == 1.0) & ~seen) | ((first == 0.0) & seen)
        moved |= self.wait[thing] > LONG_AGO
        return moved

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        begun = units[self.context.truth(self.conditions.main[0], UnitsAt(view, units)) == 1.0]
        columns = self.conditions.truths(UnitsAt(view, begun))
        for k, unit in enumerate(begun.tolist()):
            self.on_truth(at_unit(view, unit), [float(c[k]) for c in columns])

    def on_truth(self, here: At, truths: Several[float]) -> None:
        first, second, clear, thing = truths[0], truths[1], truths[-1], here.thing
        cancel = self.cancels and truths[2] == 1.0
        self._until(here)
        if clear == 1.0 and self.alarm.raised[thing]:
            self.cleared(here)
        begins = first == 1.0 and not self.seen[thing]
        if first == first:
            self.seen[thing] = first == 1.0
        waits = self.wait[thing] > LONG_AGO
        if begins and (not waits or self.condition.restart) and not self.context.off_hours(thing, here.t):
            self.wait[thing] = here.t
            self.context.timer(here.t + self.condition.within)
        if self.wait[thing] > LONG_AGO:
            if cancel:
                self.wait[thing] = LONG_AGO
            elif second == 1.0:
                self.wait[thing] = LONG_AGO
                if not self.condition.absent:
                    self._match(here)
        if self.owed[thing]:
            self.decide(here)

    def counts_moment(self, thing: int, truths: Several[float]) -> bool:  # noqa: ARG002 - steps become true with time
        return not self.conditions.by_windows

    def on_other_reading(self, here: At, truths: Several[float]) -> None:
        self._until(here)
        super().on_other_reading(here, truths)

    def _until(self, here: At) -> None:
        """Apply what time alone decided before `here.t`."""
        if here.view is not None and self.context.common.downs.spans:
            for silence in here.view.silences(here.unit):
                self._resume(here.thing, *silence)
        self._end_wait(here)

    def _end_wait(self, here: At) -> None:
        """A wait whose time, or whose hours, ended before `here.t`."""
        thing, hours = here.thing, self.context.hours
        begun = int(self.wait[thing])
        if begun == LONG_AGO:
            return
        due = begun + self.condition.within
        closes = NEVER if hours is None else hours.closing(thing, begun)
        if closes <= min(here.t, due):
            self.wait[thing] = LONG_AGO
        elif due < here.t:
            self.wait[thing] = LONG_AGO
            if self.condition.absent:
                self._match(here.earlier(due))

    # --- the alarm
    def _match(self, here: At) -> None:
        if self.alarm.raised[here.thing]:
            self.alarm.count[here.thing] += 1
            return
        self.owed[here.thing] = 1
        self.decide(here)

    def decide(self, here: At) -> None:
        thing = here.thing
        if self.owed[thing] and not self.alarm.raised[thing] and not self.alarm.vetoed(here):
            self.owed[thing], self.alarm.count[thing] = 0, 1
            self.alarm.raise_(here, self.condition.level)

    def met_not_raised(self) -> Bools:
        met: Bools = self.owed > 0
        return met

    def cleared(self, here: At) -> None:
        super().cleared(here)
        self.owed[here.thing] = 0

    # --- engine time
    def timers(self, now: int) -> None:
        """Deadlines of `not_see`. Those of `see` decide nothing: an older reading may still come."""
        context, within = self.context, self.condition.within
        context.soonest = NEVER
        if not self.condition.absent:
            return
        due, later = np.where(self.wait > LONG_AGO, self.wait, NEVER), NEVER
        for thing in np.flatnonzero(context.watched & (due <= now - within)).tolist():
            if context.common.downs.spans:
                self._resume(thing, int(self.space.newest[thing]), now)
            begun = int(self.wait[thing])
            if begun == LONG_AGO:
                continue
            deadline = begun + within
            if (when := context.downtime.decided_at(thing, deadline, self.judged)) > now:
                due[thing], later = NEVER, min(later, when)
                continue
            self._end_wait(At(thing, deadline + 1))
            context.decided.note(thing, deadline)
        waiting = self.wait[context.watched & (self.wait > LONG_AGO) & (due < NEVER)]
        context.soonest = min(later, int(waiting.min(initial=NEVER - within)) + within)

    def _resume(self, thing: int, begin: int, end: int) -> None:
        """The device's silence (begin, end] met a down-time: with `reset`, a wait that ran then is nothing."""
        if end <= self.resumed[thing]:
            return
        self.resumed[thing] = end
        wait = int(self.wait[thing])
        if self.context.rule.downtime == "reset" and LONG_AGO < wait <= begin:
            due = wait + self.condition.within
            if self.context.downtime.pause(thing, begin, end, self.judged, since=wait, due=due):
                self.wait[thing] = LONG_AGO

    def silent_in(self, view: BatchView) -> None:
        for unit in sorted(view.spans):
            self._resume(int(view.thing[unit]), *view.spans[unit])

    def adopt(self, old: Any) -> None:
        super().adopt(old)
        self.context.soonest = LONG_AGO


EVALUATORS = {Sequence: partial(SingleAlarmEvaluator, make=SequenceForm)}
