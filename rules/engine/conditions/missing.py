"""`missing: clear_after`: alarms end when nothing has been known of their thing for so long."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64, U8
from rules.engine.conditions.context import EvaluatorContext
from rules.engine.frames.at import At
from rules.engine.state.thing_table import NEVER

Missing = tuple[NDArray[np.intp], I64, I64]


class ClearAfter:
    """`alarm` gives u8[n], the level of each alarm, 0 = none. Times are µs; without `clear_after` nothing is ever
    missing.
    """

    def __init__(self, context: EvaluatorContext, alarm: Callable[[], U8]) -> None:
        self.context, self.alarm = context, alarm
        self.length = context.rule.clear_after

    # --- at a reading, or when a thing is judged for another reason
    def due(self, here: At) -> int:
        """When the thing is missing by what is known at `here`; NEVER = it is not."""
        return here.known_at(self.context.space, self.context.columns) + self.length if self.length else NEVER

    def due_before(self, here: At) -> int:
        """The same by what was known before the unit."""
        return self.due(here.earlier(here.t)) if self.length else NEVER

    # --- at a tick
    def _missing(self) -> Missing:
        """The things that are on, when each is missing, and when a tick decides so: later after a down-time."""
        things, columns = np.flatnonzero(self.alarm()), self.context.columns
        due = np.max([self.context.space.good_at[column][things] for column in columns], axis=0) + self.length
        return things, due, self.context.downtime.decided_after(things, due, columns)

    def decided(self, now: int) -> list[tuple[int, int]]:
        """(thing, when it was missing) of all of which a tick at `now` decides so."""
        if not self.length:
            return []
        things, due, when = self._missing()
        ripe = np.flatnonzero(when <= now)
        return list(zip(things[ripe].tolist(), due[ripe].tolist(), strict=True))

    def undecided(self, now: int) -> dict[int, int]:
        """Things of which a tick cannot say yet that they are missing -> when they would be (decision 064)."""
        if not self.length or not self.context.common.downs.spans:
            return {}
        things, due, when = self._missing()
        open_ = np.flatnonzero((due <= now) & (when > now))
        return dict(zip(things[open_].tolist(), due[open_].tolist(), strict=True))

    def next_due(self) -> int:
        """When a tick decides next; NEVER when nothing is on."""
        return int(self._missing()[2].min(initial=NEVER)) if self.length else NEVER
