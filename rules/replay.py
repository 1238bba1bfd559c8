"""History through an engine: readings in order of time, facts among them, and timers in between at their time."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from gateway.domain.reading import Batch
from gateway.domain.record import Body

TimedFact = tuple[int, Body]
"""(µs, a fact)."""


class TimedEngine(Protocol):
    """What has timers. Times are µs."""

    @property
    def now(self) -> int:
        """Engine time."""

    def due(self) -> int:
        """Time of its next timer; very late when there is none."""

    def tick(self, now: int) -> None:
        """Engine time is `now`."""


class ReplayEngine(TimedEngine, Protocol):
    """What history is played to."""

    def batch(self, batch: Batch) -> None:
        """Evaluate readings."""

    def moment(self, body: Body, at: int) -> None:
        """A fact at `at`."""


def pass_time(engine: TimedEngine, moment: int, *, patience: int = 1, soon: int = 0) -> None:
    """Nothing more comes up to `moment` µs: call each timer that is due at its time; engine time is `moment` then.

    A timer that is due again no later than `soon` µs after it was, `patience` times in a row, waits for more than time:
    it is not called again before there is more history.
    """
    repeated, last = 0, None
    while (due := engine.due()) <= moment:
        repeated = repeated + 1 if last is not None and due <= last + soon else 0
        if repeated >= patience:
            break
        engine.tick(max(due, engine.now))
        last = due
    if moment > engine.now:
        engine.tick(moment)


class Replay:
    """Plays history to `engine`, up to `most` readings at once where no timer is due between them; the rest as of
    `pass_time`.
    """

    def __init__(self, engine: ReplayEngine, most: int, *, patience: int = 1, soon: int = 0) -> None:
        self.engine, self.most, self.patience, self.soon = engine, most, patience, soon

    def until(self, moment: int) -> None:
        """See `pass_time`."""
        pass_time(self.engine, moment, patience=self.patience, soon=self.soon)

    def feed(self, history: Batch, begin: int = 0, end: int | None = None) -> None:
        """Evaluate the rows [begin, end), sorted by time, in pieces of whole moments."""
        end = len(history) if end is None else end
        while begin < end:
            first = int(history.at[begin])
            self.until(first - 1)
            due = max(self.engine.due(), first)
            stop = min(begin + self.most, int(np.searchsorted(history.at, due, "right")), end)
            if stop < end:
                stop = int(np.searchsorted(history.at, history.at[stop - 1], "right"))
            self.engine.batch(history.select(np.arange(begin, stop)))
            begin = stop

    def play(self, history: Batch, facts: Iterable[TimedFact], now: int) -> None:
        """Readings sorted by time, and facts after the readings of their moment, up to engine time `now`."""
        begin = 0
        for at, body in sorted(facts, key=lambda one: one[0]):
            end = int(np.searchsorted(history.at, at, "right"))
            self.feed(history, begin, end)
            begin = max(begin, end)
            self._fact(at, body)
        self.feed(history, begin)
        self.until(now)

    def play_records(self, batches: Iterable[tuple[int, Batch]], facts: Sequence[TimedFact], now: int) -> None:
        """Batches as they came, each with the engine time of its record, and facts before those of their time; up to
        engine time `now`. Both are in order.
        """
        left = list(facts)
        for moment, batch in batches:
            while left and left[0][0] <= moment:
                self._fact(*left.pop(0))
            self.until(moment)
            self.engine.batch(batch)
        for at, body in left:
            self._fact(at, body)
        self.until(now)

    def _fact(self, at: int, body: Body) -> None:
        self.until(at)
        self.engine.moment(body, at)
