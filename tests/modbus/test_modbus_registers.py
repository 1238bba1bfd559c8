"""The register map of a profile: mistakes, binding to points, values with their quality."""

import math
from typing import Any

import pytest
from modbus_kit import ROOT, VECTORS, FakeDirectory, profile_of, yaml

from gateway.domain.device import Plausible, PointKind, PointSpec, Profile
from gateway.domain.errors import ConfigError
from gateway.domain.reading import Quality
from protocols.modbus.plan import RegisterSpan, RequestLimits, plan
from protocols.modbus.profile import ModbusMap
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.registers import BoundRegister, bind, load
from protocols.modbus.timing import LinkTiming
from protocols.modbus.words import ByteOrder, Format, Type, encode

POINTS = (
    PointSpec("volume", PointKind.COUNTER, "m3"),
    PointSpec("power", PointKind.GAUGE, "kW", plausible=Plausible(min=-1, max=400)),
    PointSpec("temp", PointKind.GAUGE, "degC"),
    PointSpec("ratio"),
    PointSpec("status", PointKind.STATE, values=("idle", "charging")),
    PointSpec("plug", PointKind.STATE, each=True),
    PointSpec("current", PointKind.GAUGE, "A", each=True, missing=(65535,)),
)
PROFILE = Profile("p", "charger", POINTS, components=2)
DIRECTORY = FakeDirectory([PROFILE])


def _map(points: dict[str, Any], **section: Any) -> ModbusMap:
    return load({"points": points, **section}, PROFILE, "p.yaml")


def _one(register: dict[str, Any], name: str = "power", **section: Any) -> BoundRegister:
    return bind(_map({name: register}, **section), DIRECTORY.points("p"), 0)[0]


def _judge(register: BoundRegister, *words: int) -> tuple[float, Quality]:
    return register.judge(words, DIRECTORY.state_code)


def test_a_section_with_every_kind_of_key() -> None:
    volume = {"at": 10, "type": "u32", "order": "CDAB", "scale": 0.001, "unit": "m3", "missing": ["0xFFFFFFFF"]}
    register = _one(volume, "volume")
    assert (register.table, register.address, register.count) == (RegisterTable.HOLDING, 10, 2)
    assert _judge(register, 0xE240, 0x0001) == (123.456, Quality.GOOD)
    value, quality = _judge(register, 0xFFFF, 0xFFFF)
    assert (math.isnan(value), quality) == (True, Quality.BAD)


@pytest.mark.parametrize(
    ("register", "words", "want"),
    [
        ({"at": 0, "unit": "W", "type": "i32"}, (0xFFFF, 0xFF9C), -0.1),
        ({"at": 0, "unit": "W", "type": "u16"}, (15210,), 15.21),
        ({"at": 0, "unit": "MW", "scale": 0.1}, (7,), 700.0),
        ({"at": 0, "scale": 0.1, "offset": -5}, (70,), 2.0),
        ({"at": 0}, (7,), 7.0),
    ],
)
def test_the_unit_of_the_register_becomes_that_of_the_point(
    register: dict[str, Any], words: tuple[int, ...], want: float
) -> None:
    assert _one(register).value(words) == pytest.approx(want, rel=1e-12)


def test_degrees_have_an_offset() -> None:
    register = _one({"at": 0, "unit": "degF", "scale": 0.1}, "temp")
    assert register.value((2120,)) == pytest.approx(100.0)


def test_the_declared_unit_of_the_point_is_the_default() -> None:
    section = {"points": {"power": {"at": 0}, "volume": {"at": 1, "unit": "m3"}}}
    declared = load(section, PROFILE, "p.yaml", {"power": "W", "volume": "L"})
    power, volume = bind(declared, DIRECTORY.points("p"), 0)
    assert (power.value((1500,)), volume.value((3,))) == (1.5, 3.0)


def test_implausible_is_uncertain_and_keeps_its_value() -> None:
    register = _one({"at": 0, "type": "i16"})
    assert _judge(register, 400) == (400.0, Quality.GOOD)
    assert _judge(register, 401) == (401.0, Quality.UNCERTAIN)
    assert _judge(register, 0xFFFE) == (-2.0, Quality.UNCERTAIN)


