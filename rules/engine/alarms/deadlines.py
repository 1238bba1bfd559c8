"""Deadlines of alarms in engine time, the earliest first."""

from heapq import heapify, heappop, heappush

from rules.engine.state.thing_table import NEVER
from rules.engine.transitions import AlarmKey


class AlarmDeadlines:
    """One deadline (µs) per alarm. The heap may hold outdated entries, never more than twice the valid ones."""

    def __init__(self) -> None:
        self._due: dict[AlarmKey, int] = {}
        self._heap: list[tuple[int, AlarmKey]] = []

    def set(self, key: AlarmKey, due: int) -> None:
        """The deadline of `key` is `due` from now on."""
        if self._due.get(key) == due:
            return
        self._due[key] = due
        heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(at, one) for one, at in self._due.items()]
            heapify(self._heap)

    def drop(self, key: AlarmKey) -> None:
        """`key` has no deadline any more."""
        self._due.pop(key, None)

    def pop_due(self, now: int) -> list[AlarmKey]:
        """The alarms due at `now` µs, the earliest first; they have no deadline any more."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            due, key = heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                found.append(key)
        return found

    def next(self) -> int:
        """The earliest deadline, NEVER when there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else NEVER
