"""What a topic means, worked out once and remembered until the registry changes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.domain.device import AsSent, Device
from gateway.domain.errors import DecodeError
from gateway.ports import Directory
from protocols.mapping.column import Column, Misfit, misfit
from protocols.mapping.path import Missed, Path, scalar_text
from protocols.mapping.route import PointRule, Route
from protocols.mapping.row_shape import RouteColumns, RowShape, RowSlot
from protocols.mapping.topic import TopicTemplate
from protocols.mapping.unused_fields import NO_COMPONENT, NO_POINT, FieldUse, UnreadPlaces

LONGEST = 512
"""Bytes of a topic; messages of longer ones are dead letters."""
_TOPICS = 200_000  # topics remembered; more than that are forgotten together and learned again
_TOPIC_BYTES = 32 * 2**20  # of them all
_TARGETS = 200_000
_KEYS = 4_096  # sets of keys remembered per topic and route
_MISSES = 4_096  # names and connectors that are not there, remembered


SentBy = Callable[[str], Mapping[str, AsSent]]
"""Profile -> how its devices send each point, by name."""


def sent_canonically(profile: str) -> Mapping[str, AsSent]:  # noqa: ARG001 - as Words
    """Every point is sent in its canonical unit."""
    return {}


@dataclass(slots=True)
class RouteTarget:
    device: int
    columns: RouteColumns


class OnlyIgnored(Exception):
    """All that is there is on the route's list of what to ignore."""


class Candidate:
    """A route that a topic matches, with the captures of the topic. `fixed`: device and columns, when the topic
    determines both.

    Where keys of the message are data, it stands for the topic alone; `below` has one for each set of keys.
    """

    __slots__ = ("below", "captures", "code", "fixed", "points", "route", "targets")

    def __init__(self, route: Route, captures: Mapping[str, str], *, keyed: bool = False) -> None:
        self.route = route
        self.captures = captures
        known = keyed or not route.keyed
        self.points = route.named(captures) if known else ()
        by_topic = isinstance(route.device, TopicTemplate) and set(route.device.names) <= set(captures)
        self.code = route.device.fill(captures) if by_topic and isinstance(route.device, TopicTemplate) else None
        self.targets: dict[tuple[str | None, tuple[int | None, ...]], RouteTarget | DecodeError | OnlyIgnored] = {}
        self.fixed: RouteTarget | None = None
        self.below: dict[tuple[str, ...], Candidate] = {}


@dataclass(frozen=True, slots=True)
class RowTarget:
    """Where rows go: `shape` is that of `columns` with all places present. `width`: see `UnreadPlaces`."""

    columns: RouteColumns
    shape: RowShape
    device: int
    width: int


class FastPath:
    """Messages that the hot path may take: all to one `target`, or to `parts` by what stands at the key `split`."""

    __slots__ = ("candidate", "parts", "split", "takes_retained", "target")

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.takes_retained = candidate.route.retained == "use"
        self.target = None if candidate.fixed is None else _row_target(candidate.fixed)
        self.split = candidate.route.split
        self.parts: dict[int | str, RowTarget] = {}


def _row_target(target: RouteTarget) -> RowTarget | None:
    full = target.columns.full
    return None if full is None else RowTarget(target.columns, full, target.device, target.columns.unread.width)


class TopicBinding:
    """What a topic means, until the registry changes. `hot`: for all its messages; `cases`: by the text at `key`;
    `bare`: for all its messages, each of which is one value."""

    __slots__ = ("bare", "candidates", "cases", "hot", "key")

    def __init__(self, candidates: list[Candidate]) -> None:
        self.candidates = candidates
        self.hot: FastPath | None = None
        self.bare: RouteTarget | None = None
        self.key = ""
        self.cases: dict[str, FastPath | None] = {}

    def learn(self) -> None:
        """Which messages the hot path may take: those whose first holding route is plain and settled."""
        first = self.candidates[0] if self.candidates else None
        if first is not None and first.route.text and first.fixed is not None and first.fixed.columns.bare is not None:
            self.bare = first.fixed
            return
        for candidate in self.candidates:
            route = candidate.route
            hot: FastPath | None = None
            if route.plain:
                hot = FastPath(candidate)
                hot = hot if hot.target or hot.split else None
            if route.when is None:
                if candidate is self.candidates[0]:
                    self.hot = hot
                return
            if route.switch is None or (self.key and route.switch[0] != self.key):
                return
            self.key = route.switch[0]
            for text in route.switch[1]:
                self.cases.setdefault(text, hot)


