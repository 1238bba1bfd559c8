"""What the tests of the device profiles share: the devices, their values, one project of all, one Modbus server of all.

A case of `values/<profile>.yaml` is a set of registers or of messages and what becomes of it. `origin` says where its
values are from: `real` (read from a device, published), `document` (an example of its manufacturer or its project),
`computed` (encoded by the document's format: nobody saw them at a device). `vector` takes them from the shared vectors.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gateway.domain.device import PointKind
from gateway.domain.reading import Quality
from gateway.domain.units import parse_unit
from gateway.settings.profiles import LoadedProfile, load_profiles
from gateway.try_out.try_message import ReadingRow

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "config" / "profiles"
SAMPLES = ROOT / "config" / "sources"
VALUES = Path(__file__).parent / "values"
VECTORS = next(
    (up / "shared" / "vectors" for up in ROOT.parents if (up / "shared" / "vectors").is_dir()), ROOT / "vectors"
)
ORIGINS = ("real", "document", "computed")
FIRST_UNIT, UNITS_APART = 1, 2
_BEHIND = 8
"""Registers behind the last one of a profile's cases that exist too: its last value may be of several registers."""


def yaml(path: Path) -> Any:
    """The content of a YAML file."""
    return YAML(typ="safe", pure=True).load(path.read_text("utf-8"))


@cache
def devices() -> Mapping[str, LoadedProfile]:
    """Profiles of real devices by id: those in a sub-folder."""
    found, problems = load_profiles(PROFILES)
    assert problems == []
    return {name: one for name, one in found.items() if Path(one.file).parent != PROFILES}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a case."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `registers` and `bits` by address, `messages` in order; `expect` by `point` or `point#component`."""

    profile: str
    number: int
    say: str
    origin: str
    source: str
    expect: Mapping[str, object]
    device: str
    components: int | None = None
    registers: Mapping[int, int] = field(default_factory=dict)
    bits: Mapping[int, int] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()

    @property
    def id(self) -> str:
        """Its name in the test report."""
        return f"{self.profile}-{self.number}"


@cache
def cases(profile: str) -> tuple[Case, ...]:
    """Cases of a profile; those whose vectors are not on this machine are left out."""
    written = enumerate(as_written(profile), 1)
    return tuple(_case(profile, number, one) for number, one in written if not _needs_vectors(one))


@cache
def as_written(profile: str) -> tuple[Mapping[str, Any], ...]:
    """Cases of a profile as its file has them."""
    return tuple(yaml(VALUES / f"{profile}.yaml")["cases"])


def _needs_vectors(raw: Mapping[str, Any]) -> bool:
    named = "vector" in raw or any("vector" in one for one in raw.get("messages", ()))
    return named and not VECTORS.is_dir()


def _case(profile: str, number: int, raw: Mapping[str, Any]) -> Case:
    tables = dict(raw.get("registers", {}))
    bits = {at: bit for start, text in tables.pop("discrete", {}).items() for at, bit in _words(start, text, 2)}
    registers = {at: word for one in tables.values() for start, text in one.items() for at, word in _words(start, text)}
    if "vector" in raw:
        registers |= _register_vector(raw["vector"], raw.get("shift", 0))
    return Case(
        profile,
        number,
        raw["say"],
        raw["origin"],
        raw["source"],
        raw["expect"],
        str(raw.get("device", f"{profile}-{number}")),
        raw.get("components"),
        registers,
        bits,
        tuple(_message(one) for one in raw.get("messages", ())),
    )


def _words(start: int, text: object, base: int = 16) -> Iterator[tuple[int, int]]:
    return ((start + place, int(word, base)) for place, word in enumerate(str(text).split()))


def _register_vector(device: str, shift: int) -> dict[int, int]:
    at = {one["name"]: one["addr"] for one in yaml(VECTORS / "modbus" / "maps" / f"{device}.yaml")["points"]}
    found: dict[int, int] = {}
    for line in (VECTORS / "modbus" / "modbus_register_values.jsonl").read_text("utf-8").splitlines():
        one = json.loads(line)
        if one["device"] == device:
            found.update(
                (at[one["point"]] + shift + place, int(word, 16)) for place, word in enumerate(one["registers"])
            )
    return found


def _message(raw: Mapping[str, Any]) -> Message:
    if "vector" in raw:
        one = _message_vectors()[raw["vector"]]
        payload = base64.b64decode(one["payload_b64"]) if "payload_b64" in one else _bytes(one["payload"])
        return Message(raw.get("topic", one["topic"]), payload, raw.get("retain", False))
    return Message(raw["topic"], _bytes(raw["payload"]), raw.get("retain", False))


def _bytes(payload: object) -> bytes:
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode()


@cache
def _message_vectors() -> Mapping[str, Any]:
    lines = next(VECTORS.rglob("mqtt_samples.jsonl")).read_text("utf-8").splitlines()
    return {one["id"]: one for one in map(json.loads, lines)}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the Modbus server: the registers of one case, 0 where the case has none."""

    case: Case

    @property
    def size(self) -> int:
        """Implements ModbusUnit."""
        return max((at for case in cases(self.case.profile) for at in case.registers), default=0) + _BEHIND

    @property
    def reserved(self) -> tuple[tuple[int, int], ...]:
        """Implements ModbusUnit."""
        return ()

    def image(self) -> list[int]:
        """Implements ModbusUnit."""
        words = [0] * self.size
        for at, word in self.case.registers.items():
            words[at] = word
        return words

    def coils(self) -> list[bool]:
        """Implements BitUnit."""
        return []

    def discrete_inputs(self) -> list[bool]:
        """Implements BitUnit."""
        return [bool(self.case.bits.get(at, 0)) for at in range(max(self.case.bits, default=0) + 16)]


def key(row: ReadingRow) -> str:
    """As a case writes it."""
    return f"{row.point.name}#{row.point.component}" if row.point.component else row.point.name


def wrong(row: ReadingRow, expected: object) -> str:
    """What differs between a reading and what a case expects of it; "" = nothing."""
    shown = f"{key(row)}: {row.value!r} {row.point.unit} {row.quality.name}, expected {expected!r}"
    if expected is None:
        return "" if row.quality is Quality.BAD else shown
    words = str(expected).split()
    quality = Quality.UNCERTAIN if words[-1] == "uncertain" else Quality.GOOD
    if words[-1] == "uncertain":
        words.pop()
    if row.quality is not quality:
        return shown
    if row.point.kind is PointKind.STATE:
        return "" if row.value == " ".join(words) else shown
    unit = parse_unit(" ".join(words[1:]))
    same = row.value == pytest.approx(unit.canonical(float(words[0])), rel=1e-6, abs=1e-9)
    return "" if same and unit.dimension == parse_unit(row.point.unit).dimension else shown
