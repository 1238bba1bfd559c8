"""Points with a shorter retention than the store, by their present profiles."""

from collections.abc import Iterable

from gateway.domain.device import Point, Profile
from gateway.domain.duration import DAY


def shorter(profiles: Iterable[Profile], points: Iterable[Point], now: int) -> dict[int, int]:
    """Point -> the moment (µs) before which its readings are deleted: the beginning of a day, UTC, so that a file of
    the store is rewritten once a day at most. Earlier revisions of a point are included."""
    kept = {(one.id, spec.name): spec.retain for one in profiles for spec in one.points if spec.retain}
    mine = ((point.id, kept.get((point.profile, point.name), 0)) for point in points)
    return {point: (now - retain) // DAY * DAY for point, retain in mine if retain}
