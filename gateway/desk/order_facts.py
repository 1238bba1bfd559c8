"""Reads the facts that the guards of an act need."""

from gateway.desk.unit_of_work import UnitOfWork
from gateway.domain.order_facts import NO_FACTS, OrderFacts
from gateway.domain.workorder import Act, WorkOrder

_GUARDED_ACTS = frozenset({Act.RESOLVE, Act.CLOSE, Act.CANCEL, Act.RESUME})


def facts_of(work: UnitOfWork, order: WorkOrder, act: Act) -> OrderFacts:
    """Facts about an order; acts without guards on them read nothing."""
    if act not in _GUARDED_ACTS:
        return NO_FACTS
    return OrderFacts(open_children=sum(not child.state.ended for child in work.children(order)))
