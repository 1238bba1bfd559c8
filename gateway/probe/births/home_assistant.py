"""MQTT discovery of Home Assistant: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery (also its
abbreviations). A message describes one entity, or a device with its `components`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.device import PointKind
from gateway.probe.key_words import name_of
from gateway.probe.values import BirthFacts, PointFacts, PresenceFacts

_LONG = {
    "stat_t": "state_topic", "unit_of_meas": "unit_of_measurement", "dev_cla": "device_class",
    "stat_cla": "state_class", "val_tpl": "value_template", "avty_t": "availability_topic", "avty": "availability",
    "avty_tpl": "availability_template", "pl_on": "payload_on", "pl_off": "payload_off", "ops": "options",
    "pl_avail": "payload_available", "pl_not_avail": "payload_not_available", "dev": "device", "cmps": "components",
    "p": "platform", "uniq_id": "unique_id", "obj_id": "object_id", "stat_on": "state_on", "stat_off": "state_off",
}  # fmt: skip
_PLATFORMS = frozenset({"sensor", "binary_sensor", "switch", "number", "select", "light", "valve", "lock", "update",
                        "climate", "cover", "fan", "button", "device_tracker", "text", "event", "device"})  # fmt: skip
_TOPIC = re.compile(
    rf"(?P<base>.+?)/(?P<kind>{'|'.join(sorted(_PLATFORMS))})(/(?P<node>[^/]+))?/(?P<object>[^/]+)/config"
)
_PLACE = re.compile(r"value_json((?:\.[A-Za-z_]\w*|\[(?:'[^'\"\]]+'|\"[^'\"\]]+\"|\d+)\])+)")
_STEP = re.compile(r"\.(\w+)|\[(?:'([^']+)'|\"([^\"]+)\"|(\d+))\]")
_CHANGED = re.compile(r"[*+/]|(?<!\w)-|\bif\b|\bround\(|\bint\(")
_STATES = {"binary_sensor": ("ON", "OFF"), "switch": ("ON", "OFF")}


def read(topic: str, document: Any, facts: BirthFacts) -> bool:
    """Add what the message states. Returns False when it is no discovery message."""
    match = _TOPIC.fullmatch(topic)
    if match is None or not isinstance(document, Mapping):
        return False
    entity = _long(document)
    components = entity.get("components")
    if isinstance(components, Mapping):
        shared = {key: entity[key] for key in ("device", "state_topic", *_AVAILABLE) if key in entity}
        many = [(shared | _long(one), name) for name, one in components.items() if isinstance(one, Mapping)]
    elif "state_topic" in entity or "~" in entity:
        many = [({"platform": match["kind"], **entity}, match["object"])]
    else:
        return False
    facts.consumed.add(topic)
    codes = {match["node"] or match["object"], *_identifiers(entity)}
    for one, name in many:
        _entity(one, name, codes, facts)
    facts.announce("homeassistant", topic)
    return True


_AVAILABLE = ("availability_topic", "availability", "availability_template", "payload_available",
              "payload_not_available", "~")  # fmt: skip


def _long(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Keys written out, `~` in topics replaced."""
    found = {_LONG.get(key, key): value for key, value in entity.items()}
    base = found.get("~")
    if isinstance(base, str):
        for key, value in found.items():
            if isinstance(value, str) and key.endswith("topic"):
                found[key] = re.sub(r"^~|~$", lambda _: base, value)
    return found


def _identifiers(entity: Mapping[str, Any]) -> set[str]:
    device = entity.get("device")
    if not isinstance(device, Mapping):
        return set()
    ids = device.get("identifiers", device.get("ids", []))
    texts = ids if isinstance(ids, list) else [ids]
    return {str(one) for one in (*texts, device.get("name", "")) if isinstance(one, str) and one}


def _entity(entity: Mapping[str, Any], name: str, codes: set[str], facts: BirthFacts) -> None:
    topic, platform = entity.get("state_topic"), str(entity.get("platform", ""))
    if not isinstance(topic, str) or platform in ("button", "device_tracker", "update"):
        return
    template = entity.get("value_template")
    path = place_of(template) if isinstance(template, str) else "."
    if path:
        changed = isinstance(template, str) and _CHANGED.search(template)
        facts.points.setdefault((topic, path), _point(entity, name, platform, changed=bool(changed)))
    levels = topic.split("/")
    n = next((n for n, level in enumerate(levels) if level in codes), -1)
    if n >= 0:
        filter_ = "/".join("{device}" if at == n else level for at, level in enumerate(levels))
        facts.templates.setdefault(topic, (filter_, "{device}", ""))
        for presence in _presence(entity, levels[n]):
            facts.add_presence(presence)


def place_of(template: str) -> str:
    """`{{ value_json.a['b'] | float }}` -> a.b; `{{ value }}` -> "."; "" when nothing of the message is used."""
    match = _PLACE.search(template)
    if match is None:
        return "." if re.search(r"\bvalue\b", template) else ""
    path = ""
    for plain, single, double, index in _STEP.findall(match[1]):
        key = plain or single or double
        if index:
            path += f"[{index}]"
        elif re.fullmatch(r"[A-Za-z_]\w*", key):
            path += f".{key}" if path else key
        elif "$" not in key:
            path += f'["{key}"]'
    return path


def _point(entity: Mapping[str, Any], name: str, platform: str, *, changed: bool) -> PointFacts:
    """`changed`: the template computes with the value, so the unit is not that of the message."""
    unit = entity.get("unit_of_measurement")
    title = entity.get("name")
    label = title if isinstance(title, str) and title.isprintable() and len(title) <= 60 and "${" not in title else ""
    options = entity.get("options")
    counter = entity.get("state_class") in ("total_increasing", "total")
    # a label may have no letter that a name can have
    point = name_of([str(entity.get("object_id") or label or name)], name_of([name]))
    if platform in _STATES or isinstance(options, list):
        on, off = (
            str(entity.get(key, usual)) for key, usual in zip(("payload_on", "payload_off"), ("ON", "OFF"), strict=True)
        )
        values = tuple(str(one) for one in options) if isinstance(options, list) else (on, off)
        return PointFacts(point, "", PointKind.STATE, values, (), title=label)
    if platform == "sensor" and not unit and not entity.get("state_class"):
        return PointFacts(point, title=label)
    kind = PointKind.COUNTER if counter else PointKind.GAUGE
    low, high = entity.get("min"), entity.get("max")
    if not (isinstance(low, int | float) and isinstance(high, int | float) and low < high):
        low = high = None
    return PointFacts(
        point, unit if isinstance(unit, str) and not changed else "", kind, low=low, high=high, title=label
    )


def _presence(entity: Mapping[str, Any], code: str) -> Iterator[PresenceFacts]:
    many = entity.get("availability")
    entries = [one for one in many if isinstance(one, Mapping)] if isinstance(many, list) else []
    if isinstance(entity.get("availability_topic"), str):
        entries.append({"topic": entity["availability_topic"]} | dict(entity))
    for entry in entries:
        topic = entry.get("topic", entry.get("t"))
        if not isinstance(topic, str) or code not in topic.split("/"):
            continue
        filter_ = "/".join("{device}" if level == code else level for level in topic.split("/"))
        template = entry.get("value_template", entry.get("availability_template"))
        path = place_of(template) if isinstance(template, str) else ""
        online = str(entry.get("payload_available", "online"))
        offline = str(entry.get("payload_not_available", "offline"))
        if online != offline:
            yield PresenceFacts(filter_, "" if path == "." else path, (online,), (offline,))
