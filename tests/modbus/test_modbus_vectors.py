"""All register maps, values and transcripts of real devices that we have: through real profiles from a real server."""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from modbus_kit import VECTORS, Basket, FakeDirectory, WallClock, profile_of, running, until, yaml

from gateway.domain.device import Device
from gateway.domain.reading import Quality
from protocols.modbus.config import ModbusConfig
from protocols.modbus.registers import load
from protocols.modbus.source import ModbusSource
from protocols.modbus.words import Format, Type, encode
from simulators.modbus_server import ModbusServer

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not beside this checkout")
TABLES = {3: "holding", 4: "input"}
ORDERS = {"msw_first": "ABCD", "lsw_first": "CDAB"}


class Unit:
    """Registers as a device has them; what is not given reads 0xDEAD."""

    reserved: tuple[tuple[int, int], ...] = ()

    def __init__(self, words: Mapping[int, int]) -> None:
        self.size = max(words, default=0) + 1
        self._image = [words.get(address, 0xDEAD) for address in range(self.size)]

    def image(self) -> list[int]:
        return self._image


def words_at(*pieces: tuple[int, Sequence[int]]) -> dict[int, int]:
    """Address -> word, of pieces (address, words)."""
    return {address + i: word for address, piece in pieces for i, word in enumerate(piece)}


async def read(
    profiles: Sequence[Mapping[str, Any]], units: Sequence[Mapping[int, int]]
) -> list[dict[tuple[str, int], tuple[float | str | None, Quality]]]:
    """(point, component) -> (value, quality) of each device after one poll by a real source."""
    found = [profile_of(raw) for raw in profiles]
    maps = {one.id: load(raw["modbus"], one, "x.yaml") for one, raw in zip(found, profiles, strict=True)}
    devices = [Device(n, f"D{n}", one.id, "x", components=one.components) for n, one in enumerate(found, 1)]
    directory, basket = FakeDirectory(found, devices), Basket()
    async with ModbusServer({n: Unit(words) for n, words in enumerate(units, 1)}) as server:
        config = ModbusConfig.model_validate(
            {
                "type": "modbus",
                "every": "50ms",
                "links": {"a": {"tcp": f"127.0.0.1:{server.port}", "timeout": "5s"}},
                "devices": [{"device": one.code, "link": "a", "unit": one.id} for one in devices],
            }
        )
        source = ModbusSource("s", config, directory, maps, WallClock())
        async with running(source.run(basket.emit)):
            await until(lambda: all(basket.frames(one.id) for one in devices))
        assert not source.stats.exceptions
    out = []
    for device in devices:
        points = {point.id: point for point in directory.points(device.profile).values()}
        row: dict[tuple[str, int], tuple[float | str | None, Quality]] = {}
        for reading in basket.readings:
            if reading.device == device.id:
                point = points[reading.point]
                value: float | str | None = reading.value
                if math.isnan(reading.value):
                    value = None
                elif point.kind.value == "state":
                    value = directory.texts(point.id)[int(reading.value)]
                row[point.name, point.component] = value, reading.quality
        out.append(row)
    return out


