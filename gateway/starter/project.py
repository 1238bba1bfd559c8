"""Files of a small new project: one broker, device, rule and endpoint. Pure: answers in, texts out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Any

from gateway.domain.device import PointKind, PointSpec
from gateway.domain.text import Lang, localize
from gateway.domain.units import parse_unit
from gateway.settings.profiles import LoadedProfile
from gateway.starter.device_source import PUSH_FILE, is_pushed, source_lines
from gateway.starter.first_rule import MappedPoint, RuleLimit, after, as_sent, limit_of, rounded_up, rule
from gateway.starter.library import matches
from gateway.starter.modbus_device import LINK, ModbusAnswers, source, specs, with_value
from gateway.starter.modbus_device import profile as map_profile
from gateway.starter.sample import ProposedPoint, Sample, read_sample
from gateway.starter.yaml_and_csv_text import cell, quoted
from protocols.mapping.path import Missed, Path, parse_path

SECRETS = ("secrets/oa.secret", "secrets/mqtt.password", PUSH_FILE)
LISTED = 200
"""Largest number of devices of a sample put into the list."""


@dataclass(frozen=True, slots=True)
class InitAnswers:
    """Answers of the user. `topic`: topic of the device; `profile`: one of the library, None = made from the sample,
    with kind `kind`; `username` "" = the broker needs none. `modbus`: a Modbus device; then there is no broker and no
    sample. `source`: the source that belongs to the profile; then there is no sample either."""

    name: str
    timezone: str
    lang: Lang
    broker: str
    device: str
    device_name: str
    topic: str
    endpoint: str
    sample: object
    profile: LoadedProfile | None = None
    kind: str = "device"
    username: str = ""
    password: str = ""
    secret: str = ""
    modbus: ModbusAnswers | None = None
    source: str = ""
    token: str = ""


def sample_of(profile: LoadedProfile) -> dict[str, Any]:
    """Message with every point of this profile by its name."""
    found: dict[str, Any] = {"ts": 1_767_225_600_000}
    if any(spec.each for spec in profile.profile.points):
        found["connector"] = 1
    for spec in profile.profile.points:
        unit = profile.declared.get(spec.name, "")
        low, high = as_sent(spec.plausible.min, unit), as_sent(spec.plausible.max, unit)
        if spec.kind is PointKind.STATE:
            values = [value for value in spec.values if value not in spec.missing]
            found[spec.name] = values[0] if values else "yes"
        else:
            found[spec.name] = _ordinary(low, high)
    return found


def _ordinary(low: float | None, high: float | None) -> float:
    """A value within the limits that raises no alarm."""
    if high is None:
        return 20.0
    if high <= 0:
        return high - 1.0 if low is None else round((low + high) / 2)
    least = max(low or 0.0, 0.0)
    return rounded_up(least + (high - least) * 0.2)


def files(answers: InitAnswers) -> dict[str, str]:
    """Path in the project -> text. Those in `SECRETS` are readable by their owner only."""
    if answers.modbus is not None:
        return _of_registers(answers, answers.modbus)
    if answers.source and answers.profile is not None:
        return _of_source(answers, answers.profile)
    sample = read_sample(answers.sample, answers.device)
    if answers.profile is not None:
        sample = replace(sample, points=_by_name(sample.points, answers.profile))
    profile = answers.profile.profile.id if answers.profile is not None else _word(answers.device)
    points = list(_points(answers, sample))
    made = {
        "gateway.yaml": _main(answers, _broker(answers, sample, points, profile)),
        "devices.csv": _devices(answers, sample, profile),
        "rules/first.yaml": rule(_kind(answers), answers.lang, points, limit_of(points)),
        "sample.json": json.dumps(answers.sample, ensure_ascii=False) + "\n",
        **_always(answers),
    }
    if answers.profile is None:
        made[f"profiles/{profile}.yaml"] = _profile(answers, sample, profile)
    if answers.username:
        made["secrets/mqtt.password"] = answers.password + "\n"
    return made


def _always(answers: InitAnswers) -> dict[str, str]:
    return {".gitignore": "var/\nsecrets/\n", "secrets/oa.secret": answers.secret + "\n"}


def _of_registers(answers: InitAnswers, device: ModbusAnswers) -> dict[str, str]:
    profile = answers.profile.profile.id if answers.profile is not None else _word(answers.device)
    points = _registers(answers, device)
    heads = ("设备编号", "名称", "型号") if answers.lang == "zh" else ("code", "name", "profile")
    rows = (
        (*heads, "modbus_link", "modbus_unit"),
        (answers.device, answers.device_name, profile, LINK, str(device.unit)),
    )
    made = {
        "gateway.yaml": _main(answers, source(device, answers.lang)),
        "devices.csv": "".join(",".join(map(cell, row)) + "\n" for row in rows),
        "rules/first.yaml": rule(_kind(answers), answers.lang, points, _limit_read(points, device)),
        **_always(answers),
    }
    if answers.profile is None:
        made[f"profiles/{profile}.yaml"] = map_profile(device, profile, answers.kind, answers.lang)
    else:
        made[f"profiles/{profile}.yaml"] = File(answers.profile.file).read_text("utf-8")
    return made


def _of_source(answers: InitAnswers, profile: LoadedProfile) -> dict[str, str]:
    source = source_lines(answers.source, answers.broker, answers.name, answers.username)
    points = sorted(_profile_points(profile), key=lambda point: (point.spec.every == 0, point.spec.name == "presence"))
    made = {
        "gateway.yaml": _main(answers, source),
        "devices.csv": _devices(answers, read_sample({}, answers.device), profile.profile.id),
        "rules/first.yaml": rule(_kind(answers), answers.lang, points, None),
        **_always(answers),
    }
    if answers.username:
        made["secrets/mqtt.password"] = answers.password + "\n"
    if is_pushed(answers.source):
        made[PUSH_FILE] = answers.token + "\n"
    return made


def _profile_points(profile: LoadedProfile) -> Iterable[MappedPoint]:
    for spec in profile.profile.points:
        unit = profile.declared.get(spec.name, "")
        value = spec.values[0] if spec.values else 20.0
        yield MappedPoint(spec, ProposedPoint(spec.name, "", spec.kind, unit, value), unit)


def _registers(answers: InitAnswers, device: ModbusAnswers) -> list[MappedPoint]:
    if answers.profile is None:
        return [
            MappedPoint(spec, with_value(proposed, device), proposed.unit) for spec, proposed in specs(device.registers)
        ]
    return [replace(one, guess=with_value(one.guess, device)) for one in _profile_points(answers.profile)]


def _limit_read(points: list[MappedPoint], device: ModbusAnswers) -> RuleLimit | None:
    return limit_of([point for point in points if point.spec.name in (device.values or {})])


def read(answers: InitAnswers, rows: Iterable[tuple[str, float]]) -> dict[str, float]:
    """(point, canonical value) of a poll -> values in the units of the registers; of several connectors the first."""
    units = {point.spec.name: point.unit for point in _registers(answers, answers.modbus or ModbusAnswers(""))}
    found: dict[str, float] = {}
    for name, value in rows:
        sent = as_sent(value, units.get(name, ""))
        if sent is not None:
            found.setdefault(name, float(f"{sent:.6g}"))
    return found


def above(answers: InitAnswers) -> str:
    """Condition of the rule of a Modbus device: `temp > 27 degC`; "" when it is about silence."""
    limit = _limit_read(_registers(answers, answers.modbus), answers.modbus) if answers.modbus is not None else None
    return "" if limit is None else f"{limit.point.spec.name} > {limit.limit:g}{after(limit.point.unit)}"


def trigger(answers: InitAnswers) -> str:
    """The sample with a value above the limit of the rule; "" when the rule has none."""
    if answers.modbus is not None or answers.source:
        return ""
    sample = read_sample(answers.sample, answers.device)
    limit = limit_of(list(_points(answers, sample)))
    if limit is None:
        return ""
    message = json.loads(json.dumps(answers.sample))
    try:
        node, last = _owner(message, sample, limit.point.guess.path)
        node[last] = limit.high
        if sample.time is not None:
            node, last = _owner(message, sample, sample.time[0])
            node.pop(last, None)
    except Missed:  # missing from the first element
        return ""
    return json.dumps(message, ensure_ascii=False)


def _owner(message: Any, sample: Sample, text: str) -> tuple[Any, Any]:
    """(container, key) of the place `text` in a message; with several elements, in the first."""
    path = parse_path(text)
    element = Path("", sample.first).reach(message, message)
    return Path("", path.steps[:-1], path.root).reach(element, message), path.steps[-1]


def _by_name(points: Iterable[ProposedPoint], profile: LoadedProfile) -> tuple[ProposedPoint, ...]:
    """Keep the name of places whose key is the name of a point of the profile."""
    known = {spec.name for spec in profile.profile.points}
    return tuple(replace(one, name=one.path) if one.path in known else one for one in points)


def _points(answers: InitAnswers, sample: Sample) -> Iterable[MappedPoint]:
    if answers.profile is not None:
        sample = replace(sample, points=_by_name(sample.points, answers.profile))
        found = matches(sample, answers.profile)
        for name, first in found.items():
            spec = answers.profile.profile.point(name)
            alike = {
                proposed.component: proposed for proposed in reversed(sample.points) if proposed.name == first.name
            }
            for proposed in sorted(alike.values(), key=lambda one: one.component):
                if spec is not None:
                    yield MappedPoint(spec, proposed, answers.profile.declared.get(name, ""))
        return
    for proposed in sample.points:
        values = (str(proposed.value),) if isinstance(proposed.value, str) else ()
        each = _of_connector(sample, proposed)
        yield MappedPoint(
            PointSpec(proposed.name, proposed.kind, proposed.unit, values=values, each=each), proposed, proposed.unit
        )


def _of_connector(sample: Sample, proposed: ProposedPoint) -> bool:
    return proposed.component > 0 or (sample.component is not None and not proposed.path.startswith("$"))


def _main(answers: InitAnswers, source: list[str]) -> str:
    def note(key: str, **fields: object) -> str:
        return "# " + localize(f"init.note.{key}", answers.lang, **fields)

    lines = [
        note("main"),
        f"name: {quoted(answers.name)}",
        f"timezone: {answers.timezone}",
        f"language: {answers.lang}",
        f"data_dir: var                  {note('data')}",
        f"registry: {{devices: devices.csv}}   {note('devices')}",
        "profiles: profiles",
        "rules: rules",
        "",
        "sources:",
        *source,
    ]
    lines += [
        "",
        "endpoints:",
        f"  oa:                            {note('endpoint')}",
        "    type: webhook",
        f"    url: {quoted(answers.endpoint)}",
        f"    secret_file: secrets/oa.secret   {note('secret')}",
        f"    allow: [127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]   {note('allow')}",
    ]
    lines += ["", "desk:", f"  order_types: {{repair: {{}}}}      {note('types')}", ""]
    return "\n".join(lines)


def _broker(answers: InitAnswers, sample: Sample, points: list[MappedPoint], profile: str) -> list[str]:
    def note(key: str, **fields: object) -> str:
        return "# " + localize(f"init.note.{key}", answers.lang, **fields)

    lines = [
        f"  broker:                        {note('source')}",
        "    type: mqtt",
        f"    url: {quoted(answers.broker)}",
        f"    client_id: {quoted(answers.name)}       {note('client')}",
    ]
    if answers.username:
        lines += [f"    username: {quoted(answers.username)}", "    password_file: secrets/mqtt.password"]
    return [
        *lines,
        "    routes:",
        f"    {note('route', topic=answers.topic)}",
        *_route(answers, sample, points, profile),
    ]


def _route(answers: InitAnswers, sample: Sample, points: list[MappedPoint], profile: str) -> list[str]:
    levels = answers.topic.split("/")
    inside = bool(sample.each and sample.device) and (not sample.codes or answers.device in sample.codes)
    named = answers.device in levels and not inside
    topic = "/".join("{device}" if level == answers.device else level for level in levels)
    device = (
        '"{device}"' if named else f"{{path: {quoted(sample.device)}}}" if sample.device else quoted(answers.device)
    )
    if sample.device == "{key}":
        device = '"{key}"'
    lines = [f"    - filter: {quoted(topic)}", f"      device: {device}"]
    if sample.each:
        lines.append(f"      each: {quoted(sample.each)}")
    if sample.time is not None:
        lines.append(f"      time: {{path: {quoted(sample.time[0])}, unit: {sample.time[1]}, absent: receive}}")
    if not named and not sample.device:
        lines.append(f"      profiles: [{quoted(profile)}]")
    if sample.plain_keys:
        lines.append(f"      ignore: [{', '.join(map(quoted, sample.plain_keys))}]")
    lines.append("      points:")
    used = {point.spec.name for point in points}
    for point in points:
        parts = [f"path: {quoted(point.guess.path)}"]
        number = point.guess.component if point.spec.each else 0
        if number:
            parts += [f"point: {quoted(point.spec.name)}", f"component: {number}"]
        elif point.spec.each and sample.component is not None:
            path, add = sample.component
            parts.append(f"component: {{path: {quoted(path)}{', add: 1' if add else ''}}}")
        elif point.spec.each:
            parts.append("component: 1")
        if answers.profile is not None and point.guess.unit_named and _fits(point.guess.unit, point.unit):
            parts.append(f"unit: {point.guess.unit}")
        if isinstance(point.guess.value, bool):
            parts.append("map: {true: 'on', false: 'off'}")
        name = f"{point.spec.name}_{number}" if number else point.spec.name
        while number and name in used:
            name += "_"
        used.add(name)
        lines.append(f"        {name}: {{{', '.join(parts)}}}")
    return lines


def _fits(named: str, declared: str) -> bool:
    """True if the message's unit is another unit of the same dimension as the profile's."""
    return named != declared and parse_unit(named).dimension == parse_unit(declared).dimension


def _devices(answers: InitAnswers, sample: Sample, profile: str) -> str:
    heads = ("设备编号", "名称", "型号") if answers.lang == "zh" else ("code", "name", "profile")
    others = [code for code in sample.codes if answers.device in sample.codes and code != answers.device]
    rows = [(answers.device, answers.device_name, profile), *((code, code, profile) for code in others[:LISTED])]
    return "".join(",".join(map(cell, row)) + "\n" for row in (heads, *rows))


def _profile(answers: InitAnswers, sample: Sample, name: str) -> str:
    lines = [
        "# " + localize("init.note.profile", answers.lang),
        f"id: {quoted(name)}",
        f"kind: {answers.kind}",
        f"source: {quoted(localize('init.source', answers.lang))}",
    ]
    if sample.component is not None or sample.components:
        lines.append(f"components: {max(2, sample.components)}")
    lines.append("points:")
    named: dict[str, ProposedPoint] = {}
    for one in sample.points:
        named.setdefault(one.name, one)
    for proposed in named.values():
        parts: dict[str, str] = {} if proposed.kind is PointKind.GAUGE else {"kind": proposed.kind.value}
        if proposed.unit:
            parts["unit"] = proposed.unit
        if _of_connector(sample, proposed):
            parts["each"] = "true"
        if isinstance(proposed.value, bool):
            parts["values"] = "['off', 'on']"
        elif isinstance(proposed.value, str) and 0 < len(proposed.value) <= 64:
            parts["values"] = f"[{quoted(proposed.value)}]"
        unsure = not proposed.unit and proposed.kind is PointKind.GAUGE
        inside = ", ".join(f"{key}: {value}" for key, value in parts.items())
        note = f"   # {localize('init.note.unit', answers.lang)}" if unsure else ""
        lines.append(f"  {proposed.name}: {{{inside}}}{note}")
    return "\n".join(lines) + "\n"


def _kind(answers: InitAnswers) -> str:
    return answers.profile.profile.kind if answers.profile is not None else answers.kind


def _word(code: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in code.lower()).strip("_-")
    return f"model_{kept}"[:60] if kept else "model"
