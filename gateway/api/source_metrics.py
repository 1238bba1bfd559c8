"""Metrics of the sources."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import Metric

from gateway.adapters import SOURCES
from gateway.api.metric_families import counters, gauges
from gateway.domain.metric import SOURCE_METRICS
from gateway.ports import Source


def source_metrics(sources: Mapping[str, Source]) -> Iterator[Metric]:
    """Metric families of all adapters; `sources` by name. A family stays empty if no source of its protocol exists."""
    declared = (*SOURCE_METRICS, *(family for adapter in SOURCES.values() for family in adapter.metrics))
    families = {
        one.name: (counters if one.kind == "counter" else gauges)(one.name, one.help, "source", *one.labels)
        for one in declared
    }
    for name, source in sources.items():
        for sample in source.samples():
            families[sample.family].add_metric([name, *sample.labels], sample.value)
    yield from families.values()
