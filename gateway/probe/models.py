"""Routes and their devices -> profiles: devices that have mostly the same points are one model. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.domain.device import PointKind
from gateway.domain.units import parse_unit
from gateway.probe import key_words
from gateway.probe.topic_groups import KINDS
from gateway.probe.values import FoundModel, FoundPoint, FoundRoute
from gateway.settings.profiles import LoadedProfile

ALIKE = 0.5
"""Share of points that two devices of one model have in common, of those of a route."""


_NAMING = frozenset({"meter", "energy", "battery", "position", "location", "sensor"})
"""Kinds of messages that also are kinds of devices."""


@dataclass(slots=True)
class _Cluster:
    devices: dict[str, None] = field(default_factory=dict)
    names: dict[int, set[str]] = field(default_factory=dict)
    """Number of a route -> its points."""


def find_models(routes: Sequence[FoundRoute], library: Mapping[str, LoadedProfile]) -> list[FoundModel]:
    """One model per kind of device, each with its own copies of the routes. Names of points are unique in a model."""
    found: list[FoundModel] = []
    taken: set[str] = set(library)
    for cluster in _clusters(routes):
        own = [(number, routes[number]) for number in sorted(cluster.names)]
        name = _model_name([route for _, route in own], cluster, taken)
        taken.add(name)
        model = FoundModel(name, {}, cluster.devices, [])
        for number, route in own:
            wanted = cluster.names[number]
            copies = [replace(point) for point in route.points if point.name in wanted]
            mine = {code: names for code, names in route.devices.items() if code in cluster.devices}
            model.routes.append(replace(route, points=copies, ignore=list(route.ignore), devices=mine))
            model.components = max(model.components, route.components)
        _unique_names(model)
        _fit(model, library)
        found.append(model)
    return found


def _clusters(routes: Sequence[FoundRoute]) -> list[_Cluster]:
    seen: dict[str, dict[int, set[str]]] = {}
    for number, route in enumerate(routes):
        for code, names in route.devices.items():
            seen.setdefault(code, {})[number] = set(names)
    closed = {
        n for n, route in enumerate(routes) if route.device_path or "{" not in route.device or route.device == "{key}"
    }
    clusters: list[_Cluster] = []
    for code, of in seen.items():
        joined = [one for one in clusters if _is_same(one, of, closed)]
        if not joined:
            joined = [_Cluster()]
            clusters += joined
        first, *others = joined if of.keys() & closed else joined[:1]
        first.devices[code] = None
        for other in others:  # a route that takes its device from the message cannot divide them
            clusters.remove(other)
            first.devices |= other.devices
            for number, points in other.names.items():
                first.names.setdefault(number, set()).update(points)
        for number, points in of.items():
            first.names.setdefault(number, set()).update(points)
    return clusters


def _is_same(cluster: _Cluster, names: Mapping[int, set[str]], closed: set[int]) -> bool:
    shared = names.keys() & cluster.names.keys()
    if shared & closed:
        return True
    if not shared:
        return False
    both = sum(len(names[n] & cluster.names[n]) for n in shared)
    all_of = sum(len(names[n] | cluster.names[n]) for n in shared)
    least = min(sum(len(names[n]) for n in shared), sum(len(cluster.names[n]) for n in shared))
    return both >= ALIKE * all_of or (least > 1 and both == least)


def _model_name(routes: Sequence[FoundRoute], cluster: _Cluster, taken: set[str]) -> str:
    main = max(routes, key=lambda route: len(route.points))
    words = [word for word in main.words if word.lower() not in KINDS - _NAMING] or list(main.words)
    base = key_words.valid_name("_".join(words[:4]), "device")[:40].strip("_")
    if base not in taken and base:
        return base
    name = key_words.valid_name(f"{base}_{next(iter(cluster.devices))}")[:56].strip("_")
    count = 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    return name


def _unique_names(model: FoundModel) -> None:
    """The same name for the same quantity of several messages; another one where kind, unit or component differ."""
    for route in model.routes:
        here: set[tuple[str, int]] = set()
        prefix = next((word for word in reversed(route.words) if word.lower() not in KINDS), "")
        for point in route.points:
            name, count = point.name, 2
            while (name, point.component) in here or not _agrees(model.points.get(name), point):
                longer = key_words.valid_name(f"{prefix}_{point.name}") if prefix and count == 2 else ""
                name = longer if longer and longer != name else f"{point.name[:56]}_{count}"
                count += 1
            here.add((name, point.component))
            point.name = name
            first = model.points.setdefault(name, replace(point))
            first.values = (*first.values, *(value for value in point.values if value not in first.values))
            if point.connectors:
                model.components = max(model.components, point.component, 1)


def _agrees(known: FoundPoint | None, point: FoundPoint) -> bool:
    if known is None:
        return True
    return (known.kind, known.unit, known.connectors) == (point.kind, point.unit, point.connectors)


def _fit(model: FoundModel, library: Mapping[str, LoadedProfile]) -> None:
    """Use a profile of the library that has nearly all that is measured here."""
    measured = [one for one in model.points.values() if one.kind is not PointKind.STATE]
    best: tuple[float, str, dict[str, str]] = (0.0, "", {})
    for name, profile in library.items():
        if "modbus" in profile.sections:
            continue
        names = _matched(model.points.values(), profile)
        ours = sum(one.name in names.values() for one in measured)
        if len(names) < 3 or ours < 0.75 * len(measured) or 2 * len(names) < len(profile.profile.points):
            continue
        share = ours / max(len(measured), 1) + len(names) / len(profile.profile.points)
        best = max(best, (share, name, names), key=lambda one: one[0])
    model.library, model.names = best[1], best[2]


def _matched(points: Iterable[FoundPoint], profile: LoadedProfile) -> dict[str, str]:
    """Points of a profile -> ours of the same name, kind, dimension and component."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    ours = list(points)
    for spec in profile.profile.points:
        for point in sorted(ours, key=lambda one: one.name != spec.name):
            same = point.name == spec.name or point.name.endswith(f"_{spec.name}")
            kinds = (point.kind is PointKind.STATE) == (spec.kind is PointKind.STATE) and point.connectors == spec.each
            if same and kinds and point.name not in taken and _measures(point, spec.unit):
                found[spec.name] = point.name
                taken.add(point.name)
                break
    return found


def _measures(point: FoundPoint, unit: str) -> bool:
    if point.kind is PointKind.STATE or not point.named:
        return True
    return parse_unit(point.unit).dimension == parse_unit(unit).dimension
