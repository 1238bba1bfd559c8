"""What an MQTT source shows besides `SOURCE_METRICS`: families and their values."""

from collections.abc import Iterator
from dataclasses import asdict

from gateway.domain.metric import MetricFamily, MetricSample, by_label
from protocols.mqtt.stats import MqttStats

PUBLISHED = ("sent", "acknowledged", "failed")
PRESENCE = ("online", "offline", "flapping", "uncertain")
METRICS = (
    MetricFamily("source_connects", "Connections made"),
    MetricFamily("source_disconnects", "Connections that ended by themselves"),
    MetricFamily("source_pauses", "Times reading was held back"),
    MetricFamily("source_presence_changes", "Published states of presence", ("state",)),
    MetricFamily("source_sparkplug", "Sparkplug: births, deaths, and what was missed", ("event",)),
    MetricFamily("source_sparkplug_nodes", "Sparkplug nodes with a birth in this connection", (), "gauge"),
    MetricFamily("source_published", "Messages of `publish`: sent, acknowledged (QoS 1), failed", ("state",)),
    MetricFamily("source_foreign_answers", "Answers that belong to no command under way: late, or of others"),
)


def samples(stats: MqttStats) -> Iterator[MetricSample]:
    """All values now."""
    yield from stats.samples()
    for name in ("connects", "disconnects", "pauses", "foreign_answers"):
        yield MetricSample(f"source_{name}", getattr(stats, name))
    yield from by_label("source_presence_changes", *((state, stats.presence[state]) for state in PRESENCE))
    if stats.nodes is not None:
        yield from by_label("source_sparkplug", *asdict(stats.nodes.counts).items())
        yield MetricSample("source_sparkplug_nodes", stats.nodes.born)
    yield from by_label("source_published", *((state, stats.published[state]) for state in PUBLISHED))
