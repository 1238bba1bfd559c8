"""Does this alarm make an order? Pure: every verdict has its reason."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.alarm import Level, OrderPlan
from gateway.domain.text import Lang, say
from gateway.domain.workorder import Alarm, DeadlineReason, OrderState, WorkOrder


class Verdict(StrEnum):
    """What becomes of an alarm that wants an order, or a notice."""

    NONE = "none"
    HOLD = "hold"
    TELL = "tell"  # the notice alone
    DIGEST = "digest"  # the notice alone, with those of the same storm
    JOIN = "join"
    REOPEN = "reopen"
    BATCH = "batch"
    STORM = "storm"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class Decision:
    """`why` is kept with the order, if one comes of it; a HOLD waits for `due` (None = for a fact) under `reason`."""

    verdict: Verdict
    why: str
    reason: DeadlineReason = DeadlineReason.AFTER
    due: int | None = None


@dataclass(frozen=True, slots=True)
class OrderContext:
    """What the decision may look at. `open_`, `last`: the open and the last ended order of the alarm's order key.

    `waived` waits are over; `batch_at` µs is the end of the running batch period (0 = the rule has no batches). What is
    kept with an order is said in `language`.
    """

    alarm: Alarm
    now: int
    open_: WorkOrder | None = None
    last: WorkOrder | None = None
    waived: frozenset[DeadlineReason] = frozenset()
    batch_at: int = 0
    language: Lang = "en"


def decide(s: OrderContext) -> Decision:
    """First what makes it a record only, then what has to be waited for, then where it goes."""
    alarm, plan = s.alarm, s.alarm.plan.order
    if not alarm.live:
        return Decision(Verdict.NONE, "shadow mode")
    if alarm.stale:
        return Decision(Verdict.NONE, "the event is older than the rule's stale_after: a record only")
    if alarm.imported and DeadlineReason.IMPORT not in s.waived:
        if plan is None:
            return Decision(Verdict.NONE, "history: nobody is told of it")
        return Decision(Verdict.HOLD, "history: judged when the import is done", DeadlineReason.IMPORT, None)
    # also when the quiet time is over by now: what came and went inside it stays a record, however late the desk is
    if alarm.held_until and not alarm.safety and DeadlineReason.QUIET not in s.waived:
        return Decision(Verdict.HOLD, "quiet time", DeadlineReason.QUIET, alarm.held_until)
    if plan is None:
        if alarm.imported or alarm.plan.notice is None:
            return Decision(Verdict.NONE, "the rule asks for no order")
        return Decision(Verdict.DIGEST if exceeds(alarm) else Verdict.TELL, "the rule asks for a notice alone")
    return _order(s, alarm, plan)


def _order(s: OrderContext, alarm: Alarm, plan: OrderPlan) -> Decision:
    if plan.after and DeadlineReason.AFTER not in s.waived and (due := alarm.raised_at + plan.after) > s.now:
        return Decision(Verdict.HOLD, "not yet raised long enough", DeadlineReason.AFTER, due)
    if s.open_ is not None:
        return Decision(Verdict.JOIN, "the fault has an open order")
    if s.last is not None and reopens(s.last, plan.reopen_within, s.now):
        return Decision(Verdict.REOPEN, say("desk.why_reopen", s.language))
    if s.last is not None and (due := s.last.created_at + plan.cooldown) > s.now:
        return Decision(Verdict.HOLD, f"cooldown since order {s.last.no}", DeadlineReason.COOLDOWN, due)
    if s.batch_at and alarm.level < Level.CRITICAL and not alarm.safety:
        if DeadlineReason.BATCH in s.waived:
            return Decision(Verdict.BATCH, say("desk.why_batch", s.language))
        return Decision(Verdict.HOLD, f"batched by {plan.batch_by}", DeadlineReason.BATCH, s.batch_at)
    if exceeds(alarm):
        return Decision(Verdict.STORM, say("desk.why_storm", s.language, limit=alarm.limited))
    return Decision(Verdict.CREATE, say("desk.why_create", s.language))


def exceeds(alarm: Alarm) -> bool:
    """Does it join a storm? Critical alarms and those of safety never do."""
    return bool(alarm.limited) and alarm.level < Level.CRITICAL and not alarm.safety


def reopens(last: WorkOrder, reopen_within: int, now: int) -> bool:
    """Does a fault that comes back at `now` reopen this ended order? A cancelled one was no fault: never by itself."""
    ended = last.closed_at if last.state is OrderState.CLOSED else None
    return ended is not None and reopen_within > 0 and now <= ended + reopen_within


def waits_of(alarm: Alarm) -> tuple[DeadlineReason, ...]:
    """What may wait for this alarm, so that an end forgets it without asking the database for everything."""
    plan, notice = alarm.plan.order, alarm.plan.notice
    found = [DeadlineReason.IMPORT] if alarm.imported else []
    if plan is not None:
        found += [DeadlineReason.AFTER] * bool(plan.after) + [DeadlineReason.COOLDOWN] * bool(plan.cooldown)
        found += [DeadlineReason.BATCH] * bool(plan.batch_by)
    found += [DeadlineReason.QUIET] * bool(alarm.held_until)
    return (*found, DeadlineReason.REMIND) if notice is not None and notice.remind else tuple(found)
