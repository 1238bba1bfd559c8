"""What a down-time of the gateway means for one rule: what does not count, and what has to wait (decision 064)."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.compiled import Rule
from rules.engine.state.downtime import Downtimes
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable


class DowntimeSource(Protocol):
    """What is known of down-times, and of when groups sent something; see `EngineContext`."""

    @property
    def downs(self) -> Downtimes:
        """The down-times."""

    @property
    def spoke(self) -> Callable[[int], int] | None:
        """When any member of a group sent something last."""

    @property
    def unsure(self) -> Callable[[int, int], int] | None:
        """Until when members of a group may turn out to have sent something."""


class RuleDowntime:
    """`every`: (row, columns) -> the promised interval of these points, µs, 0 = none. Times are µs."""

    def __init__(
        self, rule: Rule, space: ThingTable, source: DowntimeSource, every: Callable[[int, tuple[int, ...]], int]
    ) -> None:
        self.space, self.source, self.every = space, source, every
        self.counts = rule.downtime == "count"

    def spoke(self, thing: int) -> int:
        """When the thing, or any member of it, sent something last."""
        newest = int(self.space.newest[thing])
        return newest if self.source.spoke is None else max(newest, self.source.spoke(thing))

    def pause(
        self, thing: int, begin: int, end: int, columns: tuple[int, ...], *, since: int, due: int, upto: int = NEVER
    ) -> int:
        """Down-time to take out of the silence (begin, end] of a thing, after `since` and up to `upto`, for what is
        over at `due`.
        """
        every = self.every(thing, columns)
        if self.counts or begin == LONG_AGO or end - begin <= 3 * every:
            return 0
        return self.source.downs.taken(begin, end, since, due, upto, whole=not every)

    def decided_at(self, thing: int, due: int, columns: tuple[int, ...]) -> int:
        """When a tick decides what is due at `due` for want of readings.

        After a down-time longer than three intervals, of which nothing that the device sent has come, it gets three
        intervals.
        """
        downs = self.source.downs
        if due > downs.latest + 3 * self.every(thing, columns) or self.counts or not downs.spans:
            return due
        (last, start), some = downs.spans[-1], 3 * self.every(thing, columns)
        waits = start - last > some and due > last and self.space.things[thing].device not in downs.kept
        return start + some + 1 if waits else due

    def decided_after(self, things: NDArray[np.intp], due: I64, columns: tuple[int, ...]) -> I64:
        """The same for several things, of those that have sent nothing since."""
        downs = self.source.downs
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
        downs, newest = self.source.downs, self.spoke(thing)
        waits = LONG_AGO if self.source.unsure is None else self.source.unsure(thing, now)
        if self.counts or newest >= downs.latest:
            return waits
        until = newest + 3 * self.every(thing, columns) + 1
        return max(waits, downs.ends(now), until if now < until and downs.overlap(newest, now) else LONG_AGO)
