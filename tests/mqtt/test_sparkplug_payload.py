"""Payloads of Sparkplug B: against the protobuf library, against the simulator's encoder, and against noise."""

import math
import struct
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import DecodeError
from protocols.mqtt.sparkplug.datatypes import DataType, ValueField, WrongType, name_of, value_of
from protocols.mqtt.sparkplug.payload import Metric, Payload, decode_payload, rebirth_command
from simulators.sparkplug_node import SentMetric, encode, encode_metric, is_rebirth_request, now

Field = descriptor_pb2.FieldDescriptorProto
TEXT, U32, U64, BOOL = Field.TYPE_STRING, Field.TYPE_UINT32, Field.TYPE_UINT64, Field.TYPE_BOOL
FLOAT, DOUBLE, BYTES, NESTED = Field.TYPE_FLOAT, Field.TYPE_DOUBLE, Field.TYPE_BYTES, Field.TYPE_MESSAGE


def _described(file: Any, name: str, fields: list[tuple[str, int, Any, bool, str]]) -> None:
    made = file.message_type.add(name=name)
    for field_name, number, kind, repeated, nested in fields:
        label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
        made.field.add(
            name=field_name, number=number, type=kind, label=label, type_name=f".spb.{nested}" if nested else None
        )


def _reference() -> type[Any]:
    """The messages of section 6.4.1 as far as they are read, for the protobuf library."""
    file = descriptor_pb2.FileDescriptorProto(name="spb.proto", package="spb", syntax="proto2")
    one = [("int_value", U32), ("long_value", U64), ("float_value", FLOAT), ("double_value", DOUBLE),
           ("boolean_value", BOOL), ("string_value", TEXT)]  # fmt: skip
    values = [(name, 3 + i, kind, False, "") for i, (name, kind) in enumerate(one)]
    _described(file, "PropertyValue", [("type", 1, U32, False, ""), ("is_null", 2, BOOL, False, ""), *values])
    _described(file, "PropertySet", [("keys", 1, TEXT, True, ""), ("values", 2, NESTED, True, "PropertyValue")])
    _described(file, "MetaData", [("description", 8, TEXT, False, "")])
    _described(
        file,
        "Metric",
        [
            ("name", 1, TEXT, False, ""),
            ("alias", 2, U64, False, ""),
            ("timestamp", 3, U64, False, ""),
            ("datatype", 4, U32, False, ""),
            ("is_historical", 5, BOOL, False, ""),
            ("is_transient", 6, BOOL, False, ""),
            ("is_null", 7, BOOL, False, ""),
            ("metadata", 8, NESTED, False, "MetaData"),
            ("properties", 9, NESTED, False, "PropertySet"),
            *((name, 10 + i, kind, False, "") for i, (name, kind) in enumerate(one)),
            ("bytes_value", 16, BYTES, False, ""),
            ("dataset_value", 17, BYTES, False, ""),
        ],
    )
    _described(
        file,
        "Payload",
        [
            ("timestamp", 1, U64, False, ""),
            ("metrics", 2, NESTED, True, "Metric"),
            ("seq", 3, U64, False, ""),
            ("uuid", 4, TEXT, False, ""),
            ("body", 5, BYTES, False, ""),
            ("more", 6, DOUBLE, True, ""),
        ],
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("spb.Payload"))


REFERENCE = _reference()
u32, u64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int_value": u32, "long_value": u64, "float_value": st.floats(width=32), "double_value": st.floats(),
    "boolean_value": st.booleans(), "string_value": st.text(max_size=20), "bytes_value": st.binary(max_size=20),
    "dataset_value": st.binary(max_size=20),
}  # fmt: skip
METRICS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=30), "alias": u64, "timestamp": u64, "datatype": u32, "is_historical": st.booleans(),
        "is_transient": st.booleans(), "is_null": st.booleans(), "metadata": st.text(max_size=9),
        "quality": st.integers(0, 600), "engUnit": st.sampled_from(["kWh", "degC", "m³"]),
        "value": st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name])),
    },
)  # fmt: skip
PAYLOADS = st.fixed_dictionaries(
    {"metrics": st.lists(METRICS, max_size=6)},
    optional={"timestamp": u64, "seq": st.integers(0, 255), "uuid": st.text(max_size=9), "more": st.floats()},
)
FIELDS = {name: ValueField(10 + place) for place, name in enumerate(VALUES)}


def _written(given_: dict[str, Any]) -> bytes:
    made = REFERENCE()
    for key in {"timestamp", "seq", "uuid"} & given_.keys():
        setattr(made, key, given_[key])
    if "more" in given_:
        made.more.extend([given_["more"]] * 2)
    for one in given_["metrics"]:
        metric = made.metrics.add()
        for key in {"name", "alias", "timestamp", "datatype", "is_historical", "is_transient", "is_null"} & one.keys():
            setattr(metric, key, one[key])
        if "metadata" in one:
            metric.metadata.description = one["metadata"]
        for key in {"quality", "engUnit"} & one.keys():
            metric.properties.keys.append(key.replace("quality", "Quality"))
            value = metric.properties.values.add()
            setattr(value, "int_value" if key == "quality" else "string_value", one[key])
        if "value" in one:
            setattr(metric, *one["value"])
    return bytes(made.SerializeToString())


