"""Dead letters of the journal, and the event feed of the outbox."""

import asyncio
import base64
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query

from gateway.api.access import FeedReader, Operator
from gateway.api.context import Gateway
from gateway.api.values import Cursor, Instant, Limit, NonNegativeInt, PageView, ResponseModel, pack, unpack_number
from gateway.domain.record import Raw, Record

router = APIRouter(prefix="/v1", tags=["journal"])
MAX_PAYLOAD = 4096


class DeadLetterView(ResponseModel):
    """A message that could not become readings. Its payload as `text`, or as `base64` if it is not text: at most
    4096 bytes of the `size` bytes that were kept."""

    sequence: int
    source: str
    address: str
    reason: str
    detail: str
    received_at: Instant
    recorded_at: Instant
    size: int
    text: str | None
    base64: str | None


class EventView(ResponseModel):
    """One CloudEvent of the feed. Pass `sequence` as `after`."""

    sequence: int
    event: dict[str, Any]


class EventsView(ResponseModel):
    """Events in the order of their commits. `next` is the `after` of the next request; unchanged if there are no new
    events."""

    items: list[EventView]
    next: int


@router.get("/dead-letters")
async def list_dead_letters(
    context: Gateway, _: Operator, limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: Cursor = ""
) -> PageView[DeadLetterView]:
    """Newest first."""
    before = unpack_number(cursor) if cursor else None
    records = await asyncio.to_thread(context.journal.dead_letters, limit + 1, before, context.settings.tenant)
    found = [_view(record, record.body) for record in records[:limit] if isinstance(record.body, Raw)]
    return PageView(items=found, next=pack(str(records[limit - 1].seq)) if len(records) > limit else "")


@router.get("/events")
async def read_events(
    context: Gateway, _: FeedReader, after: Annotated[NonNegativeInt, Query()] = 0, limit: Limit = 100
) -> EventsView:
    """All events about alarms and orders, for an OA system that polls instead of receiving webhooks."""
    rows = await asyncio.to_thread(context.sql.queries.feed, after, limit)
    items = [EventView(sequence=row, event=orjson.loads(event.body)) for row, event in rows]
    return EventsView(items=items, next=rows[-1][0] if rows else after)


def _view(record: Record, raw: Raw) -> DeadLetterView:
    text, encoded = as_shown(raw.payload[:MAX_PAYLOAD])
    return DeadLetterView(
        sequence=record.seq,
        source=raw.source,
        address=raw.address,
        reason=raw.reason,
        detail=raw.detail,
        received_at=raw.received,
        recorded_at=record.at,
        size=len(raw.payload),
        text=text,
        base64=encoded,
    )


def as_shown(payload: bytes) -> tuple[str | None, str | None]:
    """`payload` as text, or in base64 if it is not text."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None, base64.b64encode(payload).decode()
    if all(c.isprintable() or c in "\n\r\t" for c in text):
        return text, None
    return None, base64.b64encode(payload).decode()
