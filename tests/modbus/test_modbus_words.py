"""Registers and values: each the inverse of the other, and what real devices sent."""

import json
import math
import struct
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_kit import VECTORS

from gateway.domain.errors import DecodeError
from gateway.domain.linear import Linear
from protocols.modbus.words import ByteOrder, Characters, Format, Raw, Type, decode, encode, pattern

needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not beside this checkout")
_RANGE = {
    Type.U16: (0, 2**16 - 1), Type.I16: (-(2**15), 2**15 - 1), Type.U32: (0, 2**32 - 1),
    Type.I32: (-(2**31), 2**31 - 1), Type.U64: (0, 2**64 - 1), Type.I64: (-(2**63), 2**63 - 1),
}  # fmt: skip
WIDE = (Type.U64, Type.I64, Type.F64)


def orders_of(kind: Type) -> list[ByteOrder]:
    return [order for order in ByteOrder if kind in WIDE or not order.of_64_bits]


@st.composite
def values(draw: st.DrawFn) -> tuple[Format, Raw]:
    kind = draw(st.sampled_from(Type))
    order = draw(st.sampled_from(orders_of(kind)))
    if kind in _RANGE:
        return Format(kind, order), draw(st.integers(*_RANGE[kind]))
    if kind in (Type.F32, Type.F64):
        return Format(kind, order), draw(st.floats(width=32 if kind is Type.F32 else 64, allow_nan=False))
    length = draw(st.integers(1, 8))
    if kind is Type.BCD:
        return Format(kind, order, length), draw(st.integers(0, 10 ** (4 * length) - 1))
    characters = draw(st.sampled_from(Characters))
    most = 2 * length if characters is Characters.BOTH else length
    text = draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=most))
    return Format(kind, order, length, characters=characters), text


@given(values())
def test_decode_is_the_inverse_of_encode(case: tuple[Format, Raw]) -> None:
    form, value = case
    words = encode(form, value)
    assert len(words) == form.registers
    assert all(0 <= word <= 0xFFFF for word in words)
    assert decode(form, words) == value


unsigned = st.sampled_from([(kind, order) for kind in (Type.U16, Type.U32, Type.U64) for order in orders_of(kind)])


@given(unsigned, st.data())
def test_words_survive_decode_and_encode(of: tuple[Type, ByteOrder], data: st.DataObject) -> None:
    form = Format(*of)
    words = tuple(data.draw(st.lists(st.integers(0, 0xFFFF), min_size=form.registers, max_size=form.registers)))
    assert encode(form, decode(form, words)) == words


@given(unsigned, st.data())
def test_bits_are_the_bits_of_the_number(of: tuple[Type, ByteOrder], data: st.DataObject) -> None:
    kind, order = of
    form = Format(kind, order)
    number = data.draw(st.integers(*_RANGE[kind]))
    low = data.draw(st.integers(0, 16 * form.registers - 1))
    high = data.draw(st.integers(low, 16 * form.registers - 1))
    field = Format(kind, order, bits=(low, high))
    want = int(format(number, f"0{16 * form.registers}b")[::-1][low : high + 1][::-1], 2)
    assert decode(field, encode(form, number)) == want
    assert decode(field, encode(field, want)) == want
    signed = Format(Type(kind.value.replace("u", "i")), order, bits=(low, high))
    below = want - (1 << high - low + 1) if want >> high - low else want
    assert decode(signed, encode(form, number)) == below
    assert decode(signed, encode(signed, below)) == below


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ByteOrder.ABCD, (0x0102, 0x0304)),
        (ByteOrder.CDAB, (0x0304, 0x0102)),
        (ByteOrder.BADC, (0x0201, 0x0403)),
        (ByteOrder.DCBA, (0x0403, 0x0201)),
    ],
)
def test_orders_say_where_the_bytes_are(order: ByteOrder, words: tuple[int, int]) -> None:
    assert encode(Format(Type.U32, order), 0x01020304) == words
    assert decode(Format(Type.F32, order), words) == struct.unpack(">f", b"\1\2\3\4")[0]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ByteOrder.ABCD, (0x0102, 0x0304, 0x0506, 0x0708)),
        (ByteOrder.CDAB, (0x0708, 0x0506, 0x0304, 0x0102)),
        (ByteOrder.BADC, (0x0201, 0x0403, 0x0605, 0x0807)),
        (ByteOrder.DCBA, (0x0807, 0x0605, 0x0403, 0x0201)),
        (ByteOrder.EFGHABCD, (0x0506, 0x0708, 0x0102, 0x0304)),
        (ByteOrder.CDABGHEF, (0x0304, 0x0102, 0x0708, 0x0506)),
        (ByteOrder.FEHGBADC, (0x0605, 0x0807, 0x0201, 0x0403)),
        (ByteOrder.DCBAHGFE, (0x0403, 0x0201, 0x0807, 0x0605)),
    ],
)
def test_orders_of_64_bits(order: ByteOrder, words: tuple[int, ...]) -> None:
    assert encode(Format(Type.U64, order), 0x0102030405060708) == words
    letters = order.value if order.of_64_bits else ""
    octets = b"".join(word.to_bytes(2, "big") for word in words)
    assert not letters or "".join(chr(ord("A") + octet - 1) for octet in octets) == letters


