"""The life of a clock: started, paused, resumed, met, ended, counted anew. Pure; times µs.

A clock counts the working time of its stretches. What a finished stretch counted is kept; the one that runs is counted
by the hours in force.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

from msgspec.structs import replace

from gateway.desk.sla.policy import BREACH, Milestone, SlaPolicy
from gateway.domain.sla import ClockKind, ClockState, SlaClock, Stretch
from gateway.domain.workorder import OrderState, WorkOrder

MAX_STRETCHES = 60
"""Of one clock; the oldest are put together."""
DONE = "done"
"""The reason of the pause between the end of an order and its reopening."""
_TAKEN = frozenset({OrderState.ACCEPTED, OrderState.IN_PROGRESS, OrderState.ON_HOLD, OrderState.RESOLVED})


class Wanted(Enum):
    """What a clock should do."""

    RUN = auto()
    PAUSE = auto()
    MET = auto()
    END = auto()


def started(policy: SlaPolicy, kind: ClockKind, order: str, tenant: str, now: int) -> SlaClock:
    """The clock of a new order."""
    clock = SlaClock(order, tenant, kind, policy.name, policy.revision, policy.targets[kind], now, running_since=now)
    return aimed(clock, policy, ())


def paused(clock: SlaClock, policy: SlaPolicy | None, at: int, reason: str) -> SlaClock:
    """The clock, standing still since `at` for this reason."""
    clock = _finished(clock, policy, at)
    return replace(clock, paused_since=_last(clock), pause=reason, due_at=None, met_at=None, ended_at=None)


def resumed(clock: SlaClock, policy: SlaPolicy, at: int, fired: Collection[str]) -> SlaClock:
    """The clock, running again since `at`: after a pause, or when its order is reopened."""
    clock = _finished(clock, policy, at)
    running = replace(clock, running_since=_last(clock), met_at=None, ended_at=None, **_by(clock, policy))
    return aimed(running, policy, fired)


def wanted(clock: SlaClock, order: WorkOrder, policy: SlaPolicy | None) -> Wanted:
    """What the clock should do in the order's present state. An answer and an arrival count once and for all."""
    state = order.state
    if clock.kind is not ClockKind.RESOLVE and clock.met_at is not None:
        return Wanted.MET
    if state is OrderState.RESOLVED or (state is OrderState.CLOSED and order.resolved_at is not None):
        return Wanted.END if clock.kind is ClockKind.ARRIVE and order.arrived_at is None else Wanted.MET
    if state.ended or policy is None or clock.kind not in policy.targets:
        return Wanted.END
    if clock.kind is ClockKind.RESPOND and state in _TAKEN:
        return Wanted.MET
    if clock.kind is ClockKind.ARRIVE and order.arrived_at is not None:
        return Wanted.MET
    return Wanted.PAUSE if state is OrderState.ON_HOLD and policy.pauses(order.hold_reason) else Wanted.RUN


def moved(clock: SlaClock, order: WorkOrder, policy: SlaPolicy | None, at: int, fired: Collection[str]) -> SlaClock:
    """The clock after its order moved at `at`. An `at` before the last move counts as that."""
    want = wanted(clock, order, policy)
    if want is Wanted.RUN and policy is not None:
        return counted_by(clock, policy, fired) if clock.running_since else resumed(clock, policy, at, fired)
    if want is Wanted.PAUSE:
        same = clock.paused_since is not None and clock.pause == order.hold_reason
        return clock if same else paused(clock, policy, at, order.hold_reason)
    if not clock.open:
        return clock
    clock = _finished(clock, policy, at)
    if want is Wanted.END:
        return replace(clock, ended_at=_last(clock))
    breached = (clock.breached_at or clock.due_at or at) if clock.consumed > clock.target else None
    return replace(clock, met_at=_last(clock), breached_at=breached)


