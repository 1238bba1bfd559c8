"""A row of a database as a JSON message. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

import msgspec

_LONGEST_INT: Final = 2**63
_encode = msgspec.json.Encoder(decimal_format="number").encode


def as_message(columns: Sequence[str], values: Sequence[Any], zone: tzinfo) -> bytes:
    """`{"column": value, …}`. Decimals keep their digits; moments are ISO with their offset, those without a zone are
    of `zone`; intervals are seconds, bytes are hex; what JSON has no word for is a text."""
    return _encode({name: plain(value, zone) for name, value in zip(columns, values, strict=True)})


def plain(value: Any, zone: tzinfo) -> Any:
    """A value that JSON has."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -_LONGEST_INT <= value < _LONGEST_INT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        # a float has no place for more: a text, which a route reads as a number that is not one
        return value if value.is_finite() and abs(value.adjusted()) < 300 else str(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=zone)).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(key): plain(one, zone) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one, zone) for one in value]
    return str(value)
