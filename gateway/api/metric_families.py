"""Families of metrics. All names begin with `fieldgate_`."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


def counter(name: str, text: str, value: float) -> CounterMetricFamily:
    """Family of one counter; `_total` is appended to the name."""
    return CounterMetricFamily(f"fieldgate_{name}", text, value=value)


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """Family of one value."""
    return GaugeMetricFamily(f"fieldgate_{name}", text, value=value)


def counters(name: str, text: str, *labels: str) -> CounterMetricFamily:
    """Family of counters with labels; `_total` is appended to the name."""
    return CounterMetricFamily(f"fieldgate_{name}", text, labels=labels)


def gauges(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    """Family of values with labels."""
    return GaugeMetricFamily(f"fieldgate_{name}", text, labels=labels)


def fill(family: CounterMetricFamily | GaugeMetricFamily, source: str, values: Iterable[tuple[str, float]]) -> None:
    """Add one sample per (second label, value) of a source."""
    for label, value in values:
        family.add_metric([source, label], value)
