"""Limits of `plausible` that one device has in place of its profile's: attributes such as `plausible.power.max`, and
`plausible.2.power.max` for component 2 alone, in the canonical unit. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from gateway.domain.device import Attr, Device, Plausible, Point, PointKind

PREFIX: Final = "plausible."
LEVELS: Final = ("min", "max")
CHANGES: Final = ("max_rate", "max_fall", "max_step", "spike")
KEYS: Final = (*LEVELS, *CHANGES, "stuck_after")
"""A level is converted with the offset of its unit, a change is not; `stuck_after` is a duration in µs."""
NOT_OF_COUNTERS: Final = ("max_fall", "spike", "stuck_after")
_NAME = re.compile(r"plausible\.(?:(\d{1,3})\.)?([A-Za-z][A-Za-z0-9_]*)\.([a-z_]+)", re.ASCII)
PointsByName = Mapping[tuple[str, int], Point]


class LimitName(NamedTuple):
    """`component` None = the device and all its components."""

    component: int | None
    point: str
    key: str


def limit_name(attribute: str) -> LimitName | None:
    """What an attribute limits; None = its name is not PREFIX [component.] point.key with one of KEYS."""
    match = _NAME.fullmatch(attribute)
    if match is None or match[3] not in KEYS:
        return None
    return LimitName(None if match[1] is None else int(match[1]), match[2], match[3])


def limited(usual: Plausible, name: str, component: int, attrs: Mapping[str, Attr]) -> Plausible:
    """The limits of one point of a device; `usual` itself when it has none of its own. Those of the component win."""
    own: dict[str, float | int] = {}
    for narrow in (False, True):
        for attribute, value in attrs.items():
            found = limit_name(attribute) if attribute.startswith(PREFIX) else None
            if found is None or found.point != name or isinstance(value, str | bool):
                continue
            if found.component == (component if narrow else None):
                own[found.key] = int(value) if found.key == "stuck_after" else value
    return replace(usual, **own) if own else usual


def device_limits(devices: Iterable[Device], by_profile: Mapping[str, PointsByName]) -> dict[int, Point]:
    """device << 32 | point -> the point with the limits of this device, for those that have their own."""
    found: dict[int, Point] = {}
    for device in devices:
        if not any(name.startswith(PREFIX) for name in device.attrs):
            continue
        for point in by_profile.get(device.profile, {}).values():
            if point.kind is PointKind.STATE or point.component > device.components:
                continue
            own = limited(point.plausible, point.name, point.component, device.attrs)
            if own != point.plausible:
                found[(device.id << 32) | point.id] = replace(point, plausible=own)
    return found


def widest(by_profile: Mapping[str, PointsByName], limits: Mapping[int, Point]) -> dict[str, PointsByName]:
    """Points of profiles as those see them who judge `min` and `max` without the device: a value outside is outside for
    every device. Intake judges what lies inside."""
    low: dict[int, float | None] = {}
    high: dict[int, float | None] = {}
    usual = {point.id: point.plausible for points in by_profile.values() for point in points.values()}
    for point in limits.values():
        own, profile = point.plausible, usual[point.id]
        low[point.id] = _outer(min, own.min, low.get(point.id, profile.min))
        high[point.id] = _outer(max, own.max, high.get(point.id, profile.max))
    found = dict(by_profile)
    for name in {point.profile for point in limits.values()}:
        found[name] = {
            key: replace(point, plausible=replace(point.plausible, min=low[point.id], max=high[point.id]))
            if point.id in low
            else point
            for key, point in by_profile[name].items()
        }
    return found


def _outer(pick: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else pick(a, b)
