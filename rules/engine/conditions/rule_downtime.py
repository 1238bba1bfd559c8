"""What a down-time of the gateway means for one rule: what does not count, and what has to wait (decision 064)."""

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.engine.conditions.reporting import Speaker
from rules.engine.frames.batch_view import BatchView
from rules.engine.state.thing_table import LONG_AGO, NEVER


class RuleDowntime(Speaker):
    """A rule that knows when the gateway was away."""

    def silent_in(self, view: BatchView) -> None:
        """A view was judged: the silences in it that met a down-time, for what is still running."""

    def spoke(self, thing: int) -> int:
        """When it, or any member of it, spoke last, µs."""
        newest = int(self.space.newest[thing])
        return newest if self.common.spoke is None else max(newest, self.common.spoke(thing))

    def pause(
        self, thing: int, begin: int, end: int, columns: tuple[int, ...], *, since: int, due: int, upto: int = NEVER
    ) -> int:
        """Down-time to take out of the silence (begin, end] of a thing, after `since` and up to `upto`, for what is
        over at `due` µs.
        """
        every = self.every(thing, columns)
        if self.rule.downtime == "count" or begin == LONG_AGO or end - begin <= 3 * every:
            return 0
        return self.common.downs.taken(begin, end, since, due, upto, whole=not every)

    def decided_at(self, thing: int, due: int, columns: tuple[int, ...]) -> int:
        """When a tick decides what is due at `due` for want of readings, both µs.

        After a down-time longer than three intervals, of which nothing that the device said has come, it gets three
        intervals to speak.
        """
        downs = self.common.downs
        if due > downs.latest + 3 * self.every(thing, columns) or self.rule.downtime == "count" or not downs.spans:
            return due
        (last, start), some = downs.spans[-1], 3 * self.every(thing, columns)
        waits = start - last > some and due > last and self.space.things[thing].device not in downs.kept
        return start + some + 1 if waits else due

    def decided_after(self, things: NDArray[np.intp], due: I64, columns: tuple[int, ...]) -> I64:
        """The same for several things, of those that have not spoken since."""
        downs = self.common.downs
        if not downs.spans:
            return due
        found = due.copy()
        for k in np.flatnonzero((due > downs.spans[-1][0]) & (self.space.newest[things] <= downs.latest)).tolist():
            found[k] = self.decided_at(int(things[k]), int(due[k]), columns)
        return found

    def open_until(self, thing: int, now: int, columns: tuple[int, ...]) -> int:
        """Until when it is open at engine time `now` whether a down-time counts for a thing, µs; LONG_AGO = known.

        A silence of no more than three intervals may still end, and nothing is taken out. Groups wait for members.
        """
        downs, newest = self.common.downs, self.spoke(thing)
        waits = LONG_AGO if self.common.unsure is None else self.common.unsure(thing, now)
        if self.rule.downtime == "count" or newest >= downs.latest:
            return waits
        until = newest + 3 * self.every(thing, columns) + 1
        return max(waits, downs.ends(now), until if now < until and downs.overlap(newest, now) else LONG_AGO)