def profile_from(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The profile file of a map of the vectors; an ascii point is a state."""
    points: dict[str, Any] = {}
    registers: dict[str, Any] = {}
    for row in raw["points"]:
        text = row["type"] == "ascii"
        points[row["name"]] = {"kind": "state"} if text else {"unit": row.get("unit", "")}
        register = registers[row["name"]] = {"at": row["addr"], "type": row["type"], "table": TABLES[row["fc"]]}
        register |= {"length": row["count"]} if text else {"scale": row.get("scale", 1)}
        register |= {"order": ORDERS[row["word_order"]]} if "word_order" in row else {}
        register |= {"missing": [int(row["nan"])]} if "nan" in row else {}
    return {"id": raw["id"], "kind": "x", "points": points, "modbus": {"points": registers}}


async def test_every_value_of_every_map() -> None:
    rows = [json.loads(line) for line in (VECTORS / "modbus_register_values.jsonl").read_text("utf-8").splitlines()]
    maps = [raw for raw in map(yaml, sorted((VECTORS / "maps").glob("*.yaml"))) if raw.get("points")]
    assert {row["device"] for row in rows} == {raw["id"] for raw in maps}
    units = []
    for raw in maps:
        places = {row["name"]: row["addr"] for row in raw["points"]}
        mine = [row for row in rows if row["device"] == raw["id"]]
        units.append(words_at(*((places[row["point"]], [int(w, 16) for w in row["registers"]]) for row in mine)))
        for row in raw["points"]:  # registers without a value in the vectors read as zeros
            units[-1] |= {a: units[-1].get(a, 0) for a in range(row["addr"], row["addr"] + row["count"])}
    found = await read([profile_from(raw) for raw in maps], units)
    at = {raw["id"]: values for raw, values in zip(maps, found, strict=True)}
    assert len(rows) > 100
    for row in rows:
        value, quality = at[row["device"]][row["point"], 0]
        assert quality is Quality.GOOD, row
        assert value == pytest.approx(row["expect"], rel=1e-6), row


def _transcript(name: str) -> tuple[dict[int, int], dict[str, Any]]:
    for line in (VECTORS / "modbus_transcripts.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["id"] == name:
            request, answer = bytes.fromhex(row["request_hex"]), bytes.fromhex(row["response_hex"])
            start = 8 if row["transport"] == "tcp" else 2
            body = answer[start + 1 : start + 1 + answer[start]]
            words = struct.unpack(f">{len(body) // 2}H", body)
            return words_at((int.from_bytes(request[start : start + 2], "big"), words)), row["expect"]
    raise AssertionError(name)


def _device(name: str, registers: Mapping[str, Any], **points: Any) -> dict[str, Any]:
    given = {point: points.get(point, {}) for point in registers}
    return {"id": name, "kind": "x", "points": given, "modbus": {"points": registers}}


async def test_every_read_of_the_transcripts() -> None:
    state, energy, currents, solar, phase, gas = (
        _transcript(f"mb-{one}")
        for one in (
            "alfen-state-B1",
            "alfen-energy-f64",
            "alfen-currents-0",
            "huawei-yield",
            "huawei-phaseA-neg",
            "gas-fuxin-block",
        )
    )
    alfen = _device(
        "alfen",
        {
            "state": {"at": 1201, "type": "ascii", "length": 5},
            "energy": {"at": 374, "type": "f64"},
            **{f"i{n}": {"at": 320 + 2 * n, "type": "f32"} for n in range(3)},
        },
        state={"kind": "state"},
        energy={"unit": "Wh"},
    )
    huawei = _device(
        "huawei",
        {"yield": {"at": 32106, "type": "u32", "scale": 0.01}, "i": {"at": 37107, "type": "i32", "scale": 0.01}},
    )
    fuxin = _device(
        "fuxin",
        {
            "actual_total_f32": {"at": 10, "type": "f32"},
            "std_total_f32": {"at": 12, "type": "f32"},
            "preset": {"at": 14, "type": "f32"},
            "std_flow": {"at": 16, "type": "f32"},
            "std_total_bcd": {"at": 18, "type": "bcd", "length": 3, "scale": 0.0001},
            "actual_flow": {"at": 21, "type": "f32"},
            "actual_total_bcd": {"at": 23, "type": "bcd", "length": 3, "scale": 0.0001},
            "temperature_C": {"at": 26, "type": "f32"},
            "pressure_kPa": {"at": 28, "type": "f32"},
        },
    )
    units = [state[0] | energy[0] | currents[0], solar[0] | phase[0], gas[0]]
    alfens, huaweis, fuxins = await read([alfen, huawei, fuxin], units)
    assert alfens["state", 0] == (state[1]["value"], Quality.GOOD)
    assert alfens["energy", 0] == (energy[1]["value_Wh"], Quality.GOOD)
    assert [alfens[f"i{n}", 0][0] for n in range(3)] == currents[1]["values_A"]
    assert huaweis["yield", 0][0] == solar[1]["value_kWh"]
    assert huaweis["i", 0][0] == phase[1]["value_A"]
    for name, want in gas[1].items():
        assert fuxins[name, 0][0] == pytest.approx(want, rel=1e-4), name


def _f32(value: float) -> tuple[int, ...]:
    return encode(Format(Type.F32), value)


async def test_what_the_notes_of_the_maps_ask_for() -> None:
    """State codes inside of a word, error bits by name, parts, ratios, connectors, one request for each value."""
    notes = {path.stem: yaml(path) for path in (VECTORS / "maps").glob("*.yaml")}
    bits, states = notes["charger_phoenix_charx"]["error_bits"], notes["charger_alpitronic_hyc_dc"]["states"]
    abb = _device(
        "abb",
        {"state": {"at": 16396, "type": "u32", "bits": [8, 14], "map": {0: "idle", 4: "charging"}}},
        state={"kind": "state"},
    )
    charx: dict[str, Any] = _device(
        "charx",
        {
            "error": {"at": 1293, "type": "u32", "flags": dict(reversed(bits.items())), "no_flag": "none"},
            "status": {"at": 1299, "type": "ascii", "length": 1, "map": {"A1": "free", "C2": "charging"}},
            "current": {"at": 1238, "type": "i32", "scale": 0.001, "missing": [-1]},
        },
        error={"kind": "state", "each": True},
        status={"kind": "state", "each": True},
        current={"unit": "A", "each": True},
    )
    charx |= {"components": 3}
    charx["modbus"]["stride"] = 1000
    hyc: dict[str, Any] = _device(
        "hyc", {"state": {"at": 100, "table": "input", "map": states}}, state={"kind": "state", "each": True}
    )
    hyc |= {"components": 2}
    hyc["modbus"]["stride"] = 100
    aoke = _device(
        "aoke",
        {
            "total": {"parts": [{"at": 8, "type": "f32", "scale": 100}, {"at": 10, "type": "f32"}]},
            "alarm": {"at": 12, "type": "u32", "flags": {0: "flow", 2: "std_flow", 4: "pressure", 6: "temperature"}},
        },
        alarm={"kind": "state"},
    )
    ek280 = _device(
        "ek280",
        {
            "ushort": {"at": 0},
            "ulong": {"at": 1, "type": "u32"},
            "counter6": {"parts": [{"at": 3, "type": "u64"}, {"at": 7, "type": "u32", "scale": 0.000001}]},
            "bcd4": {"at": 9, "type": "bcd", "length": 1},
            "bcd12": {"at": 10, "type": "bcd", "length": 3},
            "bcd16": {"at": 13, "type": "bcd", "length": 4},
            "float": {"at": 17, "type": "f32"},
        },
    )
    adw = _device("adw", {"u": {"at": 20, "scale": 0.1, "times": [{"at": 900}]}}, u={"unit": "V"})
    units = [
        words_at((16396, (0, 0x8400))),
        words_at(
            (1238, (0, 15210)),
            (2238, (0xFFFF, 0xFFFF)),
            (3238, (0xFFFF, 0xC496)),
            (1293, (0, 0)),
            (2293, (0x4000, 1)),
            (3293, (0, 4)),
            (1299, (0x4131,)),
            (2299, (0x4332,)),
            (3299, (0x4500,)),
        ),
        words_at((100, (3,)), (200, (10,))),
        words_at((8, (*_f32(1234), *_f32(87.89))), (12, (0, 0x14))),
        words_at(
            (0, (65535, 1, 2, 0, 0, 0x75B, 0xCCBC, 0, 0xF423, 0x1234, 0x1228, 0x5686, 0x4222)),
            (13, (0x2026, 0x1130, 0x2359, 0x5900, *_f32(-7.5))),
        ),
        words_at((20, (2314,)), (900, (100,))),
    ]
    got = await read([abb, charx, hyc, aoke, ek280, adw], units)
    values = [{key: value for key, (value, _) in one.items()} for one in got]
    assert values[0] == {("state", 0): "charging"}
    assert values[1] == {
        ("current", 1): 15.21,
        ("current", 2): None,
        ("current", 3): -15.21,
        ("error", 1): "none",
        ("error", 2): bits[30],
        ("error", 3): "raw:4",
        ("status", 1): "free",
        ("status", 2): "charging",
        ("status", 3): "E",
    }
    assert values[2] == {("state", 1): "Charging", ("state", 2): "Faulted"}
    assert values[3] == {("total", 0): pytest.approx(123487.89), ("alarm", 0): "std_flow"}
    assert values[4] == {
        ("ushort", 0): 65535,
        ("ulong", 0): 65538,
        ("counter6", 0): pytest.approx(123456700.062499),
        ("bcd4", 0): 1234,
        ("bcd12", 0): 122856864222,
        ("bcd16", 0): 2026113023595900,
        ("float", 0): -7.5,
    }
    assert values[5] == {("u", 0): 23140.0}
