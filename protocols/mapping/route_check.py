"""Whether the routes fit the profiles, for `fieldgate check`: before the first message comes.

A route is judged by the profiles it can reach: those it names, that of a fixed device, those of the devices in the list
whose code its template can give, else all. Where the route names them (`profiles`, a fixed device), what does not suit
one of them is a mistake; where any device may come, only what suits none of them is, the rest is worth a word.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from gateway.adapter_ports import CheckedProject, ConfigFindings
from gateway.domain.device import Point, PointSpec, Profile
from gateway.domain.errors import Problem
from gateway.domain.language_values import Phrase
from protocols.mapping.column import Misfit, misfit
from protocols.mapping.config import RouteConfig, RoutesSection
from protocols.mapping.point_config import PointMap
from protocols.mapping.route import PointRule, Route, compile_route
from protocols.mapping.topic import TopicTemplate, parse_template, point_name


@dataclass(frozen=True, slots=True)
class DeviceProfiles:
    """What may speak: profiles by id; device code -> its profile; profile -> the most connectors one of them has."""

    profiles: Mapping[str, Profile]
    devices: Mapping[str, str] = field(default_factory=dict)
    connectors: Mapping[str, int] = field(default_factory=dict)

    def most(self, profile: str) -> int:
        """How many connectors a device of `profile` has at most."""
        return max(self.connectors.get(profile, 0), self.profiles[profile].components)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a route (counted from 1) can fill of a profile, and what it leaves out."""

    source: str
    route: int
    filter: str
    profile: str
    fills: tuple[str, ...]
    rest: tuple[str, ...]


