"""A mismatch made small: one device, few readings, no restart, a simple rule; and written as a case file."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from oracle.check import Refused, check
from oracle.reference.expressions import walk
from oracle.reference.judge import judge
from oracle.scene import DeviceDef, Expr, LevelDef, RuleDef, Said, SceneDef
from oracle.yaml_text import RULE, case_table, file_text

STEPS = 1_000
"""Attempts at most."""


def differs(scene: SceneDef) -> bool:
    """Does it still show?"""
    try:
        return bool(check(scene))
    except (Refused, ValueError, KeyError, IndexError, ArithmeticError):
        return False


def shrink(scene: SceneDef, still: Callable[[SceneDef], bool] = differs) -> SceneDef:
    """The smallest scene that was found; `scene` itself when it does not show."""
    if not still(scene):
        return scene
    tries = STEPS
    progress = True
    while progress and tries > 0:
        progress = False
        for smaller in _smaller(scene):
            tries -= 1
            if tries <= 0:
                break
            if still(smaller):
                scene, progress = smaller, True
                break
    return scene


def _smaller(scene: SceneDef) -> Iterator[SceneDef]:
    """Simpler scenes, the biggest steps first."""
    count = len(scene.devices)
    if count > 1:
        for k in range(count):
            yield _part(scene, k, k + 1)
        yield _part(scene, 0, count // 2)
        yield _part(scene, count // 2, count)
        for size in (4, 1) if count > 4 else (1,):  # things that are compared with others are no devices alone
            for k in range(0, count, size):
                yield _without(scene, k, min(count, k + size))
    if scene.restarts:
        yield replace(scene, restarts=())
    for k in range(len(scene.facts)):
        yield replace(scene, facts=scene.facts[:k] + scene.facts[k + 1 :])
    yield from _fewer_messages(scene)
    for rule in _simpler_rules(scene.rule):
        yield replace(scene, rule=rule)
    yield from _simpler_messages(scene)


def _part(scene: SceneDef, first: int, last: int) -> SceneDef:
    """These devices with their facts."""
    facts = tuple(replace(one, device=one.device - first) for one in scene.facts if first <= one.device < last)
    return replace(scene, devices=scene.devices[first:last], facts=facts)


def _without(scene: SceneDef, first: int, last: int) -> SceneDef:
    """All but these devices."""
    before, after = _part(scene, 0, first), _part(scene, last, len(scene.devices))
    facts = tuple(replace(one, device=one.device + first) for one in after.facts)
    return replace(scene, devices=before.devices + after.devices, facts=before.facts + facts)


def _with(scene: SceneDef, number: int, messages: tuple[Any, ...]) -> SceneDef:
    devices = list(scene.devices)
    devices[number] = DeviceDef(messages, devices[number].attrs)
    return replace(scene, devices=tuple(devices))


def _fewer_messages(scene: SceneDef) -> Iterator[SceneDef]:
    for number, device in enumerate(scene.devices):
        size = len(device.messages) // 2
        while size:
            for first in range(0, len(device.messages), size):
                kept = device.messages[:first] + device.messages[first + size :]
                if kept:
                    yield _with(scene, number, kept)
            size //= 2


def _simpler_messages(scene: SceneDef) -> Iterator[SceneDef]:
    for number, device in enumerate(scene.devices):
        for k, message in enumerate(device.messages):
            changed = [replace(message, received=message.at)] if message.received > message.at else []
            for name in message.values if len(message.values) > 1 else ():
                changed.append(replace(message, values={n: v for n, v in message.values.items() if n != name}))
            for one in changed:
                yield _with(scene, number, (*device.messages[:k], one, *device.messages[k + 1 :]))


def _simpler_rules(rule: RuleDef) -> Iterator[RuleDef]:
    if rule.missing:
        yield replace(rule, missing=0)
    if rule.unless is not None:
        yield replace(rule, unless=None)
    if rule.clear is not None and rule.form in {"streak", "votes", "sequence"}:
        yield replace(rule, clear=None)
    if len(rule.levels) > 1:
        for k in range(len(rule.levels)):
            yield replace(rule, levels=rule.levels[:k] + rule.levels[k + 1 :])
    for k, level in enumerate(rule.levels):
        for simpler in _simpler_levels(level):
            yield replace(rule, levels=(*rule.levels[:k], simpler, *rule.levels[k + 1 :]))
    for key in ("unless", "span", "skips", "restart", "all_of", "good"):
        if rule.keys.get(key):
            yield replace(rule, keys={name: value for name, value in rule.keys.items() if name != key})
    for key, value in rule.keys.items():
        if isinstance(value, tuple) and value and value[0] in {"and", "or", "not", "choose"}:
            for part in _parts(value):
                yield replace(rule, keys={**rule.keys, key: part})


def _simpler_levels(level: LevelDef) -> Iterator[LevelDef]:
    if level.hold:
        yield replace(level, hold=0, gap=None)
    if level.gap is not None:
        yield replace(level, gap=None)
    if level.clear_hold:
        yield replace(level, clear_hold=0)
    if level.clear is not None:
        yield replace(level, clear=None)
    for part in _parts(level.when) if level.when[0] != "members" else ():
        yield replace(level, when=part)


def _parts(node: Expr) -> Iterator[Expr]:
    """The conditions inside a condition."""
    for part in list(walk(node))[1:]:
        if part[0] in {"cmp", "is", "isnt", "in", "and", "or", "not"}:
            yield part


def case_file(scene: SceneDef, say: str) -> str:
    """A file for `fieldgate rules test`, with what is right as `expect` (of what stands, where readings were late)."""
    top = json.loads(file_text(scene.rule))
    case = {"rule": RULE, **case_table(scene, say)}
    several = scene.cases > 1
    case["expect"] = [
        {"at": f"{one.at / 1e6:g}s", "is": one.what, "level": one.level} | ({"device": f"d{k}"} if several else {})
        for k in range(scene.cases)
        for one in _right(scene, k)
    ]
    cases = top.pop("test")
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in top.items()]
    return "\n".join([*rows, "test:", *(f"- {json.dumps(one, ensure_ascii=False)}" for one in [*cases, case]), ""])


def _right(scene: SceneDef, number: int) -> list[Said]:
    return judge(scene, number)
