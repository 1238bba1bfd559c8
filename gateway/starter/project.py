"""The files of a small project of one's own: one broker, device, rule and endpoint. Pure: answers in, texts out."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.device import PointKind, PointSpec
from gateway.domain.text import Lang, say
from gateway.domain.units import parse_unit
from gateway.settings.profiles import LoadedProfile
from gateway.starter.library import matches
from gateway.starter.sample import Guess, Sample, look
from protocols.mqtt.path import Path, parse_path

SECRETS = ("secrets/oa.secret", "secrets/mqtt.password")
LISTED = 200
"""Devices of a sample that are put into the list."""
LIMIT = 1.25
"""The limit of the rule, times what the sample shows."""


@dataclass(frozen=True, slots=True)
class InitAnswers:
    """What a person said. `topic`: where the device publishes; `profile`: one of the library, None = made from the
    sample, then of `kind`; `username` "" = the broker asks for none."""

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


@dataclass(frozen=True, slots=True)
class MappedPoint:
    """A point of the profile, the place of the message that fills it, and what is there."""

    spec: PointSpec
    guess: Guess
    unit: str


@dataclass(frozen=True, slots=True)
class RuleLimit:
    """The rule: `point` above `limit` raises; `normal` and `high` are values below and above it."""

    point: MappedPoint
    normal: float
    limit: float
    high: float


def sample_of(profile: LoadedProfile) -> dict[str, Any]:
    """A message in which a device of this profile says every point by its name."""
    found: dict[str, Any] = {"ts": 1_767_225_600_000}
    if any(spec.each for spec in profile.profile.points):
        found["connector"] = 1
    for spec in profile.profile.points:
        unit = profile.declared.get(spec.name, "")
        low, high = _as_sent(spec.plausible.min, unit), _as_sent(spec.plausible.max, unit)
        if spec.kind is PointKind.STATE:
            said = [value for value in spec.values if value not in spec.missing]
            found[spec.name] = said[0] if said else "yes"
        else:
            found[spec.name] = _ordinary(low, high)
    return found


def _ordinary(low: float | None, high: float | None) -> float:
    """A value nobody wonders about."""
    if high is None:
        return 20.0
    if high <= 0:
        return high - 1.0 if low is None else round((low + high) / 2)
    least = max(low or 0.0, 0.0)
    return _nice(least + (high - least) * 0.2)


def _as_sent(canonical: float | None, unit: str) -> float | None:
    """A bound in the unit that devices send."""
    if canonical is None:
        return None
    parsed = parse_unit(unit)
    return (canonical - parsed.offset) / parsed.factor


def files(answers: InitAnswers) -> dict[str, str]:
    """Path in the project -> text. Those in `SECRETS` are for their owner alone."""
    sample = look(answers.sample, answers.device)
    if answers.profile is not None:
        sample = replace(sample, points=_by_name(sample.points, answers.profile))
    profile = answers.profile.profile.id if answers.profile is not None else _word(answers.device)
    points = list(_points(answers, sample))
    made = {
        "gateway.yaml": _main(answers, sample, points, profile),
        "devices.csv": _devices(answers, sample, profile),
        "rules/first.yaml": _rule(answers, points),
        "sample.json": json.dumps(answers.sample, ensure_ascii=False) + "\n",
        ".gitignore": "var/\nsecrets/\n",
        "secrets/oa.secret": answers.secret + "\n",
    }
    if answers.profile is None:
        made[f"profiles/{profile}.yaml"] = _profile(answers, sample, profile)
    if answers.username:
        made["secrets/mqtt.password"] = answers.password + "\n"
    return made


def trigger(answers: InitAnswers) -> str:
    """The sample with a value above the limit of the rule; "" when the rule has none."""
    sample = look(answers.sample, answers.device)
    limit = _limit(list(_points(answers, sample)))
    if limit is None:
        return ""
    message = json.loads(json.dumps(answers.sample))
    node, last = _owner(message, sample, limit.point.guess.path)
    node[last] = limit.high
    if sample.time is not None:
        node, last = _owner(message, sample, sample.time[0])
        node.pop(last, None)
    return json.dumps(message, ensure_ascii=False)


def _owner(message: Any, sample: Sample, text: str) -> tuple[Any, Any]:
    """What holds the place `text` of a message, of many elements that of the first; and its key there."""
    path = parse_path(text)
    element = Path("", sample.first).reach(message, message)
    return Path("", path.steps[:-1], path.root).reach(element, message), path.steps[-1]


def _by_name(points: Iterable[Guess], profile: LoadedProfile) -> tuple[Guess, ...]:
    """Places whose key is the name of a point of the profile keep it."""
    known = {spec.name for spec in profile.profile.points}
    return tuple(replace(one, name=one.path) if one.path in known else one for one in points)


def _points(answers: InitAnswers, sample: Sample) -> Iterable[MappedPoint]:
    if answers.profile is not None:
        found = matches(replace(sample, points=_by_name(sample.points, answers.profile)), answers.profile)
        for name, first in found.items():
            spec = answers.profile.profile.point(name)
            for guess in sample.points:
                if spec is not None and guess.name == first.name:
                    yield MappedPoint(spec, guess, answers.profile.declared.get(name, ""))
        return
    for guess in sample.points:
        values = (str(guess.value),) if isinstance(guess.value, str) else ()
        each = _of_connector(sample, guess)
        yield MappedPoint(PointSpec(guess.name, guess.kind, guess.unit, values=values, each=each), guess, guess.unit)


def _of_connector(sample: Sample, guess: Guess) -> bool:
    return guess.component > 0 or (sample.component is not None and not guess.path.startswith("$"))


def _main(answers: InitAnswers, sample: Sample, points: list[MappedPoint], profile: str) -> str:
    def note(key: str, **fields: object) -> str:
        return "# " + say(f"init.note.{key}", answers.lang, **fields)

    lines = [
        note("main"), f"name: {_text(answers.name)}", f"timezone: {answers.timezone}", f"language: {answers.lang}",
        f"data_dir: var                  {note('data')}",
        f"registry: {{devices: devices.csv}}   {note('devices')}",
        "profiles: profiles", "rules: rules", "", "sources:", f"  broker:                        {note('source')}",
        "    type: mqtt", f"    url: {_text(answers.broker)}",
        f"    client_id: {_text(answers.name)}       {note('client')}",
    ]  # fmt: skip
    if answers.username:
        lines += [f"    username: {_text(answers.username)}", "    password_file: secrets/mqtt.password"]
    lines += ["    routes:", f"    {note('route', topic=answers.topic)}", *_route(answers, sample, points, profile)]
    lines += ["", "endpoints:", f"  oa:                            {note('endpoint')}", "    type: webhook",
              f"    url: {_text(answers.endpoint)}", f"    secret_file: secrets/oa.secret   {note('secret')}",
              f"    allow: [127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]   {note('allow')}"]  # fmt: skip
    lines += ["", "desk:", f"  order_types: {{repair: {{}}}}      {note('types')}", ""]
    return "\n".join(lines)


def _route(answers: InitAnswers, sample: Sample, points: list[MappedPoint], profile: str) -> list[str]:
    levels = answers.topic.split("/")
    inside = bool(sample.each and sample.device) and (not sample.codes or answers.device in sample.codes)
    named = answers.device in levels and not inside
    topic = "/".join("{device}" if level == answers.device else level for level in levels)
    device = '"{device}"' if named else f"{{path: {_text(sample.device)}}}" if sample.device else _text(answers.device)
    if sample.device == "{key}":
        device = '"{key}"'
    lines = [f"    - filter: {_text(topic)}", f"      device: {device}"]
    if sample.each:
        lines.append(f"      each: {_text(sample.each)}")
    if sample.time is not None:
        lines.append(f"      time: {{path: {_text(sample.time[0])}, unit: {sample.time[1]}, absent: receive}}")
    if not named and not sample.device:
        lines.append(f"      profiles: [{_text(profile)}]")
    if sample.beside:
        lines.append(f"      ignore: [{', '.join(map(_text, sample.beside))}]")
    lines.append("      points:")
    for point in points:
        parts = [f"path: {_text(point.guess.path)}"]
        number = point.guess.component if point.spec.each else 0
        if number:
            parts += [f"point: {point.spec.name}", f"component: {number}"]
        elif point.spec.each and sample.component is not None:
            path, add = sample.component
            parts.append(f"component: {{path: {_text(path)}{', add: 1' if add else ''}}}")
        elif point.spec.each:
            parts.append("component: 1")
        if answers.profile is not None and point.guess.said and _fits(point.guess.unit, point.unit):
            parts.append(f"unit: {point.guess.unit}")
        if isinstance(point.guess.value, bool):
            parts.append("map: {true: 'on', false: 'off'}")
        name = f"{point.spec.name}_{number}" if number else point.spec.name
        lines.append(f"        {name}: {{{', '.join(parts)}}}")
    return lines


def _fits(said: str, declared: str) -> bool:
    """A unit that the message names, and the profile's: another one for the same thing?"""
    return said != declared and parse_unit(said).dimension == parse_unit(declared).dimension


