"""Attributes of Homie devices, v3 and v4 ($-topics, https://homieiot.github.io/specification/), and the `$description`
of v5."""

import re
from collections.abc import Mapping

import msgspec

from gateway.domain.device import PointKind
from gateway.probe.key_words import name_of
from gateway.probe.values import BirthFacts, PointFacts, PresenceFacts

_PROPERTY = re.compile(r"(?P<base>[^/$]+)/(?P<device>[^/$]+)/(?P<node>[^/$]+)/(?P<name>[^/$]+)/\$(?P<key>[a-z]+)")
_DESCRIPTION = re.compile(r"(?P<base>[^/$]+/5)/(?P<device>[^/$]+)/\$description")
_STATE = re.compile(r"(?P<base>[^/$]+(?:/5)?)/(?P<device>[^/$]+)/\$state")
_ONLINE, _OFFLINE = ("ready", "sleeping", "alert"), ("disconnected", "lost")
_NUMBERS = ("integer", "float", "percent")


class HomieBirths:
    """Collects the attributes of properties, which come one by one."""

    def __init__(self) -> None:
        self._attributes: dict[str, dict[str, str]] = {}
        self._places: dict[str, tuple[str, str]] = {}

    def read(self, topic: str, text: str, facts: BirthFacts) -> bool:
        """Returns False for topics without a `$`."""
        if "/$" not in topic:
            return False
        facts.consumed.add(topic)
        if match := _PROPERTY.fullmatch(topic):
            place = topic.rpartition("/")[0]
            self._attributes.setdefault(place, {})[match["key"]] = text
            self._places[place] = (match["base"], match["device"])
        elif match := _DESCRIPTION.fullmatch(topic):
            self._described(match["base"], match["device"], text)
        elif (match := _STATE.fullmatch(topic)) and text in (*_ONLINE, *_OFFLINE, "init"):
            facts.add_presence(PresenceFacts(f"{match['base']}/{{device}}/$state", "", _ONLINE, _OFFLINE))
            facts.announce("homie", match["device"])
        return True

    def _described(self, base: str, device: str, text: str) -> None:
        try:
            found = msgspec.json.decode(text.encode("utf-8", "replace"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        nodes = found.get("nodes") if isinstance(found, Mapping) else None
        for node, one in nodes.items() if isinstance(nodes, Mapping) else ():
            properties = one.get("properties") if isinstance(one, Mapping) else None
            for name, attributes in properties.items() if isinstance(properties, Mapping) else ():
                if isinstance(attributes, Mapping) and "/" not in f"{node}{name}":
                    place = f"{base}/{device}/{node}/{name}"
                    texts = {key: value for key, value in attributes.items() if isinstance(value, str)}
                    self._attributes.setdefault(place, {}).update(texts)
                    self._places[place] = (base, device)

    def finish(self, facts: BirthFacts) -> None:
        """Add what all attributes together state."""
        for place, attributes in self._attributes.items():
            base = self._places[place][0]
            facts.templates[place] = (f"{base}/{{device}}/{{field*}}", "{device}", "")
            if attributes.get("datatype") in ("datetime", "color", "duration", "json"):
                continue
            facts.points[place, "."] = _point(place.split("/")[-2:], attributes)


def _point(keys: list[str], attributes: Mapping[str, str]) -> PointFacts:
    kind, form = attributes.get("datatype", ""), attributes.get("format", "")
    title = attributes.get("name", "")
    label = title if title.isprintable() and len(title) <= 60 and "${" not in title else ""
    name = name_of(keys)
    if kind == "boolean":
        return PointFacts(name, "", PointKind.STATE, ("off", "on"), ((True, "on"), (False, "off")), title=label)
    if kind == "enum":
        return PointFacts(name, "", PointKind.STATE, tuple(one.strip() for one in form.split(",")), title=label)
    if kind == "string":
        return PointFacts(name, "", PointKind.STATE, (), title=label)
    bounds = re.fullmatch(r"(-?\d+(?:\.\d+)?):(-?\d+(?:\.\d+)?)(?::[\d.]+)?", form) if kind in _NUMBERS else None
    low, high = (float(bounds[1]), float(bounds[2])) if bounds else (None, None)
    if low is not None and high is not None and low >= high:
        low = high = None
    unit = attributes.get("unit", "") or ("%" if kind == "percent" else "")
    return PointFacts(name, unit, None, (), (), low, high, label)
