"""`active` on one table: when the hours of a rule begin for each thing, and whether it was judged since."""

from collections.abc import Callable, Iterator

import numpy as np

from gateway.domain.reading import I64
from rules.compiled import Active
from rules.engine.frames.batch_view import Bools
from rules.engine.state.active_hours import ActiveHours
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import StateTable


class Openings(StateTable):
    """State: opens i64[n] µs, the next opening at which the thing has to be judged again, 8 B.

    `local` gives the time zone of a row; `next_open`: no thing opens earlier, µs.
    """

    arrays = (("opens", NEVER),)

    def __init__(self, active: Active, space: ThingTable, local: Callable[[int], str]) -> None:
        super().__init__(space)
        self.active, self.local = ActiveHours(active), local
        self.opens: I64 = np.zeros(0, np.int64)
        self.next_open = NEVER

    def inside(self, thing: int, t: int) -> bool:
        """True if `t` lies in the hours of the thing."""
        return self.active.inside(self.local(thing), t)

    def closing(self, thing: int, t: int) -> int:
        """The end of the hours that hold `t`, µs; `t` when it lies in none."""
        return self.active.closing(self.local(thing), t)

    def begin(self, thing: int, t: int) -> None:
        """The thing is judged at `t`: the next opening is the one after that."""
        self.opens[thing] = following = self.active.next_opening(self.local(thing), t)
        self.next_open = min(self.next_open, following)

    def reopened(self, thing: int, t: int) -> int | None:
        """The newest opening before `t` when the thing was not judged since; from now on it was."""
        found = None
        if self.opens[thing] < t:
            found = self.active.opening(self.local(thing), t - 1)
            found = found if self.opens[thing] <= found and found > LONG_AGO else None
        self.begin(thing, t)
        return found

    def reopenings(self, watched: Bools, now: int) -> Iterator[tuple[int, int]]:
        """(thing, opening) of all that opened at or before engine time `now` and were not judged since."""
        if self.next_open > now:
            return
        for thing in np.flatnonzero(watched & (self.opens <= now)).tolist():
            opening = self.reopened(thing, now + 1)
            if opening is not None:
                yield thing, opening
        self.next_open = int(self.opens[watched].min(initial=NEVER))

    def adopt(self, old: "Openings") -> None:
        """Go on from those of the revision before; other hours begin anew."""
        if old.active.active == self.active.active:
            self.opens, self.next_open = old.opens, old.next_open
        else:
            self.begin_anew()

    def go_on(self, old: "Openings | None") -> None:
        """The same; None: the revision before had no hours."""
        if old is None:
            self.begin_anew()
        else:
            self.adopt(old)

    def begin_anew(self) -> None:
        """Every thing is judged again at the next tick."""
        self.opens = np.full(self.space.capacity, LONG_AGO, np.int64)
        self.next_open = LONG_AGO
