"""State texts named in a configuration: in rules, their code tables, register maps and routes. They are in the table of
their point from the start, so that texts sent by devices cannot take their room (B8)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from gateway.adapters import SOURCES
from gateway.domain.device import PointKind, Profile
from gateway.settings.model import Settings
from rules.compiled import Rule, Slot, SlotKind

Named = dict[tuple[str, str], tuple[str, ...]]
"""(profile, state point) -> texts, sorted."""
_OTHER = "*"


def named_texts(
    profiles: Iterable[Profile],
    maps: Mapping[str, Mapping[str, Any]],
    settings: Settings,
    rules: Iterable[Rule],
) -> Named:
    """For every state point the named texts besides its own `values`. `maps` as in `Project`.

    A rule watches kinds and groups of them: its texts go into the table of every point of that name.
    """
    by_point: dict[str, set[str]] = {}
    for rule in rules:
        for name, text in _of_rule(rule):
            by_point.setdefault(name, set()).add(text)
    for source in settings.sources.values():
        for name, text in SOURCES[source.type].state_texts(source):
            by_point.setdefault(name, set()).add(text)
    found: Named = {}
    for profile in profiles:
        for spec in profile.points:
            if spec.kind is not PointKind.STATE:
                continue
            texts = (_of_maps(maps, profile.id, spec.name) | by_point.get(spec.name, set())).difference(spec.values)
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
    """All places of a rule with texts: conditions, signals, members, orders."""
    if isinstance(value, Slot):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _slots(getattr(value, one.name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _slots(one)


def _of_maps(maps: Mapping[str, Mapping[str, Any]], profile: str, point: str) -> set[str]:
    found: set[str] = set()
    for owned in (adapter.profile_map for adapter in SOURCES.values()):
        if owned is not None and profile in maps.get(owned.section, ()):
            found.update(owned.texts(maps[owned.section][profile], point))
    return found
