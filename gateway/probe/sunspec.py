"""SunSpec devices: the marker, the walk over the models, and the points that a device implements.

SunSpec Device Information Model Specification V1.1: the marker `SunS` stands at 40000, 0 or 50000, behind it models,
each with its id and length, until id 0xFFFF. The models themselves are data (`sunspec_models.json`).
"""

import json
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gateway.domain.device import PointKind
from gateway.probe.key_words import known_unit, valid_name, words_of

READ = 100
"""Registers in one request; a device must take 125."""
BASES = (40_000, 0, 50_000)
MARKER = (0x5375, 0x6E53)
END = 0xFFFF
MOST_MODELS = 64
LARGEST_POWER = 10
COMMON = 1
ReadWords = Callable[[int, int], Awaitable[Sequence[int] | None]]
"""(address, count) of holding registers -> words, None when the device refuses or is silent."""
_TYPES = {
    "int16": ("i16", 1, 0x8000), "uint16": ("u16", 1, 0xFFFF), "acc16": ("u16", 1, 0), "enum16": ("u16", 1, 0xFFFF),
    "bitfield16": ("u16", 1, 0xFFFF), "int32": ("i32", 2, 0x80000000), "uint32": ("u32", 2, 0xFFFFFFFF),
    "acc32": ("u32", 2, 0), "enum32": ("u32", 2, 0xFFFFFFFF), "bitfield32": ("u32", 2, 0xFFFFFFFF),
    "int64": ("i64", 4, 1 << 63), "uint64": ("u64", 4, (1 << 64) - 1), "acc64": ("u64", 4, 0),
    "float32": ("f32", 2, 0x7FC00000), "float64": ("f64", 4, 0x7FF8000000000000),
}  # fmt: skip
"""Type of SunSpec -> (type of a register, registers, the pattern of "not implemented")."""
_UNITS = {"C": "degC", "Pct": "pct", "%": "pct", "%WHRtg": "pct", "WH": "Wh", "Var": "var", "Varh": "varh", "AH": "Ah",
          "Secs": "s", "HPa": "hPa", "mps": "m/s", "kO": "kohm", "ohms": "ohm", "VAh": "VA*h", "Vm": "V"}  # fmt: skip
