"""The falls of counters that may be taken back (RULES section 4)."""

import numpy as np

from gateway.domain.counter import KEPT, Fall
from gateway.domain.reading import F64, I64
from rules.engine.state.thing_table import LONG_AGO, NEVER, ThingTable
from rules.engine.windows.base import Rows, StateTable
from rules.engine.windows.same_moment import SameMoment


class CounterFalls(StateTable):
    """State: fell (inf = none), fell_shift f64[3, n], fell_at i64[3, n], the newest first; and the same before the
    newest moment: 144 B.
    """

    arrays = (("fell", np.inf), ("fell_shift", 0), ("fell_at", LONG_AGO))
    flat = True

    def __init__(self, space: ThingTable) -> None:
        super().__init__(space)
        self.fell: F64 = np.zeros((KEPT, 0))
        self.fell_shift: F64 = np.zeros((KEPT, 0))
        self.fell_at: I64 = np.zeros((KEPT, 0), np.int64)
        self.moment = SameMoment(self, ("fell", "fell_shift", "fell_at"))
        self.parts = {"moment": self.moment}
        self._any: bool | None = None

    def replaced(self) -> None:
        self._any = None

    def any(self) -> bool:
        """False if none of the counters ever fell."""
        if self._any is None:
            self._any = any(not np.isinf(table[0]).all() for table in (self.fell, self.moment.before("fell")))
        return self._any

    def newest(self, things: Rows) -> tuple[F64, F64]:
        """The newest fall of each thing: (the value it fell from, inf = none; the line there)."""
        fell = self.fell[0, things]
        return fell, fell + self.fell_shift[0, things]

    def of(self, thing: int) -> tuple[Fall, ...]:
        """Those of a thing, the newest last."""
        return tuple(
            Fall(float(self.fell[k, thing]), float(self.fell_shift[k, thing]), int(self.fell_at[k, thing]))
            for k in range(KEPT - 1, -1, -1)
            if not np.isinf(self.fell[k, thing])
        )

    def oldest(self, thing: int) -> int:
        """Time of the oldest reading that it may still be found not to have fallen from, µs; NEVER = there is none."""
        return int(self.fell_at[:, thing].min(initial=NEVER, where=~np.isinf(self.fell[:, thing])))

    def put(self, thing: int, falls: tuple[Fall, ...]) -> None:
        """These are the falls of a thing, the newest last."""
        self.fell[:, thing] = np.inf
        if falls:
            self._any = True
        for k, fall in enumerate(reversed(falls)):
            self.fell[k, thing], self.fell_shift[k, thing], self.fell_at[k, thing] = fall