@pytest.mark.parametrize(
    ("register", "words"),
    [
        ({"at": 0, "type": "i32", "missing": [-1]}, (0xFFFF, 0xFFFF)),
        ({"at": 0, "type": "i32", "missing": [0xFFFFFFFF]}, (0xFFFF, 0xFFFF)),
        ({"at": 0, "type": "i16", "missing": ["0x8000"]}, (0x8000,)),
        ({"at": 0, "type": "f32"}, (0x7FC0, 0)),
        ({"at": 0, "type": "f32"}, (0x7F80, 0)),
        ({"at": 0, "type": "f32", "missing": [-40]}, (0xC220, 0)),
        ({"at": 0, "type": "f32", "missing": ["0x00000001"]}, (0, 1)),
        ({"at": 0, "type": "u32", "order": "CDAB", "missing": ["0x7FFFFFFF"]}, (0xFFFF, 0x7FFF)),
    ],
)
def test_missing_is_bad(register: dict[str, Any], words: tuple[int, ...]) -> None:
    assert _one(register).value(words) is None
    assert _judge(_one(register), *words)[1] is Quality.BAD


def test_a_number_is_not_missing_because_its_bytes_look_like_a_float() -> None:
    assert _one({"at": 0, "type": "f32", "missing": [1]}).value((0, 1)) is not None


def test_a_register_without_missing_takes_that_of_its_point() -> None:
    registers = bind(_map({"current": {"at": 0}}, stride=10), DIRECTORY.points("p"), 1)
    assert registers[0].value((65535,)) is None


def test_a_two_part_counter() -> None:
    parts = [{"at": 8, "type": "f32", "scale": 100}, {"at": 10, "type": "f32"}]
    register = _one({"parts": parts, "unit": "m3"}, "volume")
    assert (register.address, register.count) == (8, 4)
    words = (*encode(Format(Type.F32), 1234), *encode(Format(Type.F32), 87.89))
    assert register.value(words) == pytest.approx(123487.89)
    assert register.value((*words[:2], 0x7FC0, 0)) is None


def test_states_have_texts_and_unknown_numbers_keep_theirs() -> None:
    register = _one({"at": 0, "bits": [8, 14], "map": {0: "idle", "1": "charging"}}, "status")
    assert _judge(register, 0x0100) == (1.0, Quality.GOOD)
    assert register.value((0x8300,)) == "raw:3"
    code, quality = _judge(register, 0x8300)
    assert quality is Quality.GOOD
    assert DIRECTORY.texts(register.point)[int(code)] == "raw:3"


def test_a_state_the_table_has_no_room_for_is_bad() -> None:
    directory = FakeDirectory([PROFILE])
    directory.refuse_texts = True
    register = _one({"at": 0, "map": {0: "idle"}}, "status")
    assert register.judge((9,), directory.state_code)[1] is Quality.BAD


def test_texts_of_a_device_are_states() -> None:
    register = _one({"at": 0, "type": "ascii", "length": 2, "map": {"C2": "charging"}}, "status")
    assert register.value((0x4332, 0)) == "charging"
    assert register.value((0x4231, 0)) == "B1"
    assert register.value((0, 0)) is None


def test_parts_may_be_fields_of_a_register() -> None:
    """A meter whose counter is 12 bits of one register and 4 bits of the next."""
    parts = [{"at": 0, "bits": [0, 11]}, {"at": 1, "bits": [12, 15], "scale": 4096}]
    assert _one({"parts": parts, "unit": "m3"}, "volume").value((0xF123, 0x2FFF)) == 0x2123


def test_the_first_flag_that_is_set_is_the_state() -> None:
    register = _one({"at": 0, "flags": {2: "short", 0: "hot", 1: "cold"}, "no_flag": "idle"}, "status")
    assert [register.value((word,)) for word in (0, 1, 2, 3, 7, 0x8004)] == [
        "idle",
        "hot",
        "cold",
        "hot",
        "short",
        "short",
    ]
    assert register.value((0x8000,)) == "raw:32768", "an unknown flag is no silence"
    field = _one({"at": 0, "bits": [8, 11], "flags": {3: "hot"}}, "status")
    assert [field.value((word,)) for word in (0x00FF, 0x0800)] == ["none", "hot"]


