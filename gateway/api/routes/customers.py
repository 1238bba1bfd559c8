"""Erasure of a customer, on their request."""

from typing import Annotated

from fastapi import APIRouter, Path

from gateway.api.access import KeyKeeper
from gateway.api.context import Gateway, in_desk
from gateway.api.routes.alarms import pump
from gateway.api.values import ResponseModel, refused
from gateway.store import Erased, erase_customer

router = APIRouter(prefix="/v1", tags=["customers"])


class ErasedView(ResponseModel):
    """Counts of what was removed; `texts`: texts in the audit of orders that named them. `listed`: the customer list
    that this gateway started with still names them, so the next start adds them again unless the list is changed."""

    customer: bool
    notices: int
    deliveries: int
    texts: int
    listed: bool


@router.delete("/customers/{code}")
async def erase(context: Gateway, principal: KeyKeeper, code: Annotated[str, Path(max_length=120)]) -> ErasedView:
    """Erase the customer's record, the notices to them, their messages in the queue, sent or not, and texts in the
    audit of orders that name them."""
    entry = principal.audited(context.clock.now(), "customer.erase", code)

    def work() -> tuple[Erased, bool]:
        erased = erase_customer(context.sql.database, context.settings.tenant, code, entry)
        listed = any(one.code == code and not one.gone for one in context.registry.contents().customers)
        context.registry.remove_customer(code)
        return erased, listed

    erased, listed = await in_desk(context, work)
    if not erased:
        raise refused(404, "unknown_customer")
    await pump(context)
    return ErasedView(
        customer=erased.customer,
        notices=erased.notices,
        deliveries=erased.deliveries,
        texts=erased.texts,
        listed=listed,
    )
