"""The windows of a calendar in the time zone of each thing."""

from collections.abc import Sequence

import numpy as np

from gateway.domain.reading import F64, I64
from rules.compiled import Calendar
from rules.engine.binding.local_time import local_time_of
from rules.engine.state.calendar import window, zone_of
from rules.engine.state.field import Field
from rules.engine.state.thing_table import ThingTable
from rules.engine.windows.base import Rows


class CalendarClock:
    """`zone` is that of the rule; a site may have its own."""

    def __init__(self, world: Field, space: ThingTable, zone: str, calendar: Calendar) -> None:
        self.calendar, self.local = calendar, local_time_of(world, space, zone)

    def refresh(self, things: Sequence[int]) -> None:
        """The sites of these things may be others now."""
        self.local.refresh(things)

    def window(self, thing: int, at: int) -> tuple[int, int, float]:
        """The first window of the thing that ends after `at`, and its days."""
        zone = zone_of(self.local.zones[self.local.zone[thing]])
        assert zone is not None, "World.zone answers with a zone that exists"
        return window(zone, self.calendar, at)

    def windows(self, things: Rows, at: I64) -> tuple[I64, I64, F64]:
        """`window` of each thing at its moment."""
        if len(things) == 1:
            begin, until, length = self.window(int(things[0]), int(at[0]))
            return np.array([begin]), np.array([until]), np.array([length])
        start, end, days = at.copy(), at.copy(), np.zeros(len(things))
        zone = self.local.zone[things]
        for number in np.flatnonzero(np.bincount(zone)).tolist():
            known = zone_of(self.local.zones[number])
            assert known is not None, "World.zone answers with a zone that exists"
            mine = np.flatnonzero(zone == number)
            moments, place = np.unique(at[mine], return_inverse=True)
            found = [window(known, self.calendar, moment) for moment in moments.tolist()]
            start[mine], end[mine] = np.array([one[:2] for one in found], np.int64)[place].T
            days[mine] = np.array([one[2] for one in found])[place]
        return start, end, days
