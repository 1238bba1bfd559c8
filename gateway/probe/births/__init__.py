"""Birth messages of ecosystems that describe themselves: exact names, units, ranges and topics of presence. Pure."""

from collections.abc import Iterable

from gateway.probe.births import home_assistant, shelly, zigbee2mqtt
from gateway.probe.births.homie import HomieBirths
from gateway.probe.births.tasmota import TasmotaBirths
from gateway.probe.payload import read_payload
from gateway.probe.values import BirthFacts


def read_births(messages: Iterable[tuple[str, bytes]]) -> BirthFacts:
    """What all birth messages among these state."""
    facts, homie, tasmota = BirthFacts(), HomieBirths(), TasmotaBirths()
    for topic, payload in messages:
        if "/$" in topic:
            homie.read(topic, payload.decode("utf-8", "replace").strip(), facts)
            continue
        if (
            not topic.endswith(
                (
                    "/config",
                    "/sensors",
                    "/devices",
                    "/announce",
                    "/online",
                    "/command",
                    "/info",
                    "/input_event",
                    "/set",
                    "/rpc",
                )
            )
            and "/bridge/" not in topic
        ):
            continue
        document = read_payload(payload).document
        if tasmota.read(topic, document, facts) or zigbee2mqtt.read(topic, document, facts):
            continue
        if not home_assistant.read(topic, document, facts):
            shelly.read(topic, document, facts)
    homie.finish(facts)
    return facts
