"""Scenario file: devices, and faults at fixed seconds. YAML 1.2, read by the simulators alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ACTS = ("overheat", "cool", "fault_code", "silence", "speak", "burst", "pressure", "steady")


@dataclass(frozen=True, slots=True)
class ScenarioEvent:
    """One event: at second `at` do `act` to `device` (connector 0 = all). The rest depends on the act.

    overheat: hold the gun at `to` degC · cool: release it · fault_code: publish `code` (none clears) · burst: publish
    `times` messages with the current state at once · silence / speak: stop / resume publishing · pressure: hold the
    sensor at `to` kPa · steady: release it.
    """

    at: float
    act: str
    device: str
    connector: int = 0
    to: float = 0.0
    code: str = "none"
    times: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """`every` is seconds between two messages of one device."""

    chargers: tuple[str, ...]
    connectors: int
    vehicles: tuple[str, ...]
    sensors: tuple[str, ...]
    every: float
    acts: tuple[ScenarioEvent, ...]


def load(path: Path) -> Scenario:
    """Load a scenario. Raises ValueError for an unknown act or key."""
    raw: dict[str, Any] = YAML(typ="safe").load(path.read_text("utf-8"))
    acts = []
    for number, item in enumerate(raw.get("acts", [])):
        if item.get("act") not in ACTS:
            raise ValueError(f"{path}: acts[{number}].act: {item.get('act')!r}; write one of {', '.join(ACTS)}")
        unknown = set(item) - set(ScenarioEvent.__slots__)
        if unknown:
            raise ValueError(f"{path}: acts[{number}]: unknown {', '.join(sorted(unknown))}")
        acts.append(ScenarioEvent(**item))
    return Scenario(
        tuple(raw.get("chargers", ())),
        int(raw.get("connectors", 2)),
        tuple(raw.get("vehicles", ())),
        tuple(raw.get("sensors", ())),
        float(raw.get("every", 1.0)),
        tuple(sorted(acts, key=lambda a: a.at)),
    )
