"""What signals of calendar windows have in common: windows that close, and the values of the last closed ones."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64
from rules.compiled import Calendar
from rules.engine.calendar import window, zone_of
from rules.engine.signals.base import EPSILON, Gaps, Heard, Surroundings, Table, readings
from rules.engine.space import LONG_AGO, NEVER, Space
from rules.engine.view import Bools, View


class Closing(Table):
    """State: start, end of the running window (or of the next night), begun, done of the last closed one; cover f32.

    `ring` f64[depth]: values of the last closed windows. 36 + 8 x depth B.
    """

    arrays: tuple[tuple[str, float], ...] = (
        ("start", LONG_AGO), ("end", NEVER), ("begun", LONG_AGO), ("done", LONG_AGO), ("cover", 0), ("ring", np.nan)
    )  # fmt: skip

    def __init__(
        self, name: str, unit: str, calendar: Calendar, coverage: float, depth: int, zone: str, space: Space,
        around: Surroundings, points: tuple[str, ...],
    ) -> None:  # fmt: skip
        super().__init__(space)
        self.name, self.unit, self.calendar, self.coverage, self.zone = name, unit, calendar, coverage, zone
        self.world, self.points = around.world, points
        self.columns = tuple(space.column(point) for point in points)
        self.gaps = Gaps(around.world, space, points)
        self.start: I64 = np.zeros(0, np.int64)
        self.end: I64 = np.zeros(0, np.int64)
        self.begun: I64 = np.zeros(0, np.int64)
        self.done: I64 = np.zeros(0, np.int64)
        self.cover: NDArray[np.float32] = np.zeros(0, np.float32)
        self.ring: F64 = np.zeros((depth, 0))

    # --- what an operator does
    def hear(self, view: View, inside: Bools) -> Heard:
        """Its readings in the units `inside` of a view."""
        return readings(view, self.columns[0], inside, known=True)

    @abstractmethod
    def special(self, heard: Heard) -> Bools:
        """Which of them may do more than go on in the running window: the first that is special is taken singly."""

    @abstractmethod
    def quick(self, heard: Heard) -> None:
        """Readings that are not special."""

    @abstractmethod
    def take(self, thing: int, value: float, at: int) -> int:
        """Any reading, after all windows up to its time were closed.

        Since when what closed windows are worth is in doubt by it, µs: its own was closed already, or another with a
        silence that it disproves. NEVER = it is not.
        """

    @abstractmethod
    def made(self, thing: int, now: int) -> tuple[float, float]:
        """(value, coverage) of the running window at its end, known to be complete at `now`; the next one is empty."""

    def changes(self, thing: int, value: float, at: int) -> bool:  # noqa: ARG002 - it does
        """Does this reading change anything? One that was sent again says nothing of the silence before it."""
        return True

    def decided_from(self, thing: int, at: int) -> int:  # noqa: ARG002 - a window ends without a reading
        """What the reading at `at` µs decided lies at or after this moment: it ends windows that wait for it."""
        return at

    def decided(self, thing: int, now: int) -> bool:  # noqa: ARG002 - what is observed is known at the end
        """Is what a window is worth known at `now`, without a reading since its end?"""
        return True

    def decided_at(self, thing: int) -> int:  # noqa: ARG002
        """When it will be at the latest, for a window that has ended, µs."""
        return NEVER

    def exchange(self, thing: int, point: str, start: float, at: int) -> None:
        """A new meter hangs at `point` since `at` µs and began at `start`."""

    # --- windows
    def gap(self, thing: int) -> int:
        """Longer silence is a gap, µs."""
        return int(self.gaps(np.array([thing]))[0])

    def window(self, thing: int, at: int) -> tuple[int, int, float]:
        """The first window of the thing that ends after `at`, and its days."""
        device = self.world.devices[self.space.things[thing].device]
        zone = zone_of(self.world.zone(device, self.zone))
        assert zone is not None, "World.zone answers with a zone that exists"
        return window(zone, self.calendar, at)

    def open(self, thing: int, at: int) -> None:
        """The first window of a thing that was never heard."""
        self.start[thing], self.end[thing], _ = self.window(thing, at)

    def close(self, thing: int, now: int) -> tuple[float, int, int, float]:
        """Close the running window: (value, start, end, coverage)."""
        start, end = int(self.start[thing]), int(self.end[thing])
        value, cover = self.made(thing, now)
        if cover < self.coverage - EPSILON:
            value = float("nan")
        self.ring[1:, thing] = self.ring[:-1, thing].copy()
        self.ring[0, thing] = value
        self.cover[thing] = cover
        self.begun[thing], self.done[thing] = start, end
        self.start[thing], self.end[thing], _ = self.window(thing, end)
        return value, start, end, cover
