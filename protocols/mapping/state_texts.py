"""The state texts that routes name, so that the registry has a number for each before the first message."""

from collections.abc import Iterator, Mapping

from protocols.mapping.config import RoutesSection
from protocols.mapping.path import scalar_text
from protocols.mapping.point_config import PointMap
from protocols.mapping.topic import point_name


def state_texts(config: RoutesSection) -> Iterator[tuple[str, str]]:
    """(point, text) of every `map` of the routes."""
    for route in config.routes:
        yield from point_texts(route.points)


def point_texts(points: Mapping[str, PointMap]) -> Iterator[tuple[str, str]]:
    """(point, text) of every `map`."""
    for key, point in points.items():
        texts = (scalar_text(meant) for meant in (*point.map.values(), point.default, point.value))
        name = point.point or (key if point.placed else point_name(key))
        yield from ((name, text) for text in texts if text)
