"""State of a unit on a link, and how long it is not polled after failures. Pure; times are µs of one clock."""

import zlib
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.duration import MINUTE, SECOND


@dataclass(frozen=True, slots=True)
class Backoff:
    """Linear, capped, jittered: `min` µs more with every failure, never over `max`, ± 10 % by unit."""

    min: int = 10 * SECOND
    max: int = 5 * MINUTE

    def wait(self, failures: int, who: str) -> int:
        """µs to wait after the `failures`-th failure in a row. The jitter is fixed by `who` and the count: many
        units spread, and a test can predict it."""
        spread = zlib.crc32(f"{who} {failures}".encode()) / 0xFFFFFFFF * 0.2 - 0.1
        return round(min(self.max, self.min * max(failures, 0)) * (1 + spread))


class Presence(StrEnum):
    """Whether a unit answers."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class Slave:
    """A unit on a link. The first silence may be a lost frame: it is asked again when due; after that the waits grow.

    `polls` cycles with at least one request · `silences` cycles without any answer · `rests` due times let pass while
    it is left alone · `last_answer` µs (0 = never).
    """

    link: str
    unit: int
    patience: Backoff
    presence: Presence = Presence.UNKNOWN
    failures: int = 0
    probe_at: int = 0
    polls: int = 0
    silences: int = 0
    rests: int = 0
    last_answer: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def resting(self, now: int) -> bool:
        """Whether it is not polled at `now`."""
        return now < self.probe_at

    def answered(self, now: int) -> bool:
        """Record a response: values or an exception. True when the unit was down until now."""
        back = self.presence is Presence.DOWN
        self.presence, self.failures, self.probe_at, self.last_answer = Presence.UP, 0, 0, now
        return back

    def silent(self, now: int, reason: str) -> bool:
        """Record a request without a response. True when the unit counts as down from now on."""
        self.failures += 1
        self.silences += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if self.failures == 1:
            return False
        self.probe_at = now + self.patience.wait(self.failures - 1, f"{self.link}/{self.unit}")
        fell = self.presence is not Presence.DOWN
        self.presence = Presence.DOWN
        return fell
