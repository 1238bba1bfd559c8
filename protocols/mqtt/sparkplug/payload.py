"""A payload of Sparkplug B (3.0.0, section 6.4): bytes -> metrics. Pure; the wire format is in `wire.py`.

Read are timestamp, metrics, seq; of a metric name, alias, timestamp, datatype, is_null, is_historical, value, and of
its properties the quality and the unit. Extensions and all else are passed over.
"""

from dataclasses import dataclass
from typing import Final

from gateway.domain.errors import DecodeError
from protocols.mqtt.sparkplug.datatypes import Raw, ValueField
from protocols.mqtt.sparkplug.wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    WireError,
    as_double,
    as_float,
    fields,
    varint,
)

MOST_METRICS: Final = 20_000
LONGEST_NAME: Final = 512
"""Bytes of the name of a metric."""
_QUALITY: Final = ("Quality", "quality")
_UNIT: Final = ("engUnit", "Engineering Unit", "unit")
_KINDS: Final = {
    ValueField.INT: VARINT, ValueField.LONG: VARINT, ValueField.FLOAT: FIXED32, ValueField.DOUBLE: FIXED64,
    ValueField.BOOLEAN: VARINT, ValueField.STRING: BYTES, ValueField.BYTES: BYTES, ValueField.DATASET: BYTES,
    ValueField.TEMPLATE: BYTES, ValueField.EXTENSION: BYTES,
}  # fmt: skip


@dataclass(slots=True)
class Metric:
    """One metric as it was sent. `field`: that of `value`, 0 = there is none. `timestamp` ms. `quality`: code of the
    property; `unit`: text of the property."""

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: int = 0
    historical: bool = False
    null: bool = False
    field: int = 0
    raw: Raw = 0
    quality: int | None = None
    unit: str | None = None


@dataclass(slots=True)
class Payload:
    """`timestamp` ms; `seq` 0 to 255."""

    timestamp: int | None
    seq: int | None
    metrics: list[Metric]


def decode_payload(data: bytes) -> Payload:
    """Raises DecodeError `bad_payload`."""
    try:
        return _payload(data)
    except WireError as error:
        raise DecodeError("bad_payload", f"Sparkplug: {error}") from None


def _payload(data: bytes) -> Payload:
    payload = Payload(None, None, [])
    for number, kind, value, end in fields(data, 0, len(data)):
        if number == 2 and kind == BYTES:
            if len(payload.metrics) >= MOST_METRICS:
                raise WireError(f"more than {MOST_METRICS} metrics")
            payload.metrics.append(_metric(data, value, end))
        elif number == 1 and kind == VARINT:
            payload.timestamp = value
        elif number == 3 and kind == VARINT:
            if value > 255:
                raise WireError(f"seq {value}")
            payload.seq = value
        elif number in (1, 2, 3):
            raise WireError(f"field {number} of wire type {kind}")
    return payload


def _metric(data: bytes, start: int, stop: int) -> Metric:
    metric = Metric()
    for number, kind, value, end in fields(data, start, stop):
        if number >= ValueField.INT:
            _value(metric, data, number, kind, value, end)
        elif number == 1 and kind == BYTES:
            if end - value > LONGEST_NAME:
                raise WireError(f"a name of {end - value} bytes")
            metric.name = _text(data, value, end)
        elif number == 9 and kind == BYTES:
            _properties(metric, data, value, end)
        elif kind == VARINT:
            if number == 2:
                metric.alias = value
            elif number == 3:
                metric.timestamp = value
            elif number == 4:
                metric.datatype = value
            elif number == 5:
                metric.historical = bool(value)
            elif number == 7:
                metric.null = bool(value)
        elif number != 8:
            raise WireError(f"field {number} of a metric has wire type {kind}")
    return metric


def _value(metric: Metric, data: bytes, number: int, kind: int, value: int, end: int) -> None:
    """Of several the last one counts, as everywhere in protobuf."""
    if number > ValueField.EXTENSION:
        return
    if _KINDS[ValueField(number)] != kind:
        raise WireError(f"field {number} of a metric has wire type {kind}")
    metric.field = number
    if number == ValueField.FLOAT:
        metric.raw = as_float(value)
    elif number == ValueField.DOUBLE:
        metric.raw = as_double(value)
    elif number == ValueField.BOOLEAN:
        metric.raw = bool(value)
    elif number == ValueField.STRING:
        metric.raw = _text(data, value, end)
    elif number == ValueField.BYTES:
        metric.raw = data[value:end]
    else:
        metric.raw = value if kind == VARINT else b""


def _properties(metric: Metric, data: bytes, start: int, stop: int) -> None:
    """Keys and values are two lists of one length."""
    keys, values = list[str](), list[tuple[int, int]]()
    for number, kind, value, end in fields(data, start, stop):
        if number == 1 and kind == BYTES:
            keys.append(_text(data, value, end))
        elif number == 2 and kind == BYTES:
            values.append((value, end))
    for key, (value, end) in zip(keys, values, strict=False):
        if key in _QUALITY or key in _UNIT:
            found = _property(data, value, end)
            if key in _QUALITY and type(found) is int:
                metric.quality = found
            elif key in _UNIT and type(found) is str:
                metric.unit = found.strip() or None


def _property(data: bytes, start: int, stop: int) -> int | str | None:
    found: int | str | None = None
    for number, kind, value, end in fields(data, start, stop):
        if number == 2 and kind == VARINT and value:
            return None
        if number in (3, 4) and kind == VARINT:
            found = value
        elif number == 8 and kind == BYTES:
            found = _text(data, value, end)
    return found


def _text(data: bytes, start: int, end: int) -> str:
    try:
        return data[start:end].decode()
    except UnicodeDecodeError:
        raise WireError("a text that is not UTF-8") from None


def rebirth_command(now: int) -> bytes:
    """The payload of an NCMD that asks a node for its births (section 6.4.20); `now` µs."""
    name = b"Node Control/Rebirth"
    stamp = varint(now // 1000)
    metric = b"\x0a" + varint(len(name)) + name + b"\x18" + stamp + b"\x20\x0b\x70\x01"  # datatype 11, true
    return b"\x08" + stamp + b"\x12" + varint(len(metric)) + metric
