"""`sequence`: one thing after another, or one without the other, within a time (RULES section 5, S33-S35)."""

from collections.abc import Sequence as Several

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import format_duration
from gateway.domain.reading import F64, I32, I64, U8
from rules.compiled import Rule, Sequence
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.single_alarm import Form
from rules.engine.frames.batch_view import BatchView, Bools, UnitsAt
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable


class SequenceRunner(Form):
    """State: raised u8; seen u8 (was `first` true when last known), wait i64 (start of the wait, LONG_AGO = none),
    count i32, owed u8 (a match that was vetoed), resumed i64 (end of the last silence that met a down-time) per thing:
    23 B.

    One wait per thing. It begins when `first` becomes true: the first known value counts as becoming. `second` counts
    from that frame on, up to and with the deadline; `unless` wins over it.
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("raised", 0), ("seen", 0), ("wait", LONG_AGO), ("count", 0), ("owed", 0),
        ("resumed", LONG_AGO),
    )  # fmt: skip
    ends_by_fact = True

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        assert isinstance(rule.condition, Sequence), "kinds.py gives sequences to this class only"
        super().__init__(rule, zone, space, common, rule.condition.clear)
        self.condition: Sequence = rule.condition
        self.seen: U8 = np.zeros(0, np.uint8)
        self.wait: I64 = np.zeros(0, np.int64)
        self.count: I32 = np.zeros(0, np.int32)
        self.owed: U8 = np.zeros(0, np.uint8)
        self.resumed: I64 = np.zeros(0, np.int64)
        first, second, cancel = (self.bind(one) for one in (rule.condition.first, rule.condition.second,
                                                            rule.condition.unless))  # fmt: skip
        assert first is not None, "a sequence begins with something"
        assert second is not None, "a sequence has two steps"
        self.cancels = cancel is not None
        self.judge_by(first, second, *([cancel] if cancel is not None else []))
        how = "not " if rule.condition.absent else ""
        self.text = (
            f"{rule.condition.first.text}, then {how}({rule.condition.second.text}) "
            f"within {format_duration(rule.condition.within)}"
        )

    def stirred(self, view: BatchView, truths: Several[F64]) -> Bools:
        first, thing = truths[0], view.thing
        seen = self.seen[thing] == 1
        moved: Bools = ((first == 1.0) & ~seen) | ((first == 0.0) & seen)
        moved |= self.wait[thing] > LONG_AGO
        return moved

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        begun = units[self.truth(self.main[0], UnitsAt(view, units)) == 1.0]
        columns = self.truths(UnitsAt(view, begun))
        for k, unit in enumerate(begun.tolist()):
            self.meet(int(view.thing[unit]), int(view.t[unit]), [float(c[k]) for c in columns], view, unit)

    def meet(
        self, thing: int, t: int, truths: Several[float], view: BatchView | None, unit: int, *, before: bool = False
    ) -> None:
        first, second, clear = truths[0], truths[1], truths[-1]
        cancel = self.cancels and truths[2] == 1.0
        self._until(thing, t, view, unit)
        if clear == 1.0 and self.raised[thing]:
            self.cleared(thing, t, view, unit, before=before)
        begins = first == 1.0 and not self.seen[thing]
        if first == first:
            self.seen[thing] = first == 1.0
        waits = self.wait[thing] > LONG_AGO
        if begins and (not waits or self.condition.restart) and not self.off_hours(thing, t):
            self.wait[thing] = t
            self.soonest = min(self.soonest, t + self.condition.within)
        if self.wait[thing] > LONG_AGO:
            if cancel:
                self.wait[thing] = LONG_AGO
            elif second == 1.0:
                self.wait[thing] = LONG_AGO
                if not self.condition.absent:
                    self._match(thing, t, view, unit, before=before)
        if self.owed[thing]:
            self.decide(thing, t, view, unit, before=before)

    def counts_moment(self, thing: int, truths: Several[float]) -> bool:  # noqa: ARG002 - steps become true with time
        return not self.by_windows

    def aside(
        self, thing: int, t: int, truths: Several[float], view: BatchView | None, unit: int, *, before: bool = False
    ) -> None:
        self._until(thing, t, view, unit)
        super().aside(thing, t, truths, view, unit, before=before)

    def _until(self, thing: int, t: int, view: BatchView | None, unit: int) -> None:
        """What time alone decided before `t`."""
        if view is not None and self.common.downs.spans:
            for silence in view.silences(unit):
                self._resume(thing, *silence)
        self._lapsed(thing, t, view, unit)

    def _lapsed(self, thing: int, t: int, view: BatchView | None, unit: int) -> None:
        """A wait whose time, or whose hours, ended before `t`."""
        begun = int(self.wait[thing])
        if begun == LONG_AGO:
            return
        due = begun + self.condition.within
        closes = NEVER if self.schedule is None else self.schedule.closing(self.local(thing), begun)
        if closes <= min(t, due):
            self.wait[thing] = LONG_AGO
        elif due < t:
            self.wait[thing] = LONG_AGO
            if self.condition.absent:
                self._match(thing, due, view, unit, before=True)

    def _match(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool) -> None:
        if self.raised[thing]:
            self.count[thing] += 1
            return
        self.owed[thing] = 1
        self.decide(thing, t, view, unit, before=before)

    def decide(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        if self.owed[thing] and not self.raised[thing] and not self.vetoed(thing, t, view, unit, before=before):
            self.owed[thing], self.count[thing] = 0, 1
            self.put_on(thing, t, self.condition.level, None, view, unit, before=before)

    def wanting(self) -> Bools:
        met: Bools = self.owed > 0
        return met

    def count_of(self, thing: int) -> int:
        return max(1, int(self.count[thing]))

    # --- engine time
    def timers(self, now: int) -> None:
        """Deadlines of `not_see`. Those of `see` decide nothing: an older reading may still come."""
        self.soonest = NEVER
        if not self.condition.absent:
            return
        due, later = np.where(self.wait > LONG_AGO, self.wait, NEVER), NEVER
        for thing in np.flatnonzero(self.watched & (due <= now - self.condition.within)).tolist():
            if self.common.downs.spans:
                self._resume(thing, int(self.space.newest[thing]), now)
            begun = int(self.wait[thing])
            if begun == LONG_AGO:
                continue
            deadline = begun + self.condition.within
            if (when := self.decided_at(thing, deadline, self.judged)) > now:
                due[thing], later = NEVER, min(later, when)
                continue
            self._lapsed(thing, deadline + 1, None, -1)
            self.decide_without(thing, deadline)
        waiting = self.wait[self.watched & (self.wait > LONG_AGO) & (due < NEVER)]
        self.soonest = min(later, int(waiting.min(initial=NEVER - self.condition.within)) + self.condition.within)

    def _resume(self, thing: int, begin: int, end: int) -> None:
        """The device's silence (begin, end] met a down-time: with `reset`, a wait that ran then is nothing."""
        if end <= self.resumed[thing]:
            return
        self.resumed[thing] = end
        wait = int(self.wait[thing])
        if self.rule.downtime == "reset" and LONG_AGO < wait <= begin:
            due = wait + self.condition.within
            if self.pause(thing, begin, end, self.judged, since=wait, due=due):
                self.wait[thing] = LONG_AGO

    def silent_in(self, view: BatchView) -> None:
        for unit in sorted(view.spans):
            self._resume(int(view.thing[unit]), *view.spans[unit])

    def cleared(self, thing: int, t: int, view: BatchView | None, unit: int, *, before: bool = False) -> None:
        super().cleared(thing, t, view, unit, before=before)
        self.owed[thing] = 0

    def adopt(self, old: Runner) -> None:
        super().adopt(old)
        self.soonest = LONG_AGO
