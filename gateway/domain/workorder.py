"""Alarm episodes and work orders of the desk: frozen values, one per row. Times are µs since 1970 UTC."""

from enum import StrEnum

from msgspec import Struct

from gateway.domain.alarm import AlarmPlan, Evidence, Level


class AlarmState(StrEnum):
    """`withdrawn`: a late reading took back what had been raised. `merged`: part of its parent's episode."""

    RAISED = "raised"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"


class OrderState(StrEnum):
    """The life of an order; `closed` and `cancelled` are its ends."""

    NEW = "new"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Closed or cancelled: a new fault of the same key makes, or reopens, an order."""
        return self in {OrderState.CLOSED, OrderState.CANCELLED}


class Role(StrEnum):
    """Role of the actor. `integrator` is an OA system, `system` the desk itself."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    INTEGRATOR = "integrator"
    SYSTEM = "system"


class Actor(Struct, frozen=True):
    """A person or a system, as the caller authenticated it."""

    id: str
    role: Role
    name: str = ""


SYSTEM = Actor("system", Role.SYSTEM)


class Act(StrEnum):
    """Act of an actor on an order."""

    ASSIGN = "assign"
    ACCEPT = "accept"
    REJECT = "reject"
    ARRIVE = "arrive"
    START = "start"
    HOLD = "hold"
    RESUME = "resume"
    RESOLVE = "resolve"
    CLOSE = "close"
    CANCEL = "cancel"
    MERGE = "merge"
    REOPEN = "reopen"
    COMMENT = "comment"
    SET_URGENCY = "set_urgency"


class Command(Struct, frozen=True):
    """One act on the order `order` (its number). The same `command_id` again changes nothing.

    `expected_version` None = whatever it is now; `occurred_at` µs = when it happened in the field (0 = now).
    `reading`: the counter (canonical unit) at which maintenance was done; of a resolve or a close. `urgency`: low,
    normal or urgent; of `set_urgency`. `into`: number of the order that a merge joins.
    """

    order: str
    act: Act
    actor: Actor
    command_id: str
    expected_version: int | None = None
    occurred_at: int = 0
    assignee: str = ""
    reason: str = ""
    fault: str = ""
    cause: str = ""
    remedy: str = ""
    note: str = ""
    reading: float | None = None
    urgency: str = ""
    into: str = ""


class FaultReport(Struct, frozen=True):
    """Fault reported by a person (`source` customer, api, oa): joins the open order of its key, or makes one."""

    device: int
    fault: str
    title_en: str
    title_zh: str
    actor: Actor
    command_id: str
    component: int = 0
    group: str = ""
    type: str = "repair"
    level: Level = Level.MINOR
    source: str = "api"
    note: str = ""
    skill: str = ""
    sla: str = ""
    reopen_within: int = 0
    urgency: str = "normal"


class Alarm(Struct, frozen=True):
    """One episode: raise to clear. `id` is the id of the transition that raised it; `key` digests tenant, rule, thing
    and identity. At most one episode per key has `cleared_at` None. `level` now, `peak` the highest.

    `order` is the work order it is listed in (""), `received_at` the newest receive time in its evidence (0 = none).
    `unstable`, `stale`, `muted`, `limited`, `held_until` are those of its newest raise or level (see Transition);
    `parent` is the id of the alarm into whose episode it was merged ("" = none, or one that is not known here).
    """

    id: str
    tenant: str
    partition: int
    key: str
    rule: str
    revision: str
    device: int
    component: int
    group: str
    identity: tuple[str, ...]
    state: AlarmState
    level: Level
    peak: Level
    plan: AlarmPlan
    evidence: Evidence
    raised_at: int
    decided_at: int
    received_at: int
    recorded_at: int
    last_seen: int
    updated_at: int
    cleared_at: int | None = None
    count: int = 1
    version: int = 1
    reason: str = ""
    late: bool = False
    imported: bool = False
    suspect: bool = False
    live: bool = True
    order: str = ""
    unstable: bool = False
    stale: bool = False
    muted: bool = False
    limited: str = ""
    held_until: int = 0
    parent: str = ""

    @property
    def counts(self) -> bool:
        """True if it may change an order. Alarms in shadow mode and stale ones are records only."""
        return self.live and not self.stale

    @property
    def reportable(self) -> bool:
        """True if it is sent as an event. Imported history is not."""
        return self.counts and not self.imported

    @property
    def safety(self) -> bool:
        """True if its notice is one of safety: never held, never limited."""
        return self.plan.notice is not None and self.plan.notice.klass == "safety"


