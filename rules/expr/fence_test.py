"""Is a position inside a fence: one formula for a float and for a column, so that both back ends agree to the bit.

Only + - * and comparisons: a sine of NumPy may differ from one of the C library in the last digit. The boundary is
inside.
"""

from collections.abc import Callable
from functools import reduce
from math import cos, pi, radians, sin
from operator import or_, xor
from typing import Any

from gateway.domain.fence import Fence

Inside = Callable[[Any, Any], Any]
"""(lat, lon) in degrees, floats or float64[n], known -> bool, or bool[n]."""

_METRES = 6_371_008.8 * pi / 180  # along one degree of a meridian
_NEAR = 1e-12  # degrees: a tenth of a micrometre


def known(lat: Any, lon: Any) -> Any:
    """True for a position: not NaN, not the 255 of a receiver without fix."""
    return (abs(lat) <= 90.0) & (abs(lon) <= 360.0)


def inside(fence: Fence, whole: Callable[[Any], Any]) -> Inside:
    """The test of `fence`; `whole` rounds a float, or a column, to whole numbers."""

    def east(lon: Any, of: float) -> Any:
        """Degrees from the meridian `of`, the short way round: a fence may lie on the date line."""
        away = lon - of
        return away - 360.0 * whole(away / 360.0)

    return _polygon(fence, east) if fence.polygon else _circle(fence, east)


def _circle(fence: Fence, east: Callable[[Any, float], Any]) -> Inside:
    """A plane whose east-west scale is that of the middle latitude: right to 1e-5 of the radius within 100 km."""
    lat0, lon0 = fence.centre
    cosine, sine, square = cos(radians(lat0)), sin(radians(lat0)), fence.radius * fence.radius

    def test(lat: Any, lon: Any) -> Any:
        up, right = lat - lat0, east(lon, lon0)
        half = up * (pi / 360.0)
        x = half * half
        scale = cosine * (1.0 - x / 2.0 + x * x / 24.0) - sine * half * (1.0 - x / 6.0 + x * x / 120.0)
        north, across = up * _METRES, right * scale * _METRES
        return (north * north + across * across <= square) & (abs(north) <= fence.radius)

    return test


def _polygon(fence: Fence, east: Callable[[Any, float], Any]) -> Inside:
    """Odd number of edges crossed on the way east, or on one of them."""
    origin = fence.polygon[0][1]
    corners = [(y, east(x, origin)) for y, x in fence.polygon]
    edges = list(zip(corners, [*corners[1:], corners[0]], strict=True))

    def test(lat: Any, lon: Any) -> Any:
        right = east(lon, origin)
        found = [_edge(first, second, lat, right) for first, second in edges]
        return reduce(xor, (crossed for crossed, _ in found)) | reduce(or_, (touched for _, touched in found))

    return test


def _edge(first: tuple[float, float], second: tuple[float, float], y: Any, x: Any) -> tuple[Any, Any]:
    """(does the way east from (y, x) cross this edge, does the point lie on it)."""
    (y1, x1), (y2, x2) = first, second
    side = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
    crossed = ((y1 > y) != (y2 > y)) & ((side > 0.0) == (y2 > y1))
    near = _NEAR * (abs(x2 - x1) + abs(y2 - y1) + _NEAR)
    between = (y >= min(y1, y2)) & (y <= max(y1, y2)) & (x >= min(x1, x2)) & (x <= max(x1, x2))
    return crossed, (abs(side) <= near) & between