_NAMES = {
    "A": "current", "AphA": "current_a", "AphB": "current_b", "AphC": "current_c", "PPVphAB": "voltage_ab",
    "PPVphBC": "voltage_bc", "PPVphCA": "voltage_ca", "PhVphA": "voltage_a", "PhVphB": "voltage_b",
    "PhVphAB": "voltage_ab", "PhVphBC": "voltage_bc", "PhVphCA": "voltage_ca", "PPV": "voltage_ll",
    "PhVphC": "voltage_c", "PhV": "voltage", "W": "power", "WphA": "power_a", "WphB": "power_b", "WphC": "power_c",
    "Hz": "frequency", "VA": "apparent_power", "VAr": "reactive_power", "VAR": "reactive_power",
    "Var": "reactive_power",
    "PF": "power_factor", "WH": "energy", "DCA": "dc_current", "DCV": "dc_voltage", "DCW": "dc_power",
    "TmpCab": "temp_cabinet", "TmpSnk": "temp_sink", "TmpTrns": "temp_transformer", "TmpOt": "temp_other",
    "St": "status",
    "StVnd": "status_vendor", "TotWhExp": "energy_export", "TotWhImp": "energy_import", "TotWhInj": "energy_export",
    "TotWhAbs": "energy_import", "SoC": "soc", "SoH": "soh", "ChaState": "soc", "ChaSt": "charge_status",
    "LLV": "voltage_ll", "LNV": "voltage_ln", "VL1L2": "voltage_ab", "VL2L3": "voltage_bc", "VL3L1": "voltage_ca",
    "VL1": "voltage_a", "VL2": "voltage_b", "VL3": "voltage_c", "AL1": "current_a", "AL2": "current_b",
    "AL3": "current_c", "WL1": "power_a", "WL2": "power_b", "WL3": "power_c", "Evt1": "event_1", "Evt2": "event_2",
    "InvSt": "inverter_status", "Alrm": "alarms",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SunSpecModel:
    """A model of a device: `words` from its id on; `at` their first address."""

    id: int
    at: int
    words: tuple[int, ...]

    @property
    def table(self) -> Mapping[str, Any] | None:
        """Its points, None for a model that is not in the data."""
        return tables().get(self.id)


@dataclass(frozen=True, slots=True)
class SunSpecPoint:
    """A point that a device implements, in the words of a map. `scale_at`: address of its power of ten, `power` what it
    is now; `apart`: too far away for one request."""

    name: str
    kind: PointKind
    unit: str
    at: int
    type: str
    missing: str
    label: str = ""
    scale: float = 1.0
    scale_at: int | None = None
    apart: bool = False
    texts: tuple[tuple[int, str], ...] = ()
    flags: bool = False


@dataclass(frozen=True, slots=True)
class SunSpecDevice:
    """`base`: the address of the marker; `cut`: the walk ended before the end of the models."""

    base: int
    models: tuple[SunSpecModel, ...]
    cut: bool = False

    def text(self, name: str) -> str:
        """A text of the common model: `Mn`, `Md`, `Vr`, `SN`."""
        for model in self.models:
            for one in (model.table or {"points": ()})["points"] if model.id == COMMON else ():
                if one["name"] == name:
                    words = model.words[one["at"] : one["at"] + one["size"]]
                    octets = struct.pack(f">{len(words)}H", *words).split(b"\0")[0]
                    text = octets.decode("utf-8", "replace").strip()
                    return text if text.isprintable() else ""
        return ""


@cache
def tables() -> Mapping[int, Mapping[str, Any]]:
    """The known models by id."""
    data = json.loads((Path(__file__).parent / "sunspec_models.json").read_text("utf-8"))
    return {model["id"]: model for model in data["models"]}


async def find_device(read: ReadWords) -> SunSpecDevice | None:
    """Look for the marker and walk the models; None when there is no marker. Reads nothing besides the models."""
    for base in BASES:
        marker = await read(base, 2)
        if marker is not None and tuple(marker) == MARKER:
            return await _walk(base, read)
    return None


async def _walk(base: int, read: ReadWords) -> SunSpecDevice:
    at, found = base + 2, list[SunSpecModel]()
    while len(found) < MOST_MODELS and at + 2 <= 65_536:
        head = await read(at, 2)
        if head is None:
            return SunSpecDevice(base, tuple(found), cut=True)
        number, length = head
        if number in (END, 0):
            return SunSpecDevice(base, tuple(found))
        if at + 2 + length > 65_536:
            break
        words = [number, length]
        wanted = min(length, (tables()[number]["length"] if number in tables() else 0))
        while len(words) - 2 < wanted:
            more = await read(at + len(words), min(READ, wanted + 2 - len(words)))
            if not more:
                return SunSpecDevice(base, tuple(found), cut=True)
            words += more
        found.append(SunSpecModel(number, at, tuple(words)))
        at += 2 + length
    return SunSpecDevice(base, tuple(found), cut=True)


def points_of(device: SunSpecDevice) -> list[SunSpecPoint]:
    """Measured points that the device implements now, with names of their own. Settings are left out."""
    found: list[SunSpecPoint] = []
    taken: set[str] = set()
    for model in device.models:
        table = model.table
        if table is None or model.id == COMMON:
            continue
        factors = {one["name"]: one["at"] for one in table["points"] if one["type"] == "sunssf"}
        for one in table["points"]:
            name = _name(one["name"])
            if name in taken:
                name = f"{name}_{model.id}"
            point = None if name in taken else _point(one, model, factors, name)
            if point is not None:
                taken.add(name)
                found.append(point)
    return found


def _name(written: str) -> str:
    return _NAMES.get(written) or valid_name("_".join(words_of(written)))


def _point(one: Mapping[str, Any], model: SunSpecModel, factors: Mapping[str, int], name: str) -> SunSpecPoint | None:
    """None for settings, texts, scale factors, and what the device does not implement."""
    if one["type"] not in _TYPES or one.get("set"):
        return None
    kind, size, absent = _TYPES[one["type"]]
    words = model.words[one["at"] : one["at"] + size]
    if len(words) < size or not _is_implemented(one["type"], words, absent):
        return None
    pattern = f"0x{absent:0{4 * size}X}" if absent or one["type"].startswith(("enum", "bit")) else ""
    at, label = model.at + one["at"], one.get("label", "")
    symbols = tuple((int(value), text) for value, text in one.get("symbols", {}).items())
    if one["type"].startswith("bitfield"):
        if not symbols or max(bit for bit, _ in symbols) >= 16 * size:
            return None
        return SunSpecPoint(name, PointKind.STATE, "", at, kind, pattern, label, texts=symbols, flags=True)
    if symbols:
        return SunSpecPoint(name, PointKind.STATE, "", at, kind, pattern, label, texts=symbols)
    unit = known_unit(_UNITS.get(one.get("units", ""), one.get("units", "") or ""))
    counter = one["type"].startswith("acc") or (one["type"] == "uint64" and unit in ("Wh", "varh", "VA*h"))
    scale, scale_at, apart = 1.0, None, False
    factor = one.get("sf")
    if isinstance(factor, int):
        scale = 10.0**factor
    elif isinstance(factor, str) and factor in factors:
        place = factors[factor]
        power = _power(model.words[place : place + 1])
        if power is not None:
            scale_at, apart = model.at + place, abs(place - one["at"]) + size > READ
    states = PointKind.COUNTER if counter else PointKind.GAUGE
    return SunSpecPoint(name, states, unit, at, kind, pattern, label, scale, scale_at, apart)


def _is_implemented(kind: str, words: Sequence[int], absent: int) -> bool:
    number = 0
    for word in words:
        number = number << 16 | word
    if kind.startswith("float"):
        value = struct.unpack(">f" if len(words) == 2 else ">d", struct.pack(f">{len(words)}H", *words))[0]
        return bool(value == value)  # NaN
    return number != absent


def _power(words: Sequence[int]) -> int | None:
    """A scale factor; None when it is not implemented."""
    if not words:
        return None
    power = words[0] - 0x10000 if words[0] >= 0x8000 else words[0]
    return power if -LARGEST_POWER <= power <= LARGEST_POWER else None


def kind_of(device: SunSpecDevice) -> str:
    """A kind for rules, by the models."""
    ids = {model.id for model in device.models}
    if ids & {101, 102, 103, 111, 112, 113, 701}:
        return "inverter"
    if ids & {201, 202, 203, 204, 211, 212, 213, 214}:
        return "meter"
    return "battery" if ids & {124, 713, 802} else "sunspec_device"