def test_a_value_is_multiplied_by_registers() -> None:
    times = [{"at": 2, "scale": 0.1}, {"at": 3, "missing": [0]}]
    register = _one({"at": 0, "type": "i32", "unit": "W", "times": times, "offset": 500}, "power")
    assert (register.count, register.apart) == (4, ())
    assert register.value((0xFFFF, 0xFF9C, 400, 50)) == pytest.approx(-199.5)
    assert register.value((0, 1, 400, 0)) is None


def test_ratios_that_are_far_away_are_read_by_requests_of_their_own() -> None:
    times = [{"at": 3}, {"at": 900, "type": "u32"}, {"at": 900, "type": "u32"}]
    register = _one({"at": 0, "times": times, "scale_from": {"at": 1000, "apart": True}}, "power", max_registers=10)
    assert register.spans == ((0, 4), (900, 2), (1000, 1))
    assert register.value((7, 0, 0, 2, 0, 3, 0xFFFF)) == pytest.approx(7 * 2 * 9 / 10)
    over = _one({"at": 0, "times": [{"at": 3}]}, "power", forbid=[[1, 2]])
    assert over.spans == ((0, 1), (3, 1))


def test_components_share_a_ratio() -> None:
    points = {"current": {"at": 3, "times": [{"at": 1, "shared": True}, {"at": 5}]}}
    registers = bind(_map(points, base=10, stride=100), DIRECTORY.points("p"), 2)
    assert [one.spans for one in registers] == [((11, 5),), ((113, 3), (11, 1))]


@pytest.mark.parametrize(
    ("register", "name", "section", "key"),
    [
        ({"at": 0, "flags": {0: "a"}, "map": {0: "b"}}, "status", {}, "modbus.flags"),
        ({"at": 0, "flags": {0: "a"}, "bit": 1}, "status", {}, "modbus.flags"),
        ({"at": 0, "type": "f32", "flags": {0: "a"}}, "status", {}, "modbus.flags"),
        ({"at": 0, "no_flag": "a", "map": {0: "a"}}, "status", {}, "modbus.flags"),
        ({"at": 0, "flags": {16: "a"}}, "status", {}, "modbus.flag"),
        ({"at": 0, "bits": [0, 3], "flags": {4: "a"}}, "status", {}, "modbus.flag"),
        ({"at": 0, "flags": {}}, "status", {}, "modbus.flag"),
        ({"at": 0, "flags": {0: "a"}}, "power", {}, "modbus.not_state"),
        ({"at": 0, "flags": {0: "a"}, "times": [{"at": 1}]}, "status", {}, "modbus.state_scale"),
        ({"at": 0, "flags": {0: "a"}, "table": "coil"}, "status", {}, "modbus.of_bits"),
        ({"at": 0, "characters": "low", "map": {0: "a"}}, "status", {}, "modbus.format"),
        ({"at": 0, "order": "EFGHABCD", "type": "u32"}, "power", {}, "modbus.format"),
        ({"at": 0}, "power", {"order": "EFGHABCD"}, "modbus.order_64"),
        ({"at": 0, "times": [{"at": 70000}]}, "power", {}, "modbus.address"),
        ({"at": 0, "times": [{"at": 5}]}, "power", {"forbid": [[5, 5]]}, "modbus.forbidden"),
    ],
)
def test_mistakes_of_flags_orders_and_ratios(
    register: dict[str, Any], name: str, section: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError) as wrong:
        _map({name: register}, **section)
    assert [problem.key for problem in wrong.value.problems] == [key]
    assert wrong.value.problems[0].render("zh") != wrong.value.problems[0].render("en")