def counted_by(clock: SlaClock, policy: SlaPolicy, fired: Collection[str]) -> SlaClock:
    """An open clock by another policy, or by one that was edited: what is left is counted by it from now on."""
    if clock.revision == policy.revision or not clock.open or clock.kind not in policy.targets:
        return clock
    return aimed(replace(clock, **_by(clock, policy)), policy, fired)


def _by(clock: SlaClock, policy: SlaPolicy) -> dict[str, object]:
    target = policy.targets.get(clock.kind, clock.target)
    return {"policy": policy.name, "revision": policy.revision, "target": target}


def aimed(clock: SlaClock, policy: SlaPolicy, fired: Collection[str]) -> SlaClock:
    """A running clock with its due-time and its next milestone."""
    if clock.running_since is None:
        return replace(clock, next_at=None)
    time, since = policy.time, clock.running_since
    over = clock.breached_at is not None and clock.consumed >= clock.target
    due = clock.breached_at if over else time.due(since, clock.target - clock.consumed)
    after = next((one.after for one in policy.milestones[clock.kind] if one.name not in fired), None)
    if after is None:
        return replace(clock, due_at=due, next_at=None)
    following = due if after == clock.target else time.due(since, after - clock.consumed)
    return replace(clock, due_at=due, next_at=following)


def reached(clock: SlaClock, policy: SlaPolicy, at: int, fired: Collection[str]) -> list[tuple[int, Milestone]]:
    """Milestones that a running clock has reached by `at` and that have not fired: (when, which), in order."""
    if clock.running_since is None:
        return []
    found = []
    for one in policy.milestones[clock.kind]:
        due = policy.time.due(clock.running_since, one.after - clock.consumed)
        if due is None or due > at:
            break
        if one.name not in fired:
            found.append((due, one))
    return found


def consumed_at(clock: SlaClock, policy: SlaPolicy | None, at: int) -> int:
    """µs of working time the clock has counted by `at`."""
    if clock.running_since is None or policy is None:
        return clock.consumed
    return clock.consumed + policy.time.consumed(clock.running_since, at)


@dataclass(frozen=True, slots=True)
class ClockNumbers:
    """A clock in whole milliseconds at one moment. `remaining_ms` is negative when it is overdue by that much."""

    clock: SlaClock
    state: ClockState
    target_ms: int
    consumed_ms: int
    remaining_ms: int


def numbers(clock: SlaClock, policy: SlaPolicy | None, at: int) -> ClockNumbers:
    """The clock as people and systems see it at `at`."""
    target, consumed = clock.target // 1000, consumed_at(clock, policy, at) // 1000
    return ClockNumbers(clock, clock.state, target, consumed, target - consumed)


def is_breach(milestone: Milestone) -> bool:
    """True for the target itself."""
    return milestone.name == BREACH


def _last(clock: SlaClock) -> int:
    """When the last finished stretch ended."""
    return clock.stretches[-1].until if clock.stretches else clock.started_at


def _finished(clock: SlaClock, policy: SlaPolicy | None, at: int) -> SlaClock:
    """The clock with the stretch that runs, or stands still, put to its past. It has neither then."""
    ended = next((one for one in (clock.met_at, clock.ended_at) if one is not None), None)
    counted, pause = 0, clock.pause or DONE
    if clock.running_since is not None:
        since, pause = clock.running_since, ""
        at = max(at, since)
        counted = 0 if policy is None else policy.time.consumed(since, at)
    elif clock.paused_since is not None:
        since = clock.paused_since
    elif ended is not None:
        since = ended
    else:
        return clock
    at = max(at, since)
    stretches = (*clock.stretches, Stretch(since, at, counted, pause))
    if len(stretches) > MAX_STRETCHES:
        first, second = stretches[:2]
        joined = Stretch(first.since, second.until, first.counted + second.counted, first.pause and second.pause)
        stretches = (joined, *stretches[2:])
    return replace(
        clock,
        stretches=stretches,
        consumed=clock.consumed + counted,
        running_since=None,
        paused_since=None,
        pause="",
        next_at=None,
    )
