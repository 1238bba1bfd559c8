"""Routes compiled from configuration: everything that does not depend on the registry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from protocols.mapping.config import DeviceAt, RouteConfig, When
from protocols.mapping.path import Each, Missed, Path, parse_ignored, parse_path, scalar_text
from protocols.mapping.payload import ReadPayload, payload_reader
from protocols.mapping.place import Constant, Joined, ValuePlace, WithTime, WithUnit
from protocols.mapping.point_config import PointMap, TimeMap, UnitAt
from protocols.mapping.samples import EVERY_SAMPLE, MOMENT, MOMENTS, Samples
from protocols.mapping.timestamp import TimestampReader
from protocols.mapping.topic import TopicPattern, TopicTemplate, parse_pattern, parse_template, point_name
from protocols.mapping.unused_fields import FieldUse, Ignored, UnreadPlaces


@dataclass(frozen=True, slots=True)
class ComponentRule:
    """A fixed number, or `capture`/`path` plus `add`."""

    fixed: int = 0
    capture: str | None = None
    path: Path | None = None
    add: int = 0

    def number(self, captures: Mapping[str, str], body: Any, root: Any) -> int | None:
        """The component, None when the message names none."""
        if self.capture is not None:
            text: str | None = captures[self.capture]
        elif self.path is not None:
            try:
                text = scalar_text(self.path.reach(body, root))
            except Missed:
                return None
        else:
            return self.fixed
        if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
            return None
        return int(text) + self.add


@dataclass(frozen=True, slots=True)
class PointRule:
    """One entry of `points`."""

    name: TopicTemplate
    component: ComponentRule
    path: ValuePlace
    config: PointMap
    moments: TimestampReader | None = None
    """Of a point that has a time of its own."""


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled route. `device`: a template over the topic, or a path in the message. `profiles`: whose devices it is
    for, empty = all.

    `beside`: what differs, by index of a point and the name its template gives. `switch`: (key, texts) when `when` asks
    for a top-level key to be one of these texts. `unwanted`: names that `ignore` lists. `outer`: the message
    around an inner document; `around`: the document around the elements. `read`: what makes a document of a payload
    that is not plain JSON. `samples`: what makes elements of lists with a time step.
    """

    index: int
    pattern: TopicPattern
    device: TopicTemplate | Path
    points: tuple[PointRule, ...]
    beside: Mapping[tuple[int, str], PointRule]
    profiles: frozenset[str]
    text: bool
    retained: str
    when: Callable[[Any], bool] | None
    conditions: tuple[FieldUse, ...]
    switch: tuple[str, frozenset[str]] | None
    inner: Path | None
    each: Each | None
    ignored: tuple[Ignored, ...]
    unwanted: frozenset[str]
    outer: UnreadPlaces | None
    around: UnreadPlaces | None
    time_path: ValuePlace | None
    moments: TimestampReader | None
    time_optional: bool
    read: ReadPayload | None
    samples: Samples | None
    nested: bool
    """Some path begins with `^`: in the element around this one."""

    def named(self, captures: Mapping[str, str]) -> tuple[PointRule, ...]:
        """The points with the names that these captures give them."""
        found = []
        for index, rule in enumerate(self.points):
            if rule.name.names:
                name = point_name(rule.name.fill(captures))
                own = self.beside.get((index, name))
                text = name if own is None else own.name.fill(captures) if own.name.text else name
                rule = replace(own or rule, name=TopicTemplate(text, ()))
            found.append(rule)
        return tuple(found)

    @property
    def plain(self) -> bool:
        """The payload's object holds the points itself."""
        return not self.text and self.inner is None and self.each is None and self.read is None

    @property
    def keyed(self) -> bool:
        """Keys of the message are data: they name devices, points or components."""
        return self.each is not None and bool(self.each.names)

    @property
    def settled_by_topic(self) -> bool:
        """Topic alone (with the keys that are data) names device and components."""
        return not self.named_by_message

    @property
    def split(self) -> str | None:
        """The one top-level key that names device or components beside the topic; None when there are more."""
        keys = {path.keys if not path.root else None for path in self.named_by_message}
        only = keys.pop() if len(keys) == 1 else None
        return only[0] if only is not None and len(only) == 1 else None

    @property
    def named_by_message(self) -> list[Path]:
        """Where device and components stand."""
        paths = [self.device] if isinstance(self.device, Path) else []
        return paths + [p.component.path for p in self.points if p.component.path is not None]


def _component(config: PointMap) -> ComponentRule:
    of = config.component
    if isinstance(of, int):
        return ComponentRule(of)
    return ComponentRule(0, of.capture, None if of.path is None else parse_path(of.path), of.add)


def _beside(config: RouteConfig, points: tuple[PointRule, ...]) -> dict[tuple[int, str], PointRule]:
    """Each templated point with what is set for one name of it. A name that stays as it is has an empty template."""
    found = {}
    for key, own in config.points.items():
        if own.placed:
            continue
        written = {name: getattr(own, name) for name in own.model_fields_set}
        for index, rule in enumerate(points):
            if rule.name.names:
                merged = rule.config.model_copy(update=written)
                name = TopicTemplate("", ()) if own.point is None else parse_template(own.point)
                found[index, point_name(key)] = _point_rule(name, merged)
    return found


