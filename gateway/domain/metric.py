"""Metrics of a source, independent of the metrics library."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """`labels` follow the name of the source, which is the first label of every family. Counters get the suffix
    `_total`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Literal["counter", "gauge"] = "counter"


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One value of a family; `labels` in the order of the family's."""

    family: str
    value: float
    labels: tuple[str, ...] = ()


SOURCE_METRICS = (
    MetricFamily("source_messages", "Messages by what became of them (sources that take messages)", ("state",)),
    MetricFamily("source_waiting_messages", "Received, not on disk yet", (), "gauge"),
    MetricFamily("source_waiting_bytes", "Payload bytes received, not on disk yet", (), "gauge"),
    MetricFamily("balance_source_messages", "Received less what is accounted for: 0, always", (), "gauge"),
    MetricFamily("unused", "Values of journaled messages that nobody used", ("route", "reason")),
    MetricFamily("source_misfits", "Points a route cannot fill", (), "gauge"),
    MetricFamily("dead_letters", "Messages with an unusable part, by reason", ("reason",)),
    MetricFamily("source_up", "1 while the source is connected (Modbus: at least one link)", (), "gauge"),
    MetricFamily("source_readings", "Readings by finding of the source", ("state",)),
)
"""Families common to all sources."""


def by_label(family: str, *values: tuple[str, float]) -> Iterator[MetricSample]:
    """A sample for each (label, value)."""
    for label, value in values:
        yield MetricSample(family, value, (label,))
