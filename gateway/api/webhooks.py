"""The gateway's webhooks as OpenAPI 3.1: what is sent, how it is signed, what responses mean."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.desk.event_schemas import EVENTS, schema_of
from gateway.desk.events import CONTENT_TYPE
from gateway.domain.text import localize

_TEXT = {"type": "string"}
_HEADERS = (
    (
        "webhook-id",
        "The event's id: the same in every repeat. Do what you have done already with this id no second time.",
    ),
    ("webhook-timestamp", "Seconds since 1970 of this attempt. Refuse what is older than five minutes."),
    (
        "webhook-signature",
        "`v1,` + base64 of HMAC-SHA256 over id.time.body; of several, apart by blanks, one has to fit.",
    ),
    ("idempotency-key", "The same as webhook-id."),
    ("x-fieldgate-attempt", "Counts from 1."),
)
_ANSWERS = {
    "2XX": "Taken. Answer within `timeout` of the endpoint (10 s), then do the work.",
    "410": "Gone: nothing more is sent until a person enables the endpoint.",
    "429": "Wait: again after Retry-After. 503 alike.",
    "4XX": "Refused: tried three times more, then given up.",
    "5XX": "An error of the receiver: again and again by the retry plan.",
}
CALLBACK = "/v1/callbacks/{endpoint}"


def with_webhooks(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` of FastAPI with the events added; their schemas are the components `event_*`."""
    shapes, parts = msgspec.json.schema_components(
        list(dict.fromkeys(EVENTS.values())), ref_template="#/components/schemas/event_{name}"
    )
    data = dict(zip(dict.fromkeys(EVENTS.values()), shapes, strict=True))
    components = dict(document.get("components", {}))
    schemas = {**components.get("schemas", {}), **{f"event_{name}": part for name, part in parts.items()}}
    webhooks = {topic: {"post": _post(topic, data[shape])} for topic, shape in EVENTS.items()}
    return {**document, "components": {**components, "schemas": schemas}, "webhooks": webhooks}


def _post(topic: str, data: Any) -> dict[str, Any]:
    whole = {key: value for key, value in schema_of(topic).items() if key not in {"$schema", "$id", "$defs"}}
    whole["properties"] = {**whole["properties"], "data": data}
    return {
        "operationId": f"event_{topic.replace('.', '_')}",
        "summary": localize(f"event.{topic}"),
        "description": f"{localize(f'event.{topic}', 'zh')}. Acts on an order come back signed, by POST {CALLBACK}.",
        "tags": ["webhooks"],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": description, "schema": _TEXT}
            for name, description in _HEADERS
        ],
        "requestBody": {"required": True, "content": {CONTENT_TYPE.partition(";")[0]: {"schema": whole}}},
        "responses": {status: {"description": description} for status, description in _ANSWERS.items()},
    }
