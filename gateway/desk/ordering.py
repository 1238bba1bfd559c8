"""Does this alarm make an order? Pure: every verdict has its reason."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.workorder import Alarm, Due, OrderState, WorkOrder


class Verdict(StrEnum):
    """What becomes of an alarm that wants an order."""

    NONE = "none"
    HOLD = "hold"
    JOIN = "join"
    REOPEN = "reopen"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class Decision:
    """`why` is kept with the order; a HOLD waits for `due` (None = for a fact) under `reason`."""

    verdict: Verdict
    why: str
    reason: Due = Due.AFTER
    due: int | None = None


def decide(alarm: Alarm, open_: WorkOrder | None, last: WorkOrder | None, now: int, waived: frozenset[Due]) -> Decision:
    """`open_`, `last` are the open and the last ended order of the alarm's order key; `waived` waits are over."""
    plan = alarm.plan.order
    if plan is None:
        return Decision(Verdict.NONE, "the rule asks for no order")
    if not alarm.live:
        return Decision(Verdict.NONE, "shadow mode")
    if alarm.imported and Due.IMPORT not in waived:
        return Decision(Verdict.HOLD, "history: judged when the import is done", Due.IMPORT, None)
    if plan.after and Due.AFTER not in waived and (due := alarm.raised_at + plan.after) > now:
        return Decision(Verdict.HOLD, "not yet raised long enough", Due.AFTER, due)
    if open_ is not None:
        return Decision(Verdict.JOIN, "the fault has an open order")
    if last is not None and reopens(last, plan.reopen_within, now):
        return Decision(Verdict.REOPEN, "the fault is back within reopen_within")
    return Decision(Verdict.CREATE, "the fault has no open order")


def reopens(last: WorkOrder, reopen_within: int, now: int) -> bool:
    """Does a fault that comes back at `now` reopen this ended order? A cancelled one was no fault: never by itself."""
    ended = last.closed_at if last.state is OrderState.CLOSED else None
    return ended is not None and reopen_within > 0 and now <= ended + reopen_within
