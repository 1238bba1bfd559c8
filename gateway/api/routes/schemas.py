"""JSON Schemas of the events."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from gateway.api.access import Reader
from gateway.api.values import ResponseModel, refused
from gateway.desk.event_schemas import EVENTS, schema_of, topic_of
from gateway.domain.text import localize

router = APIRouter(prefix="/v1", tags=["contract"])


class EventTypeView(ResponseModel):
    """An event type, and its meaning in English and Chinese."""

    event: str
    en: str
    zh: str


class EventTypesView(ResponseModel):
    """Event types in the order of an order's life."""

    items: list[EventTypeView]


@router.get("/schemas")
async def list_schemas(_: Reader) -> EventTypesView:
    """All event types that may be sent."""
    return EventTypesView(
        items=[
            EventTypeView(event=one, en=localize(f"event.{one}"), zh=localize(f"event.{one}", "zh")) for one in EVENTS
        ]
    )


@router.get("/schemas/{event}")
async def read_schema(_: Reader, event: Annotated[str, Path(max_length=80)]) -> JSONResponse:
    """The JSON Schema (draft 2020-12) of an event such as `workorder.created`."""
    try:
        topic = topic_of(event)
    except KeyError:
        raise refused(404, "unknown_schema") from None
    return JSONResponse(dict(schema_of(topic)), media_type="application/schema+json")
