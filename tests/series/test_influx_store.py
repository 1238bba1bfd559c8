"""InfluxDB: lines, faults, replays, names."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_contract import NOW, at, record

from gateway.domain.device import Device, Point, PointKind
from gateway.domain.duration import DAY, SECOND
from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import Quality, Reading, batch_of
from gateway.domain.record import DeviceDefined, DeviceSet, PointDefined, Record
from simulators.influx import InfluxServer
from simulators.influx.faults import Fault
from simulators.influx.line_protocol import parse_line, split_lines
from sinks.series.influx.adapter import ADAPTER
from sinks.series.influx.config import InfluxConfig
from sinks.series.influx.line_protocol import SeriesTags, lines
from sinks.series.influx.store import InfluxStore


class HandClock:
    time = NOW

    def now(self) -> int:
        return self.time


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    with InfluxServer() as found:
        yield found


def config_of(peer: InfluxServer, **more: Any) -> InfluxConfig:
    base = {"type": "influx", "url": peer.url, "org": peer.org, "bucket": peer.bucket_name}
    return InfluxConfig.model_validate({**base, "token": peer.token, "timeout": "1s", **more})


def store_of(server: InfluxServer, folder: Path, **more: Any) -> InfluxStore:
    built = ADAPTER.build(folder, config_of(server, **more), HandClock())
    assert isinstance(built, InfluxStore)
    return built


@pytest.fixture
def store(server: InfluxServer, tmp_path: Path) -> Iterator[InfluxStore]:
    found = store_of(server, tmp_path)
    yield found
    found.close()


def batch(count: int, first: int = 0) -> Record:
    return record(first + 1, *(at(first + n, float(first + n)) for n in range(count)))


# ---- lines ------------------------------------------------------------------------------------------------------
WORDS = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and "\n" not in text)
CODE, SITE, UNIT = "CP 1,=é\\", "S=1", "kW·h"


def known(names: SeriesTags, code: str, site: str, unit: str, values: tuple[str, ...]) -> None:
    point = Point(2, "p", "status", 3, PointKind.STATE, unit, values=values)
    device = Device(1, code, "p", "charger", site=site)
    bodies = (DeviceDefined(1, "t", code, "p"), PointDefined("t", point), DeviceSet(device))
    names.take(Record(seq, NOW, body) for seq, body in enumerate(bodies, 1))


@given(WORDS, WORDS, WORDS, st.tuples(st.text(max_size=9)), st.floats(allow_nan=False, allow_infinity=False))
def test_a_line_says_what_the_reading_says(
    code: str, site: str, unit: str, values: tuple[str, ...], value: float
) -> None:
    names = SeriesTags("reading")
    known(names, code, site, unit, values)
    rows = batch_of([[Reading(1, 2, NOW, value, Quality.UNCERTAIN, received=NOW + 5), Reading(1, 2, NOW + 1, 0.0)]])
    made = lines(rows, np.array([9, 9]), names, numbers_only=False)
    text = b"\n".join(made).decode()
    assert len(split_lines(text)) == 2, "no name breaks a line"
    point, other = (parse_line(line, "us") for line in split_lines(text))
    assert (point.measurement, point.at) == ("reading", NOW * 1000)
    fields = {"value": value, "quality": 1, "flags": 0, "received": NOW + 5}
    assert {key: point.fields[key] for key in fields} == fields
    assert point.tags["device_id"] == "1"
    assert point.tags["point_id"] == "2"
    assert point.tags["component"] == "3"
    printable = values[0].isprintable()
    assert not printable or other.fields["text"] == values[0]
    plain = code.isprintable() and "\\" not in code
    assert not plain or point.tags["device"] == code.strip()


def test_a_bad_reading_has_no_value_and_numbers_are_numbers_where_nothing_else_is_taken() -> None:
    names = SeriesTags("reading")
    known(names, CODE, SITE, UNIT, ("idle", "busy"))
    rows = batch_of([[Reading(1, 2, NOW, math.nan, Quality.BAD), Reading(1, 2, NOW + 1, 1.0)]])
    bad, good = (parse_line(one.decode()) for one in lines(rows, np.array([4, 4]), names, numbers_only=True))
    assert "value" not in bad.fields
    assert good.fields == {"value": 1.0, "quality": 2.0}
    assert good.tags["device"] == "CP 1,=é/"
    assert (good.tags["site"], good.tags["unit"]) == (SITE, UNIT)


def test_a_device_that_moved_keeps_its_site_in_a_replay(server: InfluxServer, tmp_path: Path) -> None:
    home, away = (DeviceSet(Device(1, "CP-1", "p", "charger", site=site)) for site in ("S1", "S2"))
    records = [Record(1, NOW, home), record(2, at(0, 1.0)), Record(3, NOW, away), record(4, at(1, 2.0), at(0, 1.0))]
    store = store_of(server, tmp_path)
    store.write(0, records)
    before = server.bucket.contents()
    assert [dict(series[1])["site"] for series, _, _ in before] == ["S1", "S2"]
    store.close()
    (tmp_path / "stores" / "influx.json").unlink()
    again = store_of(server, tmp_path)
    again.learn(lambda: [records[0], records[2]])
    again.write(0, records[1:2])
    again.write(0, records[2:])
    assert server.bucket.contents() == before
    assert again.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 2.0]
    again.close()


def test_units_quality_and_state_texts_are_on_the_server(store: InfluxStore, server: InfluxServer) -> None:
    point = Point(2, "p", "status", 1, PointKind.STATE, "", values=("idle", "充电中"))
    store.write(
        0, [Record(1, NOW, PointDefined("t", point)), record(2, at(0, 1.0, point=2, quality=Quality.UNCERTAIN))]
    )
    ((series, moment, fields),) = server.bucket.contents()
    assert dict(series[1]) == {"component": "1", "device_id": "1", "point": "status", "point_id": "2"}
    assert (moment, dict(fields)["text"], dict(fields)["quality"]) == (NOW * 1000, "充电中", 1)


# ---- what the server says ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("strict", [True, False], ids=["all refused", "partial write"])
def test_one_bad_point_is_a_dead_letter_and_the_others_are_written(
    store: InfluxStore, server: InfluxServer, strict: bool
) -> None:
    server.faults.strict = strict
    bad = at(3, math.inf)
    written = store.write(0, [record(1, *(at(n, float(n)) for n in range(3)), bad, at(4, 4.0))])
    assert (written.stored, written.refused) == (4, 1)
    (letter,) = written.letters
    assert letter.address == "1 1"
    assert b"value=inf" in letter.payload
    assert "invalid number" in letter.detail
    assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [0.0, 1.0, 2.0, 4.0]
    assert store.cursor(0) == 1


def test_a_field_of_another_type_in_the_bucket(store: InfluxStore, server: InfluxServer) -> None:
    assert server.write(b"reading,point_id=9 value=1i", "us") == (204, "")
    server.bucket.kinds["reading", "value"] = int
    written = store.write(0, [batch(5)])
    assert (written.stored, written.refused) == (0, 5)
    assert "already exists as type" in written.letters[0].detail


def test_refusing_nearly_everything_is_a_wrong_setting(store: InfluxStore, server: InfluxServer) -> None:
    server.faults.bad = "value="
    with pytest.raises(StoreUnavailable, match="more than 200"):
        store.write(0, [batch(500)])
    server.faults.bad = ""
    assert store.write(0, [batch(500)]).stored == 500, "nothing is lost by it"


def test_points_beyond_the_retention_of_the_bucket_are_expired(store: InfluxStore, server: InfluxServer) -> None:
    server.bucket.oldest = (NOW - DAY) * 1000
    written = store.write(0, [record(1, at(-2 * 86_400, 1.0), at(0, 2.0))])
    assert (written.stored, written.expired, written.letters) == (1, 1, ())


def test_too_large_requests_are_halved_and_stay_small(store: InfluxStore, server: InfluxServer) -> None:
    server.faults.most_bytes = 5000
    assert store.write(0, [batch(400)]).stored == 400
    refused = sum(status == 413 for _, _, status in server.requests)
    assert 0 < refused < 10
    assert store.write(0, [batch(400, 1000)]).stored == 400
    assert sum(status == 413 for _, _, status in server.requests) - refused <= 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unauthorized", "token"),
        ("forbidden", "token"),
        ("no_bucket", "bucket"),
        ("too_many", "asks to wait"),
        ("unavailable", "it fails"),
        ("broken", "it fails"),
        ("reset", "not answer"),
        ("reset_after", "not answer"),
        ("slow", "no answer within"),
    ],
)
def test_a_fault_is_said_and_costs_nothing(
    store: InfluxStore, server: InfluxServer, fault: Fault, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(0, [batch(3)])
    server.faults.seconds = 1.5
    server.faults.next(fault)
    with pytest.raises(StoreUnavailable, match=words) as caught:
        store.write(0, [batch(3, 10)])
    assert server.token not in str(caught.value)
    assert store.cursor(0) == 1
    monkeypatch.setattr(store._connection, "_pause_until", 0.0)
    assert store.write(0, [batch(3, 10)]).stored == 3
    assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]
    assert len(server.bucket.contents()) == 6


def test_a_server_that_is_too_slow_for_large_requests_gets_small_ones(store: InfluxStore, server: InfluxServer) -> None:
    server.faults.rows_a_second = 200
    tries = 0
    while store.cursor(0) == 0:
        tries += 1
        try:
            store.write(0, [batch(600)])
        except StoreUnavailable:
            assert tries < 10
    assert tries > 1
    assert len(store.range(1, 1, NOW, NOW + DAY).at) == 600
    server.faults.rows_a_second = 0


def test_retry_after_is_kept_to(store: InfluxStore, server: InfluxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    time = [100.0]
    monkeypatch.setattr("sinks.series.influx.connection.time.monotonic", lambda: time[0])
    store.write(0, [batch(1)])
    server.faults.retry_after = 7
    server.faults.next("too_many")
    with pytest.raises(StoreUnavailable, match="asks to wait"):
        store.write(0, [batch(1, 5)])
    asked = len(server.requests)
    time[0] += 6.9
    with pytest.raises(StoreUnavailable, match="left alone"):
        store.write(0, [batch(1, 5)])
    assert len(server.requests) == asked, "nothing was sent"
    time[0] += 0.2
    assert store.write(0, [batch(1, 5)]).stored == 1


def test_a_wrong_token_is_not_tried_all_the_time(server: InfluxServer, tmp_path: Path) -> None:
    store = store_of(server, tmp_path, token="wrong")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            store.write(0, [batch(1)])
    assert len(server.requests) == 1
    store.close()


def test_a_bad_reading_in_the_place_of_a_value_leaves_no_value(store: InfluxStore, server: InfluxServer) -> None:
    store.write(0, [record(1, at(0, 1.0), at(1, 2.0))])
    store.write(0, [record(2, at(1, math.nan, quality=Quality.BAD))])
    assert "value" not in dict(server.bucket.contents()[1][2])
    assert store.aggregate(1, 1, NOW, NOW + DAY, DAY).count.tolist() == [1]
    found = {(r.at - NOW) // SECOND: r.quality for r in store.before(NOW + DAY, [1]).readings()}
    assert found == {0: Quality.GOOD, 1: Quality.BAD}, "the newest, and the newest that has a value"


def test_another_bucket_begins_anew(server: InfluxServer, tmp_path: Path) -> None:
    store = store_of(server, tmp_path)
    store.write(0, [batch(1)])
    store.close()
    assert store_of(server, tmp_path).cursor(0) == 1
    assert store_of(server, tmp_path, measurement="other").cursor(0) == 0


# ---- a server that acknowledges before it has synced --------------------------------------------------------------
def test_a_volatile_server_gets_its_last_minute_again(server: InfluxServer, tmp_path: Path) -> None:
    time = [0.0]
    config = config_of(server, server="victoria_metrics")
    place = ADAPTER.place(tmp_path, config)
    store = InfluxStore(tmp_path / "stores", "vm", place, config, HandClock(), lambda: time[0])
    for second in range(0, 100, 10):
        time[0] = float(second)
        store.write(0, [batch(1, second)])
    assert (store.cursor(0), store.secured(0)) == (91, 31)
    server.stop()
    with pytest.raises(StoreUnavailable):
        store.write(0, [batch(1, 100)])
    assert store.cursor(0) == 31, "all of the last minute is written again"
    before = server.bucket.contents()
    server.bucket.points.clear()
    server.start()
    store.write(0, [batch(1, second) for second in range(40, 110, 10)])
    assert server.bucket.contents()[:-1] == [one for one in before if one[1] >= (NOW + 40 * SECOND) * 1000]
    store.close()
    again = InfluxStore(tmp_path / "stores", "vm", place, config, HandClock(), lambda: time[0])
    assert again.cursor(0) == again.secured(0) == 31
    with pytest.raises(StoreUnavailable, match="not read"):
        again.range(1, 1, NOW, NOW + DAY)
    again.close()


def test_a_connection_made_anew_behind_our_back(server: InfluxServer, tmp_path: Path) -> None:
    config = config_of(server, server="victoria_metrics")
    store = InfluxStore(tmp_path / "stores", "vm", ADAPTER.place(tmp_path, config), config, HandClock(), lambda: 0.0)
    store.write(0, [batch(1)])
    store.write(0, [batch(1, 5)])
    server.stop()
    server.start()
    store.write(0, [batch(1, 10)])
    assert store.cursor(0) == 0, "it may have been started anew"
    store.write(0, [batch(1), batch(1, 5), batch(1, 10)])
    assert store.cursor(0) == 11
    store.close()
