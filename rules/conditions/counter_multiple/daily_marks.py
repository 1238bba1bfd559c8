"""Value of a counter once a day, from which an evaluation of the past can begin."""

from typing import Any

import numpy as np

from gateway.domain.duration import DAY
from gateway.domain.reading import F64, I32, I64
from rules.conditions.counter_multiple.multiples import Multiples
from rules.engine.frames.batch_view import Bools
from rules.engine.state.thing_table import LONG_AGO, ThingTable
from rules.engine.windows.base import Rows, StateTable

MARKS = 5


class DailyMarks(StateTable):
    """State, one mark a day, the newest first: mark_at i64[5, n] µs of the reading, mark_run f64[5, n] beyond the base,
    mark_reported i32[5, n] multiples that were reported: 100 B.

    `begun`: row -> µs of the mark with which an evaluation of the past began.
    """

    arrays = (("mark_at", LONG_AGO), ("mark_run", np.nan), ("mark_reported", 0))

    def __init__(self, space: ThingTable) -> None:
        super().__init__(space)
        self.mark_at: I64 = np.zeros((MARKS, 0), np.int64)
        self.mark_run: F64 = np.zeros((MARKS, 0))
        self.mark_reported: I32 = np.zeros((MARKS, 0), np.int32)
        self.begun: dict[int, int] = {}

    def missing(self, things: Rows, at: I64, base: F64) -> Bools:
        """Where a reading at `at` µs is the first one of its day, and counts from a known `base` f64[capacity]."""
        found: Bools = (at - self.mark_at[0, things] >= DAY) & ~np.isnan(base[things])
        return found

    def note(self, things: Rows, multiples: Multiples) -> None:
        """One a day, after the first reading of the day was judged."""
        counter, base = multiples.counter, multiples.base
        things = things[self.missing(things, counter.at[things], base)]
        if not len(things):
            return
        line = counter.value[things] + counter.shift[things]
        at, run, reported = counter.at[things], line - base[things], multiples.reported[things]
        for table in (self.mark_at, self.mark_run, self.mark_reported):
            table[1:, things] = table[:-1, things]
        self.mark_at[0, things], self.mark_run[0, things], self.mark_reported[0, things] = at, run, reported

    def known_from(self, thing: int, start: int) -> int:
        """The newest mark at or before `start` µs; `start` where there is none."""
        known = int(self.mark_at[:, thing].max(initial=LONG_AGO, where=self.mark_at[:, thing] <= start))
        return known if known > LONG_AGO else start

    def newest_by(self, thing: int, start: int) -> tuple[int, float, int] | None:
        """(µs, run, multiples reported) of the newest mark at or before `start` µs."""
        older = np.flatnonzero((self.mark_at[:, thing] <= start) & (self.mark_at[:, thing] > LONG_AGO))
        if not len(older):
            return None
        k = int(older[0])
        return int(self.mark_at[k, thing]), float(self.mark_run[k, thing]), int(self.mark_reported[k, thing])

    def take_row(self, thing: int, other: Any, row: int) -> None:
        """Marks from before that with which `other` began stay."""
        begun = other.begun.get(row, LONG_AGO)
        tables = [(table, table[:, thing].copy()) for table in (self.mark_at, self.mark_run, self.mark_reported)]
        older = np.flatnonzero((self.mark_at[:, thing] < begun) & (self.mark_at[:, thing] > LONG_AGO))
        super().take_row(thing, other, row)
        known = int((self.mark_at[:, thing] > LONG_AGO).sum())
        kept = older[: MARKS - known]
        for table, before in tables:
            table[known : known + len(kept), thing] = before[kept]
