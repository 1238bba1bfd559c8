"""Registers <-> raw values: pure, `encode` is the inverse of `decode`.

A word is a 16-bit register, big endian on the wire (MODBUS Application Protocol V1.1b3, 4.2); how several words make a
value is the vendor's choice. ABCD are the bytes of a value, most significant first:
ABCD as they are · CDAB words reversed · BADC bytes swapped inside each word · DCBA both. For 64 bits the same four, and
four more written with eight letters, which put the lower 32 bits first: EFGHABCD is ABCD with its halves exchanged.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.errors import DecodeError

Raw = int | float | str
"""A value before scaling: int for integers, BCD and bit fields, float for IEEE 754, str for ascii."""


class Type(StrEnum):
    """How the bytes of a value are read."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    BCD = "bcd"
    ASCII = "ascii"


class ByteOrder(StrEnum):
    """Byte order of a value in its registers. Those of eight letters are orders of 64 bits alone."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"
    EFGHABCD = "EFGHABCD"
    CDABGHEF = "CDABGHEF"
    FEHGBADC = "FEHGBADC"
    DCBAHGFE = "DCBAHGFE"

    @property
    def of_64_bits(self) -> bool:
        """Whether it exchanges the halves of a value of four registers."""
        return len(self.value) > 4


class Characters(StrEnum):
    """Which bytes of a register of text hold a character."""

    BOTH = "both"
    LOW = "low"
    HIGH = "high"


_STRUCT = {
    Type.U16: struct.Struct(">H"), Type.I16: struct.Struct(">h"), Type.U32: struct.Struct(">I"),
    Type.I32: struct.Struct(">i"), Type.U64: struct.Struct(">Q"), Type.I64: struct.Struct(">q"),
    Type.F32: struct.Struct(">f"), Type.F64: struct.Struct(">d"),
}  # fmt: skip
_SIGNED = (Type.I16, Type.I32, Type.I64)
_INTEGERS = (Type.U16, Type.U32, Type.U64, *_SIGNED)
_WORDS_REVERSED = (ByteOrder.CDAB, ByteOrder.DCBA, ByteOrder.CDABGHEF, ByteOrder.DCBAHGFE)
_BYTES_SWAPPED = (ByteOrder.BADC, ByteOrder.DCBA, ByteOrder.FEHGBADC, ByteOrder.DCBAHGFE)
_CHOSEN = {Characters.BOTH: slice(None), Characters.HIGH: slice(0, None, 2), Characters.LOW: slice(1, None, 2)}
"""The bytes of a register of text that hold characters."""


@dataclass(frozen=True, slots=True)
class Format:
    """How one value lies in consecutive registers.

    `length` counts registers of ascii and bcd (the other types know theirs). `bits` = (lowest, highest) picks a field
    of an integer, bit 0 is the least significant; of a signed one the field has a sign of its own. `characters` of
    ascii: two in a register, or one in its low or high byte. Raises ValueError for a combination that means nothing.
    """

    type: Type
    order: ByteOrder = ByteOrder.ABCD
    length: int = 0
    bits: tuple[int, int] | None = None
    characters: Characters = Characters.BOTH

    def __post_init__(self) -> None:
        packed = _STRUCT.get(self.type)
        if packed is None and not 1 <= self.length <= 125:
            raise ValueError(f"{self.type} needs length: 1 to 125 registers")
        if packed is not None and self.length not in (0, packed.size // 2):
            raise ValueError(f"{self.type} is {packed.size // 2} registers long, not {self.length}")
        if self.order.of_64_bits and self.registers != 4:
            raise ValueError(f"{self.order} is an order of 64 bits, {self.type} has {16 * self.registers}")
        if self.characters is not Characters.BOTH and self.type is not Type.ASCII:
            raise ValueError(f"characters of {self.type}: only ascii has characters")
        if self.bits is not None:
            low, high = self.bits
            if self.type not in _INTEGERS:
                raise ValueError(f"bits of {self.type}: only integers have bits")
            if not 0 <= low <= high < 16 * self.registers:
                raise ValueError(f"bits {low} to {high} are not inside {self.type}")

    @property
    def registers(self) -> int:
        """How many registers it takes."""
        packed = _STRUCT.get(self.type)
        return self.length if packed is None else packed.size // 2


def decode(form: Format, words: Sequence[int]) -> Raw:
    """Words of exactly one value -> its raw value; NaN stays NaN. Raises DecodeError: words, bcd, ascii."""
    if len(words) != form.registers:
        raise DecodeError("words", f"{len(words)} registers for {form.type}, expected {form.registers}")
    octets = to_bytes(form, words)
    if form.type is Type.ASCII:
        return _text(octets[_CHOSEN[form.characters]])
    if form.type is Type.BCD:
        digits = octets.hex()
        if not digits.isdecimal():
            raise DecodeError("bcd", f"{digits} is not decimal")
        return int(digits)
    value: int | float = _STRUCT[form.type].unpack(octets)[0]
    if form.bits is not None:
        low, high = form.bits
        width = high - low + 1
        field = (int(value) >> low) & ((1 << width) - 1)
        return field - (1 << width) if form.type in _SIGNED and field >> (width - 1) else field
    return value


def encode(form: Format, value: Raw) -> tuple[int, ...]:
    """The words of a raw value; the bits around a bit field are zero. Raises ValueError when it does not fit."""
    if form.type is Type.ASCII:
        text = str(value).encode("ascii")
        chosen = _CHOSEN[form.characters]
        room = bytearray(2 * form.length)
        if len(text) > len(room[chosen]):
            raise ValueError(f"{value!r} is longer than {form.length} registers")
        room[chosen] = text.ljust(len(room[chosen]), b"\0")
        return _to_words(form, bytes(room))
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - the documented error of this function
    if form.type is Type.BCD:
        digits = f"{int(value):0{4 * form.length}d}"
        if len(digits) > 4 * form.length or value < 0:
            raise ValueError(f"{value} does not fit {form.length} registers of BCD")
        return _to_words(form, bytes.fromhex(digits))
    if form.bits is not None:
        return _to_words(form, _field(form, form.bits, int(value)))
    try:
        octets = _STRUCT[form.type].pack(value)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value} does not fit {form.type}") from error
    return _to_words(form, octets)


def _field(form: Format, bits: tuple[int, int], value: int) -> bytes:
    """The bytes of an integer that holds `value` in a field, and zeros around it."""
    low, high = bits
    width = high - low + 1
    lowest = -(1 << (width - 1)) if form.type in _SIGNED else 0
    if not lowest <= value < lowest + (1 << width):
        raise ValueError(f"{value} does not fit bits {low} to {high}")
    return ((value & ((1 << width) - 1)) << low).to_bytes(2 * form.registers, "big")


def pattern(form: Format, words: Sequence[int]) -> int:
    """The bytes of a value as one unsigned number, most significant first: what `0xFFFFFFFF` is compared with."""
    return int.from_bytes(to_bytes(form, words), "big")


def to_bytes(form: Format, words: Sequence[int]) -> bytes:
    """The bytes of a value in the order ABCD. Words of text are never reversed: only numbers have a low word."""
    end = "<" if form.order in _BYTES_SWAPPED else ">"
    try:
        return struct.pack(f"{end}{len(words)}H", *_sorted(form, words))
    except struct.error as error:
        raise DecodeError("words", f"{list(words)} are not 16-bit words") from error


def _sorted(form: Format, words: Sequence[int]) -> Sequence[int]:
    """Words of the wire -> most significant first, and back: exchanging twice changes nothing."""
    if form.order in _WORDS_REVERSED and form.type is not Type.ASCII:
        words = words[::-1]
    return (*words[2:], *words[:2]) if form.order.of_64_bits else words


def _to_words(form: Format, octets: bytes) -> tuple[int, ...]:
    end = "<" if form.order in _BYTES_SWAPPED else ">"
    return tuple(_sorted(form, struct.unpack(f"{end}{len(octets) // 2}H", octets)))


def _text(octets: bytes) -> str:
    """Up to the first NUL, without the blanks that fill a field."""
    try:
        return octets.split(b"\0", 1)[0].decode("ascii").strip(" ")
    except UnicodeDecodeError as error:
        raise DecodeError("ascii", octets.hex()) from error
