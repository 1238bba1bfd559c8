"""Families of metrics, all under the name `fieldgate_…`."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


def counter(name: str, text: str, value: float) -> CounterMetricFamily:
    """One count; `_total` is put behind the name."""
    return CounterMetricFamily(f"fieldgate_{name}", text, value=value)


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """One value."""
    return GaugeMetricFamily(f"fieldgate_{name}", text, value=value)


def counters(name: str, text: str, *labels: str) -> CounterMetricFamily:
    """Counts by labels; `_total` is put behind the name."""
    return CounterMetricFamily(f"fieldgate_{name}", text, labels=labels)


def gauges(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    """Values by labels."""
    return GaugeMetricFamily(f"fieldgate_{name}", text, labels=labels)


def fill(family: CounterMetricFamily | GaugeMetricFamily, source: str, values: Iterable[tuple[str, float]]) -> None:
    """One line per (second label, value) of a source."""
    for label, value in values:
        family.add_metric([source, label], value)