def _devices(answers: InitAnswers, sample: Sample, profile: str) -> str:
    heads = ("设备编号", "名称", "型号") if answers.lang == "zh" else ("code", "name", "profile")
    others = [code for code in sample.codes if answers.device in sample.codes and code != answers.device]
    rows = [(answers.device, answers.device_name, profile), *((code, code, profile) for code in others[:LISTED])]
    return "".join(",".join(map(_cell, row)) + "\n" for row in (heads, *rows))


def _profile(answers: InitAnswers, sample: Sample, name: str) -> str:
    lines = [
        "# " + say("init.note.profile", answers.lang), f"id: {_text(name)}", f"kind: {answers.kind}",
        f"source: {_text(say('init.source', answers.lang))}",
    ]  # fmt: skip
    if sample.component is not None or sample.components:
        lines.append(f"components: {max(2, sample.components)}")
    lines.append("points:")
    named: dict[str, Guess] = {}
    for one in sample.points:
        named.setdefault(one.name, one)
    for guess in named.values():
        parts: dict[str, str] = {} if guess.kind is PointKind.GAUGE else {"kind": guess.kind.value}
        if guess.unit:
            parts["unit"] = guess.unit
        if _of_connector(sample, guess):
            parts["each"] = "true"
        if isinstance(guess.value, bool):
            parts["values"] = "['off', 'on']"
        elif isinstance(guess.value, str) and 0 < len(guess.value) <= 64:
            parts["values"] = f"[{_text(guess.value)}]"
        unsure = not guess.unit and guess.kind is PointKind.GAUGE
        inside = ", ".join(f"{key}: {value}" for key, value in parts.items())
        note = f"   # {say('init.note.unit', answers.lang)}" if unsure else ""
        lines.append(f"  {guess.name}: {{{inside}}}{note}")
    return "\n".join(lines) + "\n"


