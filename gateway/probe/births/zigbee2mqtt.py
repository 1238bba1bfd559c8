"""`BASE/bridge/devices` of Zigbee2MQTT: https://www.zigbee2mqtt.io/guide/usage/exposes.html"""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.device import PointKind
from gateway.probe.key_words import name_of
from gateway.probe.leaves import step
from gateway.probe.values import BirthFacts, PointFacts, PresenceFacts, Raw

_PUBLISHED = 1
"""Bit of `access`: the property is in the published state."""
_SUFFIX = "/bridge/devices"


def read(topic: str, document: Any, facts: BirthFacts) -> bool:
    """Add the devices of the list. Returns False for other messages; other topics of the bridge are no telemetry."""
    if "/bridge/" in topic and topic.partition("/bridge/")[0] and not topic.endswith(_SUFFIX):
        bridge = topic.partition("/bridge/")[2].split("/")[0]
        if bridge in ("state", "info", "logging", "groups", "extensions", "definitions", "event", "config", "health"):
            facts.consumed.add(topic)
            return True
        return False
    if not topic.endswith(_SUFFIX) or not isinstance(document, list):
        return False
    base = topic.removesuffix(_SUFFIX)
    facts.consumed.add(topic)
    for device in document:
        if isinstance(device, Mapping) and isinstance(device.get("definition"), Mapping):
            _device(base, device, facts)
    return True


def _device(base: str, device: Mapping[str, Any], facts: BirthFacts) -> None:
    name, exposes = device.get("friendly_name"), device["definition"].get("exposes")
    if not isinstance(name, str) or not name or not isinstance(exposes, list):
        return
    topic = f"{base}/{name}"
    for path, point in _exposed(exposes, ""):
        facts.points.setdefault((topic, path), point)
        facts.documents.setdefault(topic, {})
    # a name with levels of its own has a route of its own
    filter_, code = (f"{base}/{{device}}", "{device}") if "/" not in name else (topic, name.replace("/", "-"))
    facts.templates[topic] = (filter_, code, "zigbee2mqtt")
    facts.add_presence(PresenceFacts(f"{filter_}/availability", "state", device=code))
    facts.consumed.add(f"{topic}/availability")
    facts.announce("zigbee2mqtt", topic)


def _exposed(exposes: list[Any], path: str, depth: int = 0) -> Iterator[tuple[str, PointFacts]]:
    for one in exposes if depth < 4 else ():
        if not isinstance(one, Mapping):
            continue
        own = one.get("property")
        place = step(path, own) if isinstance(own, str) and own else path
        features = one.get("features")
        if isinstance(features, list):
            yield from _exposed(features, place if one.get("type") == "composite" else path, depth + 1)
        elif place and isinstance(own, str) and int(_whole(one.get("access"))) & _PUBLISHED:
            fact = _point(one, own)
            if fact is not None:
                yield place, fact


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else _PUBLISHED


def _point(one: Mapping[str, Any], name: str) -> PointFacts | None:
    kind, title = one.get("type"), one.get("label")
    label = title if isinstance(title, str) and title.isprintable() and len(title) <= 60 and "${" not in title else ""
    if kind == "numeric":
        unit, low, high = one.get("unit"), one.get("value_min"), one.get("value_max")
        if not (isinstance(low, int | float) and isinstance(high, int | float) and low < high):
            low = high = None
        sent = unit if isinstance(unit, str) else ""
        return PointFacts(name_of([name]), sent, None, low=low, high=high, title=label)
    if kind == "binary":
        on, off = one.get("value_on", True), one.get("value_off", False)
        texts: tuple[tuple[Raw, str], ...] = ()
        if isinstance(on, bool) and isinstance(off, bool):
            texts = ((on, "on"), (off, "off"))
        values = ("off", "on") if texts else (str(off), str(on))
        return PointFacts(name_of([name]), "", PointKind.STATE, values, texts, title=label)
    options = one.get("values")
    if kind == "enum" and isinstance(options, list):
        return PointFacts(name_of([name]), "", PointKind.STATE, tuple(map(str, options)), title=label)
    return None
