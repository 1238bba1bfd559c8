"""What an MQTT source shows besides `SOURCE_METRICS`: families and their values."""

from collections.abc import Iterator

from gateway.domain.metric import MetricFamily, MetricSample
from protocols.mqtt.stats import MqttStats

METRICS = (
    MetricFamily("source_connects", "Connections made"),
    MetricFamily("source_disconnects", "Connections that ended by themselves"),
    MetricFamily("source_pauses", "Times reading was held back"),
)


def samples(stats: MqttStats) -> Iterator[MetricSample]:
    """All values now."""
    yield from stats.samples()
    for name in ("connects", "disconnects", "pauses"):
        yield MetricSample(f"source_{name}", getattr(stats, name))