def test_components_are_a_stride_apart() -> None:
    points = {"plug": {"at": 9, "map": {0: "out", 1: "in"}}, "current": {"at": 3}, "power": {"at": 500}}
    registers = bind(_map(points, base=100, stride=100), DIRECTORY.points("p"), 2)
    found = {(r.name, r.component): r.address for r in registers}
    assert found == {("plug", 1): 109, ("plug", 2): 209, ("current", 1): 103, ("current", 2): 203, ("power", 0): 600}
    fewer = bind(_map(points, base=100, stride=100), DIRECTORY.points("p"), 1)
    assert {(r.name, r.component) for r in fewer} == {("plug", 1), ("current", 1), ("power", 0)}


def test_manuals_that_count_from_40001() -> None:
    assert _one({"at": 40011}, base=-40001).address == 10


@pytest.mark.parametrize(
    ("points", "section", "key", "path"),
    [
        ({"powr": {"at": 0}}, {}, "modbus.unknown_point", "modbus.points.powr"),
        ({"power": {"at": 0, "unit": "m3"}}, {}, "modbus.unit_other", "modbus.points.power"),
        ({"power": {"at": 0, "unit": "furlong"}}, {}, "unit.unknown", "modbus.points.power"),
        ({"status": {"at": 0}}, {}, "modbus.state_map", "modbus.points.status"),
        ({"status": {"at": 0, "map": {0: "a"}, "scale": 2}}, {}, "modbus.state_scale", "modbus.points.status"),
        ({"power": {"at": 0, "map": {0: "a"}}}, {}, "modbus.not_state", "modbus.points.power"),
        ({"power": {"at": 0, "type": "ascii", "length": 1}}, {}, "modbus.not_state", "modbus.points.power"),
        ({"current": {"at": 0}}, {}, "modbus.stride", "modbus.points.current"),
        ({"power": {"at": 65535, "type": "u32"}}, {}, "modbus.address", "modbus.points.power"),
        ({"power": {"at": 5}}, {"base": -6}, "modbus.address", "modbus.points.power"),
        ({"current": {"at": 5}}, {"stride": 65535}, "modbus.address", "modbus.points.current"),
        ({"current": {"at": 5}}, {"stride": 10, "forbid": [[15, 15]]}, "modbus.forbidden", "modbus.points.current"),
        ({"power": {"at": 41, "type": "u32"}}, {"forbid": [[42, 44]]}, "modbus.forbidden", "modbus.points.power"),
        ({"power": {"parts": [{"at": 0}, {"at": 70}]}}, {}, "modbus.span", "modbus.points.power"),
        ({"power": {}}, {}, "modbus.place", "modbus.points.power"),
        ({"power": {"at": 0, "parts": [{"at": 0}]}}, {}, "modbus.place", "modbus.points.power"),
        ({"power": {"parts": [{"at": 0}], "type": "u32"}}, {}, "modbus.parts", "modbus.points.power"),
        ({"power": {"at": 0, "bit": 1, "bits": [0, 1]}}, {}, "modbus.bit_bits", "modbus.points.power"),
        ({"power": {"at": 0, "bit": 16}}, {}, "modbus.format", "modbus.points.power"),
        ({"power": {"at": 0, "scale": 0}}, {}, "modbus.scale", "modbus.points.power.scale"),
        ({"power": {"at": 0, "missing": ["0xZZ"]}}, {}, "modbus.missing", "modbus.points.power.missing[0]"),
        ({"power": {"at": 0, "missing": ["nil"]}}, {}, "modbus.missing", "modbus.points.power"),
        ({"status": {"at": 0, "map": {"one": "a"}}}, {}, "modbus.map_key", "modbus.points.status"),
        ({"power": {"at": 0}}, {"forbid": [[5, 4]]}, "modbus.forbid", "modbus.forbid"),
        ({"power": {"at": 0}}, {"max_register": 5}, "section.unknown_key", "modbus.max_register"),
        ({"power": {"at": 0, "adress": 5}}, {}, "section.unknown_key", "modbus.points.power.adress"),
        ({"power": {"at": 0}}, {"max_registers": 126}, "section.invalid", "modbus.max_registers"),
    ],
)
def test_mistakes(points: dict[str, Any], section: dict[str, Any], key: str, path: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        _map(points, **section)
    assert [(problem.key, problem.path) for problem in wrong.value.problems] == [(key, path)]
    assert wrong.value.problems[0].file == "p.yaml"
    assert wrong.value.problems[0].render("zh") != wrong.value.problems[0].render("en")


def test_all_mistakes_of_a_map_at_once() -> None:
    with pytest.raises(ConfigError) as wrong:
        _map({"nope": {"at": 0}, "power": {"at": 0, "unit": "m3"}, "status": {"at": 70000}})
    keys = [problem.key for problem in wrong.value.problems]
    assert keys == ["modbus.unknown_point", "modbus.unit_other", "modbus.state_map", "modbus.address"]


def test_binding_names_every_register_that_fits_nothing() -> None:
    with pytest.raises(ConfigError) as wrong:
        bind(ModbusMap.model_validate({"points": {"nope": {"at": 0}, "status": {"at": 1}}}), DIRECTORY.points("p"), 0)
    assert [problem.key for problem in wrong.value.problems] == ["modbus.unknown_point", "modbus.state_map"]


def test_the_demo_profile_binds_and_is_one_request() -> None:
    raw = yaml(ROOT / "config/profiles/gas_meter_demo.yaml")
    profile = profile_of(raw)
    register_map = load(raw["modbus"], profile, "gas_meter_demo.yaml")
    registers = bind(register_map, FakeDirectory([profile]).points(profile.id), 0)
    assert {register.name for register in registers} == {point.name for point in profile.points}
    spans = [RegisterSpan(r.table, r.address, r.count) for r in registers]
    blocks = plan(spans, RequestLimits.of(register_map, LinkTiming()))
    assert [(block.address, block.count) for block in blocks] == [(10, 9)]


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not beside this checkout")
@pytest.mark.parametrize(
    "path",
    # the registers of an EK280 are chosen by its user: no fixed addresses
    [path for path in sorted((VECTORS / "maps").glob("*.yaml")) if path.stem != "gas_honeywell_ek280"],
    ids=lambda path: path.stem,
)
def test_maps_of_real_devices_can_be_written(path: Any) -> None:
    """Every register of every map we know fits the section, and is planned."""
    raw = yaml(path)
    points: dict[str, Any] = {}
    specs = []
    for row in raw["points"]:
        register: dict[str, Any] = {"at": row["addr"], "type": row["type"]}
        register["table"] = {3: "holding", 4: "input"}[row["fc"]]
        if row["type"] == "ascii":
            register["length"] = row["count"]
        if row.get("word_order") == "lsw_first":
            register["order"] = ByteOrder.CDAB
        if "scale" in row:
            register["scale"] = row["scale"]
        if "nan" in row:
            register["missing"] = [int(row["nan"])]
        unit = row.get("unit", "") if row["type"] != "ascii" else ""
        if unit:
            register["unit"] = unit
        kind = PointKind.STATE if row["type"] == "ascii" else PointKind.GAUGE
        specs.append(PointSpec(row["name"], kind, unit))
        points[row["name"]] = register
    profile = Profile(raw["id"], "x", tuple(specs))
    registers = bind(load({"points": points}, profile, path.name), FakeDirectory([profile]).points(raw["id"]), 0)
    assert len(registers) == len(raw["points"])
    assert [bound.count for bound in registers] == [row["count"] for row in raw["points"]]
    blocks = plan([RegisterSpan(r.table, r.address, r.count) for r in registers], RequestLimits())
    assert sum(len(block.members) for block in blocks) == len(registers)
    assert len(blocks) < len(registers) or len(registers) < 3


def test_registers_without_a_unit_take_the_one_declared() -> None:
    profile = Profile("p", "meter", (PointSpec("energy", unit="kWh"), PointSpec("flow", unit="m3/h"), PointSpec("t")))
    section = {"points": {"energy": {"at": 1}, "flow": {"at": 2, "unit": "L/h"}, "t": {"at": 3}}}
    read = load(section, profile, "p.yaml", {"energy": "Wh", "flow": "m3/day", "t": ""})
    assert {name: register.unit or "" for name, register in read.points.items()} == {
        "energy": "Wh",
        "flow": "L/h",
        "t": "",
    }
