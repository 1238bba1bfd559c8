"""Domain values <-> rows. A row is a dict with the field names of the value; nested values are JSON text."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row, Table

from gateway.domain.alarm import AlarmChange, AlarmPlan, Change, Evidence, Level
from gateway.domain.workorder import Alarm, AlarmState, OrderState, WorkOrder
from gateway.store import tables

S = TypeVar("S", bound=msgspec.Struct)
K = TypeVar("K")
_encoder = msgspec.json.Encoder()
_plan = msgspec.json.Decoder(AlarmPlan)
_evidence = msgspec.json.Decoder(Evidence)
_words = msgspec.json.Decoder(tuple[str, ...])


def chunks(keys: Sequence[K], size: int) -> Iterator[Sequence[K]]:
    """Slices of at most `size`: an IN list has a bound."""
    return (keys[start : start + size] for start in range(0, len(keys), size))


def json_text(value: object) -> str:
    """Any value of the domain as JSON text."""
    return _encoder.encode(value).decode()


def columns(table: Table) -> tuple[str, ...]:
    """The Python names of a table's columns, in the order `select(table)` gives them."""
    return tuple("".join(column.key) for column in table.c)  # plain str: some are subclasses that quote themselves


_ALARM = columns(tables.alarm)
_CHANGE = columns(tables.alarm_change)
_ORDER = columns(tables.work_order)


def alarm_row(alarm: Alarm) -> dict[str, Any]:
    """An alarm as the row of table alarm."""
    row = msgspec.structs.asdict(alarm)
    row["identity"] = json_text(alarm.identity)
    row["plan"] = json_text(alarm.plan)
    row["evidence"] = json_text(alarm.evidence)
    return row


def alarm_of(row: Row[Any] | Sequence[Any]) -> Alarm:
    """The inverse of `alarm_row`, columns in the order of the table."""
    value = dict(zip(_ALARM, row, strict=True))
    value["identity"] = _words.decode(value["identity"])
    value["plan"] = _plan.decode(value["plan"])
    value["evidence"] = _evidence.decode(value["evidence"])
    value["state"] = AlarmState(value["state"])
    value["level"] = Level(value["level"])
    value["peak"] = Level(value["peak"])
    return Alarm(**value)


def change_row(change: AlarmChange) -> dict[str, Any]:
    """A change of an alarm as the row of table alarm_change."""
    row = msgspec.structs.asdict(change)
    row["evidence"] = json_text(change.evidence)
    return row


def change_of(row: Row[Any] | Sequence[Any]) -> AlarmChange:
    """The inverse of `change_row`, columns in the order of the table."""
    value = dict(zip(_CHANGE, row, strict=True))
    value["change"] = Change(value["change"])
    value["level"] = Level(value["level"])
    value["evidence"] = _evidence.decode(value["evidence"])
    return AlarmChange(**value)


def order_row(order: WorkOrder) -> dict[str, Any]:
    """An order as the row of table work_order."""
    row = msgspec.structs.asdict(order)
    row["causes"] = json_text(order.causes)
    return row


def order_of(row: Row[Any] | Sequence[Any]) -> WorkOrder:
    """The inverse of `order_row`, columns in the order of the table."""
    value = dict(zip(_ORDER, row, strict=True))
    value["causes"] = _words.decode(value["causes"])
    value["state"] = OrderState(value["state"])
    value["level"] = Level(value["level"])
    return WorkOrder(**value)


def route_of(*attrs: str) -> str:
    """The attribute `route` of the first of these JSON texts that has one."""
    found = (msgspec.json.decode(text).get("route") for text in attrs if '"route"' in text)
    route = next((route for route in found if route not in (None, "")), "")
    return f"{route:g}" if isinstance(route, float) else str(route)


def plain_of(kind: type[S], table: Table, row: Row[Any]) -> S:
    """A value whose fields are exactly the columns of its table, enums by their text."""
    return msgspec.convert(dict(zip(columns(table), row, strict=True)), kind)
