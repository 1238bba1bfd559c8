"""Audit of acts on the installation, for admins."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from gateway.api.access import KeyKeeper
from gateway.api.context import Gateway
from gateway.api.values import Cursor, Instant, Limit, Line, PageView, ResponseModel, pack, unpack_number

router = APIRouter(prefix="/v1", tags=["access"])


class AuditEntryView(ResponseModel):
    """One act. `actor`: name of a key, `configuration`, or "" if unknown; `address`: "" = done on this machine, on
    its files."""

    id: int
    at: Instant
    actor: str
    address: str
    act: str
    subject: str
    detail: str


@router.get("/audit")
async def read_audit(
    context: Gateway,
    _: KeyKeeper,
    act: Annotated[Line, Query()] = "",
    actor: Annotated[Line, Query()] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> PageView[AuditEntryView]:
    """Newest first. `act` may be a prefix: `key` includes `key.create` and `key.revoke`."""
    before = unpack_number(cursor) if cursor else None
    rows = await asyncio.to_thread(partial(context.sql.audit.rows, limit + 1, before, act=act, actor=actor))
    items = [
        AuditEntryView(
            id=row.id,
            at=row.at,
            actor=row.actor,
            address=row.address,
            act=row.act,
            subject=row.subject,
            detail=row.detail,
        )
        for row in rows[:limit]
    ]
    return PageView(items=items, next=pack(str(rows[limit - 1].id)) if len(rows) > limit else "")
