"""Fields of a binary payload: whole numbers, floats, BCD, texts, single bits."""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.domain.errors import DecodeError
from gateway.section import wrong

Order = Literal["big", "little"]
_NUMBER = {"u": False, "i": True}
_TYPE = re.compile(
    r"(?P<whole>[ui])(?P<bits>8|16|24|32|40|48|56|64) | f(?P<float>32|64)"
    r" | (?P<many>bcd|str|hex)\((?P<size>[0-9]{1,3})\)"
    r" | u(?P<word>8|16|32)\.(?P<from>[0-9]{1,2})(?:-(?P<to>[0-9]{1,2}))?",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class FieldType:
    """How many bytes a field takes, and what they mean: bytes in big-endian order -> a number or a text.

    `read` raises ValueError for bytes that cannot be this.
    """

    size: int
    read: Callable[[bytes], int | float | str]
    ordered: bool = True
    """Whether the order of the bytes is a question."""


def parse_field_type(text: str) -> FieldType:
    """`u16`, `i24`, `f32`, `bcd(4)`, `str(8)`, `hex(6)`, `u8.3` (one bit), `u16.4-7` (bits).

    Raises a validation error.
    """
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        raise wrong("route.field_type", got=text)
    if match["whole"]:
        signed = _NUMBER[match["whole"]]
        return FieldType(int(match["bits"]) // 8, lambda raw: int.from_bytes(raw, "big", signed=signed))
    if match["float"]:
        code, size = (">f", 4) if match["float"] == "32" else (">d", 8)
        return FieldType(size, lambda raw: float(struct.unpack(code, raw)[0]))
    if match["word"]:
        return _bits(text, int(match["word"]), int(match["from"]), int(match["to"] or match["from"]))
    size = int(match["size"])
    if not size:
        raise wrong("route.field_type", got=text)
    read: Mapping[str, Callable[[bytes], int | float | str]] = {"bcd": _bcd, "str": _text, "hex": bytes.hex}
    return FieldType(size, read[match["many"]], ordered=match["many"] == "bcd")


def _bits(text: str, width: int, low: int, high: int) -> FieldType:
    if not low <= high < width:
        raise wrong("route.field_bits", got=text, most=width - 1)
    mask = (1 << (high - low + 1)) - 1
    return FieldType(width // 8, lambda raw: (int.from_bytes(raw, "big") >> low) & mask)


def _bcd(raw: bytes) -> int:
    digits = raw.hex()
    if not digits.isdigit():
        raise ValueError(f"{digits} is no BCD")
    return int(digits)


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0 ").decode("utf-8")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    at: int
    type: FieldType
    reverse: bool

    def of(self, raw: bytes) -> int | float | str:
        start = self.at if self.at >= 0 else len(raw) + self.at
        if start < 0 or start + self.type.size > len(raw):
            raise DecodeError("bad_payload", f"{self.name}: byte {self.at} of {len(raw)}")
        part = raw[start : start + self.type.size]
        try:
            return self.type.read(part[::-1] if self.reverse else part)
        except ValueError as error:
            raise DecodeError("bad_payload", f"{self.name}: {error}") from None


class StructLayout:
    """Bytes -> an object of fields. `length` None = any that has room for all fields."""

    def __init__(self, fields: Mapping[str, Any], order: Order, length: int | None) -> None:
        """`fields`: name -> FieldLayout (`at`, `type`, `order`)."""
        types = {name: parse_field_type(one.type) for name, one in fields.items()}
        self._length = length
        self._fields = [
            _Field(name, one.at, types[name], types[name].ordered and (one.order or order) == "little")
            for name, one in fields.items()
        ]

    def read(self, raw: bytes) -> dict[str, int | float | str]:
        """Raises DecodeError `bad_payload`: too short, of another length, no BCD, no UTF-8."""
        if self._length is not None and len(raw) != self._length:
            raise DecodeError("bad_payload", f"{len(raw)} bytes, not {self._length}")
        return {field.name: field.of(raw) for field in self._fields}
