"""Models and routes -> files of a project: main file, profiles, list of devices. Pure: values in, texts out."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.device import PointKind
from gateway.domain.text import Lang, localize
from gateway.probe.topic_groups import CODE
from gateway.probe.values import FoundModel, FoundPoint, FoundRoute, PresenceFacts
from gateway.settings.profiles import LoadedProfile
from gateway.starter.yaml_and_csv_text import cell, quoted

ANY = "any"
"""Key of the templated point of a route."""
PRESENCE = "presence"
LISTED = 20_000


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is: `keys` of the source, as written in the main file, in order."""

    name: str
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProjectAnswers:
    """Name, zone and language of the project."""

    name: str
    timezone: str
    lang: Lang


def project_files(
    answers: ProjectAnswers,
    broker: Broker,
    models: Iterable[FoundModel],
    presence: Iterable[PresenceFacts],
    library: Mapping[str, LoadedProfile],
) -> dict[str, str]:
    """Path in the project -> text."""
    found = list(models)
    topics = list(presence)
    own = [model for model in found if not model.library]
    has_presence = bool(own) and bool(topics)
    made = {
        "gateway.yaml": "\n".join(_main(answers, broker, found, topics if has_presence else [])) + "\n",
        "devices.csv": "".join(_devices(answers.lang, found)),
        "rules/.gitkeep": "",
        ".gitignore": "var/\nsecrets/\n",
    }
    for model in own:
        made[f"profiles/{model.id}.yaml"] = "\n".join(_profile(answers.lang, model, presence=has_presence)) + "\n"
    for model in found:
        if model.library:
            source = Path(library[model.library].file)
            made[f"profiles/{source.name}"] = source.read_text("utf-8")
    return made


def _main(
    answers: ProjectAnswers, broker: Broker, models: list[FoundModel], presence: list[PresenceFacts]
) -> Iterator[str]:
    yield f"# {localize('probe.note.main', answers.lang)}"
    yield f"name: {quoted(answers.name)}"
    yield f"timezone: {answers.timezone}"
    yield f"language: {answers.lang}"
    yield "data_dir: var"
    yield "registry: {devices: devices.csv}"
    yield "profiles: profiles"
    yield "rules: rules"
    yield ""
    yield "sources:"
    yield f"  {quoted(broker.name)}:"
    for key, value in broker.keys.items():
        yield f"    {key}: {value}"
    if presence:
        yield "    presence:"
        yield "      topics:"
        yield from (f"      - {_presence(one)}" for one in presence)
    yield "    routes:"
    routes = [(route, model) for model in models for route in model.routes]
    several = {
        route.filter
        for route, model in routes
        if any(other.filter == route.filter and of is not model for other, of in routes)
    }
    unlike = _unlike(models)
    for route, model in sorted(routes, key=lambda one: _order(one[0])):
        named = route.filter in several or any(point.name in unlike for point in route.points)
        yield from _route(route, model, answers, named=named)


def _unlike(models: list[FoundModel]) -> set[str]:
    """Names of points that are not the same thing in all models which have them."""
    found: dict[str, set[object]] = {}
    for model in models:
        for name, point in model.points.items():
            what = model.library or (point.kind is PointKind.STATE, point.connectors, point.unit)
            found.setdefault(name, set()).add(what)
    return {name for name, whats in found.items() if len(whats) > 1}


def _order(route: FoundRoute) -> tuple[bool, int, float, str, bool]:
    """Narrow filters before those that cover them; of one filter the one without a condition last."""
    levels = route.filter.split("/")
    holes = sum(1.0 if level.startswith("{") and level.endswith("}") else 0.5 for level in levels if "{" in level)
    rest = route.filter.endswith("*}")
    return rest, -len(levels) if rest else 0, holes, route.filter, not route.when


def _presence(one: PresenceFacts) -> str:
    parts = [f"topic: {quoted(one.topic)}"]
    if one.device != "{device}":
        parts.append(f"device: {quoted(one.device)}")
    if one.path:
        parts.append(f"path: {quoted(one.path)}")
    for key, words in (("online", one.online), ("offline", one.offline)):
        if words != (key,):
            written = ", ".join(_scalar(word) for word in words)
            parts.append(f"{key}: {written if len(words) == 1 else f'[{written}]'}")
    return "{" + ", ".join(parts) + "}"


def _scalar(value: object) -> str:
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def _route(route: FoundRoute, model: FoundModel, answers: ProjectAnswers, *, named: bool) -> Iterator[str]:
    yield f"    - filter: {quoted(route.filter)}"
    yield (
        f"      device: {{path: {quoted(route.device)}}}"
        if route.device_path
        else f"      device: {quoted(route.device)}"
    )
    if named:
        yield f"      profiles: [{quoted(model.library or model.id)}]"
    if route.payload:
        yield f"      payload: {route.payload}"
    if route.when:
        yield f"      when: {{path: {quoted(route.when)}, exists: true}}"
    if route.inner:
        yield f"      inner: {quoted(route.inner)}"
    if route.each:
        yield f"      each: {quoted(route.each)}"
    if route.time is not None:
        yield f"      time: {_time(route.time, answers.timezone)}"
        if route.retained:
            yield f"      retained: use   # {localize('probe.note.retained', answers.lang)}"
    ours = {name: theirs for theirs, name in model.names.items()}
    points = [point for point in route.points if not model.library or point.name in ours]
    yield "      points:" if points else "      points: {}"
    if route.fields:
        yield from _fields(route, points, ours)
    else:
        yield from _places(route, points, ours)
    ignored = [*route.ignore, *(point.field or point.path for point in route.points if point not in points)]
    written = [path for path in dict.fromkeys(ignored) if path and path != "." and not route.fields]
    if written or route.rest:
        yield f"      ignore: [{', '.join(map(quoted, ['*'] if route.rest else written))}]"


