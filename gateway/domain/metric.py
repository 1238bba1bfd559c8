"""Counts and values that a source shows, without the library that writes them down."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """`labels` come behind the name of the source, which every family has. Counters get `_total` behind the name."""

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
    MetricFamily("dead_letters", "Messages of which something could not be used", ("reason",)),
    MetricFamily("source_up", "1 while the source is connected (Modbus: at least one link)", (), "gauge"),
    MetricFamily("source_readings", "Readings by what the source saw in them", ("state",)),
)
"""What any source may fill."""


def by_label(family: str, *values: tuple[str, float]) -> Iterator[MetricSample]:
    """A sample for each (label, value)."""
    for label, value in values:
        yield MetricSample(family, value, (label,))
