"""Audit of acts on the installation, and the chain of the audit of orders, for admins."""

import asyncio
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query

from gateway.api.access import KeyKeeper
from gateway.api.context import Gateway
from gateway.api.values import Cursor, Instant, Limit, Line, PageView, ResponseModel, When, pack, unpack_number
from gateway.store import TrailFilter

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


class OrderAuditView(ResponseModel):
    """One row of the audit of orders. `number`: its place in the chain, from 1 without gaps; `hash` covers the row
    and `prev_hash`, which is the hash of the row before; `digest` covers `data` with `salt`. `salt` "": the text was
    erased. docs/operations.md has the way to compute them."""

    number: int
    order: str
    sequence: int
    type: str
    actor: str
    role: str
    before: str
    after: str
    data: dict[str, Any]
    at: Instant
    occurred_at: Instant
    prev_hash: str
    hash: str
    digest: str
    salt: str


class OrderAuditPage(PageView[OrderAuditView]):
    """`newest`: number and hash of the newest row of all; note it elsewhere to find a chain that was written anew."""

    newest: str


@router.get("/audit/orders")
async def read_order_audit(
    context: Gateway,
    _: KeyKeeper,
    order: Annotated[Line, Query()] = "",
    actor: Annotated[Line, Query()] = "",
    type: Annotated[Line, Query()] = "",  # noqa: A002 - its name outside
    since: Annotated[When | None, Query()] = None,
    until: Annotated[When | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> OrderAuditPage:
    """Every act on every order with its hashes, newest first."""
    trail = context.sql.trail
    want = TrailFilter(order, actor, type, since, until, unpack_number(cursor) if cursor else None)
    newest = await asyncio.to_thread(trail.head)
    found = await asyncio.to_thread(trail.rows, want, limit + 1)
    items = [
        OrderAuditView(
            number=one.row.link.number,
            order=one.no,
            sequence=one.row.entry.seq,
            type=one.row.entry.type,
            actor=one.row.entry.actor,
            role=one.row.entry.role,
            before=one.row.entry.before,
            after=one.row.entry.after,
            data=orjson.loads(one.row.entry.data or "{}"),
            at=one.row.entry.at,
            occurred_at=one.row.entry.occurred_at or one.row.entry.at,
            prev_hash=one.row.link.prev_hash,
            hash=one.row.link.hash,
            digest=one.row.link.digest,
            salt=one.row.link.salt,
        )
        for one in found[:limit]
    ]
    more = len(found) > limit
    return OrderAuditPage(items=items, next=pack(str(items[-1].number)) if more else "", newest=str(newest))