def _same(found: Any, wanted: Any) -> bool:
    both_nan = isinstance(found, float) and math.isnan(found) and math.isnan(wanted)
    return both_nan or (found == wanted and type(found) is type(wanted))


@given(PAYLOADS)
def test_the_decoder_reads_what_protobuf_writes(given_: dict[str, Any]) -> None:
    found = decode_payload(_written(given_))
    assert (found.timestamp, found.seq) == (given_.get("timestamp"), given_.get("seq"))
    assert len(found.metrics) == len(given_["metrics"])
    for metric, one in zip(found.metrics, given_["metrics"], strict=True):
        assert (metric.name, metric.alias, metric.timestamp) == (
            one.get("name"),
            one.get("alias"),
            one.get("timestamp"),
        )
        assert metric.datatype == one.get("datatype", 0)
        assert (metric.historical, metric.null) == (one.get("is_historical", False), one.get("is_null", False))
        assert (metric.quality, metric.unit) == (one.get("quality"), one.get("engUnit"))
        name, value = one.get("value", ("", 0))
        assert metric.field == FIELDS.get(name, 0)
        if name and name != "dataset_value":
            assert _same(metric.raw, value)


def test_the_request_for_a_rebirth_is_what_protobuf_reads() -> None:
    made = REFERENCE()
    made.ParseFromString(rebirth_command(1_700_000_000_123_456))
    (metric,) = made.metrics
    assert (made.timestamp, metric.timestamp) == (1_700_000_000_123,) * 2
    assert (metric.name, metric.datatype, metric.boolean_value) == ("Node Control/Rebirth", 11, True)
    assert is_rebirth_request(rebirth_command(1))


def test_protobuf_reads_what_the_simulator_writes() -> None:
    sent = SentMetric("a/b", "Int16", -3, at=5, historical=True, properties={"Quality": 192, "engUnit": "V"})
    data = encode([encode_metric(sent, 7, birth=True)], now(), 250)
    made = REFERENCE()
    made.ParseFromString(data)
    (metric,) = made.metrics
    assert (metric.name, metric.alias, metric.datatype, metric.int_value) == ("a/b", 7, 2, 2**32 - 3)
    assert list(metric.properties.keys) == ["Quality", "engUnit"]
    (mine,) = decode_payload(data).metrics
    assert (mine.quality, mine.unit, mine.historical, mine.timestamp) == (192, "V", True, 5)


def read(data: bytes) -> Payload | str:
    """The payload, or the reason of a dead letter; any other error is one of the decoder."""
    try:
        return decode_payload(data)
    except DecodeError as error:
        return error.reason


# ---- noise --------------------------------------------------------------------------------------------------------
@given(st.binary(max_size=200))
def test_noise_is_a_payload_or_a_dead_letter(data: bytes) -> None:
    assert isinstance(read(data), Payload) or read(data) == "bad_payload"


