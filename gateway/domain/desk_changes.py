"""Rows that one transaction of the desk writes, the position it reached, its counts. Times are µs since 1970 UTC."""

from dataclasses import dataclass, field

from gateway.domain.alarm import AlarmChange
from gateway.domain.created_order import CreatedOrder
from gateway.domain.hazard import HazardChanges
from gateway.domain.maintenance import PlanChanges
from gateway.domain.notice import Notice, OutboxEvent
from gateway.domain.offline_command import RefusedCommand
from gateway.domain.record import Fact
from gateway.domain.sla import SlaChanges
from gateway.domain.workorder import (
    Alarm,
    AlarmLink,
    Audit,
    Deadline,
    DeadlineReason,
    ExecutedCommand,
    QueuedDelivery,
    WorkOrder,
)


@dataclass(slots=True)
class Changes:
    """All rows written in one transaction. Changed rows come before new ones, ended ones first (unique open rows)."""

    alarms_changed: list[Alarm] = field(default_factory=list)
    alarms_new: list[Alarm] = field(default_factory=list)
    alarm_changes: list[AlarmChange] = field(default_factory=list)
    orders_changed: list[WorkOrder] = field(default_factory=list)
    orders_new: list[WorkOrder] = field(default_factory=list)
    links: list[AlarmLink] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)
    events: list[OutboxEvent] = field(default_factory=list)
    deliveries: list[QueuedDelivery] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    deadlines: list[Deadline] = field(default_factory=list)
    deadlines_dropped: list[tuple[str, str, DeadlineReason]] = field(default_factory=list)  # tenant, subject, reason
    sla: SlaChanges = field(default_factory=SlaChanges)
    plans: PlanChanges = field(default_factory=PlanChanges)
    hazards: HazardChanges = field(default_factory=HazardChanges)
    commands: list[ExecutedCommand] = field(default_factory=list)
    refusals: list[RefusedCommand] = field(default_factory=list)
    facts: list[tuple[str, Fact]] = field(default_factory=list)  # tenant, fact
    counters: dict[tuple[str, str], int] = field(default_factory=dict)  # (tenant, day) -> last number given


@dataclass(frozen=True, slots=True)
class Position:
    """Applied position of a partition: everything up to (seq, ordinal), by the holder of `epoch`."""

    seq: int
    ordinal: int
    epoch: int


@dataclass(slots=True)
class Applied:
    """Result of one call. `fresh` transitions were applied, `dropped` were at or below the committed cursor.

    `orphaned`: clears of episodes that were not open. `postponed` orders wait for a deadline row. `merged` alarms
    became part of another's episode, `gathered` joined the parent order of a storm or a batch. `escalated`: milestones
    of clocks. `clock_steps` moved due-times. `fired`: deadlines that were due.
    """

    fresh: int = 0
    dropped: int = 0
    raised: int = 0
    recounted: int = 0
    levelled: int = 0
    cleared: int = 0
    withdrawn: int = 0
    orphaned: int = 0
    joined: int = 0
    reopened: int = 0
    postponed: int = 0
    merged: int = 0
    gathered: int = 0
    ended: int = 0
    events: int = 0
    notices: int = 0
    escalated: int = 0
    clock_steps: int = 0
    fired: int = 0
    created: list[CreatedOrder] = field(default_factory=list)

    def add(self, other: "Applied") -> None:
        """Add the counts of another result."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.created.extend(other.created)


_COUNTS = tuple(name for name in Applied.__slots__ if name != "created")
