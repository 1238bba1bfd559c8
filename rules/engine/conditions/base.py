"""One rule on one table of things: the interface and base of the evaluators of conditions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.counter import NewMeter
from rules.compiled import SlotKind
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.context import EngineContext, EvaluatorContext, Observe
from rules.engine.conditions.reporting import Reporter
from rules.engine.conditions.state_columns import StateColumns
from rules.engine.conditions.wake_schedule import WakeSchedule
from rules.engine.conditions.window_feed import WindowFeed
from rules.engine.frames.at import At
from rules.engine.frames.batch_view import BatchView, Bools, Latest, Reader
from rules.engine.state.thing_table import LONG_AGO, NEVER, widened
from rules.engine.state.watch_scope import rows
from rules.engine.windows.counter import Counter

__all__ = [
    "ConditionEvaluator",
    "EngineContext",
    "EvaluatorContext",
    "Observe",
    "counters_of",
    "first_frames",
    "kept_windows",
    "later_too",
]
SIGNALS = frozenset({SlotKind.SIGNAL, SlotKind.BEFORE})


def later_too(view: BatchView, need: Bools, carry: Bools) -> Bools:
    """A thing that was judged once is judged in all its later frames of the view."""
    if view.unique:
        return need
    count = np.cumsum(need)
    before: NDArray[np.int64] = count[view.first] - need[view.first]
    return carry & (count - before > 0)


def first_frames(evaluator: "ConditionEvaluator", view: BatchView) -> None:
    """Things that never sent anything before: all their conditions are judged, whatever the frame carries."""
    units = np.flatnonzero((view.newest_before() == LONG_AGO) & ~view.moments)
    units = units[evaluator.watched[view.thing[units]]] if len(units) else units
    if len(units) and evaluator.judged:
        units = units[~view.carry(evaluator.judged)[units]]
    if len(units):
        evaluator.first_frames(view, units)


def counters_of(evaluator: "ConditionEvaluator") -> tuple[Counter, ...]:
    """Its counters: of signals, and of the condition."""
    windows = evaluator.windows
    held = [] if windows is None else [one.parts.get("counter") for one in windows.operators]
    return tuple(one for one in (*held, evaluator.columns.parts.get("counter")) if isinstance(one, Counter))


def kept_windows(old: "ConditionEvaluator", new: "ConditionEvaluator") -> dict[str, NDArray[Any]] | None:
    """The running windows of `old`, when `new`, the next generation, has the same watch, signals and zone."""
    same = (old.rule.watch, old.rule.signals, old.context.zone) == (new.rule.watch, new.rule.signals, new.context.zone)
    if not same or old.windows is None:
        return None
    return {name: table.copy() for name, table in old.windows.state().items()}


class ConditionEvaluator(ABC):
    """What every rule needs; a subclass decides what readings, time and facts do to its condition.

    `judged` are the columns whose readings make it worth judging. `decides_back`: a reading may decide that an alarm
    began before it. `in_service`: planned devices are not meant. Times are µs.
    """

    in_service = False
    decides_back = False
    judged: tuple[int, ...] = ()

    def __init__(self, context: EvaluatorContext) -> None:
        self.context = context
        self.rule, self.space, self.common = context.rule, context.space, context.common
        self.windows, self.hours, self.decided = context.windows, context.hours, context.decided
        self.reporter = Reporter(context)
        self.wakes = WakeSchedule(context, self)
        self.feed = WindowFeed(context, self.wakes, self, self.counted)
        self.columns = StateColumns(context.space, context.windows, wakes=self.wakes, hours=context.hours)
        self.scope = context.common.scopes.of(context.rule.watch, context.space, in_service=self.in_service)

    @property
    def watched(self) -> Bools:
        """bool[capacity]: the things that the rule is about."""
        return self.context.watched

    @property
    def soonest(self) -> int:
        """No timer of it is due earlier."""
        return self.context.soonest

    # --- which things
    def grow(self) -> None:
        """Make room for the rows of the space."""
        if self.columns.grow():
            self.context.watched = widened(self.context.watched, self.space.capacity, 0)

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        """Attributes or membership of these rows changed at `at`; those that left end with `reason`."""
        self.grow()
        for bound in self.bounds():
            bound.refresh(things)
        if self.windows is not None:
            self.windows.refresh(things)
        inside, before = self.scope.inside(things), self.watched
        if self.context.peers is not None:
            self.context.peers.regroup(things, inside)
        if inside is not before:
            asked = rows(things)
            for thing in asked[before[asked] & ~inside[asked]].tolist():
                self.end(thing, at, reason)
            self.context.watched = inside
            if self.hours is not None:
                for thing in asked[inside[asked] & ~before[asked]].tolist():
                    self.hours.begin(thing, at)
        self.wakes.rouse(things, at)

    @abstractmethod
    def bounds(self) -> Sequence[BoundExpression]:
        """All its expressions, those of its reporter, too."""

    def by_time(self) -> Sequence[BoundExpression]:
        """The expressions that have to be judged when time alone changes them."""
        return self.bounds()

    def counted(self) -> frozenset[str]:
        """The signals at whose closings the rule is judged."""
        return frozenset(s.name for bound in self.bounds() for s in bound.expression.slots if s.kind in SIGNALS)

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        """The conditions whose truths at each moment are all that the state is made of; None = it takes more."""
        return None

    # --- readings
    def follow(self, view: BatchView) -> None:
        """Judge the units of a view, and before each what time alone did to its thing."""
        self.wakes.follow(view)

    @abstractmethod
    def frames(self, view: BatchView) -> None:
        """Judge the units of a view."""

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:  # noqa: B027
        """The first frames ever of these things, which carry nothing that it reads: judged all the same."""

    def silent_in(self, view: BatchView) -> None:  # noqa: B027
        """A view was judged: the silences in it that met a down-time, for what is still running."""

    # --- windows (`WindowListener`)
    @abstractmethod
    def window_closed(self, here: At, reader: Reader) -> None:
        """Signals of a thing have new values since `here.t`; `reader` holds the points as of then."""

    def windows_closed(self, reader: Latest) -> None:
        """The same at a tick, of many things with the same end."""
        for thing, end in zip(reader.thing.tolist(), reader.t.tolist(), strict=True):
            self.window_closed(At(thing, end, before=True), Latest(self.space, np.array([thing]), end))

    def windows_ended(self, things: Sequence[int], end: int) -> None:
        """Readings from before `end` that come now would be judged by windows that had not ended then."""
        if self.judged:
            for thing in things:
                self.decided.note(thing, end - 1)

    @abstractmethod
    def judge_units(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """These units carry points that the condition reads, or that its momentary signals are made of; windows of
        their things close before or after all of them.
        """

    def idle(self, view: BatchView, units: NDArray[np.intp]) -> Bools:
        """bool[units]: moments at which nothing has changed."""
        return self.wakes.moments.idle(view, units)

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        """A new meter counts at `point`."""
        self.feed.exchange(thing, point, meter)

    # --- engine time
    @abstractmethod
    def tick(self, now: int) -> None:
        """Engine time is `now`: do what is due."""

    def only_soonest(self) -> bool:
        """True if no tick before `soonest` has anything to do; then `soonest` is its `next_due` too."""
        return False

    def next_due(self) -> int:
        """The earliest timer; NEVER when there is none."""
        due = min(self.soonest, self.wakes.awake, NEVER if self.hours is None else self.hours.next_open)
        return due if self.windows is None else min(due, self.windows.soonest)

    def look_again(self) -> None:
        """Timers changed from outside: the next tick looks for what is due."""
        self.context.soonest = -NEVER
        self.wakes.look_again()
        if self.hours is not None:
            self.hours.next_open = -NEVER

    # --- facts
    @abstractmethod
    def revalue(self, things: Sequence[int], at: int) -> None:
        """Judge the newest values again: a threshold changed at `at`."""

    @abstractmethod
    def end(self, thing: int, at: int, reason: str) -> None:
        """Forget the thing; an open alarm is cleared with `reason`."""

    def unlatch(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:  # noqa: B027
        """A latched alarm may clear; no identity = every one of the thing. Only thresholds latch."""

    def closed(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:  # noqa: B027
        """A person closed the work order of this thing's episode. Conditions that do not clear by themselves end."""

    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:  # noqa: B027
        """Work was done at `done` and counter `reading` (canonical, None = as it stands), which came in at `at`."""

    # --- edits
    def adopt(self, old: "ConditionEvaluator") -> None:
        """Take over the whole state of `old`, an evaluator of the same shape."""
        self.grow()
        mine, theirs = self.context, old.context
        mine.watched, mine.soonest, mine.decided.until = theirs.watched, theirs.soonest, theirs.decided.until
        self.columns.adopt(old.columns)
        if self.hours is not None:
            self.hours.go_on(old.hours)

    def edited(self, old: "ConditionEvaluator", at: int) -> None:
        """Thresholds or times of `old` were edited at `at`: raised until clear, judged again by the new ones."""
        self.adopt(old)
        self.refresh(range(len(self.space)), at, "rule_changed")

    def load_windows(self, kept: dict[str, NDArray[Any]]) -> None:
        """Go on with the windows of the generation before."""
        self.grow()
        if self.windows is not None:
            self.windows.load(kept)

    # --- its state, for others
    @abstractmethod
    def is_on(self, thing: int) -> int:
        """Level of the alarm of this thing, 0 = none."""

    def on(self, thing: int) -> tuple[tuple[tuple[str, ...], int], ...]:
        """(identity, level) of every alarm of this thing that is on."""
        level = self.is_on(thing)
        return (((), level),) if level else ()

    def again(self, thing: int, since: int) -> int | None:  # noqa: ARG002 - only silence takes its time
        """When an alarm of this thing that counts from `since` would be raised; None = at once."""
        return None

    def held_state(self) -> list[NDArray[Any]]:
        """Arrays [..., n]: what the rule remembers of its things."""
        return self.columns.held()

    def take_row(self, thing: int, other: "ConditionEvaluator", row: int) -> None:
        """The whole state of row `row` of `other`, of the same rule in another engine, becomes `thing`'s."""
        self.columns.take_row(thing, other.columns, row)
        self.decided.take_row(thing, other.decided, row)
        self.look_again()

    def memory(self) -> int:
        """Bytes of state held for this rule on this space."""
        return self.columns.memory()

    # --- snapshot
    def extra(self) -> Any:
        """State that is no array, a struct of `RuleStateImage.extra`; None = none."""
        return None

    def state(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, cut to the rows in use."""
        return self.columns.state()

    def load(self, state: dict[str, NDArray[Any]], extra: Any) -> None:  # noqa: ARG002 - most have arrays alone
        """The inverse of `state` and `extra`, after `refresh` of all rows."""
        self.grow()
        self.columns.load(state)
        self.look_again()
