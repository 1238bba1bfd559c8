"""What signals of calendar windows have in common: windows that close, and the values of the last closed ones."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.domain.counter import NewMeter
from gateway.domain.reading import F64, I64
from rules.compiled import Calendar, Increase, Share, Stat, Times
from rules.engine.frames.batch_view import BatchView, Bools
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import EPSILON, Gaps, PointReadings, Rows, StateTable, Surroundings, turns
from rules.engine.windows.calendar_clock import CalendarClock
from rules.engine.windows.signal_input import SignalInput


class WindowContext(NamedTuple):
    """What calendar signals need of their rule: how many closed windows of it are read, its zone, and its things."""

    depth: int
    zone: str
    space: ThingTable
    around: Surroundings


class CalendarWindow(StateTable):
    """State: start, end of the running window (or of the next night), begun, done of the last closed one; cover f32.

    `ring` f64[depth]: values of the last closed windows; deeper when windows close before those of other signals.
    36 + 8 x depth B.
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("start", LONG_AGO), ("end", NEVER), ("begun", LONG_AGO), ("done", LONG_AGO), ("cover", 0), ("ring", np.nan)
    )  # fmt: skip

    def __init__(
        self,
        signal: Increase | Share | Stat | Times,
        context: WindowContext,
        points: tuple[str, ...],
        feed: SignalInput | None = None,
    ) -> None:
        assert isinstance(signal.window, Calendar), "sliding windows are elsewhere"
        super().__init__(context.space)
        world, space = context.around.world, context.space
        self.name, self.calendar, self.coverage, self.depth = signal.name, signal.window, signal.coverage, context.depth
        self.unit = signal.unit if isinstance(signal, Increase | Stat) else ""
        self.points, self.columns = points, tuple(space.column(point) for point in points)
        self.feed, self.of = feed, None if feed is None else feed.bound
        self.gaps = Gaps(world, space, points) if feed is None else feed.gaps()
        self.clock = CalendarClock(world, space, context.zone, signal.window)
        self.start: I64 = np.zeros(0, np.int64)
        self.end: I64 = np.zeros(0, np.int64)
        self.begun: I64 = np.zeros(0, np.int64)
        self.done: I64 = np.zeros(0, np.int64)
        self.cover: NDArray[np.float32] = np.zeros(0, np.float32)
        self.ring: F64 = np.zeros((context.depth, 0))

    # --- what an operator does
    def read(self, view: BatchView, inside: Bools) -> PointReadings:
        """Its readings in the units `inside` of a view; of other signals the places alone."""
        assert self.feed is not None, "an operator without a feed reads its own points"
        return self.feed.read(view, inside, self.latest)

    def latest(self, things: Rows) -> F64:
        """The newest value of each thing; NaN: none, or unknown."""
        return np.full(len(things), np.nan)

    def turned(self) -> I64:
        """An array that changes when there is a value without a reading."""
        return self.end

    def outside(self, incoming: PointReadings) -> Bools:
        """Which of them begin or end a window, or came after it was closed."""
        thing, at = incoming.thing, incoming.at
        found: Bools = (self.start[thing] == LONG_AGO) | (at >= self.end[thing]) | (at < self.done[thing])
        return found

    def follow(self, view: BatchView, places: PointReadings) -> list[tuple[int, int]]:
        """Values of other signals at these places, known now; (thing, µs since when it is in doubt by one)."""
        assert self.feed is not None, "only a feed reads other signals"
        left, late = self.feed.settled(view, places, self.latest), []
        while len(left):
            special = self.special(left)
            turn = turns(left.thing, special)
            self.quick(left.where(turn == 0))
            single = (turn == 1) & special
            for k in np.flatnonzero(single).tolist():
                thing, at = int(left.thing[k]), int(left.at[k])
                if (since := self.take(thing, float(left.value[k]), at)) != NEVER:
                    late.append((thing, since))
            left = left.where((turn > 0) & ~single)
        return late

    def take_window(self, thing: int, value: float, begun: int, end: int) -> None:
        """The value of a window [begun, end) that closed: it counts where it begins, but in the window that runs."""
        running = int(self.start[thing])
        self.take(thing, value, max(begun, self.clock.window(thing, end - 1)[0] if running == LONG_AGO else running))

    @abstractmethod
    def special(self, incoming: PointReadings) -> Bools:
        """Which of them may do more than go on in the running window: the first that is special is taken singly."""

    @abstractmethod
    def quick(self, incoming: PointReadings) -> None:
        """Readings that are not special."""

    @abstractmethod
    def take(self, thing: int, value: float, at: int) -> int:
        """Any reading, after all windows up to its time were closed.

        Since when what closed windows are worth is in doubt by it, µs: its own was closed already, or another with a
        silence that it disproves. NEVER = it is not.
        """

    @abstractmethod
    def made(self, things: Rows, now: int) -> tuple[F64, F64]:
        """(value, coverage) of the running windows at their ends, known to be complete at `now`; the next are empty."""

    def changes(self, thing: int, value: float, at: int) -> bool:  # noqa: ARG002 - it does
        """False for a reading that changes nothing: one that was sent again does not end the silence before it."""
        return True

    def decided_from(self, thing: int, at: int) -> int:  # noqa: ARG002 - a window ends without a reading
        """What the reading at `at` µs decided lies at or after this moment: it ends windows that wait for it."""
        return at

    def reevaluate_from(self, thing: int, since: int) -> int:  # noqa: ARG002 - a window ends without a reading
        """What readings at or after `since` µs decided, or time for want of them, lies at or after this moment."""
        return since

    def decided(self, things: Rows, now: int | I64) -> Bools:  # noqa: ARG002 - what is observed is known at the end
        """Where what a window is worth is known at `now`, without a reading since its end."""
        return np.ones(len(things), np.bool_)

    def decided_at(self, things: Rows) -> I64:
        """When it will be at the latest, for windows that have ended, µs."""
        return np.full(len(things), NEVER, np.int64)

    def exchange(self, thing: int, point: str, meter: NewMeter) -> None:
        """A new meter counts at `point`."""

    # --- windows
    @property
    def kept(self) -> int:
        """How many windows the ring holds beyond those that the rule reads."""
        return len(self.ring) - self.depth

    def deepen(self, more: int) -> None:
        """Room in the ring for `more` windows than the rule reads."""
        if (missing := more - self.kept) > 0:
            self.ring = np.vstack([self.ring, np.full((missing, self.ring.shape[1]), np.nan)])

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.deepen(len(state["ring"]) - self.depth)
        super().load(state)

    def take_row(self, thing: int, other: Any, row: int) -> None:
        self.deepen(other.kept)
        other.deepen(self.kept)
        super().take_row(thing, other, row)

    def refresh(self, things: Sequence[int]) -> None:
        self.clock.refresh(things)

    def gap(self, thing: int) -> int:
        """Longer silence is a gap, µs."""
        return int(self.gaps(np.array([thing]))[0])

    def open(self, thing: int, at: int) -> None:
        """The first window of a thing without a reading so far."""
        self.start[thing], self.end[thing], _ = self.clock.window(thing, at)

    def close(self, things: Rows, now: int) -> F64:
        """Close the running windows: their coverages."""
        start, end = self.start[things], self.end[things]
        value, cover = self.made(things, now)
        for k in range(len(self.ring) - 1, 0, -1):
            self.ring[k, things] = self.ring[k - 1, things]
        self.ring[0, things] = np.where(cover < self.coverage - EPSILON, np.nan, value)
        self.cover[things] = cover
        self.begun[things], self.done[things] = start, end
        self.start[things], self.end[things], _ = self.clock.windows(things, end)
        return cover
