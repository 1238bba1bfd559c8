"""What the rule engine publishes of itself: immutable, so that every thread may read it at any time."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from gateway.domain.history_request import HistoryRequest
from gateway.domain.record import PolicySet, RuleSet


@dataclass(slots=True)
class ReadingCounts:
    """Readings by fate: judged, late, expired (late beyond `accept_late`: never judged), duplicate, conflict
    (replaced), unknown to the engine. Second looks at the past: reruns, what they `corrected`, those given up (too much
    history), alarms `unproven` (the history does not show what was decided before); rules that began `cold`.
    """

    judged: int = 0
    late: int = 0
    duplicate: int = 0
    conflict: int = 0
    unknown: int = 0
    expired: int = 0
    reruns: int = 0
    corrected: int = 0
    given_up: int = 0
    unproven: int = 0
    cold: int = 0

    def with_reruns(self, others: Iterable["ReadingCounts"]) -> "ReadingCounts":
        """A copy: the same readings, and the second looks of all."""
        found = dataclasses.replace(self)
        for one in others:
            for name in ("reruns", "corrected", "given_up", "unproven", "cold"):
                setattr(found, name, getattr(found, name) + getattr(one, name))
        return found


@dataclass(frozen=True, slots=True)
class GlitchCounts:
    """Falls of counters that were taken back, by point: all so far, and of each device as known now."""

    total: Mapping[str, int] = field(default_factory=dict)
    by_device: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    def of(self, device: int) -> Mapping[str, int]:
        """Point -> how many of a device."""
        return self.by_device.get(device, {})


class EngineStatus(Struct, frozen=True):
    """The engine as of record `seq`. Nothing in it changes any more; the next status is another value.

    `rules`: id -> the fact in force. `broken`: rule whose newest source did not compile -> reason (the revision before
    stays in force). `policy`: the fact about `quiet` and `limits`. `wanted`: open requests for history, oldest first.
    `next_due` µs: a tick then or later fires a timer, None = nothing waits.
    """

    seq: int = 0
    rules: Mapping[str, RuleSet] = {}
    broken: Mapping[str, str] = {}
    policy: PolicySet | None = None
    counts: ReadingCounts = ReadingCounts()
    glitches: GlitchCounts = GlitchCounts()
    wanted: tuple[HistoryRequest, ...] = ()
    next_due: int | None = None
