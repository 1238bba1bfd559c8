"""The wire format of Protocol Buffers, as far as Sparkplug B needs it (protobuf.dev, "Encoding"). Pure."""

import struct
from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
_GROUP_START: Final = 3
_LONGEST_VARINT: Final = 10
_U64: Final = 2**64 - 1


class WireError(Exception):
    """Bytes that are no message."""


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, wire type, value, end) of each field of a message in data[start:end]. Of a varint and a fixed
    number `value` is the number itself, unsigned; of bytes it is where they start, and `end` is where they end.
    Raises WireError."""
    at = start
    while at < end:
        key = data[at]
        at += 1
        if key >= 0x80:
            key, at = _varint(data, at - 1, end)
        kind = key & 7
        if key < 8:
            raise WireError("field number 0")
        if kind == VARINT:
            if at < end and data[at] < 0x80:
                value = data[at]
                at += 1
            else:
                value, at = _varint(data, at, end)
            yield key >> 3, kind, value, at
        elif kind == BYTES:
            length, at = _varint(data, at, end)
            if length > end - at:
                raise WireError(f"field {key >> 3} of {length} bytes, {end - at} are left")
            yield key >> 3, kind, at, at + length
            at += length
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
            if size > end - at:
                raise WireError(f"field {key >> 3} is cut off")
            yield key >> 3, kind, int.from_bytes(data[at : at + size], "little"), at + size
            at += size
        else:
            raise WireError("a group" if kind == _GROUP_START else f"wire type {kind}")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(number, place behind it)."""
    number = shift = 0
    for place in range(at, min(end, at + _LONGEST_VARINT)):
        byte = data[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & _U64, place + 1
        shift += 7
    raise WireError("a number is cut off" if end - at < _LONGEST_VARINT else "a number of more than 10 bytes")


def as_float(bits: int) -> float:
    """The bits of a fixed 32."""
    return float(struct.unpack("<f", bits.to_bytes(4, "little"))[0])


def as_double(bits: int) -> float:
    """The bits of a fixed 64."""
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


def varint(number: int) -> bytes:
    """Unsigned."""
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
