"""The data types of Sparkplug B (3.0.0, section 6.4.16): what the fields of a metric hold -> a value. Pure."""

import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class DataType(IntEnum):
    """Numbers of the specification."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTY_SET = 20
    PROPERTY_SET_LIST = 21
    INT8_ARRAY = 22
    INT16_ARRAY = 23
    INT32_ARRAY = 24
    INT64_ARRAY = 25
    UINT8_ARRAY = 26
    UINT16_ARRAY = 27
    UINT32_ARRAY = 28
    UINT64_ARRAY = 29
    FLOAT_ARRAY = 30
    DOUBLE_ARRAY = 31
    BOOLEAN_ARRAY = 32
    STRING_ARRAY = 33
    DATETIME_ARRAY = 34


class ValueField(IntEnum):
    """Field numbers of `Metric.value`."""

    INT = 10
    LONG = 11
    FLOAT = 12
    DOUBLE = 13
    BOOLEAN = 14
    STRING = 15
    BYTES = 16
    DATASET = 17
    TEMPLATE = 18
    EXTENSION = 19


Value = int | float | bool | str | tuple[int | float | bool | str, ...]
Raw = int | float | bool | str | bytes


class WrongType(Exception):
    """A value that its data type does not have."""


_SIGNED: Final = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_UNSIGNED: Final = {
    DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64, DataType.DATETIME: 64,
}  # fmt: skip
_WHOLE: Final = (ValueField.INT, ValueField.LONG)
"""Encoders differ in which of the two they use."""
_TEXTS: Final = (DataType.STRING, DataType.TEXT, DataType.UUID)
_ARRAYS: Final[Mapping[int, str]] = {
    DataType.INT8_ARRAY: "b", DataType.INT16_ARRAY: "h", DataType.INT32_ARRAY: "i", DataType.INT64_ARRAY: "q",
    DataType.UINT8_ARRAY: "B", DataType.UINT16_ARRAY: "H", DataType.UINT32_ARRAY: "I", DataType.UINT64_ARRAY: "Q",
    DataType.FLOAT_ARRAY: "f", DataType.DOUBLE_ARRAY: "d", DataType.DATETIME_ARRAY: "Q",
}  # fmt: skip
"""Codes of `struct`: arrays are packed, little endian."""
UNUSED: Final[Mapping[int, str]] = {
    DataType.DATASET: "DataSet", DataType.TEMPLATE: "Template", DataType.BYTES: "Bytes", DataType.FILE: "File",
    DataType.PROPERTY_SET: "PropertySet", DataType.PROPERTY_SET_LIST: "PropertySetList",
}  # fmt: skip
"""Types that are no values of a point."""


def value_of(datatype: int, field: int, raw: Raw) -> Value:
    """The value of a metric of this type. Raises WrongType when the field is another one, or the number too large."""
    if datatype in _SIGNED and field in _WHOLE and type(raw) is int:
        return _signed(raw, _SIGNED[DataType(datatype)])
    if datatype in _UNSIGNED and field in _WHOLE and type(raw) is int:
        if raw >> _UNSIGNED[DataType(datatype)]:
            raise WrongType(f"{raw} is no {name_of(datatype)}")
        return raw
    if datatype == DataType.FLOAT and field == ValueField.FLOAT:
        return _plain(raw)
    if datatype == DataType.DOUBLE and field in (ValueField.FLOAT, ValueField.DOUBLE):
        return _plain(raw)
    if datatype == DataType.BOOLEAN and field == ValueField.BOOLEAN:
        return bool(raw)
    if datatype in _TEXTS and field == ValueField.STRING:
        return _plain(raw)
    if datatype in _ARRAYS and type(raw) is bytes:
        return _numbers(_ARRAYS[datatype], raw)
    if datatype == DataType.BOOLEAN_ARRAY and type(raw) is bytes:
        return _booleans(raw)
    if datatype == DataType.STRING_ARRAY and type(raw) is bytes:
        return _strings(raw)
    raise WrongType(f"field {field} in a metric of type {name_of(datatype)}")


def name_of(datatype: int) -> str:
    """`UINT8`; the number of a type that the specification does not have."""
    return DataType(datatype).name if datatype in DataType.__members__.values() else str(datatype)


def _plain(raw: Raw) -> Value:
    assert not isinstance(raw, bytes)
    return raw


def _signed(raw: int, bits: int) -> int:
    """Encoders extend the sign to 8, 16, 32 or 64 bits; all of them end in the same lowest bits."""
    low = raw & (1 << bits) - 1
    value = low - (1 << bits) if low >> bits - 1 else low
    if raw >> bits and (value >= 0 or raw not in {value & (1 << wide) - 1 for wide in (16, 32, 64)}):
        raise WrongType(f"{raw} is no whole number of {bits} bits")
    return value


def _numbers(code: str, raw: bytes) -> tuple[int | float, ...]:
    size = struct.calcsize(f"<{code}")
    if len(raw) % size:
        raise WrongType(f"{len(raw)} bytes are no array of {size} bytes each")
    return struct.unpack(f"<{len(raw) // size}{code}", raw)


def _booleans(raw: bytes) -> tuple[bool, ...]:
    """Their count in four bytes, then eight in each byte, the first in the highest bit."""
    count = int.from_bytes(raw[:4], "little")
    if len(raw) < 4 or len(raw) != 4 + (count + 7) // 8:
        raise WrongType(f"{len(raw)} bytes are no array of booleans")
    return tuple(bool(raw[4 + index // 8] >> 7 - index % 8 & 1) for index in range(count))


def _strings(raw: bytes) -> tuple[str, ...]:
    """Each ends with a zero byte."""
    if raw and raw[-1]:
        raise WrongType("an array of texts that does not end with 0")
    try:
        return tuple(part.decode() for part in raw.split(b"\0")[:-1])
    except UnicodeDecodeError:
        raise WrongType("a text that is not UTF-8") from None
