"""`tasmota/discovery/MAC/config` and `…/sensors`: https://tasmota.github.io/docs/MQTT (full topic, LWT) and
tasmota/xdrv_12_discovery.ino. A device states its own topics there."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.probe.values import BirthFacts, PresenceFacts

_TOPIC = re.compile(r"tasmota/discovery/(?P<mac>[0-9A-Fa-f]{12})/(?P<what>config|sensors)")
_FULL, _PREFIX, _NAME = "%prefix%/%topic%/", "tele", re.compile(r"[\w. :-]{1,64}", re.ASCII)


class TasmotaBirths:
    """Joins the two messages of a device: the first names its topics, the second has a document of its sensors."""

    def __init__(self) -> None:
        self._bases: dict[str, tuple[str, str]] = {}
        self._sensors: dict[str, Any] = {}

    def read(self, topic: str, document: Any, facts: BirthFacts) -> bool:
        """Returns False for other messages."""
        match = _TOPIC.fullmatch(topic)
        if match is None or not isinstance(document, Mapping):
            return False
        facts.consumed.add(topic)
        if match["what"] == "sensors":
            self._sensors[match["mac"]] = document.get("sn")
        else:
            self._config(match["mac"], document, facts)
        base, sensors = self._bases.get(match["mac"]), self._sensors.get(match["mac"])
        if base is not None and isinstance(sensors, Mapping) and sensors:
            facts.documents.setdefault(f"{base[0]}SENSOR", dict(sensors))
        return True

    def _config(self, mac: str, document: Mapping[str, Any], facts: BirthFacts) -> None:
        name, full, prefixes = document.get("t"), document.get("ft", _FULL), document.get("tp")
        tele = prefixes[2] if isinstance(prefixes, list) and len(prefixes) > 2 else _PREFIX
        if not all(isinstance(text, str) for text in (name, full, tele)) or not _NAME.fullmatch(str(name)):
            return
        if "%topic%" not in str(full).split("/") or set(str(full)) & set("+#{}$"):
            return
        written = str(full).replace("%prefix%", str(tele)).rstrip("/") + "/"
        base, template = written.replace("%topic%", str(name)), written.replace("%topic%", "{device}")
        self._bases[mac] = (base, template)
        for kind in ("SENSOR", "STATE"):
            facts.templates[f"{base}{kind}"] = (f"{template}{kind}", "{device}", "tasmota")
        facts.consumed.add(f"{base}LWT")
        online, offline = str(document.get("onln", "Online")), str(document.get("ofln", "Offline"))
        if online != offline:
            facts.add_presence(PresenceFacts(f"{template}LWT", "", (online,), (offline,)))
        facts.announce("tasmota", mac)