def test_text_keeps_its_words_in_order() -> None:
    assert decode(Format(Type.ASCII, ByteOrder.CDAB, 2), (0x4231, 0x4332)) == "B1C2"
    assert decode(Format(Type.ASCII, ByteOrder.BADC, 2), (0x3142, 0x3243)) == "B1C2"
    assert decode(Format(Type.ASCII, length=3), (0x4231, 0x0043, 0x3200)) == "B1"


@pytest.mark.parametrize(
    ("characters", "order", "words"),
    [
        (Characters.BOTH, ByteOrder.ABCD, (0x4231, 0)),
        (Characters.LOW, ByteOrder.ABCD, (0xFF42, 0xFF31)),
        (Characters.HIGH, ByteOrder.ABCD, (0x42FF, 0x31FF)),
        (Characters.LOW, ByteOrder.BADC, (0x42FF, 0x31FF)),
    ],
)
def test_text_has_two_characters_in_a_register_or_one(
    characters: Characters, order: ByteOrder, words: tuple[int, int]
) -> None:
    """The other byte may hold anything."""
    assert decode(Format(Type.ASCII, order, 2, characters=characters), words) == "B1"


@pytest.mark.parametrize(
    ("form", "words", "reason"),
    [
        (Format(Type.U32), (1,), "words"),
        (Format(Type.U16), (1, 2), "words"),
        (Format(Type.U16), (0x10000,), "words"),
        (Format(Type.BCD, length=1), (0x12A4,), "bcd"),
        (Format(Type.ASCII, length=1), (0x42FF,), "ascii"),
    ],
)
def test_what_is_no_value_is_refused(form: Format, words: tuple[int, ...], reason: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode(form, words)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (Format(Type.U16), -1),
        (Format(Type.I16), 40000),
        (Format(Type.F32), 1e39),
        (Format(Type.BCD, length=1), 12345),
        (Format(Type.BCD, length=1), -1),
        (Format(Type.ASCII, length=1), "ABC"),
        (Format(Type.U16), "7"),
        (Format(Type.U16, bits=(0, 1)), 4),
        (Format(Type.I16, bits=(8, 15)), 128),
        (Format(Type.ASCII, length=1, characters=Characters.LOW), "AB"),
    ],
)
def test_what_does_not_fit_is_refused(form: Format, value: Raw) -> None:
    with pytest.raises(ValueError, match=r"fit|longer|not a number"):
        encode(form, value)


@pytest.mark.parametrize(
    "args",
    [
        {"type": Type.ASCII},
        {"type": Type.BCD, "length": 126},
        {"type": Type.U32, "length": 1},
        {"type": Type.F32, "bits": (0, 1)},
        {"type": Type.U16, "bits": (3, 16)},
        {"type": Type.U16, "bits": (4, 3)},
        {"type": Type.U32, "order": ByteOrder.EFGHABCD},
        {"type": Type.U16, "characters": Characters.LOW},
    ],
)
def test_formats_that_mean_nothing(args: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"needs length|registers long|bits|only ascii"):
        Format(**args)  # type: ignore[arg-type]


