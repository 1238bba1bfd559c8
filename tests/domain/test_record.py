"""Journal records: every body survives its encoding."""

import pytest

from gateway.domain.device import Device, Point, Site
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import (
    Body,
    Closed,
    DeviceDefined,
    DeviceSet,
    Down,
    ImportMark,
    PointDefined,
    Raw,
    RecordKind,
    RuleSet,
    SiteSet,
    Tick,
    Unlatch,
    decode_body,
    encode_body,
    kind_of,
)

BODIES: list[tuple[Body, RecordKind]] = [
    (Tick(5, suspect=True), RecordKind.TICK),
    (Down(1, 9), RecordKind.DOWN),
    (Raw("broker", "t/1", "bad_json", b"\xff{", 7), RecordKind.RAW),
    (SiteSet(Site("S1", "城西站", "Asia/Shanghai", attrs={"p_min": 1.6})), RecordKind.FACT),
    (DeviceSet(Device(3, "CD-1", "p", "charger", components=2)), RecordKind.FACT),
    (RuleSet("charger.overtemp", "abc", b"{}", "Asia/Shanghai"), RecordKind.FACT),
    (Unlatch("r", 3, 1, "op"), RecordKind.FACT),
    (Closed("r", 3, 1, "WO-1"), RecordKind.FACT),
    (ImportMark("i", "f.csv", done=True), RecordKind.FACT),
    (DeviceDefined(3, "default", "CD-1", "p"), RecordKind.DEFINE),
    (PointDefined("default", Point(4, "p", "gun_temp", 1)), RecordKind.DEFINE),
]


@pytest.mark.parametrize(("body", "kind"), BODIES, ids=lambda x: type(x).__name__)
def test_bodies(body: Body, kind: RecordKind) -> None:
    assert kind_of(body) is kind
    assert decode_body(kind, encode_body(body)) == body


def test_a_batch_body() -> None:
    batch = batch_of([[Reading(1, 2, 3, 4.0)]])
    again = decode_body(RecordKind.BATCH, encode_body(batch))
    assert isinstance(again, Batch)
    assert again.readings() == batch.readings()


@pytest.mark.parametrize("blob", [b"", b"\xc1", b"\x81\xa4type\xa4what", b"\0" * 3])
def test_damage_is_a_value_error(blob: bytes) -> None:
    for kind in RecordKind:
        with pytest.raises(ValueError):  # noqa: PT011 - any ValueError will do
            decode_body(kind, blob)
