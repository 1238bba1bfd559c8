"""What a source that takes messages counts; read by metrics and the console, written by the source alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.domain.metric import MetricSample, by_label
from protocols.mapping.mapper import Mapped
from protocols.mapping.unused_log import Unused, UnusedLog


@dataclass(slots=True)
class MessageStats:
    """Messages: received = journaled + duplicates + sum(rejected) + ignored + returned + lost + waiting.

    `returned`: the journal did not take them, the sender keeps them; `lost`: it does not. `ignored`: as configured.
    `partial`: journaled messages that left a dead letter, too, by reason. `readings` are those of journaled messages,
    of which `bad_values` have no value and `uncertain` lie outside the plausible range or are old. `bad_elements`:
    elements of a list that were left out of a message otherwise good; `state_overflow`: readings left out because
    their texts were refused. `misfits`: points that a route cannot fill (unit or map does not suit), all their
    readings are bad. `unused`: what journaled messages held and no point took. `waiting`, `bytes_waiting`: received,
    not yet on disk.
    """

    connected: bool = False
    received: int = 0
    journaled: int = 0
    readings: int = 0
    duplicates: int = 0
    ignored: int = 0
    returned: int = 0
    lost: int = 0
    bad_values: int = 0
    uncertain: int = 0
    bad_elements: int = 0
    state_overflow: int = 0
    misfits: int = 0
    waiting: int = 0
    bytes_waiting: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    partial: Counter[str] = field(default_factory=Counter)
    unused: UnusedLog = field(default_factory=UnusedLog)

    def journal(self, mapped: Mapped, duplicates: int) -> Sequence[Unused]:
        """Count a parcel that is on disk; returns the first unused value of each new kind."""
        self.ignored += mapped.ignored
        self.journaled += mapped.batch.frames
        self.readings += len(mapped.batch)
        self.bad_values += mapped.bad
        self.uncertain += mapped.uncertain
        self.bad_elements += mapped.bad_elements
        self.state_overflow += mapped.state_overflow
        self.rejected.update(raw.reason for raw in mapped.rejected)
        self.partial.update(raw.reason for raw in mapped.partial)
        self.duplicates += duplicates
        return self.unused.add(mapped.unused)

    def samples(self) -> Iterator[MetricSample]:
        """Values of `SOURCE_METRICS`, now."""
        yield from by_label("dead_letters", *(Counter(self.rejected) + Counter(self.partial)).items())
        yield MetricSample("source_up", float(self.connected))
        yield from by_label(
            "source_readings",
            ("journaled", self.readings),
            ("bad", self.bad_values),
            ("uncertain", self.uncertain),
            ("bad_elements", self.bad_elements),
            ("state_overflow", self.state_overflow),
        )
        rejected = self.rejected.total()
        yield from by_label(
            "source_messages",
            ("received", self.received),
            ("journaled", self.journaled),
            ("duplicate", self.duplicates),
            ("rejected", rejected),
            ("ignored", self.ignored),
            ("returned", self.returned),
            ("lost", self.lost),
        )
        gone = self.journaled + self.duplicates + rejected + self.ignored + self.returned + self.lost
        yield MetricSample("source_waiting_messages", self.waiting)
        yield MetricSample("source_waiting_bytes", self.bytes_waiting)
        yield MetricSample("balance_source_messages", self.received - gone - self.waiting)
        for (route, reason), count in list(self.unused.totals.items()):
            yield MetricSample("unused", count, (str(route), reason))
        yield MetricSample("source_misfits", self.misfits)