@given(st.sampled_from([1, 0.1, 0.01, 0.001, 1e-6, 2, 10, 100, 0.25, -0.1, 7.3]), st.integers(-(2**31), 2**31))
def test_scaling_has_an_inverse(scale: float, raw: int) -> None:
    linear = Linear.of(scale, 5)
    assert math.isclose(linear.raw(linear.value(raw)), raw, rel_tol=1e-9, abs_tol=1e-6)
    assert math.isclose(linear.value(raw), raw * scale + 5, rel_tol=1e-9, abs_tol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_thousandths_come_out_as_written(raw: int) -> None:
    assert Linear.of(0.001).value(raw) == float(f"{raw // 1000}.{raw % 1000:03d}")


def test_a_scale_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="scale of 0"):
        Linear.of(0)


_ORDER = {"msw_first": ByteOrder.ABCD, "lsw_first": ByteOrder.CDAB}


@needs_vectors
def test_registers_of_real_devices() -> None:
    rows = [json.loads(line) for line in (VECTORS / "modbus_register_values.jsonl").read_text().splitlines()]
    assert len(rows) > 100
    for row in rows:
        form = Format(Type(row["type"]), _ORDER[row["word_order"]])
        words = [int(word, 16) for word in row["registers"]]
        raw = decode(form, words)
        assert not isinstance(raw, str)
        value = Linear.of(row["scale"]).value(raw)
        assert value == pytest.approx(row["expect"], rel=1e-6), row
        if form.type in (Type.U16, Type.U32, Type.I32, Type.U64, Type.I64):
            assert value == row["expect"], row  # whole numbers over a power of ten come out exactly
        assert list(encode(form, raw)) == words


def _transcript(name: str) -> tuple[list[int], dict[str, object]]:
    for line in (VECTORS / "modbus_transcripts.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["id"] == name:
            answer = bytes.fromhex(row["response_hex"])
            start = 9 if row["transport"] == "tcp" else 3
            body = answer[start : start + answer[start - 1]]
            return list(struct.unpack(f">{len(body) // 2}H", body)), row["expect"]
    raise AssertionError(name)


@needs_vectors
def test_transcripts_of_real_devices() -> None:
    words, expect = _transcript("mb-alfen-state-B1")
    assert decode(Format(Type.ASCII, length=5), words) == expect["value"]
    words, expect = _transcript("mb-alfen-energy-f64")
    assert decode(Format(Type.F64), words) == expect["value_Wh"]
    words, expect = _transcript("mb-alfen-currents-0")
    assert [decode(Format(Type.F32), words[i : i + 2]) for i in (0, 2, 4)] == expect["values_A"]
    words, expect = _transcript("mb-huawei-yield")
    assert Linear.of(0.01).value(float(decode(Format(Type.U32), words))) == expect["value_kWh"]
    words, expect = _transcript("mb-huawei-phaseA-neg")
    assert Linear.of(0.01).value(float(decode(Format(Type.I32), words))) == expect["value_A"]


@needs_vectors
def test_a_gas_meter_block_with_floats_and_bcd() -> None:
    words, expect = _transcript("mb-gas-fuxin-block")
    places = {
        "actual_total_f32": (0, Format(Type.F32), 1.0),
        "std_total_f32": (2, Format(Type.F32), 1.0),
        "preset": (4, Format(Type.F32), 1.0),
        "std_flow": (6, Format(Type.F32), 1.0),
        "std_total_bcd": (8, Format(Type.BCD, length=3), 1e-4),
        "actual_flow": (11, Format(Type.F32), 1.0),
        "actual_total_bcd": (13, Format(Type.BCD, length=3), 1e-4),
        "temperature_C": (16, Format(Type.F32), 1.0),
        "pressure_kPa": (18, Format(Type.F32), 1.0),
    }
    for name, (at, form, scale) in places.items():
        value = Linear.of(scale).value(float(decode(form, words[at : at + form.registers])))
        assert value == pytest.approx(expect[name], rel=1e-4), name


def test_patterns_are_the_bytes_whatever_the_type() -> None:
    for kind, order in product((Type.U32, Type.I32, Type.F32), orders_of(Type.U32)):
        assert pattern(Format(kind, order), encode(Format(Type.U32, order), 0x7FC00001)) == 0x7FC00001
