"""What an OPC UA source counts, and its metrics. Counts since the start."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.domain.metric import MetricFamily, MetricSample, by_label

METRICS = (
    MetricFamily("opcua_connections", "Connections that were opened"),
    MetricFamily("opcua_gaps", "Times the server was away for longer than gap_after"),
    MetricFamily("opcua_overflows", "Values whose predecessors the server had to drop"),
    MetricFamily("opcua_notifications", "Messages with changes"),
    MetricFamily("opcua_nodes", "Nodes by state", ("state",), "gauge"),
    MetricFamily("opcua_held", "Times a parcel or a notification had to wait for the journal"),
)


@dataclass(slots=True)
class OpcUaStats:
    """`readings` on disk, of them `bad` and `uncertain`; `rejected` values that are no value of their point, by reason;
    `waiting` values on the way to the journal; `nodes` by state: watched, refused."""

    connected: bool = False
    connections: int = 0
    gaps: int = 0
    overflows: int = 0
    notifications: int = 0
    held: int = 0
    readings: int = 0
    bad: int = 0
    uncertain: int = 0
    watched: int = 0
    refused: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def samples(self) -> Iterator[MetricSample]:
        """Values of `METRICS` and `SOURCE_METRICS`, now."""
        yield MetricSample("source_up", float(self.connected))
        yield from by_label(
            "source_readings", ("journaled", self.readings), ("bad", self.bad), ("uncertain", self.uncertain)
        )
        yield from by_label("dead_letters", *self.rejected.items())
        yield MetricSample("opcua_connections", self.connections)
        yield MetricSample("opcua_gaps", self.gaps)
        yield MetricSample("opcua_overflows", self.overflows)
        yield MetricSample("opcua_notifications", self.notifications)
        yield from by_label("opcua_nodes", ("watched", self.watched), ("refused", self.refused))
        yield MetricSample("opcua_held", self.held)
