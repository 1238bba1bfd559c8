"""Immutable status published by the rule engine, readable from every thread at any time."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from gateway.domain.history_request import HistoryRequest
from gateway.domain.record import PolicySet, RuleSet


@dataclass(slots=True)
class ReadingCounts:
    """Number of readings by result: judged, late, expired (late beyond `accept_late`: never judged), duplicate,
    conflict (replaced), unknown to the engine. Re-evaluations: reruns, transitions `corrected` by them, reruns given up
    (too much history), alarms `unproven` (the history does not show the earlier decision); rules that began `cold`."""

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
        """Copy with the same reading counts and the sums of all re-evaluations."""
        found = dataclasses.replace(self)
        for one in others:
            for name in ("reruns", "corrected", "given_up", "unproven", "cold"):
                setattr(found, name, getattr(found, name) + getattr(one, name))
        return found


@dataclass(frozen=True, slots=True)
class GlitchCounts:
    """Falls of counters that were taken back, by point: the total, and the present counts of each device."""

    total: Mapping[str, int] = field(default_factory=dict)
    by_device: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    def of(self, device: int) -> Mapping[str, int]:
        """Point -> number of glitches of a device."""
        return self.by_device.get(device, {})


class EngineStatus(Struct, frozen=True):
    """Status after record `seq`. Immutable: each status is a new value.

    `rules`: id -> the fact in force. `broken`: rule whose newest source did not compile -> reason (the revision before
    stays in force). `policy`: the fact with `quiet` and `limits`. `wanted`: open requests for history, oldest first.
    `next_due` µs: time of the next timer, fired by a tick then or later; None = no timer.
    """

    seq: int = 0
    rules: Mapping[str, RuleSet] = {}
    broken: Mapping[str, str] = {}
    policy: PolicySet | None = None
    counts: ReadingCounts = ReadingCounts()
    glitches: GlitchCounts = GlitchCounts()
    wanted: tuple[HistoryRequest, ...] = ()
    next_due: int | None = None
