"""The points of profiles, as an importer needs them."""

from collections.abc import Iterable, Mapping, Sequence

from gateway.domain.device import Device, Life, Point, Profile
from gateway.import_service.wire import ImportScope, PointInfo


def points_of(points: Iterable[Point], declared: Profile | None) -> list[PointInfo]:
    """The registered points of one profile; their "no data" values come from its declaration."""
    most: dict[str, Point] = {}
    for point in points:
        if point.name not in most or point.component > most[point.name].component:
            most[point.name] = point
    specs = {} if declared is None else {spec.name: spec for spec in declared.points}
    return [
        PointInfo(p.name, p.kind, p.unit, p.component, p.values, specs[p.name].missing if p.name in specs else ())
        for p in most.values()
    ]


def found_in(
    devices: Sequence[Device],
    points: Sequence[Point],
    profiles: Sequence[Profile],
    codes: Iterable[str],
    oldest: int = 0,
) -> ImportScope:
    """Answer a look-up from lists that are not in a registry yet (a dry run without a gateway)."""
    declared: Mapping[str, Profile] = {profile.id: profile for profile in profiles}
    in_service = {d.code: d.profile for d in devices if d.life is Life.IN_SERVICE}
    known = {code: in_service[code] for code in codes if code in in_service}
    return ImportScope(
        known,
        {
            name: points_of([p for p in points if p.profile == name], declared.get(name))
            for name in dict.fromkeys(known.values())
        },
        oldest,
    )
