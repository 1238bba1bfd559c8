"""The state texts that a configuration names: in rules, in the code tables they look texts up in, in register maps and
in routes. They stand in the table of their point from the start, so that no device can take their room (B8)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from gateway.domain.device import PointKind, Profile
from gateway.settings.model import Settings
from protocols.modbus.profile import ModbusMap
from protocols.mqtt.config import MqttConfig
from protocols.mqtt.path import scalar_text
from protocols.mqtt.topic import point_name
from rules.compiled import Rule, Slot, SlotKind

Named = dict[tuple[str, str], tuple[str, ...]]
"""(profile, state point) -> texts, sorted."""
_OTHER = "*"


def named_texts(
    profiles: Iterable[Profile], maps: Mapping[str, ModbusMap], settings: Settings, rules: Iterable[Rule]
) -> Named:
    """Of every state point what is named besides its own `values`. A rule watches kinds and groups of them: its texts
    are put in the table of every point of that name."""
    by_point: dict[str, set[str]] = {}
    for rule in rules:
        for name, text in _of_rule(rule):
            by_point.setdefault(name, set()).add(text)
    for name, text in _of_routes(settings):
        by_point.setdefault(name, set()).add(text)
    found: Named = {}
    for profile in profiles:
        registers = maps[profile.id].points if profile.id in maps else {}
        for spec in profile.points:
            if spec.kind is not PointKind.STATE:
                continue
            register = registers.get(spec.name)
            own = set() if register is None or register.map is None else set(register.map.values())
            texts = (own | by_point.get(spec.name, set())).difference(spec.values)
            if texts:
                found[profile.id, spec.name] = tuple(sorted(texts))
    return found


def _of_rule(rule: Rule) -> Iterator[tuple[str, str]]:
    source: dict[str, Any] = msgspec.json.decode(rule.source)
    for signal in source["rule"].get("let", {}).values():
        if "code_of" in signal:
            entries = source["codes"][signal["table"]]["entries"]
            yield from ((signal["code_of"], text) for text in entries if text != _OTHER)
    for slot in _slots(rule):
        if slot.kind is SlotKind.CODE:
            yield slot.name, slot.text
        elif slot.kind is SlotKind.FIELD:
            yield from ((slot.name, text) for text, _ in slot.mapping if text != _OTHER)


def _slots(value: object) -> Iterator[Slot]:
    """Everywhere in a rule: its conditions, signals, members, texts of orders."""
    if isinstance(value, Slot):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _slots(getattr(value, one.name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _slots(one)


def _of_routes(settings: Settings) -> Iterator[tuple[str, str]]:
    for source in settings.sources.values():
        if not isinstance(source, MqttConfig):
            continue
        for route in source.routes:
            for key, point in route.points.items():
                texts = (scalar_text(meant) for meant in point.map.values())
                name = point.point or (key if point.path is not None else point_name(key))
                yield from ((name, text) for text in texts if text)
