"""Values of messages that no route, point or connector uses."""

from typing import Any

from fastapi import APIRouter

from gateway.api.access import Operator
from gateway.api.context import Gateway, in_ingest
from gateway.api.routes.journal import as_shown
from gateway.api.values import Instant, ResponseModel

router = APIRouter(prefix="/v1", tags=["journal"])


class UnusedView(ResponseModel):
    """A value at `place` of messages that otherwise became readings: its `count` since the start, and the first one
    as an example, its payload (at most 2048 bytes) as `text`, or as `base64` if it is not text. `route` counts from
    0, as in `sources.NAME.routes[0]`."""

    source: str
    route: int
    filter: str
    reason: str
    place: str
    detail: str
    count: int
    first_at: Instant
    last_at: Instant
    topic: str
    text: str | None
    base64: str | None


class UnusedList(ResponseModel):
    """By source and route, most frequent first."""

    items: list[UnusedView]


@router.get("/unused")
async def list_unused(context: Gateway, _: Operator) -> UnusedList:
    """Unused values since the start of the process. List them under `ignore` of the route to hide them."""

    async def read() -> list[tuple[str, str, Any]]:
        return [
            (name, topics, entry)
            for name, source in context.sources().items()
            if hasattr(source, "unused")
            for topics, entry in source.unused()
        ]

    found = await in_ingest(context, read)
    found.sort(key=lambda one: (one[0], one[2].first.route, -one[2].count, one[2].place))
    items = []
    for name, topics, entry in found:
        first = entry.first
        text, encoded = as_shown(first.payload)
        items.append(
            UnusedView(
                source=name,
                route=first.route,
                filter=topics,
                reason=first.reason,
                place=entry.place,
                detail=first.detail,
                count=entry.count,
                first_at=first.received,
                last_at=entry.last,
                topic=first.topic,
                text=text,
                base64=encoded,
            )
        )
    return UnusedList(items=items)