def _point_rule(name: TopicTemplate, config: PointMap) -> PointRule:
    moments = None if config.time is None else TimestampReader(config.time)
    return PointRule(name, _component(config), _place(config), config, moments)


def _place(config: PointMap) -> ValuePlace:
    if config.path is None:
        return Constant(config.value)
    path = parse_path(config.path)
    place = WithUnit(path, parse_path(config.unit.path)) if isinstance(config.unit, UnitAt) else path
    return place if config.time is None else WithTime(place, _time_place(config.time), config.time.absent == "receive")


def _time_place(config: TimeMap) -> ValuePlace:
    paths = tuple(parse_path(text) for text in config.paths)
    return paths[0] if len(paths) == 1 else Joined(paths)


def _surroundings(
    index: int,
    config: RouteConfig,
    points: tuple[PointRule, ...],
    ignored: tuple[Ignored, ...],
    samples: Samples | None,
) -> tuple[UnreadPlaces | None, UnreadPlaces | None]:
    """What counts in the message around an inner document, and in the document around the elements."""
    conditions = [place_of(when) for when in config.when]
    paths = [path for point in points for path in point.path.parts]
    paths += [point.component.path for point in points if point.component.path is not None]
    paths += [] if config.time is None or samples is not None else _time_place(config.time).parts
    paths += [parse_path(config.device.path)] if isinstance(config.device, DeviceAt) else []
    top = [*conditions, *(FieldUse(path) for path in paths if path.root)]
    above = [one for one in ignored if one.path.root]
    outer = around = None
    if config.inner is not None:
        outer = UnreadPlaces(index, [*top, FieldUse(parse_path(config.inner))], above)
        top, above = [], []
    if samples is not None:
        around = UnreadPlaces(index, [*top, *map(FieldUse, samples.paths)], above)
    elif config.elements is not None:
        around = UnreadPlaces(index, [*top, FieldUse(config.elements.head)], above)
    return outer, around


def place_of(when: When) -> FieldUse:
    """The place that a condition reads."""
    return FieldUse(parse_path(when.path), "" if when.exists is None else None)


def _conditions(config: RouteConfig) -> Callable[[Any], bool] | None:
    """All of them; None = there is none."""
    all_of = [_condition(when) for when in config.when]
    if len(all_of) < 2:
        return all_of[0] if all_of else None
    return lambda root: all(holds(root) for holds in all_of)


def _condition(when: When) -> Callable[[Any], bool]:
    path = parse_path(when.path)
    values = when.equals if isinstance(when.equals, tuple) else (when.equals,)
    texts = frozenset(scalar_text(value) for value in values)
    exists = when.exists

    def holds(root: Any) -> bool:
        try:
            found = path.reach(root, root)
        except Missed:
            return exists is False
        if exists is not None:
            return exists
        text = scalar_text(found)
        return text is not None and text in texts

    return holds


def _switch(when: When) -> tuple[str, frozenset[str]] | None:
    keys = parse_path(when.path).keys
    values = when.equals if isinstance(when.equals, tuple) else (when.equals,)
    if when.exists is not None or keys is None or len(keys) != 1:
        return None
    return keys[0], frozenset(text for text in map(scalar_text, values) if text is not None)


def compile_route(index: int, config: RouteConfig) -> Route:
    """A validated RouteConfig -> Route."""
    points = tuple(
        _point_rule(parse_template(point.point or key), point) for key, point in config.points.items() if point.placed
    )
    moments = None if config.time is None else TimestampReader(config.time)
    time_path = None if config.time is None else _time_place(config.time)
    samples = None
    if config.samples is not None and moments is not None and time_path is not None:
        samples = Samples(config.samples, time_path, moments)
        time_path, moments = MOMENT, MOMENTS
    ignored = tuple(Ignored(*parse_ignored(text)) for text in config.ignore)
    outer, around = _surroundings(index, config, points, ignored, samples)
    nested = any(path.steps[:1] == ("^",) for path in _paths(config, points, time_path))
    return Route(
        index=index,
        pattern=parse_pattern(config.filter),
        device=parse_path(config.device.path) if isinstance(config.device, DeviceAt) else parse_template(config.device),
        points=points,
        beside=_beside(config, points),
        profiles=frozenset(config.profiles),
        text=config.is_text,
        retained=config.retained,
        when=_conditions(config),
        conditions=tuple(place_of(when) for when in config.when),
        switch=_switch(config.when[0]) if len(config.when) == 1 else None,
        inner=None if config.inner is None else parse_path(config.inner),
        each=EVERY_SAMPLE if samples is not None else config.elements,
        ignored=(*ignored, Ignored(Path("^", ("^",)), rest=True)) if nested else ignored,
        unwanted=frozenset(point_name(text) for text in config.ignore) | frozenset(config.ignore),
        outer=outer,
        around=around,
        time_path=time_path,
        moments=moments,
        time_optional=config.time is not None and config.time.absent == "receive",
        read=payload_reader(config),
        samples=samples,
        nested=nested,
    )


def _paths(config: RouteConfig, points: tuple[PointRule, ...], time: ValuePlace | None) -> list[Path]:
    """All that point into one element."""
    paths = [path for point in points for path in point.path.parts]
    paths += [point.component.path for point in points if point.component.path is not None]
    paths += [parse_path(config.device.path)] if isinstance(config.device, DeviceAt) else []
    return paths + ([] if time is None else list(time.parts))