def _limit(points: list[MappedPoint]) -> RuleLimit | None:
    """The first momentary number with a unit, else the first number: temperature before all others."""
    numbers = [p for p in points if p.spec.kind is PointKind.GAUGE and p.spec.name not in ("lat", "lon")]
    for point in sorted(numbers, key=lambda p: ("temp" not in p.spec.name, not p.unit)):
        value = float(point.guess.value) if not isinstance(point.guess.value, str) else 0.0
        limit, high = _nice(max(value, 1.0) * LIMIT), _nice(max(value, 1.0) * LIMIT * LIMIT)
        most = _as_sent(point.spec.plausible.max, point.unit)
        if value < limit < high and (most is None or high < most):
            return RuleLimit(point, value, limit, high)
    return None


def _rule(answers: InitAnswers, points: list[MappedPoint]) -> str:
    limit, lang = _limit(points), answers.lang
    kind = answers.profile.profile.kind if answers.profile is not None else answers.kind
    head = ["# " + say("init.note.rule", lang), "format: 1", "rules:"]
    if limit is None:
        heard, value = points[0].spec.name, points[0].guess.value
        seen = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else _state(value)
        return "\n".join([
            *head, "- id: first.silent", f"  title: {_titles('init.title.silent')}",
            f"  why: {_text(say('init.why', lang))}", f"  watch: {{kind: {kind}{_each(points[0])}}}",
            f"  silent: {{any_of: [{heard}], longer_than: 10m}}",
            "  then: {order: {type: repair, fault: silent, level: major}}", "  test:",
            f"  - say: {_text(say('init.test_silent', lang))}", "    every: 1m",
            f"    series: {{{heard}: {json.dumps(f'{seen}*3', ensure_ascii=False)}}}", "    until: 20m",
            "    expect: [{at: 12m, is: raised}]", "",
        ])  # fmt: skip
    name, unit = limit.point.spec.name, limit.point.unit
    back = _nice((limit.normal + limit.limit) / 2)
    return "\n".join([
        *head, f"- id: first.{name.replace('_', '-')}-high", f"  title: {_titles('init.title.high', point=name)}",
        f"  why: {_text(say('init.why', lang))}", f"  watch: {{kind: {kind}{_each(limit.point)}}}",
        f'  when: "{name} > {limit.limit:g}{_after(unit)}"', f'  clear: "{name} < {back:g}{_after(unit)}"',
        f"  then: {{order: {{type: repair, fault: {name}, level: major}}}}", "  test:",
        f"  - say: {_text(say('init.test', lang))}", "    every: 10s",
        f'    series: {{{name}: "{limit.normal:g}*3 {limit.high:g}*3 {limit.normal:g}*3"}}', "    until: 2m",
        "    expect:", "    - {at: 30s, is: raised}", "    - {at: 1m, is: cleared}", "",
    ])  # fmt: skip


def _each(point: MappedPoint) -> str:
    return ", each: connector" if point.spec.each else ""


def _state(value: object) -> str:
    text = "off" if isinstance(value, bool) else str(value).replace("'", "")
    return f"'{text}'"


def _titles(key: str, **fields: object) -> str:
    return f"{{en: {_text(say(key, 'en', **fields))}, zh: {_text(say(key, 'zh', **fields))}}}"


def _after(unit: str) -> str:
    return f" {unit}" if unit else ""


def _nice(value: float) -> float:
    """Two significant digits, rounded up."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(round(value / step, 6)) * step:g}")


def _word(code: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in code.lower()).strip("_-")
    return f"model_{kept}"[:60] if kept else "model"


def _text(value: str) -> str:
    """As YAML: bare where that is the same text, else as JSON, which YAML reads."""
    bare = value and all(c.isalnum() or c in "_./-" for c in value) and value[0].isalpha() and value.isascii()
    plain = bare and value.lower() not in _OTHERWISE
    return value if plain else json.dumps(value, ensure_ascii=False)


_OTHERWISE = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _cell(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if any(c in value for c in ',"\n') else value
