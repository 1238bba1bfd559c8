"""Summary of received traffic in the log: soon after the start, when sources become silent or active, else once an
hour."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from gateway.domain.duration import HOUR, MINUTE
from gateway.domain.language_values import DurationText, Phrase


@dataclass(frozen=True, slots=True)
class TrafficCounts:
    """Counts since the start; `by_source` messages of each configured source."""

    messages: int = 0
    readings: int = 0
    dead: int = 0
    alarms: int = 0
    orders: int = 0
    sent: int = 0
    by_source: Mapping[str, int] = field(default_factory=dict)


_COUNTS: Final = tuple(one.name for one in fields(TrafficCounts) if one.name != "by_source")


class Summary:
    """Pure; times are µs of a monotonic clock. `began`: the counts at that time."""

    def __init__(self, began: int) -> None:
        self._at, self._last = began, TrafficCounts()
        self._picture: tuple[frozenset[str], bool] | None = None

    def due(self, counts: TrafficCounts, silent: Collection[str], now: int) -> dict[str, object] | None:
        """Fields of a summary line, or None when none is due. `silent`: sources whose messages are missing for a
        known reason."""
        since = now - self._at
        picture = (frozenset(silent), counts.messages > 0)
        if since < MINUTE or (picture == self._picture and since < HOUR):
            return None
        before = self._last
        since_then: dict[str, object] = {name: getattr(counts, name) - getattr(before, name) for name in _COUNTS}
        old = before.by_source
        quiet = [name for name, n in counts.by_source.items() if name in silent or n == old.get(name, 0)]
        words = Phrase("log.summary_none") if not counts.by_source else ""
        if quiet:
            words = Phrase("log.summary_silent", {"sources": quiet})
        self._at, self._last, self._picture = now, counts, picture
        return {"since": DurationText(since), **since_then, "silent": words}