@dataclass(slots=True)
class RouteFindings:
    """Of all routes of a source."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Reach:
    """`closed`: the route itself names the profiles."""

    profiles: tuple[Profile, ...]
    closed: bool


def check_routes(sources: Mapping[str, RoutesSection], project: CheckedProject) -> ConfigFindings:
    """The routes of all sources of an adapter (name -> configuration) against profiles and devices."""
    connectors: dict[str, int] = {}
    for device in project.devices.values():
        connectors[device.profile] = max(connectors.get(device.profile, 0), device.components)
    of = {code: device.profile for code, device in project.devices.items()}
    fleet = DeviceProfiles(project.profiles, of, connectors)
    found = ConfigFindings()
    for name, source in sources.items():
        routes = check(source, fleet, project.file, f"sources.{name}")
        found.problems += routes.problems
        found.warnings += routes.warnings
        found.notes += [Phrase(key, fields) for key, fields in covered(routes.coverage)]
    return found


def check(config: RoutesSection, fleet: DeviceProfiles, file: str, path: str) -> RouteFindings:
    """Points that no device can have, units, maps and components that do not suit the points they fill.

    `path` is where the source stands in `file` (`sources.site-broker`).
    """
    found = RouteFindings()
    for index, route in enumerate(config.routes):
        place = f"{path}.routes[{index}]"
        reach = _reach(route, fleet, file, place, found)
        if reach is not None:
            _RouteCheck(compile_route(index, route), route, reach, fleet, file, place, found).judge(path)
    return found


def _reach(route: RouteConfig, fleet: DeviceProfiles, file: str, place: str, found: RouteFindings) -> _Reach | None:
    """None when that is wrong already."""
    if route.profiles:
        wrong = [name for name in route.profiles if name not in fleet.profiles]
        for name in wrong:
            fields = {"got": name, "known": ", ".join(sorted(fleet.profiles)) or "-"}
            found.problems.append(Problem(file, f"{place}.profiles", "route.no_profile", fields))
        return None if wrong else _Reach(tuple(fleet.profiles[name] for name in route.profiles), closed=True)
    everything = _Reach(tuple(fleet.profiles.values()), closed=False)
    if not isinstance(route.device, str) or not fleet.devices:
        return everything
    template = parse_template(route.device)
    if not template.names:
        if (profile := fleet.devices.get(template.text)) is not None:
            known = fleet.profiles.get(profile)
            return None if known is None else _Reach((known,), closed=True)
        near = get_close_matches(template.text, fleet.devices, n=1)
        key = "config.source.device_near" if near else "config.source.device"
        fields = {"value": template.text, "near": near[0] if near else ""}
        found.problems.append(Problem(file, f"{place}.device", key, fields))
        return None
    matcher = template.matcher()
    met = dict.fromkeys(profile for code, profile in fleet.devices.items() if matcher.fullmatch(code))
    if not met:
        fields = {"got": template.text, "example": next(iter(fleet.devices))}
        found.warnings.append(Problem(file, f"{place}.device", "route.no_device_fits", fields))
        return everything
    return _Reach(tuple(fleet.profiles[name] for name in met if name in fleet.profiles), closed=False)


class _RouteCheck:
    """One route against what it reaches."""

    def __init__(
        self,
        route: Route,
        config: RouteConfig,
        reach: _Reach,
        fleet: DeviceProfiles,
        file: str,
        place: str,
        found: RouteFindings,
    ) -> None:
        self._route, self._config, self._reach, self._fleet = route, config, reach, fleet
        self._file, self._place, self._found = file, place, found
        self._fills: dict[str, set[str]] = {profile.id: set() for profile in reach.profiles}
        self._unsuited: dict[str, list[str]] = {}  # profile -> points, where others suit

    def judge(self, source: str) -> None:
        """Every entry of `points`; then what they fill."""
        keys = [key for key, entry in self._config.points.items() if entry.placed]
        for index, (key, rule) in enumerate(zip(keys, self._route.points, strict=True)):
            if rule.name.names:
                self._templated(key, index, rule)
            else:
                self._named(key, rule.name.text, rule)
        for key, entry in self._config.points.items():
            if not entry.placed:
                self._beside(key, entry)
        self._warn()
        for profile in self._reach.profiles:
            fills = self._fills[profile.id]
            if fills or self._reach.closed:
                names = [spec.name for spec in profile.points]
                self._found.coverage.append(
                    Coverage(
                        source,
                        self._route.index + 1,
                        self._route.pattern.text,
                        profile.id,
                        tuple(n for n in names if n in fills),
                        tuple(n for n in names if n not in fills),
                    )
                )

    def _named(self, key: str, name: str, rule: PointRule) -> None:
        having = [(profile, spec) for profile in self._reach.profiles if (spec := profile.point(name)) is not None]
        if not having:
            self._problem(key, "route.bind_point", got=name, **self._known())
            return
        wrong = [(profile, why) for profile, spec in having if (why := self._unfit(profile, spec, rule)) is not None]
        fits = [profile.id for profile, _ in having if profile.id not in {bad.id for bad, _ in wrong}]
        for fit in fits:
            self._fills[fit].add(name)
        for profile, why in wrong:
            if self._reach.closed or not fits:
                self._problem(key, why.key, **why.fields)
            else:
                self._unsuited.setdefault(profile.id, []).append(name)

    def _warn(self) -> None:
        """Where any device may come: one word for all that does not suit some of them, and which it suits best."""
        if not self._unsuited:
            return
        fits = sorted(
            (profile for profile, fills in self._fills.items() if fills and profile not in self._unsuited),
            key=lambda profile: -len(self._fills[profile]),
        )
        names = dict.fromkeys(name for points in self._unsuited.values() for name in points)
        fields = {"points": ", ".join(names), "profiles": ", ".join(self._unsuited), "fits": ", ".join(fits) or "…"}
        self._found.warnings.append(Problem(self._file, f"{self._place}.points", "route.suits_others", fields))

    def _templated(self, key: str, index: int, rule: PointRule) -> None:
        """Names are taken from the message: any point that the template can give."""
        own = {name for number, name in self._route.beside if number == index}
        matcher = _names(rule.name)
        fit = False
        for profile in self._reach.profiles:
            for spec in profile.points:
                if matcher.fullmatch(spec.name) and spec.name not in own:
                    if self._unfit(profile, spec, rule) is None:
                        self._fills[profile.id].add(spec.name)
                    fit = True
        if not fit and not any(matcher.fullmatch(name) for name in own):
            self._problem(key, "route.bind_template", got=rule.name.text, **self._known())

    def _beside(self, key: str, entry: PointMap) -> None:
        name = point_name(key)
        merged = [rule for (_, given), rule in self._route.beside.items() if given == name]
        templates = [rule.name for rule in self._route.points if rule.name.names]
        if not any(_names(template).fullmatch(name) for template in templates):
            known = ", ".join(template.text for template in templates)
            self._problem(key, "route.beside_unused", got=name, known=known)
        elif not parse_template(entry.point or name).names:
            self._named(key, entry.point or name, merged[0])

    def _unfit(self, profile: Profile, spec: PointSpec, rule: PointRule) -> Misfit | None:
        """Why no message can fill this point."""
        point = Point(0, profile.id, spec.name, kind=spec.kind, unit=spec.unit, values=spec.values)
        fields: dict[str, object] = {"point": spec.name, "profile": profile.id}
        component, most = rule.component, self._fleet.most(profile.id)
        by_message = component.capture is not None or component.path is not None
        if spec.each and not by_message and component.fixed == 0:
            return Misfit("route.bind_each", fields)
        if not spec.each and (by_message or component.fixed):
            return Misfit("route.bind_alone", fields)
        if spec.each and not by_message and component.fixed > most:
            return Misfit("route.bind_component", fields | {"got": component.fixed, "most": most})
        return misfit(rule.config, point)

    def _problem(self, key: str, text: str, **fields: object) -> None:
        self._found.problems.append(Problem(self._file, f"{self._place}.points.{key}", text, fields))

    def _known(self) -> dict[str, object]:
        names = sorted({spec.name for profile in self._reach.profiles for spec in profile.points})
        reached = ", ".join(profile.id for profile in self._reach.profiles)
        return {"known": ", ".join(names) or "-", "profiles": reached or "-"}


def _names(template: TopicTemplate) -> re.Pattern[str]:
    """What the name of a point can be that this template gave: the text between captures was made a name, too."""
    pieces = re.split(r"(\{\w+\})", template.text)
    between = [piece if piece.startswith("{") else point_name(piece) for piece in pieces]
    return TopicTemplate("".join(between), template.names).matcher()


def covered(lines: Sequence[Coverage]) -> Iterator[tuple[str, dict[str, object]]]:
    """Per route and profile: a key of the catalogue and its fields."""
    for one in lines:
        fields: dict[str, object] = {
            "place": f"{one.source}.routes[{one.route - 1}]",
            "filter": one.filter,
            "profile": one.profile,
            "fills": ", ".join(one.fills) or "-",
            "rest": ", ".join(one.rest),
            "count": len(one.fills),
            "all": len(one.fills) + len(one.rest),
        }
        yield ("route.covers_some" if one.rest else "route.covers_all"), fields
