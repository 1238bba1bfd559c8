"""Decides whether and how an alarm gets an order. Pure; each verdict has a reason."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.alarm import Level, OrderPlan
from gateway.domain.text import Lang, localize
from gateway.domain.workorder import Alarm, DeadlineReason, OrderState, WorkOrder


class Verdict(StrEnum):
    """Outcome for an alarm whose rule has an order or a notice."""

    NONE = "none"
    POSTPONE = "hold"
    NOTIFY = "tell"  # the notice alone
    DIGEST = "digest"  # the notice alone, with those of the same storm
    JOIN = "join"
    REOPEN = "reopen"
    BATCH = "batch"
    STORM = "storm"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class Decision:
    """`why` is kept with the order; a POSTPONE waits until `due` µs (None = for a fact) with deadline `reason`."""

    verdict: Verdict
    why: str
    reason: DeadlineReason = DeadlineReason.AFTER
    due: int | None = None


@dataclass(frozen=True, slots=True)
class OrderContext:
    """Input of the decision. `open_`, `last`: the open and the last ended order of the alarm's order key.

    `waived` waits are over; `batch_at` µs is the end of the running batch period (0 = the rule has no batches). The
    reason kept with an order is in `language`.
    """

    alarm: Alarm
    now: int
    open_: WorkOrder | None = None
    last: WorkOrder | None = None
    waived: frozenset[DeadlineReason] = frozenset()
    batch_at: int = 0
    language: Lang = "en"


def decide(context: OrderContext) -> Decision:
    """The verdict: first reasons for a record only, then waits, then the order it goes to."""
    alarm, plan = context.alarm, context.alarm.plan.order
    if not alarm.live:
        return Decision(Verdict.NONE, "shadow mode")
    if alarm.stale:
        return Decision(Verdict.NONE, "the event is older than the rule's stale_after: a record only")
    if alarm.imported and DeadlineReason.IMPORT not in context.waived:
        if plan is None:
            return Decision(Verdict.NONE, "history: nobody is told of it")
        return Decision(Verdict.POSTPONE, "history: judged when the import is done", DeadlineReason.IMPORT, None)
    # also when the quiet time is over by now: what came and went inside it stays a record, however late the desk is
    if alarm.held_until and not alarm.safety and DeadlineReason.QUIET not in context.waived:
        return Decision(Verdict.POSTPONE, "quiet time", DeadlineReason.QUIET, alarm.held_until)
    if plan is None:
        if alarm.imported or alarm.plan.notice is None:
            return Decision(Verdict.NONE, "the rule asks for no order")
        return Decision(Verdict.DIGEST if joins_storm(alarm) else Verdict.NOTIFY, "the rule asks for a notice alone")
    return _order(context, alarm, plan)


def _order(context: OrderContext, alarm: Alarm, plan: OrderPlan) -> Decision:
    if (
        plan.after
        and DeadlineReason.AFTER not in context.waived
        and (due := alarm.raised_at + plan.after) > context.now
    ):
        return Decision(Verdict.POSTPONE, "not yet raised long enough", DeadlineReason.AFTER, due)
    if context.open_ is not None:
        return Decision(Verdict.JOIN, "the fault has an open order")
    if context.last is not None and reopens(context.last, plan.reopen_within, context.now):
        return Decision(Verdict.REOPEN, localize("desk.why_reopen", context.language))
    if context.last is not None and (due := context.last.created_at + plan.cooldown) > context.now:
        return Decision(Verdict.POSTPONE, f"cooldown since order {context.last.no}", DeadlineReason.COOLDOWN, due)
    if context.batch_at and alarm.level < Level.CRITICAL and not alarm.safety:
        if DeadlineReason.BATCH in context.waived:
            return Decision(Verdict.BATCH, localize("desk.why_batch", context.language))
        return Decision(Verdict.POSTPONE, f"batched by {plan.batch_by}", DeadlineReason.BATCH, context.batch_at)
    if joins_storm(alarm):
        return Decision(Verdict.STORM, localize("desk.why_storm", context.language, limit=alarm.limited))
    return Decision(Verdict.CREATE, localize("desk.why_create", context.language))


def joins_storm(alarm: Alarm) -> bool:
    """True when the alarm joins a storm; critical alarms and those of safety never do."""
    return bool(alarm.limited) and alarm.level < Level.CRITICAL and not alarm.safety


def reopens(last: WorkOrder, reopen_within: int, now: int) -> bool:
    """True when a fault that comes back at `now` reopens this ended order; a cancelled order is not reopened."""
    ended = last.closed_at if last.state is OrderState.CLOSED else None
    return ended is not None and reopen_within > 0 and now <= ended + reopen_within


def deadline_reasons(alarm: Alarm) -> tuple[DeadlineReason, ...]:
    """Deadline reasons that may exist for this alarm, so that its end removes these rows and no others."""
    plan, notice = alarm.plan.order, alarm.plan.notice
    found = [DeadlineReason.IMPORT] if alarm.imported else []
    if plan is not None:
        found += [DeadlineReason.AFTER] * bool(plan.after) + [DeadlineReason.COOLDOWN] * bool(plan.cooldown)
        found += [DeadlineReason.BATCH] * bool(plan.batch_by)
    found += [DeadlineReason.QUIET] * bool(alarm.held_until)
    return (*found, DeadlineReason.REMIND) if notice is not None and notice.remind else tuple(found)
