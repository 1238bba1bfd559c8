"""Detects another client with our client_id. A broker gives a session to the client that connects last, so that each
ends the connection of the other."""

from typing import Final

_BRIEF_S: Final = 60.0
"""s: a connection that the broker ends sooner counts as a sign."""
_MOST_BRIEF: Final = 3
"""Number of them in a row, after the broker had accepted us, that is no accident."""
_PEACE_S: Final = 300.0
"""s of connection after which the other one is gone. Longer than the wait of a gateway that was thrown out."""
WAIT: Final = 60.0
"""s to wait before the next try, at least: two that answer at once would only throw each other out faster."""


class ClientIdConflict:
    """Judges by how connections end. Pure; times are s of a monotonic clock."""

    def __init__(self) -> None:
        self.suspected = False
        self._row = 0

    def ended(self, accepted: float | None, now: float, *, taken_over: bool, by_broker: bool) -> bool:
        """A connection that the broker accepted at `accepted` (None = it did not) is over. True when this is the first
        sign of another client."""
        before = self.suspected
        brief = accepted is not None and now - accepted < _BRIEF_S
        if brief and by_broker:
            self._row += 1
        elif accepted is not None:
            self._row = 0
        if taken_over or self._row >= _MOST_BRIEF:
            self.suspected = True
        return self.suspected and not before

    def over(self, accepted: float, now: float) -> bool:
        """Connected since `accepted`, still at `now`: True when what was suspected is over with that."""
        if not self.suspected or now - accepted < _PEACE_S:
            return False
        self.suspected, self._row = False, 0
        return True
