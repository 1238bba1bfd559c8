"""Policy of the installation for orders: plain values, made from the configuration (`config.py`) by the app."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.desk.hold_reasons import HoldReasons
from gateway.desk.order_codes import NO_CODES, OrderCodes
from gateway.desk.plans.plan import NO_PLANS, Plans
from gateway.desk.priorities import PriorityMatrix, ranked
from gateway.desk.sla.policy import NO_POLICIES, SlaPolicies
from gateway.domain.alarm import Level
from gateway.domain.duration import DAY, HOUR, MINUTE, from_us, to_us
from gateway.domain.text import Lang
from gateway.domain.workorder import Alarm, OrderState, WorkOrder

_FIRST, _AT = date(1970, 1, 5), time(8)  # batches end on days counted from a Monday, at 08:00


@dataclass(frozen=True, slots=True)
class OrderType:
    """`auto_close`: an order that was not accepted is closed when its condition clears. `safety`: never."""

    auto_close: bool = False
    safety: bool = False


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """`installation` names this gateway in events; `zone` dates the order numbers; notes of the desk are written in
    `language`. Durations µs.

    `recheck_after`: when an order closed under a raised alarm is checked again. `tell_after`: at most so often an
    event reports that a condition came or went, once it has done so a few times. `close_after`: when a resolved
    order is closed, 0 = never. `page` and `callback` are URLs with `{no}`, where people see an order and where an
    OA system answers; "" leaves the link out. `digest_every`: at most so often a customer gets a notice of one
    storm, by `digest_template` ("" = the rule's own). `sla`: policies of the clocks of orders. `plans`: maintenance
    plans.
    """

    installation: str = "fieldgate"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    types: dict[str, OrderType] = field(default_factory=dict)
    recheck_after: int = HOUR
    tell_after: int = 10 * MINUTE
    close_after: int = 72 * HOUR
    page: str = ""
    callback: str = ""
    digest_every: int = 10 * MINUTE
    digest_template: str = ""
    language: Lang = "en"
    sla: SlaPolicies = NO_POLICIES
    plans: Plans = NO_PLANS
    hold_reasons: HoldReasons = field(default_factory=HoldReasons)
    codes: OrderCodes = NO_CODES
    priorities: PriorityMatrix = field(default_factory=PriorityMatrix)

    def batch_end(self, every: int, now: int) -> int:
        """µs: when the batch period of length `every` that runs at `now` ends: for all orders and gateways of a zone
        the same. Whole days end at 08:00 local time, whatever the clocks do; 7 days end on Mondays."""
        first = datetime.combine(_FIRST, _AT, self.zone)
        if every % DAY:
            start = to_us(first)
            return start + ((now - start) // every + 1) * every
        days, today = every // DAY, from_us(now).astimezone(self.zone).date()
        period = (today - _FIRST).days // days
        ends = (first + timedelta(days=(period + n) * days) for n in range(3))  # local: 08:00 stays 08:00
        return next(end for end in map(to_us, ends) if end > now)

    def ranked(self, order: WorkOrder, customer_level: int | None = None) -> WorkOrder:
        """The order with the priority that it has now. `customer_level` None = the one that it has."""
        safety = self.types.get(order.type, OrderType()).safety
        return ranked(self.priorities, order, safety=safety, customer_level=customer_level)

    def closes_resolved(self, order: WorkOrder) -> bool:
        """True when the desk closes this order some time after it was resolved: never one of safety."""
        return self.close_after > 0 and not self.types.get(order.type, OrderType()).safety

    def auto_closes(self, order: WorkOrder) -> bool:
        """True when the desk may close this order after its condition ended: never critical, safety, or a report."""
        kind = self.types.get(order.type, OrderType())
        return (
            kind.auto_close
            and not kind.safety
            and order.level < Level.CRITICAL
            and order.source in {"alarm", "storm", "batch"}
            and order.state in {OrderState.NEW, OrderState.ASSIGNED}
        )


def milestone(count: int) -> bool:
    """1, 2, 5, 10, 20, 50, 100, …: the recurrences that are worth an event."""
    while count >= 10 and count % 10 == 0:
        count //= 10
    return count in {1, 2, 5}


def cause(alarm: Alarm) -> str:
    """The cause of an alarm: the rule, and the vendor code if that is in its key."""
    return "/".join((alarm.rule, *alarm.identity))
