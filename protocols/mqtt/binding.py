"""What a topic means, worked out once and remembered until the registry changes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.domain.device import AsSent, Device
from gateway.domain.errors import DecodeError
from gateway.ports import Directory
from protocols.mqtt.column import Column, Misfit, misfit
from protocols.mqtt.lane import Lane, Shape
from protocols.mqtt.path import Missed, scalar_text
from protocols.mqtt.route import Route
from protocols.mqtt.topic import Template

LONGEST = 512
"""Bytes of a topic; messages of longer ones are dead letters."""
_TOPICS = 200_000  # topics remembered; more than that are forgotten together and learned again
_TOPIC_BYTES = 32 * 2**20  # of them all
_TARGETS = 200_000


Words = Callable[[str], Mapping[str, AsSent]]
"""Profile -> how its devices send each point, by name."""


def no_words(profile: str) -> Mapping[str, AsSent]:  # noqa: ARG001 - as Words
    """Every point is sent in its canonical unit."""
    return {}


@dataclass(slots=True)
class Target:
    device: int
    lane: Lane


class Candidate:
    """A route that a topic matches, with what the topic says. `fixed`: device and lane, when the topic tells both."""

    __slots__ = ("captures", "code", "fixed", "points", "route", "targets")

    def __init__(self, route: Route, captures: Mapping[str, str]) -> None:
        self.route = route
        self.captures = captures
        self.points = route.named(captures)
        self.code = route.device.fill(captures) if isinstance(route.device, Template) else None
        self.targets: dict[tuple[str | None, tuple[int | None, ...]], Target | DecodeError] = {}
        self.fixed: Target | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """Where rows go: `shape` is that of `lane` with all places present."""

    lane: Lane
    shape: Shape
    device: int


class Hot:
    """Messages that the hot path may take: all to one `spot`, or to `parts` by what stands at the key `split`."""

    __slots__ = ("candidate", "parts", "split", "spot", "takes_retained")

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.takes_retained = candidate.route.retained == "use"
        self.spot = None if candidate.fixed is None else _spot(candidate.fixed)
        self.split = candidate.route.split
        self.parts: dict[int | str, Spot] = {}


def _spot(target: Target) -> Spot | None:
    full = target.lane.full
    return None if full is None else Spot(target.lane, full, target.device)


class Entry:
    """What a topic means, until the registry changes. `hot`: for all its messages; `cases`: by the text at `key`."""

    __slots__ = ("candidates", "cases", "hot", "key")

    def __init__(self, candidates: list[Candidate]) -> None:
        self.candidates = candidates
        self.hot: Hot | None = None
        self.key = ""
        self.cases: dict[str, Hot | None] = {}

    def learn(self) -> None:
        """Which messages the hot path may take: those whose first holding route is plain and settled."""
        for candidate in self.candidates:
            route = candidate.route
            hot: Hot | None = None
            if route.plain:
                hot = Hot(candidate)
                hot = hot if hot.spot or hot.split else None
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

    def __init__(self, routes: Sequence[Route], directory: Directory, words: Words = no_words) -> None:
        self.known: dict[str, Entry] = {}
        self.misfits: dict[int, Misfit] = {}
        """Points that a route cannot fill (their readings are bad), by point id."""
        self.every: dict[int, int] = {}
        """The promised interval, µs, of each point that a route fills."""
        self._routes = tuple(routes)
        self._directory = directory
        self._words = words
        self._version = directory.version
        self._lanes: dict[tuple[Any, ...], Lane | None] = {}
        self._targets = self._bytes = 0

    def refresh(self) -> None:
        """Forget everything when the registry has changed."""
        if self._directory.version != self._version:
            self._version = self._directory.version
            self._forget()

    def _forget(self) -> None:
        self.known.clear()
        self._lanes.clear()
        self._targets = self._bytes = 0

    def entry(self, topic: str) -> Entry:
        """What `topic` means; remembered unless it names a device nobody knows, of which there is no end.

        Raises DecodeError for a topic that is too long.
        """
        if (size := len(topic.encode("utf-8", "surrogatepass"))) > LONGEST:
            raise DecodeError("topic_too_long", f"{size} bytes, at most {LONGEST}")
        matches = ((route, route.pattern.match(topic)) for route in self._routes)
        made = (Candidate(route, captures) for route, captures in matches if captures is not None)
        entry = Entry([candidate for candidate in made if self._meant(candidate)])
        for candidate in entry.candidates:
            if candidate.route.settled_by_topic:
                with suppress(DecodeError):  # said again, and counted, with each message
                    candidate.fixed = self.target(candidate, None, None)
        entry.learn()
        by_topic = [c for c in entry.candidates if c.route.settled_by_topic]
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

    def target(self, candidate: Candidate, body: Any, root: Any) -> Target:
        route, code = candidate.route, candidate.code
        if code is None and not isinstance(route.device, Template):
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
        return target

    def _resolve(
        self, candidate: Candidate, code: str | None, components: tuple[int | None, ...]
    ) -> Target | DecodeError:
        device = self._directory.device(code) if code else None
        if device is None:
            return DecodeError("unknown_device", (code or "")[:120])
        if candidate.route.profiles and device.profile not in candidate.route.profiles:
            return DecodeError("unmatched", f"the route is not for profile {device.profile}")
        lane = self._lane(candidate, device, components)
        if lane is None:
            return DecodeError("no_points", f"profile {device.profile} has none of the route's points")
        return Target(device.id, lane)

    def _lane(self, candidate: Candidate, device: Device, components: tuple[int | None, ...]) -> Lane | None:
        route = candidate.route
        rules = candidate.points
        key = (route.index, device.profile, tuple((rule.name.text, id(rule.config)) for rule in rules), components)
        if key in self._lanes:
            return self._lanes[key]
        known, words = self._directory.points(device.profile), self._words(device.profile)
        columns = []
        for rule, component in zip(rules, components, strict=True):
            name = rule.name.text
            point = None if component is None else known.get((name, component))
            if point is not None:
                wrong = misfit(rule.config, point)
                if wrong is not None:
                    self.misfits[point.id] = wrong
                self.every[point.id] = point.every
                column = Column(rule.config, point, self._directory.state_code, words.get(name, AsSent()))
                columns.append((rule.path, column))
        lane = Lane(route.time_path, route.time_optional, route.moments, columns) if columns else None
        self._lanes[key] = lane
        return lane

    def part(self, hot: Hot, document: Any) -> Spot | None:
        """The spot of a message that tells its device or component itself; None: the long way has to look at it."""
        told = document[hot.split]
        if type(told) is not str and type(told) is not int:  # true and 1.0 would be found under 1
            return None
        spot = hot.parts.get(told)
        if spot is None:
            with suppress(DecodeError):
                spot = _spot(self.target(hot.candidate, document, document))
            if spot is not None:
                hot.parts[told] = spot
        return spot
