"""Every interpretation of a block of registers, and which of them agrees with a value that is known. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from gateway.domain.errors import DecodeError
from gateway.probe_ports import Interpretation
from protocols.modbus.words import ByteOrder, Format, Type, decode

SCALES = (1.0, 0.1, 0.01, 0.001, *(10.0**power for power in (1, 2, 3, -4, -5, -6, 4, 5, 6, -7, -8, -9, -10)))
"""Usual scales first, then the other powers of ten that a scale factor of SunSpec can name."""
TOLERANCE = 0.005
"""Share by which a value may have changed since it was looked at."""
_NUMBERS = (Type.U16, Type.I16, Type.U32, Type.I32, Type.F32, Type.U64, Type.I64, Type.F64)
_FLOATS = (Type.F32, Type.F64)
_ORDERS = {1: (ByteOrder.ABCD, ByteOrder.BADC), 2: tuple(one for one in ByteOrder if not one.of_64_bits),
           4: tuple(ByteOrder)}  # fmt: skip
_BCD = (1, 2, 3)
"""Registers of BCD."""
_FILLED = (0xFFFF, 0x8000, 0x7FFF)


def interpretations(first: int, words: Sequence[int], expect: float | None = None) -> list[Interpretation]:
    """By address: numbers of all types and orders, BCD, bits, and text where characters stand. `scale` of those that
    agree with `expect`: raw * scale is the value. Raises nothing."""
    found: list[Interpretation] = []
    for offset in range(len(words)):
        for kind in _NUMBERS:
            size = Format(kind).registers
            if offset + size <= len(words):
                own = words[offset : offset + size]
                found += [_number(first + offset, Format(kind, order), own, expect) for order in _ORDERS[size]]
        found += _decimal(first + offset, words[offset:], expect)
        bits = f"{words[offset]:016b}"
        found.append(Interpretation(first + offset, 1, "bits", "", bits, plausible=False))
    found += _texts(first, words)
    return found


def _number(address: int, form: Format, words: Sequence[int], expect: float | None) -> Interpretation:
    value = decode(form, words)
    assert not isinstance(value, str)
    plausible = _is_plausible(form, value, words)
    return _compared(
        Interpretation(address, form.registers, form.type.value, form.order.value, value, plausible), value, expect
    )


def _compared(one: Interpretation, value: float, expect: float | None) -> Interpretation:
    if expect is None or (scale := scale_to(value, expect)) == 0:
        return one
    return replace(one, scale=scale, off=abs(value * scale - expect) / abs(expect))


def _is_plausible(form: Format, value: float, words: Sequence[int]) -> bool:
    """A guess: floats of a usual size; whole numbers of several registers whose upper half is not all of them."""
    if form.type in _FLOATS:
        return math.isfinite(value) and 1e-3 <= abs(value) < 1e8
    if form.registers == 1:
        return words[0] not in _FILLED and form.order is ByteOrder.ABCD and (form.type is Type.U16 or value < 0)
    limit = 10**9 if form.registers == 2 else 10**13
    changes = len(set(words)) > 1
    return changes and 0x10000 <= abs(value) < limit and (form.type in (Type.U32, Type.U64) or value < 0)


def scale_to(value: float, expect: float) -> float:
    """The scale by which `value` is `expect`, within its last digit or TOLERANCE; 0.0 when there is none."""
    if not math.isfinite(value) or 0 in (value, expect) or (value < 0) != (expect < 0):
        return 0.0
    for scale in SCALES:
        scaled = value * scale
        digit = scale / 2 if float(value).is_integer() and scale < 1 else 0.0
        if abs(scaled - expect) <= max(TOLERANCE * abs(expect), min(digit, 0.05 * abs(expect))):
            return scale
    return 0.0


def _decimal(address: int, words: Sequence[int], expect: float | None) -> Iterator[Interpretation]:
    for length in _BCD:
        for order in (ByteOrder.ABCD, ByteOrder.CDAB)[: min(length, 2)]:
            try:
                value = decode(Format(Type.BCD, order, length), words[:length])
            except DecodeError:
                continue
            assert not isinstance(value, str)
            plausible = length > 1 and value >= 10_000 and max(words[:length]) > 9
            yield _compared(Interpretation(address, length, "bcd", order.value, value, plausible), value, expect)


def _texts(first: int, words: Sequence[int]) -> Iterator[Interpretation]:
    """Runs of registers with two characters each."""
    start = -1
    for n, (word, _) in enumerate(pairwise([*words, 0, 0])):
        high, low = word >> 8, word & 0xFF
        inside = 0x20 < high < 0x7F and (0x20 <= low < 0x7F or low == 0) and n < len(words)
        if inside and start < 0:
            start = n
        if not inside and start >= 0:
            text = decode(Format(Type.ASCII, length=n - start), words[start:n])
            if isinstance(text, str) and len(text) >= 3:
                yield Interpretation(first + start, n - start, "ascii", "", text, plausible=True)
            start = -1
