"""The readings that count in the end (RULES.md section 5: Clocks, Duplicates; section 3: bad is unknown).

Sorted by event time, each (point, at) once: the last received wins.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from oracle.scene import EPOCH_2026, MINUTE, Message, PointDef

AHEAD = 5 * MINUTE
OLDEST = 946_684_800_000_000  # 2000-01-01, µs since 1970

Value = float | str | None
"""A number, the text of a state, or None: bad."""


def event_time(at: int, received: int, start: int = EPOCH_2026) -> int:
    """ "An `at` more than `ahead_limit` after its receive time, or before 2000, is replaced by the receive time"."""
    return received if at > received + AHEAD or start + at < OLDEST else at


class History:
    """Readings of one device, sorted, after all corrections."""

    def __init__(self, points: Mapping[str, PointDef], messages: Sequence[Message], start: int = EPOCH_2026) -> None:
        self.points = points
        self.start = start
        found: dict[tuple[int, str], Value] = {}
        for message in sorted(messages, key=lambda one: one.received):  # stable: ties as written
            at = event_time(message.at, message.received, start)
            for name, value in message.values.items():
                found[at, name] = value
        frames: dict[int, dict[str, Value]] = {}
        for at, name in sorted(found):
            frames.setdefault(at, {})[name] = found[at, name]
        self.frames = frames
        self.times = sorted(frames)
        self._at: dict[str, list[int]] = {name: [] for name in points}
        self._value: dict[str, list[Value]] = {name: [] for name in points}
        for at in self.times:
            for name, value in frames[at].items():
                self._at[name].append(at)
                self._value[name].append(value)

    def of(self, point: str) -> list[tuple[int, Value]]:
        """All readings of a point, bad ones too."""
        return list(zip(self._at[point], self._value[point], strict=True))

    def good(self, point: str) -> list[tuple[int, Value]]:
        """Those with a value."""
        return [(at, value) for at, value in self.of(point) if value is not None]

    def last(self, point: str, t: int) -> Value:
        """The value of the newest reading at or before `t`; None = never heard, or bad."""
        k = bisect_right(self._at[point], t)
        return self._value[point][k - 1] if k else None

    def heard(self, point: str, t: int) -> int | None:
        """When the newest reading at or before `t` was, whatever its quality."""
        k = bisect_right(self._at[point], t)
        return self._at[point][k - 1] if k else None

    def good_at(self, point: str, t: int) -> int | None:
        """When the newest good reading at or before `t` was."""
        k = bisect_right(self._at[point], t)
        while k and self._value[point][k - 1] is None:
            k -= 1
        return self._at[point][k - 1] if k else None
