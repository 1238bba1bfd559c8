"""Shelly: https://shelly-api-docs.shelly.cloud, gen1 "MQTT" (announce, online) and gen2 "Mqtt" (online, events/rpc,
status). The units of both are tables of `layouts.py`."""

from collections.abc import Mapping
from typing import Any

from gateway.probe.values import BirthFacts, PresenceFacts

_GEN1 = "shellies/"
_ECHOES = ("command", "info", "announce", "input_event", "set", "rpc", "debug/log")


def read(topic: str, document: Any, facts: BirthFacts) -> bool:
    """Add announcements and topics of presence. Returns False for telemetry."""
    head, _, last = topic.rpartition("/")
    if topic == f"{_GEN1}announce" or (topic.startswith(_GEN1) and last == "announce"):
        if isinstance(document, Mapping) and isinstance(document.get("id"), str):
            facts.announce("shelly", document["id"])
        facts.consumed.add(topic)
        return True
    if topic.startswith(_GEN1) and (last in _ECHOES or topic.split("/")[1] == "command"):
        facts.consumed.add(topic)
        return True
    if last == "online" and isinstance(document, bool):
        if topic.startswith(_GEN1) and topic.count("/") == 2:
            facts.add_presence(PresenceFacts("shellies/{device}/online", "", (True,), (False,)))
        elif "/" not in head and head:
            facts.add_presence(PresenceFacts("{device}/online", "", (True,), (False,)))
        else:
            return False
        facts.consumed.add(topic)
        return True
    return False