class Bindings:
    """The routes over the registry's directory: topic -> Entry, message -> Target. Everything remembered is bounded."""

    def __init__(self, routes: Sequence[Route], directory: Directory, sent: SentBy = sent_canonically) -> None:
        self.known: dict[str, TopicBinding] = {}
        self.misfits: dict[int, Misfit] = {}
        """Points that a route cannot fill (their readings are bad), by point id."""
        self.every: dict[int, int] = {}
        """The promised interval, µs, of each point that a route fills."""
        self._routes = tuple(routes)
        self._directory = directory
        self._sent = sent
        self._version = directory.version
        self._known_columns: dict[tuple[Any, ...], RouteColumns] = {}
        self._missed: dict[tuple[Any, ...], DecodeError | OnlyIgnored] = {}
        self._targets = self._bytes = 0

    def refresh(self) -> None:
        """Forget everything when the registry has changed."""
        if self._directory.version != self._version:
            self._version = self._directory.version
            self._forget()

    def _forget(self) -> None:
        self.known.clear()
        self._known_columns.clear()
        self._missed.clear()
        self._targets = self._bytes = 0

    def entry(self, topic: str) -> TopicBinding:
        """What `topic` means; remembered unless it names an unknown device, of which there is no end.

        Raises DecodeError for a topic that is too long.
        """
        if (size := len(topic.encode("utf-8", "surrogatepass"))) > LONGEST:
            raise DecodeError("topic_too_long", f"{size} bytes, at most {LONGEST}")
        matches = ((route, route.pattern.match(topic)) for route in self._routes)
        made = (Candidate(route, captures) for route, captures in matches if captures is not None)
        entry = TopicBinding([candidate for candidate in made if self._meant(candidate)])
        for candidate in entry.candidates:
            if candidate.route.settled_by_topic and not candidate.route.keyed:
                with suppress(DecodeError, OnlyIgnored):  # said again, and counted, with each message
                    candidate.fixed = self.target(candidate, None, None)
        entry.learn()
        by_topic = [c for c in entry.candidates if c.route.settled_by_topic and not c.route.keyed]
        if by_topic and len(by_topic) == len(entry.candidates) and all(c.fixed is None for c in by_topic):
            return entry
        if len(self.known) >= _TOPICS or self._bytes + size > _TOPIC_BYTES:
            self.known.clear()
            self._bytes = 0
        self.known[topic] = entry
        self._bytes += size
        return entry

    def _meant(self, candidate: Candidate) -> bool:
        """Not when the topic names a device of a profile that the route is not for: the next route is asked."""
        device = self._directory.device(candidate.code) if candidate.route.profiles and candidate.code else None
        return device is None or device.profile in candidate.route.profiles

    def keyed(self, candidate: Candidate, keys: tuple[str, ...]) -> Candidate:
        """The candidate for these keys of the message; remembered unless they name an unknown device."""
        below = candidate.below.get(keys)
        if below is None:
            route = candidate.route
            names = () if route.each is None else route.each.names
            below = Candidate(route, {**candidate.captures, **dict(zip(names, keys, strict=True))}, keyed=True)
            if route.settled_by_topic:
                below.fixed = self.target(below, None, None)
            if len(candidate.below) >= _KEYS:
                candidate.below.clear()
            candidate.below[keys] = below
        return below

    def target(self, candidate: Candidate, body: Any, root: Any) -> RouteTarget:
        route, code = candidate.route, candidate.code
        if code is None and not isinstance(route.device, TopicTemplate):
            try:
                code = scalar_text(route.device.reach(body, root))
            except Missed:
                raise DecodeError("unknown_device", f"nothing at {route.device.text}") from None
        components = tuple(point.component.number(candidate.captures, body, root) for point in candidate.points)
        target = candidate.targets.get((code, components))
        if target is None:
            target = self._resolve(candidate, code, components)
            if isinstance(target, DecodeError) and target.reason == "unknown_device":
                raise target
            self._targets += 1
            if self._targets > _TARGETS:
                self._forget()  # a flood of made-up ids must not fill the memory
            candidate.targets[code, components] = target
        if isinstance(target, DecodeError):
            raise DecodeError(target.reason, target.detail)
        if isinstance(target, OnlyIgnored):
            raise OnlyIgnored
        return target

    def _resolve(
        self, candidate: Candidate, code: str | None, components: tuple[int | None, ...]
    ) -> RouteTarget | DecodeError | OnlyIgnored:
        device = self._directory.device(code) if code else None
        if device is None:
            return DecodeError("unknown_device", (code or "")[:120])
        if candidate.route.profiles and device.profile not in candidate.route.profiles:
            return DecodeError("unmatched", f"the route is not for profile {device.profile}")
        columns = self._columns(candidate, device, components)
        return columns if isinstance(columns, DecodeError | OnlyIgnored) else RouteTarget(device.id, columns)

    def _columns(
        self, candidate: Candidate, device: Device, components: tuple[int | None, ...]
    ) -> RouteColumns | DecodeError | OnlyIgnored:
        route, rules = candidate.route, candidate.points
        names = tuple((rule.name.text, id(rule.config)) for rule in rules)
        key = (route.index, device.profile, device.components, names, components)
        found = self._known_columns.get(key) or self._missed.get(key)
        if found is None:
            found = self._bound(route, rules, device, components)
            if isinstance(found, RouteColumns):
                self._known_columns[key] = found
            else:
                if len(self._missed) >= _MISSES:
                    self._missed.clear()  # made-up names must not fill the memory
                self._missed[key] = found
        return found

    def _bound(
        self, route: Route, rules: Sequence[PointRule], device: Device, components: tuple[int | None, ...]
    ) -> RouteColumns | DecodeError | OnlyIgnored:
        known, by_name = self._directory.points(device.profile), self._sent(device.profile)
        columns: list[RowSlot] = []
        places: list[FieldUse] = []
        lacking: list[FieldUse] = []
        for given, rule, component in zip(route.points, rules, components, strict=True):
            name = rule.name.text
            if component == 0 and (name, 0) not in known and name in by_name:
                name = by_name[name].on_device or name
            point = known.get((name, component)) if component is not None and component <= device.components else None
            if point is None:
                # a name that the topic or message brings is one of the rest that `*` stands for
                if name not in route.unwanted and not (given.name.names and "*" in route.unwanted):
                    lacking += _unbound(rule, component, device, any(name == one for one, _ in known))
                continue
            wrong = misfit(rule.config, point)
            if wrong is not None:
                self.misfits[point.id] = wrong
            self.every[point.id] = point.every
            sent = by_name.get(name, AsSent(values=point.values))
            column = Column(rule.config, point, self._directory.state_code, sent)
            columns.append(RowSlot(rule.path, column, rule.moments))
            places += map(FieldUse, rule.path.parts)
        if not columns and not lacking:
            return OnlyIgnored()
        if not columns:
            reason = next((one.reason for one in lacking if one.reason == NO_COMPONENT), "")
            detail = next(one.detail for one in lacking if not reason or one.reason == reason)
            return DecodeError("no_component", detail) if reason else DecodeError("no_points", detail)
        return RouteColumns(
            route.time_path,
            route.time_optional,
            route.moments,
            columns,
            _unread_places(route, rules, components, [*places, *(one for one in lacking if one.path.steps)]),
        )

    def part(self, hot: FastPath, document: Any) -> RowTarget | None:
        """The target of a message that names its device or component; None: the slow path has to look at it."""
        key = document[hot.split]
        if type(key) is not str and type(key) is not int:  # true and 1.0 would be found under 1
            return None
        target = hot.parts.get(key)
        if target is None:
            with suppress(DecodeError, OnlyIgnored):
                target = _row_target(self.target(hot.candidate, document, document))
            if target is not None:
                hot.parts[key] = target
        return target


