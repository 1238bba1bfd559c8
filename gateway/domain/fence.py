"""Areas on the map, WGS 84 degrees."""

from msgspec import Struct


class Fence(Struct, frozen=True):
    """A polygon of (lat, lon) corners, or a circle: `centre` (lat, lon) and `radius` in metres."""

    name: str
    polygon: tuple[tuple[float, float], ...] = ()
    centre: tuple[float, float] = (0.0, 0.0)
    radius: float = 0.0
