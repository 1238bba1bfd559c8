"""What a route can say, and what the mapper makes of it."""

import math

import numpy as np
import pytest
from mqtt_kit import CHARGER, NOW, SIMPLE, Registry, config, registry, run_map, said

from gateway.domain.device import Point
from gateway.domain.reading import Flag
from protocols.mapping.mapper import Mapped, Mapper

AT = NOW - 5_000_000
T = "charger/c1/telemetry"


def mapper(*routes: dict, **more) -> tuple[Mapper, Registry]:
    directory = registry()
    return Mapper("src", config(routes, **more), directory), directory


def rows(mapped: Mapped, directory: Registry) -> list[tuple]:
    return [(r.device, directory.name_of(r.point), r.value, int(r.quality)) for r in mapped.batch.readings()]


def route(**more) -> dict:
    return SIMPLE | more


def test_a_plain_message_becomes_a_frame_in_canonical_units() -> None:
    m, d = mapper(SIMPLE)
    mapped = run_map(m, said(T, {"ts": AT // 1000, "temp": 45.5, "u": 750, "wh": 12_345}))
    assert rows(mapped, d) == [(100, "gun_temp", 45.5, 2), (100, "voltage", 750.0, 2), (100, "energy", 12.345, 2)]
    assert mapped.batch.at.tolist() == [AT] * 3
    assert mapped.batch.received.tolist() == [NOW]
    assert mapped.batch.frame.tolist() == [0, 0, 0]


def test_an_absent_place_is_no_reading_and_null_is_a_bad_one() -> None:
    m, d = mapper(SIMPLE)
    mapped = run_map(m, said(T, {"ts": AT // 1000, "temp": None, "u": 0}), said(T, {"ts": AT // 1000, "wh": 1000}))
    got = rows(mapped, d)
    assert [(r[1], r[3]) for r in got] == [("gun_temp", 0), ("voltage", 2), ("energy", 2)]
    assert math.isnan(got[0][2])
    assert mapped.batch.frame.tolist() == [0, 0, 1]
    assert mapped.bad == 1


def test_rows_keep_the_order_of_messages_whatever_their_shape() -> None:
    m, _ = mapper(SIMPLE)
    bodies = [{"temp": 1, "u": 1, "wh": 1}, {"u": 2}, {"temp": 3, "u": 3, "wh": 3}, {"wh": 4, "u": 4}, {"u": 5}]
    mapped = run_map(m, *[said(T, {"ts": AT // 1000, **body}) for body in bodies])
    assert mapped.batch.frame.tolist() == [0, 0, 0, 1, 2, 2, 2, 3, 3, 4]
    assert (np.diff(mapped.batch.frame) >= 0).all()


def test_affine_missing_bit_and_map() -> None:
    m, d = mapper(
        route(
            time=None,
            points={
                "gun_temp": {"path": "t", "unit": "degF", "scale": 0.1, "missing": [-50, "nil", ""]},
                "flag": {"path": "bits", "bit": 3},
                "status": {"path": "s", "map": {0: "idle", 1: "charging", "E": "fault", "true": "charging"}},
                "power": {"path": "w", "unit": "W", "map": {"off": 0, "max": 60_000}},
            },
        )
    )
    mapped = run_map(
        m,
        said(T, {"t": 2120, "bits": 8, "s": 1, "w": "off"}),
        said(T, {"t": -50, "bits": 7, "s": "E", "w": "max"}),
        said(T, {"t": "nil", "bits": 2**63 + 8, "s": 0.0, "w": "7000"}),
        said(T, {"t": " ", "bits": 1.5, "s": True, "w": "much"}),
    )
    table = {}
    for frame, row in zip(mapped.batch.frame.tolist(), rows(mapped, d), strict=True):
        table[frame, row[1]] = row[2] if row[3] else None
    assert [table[i, "gun_temp"] for i in range(4)] == [pytest.approx(100.0), None, None, None]
    assert [table[i, "flag"] for i in range(4)] == [1.0, 0.0, 1.0, None]
    assert [table[i, "status"] for i in range(4)] == [1.0, 2.0, 0.0, 1.0]
    assert [table[i, "power"] for i in range(4)] == [0.0, 60.0, 7.0, None]


def test_components_by_capture_by_path_and_counted_from_zero() -> None:
    by_topic = route(
        filter="tcu/{device}/{gun}",
        time=None,
        points={"gun_temp": {"path": "t", "component": {"capture": "gun", "add": 1}}},
    )
    by_path = route(filter="pile/{device}", time=None, points={"gun_temp": {"path": "t", "component": {"path": "gun"}}})
    m, d = mapper(by_topic, by_path)
    mapped = run_map(
        m,
        said("tcu/c1/0", {"t": 1}),
        said("tcu/c1/1", {"t": 2}),
        said("pile/c2", {"gun": 1, "t": 3}),
        said("pile/c2", {"gun": "2", "t": 4}),
        said("pile/c2", {"gun": 9, "t": 5}),
        said("tcu/c1/x", {"t": 6}),
        said("pile/c2", {"t": 7}),
    )
    assert [(r[0], r[1], r[2]) for r in rows(mapped, d)] == [
        (100, "gun_temp.1", 1.0),
        (100, "gun_temp.2", 2.0),
        (101, "gun_temp.1", 3.0),
        (101, "gun_temp.2", 4.0),
    ]
    assert [(raw.reason, raw.detail) for raw in mapped.rejected] == [
        ("no_component", "gun_temp#9 (1-2)"),
        ("no_component", "gun_temp: {gun}"),
        ("no_component", "gun_temp: gun"),
    ]


def test_device_in_the_message_and_numbers_as_codes() -> None:
    m, d = mapper(route(filter="all", device={"path": "dev.id"}, time=None, points={"soc": {"path": "soc"}}))
    mapped = run_map(
        m,
        said("all", {"dev": {"id": 7}, "soc": 50}),
        said("all", {"dev": {"id": "c1"}, "soc": 51}),
        said("all", {"dev": {"id": "nobody"}, "soc": 52}),
        said("all", {"soc": 53}),
        said("all", {"dev": 1, "soc": 1}),
    )
    assert [(r[0], r[2]) for r in rows(mapped, d)] == [(102, 50.0), (100, 51.0)]
    assert [raw.reason for raw in mapped.rejected] == ["unknown_device"] * 3


def test_the_first_route_whose_when_holds_takes_the_message() -> None:
    both = {"filter": "tcu/{device}", "device": "{device}"}
    m, d = mapper(
        {**both, "when": {"path": "type", "equals": "yc"}, "points": {"voltage": {"path": "data.v"}}},
        {**both, "when": {"path": "type", "equals": ["yx", 5]}, "points": {"flag": {"path": "data.v"}}},
        {**both, "when": {"path": "data.soc", "exists": True}, "points": {"soc": {"path": "data.soc"}}},
    )
    mapped = run_map(
        m,
        said("tcu/c1", {"type": "yx", "data": {"v": 1}}),
        said("tcu/c1", {"type": "yc", "data": {"v": 2}}),
        said("tcu/c1", {"type": 5, "data": {"v": 3}}),
        said("tcu/c1", {"data": {"soc": 4}}),
        said("tcu/c1", {"type": "zz"}),
    )
    assert [(r[1], r[2]) for r in rows(mapped, d)] == [("flag", 1.0), ("voltage", 2.0), ("flag", 3.0), ("soc", 4.0)]
    assert [(raw.reason, raw.address) for raw in mapped.rejected] == [("unmatched", "tcu/c1")]


def test_a_list_of_elements_is_one_frame_and_a_bad_element_spoils_nothing() -> None:
    m, d = mapper(
        route(
            filter="batch",
            device={"path": "id"},
            each="batch[*]",
            time={"path": "ts", "unit": "s"},
            points={"soc": {"path": "m.soc"}, "voltage": {"path": "$.site_voltage"}},
        )
    )
    elements = [
        {"id": "c1", "ts": 1_700_000_000, "m": {"soc": 1}},
        {"id": "ghost", "ts": 1_700_000_000, "m": {"soc": 2}},
        {"id": "c2", "ts": "soon", "m": {"soc": 3}},
        {"id": "c2", "ts": 1_700_000_001.5, "m": {"soc": 4}},
        5,
    ]
    mapped = run_map(
        m, said("batch", {"site_voltage": 380, "batch": elements}), said("batch", {"batch": elements[1:3]})
    )
    assert [(r[0], r[1], r[2]) for r in rows(mapped, d)] == [
        (100, "soc", 1.0),
        (100, "voltage", 380.0),
        (101, "soc", 4.0),
        (101, "voltage", 380.0),
    ]
    assert mapped.batch.frames == 1
    assert sorted(set(mapped.batch.at.tolist())) == [1_700_000_000_000_000, 1_700_000_001_500_000]
    assert [raw.reason for raw in mapped.rejected] == ["unknown_device"]
    assert mapped.bad_elements == 4  # ghost, soon, 5 of the first; the second element of the second


def test_a_document_inside_a_text() -> None:
    m, d = mapper(
        route(
            filter="ingest",
            device={"path": "$.clientid"},
            inner="payload",
            time={"path": "$.timestamp", "unit": "ms"},
            points={"soc": {"path": "soc"}},
        )
    )
    mapped = run_map(
        m,
        said("ingest", {"clientid": "c1", "payload": '{"soc": 64}', "timestamp": AT // 1000}),
        said("ingest", {"clientid": "c1", "payload": '{"soc": 64, "soc": 65}', "timestamp": AT // 1000}),
        said("ingest", {"clientid": "c1", "payload": "soc", "timestamp": AT // 1000}),
        said("ingest", {"clientid": "c1", "payload": {"soc": 1}, "timestamp": AT // 1000}),
    )
    assert rows(mapped, d) == [(100, "soc", 64.0, 2)]
    assert mapped.batch.at.tolist() == [AT]
    assert [raw.reason for raw in mapped.rejected] == ["duplicate_key", "bad_json", "bad_json"]


def test_bare_values_with_the_point_in_the_topic() -> None:
    m, d = mapper(
        {"filter": "cars/{device}/{field*}", "device": "{device}", "points": {"any": {"path": ".", "point": "{field}"}}}
    )
    texts = {"soc": b"88", "voltage": b"NaN", "power": b"", "status": b"charging", "flag": b"true", "energy": b'"5.5"'}
    mapped = run_map(m, *[said(f"cars/c1/{name}", body) for name, body in texts.items()], said("cars/c1/a/b", b"1"))
    got = {r[1]: (r[2] if r[3] else None) for r in rows(mapped, d)}
    assert got == {"soc": 88.0, "voltage": None, "power": None, "status": 1.0, "flag": 1.0, "energy": 5.5}
    assert [raw.reason for raw in mapped.rejected] == ["no_points"]


SECONDS = 1_000_000
RETAINED = [("use", 2, 0), ("uncertain", 1, int(Flag.RETAINED))]


@pytest.mark.parametrize(("option", "quality", "flags"), RETAINED)
def test_a_retained_replay_without_a_time_of_its_own_is_as_the_route_says(
    option: str, quality: int, flags: int
) -> None:
    m, d = mapper(route(filter="keep/{device}", retained=option, time=None, points={"soc": {"path": "soc"}}))
    mapped = run_map(
        m, said("keep/c1", {"soc": 4}), said("keep/c1", {"soc": 5}, retain=True), said("keep/c1", b"{", retain=True)
    )
    assert rows(mapped, d) == [(100, "soc", 4.0, 2), (100, "soc", 5.0, quality)]
    assert mapped.batch.flags.tolist() == [0, flags]
    assert (mapped.ignored, [raw.reason for raw in mapped.rejected]) == (0, ["bad_json"])


def test_retained_replays_can_be_ignored() -> None:
    m, d = mapper(route(retained="ignore"))
    mapped = run_map(m, said(T, {"ts": AT // 1000, "temp": 1, "u": 1, "wh": 1}, retain=True))
    assert rows(mapped, d) == []
    assert (mapped.ignored, mapped.rejected) == (1, ())


@pytest.mark.parametrize(
    ("point", "age", "quality"),
    [("soc", 299, 2), ("soc", 301, 1), ("hourly", 3 * 3600, 2), ("hourly", 3 * 3600 + 1, 1), ("soc", -60, 2)],
)
def test_a_retained_replay_with_a_fresh_time_of_its_own_is_good(point: str, age: int, quality: int) -> None:
    """B9: fresh is not older than three intervals of the point, or five minutes where none is promised."""
    d = Registry({"c1": "charger"}, [*CHARGER, Point(90, "charger", "hourly", every=3600 * SECONDS)])
    m = Mapper("src", config([route(points={point: {"path": "v"}})]), d)
    mapped = run_map(m, said(T, {"ts": (NOW - age * SECONDS) // 1000, "v": 5}, retain=True))
    assert [(r[1], r[2], r[3]) for r in rows(mapped, d)] == [(point, 5.0, quality)]
    assert mapped.batch.at.tolist() == [(NOW - age * SECONDS) // 1000 * 1000]  # whatever it is, it keeps its time


def test_of_a_partial_replay_only_what_is_old_is_doubtful() -> None:
    d = Registry({"c1": "charger"}, [*CHARGER, Point(90, "charger", "hourly", every=3600 * SECONDS)])
    m = Mapper("src", config([route(points={"soc": {"path": "s"}, "hourly": {"path": "h"}})]), d)
    mapped = run_map(m, said(T, {"ts": (NOW - 3600 * SECONDS) // 1000, "s": 5, "h": 6}, retain=True))
    assert sorted((r[1], r[3]) for r in rows(mapped, d)) == [("hourly", 2), ("soc", 1)]


def test_outside_the_plausible_range_is_uncertain_never_gone() -> None:
    m, d = mapper(route(time=None, points={"gun_temp": {"path": "temp"}}))
    mapped = run_map(m, said(T, {"temp": 119.0}), said(T, {"temp": 121.0}), said(T, {"temp": -41}))
    assert [(r[2], r[3]) for r in rows(mapped, d)] == [(119.0, 2), (121.0, 1), (-41.0, 1)]
    assert mapped.uncertain == 2


def test_a_full_table_of_state_texts_drops_the_reading_and_counts_it() -> None:
    directory = Registry({"c1": "charger"}, CHARGER, most_states=4)
    m = Mapper("src", config([route(time=None, points={"status": {"path": "s"}, "soc": {"path": "soc"}})]), directory)
    mapped = run_map(m, said(T, {"s": "new", "soc": 1}), said(T, {"s": "newer", "soc": 2}), said(T, {"s": "newest"}))
    assert [(r[1], r[2]) for r in rows(mapped, directory)] == [("status", 3.0), ("soc", 1.0), ("soc", 2.0)]
    assert mapped.state_overflow == 2
    assert [raw.reason for raw in mapped.rejected] == ["state_overflow"]
    assert mapped.bad_elements == 0  # the second message lost one reading, not itself


def test_a_unit_that_does_not_fit_makes_bad_readings_and_is_reported() -> None:
    m, d = mapper(route(time=None, points={"voltage": {"path": "u", "unit": "degC"}, "soc": {"path": "soc"}}))
    mapped = run_map(m, said(T, {"u": 380, "soc": 5}))
    assert [(r[1], r[3]) for r in rows(mapped, d)] == [("voltage", 0), ("soc", 2)]
    assert [wrong.key for wrong in m.bindings.misfits.values()] == ["route.bind_unit"]


def test_the_registry_is_asked_again_when_it_changed() -> None:
    m, directory = mapper(SIMPLE)
    body = {"ts": AT // 1000, "temp": 1, "u": 1, "wh": 1}
    assert [raw.reason for raw in run_map(m, said("charger/new/telemetry", body)).rejected] == ["unknown_device"]
    directory.add("new", "charger")
    assert run_map(m, said("charger/new/telemetry", body)).batch.frames == 1


def test_objects_in_a_list_are_picked_by_a_key() -> None:
    m, d = mapper(
        route(
            filter="gbt32960/{device}/up",
            time={"path": "Data.Time", "unit": "parts", "zone": "Asia/Shanghai"},
            points={
                "soc": {"path": "Data.Infos[Type=Vehicle].SOC"},
                "voltage": {"path": "Data.Infos[0].Voltage", "scale": 0.1},
                "flag": {"path": "Data.Infos[Type=Alarm].MaxAlarmLevel"},
            },
        )
    )
    time = {"Year": 16, "Month": 10, "Day": 1, "Hour": 22, "Minute": 59, "Second": 0}
    infos = [{"Type": "Vehicle", "SOC": 50, "Voltage": 3801}, {"Type": "Location"}]
    mapped = run_map(m, said("gbt32960/c1/up", {"Data": {"Infos": infos, "Time": time}}))
    assert rows(mapped, d) == [(100, "soc", 50.0, 2), (100, "voltage", 380.1, 2)]
    assert mapped.batch.at.tolist() == [1_475_333_940_000_000] * 2  # 2016-10-01T14:59:00Z


def test_without_a_time_each_message_has_its_own_receive_time() -> None:
    m, _ = mapper(route(time=None), route(filter="x/{device}", time=None, points={"soc": {"path": "soc"}}))
    mapped = run_map(
        m, said(T, {"u": 1}), said("x/c1", {"soc": 2}), said("nobody", {}), said(T, {"u": 3}), said(T, {"u": 4})
    )
    assert mapped.batch.value.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert mapped.batch.at.tolist() == [NOW, NOW + 1, NOW + 3, NOW + 4]
    assert mapped.batch.received.tolist() == [NOW, NOW + 1, NOW + 3, NOW + 4]
    assert [raw.received for raw in mapped.rejected] == [NOW + 2]


def test_a_true_is_not_component_one() -> None:
    points = {"gun_temp": {"path": "t", "component": {"path": "gun"}}}
    m, d = mapper(route(filter="pile/{device}", time=None, points=points))
    told = (1, True, 1.0, "1", None, [1])
    mapped = run_map(m, *[said("pile/c1", {"gun": gun, "t": i}) for i, gun in enumerate(told)])
    assert [(r[1], r[2]) for r in rows(mapped, d)] == [("gun_temp.1", 0.0), ("gun_temp.1", 2.0), ("gun_temp.1", 3.0)]
    assert [raw.reason for raw in mapped.rejected] == ["no_component"] * 3