@given(PAYLOADS, st.data())
def test_damage_is_a_payload_or_a_dead_letter(given_: dict[str, Any], data: st.DataObject) -> None:
    whole = bytearray(_written(given_))
    for place in data.draw(st.lists(st.integers(0, max(0, len(whole) - 1)), max_size=4)):
        if whole:
            whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    assert isinstance(read(bytes(whole[:cut])), Payload) or read(bytes(whole[:cut])) == "bad_payload"


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"\x12\x05\x0a", "field 2 of 5 bytes, 1 are left"),
        (b"\x08" + b"\xff" * 11, "a number of more than 10 bytes"),
        (b"\x08\xff", "a number is cut off"),
        (b"\x00\x01", "field number 0"),
        (b"\x0b\x0c", "a group"),
        (b"\x0e", "wire type 6"),
        (b"\x18\x80\x02", "seq 256"),
        (b"\x1a\x01a", "field 3 of wire type 2"),
        (b"\x12\x03\x0a\x01\xff", "a text that is not UTF-8"),
        (b"\x12\x02\x60\x01", "field 12 of a metric has wire type 0"),
        (b"\x12\x04\x65\x00\x00\x80", "field 12 is cut off"),
        (b"\x12\x03\x12\x01a", "field 2 of a metric has wire type 2"),
    ],
)
def test_what_is_wrong_with_it(data: bytes, detail: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_payload(data)
    assert caught.value.detail == f"Sparkplug: {detail}"


def test_a_name_without_end_is_refused() -> None:
    data = encode([encode_metric(SentMetric("x" * 513, "Int8", 1), None, birth=True)], 1, 0)
    with pytest.raises(DecodeError, match="a name of 513 bytes"):
        decode_payload(data)


# ---- data types ---------------------------------------------------------------------------------------------------
WHOLE = [
    (DataType.INT8, 8, True), (DataType.INT16, 16, True), (DataType.INT32, 32, True), (DataType.INT64, 64, True),
    (DataType.UINT8, 8, False), (DataType.UINT16, 16, False), (DataType.UINT32, 32, False),
    (DataType.UINT64, 64, False), (DataType.DATETIME, 64, False),
]  # fmt: skip


@given(st.sampled_from(WHOLE), st.data(), st.sampled_from([16, 32, 64]), st.sampled_from([10, 11]))
def test_whole_numbers_however_their_sign_was_extended(
    kind: tuple[DataType, int, bool], data: st.DataObject, wide: int, field: int
) -> None:
    datatype, bits, signed = kind
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    value = data.draw(st.integers(low, high))
    for extended in {bits, max(bits, wide)}:
        assert value_of(datatype, field, value % 2**extended) == value
    if bits < 64:
        with pytest.raises(WrongType):
            value_of(datatype, field, 2**bits + (2 ** (bits - 1) - 1 if signed else 0))


ARRAYS: list[tuple[DataType, str, st.SearchStrategy[Any]]] = [
    (DataType.INT8_ARRAY, "b", st.integers(-128, 127)),
    (DataType.INT16_ARRAY, "h", st.integers(-(2**15), 2**15 - 1)),
    (DataType.INT32_ARRAY, "i", st.integers(-(2**31), 2**31 - 1)),
    (DataType.INT64_ARRAY, "q", st.integers(-(2**63), 2**63 - 1)),
    (DataType.UINT8_ARRAY, "B", st.integers(0, 255)),
    (DataType.UINT16_ARRAY, "H", st.integers(0, 2**16 - 1)),
    (DataType.UINT32_ARRAY, "I", u32),
    (DataType.UINT64_ARRAY, "Q", u64),
    (DataType.FLOAT_ARRAY, "f", st.floats(width=32, allow_nan=False)),
    (DataType.DOUBLE_ARRAY, "d", st.floats(allow_nan=False)),
    (DataType.DATETIME_ARRAY, "Q", u64),
]


@given(st.sampled_from(ARRAYS), st.data())
def test_arrays_of_numbers(kind: tuple[DataType, str, st.SearchStrategy[Any]], data: st.DataObject) -> None:
    datatype, code, elements = kind
    values = data.draw(st.lists(elements, max_size=9))
    packed = struct.pack(f"<{len(values)}{code}", *values)
    assert value_of(datatype, ValueField.BYTES, packed) == tuple(values)
    if struct.calcsize(code) > 1:
        with pytest.raises(WrongType):
            value_of(datatype, ValueField.BYTES, packed + b"\0")


def test_booleans_and_texts_are_packed_as_the_specification_shows() -> None:
    """The examples of section 6.4.16."""
    wanted = (False, False, True, True, False, True, False, False, True, True, False, True)
    assert value_of(DataType.BOOLEAN_ARRAY, ValueField.BYTES, b"\x0c\x00\x00\x00\x34\xd0") == wanted
    assert value_of(DataType.STRING_ARRAY, ValueField.BYTES, b"ABC\x00hello\x00") == ("ABC", "hello")
    assert value_of(DataType.STRING_ARRAY, ValueField.BYTES, b"") == ()


WRONG: list[tuple[int, int, Any]] = [
    (DataType.BOOLEAN_ARRAY, ValueField.BYTES, b"\x0c\0\0\0\x34"),
    (DataType.STRING_ARRAY, ValueField.BYTES, b"ABC"),
    (DataType.STRING_ARRAY, ValueField.BYTES, b"\xff\x00"),
    (DataType.INT8, ValueField.STRING, "7"),
    (DataType.FLOAT, ValueField.DOUBLE, 1.0),
    (DataType.BOOLEAN, ValueField.INT, 1),
    (DataType.STRING, ValueField.BYTES, b"x"),
    (DataType.UNKNOWN, ValueField.INT, 1),
    (99, ValueField.INT, 1),
]


@pytest.mark.parametrize(("datatype", "field", "raw"), WRONG)
def test_a_field_that_the_type_does_not_have(datatype: int, field: int, raw: Any) -> None:
    with pytest.raises(WrongType):
        value_of(datatype, field, raw)


PLAIN: list[tuple[str, Any]] = [
    ("Int8", -5), ("Int16", -300), ("Int32", -70_000), ("Int64", -(2**40)), ("UInt8", 250), ("UInt16", 65_000),
    ("UInt32", 4_000_000_000), ("UInt64", 2**63), ("Float", 1.5), ("Double", 0.1), ("Boolean", True),
    ("String", "on"), ("DateTime", 1_700_000_000_000), ("Text", "long"), ("UUID", "a-b"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), PLAIN)
def test_each_type_as_the_simulator_sends_it(kind: str, value: Any) -> None:
    (metric,) = decode_payload(encode([encode_metric(SentMetric("m", kind, value), 1, birth=True)], 1, 0)).metrics
    found = value_of(metric.datatype, metric.field, metric.raw)
    assert found == value
    assert name_of(metric.datatype) == kind.upper()


def test_null_has_no_value() -> None:
    (metric,) = decode_payload(encode([encode_metric(SentMetric("m", "Int8", None), 1, birth=True)], 1, 0)).metrics
    assert metric == Metric("m", 1, datatype=1, null=True)
