"""One rule on one space: what all forms of conditions have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.compiled import Rule
from rules.engine.binding.bound_expression import BoundExpression
from rules.engine.conditions.reporting import EngineContext, Observe
from rules.engine.conditions.rule_downtime import RuleDowntime
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable, widened
from rules.engine.state.watch_scope import rows
from rules.engine.windows.base import StateTable
from rules.engine.windows.counter import Counter

__all__ = ["EngineContext", "Observe", "Runner"]
NO_ROOM: Bools = np.zeros(0, np.bool_)


class Runner(RuleDowntime, ABC):
    """Base of all kinds. A subclass keeps its state in `arrays` (name, fill) whose last axis is the row of the thing.

    `parts` are tables that belong to it besides `windows`. With `active` there is `opens` i64: the next opening at
    which the thing has to be looked at again, 8 B. `watched` is shared by rules that watch the same, never written to.
    """

    arrays: tuple[tuple[str, float], ...] = ()
    in_service = False  # planned devices are not meant
    decides_back = False  # a reading may decide that an alarm began before it

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        super().__init__(rule, zone, space, common)
        self.watched: Bools = NO_ROOM
        self.scope = common.scopes.of(rule.watch, space, in_service=self.in_service)
        self.soonest = NEVER
        self.room = 0
        self.opens: I64 = np.zeros(0, np.int64)
        self.next_open = NEVER
        self.parts: dict[str, StateTable] = {}
        if self.schedule is not None:
            self.arrays = (*self.arrays, ("opens", NEVER))

    # --- which things
    def grow(self) -> None:
        """Make room for the rows of the space."""
        if self.room == self.space.capacity:
            return
        self.room = self.space.capacity
        self.watched = widened(self.watched, self.room, 0)
        for name, fill in self.arrays:
            setattr(self, name, widened(getattr(self, name), self.room, fill))
        for part in self.parts.values():
            part.grow()
        if self.windows is not None:
            self.windows.grow()

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        """Attributes or membership of these rows changed at `at` µs; those that left end with `reason`."""
        self.grow()
        for bound in self.bounds():
            bound.refresh(things)
        if self.windows is not None:
            self.windows.refresh(things)
        inside, before = self.scope.inside(things), self.watched
        self.place(things, inside)
        if inside is before:
            return
        asked = rows(things)
        for thing in asked[before[asked] & ~inside[asked]].tolist():
            self.end(thing, at, reason)
        self.watched = inside
        if self.schedule is not None:
            for thing in asked[inside[asked] & ~before[asked]].tolist():
                self._opens_after(thing, at)

    @abstractmethod
    def bounds(self) -> Sequence[BoundExpression]:
        """Its expressions."""

    def truths_decide(self) -> Sequence[BoundExpression] | None:
        """The conditions whose truths at each moment are all that the state is made of; None = it takes more."""
        return None

    # --- what a subclass does
    @abstractmethod
    def follow(self, view: BatchView) -> None:
        """Judge the units of a view, and before each what time alone did to its thing."""

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        """The first frames ever of these things, which carry nothing that it reads: judged all the same."""

    @abstractmethod
    def tick(self, now: int) -> None:
        """Engine time is `now`: fire what is due."""

    @abstractmethod
    def revalue(self, things: Sequence[int], at: int) -> None:
        """Judge the newest values again: a threshold changed at `at` µs."""

    @abstractmethod
    def end(self, thing: int, at: int, reason: str) -> None:
        """Forget the thing; an open alarm is cleared with `reason`."""

    def unlatch(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:
        """The desk lets a latched alarm clear; no identity = every one of the thing. Only levels latch."""

    def closed(self, thing: int, at: int, identity: tuple[str, ...] = ()) -> None:
        """A person closed the work order of this thing's episode. Forms that do not clear by themselves end."""

    def cycle(self, thing: int, reading: float | None, done: int, at: int) -> None:
        """Work was done at `done` µs and counter `reading` (canonical, None = as it stands), as was told at `at`."""

    def again(self, thing: int, since: int) -> int | None:  # noqa: ARG002 - only silence takes its time
        """When an alarm of this thing that counts from `since` µs would be raised; None = at once."""
        return None

    # --- `active`
    def reopened(self, thing: int, t: int) -> int | None:
        """The newest opening before `t` when the thing was not looked at since; from now on it was."""
        if self.schedule is None:
            return None
        found = None
        if self.opens[thing] < t:
            found = self.schedule.opening(self.local(thing), t - 1)
            found = found if self.opens[thing] <= found and found > LONG_AGO else None
        self._opens_after(thing, t)
        return found

    def reopenings(self, now: int) -> Iterator[tuple[int, int]]:
        """(thing, opening) of all that opened at or before engine time `now` and were not looked at since."""
        if self.schedule is None or self.next_open > now:
            return
        for thing in np.flatnonzero(self.watched & (self.opens <= now)).tolist():
            opening = self.reopened(thing, now + 1)
            if opening is not None:
                yield thing, opening
        self.next_open = int(self.opens[self.watched].min(initial=NEVER))

    def _opens_after(self, thing: int, t: int) -> None:
        assert self.schedule is not None, "asked only with `active`"
        following = self.schedule.next_opening(self.local(thing), t)
        self.opens[thing] = following
        self.next_open = min(self.next_open, following)

    def off_hours(self, thing: int, t: int) -> bool:
        """Is `t` outside the rule's `active`?"""
        return self.schedule is not None and not self.schedule.inside(self.local(thing), t)

    # --- edits
    def adopt(self, old: "Runner") -> None:
        """Take over the whole state of `old`, a runner of the same shape."""
        self.grow()
        self.watched, self.soonest, self.decided = old.watched, old.soonest, old.decided
        held = {name for name, _ in old.arrays}
        for name, _ in self.arrays:
            if name in held:
                setattr(self, name, getattr(old, name))
        for name, part in self.parts.items():
            part.adopt(old.parts[name])
        self.reschedule(old)
        if self.windows is not None and old.windows is not None:
            self.windows.adopt(old.windows)

    def edited(self, old: "Runner", at: int) -> None:
        """Thresholds or times of `old` were edited at `at` µs: firing until clear, judged again by the new ones."""
        self.adopt(old)
        self.refresh(range(len(self.space)), at, "rule_changed")

    def reschedule(self, old: "Runner") -> None:
        """Other hours than before: every thing is looked at again at the next tick."""
        self.next_open = old.next_open
        if self.schedule is not None and self.rule.active != old.rule.active:
            self.opens = np.full(self.room, LONG_AGO, np.int64)
            self.next_open = LONG_AGO

    def kept_windows(self, new: "Runner") -> dict[str, NDArray[Any]] | None:
        """The running windows, when the next generation has the same watch, signals and zone."""
        same = (self.rule.watch, self.rule.signals, self.zone) == (new.rule.watch, new.rule.signals, new.zone)
        if not same or self.windows is None:
            return None
        return {name: table.copy() for name, table in self.windows.state().items()}

    def load_windows(self, kept: dict[str, NDArray[Any]]) -> None:
        """Go on with the windows of the generation before."""
        self.grow()
        if self.windows is not None:
            self.windows.load(kept)

    # --- its state, for others
    @property
    def counters(self) -> tuple[Counter, ...]:
        """The counters that it follows."""
        held = [] if self.windows is None else [one.parts.get("counter") for one in self.windows.operators]
        return tuple(one for one in (*held, self.parts.get("counter")) if isinstance(one, Counter))

    @abstractmethod
    def is_on(self, thing: int) -> int:
        """Level of the alarm of this thing, 0 = none."""

    def on(self, thing: int) -> tuple[tuple[tuple[str, ...], int], ...]:
        """(identity, level) of every alarm of this thing that is on."""
        level = self.is_on(thing)
        return (((), level),) if level else ()

    def take_row(self, thing: int, other: "Runner", row: int) -> None:
        """The whole state of row `row` of `other`, a runner of the same rule in another engine, becomes `thing`'s."""
        for name, _ in self.arrays:
            getattr(self, name)[..., thing] = getattr(other, name)[..., row]
        for name, part in self.parts.items():
            part.take_row(thing, other.parts[name], row)
        if self.windows is not None and other.windows is not None:
            self.windows.take_row(thing, other.windows, row)
        self.take_decided(thing, other, row)
        self.look_again()

    def look_again(self) -> None:
        """When anything is due has to be found out anew."""
        self.soonest = -NEVER
        self.next_open = -NEVER if self.schedule is not None else NEVER

    def memory(self) -> int:
        """Bytes of state held for this rule on this space."""
        own = sum(getattr(self, name).nbytes for name, _ in self.arrays)
        signals = () if self.windows is None else self.windows.operators
        return int(own + sum(part.memory() for part in (*self.parts.values(), *signals)))

    def only_soonest(self) -> bool:
        """Does a tick before `soonest` want nothing of it, ever? Then `soonest` is its `next_due` too."""
        return False

    def next_due(self) -> int:
        """The earliest timer, µs; NEVER when there is none."""
        return min(self.soonest, self.next_open)

    # --- snapshot
    def extra(self) -> bytes:
        """State that is no array, encoded; empty = none."""
        return b""

    def load_extra(self, blob: bytes) -> None:
        """The inverse of `extra`."""

    def state(self) -> dict[str, NDArray[Any]]:
        """All arrays, cut to the rows in use."""
        used = len(self.space)
        held_state = {name: getattr(self, name)[..., :used] for name, _ in self.arrays}
        for part, state in self.parts.items():
            held_state |= {f"{part}.{name}": table for name, table in state.state().items()}
        if self.windows is not None:
            held_state |= {f"windows.{name}": table for name, table in self.windows.state().items()}
        return held_state

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """The inverse of `state`, after `refresh` of all rows."""
        self.grow()
        for name, _ in self.arrays:
            getattr(self, name)[..., : state[name].shape[-1]] = state[name]
        for name, part in self.parts.items():
            part.load(_of_part(state, name))
        if self.windows is not None:
            self.windows.load(_of_part(state, "windows"))
        self.look_again()


def _of_part(state: dict[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(f"{part}."): t for name, t in state.items() if name.startswith(f"{part}.")}
