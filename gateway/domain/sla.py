"""Clocks of work orders: frozen values, one per row. Times are µs since 1970 UTC, durations µs of working time."""

from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct


class ClockKind(StrEnum):
    """What a clock waits for: the order is accepted, the engineer is there, the work is done."""

    RESPOND = "respond"
    ARRIVE = "arrive"
    RESOLVE = "resolve"


class ClockState(StrEnum):
    """`met` in time, or `late`; `ended` with the order, without an answer."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    LATE = "late"
    ENDED = "ended"


class Stretch(Struct, frozen=True, array_like=True):
    """A part of a clock's past. `counted` of it; `pause`: why the clock stood still ("" = it ran)."""

    since: int
    until: int
    counted: int
    pause: str = ""


class SlaClock(Struct, frozen=True):
    """One clock of one order. It runs since `running_since` or stands still since `paused_since` (for `pause`), until
    it is met or ends with the order; then it has neither.

    `consumed` is what the stretches counted, without the one that runs. `due_at`: when the target is reached if nothing
    stops the clock (None = it stands still, or that is too far ahead). `next_at`: the next milestone. `breached_at`:
    when the target was reached before the clock was met. `revision` digests the policy and the hours it was last
    counted by.
    """

    order: str
    tenant: str
    kind: ClockKind
    policy: str
    revision: str
    target: int
    started_at: int
    consumed: int = 0
    running_since: int | None = None
    paused_since: int | None = None
    pause: str = ""
    due_at: int | None = None
    next_at: int | None = None
    met_at: int | None = None
    breached_at: int | None = None
    ended_at: int | None = None
    stretches: tuple[Stretch, ...] = ()

    @property
    def open(self) -> bool:
        """True until it is met or ends."""
        return self.running_since is not None or self.paused_since is not None

    @property
    def state(self) -> ClockState:
        """The state, in a word."""
        if self.met_at is not None:
            return ClockState.MET if self.breached_at is None else ClockState.LATE
        if self.running_since is not None:
            return ClockState.RUNNING
        return ClockState.ENDED if self.paused_since is None else ClockState.PAUSED


class FiredMilestone(Struct, frozen=True):
    """A milestone that was reached, and when that was noticed: (tenant, order, kind, name) is unique."""

    order: str
    tenant: str
    kind: ClockKind
    name: str
    due_at: int
    fired_at: int


@dataclass(slots=True)
class SlaChanges:
    """Rows of clocks written in one transaction."""

    new: list[SlaClock] = field(default_factory=list)
    changed: list[SlaClock] = field(default_factory=list)
    fired: list[FiredMilestone] = field(default_factory=list)