class WorkOrder(Struct, frozen=True):
    """One order. `key` digests tenant, device or group, component, fault class: at most one per key has `closed_at`
    None. The parent of a storm (`source` storm) or of a batch (`source` batch) has a key of its own and no device.

    `version` rises by one with every audited change and is the sequence of its events. `condition_cleared_at` is set
    while no listed alarm is raised; `told_cleared` is its state in the last event sent. `count` counts raises;
    `causes`, bounded, are the rules (with their identity) that requested it, or the devices of a parent that lists
    these. `related_to`, `parent` (it was handed off by that order) and `merged_into` are numbers of orders; `team` is
    who it was handed to; `held_from`: the state in which it was handed off; `customer_level` 0 = no customer is known.
    """

    id: str
    tenant: str
    no: str
    key: str
    type: str
    fault: str
    source: str
    title_en: str
    title_zh: str
    why: str
    device: int
    component: int
    group: str
    state: OrderState
    level: Level
    priority: str
    priority_reason: str
    rule: str
    alarm: str
    created_at: int
    updated_at: int
    first_seen: int
    last_seen: int
    causes: tuple[str, ...] = ()
    why_zh: str = ""
    version: int = 1
    count: int = 1
    skill: str = ""
    sla: str = ""
    assign: str = ""
    assignee: str = ""
    reopen_within: int = 0
    reopen_count: int = 0
    rejections: int = 0
    related_to: str = ""
    hold_reason: str = ""
    close_reason: str = ""
    fault_found: str = ""
    cause: str = ""
    remedy: str = ""
    condition_cleared_at: int | None = None
    told_cleared: bool = False
    accepted_at: int | None = None
    arrived_at: int | None = None
    started_at: int | None = None
    resolved_at: int | None = None
    closed_at: int | None = None
    parent: str = ""
    merged_into: str = ""
    team: str = ""
    held_from: str = ""
    urgency: str = "normal"
    customer_level: int = 0
    priority_reason_zh: str = ""


class Audit(Struct, frozen=True):
    """One change of an order, immutable. `seq` is the order's version after it; `data` is JSON text."""

    order: str
    tenant: str
    seq: int
    type: str
    actor: str
    role: str
    before: str
    after: str
    data: str
    at: int
    occurred_at: int


class AlarmLink(Struct, frozen=True):
    """Order `order` lists alarm `alarm` since `at`."""

    order: str
    tenant: str
    alarm: str
    at: int


class DeadlineReason(StrEnum):
    """Reason of a deadline row."""

    AFTER = "after"  # the order, until the alarm has been raised for `order.after`
    IMPORT = "import"  # the order of an imported alarm, until the import is done
    IMPORTING = "importing"  # an import that runs
    RECHECK = "recheck"  # an order closed under a raised alarm
    REMIND = "remind"  # the next reminder of a notice
    QUIET = "quiet"  # order and notice of an alarm, until the quiet time is over
    COOLDOWN = "cooldown"  # the order, until the rule's cooldown since the last order is over
    BATCH = "batch"  # the order, until the batch of its area or route is put together
    DIGEST = "digest"  # the notice of an alarm in a storm, until the next digest
    SLA = "sla"  # the next milestone of the clocks of an order
    CLOSE = "close"  # a resolved order that nobody objects to
    CONDITION_CHANGE = "tell"  # the next event about a condition that comes and goes


class Deadline(Struct, frozen=True):
    """(tenant, subject, reason) is unique. `due_at` None = no time, it ends with a fact. `n` is the number of the
    reminder."""

    subject: str
    tenant: str
    reason: DeadlineReason
    due_at: int | None
    created_at: int
    n: int = 0


class ExecutedCommand(Struct, frozen=True):
    """Executed command: (tenant, id) is unique. `digest` distinguishes a repeat from a reuse of the id."""

    id: str
    tenant: str
    digest: str
    order: str
    at: int


class QueuedDelivery(Struct, frozen=True):
    """Event `event` to be sent to `endpoint`, before those of a lower level."""

    tenant: str
    endpoint: str
    event: str
    subject: str
    created_at: int
    level: Level


class Place(Struct, frozen=True):
    """Names of a device, or of the site that a group is (device 0). `route`: that attribute of device or site."""

    device: int
    code: str
    name: str = ""
    kind: str = ""
    site: str = ""
    site_name: str = ""
    customer: str = ""
    area: str = ""
    route: str = ""
    customer_level: int = 0