def _time(time: tuple[tuple[str, ...], str], zone: str) -> str:
    paths, unit = time
    path = quoted(paths[0]) if len(paths) == 1 else f"[{', '.join(map(quoted, paths))}]"
    local = "" if unit in ("s", "ms", "us", "ns") else f", zone: {zone}"
    return f"{{path: {path}, unit: {quoted(unit)}{local}, absent: receive}}"


def _places(route: FoundRoute, points: list[FoundPoint], ours: Mapping[str, str]) -> Iterator[str]:
    keys: set[str] = set()
    for point in points:
        name = ours.get(point.name, point.name)
        key = f"{name}_{point.component}" if point.component else name
        while key in keys:
            key += "_"
        keys.add(key)
        parts = [f"path: {quoted(point.path)}"]
        if key != name:
            parts.append(f"point: {quoted(name)}")
        if component := _component(route, point):
            parts.append(component)
        yield f"        {quoted(key)}: {{{', '.join([*parts, *_how(point, in_library=bool(ours))])}}}"


def _fields(route: FoundRoute, points: list[FoundPoint], ours: Mapping[str, str]) -> Iterator[str]:
    """One templated point, and beside it what differs for single names."""
    places = {point.path for point in points}
    parts = [f"path: {quoted(next(iter(places), '.'))}", 'point: "{field}"']
    if points and (component := _component(route, points[0])):
        parts.append(component)
    yield f"        {ANY}: {{{', '.join(parts)}}}"
    keys = {ANY}
    for point in points:
        name = ours.get(point.name, point.name)
        how = list(_how(point, in_library=bool(ours)))
        if (name == point.field and not how) or _plain(point.field) in keys:
            continue
        keys.add(_plain(point.field))
        yield f"        {quoted(point.field)}: {{{', '.join([f'point: {quoted(name)}', *how])}}}"


def _plain(field: str) -> str:
    """As the gateway compares names that were captured."""
    return "".join(c if c.isalnum() or c == "_" else "_" for c in field)


def _component(route: FoundRoute, point: FoundPoint) -> str:
    if point.component:
        return f"component: {point.component}"
    add = f", add: {route.add}" if route.add else ""
    if point.each and route.capture:
        return f"component: {{capture: {route.capture}{add}}}"
    return f"component: {{path: {quoted(route.component_path)}{add}}}" if point.each else ""


def _how(point: FoundPoint, *, in_library: bool) -> Iterator[str]:
    """What the message does with the value. The unit is that of the profile, unless the message or a profile of the
    library has another one."""
    if point.comma:
        yield 'decimal: ","'
    if point.missing:
        yield f"missing: [{', '.join(f'{number:g}' for number in point.missing)}]"
    if point.texts:
        yield "map: {" + ", ".join(f"{_scalar(raw)}: {quoted(text)}" for raw, text in point.texts) + "}"
    if point.scale != 1:
        yield f"scale: {point.scale:.12g}"
    if point.offset:
        yield f"offset: {point.offset:.12g}"
    if point.unit_path:
        texts = ", ".join(f"{quoted(text)}: {quoted(unit)}" for text, unit in point.unit_texts.items())
        yield f"unit: {{path: {quoted(point.unit_path)}{f', map: {{{texts}}}' if texts else ''}}}"
    elif in_library and point.named:
        yield f"unit: {quoted(point.unit)}"


def _profile(lang: Lang, model: FoundModel, *, presence: bool) -> Iterator[str]:
    yield f"# {localize('probe.note.profile', lang)}"
    yield f"id: {quoted(model.id)}"
    yield f"kind: {quoted(model.id)}"
    yield f"source: {quoted(localize('probe.note.source', lang))}"
    if model.components:
        yield f"components: {model.components}"
    yield "points:"
    for name, point in model.points.items():
        parts = [] if point.kind is PointKind.GAUGE else [f"kind: {point.kind.value}"]
        if point.kind is not PointKind.STATE:
            parts += [f"unit: {quoted(point.unit)}"] if point.unit else []
        elif point.values:
            parts.append(f"values: [{', '.join(quoted(value) for value in dict.fromkeys(point.values))}]")
        parts += ["each: true"] if point.connectors else []
        if point.kind is not PointKind.STATE and point.low is not None and point.high is not None:
            parts.append(f"plausible: {{min: {point.low:.12g}, max: {point.high:.12g}}}")
        if point.title and point.title != name:
            parts.append(f"title: {quoted(point.title)}")
        unsure = "unit" if not point.unit and point.kind is not PointKind.STATE else ""
        unsure = unsure or ("" if point.named or not point.unit else "guess")
        note = f"   # {localize(f'probe.note.{unsure}', lang)}" if unsure else ""
        yield f"  {quoted(name)}: {{{', '.join(parts)}}}{note}"
    if presence and PRESENCE not in model.points:
        yield f"  {PRESENCE}: {{kind: state, values: [online, offline]}}"


def _devices(lang: Lang, models: Iterable[FoundModel]) -> Iterator[str]:
    heads = ("设备编号", "名称", "型号", "枪数") if lang == "zh" else ("code", "name", "profile", "components")
    yield ",".join(heads) + "\n"
    count = 0
    for model in models:
        for code in model.devices:
            if CODE.fullmatch(code) and count < LISTED:
                count += 1
                components = str(model.components) if model.components else ""
                yield ",".join(map(cell, (code, code, model.library or model.id, components))) + "\n"
