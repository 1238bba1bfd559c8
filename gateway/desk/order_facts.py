"""Reads the facts that the guards of an act need."""

from gateway.desk.plans.cycles import SOURCE as PLANNED
from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.maintenance import StopState
from gateway.domain.order_facts import NO_FACTS, OrderFacts
from gateway.domain.workorder import Act, WorkOrder

_GUARDED_ACTS = frozenset({Act.RESOLVE, Act.CLOSE, Act.CANCEL, Act.RESUME, Act.REOPEN, Act.MERGE})


def facts_of(work: UnitOfWork, order: WorkOrder, act: Act) -> OrderFacts:
    """Facts about an order; acts without guards on them read nothing."""
    if act not in _GUARDED_ACTS:
        return NO_FACTS
    hazards = work.hazards.of_order(order.id) if act is not Act.RESUME else []
    own = next((one for one in hazards if one.inspection != order.id), None)
    return OrderFacts(
        open_children=sum(not child.state.ended for child in work.children(order)),
        open_stops=_open_stops(work, order) if act is Act.RESOLVE else 0,
        open_hazards=sum(one.inspection == order.id and not one.state.ended for one in hazards),
        hazard=own.no if own else "",
        hazard_ended=own.state.ended if own else False,
        recheck_missing=own is not None and own.recheck == order.id and own.passed is None,
    )


def _open_stops(work: UnitOfWork, order: WorkOrder) -> int:
    if order.source != PLANNED or order.device:
        return 0
    return sum(stop.state is StopState.OPEN for stop in work.plans.stops(order.id))