def _unbound(rule: PointRule, component: int | None, device: Device, named: bool) -> list[FieldUse]:
    """Why a point of the route cannot be filled for this device, at each of its paths; a constant has the path `.`.
    Details are names and numbers: of no language."""
    name = rule.name.text
    reason, detail = NO_COMPONENT, f"{name}#{component} (1-{device.components})"
    if not named:
        reason, detail = NO_POINT, f"{device.profile}: {name}"
    elif component is None:
        where = rule.component.path.text if rule.component.path is not None else f"{{{rule.component.capture}}}"
        detail = f"{name}: {where}"
    return [FieldUse(path, reason, detail) for path in rule.path.parts or (Path(".", ()),)]


def _unread_places(
    route: Route, rules: Sequence[PointRule], components: Sequence[int | None], places: Sequence[FieldUse]
) -> UnreadPlaces:
    """What of the document (or element) is used. What stands at the top of a message of many is counted there."""
    around = route.each is not None or route.inner is not None
    paths = [route.device] if isinstance(route.device, Path) else []
    paths += [r.component.path for r, n in zip(rules, components, strict=True) if r.component.path and n is not None]
    sure = list(paths)
    paths += [rule.component.path for rule in rules if rule.component.path is not None]
    if route.time_path is not None:
        paths += route.time_path.parts
        sure += route.time_path.parts
    conditions = () if around else route.conditions
    sure += [place.path for place in (*conditions, *places) if place.reason == ""]
    used = [place for place in (*map(FieldUse, paths), *conditions, *places) if not (around and place.path.root)]
    ignored = [one for one in route.ignored if not (around and one.path.root)]
    return UnreadPlaces(route.index, used, ignored, {path.keys[0] for path in sure if path.keys})
