"""What a down-time of the gateway means for one rule: what does not count, and what has to wait (decision 064)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.compiled import Rule
from rules.engine.state.downtime import Downtimes
from rules.engine.state.field import Field
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable


class RuleDowntime:
    """`every`: (row, columns) -> the promised interval of these points, µs, 0 = none. Times are µs."""

    def __init__(
        self,
        rule: Rule,
        space: ThingTable,
        downs: Downtimes,
        world: Field,
        every: Callable[[int, tuple[int, ...]], int],
    ) -> None:
        self.space, self.downs, self.world, self.every = space, downs, world, every
        self.counts = rule.downtime == "count"

    def newest_reading(self, thing: int) -> int:
        """The newest reading of the thing, or of any member of it."""
        return self.world.newest_reading(self.space, thing)

    def pause(
        self, thing: int, begin: int, end: int, columns: tuple[int, ...], *, since: int, due: int, upto: int = NEVER
    ) -> int:
        """Down-time to take out of the silence (begin, end] of a thing, after `since` and up to `upto`, for what is
        over at `due`.
        """
        every = self.every(thing, columns)
        if self.counts or begin == LONG_AGO or end - begin <= 3 * every:
            return 0
        return self.downs.taken(begin, end, since, due, upto, whole=not every)

    def decided_at(self, thing: int, due: int, columns: tuple[int, ...]) -> int:
        """When a tick decides what is due at `due` for want of readings.

        After a down-time longer than three intervals, of which nothing that the device sent has come, it gets three
        intervals.
        """
        downs = self.downs
        if due > downs.latest + 3 * self.every(thing, columns) or self.counts or not downs.spans:
            return due
        (last, start), some = downs.spans[-1], 3 * self.every(thing, columns)
        waits = start - last > some and due > last and self.space.things[thing].device not in downs.kept
        return start + some + 1 if waits else due

    def decided_after(self, things: NDArray[np.intp], due: I64, columns: tuple[int, ...]) -> I64:
        """The same for several things, of those that have sent nothing since."""
        downs = self.downs
        if not downs.spans:
            return due
        found = due.copy()
        for k in np.flatnonzero((due > downs.spans[-1][0]) & (self.space.newest[things] <= downs.latest)).tolist():
            found[k] = self.decided_at(int(things[k]), int(due[k]), columns)
        return found

    def open_until(self, thing: int, now: int, columns: tuple[int, ...]) -> int:
        """Until when it is open at engine time `now` whether a down-time counts for a thing; LONG_AGO = known.

        A silence of no more than three intervals may still end, and nothing is taken out. Groups wait for members.
        """
        downs, newest = self.downs, self.newest_reading(thing)
        waits = self.world.undecided_until(thing, now)
        if self.counts or newest >= downs.latest:
            return waits
        until = newest + 3 * self.every(thing, columns) + 1
        return max(waits, downs.ends(now), until if now < until and downs.overlap(newest, now) else LONG_AGO)
