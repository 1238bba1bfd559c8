"""A resolved order that nobody objects to is closed after a time; one of safety is closed by people only."""

from collections.abc import Callable

from gateway.desk.policy import DeskPolicy
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.errors import CommandError
from gateway.domain.text import localize
from gateway.domain.workorder import SYSTEM, Act, Command, Deadline, DeadlineReason, OrderState, WorkOrder

REASON = "no_objection"
Execute = Callable[[UnitOfWork, Command], WorkOrder]


def follow_resolved(work: UnitOfWork, policy: DeskPolicy, after: WorkOrder) -> None:
    """The order entered another state: the time runs while it is resolved."""
    if after.state is OrderState.RESOLVED and policy.closes_resolved(after):
        due = work.now + policy.close_after
        work.set_deadline(Deadline(after.id, after.tenant, DeadlineReason.CLOSE, due, work.now))
    else:
        work.drop_deadlines(after.tenant, after.id, DeadlineReason.CLOSE)


def close_unopposed(work: UnitOfWork, policy: DeskPolicy, order: WorkOrder, execute: Execute) -> None:
    """The time is over: `execute` the closing. Under a raised alarm, or while something else keeps the order open, the
    desk looks again later."""
    if order.state is not OrderState.RESOLVED or not policy.closes_resolved(order):
        return
    note = localize("desk.no_objection", policy.language)
    command = Command(order.no, Act.CLOSE, SYSTEM, f"close-{order.id}-{order.version}", reason=REASON, note=note)
    try:
        if not work.raised(order.id):
            execute(work, command)
            return
    except CommandError:  # an open hazard, a child: the reason stands in the order
        pass
    due = work.now + policy.recheck_after
    work.set_deadline(Deadline(order.id, order.tenant, DeadlineReason.CLOSE, due, work.now))
