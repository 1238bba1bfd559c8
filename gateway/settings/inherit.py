"""What a mapping leaves out it takes from the profile: the unit the device speaks, and the values that mean "no data".

Points are stored in canonical units, and adapters take a value without a unit as canonical. So where a profile says Wh
and a mapping says nothing, the mapping is given that Wh here, once, before anything runs. A route serves devices of any
profile: where profiles disagree, the route has to say it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.domain.device import Profile
from gateway.domain.errors import Problem
from gateway.domain.units import parse_unit
from gateway.settings.document import Document, Place
from gateway.settings.model import Settings
from gateway.settings.profiles import LoadedProfile
from protocols.mqtt.config import MqttConfig, PointMap, RouteConfig


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


def with_profile_words(
    settings: Settings, profiles: Mapping[str, LoadedProfile], document: Document
) -> tuple[Settings, list[Problem]]:
    """The settings with `unit` and `missing` in every MQTT route that left them out, and where profiles disagree."""
    owners: dict[str, list[LoadedProfile]] = {}
    for one in profiles.values():
        for spec in one.profile.points:
            owners.setdefault(spec.name, []).append(one)
    problems: list[Problem] = []
    sources: dict[str, Any] = {}
    for name, source in settings.sources.items():
        sources[name] = source
        if isinstance(source, MqttConfig):
            place: Place = ("sources", name, "routes")
            routes = [
                _route(route, owners, problems, document, (*place, index)) for index, route in enumerate(source.routes)
            ]
            sources[name] = source.model_copy(update={"routes": tuple(routes)})
    return settings.model_copy(update={"sources": sources}), problems


def _route(
    route: RouteConfig, owners: Mapping[str, Sequence[LoadedProfile]], problems: list[Problem], document: Document,
    place: Place,
) -> RouteConfig:  # fmt: skip
    points: dict[str, PointMap] = {}
    for key, entry in route.points.items():
        name = entry.point or key
        update: dict[str, Any] = {}
        here = (*place, "points", key)
        of = owners.get(name, ())
        units = {one.profile.id: one.declared[name] for one in of}
        parsed = {(u.factor, u.offset): unit for unit in units.values() for u in (parse_unit(unit),)}
        if entry.unit is None and len(parsed) == 1 and not is_canonical(next(iter(units.values()))):
            update["unit"] = next(iter(parsed.values()))
        elif entry.unit is None and len(parsed) > 1:
            problems.append(document.problem(here, "config.source.unit", value=name, said=_said(units)))
        missing = {one.profile.id: spec.missing for one in of if (spec := one.profile.point(name)) is not None}
        if "missing" not in entry.model_fields_set and missing:
            if len(set(missing.values())) == 1:
                update["missing"] = next(iter(missing.values()))
            else:
                said = _said({profile: str(list(values)) for profile, values in missing.items()})
                problems.append(document.problem(here, "config.source.missing", value=name, said=said))
        points[key] = entry.model_copy(update=update) if update else entry
    return route.model_copy(update={"points": points})


def _said(words: Mapping[str, str]) -> str:
    return ", ".join(f"{profile}: {word}" for profile, word in sorted(words.items()))
