"""Down-times of the gateway: what they take out of holds, and how long after them ticks wait (RULES section 5, 064)."""

import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import Thing
from gateway.domain.duration import MINUTE, SECOND
from gateway.domain.reading import I64, Batch
from rules.engine.state.thing_table import LONG_AGO

KEEP = 64
QUIET = SECOND
"""So long nothing from before a start has to come, until ticks decide; at most `LONGEST` after it."""
LONGEST = MINUTE


class Downtimes:
    """The newest down-times (from, to), µs, oldest first. `kept`: devices that sent something in the newest one, as
    what came afterwards shows; ticks before `settled` µs decide nothing: what a broker kept is on its way.
    `reading_times`: of things whose history is replayed, µs, its end last. A re-evaluation of a group uses what was
    known at `hindsight` µs, and which devices have `returned` since the newest down-time. `steps`: those forward of the
    gateway's clock (from, to), µs: no time passed between the two.
    """

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []
        self.latest, self.settled = LONG_AGO, LONG_AGO
        self.kept: set[int] = set()
        self.reading_times: dict[Thing, I64] = {}
        self.hindsight, self.returned = LONG_AGO, frozenset[int]()
        self.steps: list[tuple[int, int]] = []

    def add(self, last: int, start: int) -> None:
        """The process was away from `last` to `start`; nothing when it was not."""
        if start > last:
            self.spans = [*self.spans[-KEEP + 1 :], (last, start)]
            self.latest = max(self.latest, start)
            self.kept = set()
            self.settled = start + QUIET

    def during_newest(self, t: I64) -> NDArray[np.bool_]:
        """Which of these moments lie in the newest down-time; within a second of the last tick it had not begun."""
        last, start = self.spans[-1]
        return (t > last + SECOND) & (t <= start)

    def wait(self, batch: Batch, at: int) -> None:
        """Readings that the journal got at `at` µs: those from before the start may have others behind them."""
        if self.spans and at < self.latest + LONGEST and len(batch) and batch.at.min() <= self.latest:
            self.settled = min(max(self.settled, at + QUIET), self.latest + LONGEST)

    def ends(self, now: int) -> int:
        """The end of the down-time that `now` lies in; LONG_AGO when it lies in none."""
        return next((start for last, start in self.spans if last < now < start), LONG_AGO)

    def overlap(self, begin: int, end: int) -> int:
        """How much of [begin, end) the gateway was down, µs."""
        return sum(max(0, min(end, start) - max(begin, last)) for last, start in self.spans)

    def next_reading(self, thing: Thing, at: int) -> int | None:
        """Until when a thing that was silent at `at` µs was so; None = that is not known."""
        times = self.reading_times.get(thing)
        return None if times is None else int(times[min(int(np.searchsorted(times, at, "right")), len(times) - 1)])

    def taken(self, begin: int, end: int, since: int, due: int, upto: int, *, whole: bool) -> int:
        """How much of the silence (begin, end], after `since` and up to `upto`, does not count for what is over at
        `due` µs; what is taken out moves that. `whole`: of a device that promised no interval a down-time in which it
        sent something counts.
        """
        total = 0
        for last, start in self.spans:
            part = min(end, start, upto) - max(begin, since, last)
            before_stop = end <= last + SECOND  # before the stop
            if (
                part > 0
                and not before_stop
                and max(begin, last) < due + total
                and not (whole and (begin > last or end < start))
            ):
                total += part
        return total

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: nothing was later."""
        self.spans = [(last, min(start, to)) for last, start in self.spans if last < to]
        self.latest, self.settled = min(self.latest, to), min(self.settled, to)
        self.steps = [(frm, min(end, to)) for frm, end in self.steps if frm < to]

    def stepped(self, frm: int, to: int) -> None:
        """The clock was set forward."""
        self.steps = [*self.steps[-KEEP + 1 :], (frm, to)]

    def put_off(self, since: I64, due: I64) -> I64:
        """Due-times of what counts from `since`, both µs, by a clock that was set forward between the two."""
        for frm, to in self.steps:
            due = np.where((since <= frm) & (due > frm), due + (to - frm), due)
        return due

    def known(self, devices: list[int], due: I64, decided: I64) -> I64:
        """When moments of devices at `due` are decided, µs; a re-evaluation of a group waits for nothing known now."""
        returned = np.array([device in self.returned for device in devices], np.bool_)
        return np.where((decided <= self.hindsight) | returned, due, decided)

    def copied(self) -> "Downtimes":
        """The same for another engine that judges the same time."""
        found = Downtimes()
        found.spans, found.latest, found.kept = list(self.spans), self.latest, set(self.kept)
        found.hindsight, found.returned, found.steps = self.hindsight, self.returned, list(self.steps)
        return found
