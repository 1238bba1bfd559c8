"""When which message is published. Pure; times are s of one clock."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from protocols.mqtt.publication import Publication

FIRST_ROUND: Final = 10.0
"""s over which the first messages of a connection are spread, at most: a thousand devices do not answer at once."""


class PublishPlan:
    """Messages with their intervals, s. Nothing is due before `start` and after `stop`."""

    def __init__(self) -> None:
        self._every: Mapping[Publication, float] = {}
        self._due: list[tuple[float, int, Publication]] = []
        self._running = False
        self._number = 0

    def use(self, every: Mapping[Publication, float], now: float) -> None:
        """These from now on; those that were there before keep their time."""
        before, self._every = self._every, every
        self._due = [one for one in self._due if one[2] in every]
        heapify(self._due)
        if self._running:
            self._spread([one for one in every if one not in before], now)

    def start(self, now: float) -> None:
        """A connection is ready: all of them soon, then each at its interval."""
        self._running, self._due = True, []
        self._spread(list(self._every), now)

    def stop(self) -> None:
        """The connection is over."""
        self._running, self._due = False, []

    def due(self, now: float) -> list[Publication]:
        """What is to be published now. What was missed for several intervals is published once."""
        found = []
        while self._due and self._due[0][0] <= now:
            at, _, publication = heappop(self._due)
            every = self._every[publication]
            found.append(publication)
            self._add(max(at + every, now + every / 2), publication)
        return found

    def _spread(self, messages: Sequence[Publication], now: float) -> None:
        for index, one in enumerate(messages):
            self._add(now + min(self._every[one], FIRST_ROUND) * index / len(messages), one)

    def _add(self, at: float, publication: Publication) -> None:
        self._number += 1
        heappush(self._due, (at, self._number, publication))
