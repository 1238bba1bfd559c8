"""What a register map leaves out it takes from its profile: the unit the device speaks.

Points are stored in canonical units, and adapters take a value without a unit as canonical. So where a profile says Wh
and its map says nothing, the map is given that Wh here, once, before anything runs. (A route of MQTT serves devices of
any profile; it asks per device: `protocols/mqtt/binding.py`.)
"""

from collections.abc import Mapping
from typing import Any

from gateway.domain.device import Profile
from gateway.domain.units import parse_unit


def is_canonical(unit: str) -> bool:
    """Whether values in `unit` are stored as they are."""
    parsed = parse_unit(unit)
    return (parsed.factor, parsed.offset) == (1, 0)


def declared_in_map(section: Mapping[str, Any], profile: Profile, declared: Mapping[str, str]) -> dict[str, Any]:
    """A raw `modbus:` section whose registers without a unit have that of their point."""
    points = section.get("points")
    if not isinstance(points, Mapping):
        return dict(section)
    known = {spec.name for spec in profile.points}
    filled: dict[Any, Any] = {}
    for name, register in points.items():
        unit = declared.get(name, "") if name in known else ""
        needs = isinstance(register, Mapping) and register.get("unit") is None and not is_canonical(unit)
        filled[name] = {**register, "unit": unit} if needs else register
    return {**section, "points": filled}
