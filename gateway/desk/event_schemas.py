"""JSON Schemas (draft 2020-12) of every event, and what each of them means."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from gateway.desk.event_types import AlarmData, EventObject, OrderData, TestData
from gateway.desk.events import PREFIX
from gateway.desk.lifecycle import EVENT

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ORDERS = ("created", "updated", *dict.fromkeys(EVENT.values()), "alarm_unlatched", "escalated", "sla_breached")
ALARMS = ("raised", "updated", "cleared", "withdrawn", "merged")
EVENTS: Mapping[str, type[EventObject]] = {
    **{f"workorder.{kind}": OrderData for kind in ORDERS},
    **{f"alarm.{kind}": AlarmData for kind in ALARMS},
    "endpoint.test": TestData,
}
"""Event type without its prefix -> model of its `data`."""


FAMILIES = tuple(dict.fromkeys(topic.partition(".")[0] for topic in EVENTS))
"""Families named by `dataschema` of an event: `urn:fieldgate:schema:workorder:1`. Their schemas are also in
`contract/`, so that every change of them is visible."""
MAJOR = 1


def _as_sent(name: str) -> str:
    """The name of a type in the contract: `EventDevice` is `Device`."""
    return name.removeprefix("Event")


def _named_as_sent(schema: Any) -> Any:
    """The same schema with its references under those names."""
    if isinstance(schema, dict):
        return {
            key: f"#/$defs/{_as_sent(item.rpartition('/')[2])}"
            if key == "$ref"
            else _as_sent(item)
            if key == "title" and isinstance(item, str)
            else _named_as_sent(item)
            for key, item in schema.items()
        }
    return [_named_as_sent(item) for item in schema] if isinstance(schema, list) else schema


def topic_of(written: str) -> str:
    """`workorder.created`, with or without prefix, or a family of them. Raises KeyError for an unknown event."""
    topic = written.removeprefix(PREFIX).removeprefix("urn:fieldgate:schema:").removesuffix(f":{MAJOR}")
    if topic not in EVENTS and topic not in FAMILIES:
        raise KeyError(written)
    return topic


@cache
def schema_of(topic: str) -> Mapping[str, Any]:
    """The schema of a whole event (a CloudEvent), or of all of a family. Raises KeyError."""
    family = topic.partition(".")[0]
    mine = [PREFIX + one for one in EVENTS if topic in {one, one.partition(".")[0]}]
    data = EVENTS[mine[0].removeprefix(PREFIX)] if mine else EVENTS[topic]
    (found,), parts = msgspec.json.schema_components([data], ref_template="#/$defs/{name}")
    found, parts = _named_as_sent(found), {_as_sent(name): _named_as_sent(part) for name, part in parts.items()}
    text = {"type": "string", "minLength": 1}
    return {
        "$schema": DRAFT,
        "$id": f"urn:fieldgate:schema:{topic}:{MAJOR}",
        "title": PREFIX + topic,
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "pattern": "^evt_[0-9a-f]{32}$", "description": "the same in every repeat"},
            "source": text,
            "type": {"enum": mine},
            "subject": {**text, "description": "what it is about: events of one subject come in order"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"const": f"urn:fieldgate:schema:{family}:{MAJOR}"},
            "sequence": {"type": "string", "pattern": "^[0-9]{8,}$", "description": "rises within one subject"},
            "partitionkey": text,
            "data": found,
        },
        "required": [
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "datacontenttype",
            "dataschema",
            "sequence",
            "partitionkey",
            "data",
        ],
        "$defs": parts,
    }
