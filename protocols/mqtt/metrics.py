"""What an MQTT source shows: families and their values."""

from collections import Counter
from collections.abc import Iterator

from gateway.domain.metric import MetricFamily, MetricSample, by_label
from protocols.mqtt.stats import MqttStats

METRICS = (
    MetricFamily("source_messages", "MQTT messages by what became of them", ("state",)),
    MetricFamily("source_waiting_messages", "Received, not on disk yet", (), "gauge"),
    MetricFamily("source_waiting_bytes", "Payload bytes received, not on disk yet", (), "gauge"),
    MetricFamily("balance_source_messages", "Received less what is accounted for: 0, always", (), "gauge"),
    MetricFamily("unused", "Values of journaled messages that nobody used", ("route", "reason")),
    MetricFamily("source_connects", "Connections made"),
    MetricFamily("source_disconnects", "Connections that ended by themselves"),
    MetricFamily("source_pauses", "Times reading was held back"),
    MetricFamily("source_misfits", "Points a route cannot fill", (), "gauge"),
)


def samples(stats: MqttStats) -> Iterator[MetricSample]:
    """All values now."""
    yield from by_label("dead_letters", *(Counter(stats.rejected) + Counter(stats.partial)).items())
    yield MetricSample("source_up", float(stats.connected))
    yield from by_label(
        "source_readings",
        ("journaled", stats.readings),
        ("bad", stats.bad_values),
        ("uncertain", stats.uncertain),
        ("bad_elements", stats.bad_elements),
        ("state_overflow", stats.state_overflow),
    )
    rejected = stats.rejected.total()
    gone = stats.journaled + stats.duplicates + rejected + stats.ignored + stats.returned + stats.lost
    yield from by_label(
        "source_messages",
        ("received", stats.received),
        ("journaled", stats.journaled),
        ("duplicate", stats.duplicates),
        ("rejected", rejected),
        ("ignored", stats.ignored),
        ("returned", stats.returned),
        ("lost", stats.lost),
    )
    yield MetricSample("source_waiting_messages", stats.waiting)
    yield MetricSample("source_waiting_bytes", stats.bytes_waiting)
    yield MetricSample("balance_source_messages", stats.received - gone - stats.waiting)
    for (route, reason), count in list(stats.unused.totals.items()):
        yield MetricSample("unused", count, (str(route), reason))
    for name in ("connects", "disconnects", "pauses", "misfits"):
        yield MetricSample(f"source_{name}", getattr(stats, name))
